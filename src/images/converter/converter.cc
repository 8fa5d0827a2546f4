// SPDX-License-Identifier: Apache-2.0
#include "containerd/images/converter/converter.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/images/handlers.h"
#include "containerd/images/image.h"
#include "containerd/images/mediatypes.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/mediatypes.h"

#include "src/base/options.h"
#include "src/base/workers.h"
#include "src/errdefs/internal/guard.h"
#include "src/gojson/internal/codec.h"
#include "src/images/internal/put.h"

namespace containerd::images::converter {
namespace {

using Converted = absl::StatusOr<std::optional<ocispec::Descriptor>>;

// Layers that are converted at once: deflating takes a core each.
constexpr std::size_t kMaxAtOnce = 4;

struct TypePair {
  std::string_view docker;
  std::string_view oci;
};

constexpr auto kTypePairs = std::to_array<TypePair>({
    {kMediaTypeDockerSchema2ManifestList, ocispec::kMediaTypeImageIndex},
    {kMediaTypeDockerSchema2Manifest, ocispec::kMediaTypeImageManifest},
    {kMediaTypeDockerSchema2Config, ocispec::kMediaTypeImageConfig},
    {kMediaTypeDockerSchema2Layer, ocispec::kMediaTypeImageLayer},
    {kMediaTypeDockerSchema2LayerGzip, ocispec::kMediaTypeImageLayerGzip},
    {kMediaTypeDockerSchema2LayerZstd, ocispec::kMediaTypeImageLayerZstd},
    {kMediaTypeDockerSchema2LayerForeign, ocispec::kMediaTypeImageLayerNonDistributable},
    {kMediaTypeDockerSchema2LayerForeignGzip, ocispec::kMediaTypeImageLayerNonDistributableGzip},
});

// What BuildKit's indexes say of an attestation: the digest of the manifest that it is about.
constexpr char kReferenceDigest[] = "vnd.docker.reference.digest";

// Annotations of layers that say where in its bytes something is, or what they should be.
constexpr auto kOfTheBytes = std::to_array<std::string_view>({
    "containerd.io/snapshot/stargz/",
    "containerd.io/snapshot/overlaybd/",
    "containerd.io/snapshot/nydus-",
    "io.containers.estargz.",
    "io.containers.zstd-chunked.",
    "io.github.containers.zstd-chunked.",
});

// Takes from a converted layer what was said of its old bytes; what the conversion has said stays.
void DropOfOldBytes(const ocispec::Descriptor& old, ocispec::Descriptor& layer) {
  if (old.digest == layer.digest) return;
  for (const auto& [key, value] : old.annotations) {
    const bool of_bytes = std::ranges::any_of(
        kOfTheBytes, [&](std::string_view prefix) { return key.starts_with(prefix); });
    const auto found = layer.annotations.find(key);
    if (of_bytes && found != layer.annotations.end() && found->second == value) {
      layer.annotations.erase(found);
    }
  }
  if (layer.data == old.data) layer.data.clear();
}

// Calls `fn` for 0 to n - 1 on this thread and some others. After an error no more calls begin, and
// the context of those that run is cancelled; the first error is returned.
absl::Status ForEach(const Context& ctx, std::size_t n,
                     const std::function<absl::Status(const Context&, std::size_t)>& fn) {
  auto [inner, cancel] = WithCancel(ctx);
  std::mutex mu;
  absl::Status first;
  std::atomic<bool> failed = false;
  const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  base::Workers workers(std::min({n, kMaxAtOnce, cores}), /*helpers=*/1);
  for (std::size_t i = 0; i < n; ++i) {
    workers.Submit([&, i, &inner = inner] { return failed ? absl::OkStatus() : fn(inner, i); },
                   [&, &cancel = cancel](absl::Status s) {
                     if (s.ok()) return;
                     failed = true;
                     const std::lock_guard lock(mu);
                     if (first.ok()) first = std::move(s);
                     cancel();
                   });
  }
  workers.Help();
  cancel();
  return first;
}

// Takes the dummy image id out of an object of a config of Docker's; its layers are others now.
absl::Status ClearDummyID(DualConfig& config, const std::string& key) {
  const auto found = config.find(key);
  if (found == config.end() || found->second.text.empty() || found->second.text == "null") {
    return absl::OkStatus();
  }
  auto members = gojson::Unmarshal<std::map<std::string, gojson::RawMessage>>(found->second.text);
  if (!members.ok()) return errdefs::Annotate(members.status(), fmt::format("member {}", key));
  members->erase("Image");
  found->second.text = gojson::Marshal(*members);
  return absl::OkStatus();
}

class Converter {
 public:
  explicit Converter(ConvertOptions options) : options_(std::move(options)) {}

