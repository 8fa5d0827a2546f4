// SPDX-License-Identifier: Apache-2.0
#include "windows.h"

#include <array>
#include <charconv>
#include <system_error>

namespace containerd::platforms {
namespace {

// Builds of the long-term servicing releases with a stable ABI, in order.
constexpr std::array<std::uint16_t, 2> kLtscReleases = {
    20348,  // Windows Server 2022
    26100,  // Windows Server 2025
};

// Takes a whole number up to the next '.' off the front of `text`.
template <class T>
bool TakeNumber(std::string_view& text, T& out) {
  const std::size_t end = text.find('.');
  const std::string_view digits = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  return error == std::errc() && stop == digits.data() + digits.size();
}

}  // namespace

WindowsOSVersion GetWindowsOSVersion(std::string_view version) {
  WindowsOSVersion out;
  if (!TakeNumber(version, out.major_version) || !TakeNumber(version, out.minor_version) ||
      !TakeNumber(version, out.build)) {
    return {};
  }
  return out;
}

bool IsWindowsCompatible(WindowsOSVersion host, WindowsOSVersion container) {
  if (host.major_version != container.major_version ||
      host.minor_version != container.minor_version) {
    return false;
  }
  if (host.build < kLtscReleases.front()) return host.build == container.build;

  // The release before the host's own generation; the oldest one has none before it.
  std::uint16_t oldest = kLtscReleases.front();
  for (std::size_t i = 1; i < kLtscReleases.size() && host.build >= kLtscReleases[i]; ++i) {
    oldest = kLtscReleases[i - 1];
  }
  return oldest <= container.build && container.build <= host.build;
}

bool MatchesWindowsVersion(WindowsOSVersion host, std::string_view version) {
  if (host.empty() || version.empty()) return true;
  return IsWindowsCompatible(host, GetWindowsOSVersion(version));
}

}  // namespace containerd::platforms
