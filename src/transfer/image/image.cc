// SPDX-License-Identifier: Apache-2.0
#include "containerd/transfer/image.h"

#include <algorithm>
#include <map>
#include <string_view>

#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/images/annotations.h"
#include "containerd/images/archive.h"
#include "containerd/ocispec/annotations.h"
#include "containerd/option/option.h"
#include "containerd/platforms/platforms.h"
#include "containerd/remotes/handlers.h"
#include "containerd/types/transfer/imagestore.pb.h"
#include "containerd/typeurl/typeurl.h"

#include "src/base/options.h"
#include "src/images/internal/put.h"
#include "src/rpc/internal/proto_descriptor.h"

namespace containerd::transfer::image {
namespace {

// The annotation that tells where the name of an archive's image comes from; the daemon's import
// sets it.
constexpr char kRefSource[] = "io.containerd.import.ref-source";

StoreOpt WithReference(Reference reference) {
  return [reference = std::move(reference)](StoreOptions& options) {
    options.extra_references.push_back(reference);
  };
}

std::string Annotation(const std::map<std::string, std::string>& annotations, const char* key) {
  const auto found = annotations.find(key);
  return found == annotations.end() ? "" : found->second;
}

std::string ImageName(const std::map<std::string, std::string>& annotations,
                      const images::archive::RefTranslator& translate) {
  // A full name is taken as it is, or the image is left out.
  if (std::string name = Annotation(annotations, images::kAnnotationImageName); !name.empty()) {
    return translate(name) == name ? name : "";
  }
  const std::string ref = Annotation(annotations, ocispec::kAnnotationRefName);
  return ref.empty() ? "" : translate(ref);
}

}  // namespace

StoreOpt WithImageLabels(Labels labels) {
  return [labels = std::move(labels)](StoreOptions& options) { options.image_labels = labels; };
}

StoreOpt WithPlatforms(std::vector<ocispec::Platform> platforms) {
  return [platforms = std::move(platforms)](StoreOptions& options) {
    options.platforms.insert(options.platforms.end(), platforms.begin(), platforms.end());
  };
}

StoreOpt WithManifestLimit(int limit) {
  return [limit](StoreOptions& options) { options.manifest_limit = limit; };
}

constinit const option::Plain<StoreOpt> WithAllMetadata([](StoreOptions& options) {
  options.all_metadata = true;
});

StoreOpt WithNamedPrefix(std::string name, bool allow_overwrite) {
  return WithReference(
      {.name = std::move(name), .is_prefix = true, .allow_overwrite = allow_overwrite});
}

StoreOpt WithDigestRef(std::string name, bool allow_overwrite, bool skip_named) {
  return WithReference({.name = std::move(name),
                        .is_prefix = true,
                        .allow_overwrite = allow_overwrite,
                        .add_digest = true,
                        .skip_named_digest = skip_named});
}

StoreOpt WithExtraReference(std::string name) { return WithReference({.name = std::move(name)}); }

StoreOpt WithUnpack(ocispec::Platform platform, std::string snapshotter) {
  return [unpack = UnpackConfiguration{std::move(platform), std::move(snapshotter)}](
             StoreOptions& options) { options.unpacks.push_back(unpack); };
}

std::string Store::String() const { return fmt::format("Local Image Store ({})", image_); }

absl::StatusOr<typeurl::Any> Store::MarshalAny(const Context& /*ctx*/,
                                               streaming::StreamCreator& /*streams*/,
                                               std::vector<Pump>& /*pumps*/) const {
  if (!options_.error.ok()) return options_.error;
  types::transfer::ImageStore message;
  message.set_name(image_);
  message.mutable_labels()->insert(options_.image_labels.begin(), options_.image_labels.end());
  for (const ocispec::Platform& platform : options_.platforms) {
    *message.add_platforms() = rpc::ToProto(platform);
  }
  message.set_all_metadata(options_.all_metadata);
  message.set_manifest_limit(static_cast<std::uint32_t>(std::max(options_.manifest_limit, 0)));
  for (const Reference& reference : options_.extra_references) {
    types::transfer::ImageReference& proto = *message.add_extra_references();
    proto.set_name(reference.name);
    proto.set_is_prefix(reference.is_prefix);
    proto.set_allow_overwrite(reference.allow_overwrite);
    proto.set_add_digest(reference.add_digest);
    proto.set_skip_named_digest(reference.skip_named_digest);
  }
  for (const UnpackConfiguration& unpack : options_.unpacks) {
    types::transfer::UnpackConfiguration& proto = *message.add_unpacks();
    *proto.mutable_platform() = rpc::ToProto(unpack.platform);
    proto.set_snapshotter(unpack.snapshotter);
  }
  return typeurl::MarshalAny(message);
}

images::HandlerFunc Store::ImageFilter(images::HandlerFunc f,
                                       std::shared_ptr<content::Store> cs) const {
  const platforms::MatchComparerPtr platform =
      options_.platforms.empty() ? platforms::All() : platforms::Ordered(options_.platforms);
  f = images::SetChildrenLabels(std::move(cs), std::move(f));
  f = options_.all_metadata ? remotes::FilterManifestByPlatformHandler(std::move(f), platform)
                            : images::FilterPlatforms(std::move(f), platform);
  if (options_.manifest_limit > 0) {
    f = images::LimitManifests(std::move(f), platform, options_.manifest_limit);
  }
  return f;
}

absl::StatusOr<std::vector<images::Image>> Store::StoreImages(const Context& ctx,
                                                              ocispec::Descriptor desc,
                                                              images::Store& store) const {
  // Images besides the first one go when that is deleted.
  Labels extra = options_.image_labels;
  if (!image_.empty()) {
    extra["containerd.io/gc.bref.image"] = image_;
    extra["containerd.io/gc.expire"] =
        absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::Now(), absl::UTCTimeZone());
  }
  const auto by_digest = [&](const Reference& reference) {
    return fmt::format("{}@{}", reference.name, desc.digest);
  };

