// SPDX-License-Identifier: Apache-2.0
#include "containerd/images/image.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "containerd/compression/compression.h"
#include "containerd/content/helpers.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/handlers.h"
#include "containerd/images/mediatypes.h"
#include "containerd/labels/labels.h"
#include "containerd/log/log.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/mediatypes.h"

#include "src/gojson/internal/codec.h"

namespace containerd::images {

// What tells a manifest from an index.
struct UnknownDocument {
  std::string media_type;
  gojson::RawMessage config;
  gojson::RawMessage layers;
  gojson::RawMessage manifests;
  gojson::RawMessage fs_layers;  // Schema 1.
  gojson::Extra extra;
};

template <class V, gojson::Of<UnknownDocument> T>
void Bind(V& v, T& doc) {
  v.Field("mediaType", doc.media_type, gojson::kOmitEmpty);
  v.Field("config", doc.config, gojson::kOmitEmpty);
  v.Field("layers", doc.layers, gojson::kOmitEmpty);
  v.Field("manifests", doc.manifests, gojson::kOmitEmpty);
  v.Field("fsLayers", doc.fs_layers, gojson::kOmitEmpty);
}

namespace {

std::string Name(const ocispec::Descriptor& desc) {
  return fmt::format("{} \"{}\"",
                     IsIndexType(desc.media_type)      ? "index"
                     : IsManifestType(desc.media_type) ? "manifest"
                                                       : "content",
                     desc.digest);
}

// Reads a manifest or an index.
template <class T>
absl::StatusOr<T> ReadDocument(const Context& ctx, content::Provider& provider,
                               const ocispec::Descriptor& desc) {
  absl::StatusOr<std::string> blob = content::ReadBlob(ctx, provider, desc, kMaxManifestSize);
  if (!blob.ok()) return errdefs::Annotate(blob.status(), Name(desc));
  if (absl::Status s = ValidateMediaType(*blob, desc.media_type); !s.ok()) {
    return errdefs::Annotate(s, Name(desc));
  }
  absl::StatusOr<T> document = ocispec::Unmarshal<T>(*blob);
  if (!document.ok()) return errdefs::Annotate(document.status(), Name(desc));
  return document;
}

template <class T>
absl::StatusOr<T> ReadConfig(const Context& ctx, content::Provider& provider,
                             const ocispec::Descriptor& desc) {
  absl::StatusOr<std::string> blob = content::ReadBlob(ctx, provider, desc);
  absl::StatusOr<T> config = blob.ok() ? ocispec::Unmarshal<T>(*blob) : blob.status();
  if (!config.ok()) {
    return errdefs::Annotate(config.status(), fmt::format("image config \"{}\"", desc.digest));
  }
  return config;
}

}  // namespace

absl::Status ValidateMediaType(std::string_view document, std::string_view media_type) {
  absl::StatusOr<UnknownDocument> doc = gojson::Unmarshal<UnknownDocument>(document);
  if (!doc.ok()) return doc.status();
  if (!doc->fs_layers.text.empty()) {
    return errdefs::InvalidArgument("media-type: schema 1 not supported");
  }
  if (IsManifestType(media_type) &&
      (!doc->manifests.text.empty() || IsIndexType(doc->media_type))) {
    return errdefs::InvalidArgument(
        fmt::format("media-type: expected manifest but found index ({})", media_type));
  }
  if (IsIndexType(media_type) &&
      (!doc->config.text.empty() || !doc->layers.text.empty() || IsManifestType(doc->media_type))) {
    return errdefs::InvalidArgument(
        fmt::format("media-type: expected index but found manifest ({})", media_type));
  }
  return absl::OkStatus();
}

absl::StatusOr<ocispec::Manifest> Manifest(const Context& ctx, content::Provider& provider,
                                           const ocispec::Descriptor& image,
                                           const platforms::MatchComparerPtr& platform) {
  std::optional<ocispec::Manifest> found;
  bool was_index = false;

  const auto look_at_manifest =
      [&](const Context& c, const ocispec::Descriptor& desc) -> absl::StatusOr<Descriptors> {
    auto manifest = ReadDocument<ocispec::Manifest>(c, provider, desc);
    if (!manifest.ok()) return manifest.status();
    if (desc.digest != image.digest && platform != nullptr) {
      std::optional<ocispec::Platform> p = desc.platform;
      if (!p.has_value()) {
        auto of_config = ConfigPlatform(c, provider, manifest->config);
        if (!of_config.ok()) return of_config.status();
        p = *std::move(of_config);
      }
      if (!platform->Match(*p)) return Descriptors();
    }
    if (!found.has_value()) found = *std::move(manifest);
    return Descriptors();
  };

  const auto look_at_index = [&](const Context& c,
                                 const ocispec::Descriptor& desc) -> absl::StatusOr<Descriptors> {
    auto index = ReadDocument<ocispec::Index>(c, provider, desc);
    if (!index.ok()) return index.status();
    Descriptors descs = std::move(index->manifests);
    if (platform == nullptr) return descs;
    was_index = true;
    std::erase_if(descs, [&](const ocispec::Descriptor& d) {
      return d.platform.has_value() && !platform->Match(*d.platform);
    });
    std::stable_sort(descs.begin(), descs.end(), [&](const auto& a, const auto& b) {
      if (!a.platform.has_value()) return false;
      if (!b.platform.has_value()) return true;
      return platform->Less(*a.platform, *b.platform);
    });
    return descs;
  };

  const auto look_at = [&](const Context& c,
                           const ocispec::Descriptor& desc) -> absl::StatusOr<Descriptors> {
    // The first one counts; what comes after it need not even be there.
    if (found.has_value()) return ErrSkipDesc();
    if (IsManifestType(desc.media_type)) return look_at_manifest(c, desc);
    if (IsIndexType(desc.media_type)) return look_at_index(c, desc);
    return errdefs::NotFound(
        fmt::format("unexpected media type \"{}\" for \"{}\"", desc.media_type, desc.digest));
  };

  if (absl::Status s = Walk(ctx, look_at, {image}); !s.ok()) return s;
  if (!found.has_value()) {
    return errdefs::NotFound(
        was_index ? fmt::format("no match for platform in manifest \"{}\"", image.digest)
                  : fmt::format("manifest \"{}\" not found", image.digest));
  }
  return *std::move(found);
}

absl::StatusOr<ocispec::Descriptor> Config(const Context& ctx, content::Provider& provider,
                                           const ocispec::Descriptor& image,
                                           const platforms::MatchComparerPtr& platform) {
  absl::StatusOr<ocispec::Manifest> manifest = Manifest(ctx, provider, image, platform);
  if (!manifest.ok()) return manifest.status();
  return std::move(manifest->config);
}

absl::StatusOr<std::vector<ocispec::Platform>> Platforms(const Context& ctx,
                                                         content::Provider& provider,
                                                         const ocispec::Descriptor& image) {
  std::vector<ocispec::Platform> result;
  const auto look_at = [&](const Context& c,
                           const ocispec::Descriptor& desc) -> absl::StatusOr<Descriptors> {
    if (desc.platform.has_value()) {
      if (desc.platform->os != "unknown" && desc.platform->architecture != "unknown") {
        result.push_back(*desc.platform);
      }
      return ErrSkipDesc();
    }
    if (IsConfigType(desc.media_type)) {
      auto platform = ConfigPlatform(c, provider, desc);
      if (!platform.ok()) return platform.status();
      result.push_back(*std::move(platform));
    }
    return Children(c, provider, desc);
  };
  if (absl::Status s = Walk(ctx, look_at, {image}); !s.ok()) return s;
  return result;
}

absl::StatusOr<CheckResult> Check(const Context& ctx, content::Provider& provider,
                                  const ocispec::Descriptor& image,
                                  const platforms::MatchComparerPtr& platform) {
  CheckResult result;
  absl::StatusOr<ocispec::Manifest> manifest = Manifest(ctx, provider, image, platform);
  if (errdefs::IsNotFound(manifest.status())) {
    result.required = {image};
    result.missing = {image};
    return result;
  }
  if (!manifest.ok()) {
    return errdefs::Annotate(manifest.status(),
                             fmt::format("failed to check image \"{}\"", image.digest));
  }
  result.available = true;
  result.required.push_back(manifest->config);
  result.required.insert(result.required.end(), manifest->layers.begin(), manifest->layers.end());
  for (const ocispec::Descriptor& desc : result.required) {
    absl::StatusOr<std::unique_ptr<content::ReaderAt>> reader = provider.ReaderAt(ctx, desc);
    if (reader.ok()) {
      result.present.push_back(desc);
    } else if (errdefs::IsNotFound(reader.status())) {
      result.missing.push_back(desc);
    } else {
      return errdefs::Annotate(reader.status(),
                               fmt::format("failed to check image \"{}\"", desc.digest));
    }
  }
  return result;
}

absl::StatusOr<std::vector<ocispec::Descriptor>> Children(const Context& ctx,
                                                          content::Provider& provider,
                                                          const ocispec::Descriptor& desc) {
  if (IsManifestType(desc.media_type)) {
    auto manifest = ReadDocument<ocispec::Manifest>(ctx, provider, desc);
    if (!manifest.ok()) return manifest.status();
    Descriptors children = {std::move(manifest->config)};
    std::move(manifest->layers.begin(), manifest->layers.end(), std::back_inserter(children));
    return children;
  }
  if (IsIndexType(desc.media_type)) {
    auto index = ReadDocument<ocispec::Index>(ctx, provider, desc);
    if (!index.ok()) return index.status();
    return Descriptors(std::move(index->manifests));
  }
  if (!IsLayerType(desc.media_type) && !IsKnownConfig(desc.media_type) &&
      !IsAttestationType(desc.media_type)) {
    log::Debug(fmt::format("content \"{}\" is of the unknown type \"{}\"; its children are ignored",
                           desc.digest, desc.media_type));
  }
  return Descriptors();
}

absl::StatusOr<std::vector<digest::Digest>> RootFS(const Context& ctx, content::Provider& provider,
                                                   const ocispec::Descriptor& config_desc) {
  auto config = ReadConfig<ocispec::Image>(ctx, provider, config_desc);
  if (!config.ok()) return config.status();
  std::vector<digest::Digest> diff_ids;
  diff_ids.reserve(config->rootfs.diff_ids.size());
  for (std::string& diff_id : config->rootfs.diff_ids) diff_ids.emplace_back(std::move(diff_id));
  return diff_ids;
}

absl::StatusOr<ocispec::Platform> ConfigPlatform(const Context& ctx, content::Provider& provider,
                                                 const ocispec::Descriptor& config_desc) {
  auto platform = ReadConfig<ocispec::Platform>(ctx, provider, config_desc);
  if (!platform.ok()) return platform.status();
  platform->extra = {};  // The rest of the config.
  return platforms::Normalize(*std::move(platform));
}

absl::StatusOr<digest::Digest> GetDiffID(const Context& ctx, content::Store& cs,
                                         const ocispec::Descriptor& desc) {
  for (const char* uncompressed :
       {kMediaTypeDockerSchema2Layer, ocispec::kMediaTypeImageLayer,
        kMediaTypeDockerSchema2LayerForeign, ocispec::kMediaTypeImageLayerNonDistributable}) {
    if (desc.media_type == uncompressed) return digest::Digest(desc.digest);
  }
  absl::StatusOr<content::Info> info = cs.Info(ctx, desc.digest);
  if (!info.ok()) return info.status();
  if (const auto label = info->labels.find(labels::kLabelUncompressed);
      label != info->labels.end()) {
    return digest::Parse(label->second);
  }

  const auto annotate = [&](const absl::Status& s) {
    return errdefs::Annotate(s, fmt::format("layer \"{}\"", desc.digest));
  };
  absl::StatusOr<std::unique_ptr<content::ReaderAt>> blob = cs.ReaderAt(ctx, desc);
  if (!blob.ok()) return annotate(blob.status());
  auto layer = compression::DecompressStream(ctx, content::NewReader(*std::move(blob)));
  if (!layer.ok()) return annotate(layer.status());
  digest::Digester digester;
  std::vector<char> buf(io::kCopyBufferSize);
  for (;;) {
    absl::StatusOr<std::size_t> n = (*layer)->Read(ctx, buf);
    if (!n.ok()) return annotate(n.status());
    if (*n == 0) break;
    digester.Write(std::string_view(buf.data(), *n));
  }
  digest::Digest diff_id = digester.Digest();

  content::Info labelled{.digest = desc.digest,
                         .labels = {{labels::kLabelUncompressed, diff_id.String()}}};
  auto updated = cs.Update(ctx, labelled, {fmt::format("labels.{}", labels::kLabelUncompressed)});
  if (!updated.ok()) {
    log::Warn(fmt::format("failed to set the label {} of \"{}\": {}", labels::kLabelUncompressed,
                          desc.digest, errdefs::Message(updated.status())));
  }
  return diff_id;
}

absl::StatusOr<ocispec::Descriptor> Image::Config(
    const Context& ctx, content::Provider& provider,
    const std::shared_ptr<const platforms::MatchComparer>& platform) const {
  return images::Config(ctx, provider, target, platform);
}

absl::StatusOr<std::vector<digest::Digest>> Image::RootFS(
    const Context& ctx, content::Provider& provider,
    const std::shared_ptr<const platforms::MatchComparer>& platform) const {
  absl::StatusOr<ocispec::Descriptor> desc = Config(ctx, provider, platform);
  if (!desc.ok()) return desc.status();
  return images::RootFS(ctx, provider, *desc);
}

absl::StatusOr<std::int64_t> Image::Size(
    const Context& ctx, content::Provider& provider,
    const std::shared_ptr<const platforms::MatchComparer>& platform) const {
  std::int64_t size = 0;
  HandlerFunc children = [&](const Context& c, const ocispec::Descriptor& desc) {
    return images::Children(c, provider, desc);
  };
  children = FilterPlatforms(children, platform);
  if (platform != nullptr) children = LimitManifests(children, platform, 1);
  const HandlerFunc add = [&](const Context&,
                              const ocispec::Descriptor& desc) -> absl::StatusOr<Descriptors> {
    if (desc.size < 0 || __builtin_add_overflow(size, desc.size, &size)) {
      return errdefs::InvalidArgument(
          fmt::format("invalid size {} of \"{}\" ({})", desc.size, desc.digest, desc.media_type));
    }
    return Descriptors();
  };
  if (absl::Status s = Walk(ctx, Handlers({add, children}), {target}); !s.ok()) return s;
  return size;
}

}  // namespace containerd::images
