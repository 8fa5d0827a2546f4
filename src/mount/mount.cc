// SPDX-License-Identifier: Apache-2.0
#include "containerd/mount/mount.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <linux/openat2.h>
#include <optional>
#include <sched.h>
#include <set>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"
#include "containerd/mount/idmap.h"
#include "containerd/mount/info.h"
#include "containerd/mount/loop.h"

#include "options.h"
#include "process.h"
#include "src/base/fd.h"
#include "src/base/userns.h"
#include "src/threads/internal/start.h"
#include "temp_location.h"

namespace containerd::mount {
namespace {

constexpr unsigned long kPropagation = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE;

std::size_t PageSize() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

// mount(2) takes one page of options; this is where to begin to make them shorter.
bool NeedsCompacting(const Options& options) { return Size(options) >= PageSize() - 512; }

// `path` below `root`, its symbolic links resolved with `root` as the root directory. A part that
// does not exist is kept as it is; the caller's mount(2) then fails.
absl::StatusOr<std::string> ResolveInRoot(std::string_view root, std::string_view path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  const std::string root_path(root);
  if (path.empty()) return root_path;
  const std::string joined = fmt::format("{}/{}", root, path);

  const base::Fd dir(open(root_path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!dir && errno == ENOENT) return joined;
  if (!dir) return errdefs::FromErrno(errno, fmt::format("opening \"{}\"", root));
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const std::string relative(path);
  const base::Fd found(
      static_cast<int>(syscall(SYS_openat2, dir.get(), relative.c_str(), &how, sizeof how)));
  if (!found && errno == ENOENT) return joined;
  if (!found) {
    return errdefs::FromErrno(errno, fmt::format("resolving \"{}\" in \"{}\"", path, root));
  }
  char resolved[PATH_MAX];
  const ssize_t n =
      readlink(fmt::format("/proc/self/fd/{}", found.get()).c_str(), resolved, sizeof resolved);
  if (n < 0) {
    return errdefs::FromErrno(errno, fmt::format("resolving \"{}\" in \"{}\"", path, root));
  }
  return std::string(resolved, static_cast<std::size_t>(n));
}

// mount(2) with `dir` as working directory, unless that is empty. Working directories belong to a
// whole process, so a thread that shares it with no other does the call.
absl::Status MountIn(const std::string& dir, const std::string& source, const std::string& target,
                     const std::string& type, unsigned long flags, const std::string& data) {
  int err = 0;
  const auto call = [&] {
    if (::mount(source.c_str(), target.c_str(), type.c_str(), flags,
                data.empty() ? nullptr : data.c_str()) != 0) {
      err = errno;
    }
  };
  if (dir.empty()) {
    call();
  } else {
    absl::StatusOr<std::thread> thread = threads::Start("mount in another folder", [&] {
      if (unshare(CLONE_FS) != 0 || chdir(dir.c_str()) != 0) {
        err = errno;
      } else {
        call();
      }
    });
    if (!thread.ok()) return thread.status();
    thread->join();
  }
  if (err == 0) return absl::OkStatus();
  return errdefs::FromErrno(
      err,
      fmt::format("mounting source \"{}\" at \"{}\" (type {}, flags {:#x}, data \"{}\"{}{})",
                  source, target, type, flags, data, dir.empty() ? "" : ", relative to ", dir));
}

// The flags of the mount at `path` that a user namespace may not take away.
absl::StatusOr<unsigned long> LockedFlags(const std::string& path) {
  struct statvfs st;
  if (statvfs(path.c_str(), &st) != 0) {
    return errdefs::FromErrno(errno, fmt::format("asking for the mount flags of \"{}\"", path));
  }
  constexpr std::pair<unsigned long, unsigned long> kLocked[] = {
      {ST_RDONLY, MS_RDONLY},        {ST_NODEV, MS_NODEV},     {ST_NOEXEC, MS_NOEXEC},
      {ST_NOSUID, MS_NOSUID},        {ST_NOATIME, MS_NOATIME}, {ST_RELATIME, MS_RELATIME},
      {ST_NODIRATIME, MS_NODIRATIME}};
  unsigned long flags = 0;
  for (const auto& [have, flag] : kLocked) {
    if ((st.f_flag & have) != 0) flags |= flag;
  }
  return flags;
}

// The lower directories of an overlay under other owners: an id-mapped mount of the directory that
// they are in, needed only while the overlay is being mounted, since that holds what it uses.
class IDMappedLowerDirs {
 public:
  IDMappedLowerDirs() = default;
  IDMappedLowerDirs(const IDMappedLowerDirs&) = delete;
  IDMappedLowerDirs& operator=(const IDMappedLowerDirs&) = delete;

  absl::StatusOr<Options> Prepare(Options options, int userns_fd) {
    auto lower = FindLowerDirs(options);
    if (!lower.has_value()) {
      return errdefs::InvalidArgument(fmt::format(
          "id-mapped overlay has no lowerdir in its options \"{}\"", fmt::join(options, ",")));
    }
    auto common = CommonDirectory(lower->dirs);
    if (!common.ok()) return common.status();
    auto dir = MakeTempDir("ovl-idmapped");
    if (!dir.ok()) return dir.status();
    dir_ = *dir;
    if (absl::Status s = IDMapMountWithAttrs(*common, dir_, userns_fd, MOUNT_ATTR_RDONLY, 0);
        !s.ok()) {
      return s;
    }
    options.erase(options.begin() + static_cast<std::ptrdiff_t>(lower->index));
    options.push_back(
        fmt::format("lowerdir={}", fmt::join(BuildIDMappedPaths(lower->dirs, *common, dir_), ":")));
    return options;
  }

  ~IDMappedLowerDirs() {
    if (dir_.empty()) return;
    absl::Status s = UnmountRecursive(dir_, 0);
    if (s.ok() && rmdir(dir_.c_str()) != 0) {
      s = errdefs::FromErrno(errno, fmt::format("removing \"{}\"", dir_));
    }
    if (!s.ok()) {
      log::Warn(
          fmt::format("id-mapped lower directories are left behind: {}", errdefs::Message(s)));
    }
  }

 private:
  std::string dir_;
};

// The program that mounts file systems of this type, and the type as that program knows it.
struct Helper {
  std::string program;
  std::string type;
};

std::optional<Helper> FindHelper(std::string_view type) {
  for (const std::string_view kind : {"fuse", "fuse3"}) {
    if (type.size() > kind.size() && type.starts_with(kind) && type[kind.size()] == '.') {
      return Helper{.program = fmt::format("mount.{}", kind),
                    .type = std::string(type.substr(kind.size() + 1))};
    }
  }
  return std::nullopt;
}

absl::Status MountWithHelper(const Mount& mount, const Helper& helper, const std::string& target) {
  std::vector<std::string> argv = {helper.program, mount.source, target};
  for (const std::string& option : mount.options) {
    argv.emplace_back("-o");
    argv.push_back(option);
  }
  argv.emplace_back("-t");
  argv.push_back(helper.type);

  auto before = Lookup(target);
  if (!before.ok()) return before.status();
  // When the process ignores SIGCHLD nobody knows how the helper ended. A mount that is there then
  // may be half done, so it is undone and tried again.
  constexpr int kAttempts = 10;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto result = RunProgram(argv);
    if (!result.ok()) return result.status();
    if (result->Succeeded()) return absl::OkStatus();
    if (!result->Unknown()) {
      return errdefs::Unknown(fmt::format("mount helper failed (wait status {:#x}): {}: {}",
                                          *result->wait_status, fmt::join(argv, " "),
                                          result->output));
    }
    auto after = Lookup(target);
    if (!after.ok()) return after.status();
    if (after->id != before->id) static_cast<void>(Unmount(target, 0));
  }
  return errdefs::Unknown(
      fmt::format("mount helper ended unseen {} times: {}", kAttempts, fmt::join(argv, " ")));
}

absl::Status MountHere(const Mount& mount, const std::string& target) {
  if (const auto helper = FindHelper(mount.type); helper.has_value()) {
    return MountWithHelper(mount, *helper, target);
  }
  auto parsed = ParseOptions(mount.options);
  if (!parsed.ok()) return parsed.status();
  const bool overlay = mount.type == "overlay";
  const bool idmapped = parsed->IDMapped();

  std::optional<UsernsFD> userns;
  if (idmapped) {
    auto fd = GetUsernsFD(parsed->uidmap, parsed->gidmap);
    if (!fd.ok()) return fd.status();
    userns.emplace(*std::move(fd));
  }
  IDMappedLowerDirs lower_dirs;
  Compacted options{.dir = "", .options = mount.options};
  if (overlay && idmapped) {
    auto mapped = lower_dirs.Prepare(mount.options, userns->fd());
    if (!mapped.ok()) return errdefs::Annotate(mapped.status(), "preparing an id-mapped overlay");
    options.options = *std::move(mapped);
  }
  if (overlay && NeedsCompacting(options.options)) options = CompactLowerDirs(options.options);
  if (overlay) {
    parsed = ParseOptions(options.options);
    if (!parsed.ok()) return parsed.status();
  }

  const unsigned long flags = parsed->flags & ~kPropagation;
  std::optional<LoopDevice> loop;
  LoopParams loop_params{.readonly = (flags & MS_RDONLY) != 0, .autoclear = true};
  if (parsed->loop) loop_params.direct = TakeDirectIO(parsed->data);
  const std::string data = fmt::format("{}", fmt::join(parsed->data, ","));
  // One byte of the page is for the end of the string.
  if (data.size() >= PageSize()) {
    return errdefs::InvalidArgument(
        fmt::format("mount options for \"{}\" are too long: {} bytes, limit {}: \"{}…\"", target,
                    data.size(), PageSize() - 1, data.substr(0, 256)));
  }

  // A remount is needed only if it changes the file system's data; other remounts come below.
  if ((flags & MS_REMOUNT) == 0 || !data.empty()) {
    std::string source = mount.source;
    if (parsed->loop) {
      auto device = SetupLoop(mount.source, loop_params);
      if (!device.ok()) return device.status();
      source = device->path();
      loop.emplace(*std::move(device));
    }
    if (absl::Status s = MountIn(options.dir, source, target, mount.type, flags, data); !s.ok()) {
      return s;
    }
  }

  if ((parsed->flags & kPropagation) != 0) {
    const unsigned long propagation = parsed->flags & (kPropagation | MS_REC | MS_SILENT);
    if (absl::Status s = MountIn("", "", target, "", propagation, ""); !s.ok()) return s;
  }

  // The call that makes a bind mount ignores "ro".
  constexpr unsigned long kReadonlyBind = MS_BIND | MS_RDONLY;
  if ((flags & kReadonlyBind) == kReadonlyBind) {
    unsigned long locked = 0;
    if (base::RunningInUserNS()) {
      auto have = LockedFlags(target);
      if (!have.ok()) return have.status();
      locked = *have;
    }
    if (absl::Status s = MountIn("", "", target, "", flags | locked | MS_REMOUNT, ""); !s.ok()) {
      return s;
    }
  }

  if (idmapped && !overlay) return IDMapMount(target, target, userns->fd());
  return absl::OkStatus();
}

bool IsFUSE(const std::string& path) {
  constexpr decltype(std::declval<struct statfs>().f_type) kFuseSuperMagic = 0x65735546;
  struct statfs st;
  return statfs(path.c_str(), &st) == 0 && st.f_type == kFuseSuperMagic;
}

bool UnmountFUSE(const std::string& target) {
  for (const char* program : {"fusermount3", "fusermount"}) {
    const auto result = RunProgram({program, "-u", target});
    if (result.ok() && result->Succeeded()) return true;
  }
  return false;
}

// 0 or an errno.
int UnmountOnce(const std::string& target, int flags) {
  if (IsFUSE(target) && UnmountFUSE(target)) return 0;
  for (int attempt = 0; attempt < 50; ++attempt) {
    if (umount2(target.c_str(), flags) == 0) return 0;
    if (errno != EBUSY) return errno;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return EBUSY;
}

absl::Status UnmountError(int err, std::string_view target) {
  return errdefs::FromErrno(err, fmt::format("unmounting \"{}\"", target));
}

}  // namespace

absl::Status MountAt(const Mount& mount, std::string_view target) {
  auto resolved = ResolveInRoot(target, mount.target);
  if (!resolved.ok()) return resolved.status();
  return MountHere(mount, *resolved);
}

absl::Status All(const std::vector<Mount>& mounts, std::string_view target) {
  for (const Mount& mount : mounts) {
    if (absl::Status s = MountAt(mount, target); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status Unmount(std::string_view target, int flags) {
  const int err = UnmountOnce(std::string(target), flags);
  return err == 0 || err == EINVAL ? absl::OkStatus() : UnmountError(err, target);
}

absl::Status UnmountAll(std::string_view target, int flags) {
  const std::string path(target);
  if (path.empty()) return absl::OkStatus();
  struct stat st;
  if (stat(path.c_str(), &st) != 0 && errno == ENOENT) return absl::OkStatus();
  for (;;) {
    const int err = UnmountOnce(path, flags);
    if (err == EINVAL) return absl::OkStatus();  // no longer a mount point
    if (err != 0) return UnmountError(err, target);
  }
}

absl::Status UnmountRecursive(std::string_view target, int flags) {
  if (target.empty()) return absl::OkStatus();
  auto path = CanonicalizePath(target);
  if (errdefs::IsNotFound(path.status())) return absl::OkStatus();
  if (!path.ok()) return path.status();
  auto mounts = GetMounts();
  if (!mounts.ok()) return mounts.status();

  std::set<std::string> unique;
  const std::string below = *path == "/" ? *path : *path + "/";
  for (const Info& info : *mounts) {
    if (info.mountpoint == *path || info.mountpoint.starts_with(below)) {
      unique.insert(info.mountpoint);
    }
  }
  std::vector<std::string> targets(unique.begin(), unique.end());
  std::stable_sort(targets.begin(), targets.end(),
                   [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
  absl::Status last;
  // What could not be unmounted keeps what it is mounted on busy, so the last error tells enough.
  for (const std::string& mountpoint : targets) last = UnmountAll(mountpoint, flags);
  return last;
}

absl::Status UnmountMounts(const std::vector<Mount>& mounts, std::string_view target, int flags) {
  for (std::size_t i = mounts.size(); i > 0; --i) {
    auto mountpoint = ResolveInRoot(target, mounts[i - 1].target);
    if (!mountpoint.ok()) return mountpoint.status();
    absl::Status s = UnmountAll(*mountpoint, flags);
    if (!s.ok() && i == mounts.size()) return s;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> CanonicalizePath(std::string_view path) {
  const std::string name(path.empty() ? "." : path);
  char* resolved = realpath(name.c_str(), nullptr);
  if (resolved == nullptr) {
    return errdefs::FromErrno(errno, fmt::format("resolving the path \"{}\"", path));
  }
  std::string canonical(resolved);
  std::free(resolved);
  return canonical;
}

}  // namespace containerd::mount
