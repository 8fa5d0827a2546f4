// SPDX-License-Identifier: Apache-2.0
#include "containerd/remotes/docker/schema1/converter.h"

#include <algorithm>
#include <map>
#include <optional>
#include <span>
#include <utility>

#include <absl/strings/escaping.h>
#include <absl/time/time.h>
#include <fmt/format.h>

#include "containerd/compression/compression.h"
#include "containerd/content/helpers.h"
#include "containerd/digest/digest.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/mediatypes.h"
#include "containerd/labels/labels.h"
#include "containerd/log/log.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/option/option.h"
#include "containerd/remotes/handlers.h"

#include "src/base/cleanup.h"
#include "src/base/mutex.h"
#include "src/base/options.h"
#include "src/gojson/internal/codec.h"
#include "src/gojson/internal/indent.h"

namespace containerd::remotes::docker::schema1 {
namespace {

struct FSLayer {
  std::string blob_sum{};
  gojson::Extra extra{};
};

template <class V, gojson::Of<FSLayer> T>
void Bind(V& v, T& layer) {
  v.Field("blobSum", layer.blob_sum);
}

struct Compatibility {
  std::string v1{};  // JSON
  gojson::Extra extra{};
};

template <class V, gojson::Of<Compatibility> T>
void Bind(V& v, T& history) {
  v.Field("v1Compatibility", history.v1);
}

struct Manifest {
  std::vector<FSLayer> fs_layers{};      // The top one first.
  std::vector<Compatibility> history{};  // One for each layer.
  // Of manifests that are none of schema 1.
  gojson::RawMessage layers{};
  gojson::RawMessage manifests{};
  gojson::Extra extra{};
};

template <class V, gojson::Of<Manifest> T>
void Bind(V& v, T& manifest) {
  v.Field("fsLayers", manifest.fs_layers);
  v.Field("history", manifest.history);
  v.Field("layers", manifest.layers, gojson::kOmitEmpty);
  v.Field("manifests", manifest.manifests, gojson::kOmitEmpty);
}

struct V1ContainerConfig {
  std::vector<std::string> cmd{};
  gojson::Extra extra{};
};

template <class V, gojson::Of<V1ContainerConfig> T>
void Bind(V& v, T& config) {
  v.Field("Cmd", config.cmd, gojson::kOmitEmpty);
}

// The parts that become a history entry of a config.
struct V1History {
  std::string author{};
  std::optional<absl::Time> created{};
  std::string comment{};
  std::optional<bool> throw_away{};
  std::optional<std::int64_t> size{};  // What there was before `throwaway`.
  V1ContainerConfig container_config{};
  gojson::Extra extra{};
};

template <class V, gojson::Of<V1History> T>
void Bind(V& v, T& history) {
  v.Field("author", history.author, gojson::kOmitEmpty);
  v.Field("created", history.created);
  v.Field("comment", history.comment, gojson::kOmitEmpty);
  v.Field("throwaway", history.throw_away, gojson::kOmitEmpty);
  v.Field("Size", history.size, gojson::kOmitEmpty);
  v.Field("container_config", history.container_config);
}

struct Signature {
  std::string protected_block{};
  gojson::Extra extra{};
};

template <class V, gojson::Of<Signature> T>
void Bind(V& v, T& signature) {
  v.Field("protected", signature.protected_block);
}

struct Signed {
  std::vector<Signature> signatures{};
  gojson::Extra extra{};
};

template <class V, gojson::Of<Signed> T>
void Bind(V& v, T& manifest) {
  v.Field("signatures", manifest.signatures);
}

struct Protected {
  std::int64_t length = 0;
  std::string tail{};
  gojson::Extra extra{};
};

template <class V, gojson::Of<Protected> T>
void Bind(V& v, T& block) {
  v.Field("formatLength", block.length);
  v.Field("formatTail", block.tail);
}

absl::StatusOr<std::string> DecodeBase64Url(const std::string& text) {
  std::string out;
  if (text.size() % 4 == 1 || !absl::WebSafeBase64Unescape(text, &out)) {
    return errdefs::InvalidArgument(
        fmt::format("schema 1 manifest: \"{}\" is no base64url", text.substr(0, 100)));
  }
  return out;
}

// What is known of a layer's blob.
struct BlobState {
  std::string diff_id{};  // Empty: not looked at yet.
  bool empty = false;     // Changes nothing.
};

// False: it may be empty all the same. Source: schema1.isEmptyLayer.
bool IsEmptyLayer(const V1History& history) {
  if (history.throw_away.has_value()) return *history.throw_away;
  return history.size == 0;
}

class DockerConverter final : public Converter {
 public:
  DockerConverter(std::shared_ptr<content::Store> store, std::shared_ptr<Fetcher> fetcher)
      : store_(std::move(store)), fetcher_(std::move(fetcher)) {}

