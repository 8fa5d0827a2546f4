// SPDX-License-Identifier: Apache-2.0
//
// Matchers and their orders.
#include <algorithm>
#include <charconv>
#include <optional>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "containerd/platforms/platforms.h"

#include "windows.h"

namespace containerd::platforms {
namespace {

// Whether a host with the features `have` has all that are needed. Both are sorted.
bool HasFeatures(const std::vector<std::string>& have, const std::vector<std::string>& need) {
  return std::includes(have.begin(), have.end(), need.begin(), need.end());
}

// The OS version's part in matching: only Windows has one.
std::optional<WindowsOSVersion> WindowsVersionOf(const Platform& platform) {
  if (platform.os != "windows") return std::nullopt;
  return GetWindowsOSVersion(platform.os_version);
}

class PlatformMatcher final : public Matcher {
 public:
  explicit PlatformMatcher(const Platform& platform)
      : platform_(Normalize(platform)), windows_(WindowsVersionOf(platform)) {}

  bool Match(const Platform& platform) const override {
    Platform other = Normalize(platform);
    if (windows_.has_value()) std::erase(other.os_features, "win32k");
    return platform_.os == other.os && platform_.architecture == other.architecture &&
           platform_.variant == other.variant &&
           (!windows_.has_value() || MatchesWindowsVersion(*windows_, other.os_version)) &&
           HasFeatures(platform_.os_features, other.os_features);
  }

 private:
  const Platform platform_;
  const std::optional<WindowsOSVersion> windows_;
};

std::vector<MatcherPtr> Matchers(const std::vector<Platform>& platforms) {
  std::vector<MatcherPtr> matchers;
  matchers.reserve(platforms.size());
  for (const Platform& platform : platforms) matchers.push_back(NewMatcher(platform));
  return matchers;
}

bool MatchesAny(const std::vector<MatcherPtr>& matchers, const Platform& platform) {
  return std::any_of(matchers.begin(), matchers.end(),
                     [&](const MatcherPtr& matcher) { return matcher->Match(platform); });
}

Platform WithoutFeatures(Platform platform) {
  platform.os_features.clear();
  return platform;
}

bool HaveFeatures(const Platform& a, const Platform& b) {
  return !a.os_features.empty() || !b.os_features.empty();
}

class OrderedComparer final : public MatchComparer {
 public:
  explicit OrderedComparer(const std::vector<Platform>& platforms)
      : matchers_(Matchers(platforms)) {}

  bool Match(const Platform& platform) const override { return MatchesAny(matchers_, platform); }

  bool Less(const Platform& a, const Platform& b) const override {
    for (const MatcherPtr& matcher : matchers_) {
      const bool a_matches = matcher->Match(a);
      const bool b_matches = matcher->Match(b);
      if (a_matches && b_matches) return a.os_features.size() > b.os_features.size();
      if (a_matches || b_matches) return a_matches;
    }
    // Neither matches; one that would without its features is closer.
    return HaveFeatures(a, b) && Less(WithoutFeatures(a), WithoutFeatures(b));
  }

 private:
  const std::vector<MatcherPtr> matchers_;
};

class AnyComparer final : public MatchComparer {
 public:
  explicit AnyComparer(const std::vector<Platform>& platforms) : matchers_(Matchers(platforms)) {}

  bool Match(const Platform& platform) const override { return MatchesAny(matchers_, platform); }

  bool Less(const Platform& a, const Platform& b) const override {
    const bool a_matches = Match(a);
    const bool b_matches = Match(b);
    if (a_matches && b_matches) return a.os_features.size() > b.os_features.size();
    if (!a_matches && !b_matches) {
      return HaveFeatures(a, b) && Less(WithoutFeatures(a), WithoutFeatures(b));
    }
    return a_matches;
  }

 private:
  const std::vector<MatcherPtr> matchers_;
};

class OSComparer final : public MatchComparer {
 public:
  explicit OSComparer(const Platform& platform)
      : platform_(Normalize(platform)),
        windows_(WindowsVersionOf(platform_)),
        order_({platform_}) {}

  bool Match(const Platform& platform) const override {
    const Platform other = Normalize(platform);
    return platform_.os == other.os &&
           (!windows_.has_value() || MatchesWindowsVersion(*windows_, other.os_version)) &&
           HasFeatures(platform_.os_features, other.os_features);
  }

  bool Less(const Platform& a, const Platform& b) const override {
    if (!Match(a)) return false;
    return !Match(b) || order_.Less(a, b);
  }

