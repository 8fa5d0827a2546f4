// SPDX-License-Identifier: Apache-2.0
//
// Package seccomp: options for the system calls that a container may make (seccomp(2)).
//
//   auto spec = oci::GenerateSpec(
//       ctx, client, &container,
//       {oci::WithAddedCapabilities({"CAP_SYS_TIME"}), seccomp::WithDefaultProfile()});
//
// Source: contrib/seccomp.
#ifndef CONTAINERD_SECCOMP_SECCOMP_H_
#define CONTAINERD_SECCOMP_SECCOMP_H_

#include <string>

#include "containerd/export/export.h"
#include "containerd/oci/spec.h"
#include "containerd/option/option.h"
#include "containerd/specs/linux.h"
#include "containerd/specs/spec.h"

namespace containerd::seccomp {

// The profile in a JSON file, as of the runtime-spec's "linux.seccomp". Errors name the file:
// ErrNotFound, ErrInvalidArgument if it is no profile, ErrResourceExhausted if it is larger than
// oci::kMaxSpecSize.
CONTAINERD_EXPORT oci::SpecOpt WithProfile(std::string profile);

// The default profile for the spec's capabilities, so it comes after options for those.
CONTAINERD_EXPORT extern const option::Plain<oci::SpecOpt> WithDefaultProfile;

// containerd's default. Common system calls are allowed. Calls that need a capability are allowed
// if the spec's bounding set has it. Anything else fails with EPERM, and clone3, whose arguments
// cannot be inspected, with ENOSYS. Depends on this machine's architecture and kernel version, too.
CONTAINERD_EXPORT specs::LinuxSeccomp DefaultProfile(const specs::Spec& spec);

}  // namespace containerd::seccomp

#endif  // CONTAINERD_SECCOMP_SECCOMP_H_
