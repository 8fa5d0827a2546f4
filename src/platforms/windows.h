// SPDX-License-Identifier: Apache-2.0
//
// Which versions of Windows run containers that were built for which others.
#ifndef CONTAINERD_SRC_PLATFORMS_WINDOWS_H_
#define CONTAINERD_SRC_PLATFORMS_WINDOWS_H_

#include <cstdint>
#include <string_view>

namespace containerd::platforms {

struct WindowsOSVersion {
  std::uint8_t major_version = 0;
  std::uint8_t minor_version = 0;
  std::uint16_t build = 0;

  bool empty() const { return major_version == 0 && minor_version == 0 && build == 0; }
};

// Parses "major.minor.build[.revision]"; anything else is the empty version.
WindowsOSVersion GetWindowsOSVersion(std::string_view version);

// Whether a host runs containers of a version. Before Windows Server 2022 only the same build does;
// since then, a host runs what was built from the previous long-term release on up to itself
// (Microsoft's "Windows container version compatibility").
bool IsWindowsCompatible(WindowsOSVersion host, WindowsOSVersion container);

// The same for an os.version string; an empty version on either side fits everything.
bool MatchesWindowsVersion(WindowsOSVersion host, std::string_view version);

}  // namespace containerd::platforms

#endif  // CONTAINERD_SRC_PLATFORMS_WINDOWS_H_
