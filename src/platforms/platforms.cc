// SPDX-License-Identifier: Apache-2.0
#include "containerd/platforms/platforms.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include <absl/strings/ascii.h>
#include <absl/strings/escaping.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "cpuinfo.h"
#include "database.h"
#include "src/base/escape.h"
#include "src/base/path.h"

namespace containerd::platforms {
namespace {

// The characters that ambiguity forbids in versions and features, and the escape itself.
constexpr std::string_view kReserved = "%+()/";
// Of an OS component's parts: name, version and features.
constexpr std::string_view kNameMarks = "_-";
constexpr std::string_view kComponentMarks = "_.-";
constexpr std::string_view kOptionMarks = "_.-%";

bool IsMadeOf(std::string_view text, std::string_view marks) {
  return std::all_of(text.begin(), text.end(), [marks](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           marks.find(c) != std::string_view::npos;
  });
}

absl::Status Invalid(std::string_view specifier, std::string_view why) {
  return errdefs::InvalidArgument(fmt::format("platform {}: {}", base::Quote(specifier), why));
}

std::optional<std::string> Unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    const std::optional<char> escaped = base::LeadingPercent(text.substr(i));
    if (!escaped) return std::nullopt;
    out.push_back(*escaped);
    i += 2;
  }
  return out;
}

std::string Escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (kReserved.find(c) == std::string_view::npos) {
      out.push_back(c);
    } else {
      base::AppendPercent(out, c);
    }
  }
  return out;
}

// Parses "<os>[(<version>[+<feature>]...)]" into the fields of `platform` that it is about.
absl::Status ParseOS(std::string_view specifier, std::string_view component, Platform& platform) {
  const std::size_t paren = component.find('(');
  const std::string_view name = component.substr(0, paren);
  if (name.empty() || !IsMadeOf(name, kNameMarks)) {
    return Invalid(specifier,
                   fmt::format("{} is no operating system: want letters, digits, '_' and '-', then "
                               "optionally \"(version+feature...)\"",
                               base::Quote(component)));
  }
  platform.os = NormalizeOS(name);
  if (paren == std::string_view::npos) return absl::OkStatus();

  std::string_view options = component.substr(paren + 1);
  if (!options.ends_with(')')) {
    return Invalid(specifier, fmt::format("{} has no \")\" at its end", base::Quote(component)));
  }
  options.remove_suffix(1);
  for (bool is_version = true;; is_version = false) {
    const std::size_t plus = options.find('+');
    const std::string_view option = options.substr(0, plus);
    const std::string_view what = is_version ? "version" : "feature";
    if (!is_version && option.empty()) return Invalid(specifier, "empty OS feature");
    const std::optional<std::string> value =
        IsMadeOf(option, kOptionMarks) ? Unescape(option) : std::nullopt;
    if (!value.has_value()) {
      return Invalid(specifier,
                     fmt::format("invalid OS {} {}: want letters, digits, '_', '.', '-' and %XX",
                                 what, base::Quote(option)));
    }
    if (is_version) {
      platform.os_version = *value;
    } else {
      platform.os_features.push_back(*value);
    }
    if (plus == std::string_view::npos) return absl::OkStatus();
    options.remove_prefix(plus + 1);
  }
}

// As paths are joined, "." and ".." included: Go's Format uses path.Join.
std::string Join(std::string_view os, const Platform& platform) {
  return base::JoinPath({os, platform.architecture, platform.variant});
}

void SortAndDedupe(std::vector<std::string>& features) {
  std::sort(features.begin(), features.end());
  features.erase(std::unique(features.begin(), features.end()), features.end());
}

}  // namespace

absl::StatusOr<Platform> Parse(std::string_view specifier) {
  if (specifier.find('*') != std::string_view::npos) {
    return Invalid(specifier, "wildcards are not supported");
  }
  std::vector<std::string_view> parts;
  for (std::string_view rest = specifier;;) {
    const std::size_t slash = rest.find('/');
    parts.push_back(rest.substr(0, slash));
    if (slash == std::string_view::npos) break;
    if (parts.size() == 3) return Invalid(specifier, "more than <os>/<arch>/<variant>");
    rest.remove_prefix(slash + 1);
  }

  Platform platform;
  const absl::Status os = ParseOS(specifier, parts[0], platform);
  if (!os.ok()) return os;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    if (parts[i].empty() || !IsMadeOf(parts[i], kComponentMarks)) {
      return Invalid(specifier,
                     fmt::format("{} is no component of a platform: want letters, digits, '_', '.' "
                                 "and '-'",
                                 base::Quote(parts[i])));
    }
  }

  if (parts.size() == 1 && IsKnownOS(platform.os)) {
    platform.architecture = HostArch();
    if (platform.architecture == "arm" && HostVariant() != "v7") platform.variant = HostVariant();
    return platform;
  }

  const std::string_view variant = parts.size() == 3 ? parts[2] : std::string_view();
  ArchAndVariant arch = NormalizeArch(parts.size() == 1 ? parts[0] : parts[1], variant);
  if (parts.size() == 3) {
    if (arch.arch == "arm64" && arch.variant.empty()) arch.variant = "v8";
  } else if (arch.arch == "arm" && arch.variant == "v7") {
    arch.variant.clear();  // As most ARM images have it.
  }
  platform.architecture = std::move(arch.arch);
  platform.variant = std::move(arch.variant);
  if (parts.size() == 1) {
    if (!IsKnownArch(platform.architecture)) {
      return Invalid(specifier, "unknown operating system or architecture");
    }
    platform.os = HostOS();
  }
  return platform;
}

absl::StatusOr<std::vector<Platform>> ParseAll(const std::vector<std::string>& specifiers) {
  std::vector<Platform> platforms;
  platforms.reserve(specifiers.size());
  for (const std::string& specifier : specifiers) {
    absl::StatusOr<Platform> platform = Parse(specifier);
    if (!platform.ok()) return platform.status();
    platforms.push_back(*std::move(platform));
  }
  return platforms;
}

Platform MustParse(std::string_view specifier) {
  absl::StatusOr<Platform> platform = Parse(specifier);
  if (!platform.ok()) {
    const std::string message(platform.status().message());
    std::fprintf(stderr, "platforms::MustParse: %s\n", message.c_str());
    std::abort();
  }
  return *std::move(platform);
}

std::string Format(const Platform& platform) {
  if (platform.os.empty()) return "unknown";
  return Join(platform.os, platform);
}

std::string FormatAll(const Platform& platform) {
  if (platform.os.empty()) return "unknown";
  std::string options = Escape(platform.os_version);
  std::vector<std::string> features = platform.os_features;
  SortAndDedupe(features);
  for (const std::string& feature : features) {
    if (!feature.empty()) options.append("+").append(Escape(feature));
  }
  if (options.empty()) return Join(platform.os, platform);
  return Join(fmt::format("{}({})", platform.os, options), platform);
}

Platform Normalize(Platform platform) {
  platform.os = NormalizeOS(platform.os);
  ArchAndVariant arch = NormalizeArch(platform.architecture, platform.variant);
  platform.architecture = std::move(arch.arch);
  platform.variant = std::move(arch.variant);
  SortAndDedupe(platform.os_features);
  return platform;
}

Platform DefaultSpec() {
  return {.architecture = std::string(HostArch()),
          .os = std::string(HostOS()),
          .variant = HostVariant()};
}

std::string DefaultString() { return FormatAll(DefaultSpec()); }

}  // namespace containerd::platforms
