// SPDX-License-Identifier: Apache-2.0
//
// Which variant of ARM a machine's CPU is.
#ifndef CONTAINERD_SRC_PLATFORMS_CPUINFO_H_
#define CONTAINERD_SRC_PLATFORMS_CPUINFO_H_

#include <optional>
#include <string>
#include <string_view>

namespace containerd::platforms {

// This machine's variant ("v8", "v7", …), found once. Empty if it is not an ARM, or if nothing
// tells; "unknown" if what is told is not understood.
const std::string& HostVariant();

// The value of the first line "<pattern> : <value>" of /proc/cpuinfo's text; letter case is
// ignored.
std::optional<std::string> CpuInfo(std::string_view cpuinfo, std::string_view pattern);

// The number in uname(2)'s machine: "8" for "aarch64", "7" for "armv7l"; "unknown" for an ARM of
// another number, nothing for another machine.
std::optional<std::string> VariantOfMachine(std::string_view machine);

// The variant of an ARM (`arch` is a GOARCH) with this /proc/cpuinfo and this machine.
std::string FindVariant(std::string_view arch, std::string_view cpuinfo, std::string_view machine);

}  // namespace containerd::platforms

#endif  // CONTAINERD_SRC_PLATFORMS_CPUINFO_H_