  absl::StatusOr<images::Descriptors> Handle(const Context& ctx,
                                             const ocispec::Descriptor& desc) override {
    if (desc.media_type == images::kMediaTypeDockerSchema1Manifest) {
      absl::StatusOr<images::Descriptors> layers = FetchManifest(ctx, desc);
      if (layers.ok()) return layers;
      return errdefs::Annotate(layers.status(), "schema 1 manifest " + desc.digest);
    }
    if (desc.media_type == images::kMediaTypeDockerSchema2LayerGzip) {
      {
        base::MutexLock lock(mu_);
        if (!manifest_.has_value()) {
          return errdefs::FailedPrecondition("manifest required for schema 1 blob pull");
        }
      }
      absl::Status s = FetchLayer(ctx, desc);
      if (!s.ok()) return errdefs::Annotate(s, "schema 1 layer " + desc.digest);
      return images::Descriptors();
    }
    return errdefs::InvalidArgument(
        fmt::format("{} is not of schema 1 manifests", desc.media_type.substr(0, 200)));
  }

  absl::StatusOr<ocispec::Descriptor> Convert(const Context& ctx,
                                              const std::vector<ConvertOpt>& opts) override {
    ConvertOptions options{.manifest_media_type = ocispec::kMediaTypeImageManifest,
                           .config_media_type = ocispec::kMediaTypeImageConfig};
    if (absl::Status s = base::Apply(opts, ctx, options); !s.ok()) return s;
    ocispec::Manifest manifest;
    absl::StatusOr<ocispec::Image> image = MakeImage(manifest.layers);
    if (!image.ok()) return errdefs::Annotate(image.status(), "schema 1 conversion failed");
    const std::string config = gojson::Indent(ocispec::Marshal(*image));
    manifest.schema_version = 2;
    manifest.config = Describe(options.config_media_type, config);
    // OCI lets it be left out, which is what 1.x did; registries demand it of Docker's own.
    if (options.manifest_media_type == images::kMediaTypeDockerSchema2Manifest) {
      manifest.media_type = options.manifest_media_type;
    }
    const std::string text = gojson::Indent(ocispec::Marshal(manifest));
    ocispec::Descriptor desc = Describe(options.manifest_media_type, text);

    Labels labels;
    int n = 0;
    labels[fmt::format("containerd.io/gc.ref.content.{}", n++)] = manifest.config.digest;
    for (const ocispec::Descriptor& layer : manifest.layers) {
      labels[fmt::format("containerd.io/gc.ref.content.{}", n++)] = layer.digest;
    }
    absl::Status s =
        content::WriteBlob(ctx, *store_, MakeRefKey(ctx, manifest.config), config, manifest.config);
    if (!s.ok()) return errdefs::Annotate(s, "failed to write image config");
    s = content::WriteBlob(ctx, *store_, MakeRefKey(ctx, desc), text, desc,
                           {content::WithLabels(std::move(labels))});
    if (!s.ok()) return errdefs::Annotate(s, "failed to write image manifest");
    return desc;
  }

 private:
  static ocispec::Descriptor Describe(std::string_view media_type, std::string_view data) {
    ocispec::Descriptor desc;
    desc.media_type = media_type;
    desc.digest = digest::FromString(data).String();
    desc.size = static_cast<std::int64_t>(data.size());
    return desc;
  }

