// SPDX-License-Identifier: Apache-2.0
#include "containerd/remotes/docker/converter.h"

#include <string>
#include <vector>

#include <fmt/format.h>

#include "containerd/content/helpers.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/image.h"
#include "containerd/images/mediatypes.h"
#include "containerd/ocispec/json.h"
#include "containerd/remotes/handlers.h"

namespace containerd::remotes::docker {
namespace {

// Compact JSON as Go's MarshalIndent lays it out, with three spaces.
std::string Indent(std::string_view json) {
  std::string out;
  std::size_t depth = 0;
  bool quoted = false;
  const auto newline = [&] { out.append("\n").append(3 * depth, ' '); };
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (quoted) {
      out.push_back(c);
      if (c == '\\' && i + 1 < json.size()) out.push_back(json[++i]);
      if (c == '"') quoted = false;
      continue;
    }
    switch (c) {
      case '{':
      case '[':
        out.push_back(c);
        if (i + 1 < json.size() && (json[i + 1] == '}' || json[i + 1] == ']')) {
          out.push_back(json[++i]);
          break;
        }
        ++depth;
        newline();
        break;
      case '}':
      case ']':
        --depth;
        newline();
        out.push_back(c);
        break;
      case ',':
        out.push_back(c);
        newline();
        break;
      case ':':
        out.append(": ");
        break;
      default:
        quoted = c == '"';
        out.push_back(c);
    }
  }
  return out;
}

}  // namespace

absl::StatusOr<ocispec::Descriptor> ConvertManifest(const Context& ctx, content::Store& store,
                                                    const ocispec::Descriptor& desc) {
  if (!images::IsManifestType(desc.media_type)) return desc;
  absl::StatusOr<std::string> text = content::ReadBlob(ctx, store, desc, images::kMaxManifestSize);
  if (!text.ok()) return errdefs::Annotate(text.status(), "failed to read index data");
  absl::StatusOr<ocispec::Manifest> manifest = ocispec::Unmarshal<ocispec::Manifest>(*text);
  if (!manifest.ok()) {
    return errdefs::Annotate(manifest.status(),
                             fmt::format("failed to unmarshal {} into manifest", desc.digest));
  }
  if (manifest->config.media_type != kLegacyConfigMediaType) return desc;
  manifest->config.media_type = images::kMediaTypeDockerSchema2Config;
  const std::string data = Indent(ocispec::Marshal(*manifest));

  ocispec::Descriptor out = desc;
  out.digest = digest::FromString(data).String();
  out.size = static_cast<std::int64_t>(data.size());
  out.data.clear();
  Labels labels;
  int n = 0;
  labels[fmt::format("containerd.io/gc.ref.content.{}", n++)] = manifest->config.digest;
  for (const ocispec::Descriptor& layer : manifest->layers) {
    labels[fmt::format("containerd.io/gc.ref.content.{}", n++)] = layer.digest;
  }
  absl::Status s = content::WriteBlob(ctx, store, MakeRefKey(ctx, out), data, out,
                                      {content::WithLabels(std::move(labels))});
  if (!s.ok()) return errdefs::Annotate(s, "failed to update content");
  return out;
}

}  // namespace containerd::remotes::docker