  Converted Convert(const Context& ctx, content::Store& cs, const ocispec::Descriptor& desc,
                    int depth) {
    if (absl::Status s = ctx.Err(); !s.ok()) return s;
    if (depth > kMaxWalkDepth) {
      return errdefs::InvalidArgument(
          fmt::format("\"{}\": indexes within more than {} others", desc.digest, kMaxWalkDepth));
    }
    Converted result = std::nullopt;
    bool keep_type = false;
    if (IsLayerType(desc.media_type)) {
      if (options_.layer_convert_func) {
        result =
            errdefs::Guard("a converter of layers", options_.layer_convert_func, ctx, cs, desc);
      }
    } else if (IsManifestType(desc.media_type)) {
      result = ConvertManifest(ctx, cs, desc, depth, keep_type);
    } else if (IsIndexType(desc.media_type)) {
      result = ConvertIndex(ctx, cs, desc, depth);
    } else if (IsConfigType(desc.media_type)) {
      result = ConvertConfig(ctx, cs, desc);
    }
    if (!result.ok()) return result;
    if (result->has_value() && IsLayerType(desc.media_type)) DropOfOldBytes(desc, **result);

    if (options_.hooks.post_convert_hook) {
      Converted hooked = errdefs::Guard("a hook of the conversion",
                                        options_.hooks.post_convert_hook, ctx, cs, desc, *result);
      if (!hooked.ok()) return hooked;
      if (hooked->has_value()) result = std::move(hooked);
    }

    ocispec::Descriptor typed = result->value_or(desc);
    if (options_.docker_to_oci && IsDockerType(desc.media_type)) {
      typed.media_type = ConvertDockerMediaTypeToOCI(typed.media_type);
    } else if (options_.oci_to_docker && !keep_type) {
      typed.media_type = ConvertOCIMediaTypeToDocker(typed.media_type);
    }
    // Only the OCI's documents have annotations.
    if (IsDockerType(typed.media_type)) typed.annotations.clear();
    if (typed != result->value_or(desc)) result = std::move(typed);
    if (result->has_value() && (*result)->digest != desc.digest) {
      const std::lock_guard lock(mu_);
      converted_[desc.digest] = **result;
    }
    return result;
  }

 private:
  std::string DocumentType(const std::string& media_type) const {
    if (options_.docker_to_oci && IsDockerType(media_type)) {
      return ConvertDockerMediaTypeToOCI(media_type);
    }
    return options_.oci_to_docker ? ConvertOCIMediaTypeToDocker(media_type) : media_type;
  }

  // `keep_type` says that the manifest is none that Docker has a format for.
  Converted ConvertManifest(const Context& ctx, content::Store& cs, const ocispec::Descriptor& desc,
                            int depth, bool& keep_type) {
    ocispec::Manifest manifest;
    absl::StatusOr<Labels> labels = ReadJSON(ctx, cs, &manifest, desc);
    if (!labels.ok()) return labels.status();
    keep_type = options_.oci_to_docker && !IsConfigType(manifest.config.media_type);
    bool modified = MoveSubject(manifest, *labels);
    if (keep_type) return FinishManifest(ctx, cs, desc, manifest, *labels, modified);

    if (std::string type = DocumentType(manifest.media_type); type != manifest.media_type) {
      manifest.media_type = std::move(type);
      modified = true;
    } else if (options_.oci_to_docker && manifest.media_type.empty()) {
      // The OCI's may leave it out, Docker's not.
      manifest.media_type = kMediaTypeDockerSchema2Manifest;
      modified = true;
    }
    if (options_.oci_to_docker) manifest.annotations.clear();

    absl::StatusOr<std::map<std::size_t, ocispec::Descriptor>> layers =
        ConvertLayers(ctx, cs, manifest, depth);
    if (!layers.ok()) return layers.status();
    for (const auto& [i, layer] : *layers) {
      ClearGCLabels(*labels, manifest.layers[i].digest);
    }
    for (auto& [i, layer] : *layers) {
      (*labels)[fmt::format("containerd.io/gc.ref.content.l.{}", i)] = layer.digest;
      manifest.layers[i] = std::move(layer);
      modified = true;
    }

    Converted config = Convert(ctx, cs, manifest.config, depth + 1);
    if (!config.ok()) return config.status();
    if (config->has_value()) {
      ClearGCLabels(*labels, manifest.config.digest);
      (*labels)["containerd.io/gc.ref.content.config"] = (*config)->digest;
      manifest.config = **std::move(config);
      modified = true;
    }

    return FinishManifest(ctx, cs, desc, manifest, *labels, modified);
  }

