// SPDX-License-Identifier: Apache-2.0
#include "capabilities.h"

#include <charconv>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::oci {

const std::vector<std::string>& KnownCapabilities() {
  static const auto& names = *new std::vector<std::string>{"CAP_CHOWN",
                                                           "CAP_DAC_OVERRIDE",
                                                           "CAP_DAC_READ_SEARCH",
                                                           "CAP_FOWNER",
                                                           "CAP_FSETID",
                                                           "CAP_KILL",
                                                           "CAP_SETGID",
                                                           "CAP_SETUID",
                                                           "CAP_SETPCAP",
                                                           "CAP_LINUX_IMMUTABLE",
                                                           "CAP_NET_BIND_SERVICE",
                                                           "CAP_NET_BROADCAST",
                                                           "CAP_NET_ADMIN",
                                                           "CAP_NET_RAW",
                                                           "CAP_IPC_LOCK",
                                                           "CAP_IPC_OWNER",
                                                           "CAP_SYS_MODULE",
                                                           "CAP_SYS_RAWIO",
                                                           "CAP_SYS_CHROOT",
                                                           "CAP_SYS_PTRACE",
                                                           "CAP_SYS_PACCT",
                                                           "CAP_SYS_ADMIN",
                                                           "CAP_SYS_BOOT",
                                                           "CAP_SYS_NICE",
                                                           "CAP_SYS_RESOURCE",
                                                           "CAP_SYS_TIME",
                                                           "CAP_SYS_TTY_CONFIG",
                                                           "CAP_MKNOD",
                                                           "CAP_LEASE",
                                                           "CAP_AUDIT_WRITE",
                                                           "CAP_AUDIT_CONTROL",
                                                           "CAP_SETFCAP",
                                                           "CAP_MAC_OVERRIDE",
                                                           "CAP_MAC_ADMIN",
                                                           "CAP_SYSLOG",
                                                           "CAP_WAKE_ALARM",
                                                           "CAP_BLOCK_SUSPEND",
                                                           "CAP_AUDIT_READ",
                                                           "CAP_PERFMON",
                                                           "CAP_BPF",
                                                           "CAP_CHECKPOINT_RESTORE"};
  return names;
}

std::vector<std::string> NamesOfCapabilities(std::uint64_t bitmap) {
  const std::vector<std::string>& known = KnownCapabilities();
  std::vector<std::string> names;
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (((bitmap >> i) & 1U) != 0) names.push_back(known[i]);
  }
  return names;
}

absl::StatusOr<std::uint64_t> EffectiveCapabilities(std::string_view proc_status) {
  constexpr std::string_view kKey = "CapEff:";
  while (!proc_status.empty()) {
    const std::size_t end = proc_status.find('\n');
    std::string_view line = proc_status.substr(0, end);
    proc_status.remove_prefix(end == std::string_view::npos ? proc_status.size() : end + 1);
    if (!line.starts_with(kKey)) continue;
    std::string_view digits = line.substr(kKey.size());
    digits.remove_prefix(std::min(digits.find_first_not_of(" \t"), digits.size()));
    std::uint64_t bitmap = 0;
    const auto [rest, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), bitmap, 16);
    if (error != std::errc() || rest != digits.data() + digits.size()) {
      return errdefs::InvalidArgument(fmt::format("current capabilities: line \"{}\"", line));
    }
    return bitmap;
  }
  return errdefs::InvalidArgument("current capabilities: no line of them in /proc/self/status");
}

}  // namespace containerd::oci
