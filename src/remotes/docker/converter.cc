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

#include "src/gojson/internal/indent.h"

namespace containerd::remotes::docker {

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
  const std::string data = gojson::Indent(ocispec::Marshal(*manifest));

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