  // Makes a manifest that is about another one be about what that one has become.
  bool MoveSubject(ocispec::Manifest& manifest, Labels& labels) {
    if (!manifest.subject.has_value()) return false;
    const std::lock_guard lock(mu_);
    const auto found = converted_.find(manifest.subject->digest);
    if (found == converted_.end()) return false;
    for (auto& [key, value] : labels) {
      if (value == manifest.subject->digest) value = found->second.digest;
    }
    manifest.subject->media_type = found->second.media_type;
    manifest.subject->digest = found->second.digest;
    manifest.subject->size = found->second.size;
    manifest.subject->data.clear();
    return true;
  }

  Converted FinishManifest(const Context& ctx, content::Store& cs, const ocispec::Descriptor& desc,
                           const ocispec::Manifest& manifest, const Labels& labels, bool modified) {
    if (!modified) return UpdateManifest(ctx, cs, desc, std::nullopt);
    absl::StatusOr<ocispec::Descriptor> written = WriteJSON(ctx, cs, manifest, desc, labels);
    if (!written.ok()) return written.status();
    return UpdateManifest(ctx, cs, desc, *std::move(written));
  }

  Converted UpdateManifest(const Context& ctx, content::Store& cs, const ocispec::Descriptor& desc,
                           std::optional<ocispec::Descriptor> converted) {
    if (!options_.update_manifest_func) return converted;
    Converted updated = errdefs::Guard("an update of manifests", options_.update_manifest_func, ctx,
                                       cs, desc, converted.value_or(desc));
    if (!updated.ok() || updated->has_value()) return updated;
    return converted;
  }

  // The layers that are converted, by their places.
  absl::StatusOr<std::map<std::size_t, ocispec::Descriptor>> ConvertLayers(
      const Context& ctx, content::Store& cs, const ocispec::Manifest& manifest, int depth) {
    // A layer that is there more than once is converted once.
    std::vector<std::vector<std::size_t>> places;
    for (std::size_t i = 0; i < manifest.layers.size(); ++i) {
      const auto same = std::ranges::find_if(places, [&](const std::vector<std::size_t>& p) {
        return manifest.layers[p.front()] == manifest.layers[i];
      });
      if (same != places.end()) {
        same->push_back(i);
      } else {
        places.push_back({i});
      }
    }
    std::mutex mu;
    std::map<std::size_t, ocispec::Descriptor> layers;
    absl::Status s = ForEach(ctx, places.size(), [&](const Context& c, std::size_t at) {
      const ocispec::Descriptor& old = manifest.layers[places[at].front()];
      Converted converted = Convert(c, cs, old, depth + 1);
      if (!converted.ok()) return converted.status();
      if (!converted->has_value()) return absl::OkStatus();
      if (absl::Status noted = NoteDiffIDs(c, cs, old, **converted); !noted.ok()) return noted;
      const std::lock_guard lock(mu);
      for (const std::size_t place : places[at]) layers[place] = **converted;
      return absl::OkStatus();
    });
    if (!s.ok()) return s;
    return layers;
  }

  // Keeps in mind what the config has to be told.
  absl::Status NoteDiffIDs(const Context& ctx, content::Store& cs, const ocispec::Descriptor& from,
                           const ocispec::Descriptor& to) {
    if (from.digest == to.digest) return absl::OkStatus();
    absl::StatusOr<digest::Digest> before = GetDiffID(ctx, cs, from);
    if (!before.ok()) return before.status();
    absl::StatusOr<digest::Digest> after = GetDiffID(ctx, cs, to);
    if (!after.ok()) return after.status();
    if (*before != *after) {
      const std::lock_guard lock(mu_);
      diff_ids_[before->String()] = after->String();
    }
    return absl::OkStatus();
  }

