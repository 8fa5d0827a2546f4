// SPDX-License-Identifier: Apache-2.0
#include "containerd/cri/image_names.h"

#include <charconv>
#include <system_error>

#include <absl/status/statusor.h>

namespace containerd::cri {
namespace {

namespace ref = distribution::reference;

// Source: strconv.ParseInt(text, 10, 64).
std::optional<std::int64_t> ParseInt(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::nullopt;
  }
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return number;
}

}  // namespace

RepoNames GetRepoDigestAndTag(const ref::Named& named, const digest::Digest& target, bool schema1) {
  RepoNames names;
  if (named.IsTagged()) names.tag = named.String();
  if (named.IsDigested()) {
    names.digest = named.String();
  } else if (!schema1) {
    names.digest = named.Name() + "@" + target.String();
  }
  return names;
}

ImageReferences ParseImageReferences(const std::vector<std::string>& refs) {
  ImageReferences parsed;
  for (const std::string& text : refs) {
    const absl::StatusOr<ref::Reference> reference = ref::ParseAnyReference(text);
    if (!reference.ok()) continue;
    if (ref::Canonical::Fits(*reference)) {
      parsed.digests.push_back(reference->String());
    } else if (ref::Tagged::Fits(*reference)) {
      parsed.tags.push_back(reference->String());
    }
  }
  return parsed;
}

ImageUser GetUserFromImage(std::string_view user) {
  user = user.substr(0, user.find(':'));
  if (const std::optional<std::int64_t> uid = ParseInt(user)) return {.uid = uid};
  return {.username = std::string(user)};
}

}  // namespace containerd::cri