  // The layers, the lowest one first.
  absl::StatusOr<images::Descriptors> FetchManifest(const Context& ctx,
                                                    const ocispec::Descriptor& desc) {
    absl::StatusOr<std::unique_ptr<io::Reader>> reader = fetcher_->Fetch(ctx, desc);
    if (!reader.ok()) return reader.status();
    absl::StatusOr<std::string> payload = ReadStripSignature(ctx, **reader);
    if (!payload.ok()) return payload.status();
    const digest::Digest expected(desc.digest);
    if (absl::Status s = expected.Validate(); !s.ok()) return s;
    absl::StatusOr<digest::Digest> actual = expected.Algorithm().FromString(*payload);
    if (!actual.ok()) return actual.status();
    if (*actual != expected) {
      return errdefs::InvalidArgument(
          fmt::format("its payload has the digest {}", actual->String()));
    }
    absl::StatusOr<Manifest> manifest = gojson::Unmarshal<Manifest>(*payload);
    if (!manifest.ok()) return manifest.status();
    if (!manifest->layers.text.empty() || !manifest->manifests.text.empty()) {
      return errdefs::InvalidArgument("it has members of other kinds of manifests");
    }
    if (manifest->fs_layers.size() != manifest->history.size()) {
      return errdefs::InvalidArgument(fmt::format("it has {} layers, but a history of {}",
                                                  manifest->fs_layers.size(),
                                                  manifest->history.size()));
    }

    std::map<std::string, BlobState> blobs;
    images::Descriptors layers;
    for (std::size_t i = 0; i < manifest->fs_layers.size(); ++i) {
      const std::string& sum = manifest->fs_layers[i].blob_sum;
      if (blobs.contains(sum)) continue;
      if (absl::Status s = digest::Digest(sum).Validate(); !s.ok()) return s;
      absl::StatusOr<V1History> history = gojson::Unmarshal<V1History>(manifest->history[i].v1);
      if (!history.ok()) return history.status();
      const bool empty = IsEmptyLayer(*history);
      blobs[sum].empty = empty;
      if (empty) continue;
      layers.push_back(
          {.media_type = images::kMediaTypeDockerSchema2LayerGzip, .digest = sum, .size = -1});
    }
    std::reverse(layers.begin(), layers.end());
    base::MutexLock lock(mu_);
    manifest_ = *std::move(manifest);
    blobs_ = std::move(blobs);
    layers_.clear();
    return layers;
  }

  absl::Status FetchLayer(const Context& ctx, ocispec::Descriptor desc) {
    ocispec::Descriptor unsized = desc;
    unsized.size = std::max<std::int64_t>(desc.size, 0);
    const std::string ref = MakeRefKey(ctx, desc);
    absl::StatusOr<std::unique_ptr<content::Writer>> writer = content::OpenWriter(
        ctx, *store_, {content::WithRef(ref), content::WithDescriptor(unsized)});
    if (writer.ok()) {
      if (absl::Status s = Store(ctx, **writer, ref, desc); !s.ok()) return s;
    } else if (!errdefs::IsAlreadyExists(writer.status())) {
      return writer.status();
    }
    absl::StatusOr<content::Info> info = store_->Info(ctx, desc.digest);
    if (!info.ok()) return errdefs::Annotate(info.status(), "failed to get blob info");
    desc.size = info->size;

    std::optional<BlobState> state = StateFromLabels(*info);
    if (!state.has_value()) {
      absl::StatusOr<BlobState> read = ReadState(ctx, desc);
      if (!read.ok()) return read.status();
      info->labels[labels::kLabelUncompressed] = read->diff_id;
      info->labels[kLabelEmptyLayer] = read->empty ? "true" : "false";
      absl::StatusOr<content::Info> updated =
          store_->Update(ctx, *info,
                         {fmt::format("labels.{}", labels::kLabelUncompressed),
                          fmt::format("labels.{}", kLabelEmptyLayer)});
      if (!updated.ok()) {
        return errdefs::Annotate(updated.status(), "failed to update uncompressed label");
      }
      state = *std::move(read);
    }
    // There are but these two kinds.
    desc.media_type = state->diff_id == desc.digest ? images::kMediaTypeDockerSchema2Layer
                                                    : images::kMediaTypeDockerSchema2LayerGzip;
    base::MutexLock lock(mu_);
    layers_[state->diff_id] = desc;
    blobs_[desc.digest] = *std::move(state);
    return absl::OkStatus();
  }

