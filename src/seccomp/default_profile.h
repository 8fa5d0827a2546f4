// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_SECCOMP_DEFAULT_PROFILE_H_
#define CONTAINERD_SRC_SECCOMP_DEFAULT_PROFILE_H_

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "containerd/specs/linux.h"

namespace containerd::seccomp {

// The "6.1" of "6.1.0-13-amd64".
struct KernelVersion {
  unsigned kernel = 0;
  unsigned major = 0;

  friend auto operator<=>(const KernelVersion&, const KernelVersion&) = default;
};

// nullopt if `release`, as of uname(2), does not begin with a version.
std::optional<KernelVersion> ParseRelease(std::string_view release);

// The default profile for a process with these bounding capabilities. `arch` is a GOARCH value.
specs::LinuxSeccomp MakeDefaultProfile(const std::vector<std::string>& bounding,
                                       std::string_view arch, std::optional<KernelVersion> kernel);

}  // namespace containerd::seccomp

#endif  // CONTAINERD_SRC_SECCOMP_DEFAULT_PROFILE_H_