 private:
  const Platform platform_;
  const std::optional<WindowsOSVersion> windows_;
  const OrderedComparer order_;
};

class AllComparer final : public MatchComparer {
 public:
  bool Match(const Platform&) const override { return true; }
  bool Less(const Platform&, const Platform&) const override { return false; }
};

// N of a variant "vN" or "N"; 0 for any other. Two digits are more than any architecture has, and
// keep a made-up variant from making an endless vector.
int Level(std::string_view variant) {
  if (variant.starts_with('v')) variant.remove_prefix(1);
  int level = 0;
  const auto [end, error] = std::from_chars(variant.data(), variant.data() + variant.size(), level);
  const bool whole = error == std::errc() && end == variant.data() + variant.size();
  return whole && level > 0 && level <= 99 ? level : 0;
}

Platform With(const Platform& platform, std::string architecture, std::string variant) {
  Platform out = platform;
  out.architecture = std::move(architecture);
  out.variant = std::move(variant);
  return out;
}

// Appends arm/vN down to arm/v5, the oldest that is still built for.
void AppendArm(const Platform& platform, int level, std::vector<Platform>& out) {
  for (; level >= 5; --level) out.push_back(With(platform, "arm", fmt::format("v{}", level)));
}

void AppendArm64(const Platform& platform, int major, int minor, std::vector<Platform>& out) {
  for (; minor > 0; --minor) {
    out.push_back(With(platform, "arm64", fmt::format("v{}.{}", major, minor)));
  }
  out.push_back(With(platform, "arm64", fmt::format("v{}", major)));
}

// The major and minor version of an arm64 variant that exists: v8[.0] to v8.9, v9[.0] to v9.7.
std::optional<std::pair<int, int>> Arm64Version(std::string_view variant) {
  if (variant.empty() || variant == "v8") return {{8, 0}};
  if (variant == "v9") return {{9, 0}};
  if (variant.size() != 4) return std::nullopt;
  const char minor = variant[3];
  if (variant.starts_with("v8.") && minor >= '0' && minor <= '9') return {{8, minor - '0'}};
  if (variant.starts_with("v9.") && minor >= '0' && minor <= '7') return {{9, minor - '0'}};
  return std::nullopt;
}

// The platforms that a machine of a normalized platform runs, the best one first.
std::vector<Platform> PlatformVector(const Platform& platform) {
  std::vector<Platform> out;
  if (platform.architecture == "arm64") {
    const auto version = Arm64Version(platform.variant);
    if (!version.has_value()) return out;  // Nothing is known to run there.
    const auto [major, minor] = *version;
    AppendArm64(platform, major, minor, out);
    // Armv9.x holds all of Armv8.(x+5), and the last of those is v8.9.
    if (major == 9) AppendArm64(platform, 8, std::min(minor + 5, 9), out);
    AppendArm(platform, 8, out);
    return out;
  }

  out.push_back(platform);
  const int level = Level(platform.variant);
  if (platform.architecture == "amd64") {
    for (int below = level - 1; below >= 1; --below) {
      out.push_back(With(platform, "amd64", fmt::format("v{}", below)));
    }
    out.push_back(With(platform, "386", ""));
  } else if (platform.architecture == "arm") {
    AppendArm(platform, level - 1, out);
  }
  return out;
}

}  // namespace

MatcherPtr NewMatcher(const Platform& platform) {
  return std::make_shared<PlatformMatcher>(platform);
}

MatchComparerPtr Only(const Platform& platform) {
  return Ordered(PlatformVector(Normalize(platform)));
}

MatchComparerPtr OnlyStrict(const Platform& platform) { return Ordered({Normalize(platform)}); }

MatchComparerPtr OnlyOS(const Platform& platform) { return std::make_shared<OSComparer>(platform); }

MatchComparerPtr Ordered(const std::vector<Platform>& platforms) {
  return std::make_shared<OrderedComparer>(platforms);
}

MatchComparerPtr Any(const std::vector<Platform>& platforms) {
  return std::make_shared<AnyComparer>(platforms);
}

MatchComparerPtr All() {
  static const MatchComparerPtr& all = *new MatchComparerPtr(std::make_shared<AllComparer>());
  return all;
}

MatchComparerPtr Default() { return Only(DefaultSpec()); }

MatchComparerPtr DefaultStrict() { return OnlyStrict(DefaultSpec()); }

}  // namespace containerd::platforms