  absl::Status Store(const Context& ctx, content::Writer& writer, const std::string& ref,
                     const ocispec::Descriptor& desc) {
    absl::StatusOr<content::Status> status = writer.Status(ctx);
    if (!status.ok()) return status.status();
    if (status->offset > 0) {
      // Whether anything is missing is not known without the size.
      if (absl::Status s = writer.Truncate(ctx, 0); !s.ok()) return s;
    }
    absl::StatusOr<std::unique_ptr<io::Reader>> reader = fetcher_->Fetch(ctx, desc);
    if (!reader.ok()) return reader.status();
    absl::Status s =
        content::Copy(ctx, writer, **reader, std::max<std::int64_t>(desc.size, 0), desc.digest);
    if (errdefs::IsFailedPrecondition(s)) {
      // Other content than what it should be.
      const Context last = base::CleanUpContext(ctx);
      (void)writer.Close(last);
      (void)store_->Abort(last, ref);
    }
    return s;
  }

  static std::optional<BlobState> StateFromLabels(const content::Info& info) {
    const auto diff_id = info.labels.find(labels::kLabelUncompressed);
    const auto empty = info.labels.find(kLabelEmptyLayer);
    if (diff_id == info.labels.end() || empty == info.labels.end()) return std::nullopt;
    if (!digest::Digest(diff_id->second).Validate().ok() ||
        (empty->second != "true" && empty->second != "false")) {
      log::Warn(fmt::format("content {}: labels {} and {} are of no use", info.digest,
                            labels::kLabelUncompressed, kLabelEmptyLayer));
      return std::nullopt;
    }
    return BlobState{.diff_id = diff_id->second, .empty = empty->second == "true"};
  }

  absl::StatusOr<BlobState> ReadState(const Context& ctx, const ocispec::Descriptor& desc) {
    absl::StatusOr<std::unique_ptr<content::ReaderAt>> blob = store_->ReaderAt(ctx, desc);
    if (!blob.ok()) return blob.status();
    absl::StatusOr<std::unique_ptr<compression::DecompressReadCloser>> inflated =
        compression::DecompressStream(ctx, content::NewReader(*std::move(blob)));
    if (!inflated.ok()) return inflated.status();
    BlobState state{.empty = true};
    digest::Digester digester;
    std::vector<char> buf(256 << 10);
    while (true) {
      absl::StatusOr<std::size_t> n = (*inflated)->Read(ctx, buf);
      if (!n.ok()) return n.status();
      if (*n == 0) break;
      const std::span<const char> data = std::span(buf).first(*n);
      state.empty =
          state.empty && std::all_of(data.begin(), data.end(), [](char c) { return c == '\0'; });
      digester.Write(std::string_view(data.data(), data.size()));
    }
    state.diff_id = digester.Digest().String();
    return state;
  }