  std::vector<std::pair<std::string, Labels>> names;
  if (const std::string source = Annotation(desc.annotations, kRefSource); !source.empty()) {
    if (source != "annotation") {
      return errdefs::InvalidArgument(fmt::format("ref source not supported: \"{}\"", source));
    }
    for (const Reference& reference : options_.extra_references) {
      if (!reference.is_prefix) continue;
      const std::string name =
          ImageName(desc.annotations, reference.allow_overwrite
                                          ? images::archive::AddRefPrefix(reference.name)
                                          : images::archive::FilterRefPrefix(reference.name));
      if (!name.empty()) names.emplace_back(name, extra);
      if (reference.add_digest && (name.empty() || !reference.skip_named_digest)) {
        names.emplace_back(by_digest(reference), extra);
      }
    }
    desc.annotations.erase(kRefSource);
  } else {
    if (!image_.empty()) names.emplace_back(image_, options_.image_labels);
    for (const Reference& reference : options_.extra_references) {
      if (reference.is_prefix && !reference.add_digest) continue;
      names.emplace_back(reference.add_digest ? by_digest(reference) : reference.name, extra);
    }
  }
  if (names.empty()) {
    return errdefs::NotFound(fmt::format("no image name found for \"{}\"", desc.digest));
  }

  std::vector<images::Image> result;
  for (auto& [name, labels] : names) {
    absl::StatusOr<images::Image> image =
        images::PutImage(ctx, store, {.name = name, .labels = std::move(labels), .target = desc});
    if (!image.ok()) return image.status();
    result.push_back(*std::move(image));
  }
  return result;
}

absl::StatusOr<images::Image> Store::Get(const Context& ctx, images::Store& store) const {
  return store.Get(ctx, image_);
}

absl::StatusOr<std::vector<images::Image>> Store::Lookup(const Context& ctx,
                                                         images::Store& store) const {
  std::vector<std::string> names;
  if (!image_.empty()) names.push_back(image_);
  for (const Reference& reference : options_.extra_references) {
    if (reference.is_prefix) {
      return errdefs::NotImplemented(
          fmt::format("lookup of images by the prefix \"{}\"", reference.name));
    }
    names.push_back(reference.name);
  }
  std::vector<images::Image> result;
  for (const std::string& name : names) {
    absl::StatusOr<images::Image> image = store.Get(ctx, name);
    if (!image.ok()) return image.status();
    result.push_back(*std::move(image));
  }
  return result;
}

Store NewStore(std::string image, const std::vector<StoreOpt>& opts) {
  StoreOptions options;
  options.error = base::Apply(opts, options);
  return {std::move(image), std::move(options)};
}

}  // namespace containerd::transfer::image
