// SPDX-License-Identifier: Apache-2.0
#include "profile.h"

#include <algorithm>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::apparmor {

absl::Status ValidateName(std::string_view name) {
  constexpr std::string_view kSyntax = "\"'{}[]()<>@,#\\*?^$";
  const bool plain = std::all_of(name.begin(), name.end(), [&](char c) {
    return static_cast<unsigned char>(c) > ' ' && c != '\x7f' &&
           kSyntax.find(c) == std::string_view::npos;
  });
  if (!name.empty() && plain) return absl::OkStatus();
  return errdefs::InvalidArgument(
      fmt::format("AppArmor profile \"{}\": no name for a profile", name));
}

std::string CleanProfileName(std::string_view profile) {
  const std::string_view name =
      profile.substr(0, profile.find_first_of(std::string_view(" \n\0", 3)));
  return name.empty() ? "unconfined" : std::string(name);
}

std::string Generate(const ProfileData& data) {
  std::string text;
  if (data.has_abi) text += "abi <abi/3.0>,\n";
  text += data.has_tunables ? "#include <tunables/global>\n" : "@{PROC}=/proc/\n";
  text += fmt::format("\nprofile {} flags=(attach_disconnected,mediate_deleted) {{\n", data.name);
  if (data.has_base) text += "  #include <abstractions/base>\n";
  text += R"(
  network,
  capability,
  file,
  umount,
  deny mount,

  # Signals come from the host, the runtime and the container itself.
  signal (receive) peer=unconfined,
  signal (receive) peer=runc,
  signal (receive) peer=crun,
)";
  text += fmt::format("  signal (receive) peer={},\n", data.daemon_profile);
  if (!data.rootless_kit.empty()) {
    text += fmt::format("  signal (receive) peer={},\n", data.rootless_kit);
  }
  text += fmt::format("  signal (send,receive) peer={},\n", data.name);
  text += R"(
  # Of /proc, processes' own directories can be written, and of /proc/sys only kernel/shm*.
  deny @{PROC}/* w,
  deny @{PROC}/{[^1-9/],[^1-9/][^0-9/],[^1-9s/][^0-9y/][^0-9s/],[^1-9/][^0-9/][^0-9/][^0-9/]*}/** w,
  deny @{PROC}/sys/[^k]** w,
  deny @{PROC}/sys/kernel/{?,??,[^s][^h][^m]**} w,
  deny @{PROC}/sysrq-trigger rwklx,
  deny @{PROC}/kcore rwklx,

  # Of /sys, cgroups only.
  deny /sys/[^f]*/** wklx,
  deny /sys/f[^s]*/** wklx,
  deny /sys/fs/[^c]*/** wklx,
  deny /sys/fs/c[^g]*/** wklx,
  deny /sys/fs/cg[^r]*/** wklx,
  deny /sys/firmware/** rwklx,
  deny /sys/devices/virtual/powercap/** rwklx,
  deny /sys/kernel/security/** rwklx,

)";
  text += fmt::format("  ptrace (trace,tracedby,read,readby) peer={},\n}}\n", data.name);
  return text;
}

}  // namespace containerd::apparmor
