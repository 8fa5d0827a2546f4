// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_APPARMOR_PROFILE_H_
#define CONTAINERD_SRC_APPARMOR_PROFILE_H_

#include <string>
#include <string_view>

#include <absl/status/status.h>

namespace containerd::apparmor {

// What the default profile's text depends on.
struct ProfileData {
  std::string name{};
  std::string daemon_profile{};  // Whose processes may send signals: that of this one.
  std::string rootless_kit{};    // The path of rootlesskit, or empty.
  bool has_abi = false;          // Which of /etc/apparmor.d are there: abi/3.0,
  bool has_tunables = false;     // tunables/global,
  bool has_base = false;         // and abstractions/base.
};

std::string Generate(const ProfileData& data);

// ErrInvalidArgument if the name cannot stand in a profile as it is.
absl::Status ValidateName(std::string_view name);

// The profile's name in a /proc/<pid>/attr/current: "x" of "x (enforce)"; "unconfined" of nothing.
std::string CleanProfileName(std::string_view profile);

}  // namespace containerd::apparmor

#endif  // CONTAINERD_SRC_APPARMOR_PROFILE_H_
