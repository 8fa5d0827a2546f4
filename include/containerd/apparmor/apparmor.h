// SPDX-License-Identifier: Apache-2.0
//
// Package apparmor: options for the AppArmor profile of a container (apparmor(7)).
//
//   auto spec = oci::GenerateSpec(ctx, client, &container,
//                                 {apparmor::WithDefaultProfile("my-default")});
//
// Loading a profile takes CAP_MAC_ADMIN, a kernel with AppArmor, and the program apparmor_parser.
// All functions are safe from any thread.
//
// Source: contrib/apparmor.
#ifndef CONTAINERD_APPARMOR_APPARMOR_H_
#define CONTAINERD_APPARMOR_APPARMOR_H_

#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/export/export.h"
#include "containerd/oci/spec.h"

namespace containerd::apparmor {

// A profile that is loaded.
CONTAINERD_EXPORT oci::SpecOpt WithProfile(std::string profile);

// The default profile under this name; loaded if no profile has the name. Errors as of
// LoadDefaultProfile.
CONTAINERD_EXPORT oci::SpecOpt WithDefaultProfile(std::string name);

// Loads the default profile under this name, unless a profile has the name already. Errors name the
// profile: ErrInvalidArgument if the name is empty or holds what would end it in a profile's text
// (white space, quotes, brackets, '@', ',', '#', '\', '*', '?', '^', '$'), ErrNotFound if the
// kernel or the machine lacks AppArmor, ErrFailedPrecondition with the parser's words if it
// refuses.
CONTAINERD_EXPORT absl::Status LoadDefaultProfile(std::string_view name);

// The default profile's text. Its rules are those of containerd's: files, network and capabilities
// are free, but not to mount, nor to write to what of /proc and /sys concerns the whole machine;
// signals and tracing stay within the container. What the text includes depends on what
// /etc/apparmor.d has.
CONTAINERD_EXPORT absl::StatusOr<std::string> DumpDefaultProfile(std::string_view name);

}  // namespace containerd::apparmor

#endif  // CONTAINERD_APPARMOR_APPARMOR_H_
