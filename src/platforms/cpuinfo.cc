// SPDX-License-Identifier: Apache-2.0
#include "cpuinfo.h"

#include <fstream>
#include <sstream>
#include <sys/utsname.h>

#include <absl/strings/match.h>

#include "database.h"
#include "lower.h"

namespace containerd::platforms {
namespace {

std::string_view Trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

std::string FindHostVariant() {
  const std::string_view arch = HostArch();
  if (arch != "arm" && arch != "arm64") return "";
  std::ostringstream cpuinfo;
  cpuinfo << std::ifstream("/proc/cpuinfo").rdbuf();
  utsname names{};
  if (uname(&names) != 0) names.machine[0] = '\0';
  return FindVariant(arch, cpuinfo.str(), names.machine);
}

}  // namespace

const std::string& HostVariant() {
  static const std::string& variant = *new std::string(FindHostVariant());
  return variant;
}

std::optional<std::string> CpuInfo(std::string_view cpuinfo, std::string_view pattern) {
  const std::string wanted = Lower(pattern);
  while (!cpuinfo.empty()) {
    const std::size_t end = cpuinfo.find('\n');
    const std::string_view line = cpuinfo.substr(0, end);
    cpuinfo.remove_prefix(end == std::string_view::npos ? cpuinfo.size() : end + 1);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    if (Lower(Trim(line.substr(0, colon))) != wanted) continue;
    const std::string_view value = line.substr(colon + 1);
    return std::string(Trim(value.substr(0, value.find(':'))));
  }
  return std::nullopt;
}

std::optional<std::string> VariantOfMachine(std::string_view machine) {
  const std::string lower = Lower(machine);
  if (lower == "aarch64") return "8";
  if (!lower.starts_with("armv") || lower.size() < 5) return std::nullopt;
  const char number = lower[4];
  if (number < '3' || number > '8') return "unknown";
  return std::string(1, number);
}

std::string FindVariant(std::string_view arch, std::string_view cpuinfo, std::string_view machine) {
  // Under emulation /proc/cpuinfo is the emulating machine's, without this line.
  std::optional<std::string> number = CpuInfo(cpuinfo, "Cpu architecture");
  if (!number.has_value()) number = VariantOfMachine(machine);
  if (!number.has_value()) return "";

  // The kernel says 7 on Raspberry Pis with an ARMv6.
  if (arch == "arm" && *number == "7" &&
      Lower(CpuInfo(cpuinfo, "model name").value_or("")).starts_with("armv6-compatible")) {
    return "v6";
  }

  const std::string n = Lower(*number);
  if (n == "8" || n == "aarch64") return "v8";
  if (n == "7" || n == "7m" || n == "?(12)" || n == "?(13)" || n == "?(14)" || n == "?(15)" ||
      n == "?(16)" || n == "?(17)") {
    return "v7";
  }
  if (n == "6" || n == "6tej") return "v6";
  if (n == "5" || n == "5t" || n == "5te" || n == "5tej") return "v5";
  if (n == "4" || n == "4t") return "v4";
  if (n == "3") return "v3";
  return "unknown";
}

}  // namespace containerd::platforms