  Converted ConvertIndex(const Context& ctx, content::Store& cs, const ocispec::Descriptor& desc,
                         int depth) {
    ocispec::Index index;
    absl::StatusOr<Labels> labels = ReadJSON(ctx, cs, &index, desc);
    if (!labels.ok()) return labels.status();
    bool modified = false;
    if (std::string type = DocumentType(index.media_type); type != index.media_type) {
      index.media_type = std::move(type);
      modified = true;
    } else if (options_.oci_to_docker && index.media_type.empty()) {
      index.media_type = kMediaTypeDockerSchema2ManifestList;
      modified = true;
    }
    if (options_.oci_to_docker) index.annotations.clear();

    // Attestations come last: they name the others.
    std::vector<std::optional<ocispec::Descriptor>> kept_at(index.manifests.size());
    for (const bool about_others : {false, true}) {
      for (std::size_t i = 0; i < index.manifests.size(); ++i) {
        const ocispec::Descriptor& manifest = index.manifests[i];
        if (manifest.annotations.contains(kReferenceDigest) != about_others) continue;
        if (IsDropped(manifest) || IsAboutDropped(manifest, index)) continue;
        Converted converted = Convert(ctx, cs, manifest, depth + 1);
        if (!converted.ok()) return converted;
        kept_at[i] = converted->value_or(manifest);
        MoveReference(*kept_at[i]);
      }
    }

    std::vector<ocispec::Descriptor> kept;
    Labels added;
    for (std::size_t i = 0; i < index.manifests.size(); ++i) {
      const ocispec::Descriptor& manifest = index.manifests[i];
      if (!kept_at[i].has_value() || *kept_at[i] != manifest) {
        ClearGCLabels(*labels, manifest.digest);
        modified = true;
      }
      if (!kept_at[i].has_value()) continue;
      kept.push_back(*std::move(kept_at[i]));
      added[fmt::format("containerd.io/gc.ref.content.m.{}", i)] = kept.back().digest;
    }
    if (!modified) return std::nullopt;
    if (kept.empty() && !index.manifests.empty()) {
      return errdefs::NotFound(
          fmt::format("index \"{}\" has no manifest for the platform", desc.digest));
    }
    for (auto& [key, digest] : added) (*labels)[key] = std::move(digest);
    index.manifests = std::move(kept);
    absl::StatusOr<ocispec::Descriptor> written = WriteJSON(ctx, cs, index, desc, *labels);
    if (!written.ok()) return written.status();
    return *std::move(written);
  }

  // Whether a manifest of an index is for a platform that is not wanted.
  bool IsDropped(const ocispec::Descriptor& manifest) const {
    return options_.platform != nullptr && manifest.platform.has_value() &&
           !options_.platform->Match(*manifest.platform);
  }

  // Whether it is an attestation of a manifest that is dropped.
  bool IsAboutDropped(const ocispec::Descriptor& attestation, const ocispec::Index& index) const {
    const auto reference = attestation.annotations.find(kReferenceDigest);
    return reference != attestation.annotations.end() &&
           std::ranges::any_of(index.manifests, [&](const ocispec::Descriptor& manifest) {
             return manifest.digest == reference->second && IsDropped(manifest);
           });
  }

  // Makes an attestation's descriptor name what the manifest that it is about has become.
  void MoveReference(ocispec::Descriptor& attestation) {
    const auto reference = attestation.annotations.find(kReferenceDigest);
    if (reference == attestation.annotations.end()) return;
    const std::lock_guard lock(mu_);
    if (const auto found = converted_.find(reference->second); found != converted_.end()) {
      reference->second = found->second.digest;
    }
  }

  Converted ConvertConfig(const Context& ctx, content::Store& cs, const ocispec::Descriptor& desc) {
    ocispec::Image image;
    if (auto labels = ReadJSON(ctx, cs, &image, desc); !labels.ok()) return labels.status();
    if (image.rootfs.type != "layers") return std::nullopt;
    bool modified = false;
    {
      const std::lock_guard lock(mu_);
      for (std::string& diff_id : image.rootfs.diff_ids) {
        const auto found = diff_ids_.find(diff_id);
        if (found == diff_ids_.end()) continue;
        diff_id = found->second;
        modified = true;
      }
    }
    if (!modified) return std::nullopt;

    DualConfig config;
    absl::StatusOr<Labels> labels = ReadJSON(ctx, cs, &config, desc);
    if (!labels.ok()) return labels.status();
    config["rootfs"].text =
        fmt::format(R"({{"type":{},"diff_ids":{}}})", gojson::Marshal(image.rootfs.type),
                    gojson::Marshal(image.rootfs.diff_ids));
    for (const char* key : {"config", "container_config"}) {
      if (absl::Status s = ClearDummyID(config, key); !s.ok()) {
        return errdefs::Annotate(s, fmt::format("config \"{}\"", desc.digest));
      }
    }
    absl::StatusOr<ocispec::Descriptor> written = WriteJSON(ctx, cs, config, desc, *labels);
    if (!written.ok()) return written.status();
    return *std::move(written);
  }

