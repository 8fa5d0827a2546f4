// SPDX-License-Identifier: Apache-2.0
#include "reference.h"

#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/images/archive.h"
#include "containerd/reference/distribution.h"
#include "containerd/reference/reference.h"

namespace containerd::images::archive {
namespace {

namespace distref = ::containerd::distribution::reference;

bool IsImagePrefix(std::string_view ref, std::string_view prefix) {
  if (!ref.starts_with(prefix)) return false;
  ref.remove_prefix(prefix.size());
  return ref.empty() || ref[0] == '/' || ref[0] == ':' || ref[0] == '@';
}

RefTranslator Translator(std::string image, bool check_prefix) {
  return [image = std::move(image), check_prefix](std::string_view ref) -> std::string {
    if (image.empty()) return "";
    if (ref.find_first_of("/:@") == std::string_view::npos) return fmt::format("{}:{}", image, ref);
    if (check_prefix && !IsImagePrefix(ref, image)) return "";
    return std::string(ref);
  };
}

}  // namespace

RefTranslator FilterRefPrefix(std::string image) { return Translator(std::move(image), true); }

RefTranslator AddRefPrefix(std::string image) { return Translator(std::move(image), false); }

std::function<std::string(const digest::Digest&)> DigestTranslator(std::string prefix) {
  return [prefix = std::move(prefix)](const digest::Digest& dgst) {
    return fmt::format("{}@{}", prefix, dgst.String());
  };
}

absl::StatusOr<std::string> NormalizeReference(std::string_view ref) {
  absl::StatusOr<distref::Named> named = distref::ParseDockerRef(ref);
  if (!named.ok()) {
    return errdefs::Annotate(named.status(), fmt::format("normalize image ref \"{}\"", ref));
  }
  return named->String();
}

absl::StatusOr<std::string> FamiliarizeReference(std::string_view ref) {
  absl::StatusOr<distref::Named> named = distref::ParseNormalizedNamed(ref);
  if (!named.ok()) return errdefs::Annotate(named.status(), fmt::format("image name \"{}\"", ref));
  return distref::FamiliarString(distref::TagNameOnly(*named));
}

std::string OCIReferenceName(std::string_view name) {
  absl::StatusOr<reference::Spec> spec = reference::Parse(name);
  if (spec.ok() && !spec->object.empty() && !spec->object.starts_with('@')) return spec->object;
  return std::string(name);
}

}  // namespace containerd::images::archive
