// SPDX-License-Identifier: Apache-2.0
#include "containerd/apparmor/apparmor.h"

#include <cerrno>
#include <fcntl.h>
#include <optional>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/io/io.h"
#include "containerd/log/log.h"
#include "containerd/oci/spec_opts_process.h"

#include "profile.h"
#include "src/base/fd.h"
#include "src/base/look_path.h"
#include "src/base/spawn.h"

namespace containerd::apparmor {
namespace {

constexpr char kConfigDir[] = "/etc/apparmor.d";
constexpr char kLoadedProfiles[] = "/sys/kernel/security/apparmor/profiles";
constexpr char kParser[] = "apparmor_parser";
constexpr std::size_t kMaxRead = std::size_t{16} << 20;

absl::StatusOr<std::string> ReadAll(int fd, std::size_t limit) {
  io::FileReader reader(fd);
  return io::ReadAll(Context::Background(), reader, limit);
}

absl::StatusOr<std::string> ReadFile(const char* path) {
  const base::Fd file(open(path, O_RDONLY | O_CLOEXEC));
  if (!file) return errdefs::FromErrno(errno, fmt::format("opening \"{}\"", path));
  return ReadAll(file.get(), kMaxRead);
}

bool HasInclude(std::string_view name) {
  return access(fmt::format("{}/{}", kConfigDir, name).c_str(), F_OK) == 0;
}

ProfileData LoadData(std::string_view name) {
  ProfileData data{.name = std::string(name),
                   .daemon_profile = "unconfined",
                   .rootless_kit = base::LookPath("rootlesskit").value_or(""),
                   .has_abi = HasInclude("abi/3.0"),
                   .has_tunables = HasInclude("tunables/global"),
                   .has_base = HasInclude("abstractions/base")};
  if (auto current = ReadFile("/proc/self/attr/current"); current.ok()) {
    std::string profile = CleanProfileName(*current);
    // Something else where another security module is in use.
    if (ValidateName(profile).ok()) data.daemon_profile = std::move(profile);
  }
  if (!data.rootless_kit.empty() && !ValidateName(data.rootless_kit).ok()) {
    log::Debug(fmt::format("no AppArmor rule for rootlesskit at \"{}\"", data.rootless_kit));
    data.rootless_kit.clear();
  }
  return data;
}

absl::StatusOr<bool> IsLoaded(std::string_view name) {
  auto profiles = ReadFile(kLoadedProfiles);
  if (!profiles.ok()) return profiles.status();
  const std::string entry = fmt::format("\n{} ", name);
  return profiles->starts_with(std::string_view(entry).substr(1)) ||
         profiles->find(entry) != std::string::npos;
}

// Runs the parser with `text` as its input.
absl::Status Parse(const std::string& text) {
  absl::StatusOr<base::Fd> input = base::MemoryFile("apparmor-profile", text);
  if (!input.ok()) return input.status();
  absl::StatusOr<base::Fd> output = base::MemoryFile("apparmor-parser", "");
  if (!output.ok()) return output.status();
  // Skip the cache, and replace.
  absl::StatusOr<pid_t> pid = base::Spawn({.args = {kParser, "-Kr"},
                                           .descriptors = {{input->get(), STDIN_FILENO},
                                                           {output->get(), STDOUT_FILENO},
                                                           {output->get(), STDERR_FILENO}}},
                                          fmt::format("running {}", kParser));
  if (!pid.ok()) return pid.status();
  const std::optional<int> status = base::Reap(*pid);
  if (!status) return errdefs::FromErrno(errno, fmt::format("waiting for {}", kParser));
  if (status == 0) return absl::OkStatus();
  lseek(output->get(), 0, SEEK_SET);
  auto said = ReadAll(output->get(), kMaxRead);
  return errdefs::FailedPrecondition(fmt::format("{} ended with status {}: {}", kParser,
                                                 WEXITSTATUS(*status), said.ok() ? *said : ""));
}

}  // namespace

oci::SpecOpt WithProfile(std::string profile) {
  return oci::WithApparmorProfile(std::move(profile));
}

oci::SpecOpt WithDefaultProfile(std::string name) {
  return [name = std::move(name)](const Context& ctx, oci::Client* client,
                                  containers::Container* container, oci::Spec* spec) {
    if (absl::Status s = LoadDefaultProfile(name); !s.ok()) return s;
    return WithProfile(name)(ctx, client, container, spec);
  };
}

absl::Status LoadDefaultProfile(std::string_view name) {
  auto text = DumpDefaultProfile(name);
  if (!text.ok()) return text.status();
  auto loaded = IsLoaded(name);
  absl::Status s = loaded.status();
  if (s.ok() && !*loaded) s = Parse(*text);
  return errdefs::Annotate(s, fmt::format("loading the AppArmor profile \"{}\"", name));
}

absl::StatusOr<std::string> DumpDefaultProfile(std::string_view name) {
  if (absl::Status s = ValidateName(name); !s.ok()) return s;
  return Generate(LoadData(name));
}

}  // namespace containerd::apparmor
