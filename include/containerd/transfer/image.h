// SPDX-License-Identifier: Apache-2.0
//
// Package transfer/image: the daemon's image store as source or destination of a transfer.
//
//   client.Transfer(ctx, registry,
//                   transfer::image::NewStore("docker.io/library/alpine:latest",
//                                             {transfer::image::WithPlatforms({*platform}),
//                                              transfer::image::WithUnpack(*platform, "")}));
//
// Source: core/transfer/image.
#ifndef CONTAINERD_TRANSFER_IMAGE_H_
#define CONTAINERD_TRANSFER_IMAGE_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

#include "containerd/export/export.h"
#include "containerd/labels/labels.h"
#include "containerd/option/option.h"
#include "containerd/transfer/interfaces.h"
#include "containerd/transfer/transfer.h"

namespace containerd::transfer::image {

// Names images that are stored or looked up besides the first one. Source: image.Reference.
struct Reference {
  std::string name{};

  // The name is a prefix, without tag and digest; the tags or digests of the archive's images are
  // added to it.
  bool is_prefix = false;

  // With a prefix: takes full names from the archive that do not begin with it, too.
  bool allow_overwrite = false;

  // With a prefix: makes "<name>@<digest>" as well.
  bool add_digest = false;

  // With a prefix: but not for images that have a name.
  bool skip_named_digest = false;

  friend bool operator==(const Reference&, const Reference&) = default;
};

// What the options set.
struct StoreOptions {
  Labels image_labels{};
  std::vector<ocispec::Platform> platforms{};
  bool all_metadata = false;
  int manifest_limit = 0;  // 0: none
  std::vector<Reference> extra_references{};
  std::vector<UnpackConfiguration> unpacks{};
  absl::Status error{};  // of an option: what is made with these options returns it
};

using StoreOpt = option::Option<StoreOptions&>;

// Labels of the images that are made.
CONTAINERD_EXPORT StoreOpt WithImageLabels(Labels labels);

// Fetches content for these platforms; by default for all. May be given more than once.
CONTAINERD_EXPORT StoreOpt WithPlatforms(std::vector<ocispec::Platform> platforms);

// Fetches no more than the best `limit` manifests of an index.
CONTAINERD_EXPORT StoreOpt WithManifestLimit(int limit);

// Fetches manifests and configs for all platforms.
CONTAINERD_EXPORT extern const option::Plain<StoreOpt> WithAllMetadata;

// For imports: names images of an archive "<name>:<tag>"; full names there have to begin with
// `name` unless `allow_overwrite`. Images without a name are left out.
CONTAINERD_EXPORT StoreOpt WithNamedPrefix(std::string name, bool allow_overwrite);

// Like WithNamedPrefix, and also names images "<name>@<digest>"; with `skip_named` only those
// without a name.
CONTAINERD_EXPORT StoreOpt WithDigestRef(std::string name, bool allow_overwrite, bool skip_named);

// Stores, or exports, under this name as well.
CONTAINERD_EXPORT StoreOpt WithExtraReference(std::string name);

// Unpacks for the platform, with a snapshotter or the daemon's default ("").
CONTAINERD_EXPORT StoreOpt WithUnpack(ocispec::Platform platform, std::string snapshotter);

// A value; its functions are safe from any thread. Source: image.Store.
class CONTAINERD_EXPORT Store final : public Object,
                                      public ImageFilterer,
                                      public ImageStorer,
                                      public ImageGetter,
                                      public ImageLookup,
                                      public ImageUnpacker,
                                      public ImagePlatformsGetter {
 public:
  Store(std::string image, StoreOptions options)
      : image_(std::move(image)), options_(std::move(options)) {}

  std::string String() const override;
  absl::StatusOr<typeurl::Any> MarshalAny(const Context& ctx, streaming::StreamCreator& streams,
                                          std::vector<Pump>& pumps) const override;

  // Filters as a transfer into this store does; children are labelled for the garbage collector.
  images::HandlerFunc ImageFilter(images::HandlerFunc f,
                                  std::shared_ptr<content::Store> cs) const override;

  // Creates or updates the image records for `desc`, one for each name that this store's options
  // give it. ErrNotFound if they give it none. Source: Store.Store.
  absl::StatusOr<std::vector<images::Image>> StoreImages(const Context& ctx,
                                                         ocispec::Descriptor desc,
                                                         images::Store& store) const override;

  absl::StatusOr<images::Image> Get(const Context& ctx, images::Store& store) const override;

  // All images that the options name. ErrNotImplemented if one of the names is a prefix. Source:
  // Store.Lookup.
  absl::StatusOr<std::vector<images::Image>> Lookup(const Context& ctx,
                                                    images::Store& store) const override;

  std::vector<UnpackConfiguration> UnpackPlatforms() const override { return options_.unpacks; }
  std::vector<ocispec::Platform> Platforms() const override { return options_.platforms; }

 private:
  std::string image_;
  StoreOptions options_;
};

// The image of that name; empty to import images by the names in the archive, or to export only
// extra references. Source: image.NewStore.
CONTAINERD_EXPORT Store NewStore(std::string image, const std::vector<StoreOpt>& opts = {});

}  // namespace containerd::transfer::image

#endif  // CONTAINERD_TRANSFER_IMAGE_H_