  // The config; `layers` become those of its manifest.
  absl::StatusOr<ocispec::Image> MakeImage(gojson::Slice<ocispec::Descriptor>& layers) const {
    base::MutexLock lock(mu_);
    if (!manifest_.has_value()) {
      return errdefs::FailedPrecondition("missing schema 1 manifest for conversion");
    }
    if (manifest_->history.empty()) return errdefs::InvalidArgument("no history");
    absl::StatusOr<ocispec::Image> image =
        ocispec::Unmarshal<ocispec::Image>(manifest_->history.front().v1);
    if (!image.ok()) {
      return errdefs::Annotate(image.status(), "failed to unmarshal image from schema 1 history");
    }
    image->extra = {};  // The id, the parent and other things of schema 1.
    image->config.extra = {};
    image->history.clear();
    image->rootfs = {.type = "layers", .diff_ids = std::vector<std::string>()};
    layers = std::vector<ocispec::Descriptor>();
    for (std::size_t i = manifest_->history.size(); i-- > 0;) {
      absl::StatusOr<V1History> v1 = gojson::Unmarshal<V1History>(manifest_->history[i].v1);
      if (!v1.ok()) return errdefs::Annotate(v1.status(), "failed to unmarshal history");
      const std::string& sum = manifest_->fs_layers[i].blob_sum;
      const BlobState& state = blobs_.at(sum);
      ocispec::History& history = image->history.emplace_back();
      history.author = v1->author;
      history.comment = v1->comment;
      // Go's zero time, which is what it writes for none.
      history.created = v1->created.value_or(absl::FromUnixSeconds(-62'135'596'800));
      history.created_by = fmt::format("{}", fmt::join(v1->container_config.cmd, " "));
      history.empty_layer = state.empty;
      if (state.empty) continue;
      if (state.diff_id.empty()) {
        return errdefs::FailedPrecondition(fmt::format("layer {} was not fetched", sum));
      }
      image->rootfs.diff_ids.push_back(state.diff_id);
      layers.push_back(layers_.at(state.diff_id));
    }
    return image;
  }

  const std::shared_ptr<content::Store> store_;
  const std::shared_ptr<Fetcher> fetcher_;
  mutable base::Mutex mu_;
  std::optional<Manifest> manifest_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, BlobState> blobs_ ABSL_GUARDED_BY(mu_);             // by digest
  std::map<std::string, ocispec::Descriptor> layers_ ABSL_GUARDED_BY(mu_);  // by diff ID
};

}  // namespace

constinit const option::Plain<ConvertOpt> UseDockerSchema2([](const Context&,
                                                              ConvertOptions& options) {
  options.manifest_media_type = images::kMediaTypeDockerSchema2Manifest;
  options.config_media_type = images::kMediaTypeDockerSchema2Config;
  return absl::OkStatus();
});

std::shared_ptr<Converter> NewConverter(std::shared_ptr<content::Store> store,
                                        std::shared_ptr<Fetcher> fetcher) {
  return std::make_shared<DockerConverter>(std::move(store), std::move(fetcher));
}

images::HandlerFunc Handler(std::shared_ptr<Converter> converter) {
  return [converter = std::move(converter)](const Context& ctx, const ocispec::Descriptor& desc) {
    return converter->Handle(ctx, desc);
  };
}

absl::StatusOr<std::string> ReadStripSignature(const Context& ctx, io::Reader& schema1_blob) {
  absl::StatusOr<std::string> text = io::ReadAll(ctx, schema1_blob, kManifestSizeLimit);
  if (!text.ok()) return text.status();
  return StripSignature(*text);
}

absl::StatusOr<std::string> StripSignature(std::string_view manifest) {
  absl::StatusOr<Signed> parsed = gojson::Unmarshal<Signed>(manifest);
  if (!parsed.ok()) return parsed.status();
  if (parsed->signatures.empty()) {
    return errdefs::InvalidArgument("schema 1 manifest: no signatures");
  }
  absl::StatusOr<std::string> text = DecodeBase64Url(parsed->signatures.front().protected_block);
  if (!text.ok()) return text.status();
  absl::StatusOr<Protected> block = gojson::Unmarshal<Protected>(*text);
  if (!block.ok()) return block.status();
  if (block->length < 0 || block->length > static_cast<std::int64_t>(manifest.size())) {
    return errdefs::InvalidArgument(fmt::format("schema 1 manifest: {} bytes, but a payload of {}",
                                                manifest.size(), block->length));
  }
  absl::StatusOr<std::string> tail = DecodeBase64Url(block->tail);
  if (!tail.ok()) return tail.status();
  return std::string(manifest.substr(0, static_cast<std::size_t>(block->length))) + *tail;
}

}  // namespace containerd::remotes::docker::schema1
