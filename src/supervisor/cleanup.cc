// SPDX-License-Identifier: Apache-2.0
#include "cleanup.h"

#include <algorithm>
#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <signal.h>
#include <sys/mount.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <absl/strings/numbers.h>
#include <absl/time/time.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "process.h"
#include "src/base/escape.h"
#include "src/base/fd.h"
#include "src/base/read_file.h"

namespace containerd::supervisor {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kDeleteTimeout = absl::Seconds(30);
constexpr std::string_view kTaskDir = "io.containerd.runtime.v2.task";
constexpr int kMountPointField = 4;  // of a line of mountinfo
constexpr std::string_view kShimSocketDir = "/run/containerd/s/";

// Empty if it cannot be read.
std::string ReadAll(const fs::path& path) {
  std::string text;
  return base::ReadFile(path.string(), text) ? "" : text;
}

std::vector<fs::path> Entries(const fs::path& dir) {
  std::vector<fs::path> out;
  std::error_code ec;
  for (fs::directory_iterator it(dir, ec), end; !ec && it != end; it.increment(ec)) {
    out.push_back(it->path());
  }
  return out;
}

// Takes what is before the next `separator`, or everything, off the front of `text`.
std::string_view NextField(std::string_view* text, char separator) {
  const size_t end = text->find(separator);
  const std::string_view field = text->substr(0, end);
  text->remove_prefix(end == std::string_view::npos ? text->size() : end + 1);
  return field;
}

bool IsUnder(std::string_view path, std::string_view dir) {
  return path == dir ||
         (path.starts_with(dir) && path.size() > dir.size() && path[dir.size()] == '/');
}

// Whether these are the arguments of a shim of the daemon that listens on `address`.
bool IsShimOf(const std::vector<std::string>& args, const std::string& address) {
  if (args.empty() || !fs::path(args[0]).filename().string().starts_with("containerd-shim")) {
    return false;
  }
  for (size_t i = 1; i + 1 < args.size(); ++i) {
    if ((args[i] == "-address" || args[i] == "--address") && args[i + 1] == address) return true;
  }
  return false;
}

void KillShims(const std::string& address) {
  std::vector<Process> killed;
  for (const fs::path& entry : Entries("/proc")) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(entry.filename().string(), &pid)) continue;
    if (!IsShimOf(CommandLine(pid), address)) continue;
    absl::StatusOr<Process> shim = Process::Open(pid);
    // Asked again, now that the pid cannot change hands unnoticed.
    if (!shim.ok() || !IsShimOf(CommandLine(pid), address)) continue;
    if (shim->Signal(SIGKILL).ok()) killed.push_back(*std::move(shim));
  }
  for (Process& shim : killed) shim.Wait(kDeleteTimeout);
}

// The socket that a bundle's shim listened on: in the file `address` up to containerd 1.7, then
// in bootstrap.json. Only sockets in containerd's own folder are taken for one.
void RemoveShimSocket(const fs::path& bundle) {
  const std::string text = ReadAll(bundle / "address") + ReadAll(bundle / "bootstrap.json");
  const size_t begin = text.find(kShimSocketDir);
  if (begin == std::string::npos) return;
  const size_t end = text.find_first_not_of("0123456789abcdef", begin + kShimSocketDir.size());
  const std::string path = text.substr(begin, end == std::string::npos ? end : end - begin);
  if (path.size() > kShimSocketDir.size()) unlink(path.c_str());
}

// Whether runc's shim was ended before it mounted or started anything: it notes its runtime in the
// bundle first, and, up to containerd 1.7, refuses to delete a task without that note.
bool IsBeforeItsStart(const fs::path& bundle, const fs::path& shim) {
  std::error_code ec;
  return shim.filename().string().starts_with("containerd-shim-runc-") &&
         !fs::exists(bundle / "runtime", ec) && !ec;
}

