// SPDX-License-Identifier: Apache-2.0
//
// The names of operating systems and architectures, as Go knows them (internal/syslist).
#ifndef CONTAINERD_SRC_PLATFORMS_DATABASE_H_
#define CONTAINERD_SRC_PLATFORMS_DATABASE_H_

#include <string>
#include <string_view>

namespace containerd::platforms {

// What this library was compiled for: runtime.GOOS and runtime.GOARCH.
std::string_view HostOS();
std::string_view HostArch();

// For normalized names.
bool IsKnownOS(std::string_view os);
bool IsKnownArch(std::string_view arch);

std::string NormalizeOS(std::string_view os);

struct ArchAndVariant {
  std::string arch;
  std::string variant;
};
ArchAndVariant NormalizeArch(std::string_view arch, std::string_view variant);

}  // namespace containerd::platforms

#endif  // CONTAINERD_SRC_PLATFORMS_DATABASE_H_
