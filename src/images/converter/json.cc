// SPDX-License-Identifier: Apache-2.0
#include "containerd/ocispec/json.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <fmt/format.h>

#include "containerd/content/helpers.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/converter/converter.h"
#include "containerd/images/image.h"

#include "src/gojson/internal/codec.h"

namespace containerd::images::converter {
namespace {

template <class T>
absl::StatusOr<T> Parse(const std::string& text) {
  return ocispec::Unmarshal<T>(text);
}
template <>
absl::StatusOr<DualConfig> Parse(const std::string& text) {
  return gojson::Unmarshal<DualConfig>(text);
}

template <class T>
absl::StatusOr<Labels> Read(const Context& ctx, content::Store& cs, T* x,
                            const ocispec::Descriptor& desc) {
  absl::StatusOr<content::Info> info = cs.Info(ctx, desc.digest);
  if (!info.ok()) return info.status();
  absl::StatusOr<std::string> text = content::ReadBlob(ctx, cs, desc, kMaxManifestSize);
  if (!text.ok()) return text.status();
  const auto annotate = [&](const absl::Status& s) {
    return errdefs::Annotate(s, fmt::format("content \"{}\"", desc.digest));
  };
  if (absl::Status s = ValidateMediaType(*text, desc.media_type); !s.ok()) return annotate(s);
  absl::StatusOr<T> parsed = Parse<T>(*text);
  if (!parsed.ok()) return annotate(parsed.status());
  *x = *std::move(parsed);
  return std::move(info->labels);
}

absl::StatusOr<ocispec::Descriptor> Write(const Context& ctx, content::Store& cs,
                                          const std::string& text,
                                          const ocispec::Descriptor& old_desc,
                                          const Labels& labels) {
  ocispec::Descriptor desc = old_desc;
  desc.digest = digest::FromBytes(text).String();
  desc.size = static_cast<std::int64_t>(text.size());
  desc.data.clear();
  absl::Status written =
      content::WriteBlob(ctx, cs, fmt::format("converter-write-json-{}", desc.digest), text, desc,
                         {content::WithLabels(labels)});
  if (!written.ok()) return written;

  // Content that was there before has labels of its own.
  absl::StatusOr<content::Info> info = cs.Info(ctx, desc.digest);
  if (!info.ok()) return info.status();
  std::vector<std::string> fields;
  for (const auto& [key, value] : labels) {
    const auto there = info->labels.find(key);
    if (there == info->labels.end() || there->second != value) {
      fields.push_back(fmt::format("labels.{}", key));
    }
  }
  if (!fields.empty()) {
    auto updated = cs.Update(ctx, {.digest = desc.digest, .labels = labels}, fields);
    if (!updated.ok()) return updated.status();
  }
  return desc;
}

}  // namespace

absl::StatusOr<Labels> ReadJSON(const Context& ctx, content::Store& cs, ocispec::Manifest* x,
                                const ocispec::Descriptor& desc) {
  return Read(ctx, cs, x, desc);
}
absl::StatusOr<Labels> ReadJSON(const Context& ctx, content::Store& cs, ocispec::Index* x,
                                const ocispec::Descriptor& desc) {
  return Read(ctx, cs, x, desc);
}
absl::StatusOr<Labels> ReadJSON(const Context& ctx, content::Store& cs, ocispec::Image* x,
                                const ocispec::Descriptor& desc) {
  return Read(ctx, cs, x, desc);
}
absl::StatusOr<Labels> ReadJSON(const Context& ctx, content::Store& cs, DualConfig* x,
                                const ocispec::Descriptor& desc) {
  return Read(ctx, cs, x, desc);
}

absl::StatusOr<ocispec::Descriptor> WriteJSON(const Context& ctx, content::Store& cs,
                                              const ocispec::Manifest& x,
                                              const ocispec::Descriptor& old_desc,
                                              const Labels& labels) {
  return Write(ctx, cs, ocispec::Marshal(x), old_desc, labels);
}
absl::StatusOr<ocispec::Descriptor> WriteJSON(const Context& ctx, content::Store& cs,
                                              const ocispec::Index& x,
                                              const ocispec::Descriptor& old_desc,
                                              const Labels& labels) {
  return Write(ctx, cs, ocispec::Marshal(x), old_desc, labels);
}
absl::StatusOr<ocispec::Descriptor> WriteJSON(const Context& ctx, content::Store& cs,
                                              const DualConfig& x,
                                              const ocispec::Descriptor& old_desc,
                                              const Labels& labels) {
  return Write(ctx, cs, gojson::Marshal(x), old_desc, labels);
}

}  // namespace containerd::images::converter
