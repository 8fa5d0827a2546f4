// SPDX-License-Identifier: Apache-2.0
#include "database.h"

#include <algorithm>
#include <array>
#include <utility>

#include "lower.h"

namespace containerd::platforms {
namespace {

constexpr std::array<std::string_view, 17> kKnownOS = {
    "aix",   "android", "darwin", "dragonfly", "freebsd", "hurd",    "illumos", "ios", "js",
    "linux", "nacl",    "netbsd", "openbsd",   "plan9",   "solaris", "windows", "zos"};

constexpr std::array<std::string_view, 24> kKnownArch = {
    "386",         "amd64",   "amd64p32", "arm",    "armbe",  "arm64", "arm64be",  "ppc64",
    "ppc64le",     "loong64", "mips",     "mipsle", "mips64", "ppc",   "mips64le", "mips64p32",
    "mips64p32le", "riscv",   "riscv64",  "s390",   "s390x",  "sparc", "sparc64",  "wasm"};

}  // namespace

std::string_view HostOS() {
#if defined(__ANDROID__)
  return "android";
#elif defined(__linux__)
  return "linux";
#elif defined(__FreeBSD__)
  return "freebsd";
#elif defined(__APPLE__)
  return "darwin";
#else
#error "unknown operating system"
#endif
}

std::string_view HostArch() {
#if defined(__x86_64__)
  return "amd64";
#elif defined(__i386__)
  return "386";
#elif defined(__aarch64__)
  return "arm64";
#elif defined(__arm__)
  return "arm";
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
  return "ppc64le";
#elif defined(__powerpc64__)
  return "ppc64";
#elif defined(__s390x__)
  return "s390x";
#elif defined(__riscv) && __riscv_xlen == 64
  return "riscv64";
#elif defined(__loongarch64)
  return "loong64";
#elif defined(__mips64) && defined(__MIPSEL__)
  return "mips64le";
#elif defined(__mips64)
  return "mips64";
#elif defined(__mips__) && defined(__MIPSEL__)
  return "mipsle";
#elif defined(__mips__)
  return "mips";
#else
#error "unknown architecture"
#endif
}

bool IsKnownOS(std::string_view os) {
  return std::find(kKnownOS.begin(), kKnownOS.end(), os) != kKnownOS.end();
}

bool IsKnownArch(std::string_view arch) {
  return std::find(kKnownArch.begin(), kKnownArch.end(), arch) != kKnownArch.end();
}

std::string NormalizeOS(std::string_view os) {
  if (os.empty()) return std::string(HostOS());
  std::string lower = Lower(os);
  if (lower == "macos") return "darwin";
  return lower;
}

ArchAndVariant NormalizeArch(std::string_view arch, std::string_view variant) {
  ArchAndVariant out{Lower(arch), Lower(variant)};
  auto& [a, v] = out;
  if (a == "i386") {
    a = "386";
    v.clear();
  } else if (a == "x86_64" || a == "x86-64" || a == "amd64") {
    a = "amd64";
    if (v == "v1") v.clear();
  } else if (a == "aarch64" || a == "arm64") {
    a = "arm64";
    if (v == "8" || v == "v8" || v == "v8.0") {
      v.clear();
    } else if (v == "9" || v == "9.0" || v == "v9.0") {
      v = "v9";
    }
  } else if (a == "armhf") {
    a = "arm";
    v = "v7";
  } else if (a == "armel") {
    a = "arm";
    v = "v6";
  } else if (a == "arm") {
    if (v.empty() || v == "7") {
      v = "v7";
    } else if (v == "5" || v == "6" || v == "8") {
      v.insert(0, 1, 'v');
    }
  }
  return out;
}

}  // namespace containerd::platforms