  const ConvertOptions options_;
  std::mutex mu_;
  std::map<std::string, std::string> diff_ids_;           // New by old.
  std::map<std::string, ocispec::Descriptor> converted_;  // By old digests.
};

ConvertFunc FuncOf(ConvertOptions options) {
  return [converter = std::make_shared<Converter>(std::move(options))](
             const Context& ctx, content::Store& cs, const ocispec::Descriptor& desc) {
    return converter->Convert(ctx, cs, desc, 0);
  };
}

}  // namespace

Opt WithLayerConvertFunc(ConvertFunc fn) {
  return [fn = std::move(fn)](ConvertOptions* options) {
    options->layer_convert_func = fn;
    return absl::OkStatus();
  };
}

Opt WithDockerToOCI(bool convert) {
  return [convert](ConvertOptions* options) {
    options->docker_to_oci = convert;
    return absl::OkStatus();
  };
}

Opt WithOCIToDocker(bool convert) {
  return [convert](ConvertOptions* options) {
    options->oci_to_docker = convert;
    return absl::OkStatus();
  };
}

Opt WithPlatform(platforms::MatchComparerPtr platform) {
  return [platform = std::move(platform)](ConvertOptions* options) {
    options->platform = platform;
    return absl::OkStatus();
  };
}

Opt WithIndexConvertFunc(ConvertFunc fn) {
  return [fn = std::move(fn)](ConvertOptions* options) {
    options->index_convert_func = fn;
    return absl::OkStatus();
  };
}

Opt WithUpdateManifest(UpdateManifestFunc fn) {
  return [fn = std::move(fn)](ConvertOptions* options) {
    options->update_manifest_func = fn;
    return absl::OkStatus();
  };
}

ConvertFunc DefaultIndexConvertFunc(ConvertFunc layer_convert_func, bool docker_to_oci,
                                    platforms::MatchComparerPtr platform) {
  return IndexConvertFuncWithHook(std::move(layer_convert_func), docker_to_oci, std::move(platform),
                                  {});
}

ConvertFunc IndexConvertFuncWithHook(ConvertFunc layer_convert_func, bool docker_to_oci,
                                     platforms::MatchComparerPtr platform, ConvertHooks hooks) {
  return FuncOf({.layer_convert_func = std::move(layer_convert_func),
                 .hooks = std::move(hooks),
                 .docker_to_oci = docker_to_oci,
                 .platform = std::move(platform)});
}

absl::StatusOr<Image> ConvertUnderLease(const Context& ctx, content::Store& cs, Store& is,
                                        std::string_view dst_ref, std::string_view src_ref,
                                        const std::vector<Opt>& opts) {
  ConvertOptions options;
  if (absl::Status s = base::Apply(opts, options); !s.ok()) return s;
  if (options.docker_to_oci && options.oci_to_docker) {
    return errdefs::InvalidArgument("convert: media types to either Docker's or the OCI's");
  }
  const ConvertFunc convert =
      options.index_convert_func ? options.index_convert_func : FuncOf(std::move(options));
  const auto annotate = [&](const absl::Status& s) {
    return errdefs::Annotate(s, fmt::format("convert \"{}\" to \"{}\"", src_ref, dst_ref));
  };

  absl::StatusOr<Image> source = is.Get(ctx, src_ref);
  if (!source.ok()) return annotate(source.status());
  Converted target = errdefs::Guard("a converter of indexes", convert, ctx, cs, source->target);
  if (!target.ok()) return annotate(target.status());
  Image image{.name = std::string(dst_ref),
              .labels = source->labels,
              .target = target->value_or(source->target)};
  absl::StatusOr<Image> put = dst_ref == src_ref ? is.Update(ctx, image) : PutImage(ctx, is, image);
  if (!put.ok()) return annotate(put.status());
  return put;
}

std::string ConvertDockerMediaTypeToOCI(std::string_view media_type) {
  const auto* found = std::ranges::find(kTypePairs, media_type, &TypePair::docker);
  return std::string(found == kTypePairs.end() ? media_type : found->oci);
}

std::string ConvertOCIMediaTypeToDocker(std::string_view media_type) {
  const auto* found = std::ranges::find(kTypePairs, media_type, &TypePair::oci);
  return std::string(found == kTypePairs.end() ? media_type : found->docker);
}

void ClearGCLabels(Labels& labels, const digest::Digest& dgst) {
  std::erase_if(labels, [&](const auto& label) {
    return label.second == dgst.String() && label.first.starts_with("containerd.io/gc.ref.content");
  });
}

}  // namespace containerd::images::converter