absl::Status DeleteTask(const fs::path& bundle, const std::string& address,
                        const std::vector<std::string>& env) {
  const std::string id = bundle.filename();
  const std::string ns = bundle.parent_path().filename();
  std::string shim = ReadAll(bundle / "shim-binary-path");
  if (shim.empty()) shim = FindProgram("containerd-shim-runc-v2", env);
  if (IsBeforeItsStart(bundle, shim)) return absl::OkStatus();
  const base::Fd null_fd(open("/dev/null", O_RDWR | O_CLOEXEC));
  SpawnOptions options;
  options.binary = shim;
  options.args = {shim,  "-namespace", ns,        "-address", address,
                  "-id", id,           "-bundle", bundle,     "delete"};
  options.env = env;
  options.working_dir = bundle;
  options.output_fd = null_fd.get();
  absl::StatusOr<Process> process = Process::Spawn(options);
  if (!process.ok()) return process.status();
  if (!process->Wait(kDeleteTimeout)) {
    static_cast<void>(process->Signal(SIGKILL));
    process->Wait(absl::InfiniteDuration());
    return errdefs::DeadlineExceeded(fmt::format("deleting task {} in namespace {}", id, ns));
  }
  if (process->ExitCode() > 0) {
    return errdefs::Unknown(
        fmt::format("deleting task {} in namespace {}: {} {}", id, ns, shim, process->Outcome()));
  }
  return absl::OkStatus();
}

std::vector<std::string> CurrentMountsUnder(const std::string& dir) {
  // The kernel lists real paths: a symbolic link on the way to `dir` would hide its mounts.
  std::error_code ec;
  const fs::path real = fs::weakly_canonical(dir, ec);
  return MountsUnder(ReadAll("/proc/self/mountinfo"), ec ? dir : real.string());
}

// Removes folders that a namespace's tasks leave behind when they are empty, which they are
// unless another daemon uses the namespace.
void RemoveNamespaceFolders(const std::string& ns) {
  rmdir(fmt::format("/run/containerd/runc/{}", ns).c_str());
  rmdir(fmt::format("/sys/fs/cgroup/{}", ns).c_str());
  for (const fs::path& hierarchy : Entries("/sys/fs/cgroup")) rmdir((hierarchy / ns).c_str());
}

}  // namespace

std::vector<std::string> MountsUnder(std::string_view mountinfo, std::string_view dir) {
  std::vector<std::string> out;
  while (!mountinfo.empty()) {
    std::string_view line = NextField(&mountinfo, '\n');
    for (int i = 0; i < kMountPointField; ++i) NextField(&line, ' ');
    std::string point = base::DecodeOctal(NextField(&line, ' '));
    if (IsUnder(point, dir)) out.push_back(std::move(point));
  }
  // A later mount may lie on an earlier one.
  std::reverse(out.begin(), out.end());
  std::stable_sort(out.begin(), out.end(), [](const std::string& a, const std::string& b) {
    return std::count(a.begin(), a.end(), '/') > std::count(b.begin(), b.end(), '/');
  });
  return out;
}

absl::Status UnmountUnder(const std::string& dir) {
  absl::Status result;
  for (const std::string& point : CurrentMountsUnder(dir)) {
    if (umount2(point.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0 && errno != EINVAL &&
        errno != ENOENT) {
      result.Update(errdefs::FromErrno(errno, fmt::format("unmounting {}", point)));
    }
  }
  return result;
}

absl::Status EndTasks(const std::string& address, const std::string& state,
                      const std::vector<std::string>& env) {
  KillShims(address);
  absl::Status result;
  for (const fs::path& ns : Entries(fs::path(state) / kTaskDir)) {
    for (const fs::path& bundle : Entries(ns)) {
      if (bundle.filename().string().starts_with(".")) continue;  // half deleted
      RemoveShimSocket(bundle);
      result.Update(DeleteTask(bundle, address, env));
    }
    RemoveNamespaceFolders(ns.filename());
  }
  return result;
}

absl::Status RemoveTree(const std::string& dir) {
  if (!CurrentMountsUnder(dir).empty()) {
    return errdefs::FailedPrecondition(fmt::format("removing {}: something is mounted below", dir));
  }
  std::error_code ec;
  fs::remove_all(dir, ec);
  if (ec) return errdefs::FromErrno(ec.value(), fmt::format("removing {}", dir));
  return absl::OkStatus();
}

}  // namespace containerd::supervisor
