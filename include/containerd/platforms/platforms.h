// SPDX-License-Identifier: Apache-2.0
//
// Parsing, normalizing, matching and ordering of platforms.
//
//   absl::StatusOr<platforms::Platform> platform = platforms::Parse("linux/arm64");
//   if (!platform.ok()) return platform.status();
//   platforms::MatchComparerPtr wanted = platforms::Only(*platform);
//   std::erase_if(manifests, [&](const auto& m) { return !wanted->Match(*m.platform); });
//   std::stable_sort(manifests.begin(), manifests.end(), [&](const auto& a, const auto& b) {
//     return wanted->Less(*a.platform, *b.platform);     // The best one first.
//   });
//
// Users name platforms by specifiers:
//
//   <os>[(<version>[+<feature>]...)] | <arch> | <os>[(...)]/<arch>[/<variant>]
//
// such as "linux", "arm64", "linux/arm/v7" or "windows(10.0.17763+win32k)/amd64"; what is left out
// is that of this machine. Operating systems and architectures are named as Go names them, and
// other common names are understood: "x86_64" is amd64, "aarch64" arm64, "armhf" arm/v7, "armel"
// arm/v6, "i386" 386 and "macos" darwin. arm/v7, arm64/v8 and amd64/v1 are the defaults of their
// architectures and mostly written without the variant.
//
// All functions are thread-safe. Source: github.com/containerd/platforms.
#ifndef CONTAINERD_PLATFORMS_PLATFORMS_H_
#define CONTAINERD_PLATFORMS_PLATFORMS_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "containerd/export/export.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/option/pairs.h"

namespace containerd::platforms {

using Platform = ocispec::Platform;

// Parses a specifier. In a version and in features `%XX` stands for a byte, which lets them hold
// the characters "%+()/". ErrInvalidArgument names the specifier and what is wrong with it.
CONTAINERD_EXPORT absl::StatusOr<Platform> Parse(std::string_view specifier);

// Parses several specifiers; the first bad one is the error.
CONTAINERD_EXPORT absl::StatusOr<std::vector<Platform>> ParseAll(
    const std::vector<std::string>& specifiers);
template <std::size_t N, std::size_t M>
requires option::IsPair<M>
void ParseAll(option::BracedTexts<N, M>) = delete;

// Parses a specifier that the program itself is made of. One that does not parse is a bug in the
// program: it is printed to stderr and the process aborts. For anything else use Parse.
CONTAINERD_EXPORT Platform MustParse(std::string_view specifier);

// The specifier of a platform, without version and features: "linux/arm/v7". A platform without an
// OS is "unknown".
CONTAINERD_EXPORT std::string Format(const Platform& platform);

// The specifier with version and features, the latter sorted and each once:
// "windows(10.0.17763+win32k)/amd64".
CONTAINERD_EXPORT std::string FormatAll(const Platform& platform);

// The platform in canonical spelling: lower case, Go's names, default variants as described above,
// features sorted and each once. An empty OS becomes this machine's.
CONTAINERD_EXPORT Platform Normalize(Platform platform);

// This machine's platform. The variant is set on ARM only, and found from /proc/cpuinfo or
// uname(2).
CONTAINERD_EXPORT Platform DefaultSpec();

// FormatAll(DefaultSpec()).
CONTAINERD_EXPORT std::string DefaultString();

// Accepts some platforms. Implementations are immutable and safe to use from several threads.
class CONTAINERD_EXPORT Matcher {
 public:
  virtual ~Matcher() = default;
  virtual bool Match(const Platform& platform) const = 0;
};

// Accepts some platforms, and prefers some of them.
class CONTAINERD_EXPORT MatchComparer : public Matcher {
 public:
  // Whether `a` is to come before `b`. Not every implementation is a strict weak order: sort with
  // std::stable_sort, which tolerates that, rather than std::sort.
  virtual bool Less(const Platform& a, const Platform& b) const = 0;
};

using MatcherPtr = std::shared_ptr<const Matcher>;
using MatchComparerPtr = std::shared_ptr<const MatchComparer>;

// Accepts what equals `platform` in OS, architecture and variant when both are normalized and needs
// no OS feature that `platform` lacks. On Windows, what is built for a version that the version of
// `platform` can run; "win32k" is not considered.
CONTAINERD_EXPORT MatcherPtr NewMatcher(const Platform& platform);

// Accepts what a machine of `platform` can run, the closest match first:
//   arm64/v9.x: arm64/v9.{0..x}, arm64/v8.{0..x+5} and 32-bit arm/v8 and below
//   arm64/v8.x: arm64/v8.{0..x}, and 32-bit arm/v8 and below
//   arm/vN:     arm/v5 to arm/vN
//   amd64/vN:   amd64/v1 to amd64/vN, and 386
// An arm64 variant that does not exist runs nothing.
CONTAINERD_EXPORT MatchComparerPtr Only(const Platform& platform);

// Accepts `platform` itself only, in any spelling.
CONTAINERD_EXPORT MatchComparerPtr OnlyStrict(const Platform& platform);

// Accepts any architecture of the OS, its version and features; prefers that of `platform`.
CONTAINERD_EXPORT MatchComparerPtr OnlyOS(const Platform& platform);

// Accepts any of `platforms`, and prefers earlier ones. Of two that match the same one, the one
// with more OS features comes first, as with Any.
CONTAINERD_EXPORT MatchComparerPtr Ordered(const std::vector<Platform>& platforms);

// Accepts any of `platforms`, without preference.
CONTAINERD_EXPORT MatchComparerPtr Any(const std::vector<Platform>& platforms);

// Accepts every platform, without preference. Go's variable All.
CONTAINERD_EXPORT MatchComparerPtr All();

// Only(DefaultSpec()): what this machine can run.
CONTAINERD_EXPORT MatchComparerPtr Default();

// OnlyStrict(DefaultSpec()).
CONTAINERD_EXPORT MatchComparerPtr DefaultStrict();

}  // namespace containerd::platforms

#endif  // CONTAINERD_PLATFORMS_PLATFORMS_H_
