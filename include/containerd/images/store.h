// SPDX-License-Identifier: Apache-2.0
//
// Package images, the records: a name, and the manifest or index that it stands for.
//
//   std::shared_ptr<images::Store> store = images::NewImageStoreFromClient(conn);
//   absl::StatusOr<images::Image> image =
//       store->Create(ctx, {.name = "docker.io/library/busybox:latest", .target = index});
//   if (!image.ok()) return image.status();
//   ...
//   return store->Delete(ctx, image->name, {images::SynchronousDelete()});
//
// More of the package: mediatypes.h (what kinds of content there are), handlers.h (walking an
// image's content), image.h (its manifest, config and layers).
//
// Source: core/images/image.go.
#ifndef CONTAINERD_IMAGES_STORE_H_
#define CONTAINERD_IMAGES_STORE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/context/context.h"
#include "containerd/digest/digest.h"
#include "containerd/export/export.h"
#include "containerd/labels/labels.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/option/option.h"
#include "containerd/option/pairs.h"

namespace containerd::content {
class Provider;
}
namespace containerd::platforms {
class MatchComparer;
}

namespace containerd::rpc {
class Connection;
}  // namespace containerd::rpc

namespace containerd::images {

// Source: images.Image.
struct CONTAINERD_EXPORT Image {
  // Required. To be pulled it has to be a reference that resolvers understand.
  std::string name{};

  // Decorate the record; nothing is inherited from or by the content. Optional.
  Labels labels{};

  // The image's root: a manifest or an index. Of its fields the daemon keeps media type, digest,
  // size and annotations.
  ocispec::Descriptor target{};

  // Set by the daemon; absl::InfinitePast() in an image that is not stored yet.
  absl::Time created_at = absl::InfinitePast();
  absl::Time updated_at = absl::InfinitePast();

  // The functions of the same names in images/image.h, on `target`.
  absl::StatusOr<ocispec::Descriptor> Config(
      const Context& ctx, content::Provider& provider,
      const std::shared_ptr<const platforms::MatchComparer>& platform) const;
  absl::StatusOr<std::vector<digest::Digest>> RootFS(
      const Context& ctx, content::Provider& provider,
      const std::shared_ptr<const platforms::MatchComparer>& platform) const;

  // Bytes of the manifest, config and layers for a platform, as the descriptors say.
  absl::StatusOr<std::int64_t> Size(
      const Context& ctx, content::Provider& provider,
      const std::shared_ptr<const platforms::MatchComparer>& platform) const;

  friend bool operator==(const Image&, const Image&) = default;
};

// Source: images.DeleteOptions.
struct DeleteOptions {
  bool synchronous = false;
  std::optional<ocispec::Descriptor> target{};
};

using DeleteOpt = option::Option<const Context&, DeleteOptions&>;

// Deleting returns after the garbage collector has removed what only this image held.
// Source: images.SynchronousDelete.
CONTAINERD_EXPORT extern const option::Plain<DeleteOpt> SynchronousDelete;

// Deletes the image only if it still has this target; else ErrNotFound. Daemons before 2.0 do not
// look at it. Source: images.DeleteTarget.
CONTAINERD_EXPORT DeleteOpt DeleteTarget(ocispec::Descriptor target);

// Where images are kept, in the namespace that the context names. All functions are safe from any
// thread. Source: images.Store.
class CONTAINERD_EXPORT Store {
 public:
  virtual ~Store() = default;

  // ErrNotFound if there is none.
  virtual absl::StatusOr<Image> Get(const Context& ctx, std::string_view name) = 0;

  // The images that match any of `filters`; all without filters. Fields to filter by: name,
  // target.digest, target.mediatype, labels.<key>, annotations.<key>. ErrInvalidArgument for a
  // filter that does not parse.
  virtual absl::StatusOr<std::vector<Image>> List(const Context& ctx,
                                                  const std::vector<std::string>& filters = {}) = 0;
  template <std::size_t N, std::size_t M>
  requires option::IsPair<M>
  void List(const Context&, option::BracedTexts<N, M>) = delete;

  // Returns the image as stored, with its times set: to the context's SourceDateEpoch if it has
  // one and the daemon is 1.7 or later, else to now. ErrAlreadyExists if the name is taken.
  virtual absl::StatusOr<Image> Create(const Context& ctx, const Image& image) = 0;

  // Replaces the image that has `image.name` and returns it as stored. With field paths (as
  // "target", "labels", "labels.<key>", "annotations.<key>") only those fields change. The
  // context's SourceDateEpoch counts as for Create. ErrNotFound if there is none.
  virtual absl::StatusOr<Image> Update(const Context& ctx, const Image& image,
                                       const std::vector<std::string>& fieldpaths = {}) = 0;
  template <std::size_t N, std::size_t M>
  requires option::IsPair<M>
  void Update(const Context&, const Image&, option::BracedTexts<N, M>) = delete;

  // ErrNotFound if there is none. The content goes when the garbage collector finds that nothing
  // else holds it.
  virtual absl::Status Delete(const Context& ctx, std::string_view name,
                              const std::vector<DeleteOpt>& opts = {}) = 0;
};

// The daemon's.
CONTAINERD_EXPORT std::shared_ptr<Store> NewImageStore(std::shared_ptr<rpc::Connection> conn);

// The same under Go's name. Source: client.NewImageStoreFromClient.
inline std::shared_ptr<Store> NewImageStoreFromClient(std::shared_ptr<rpc::Connection> conn) {
  return NewImageStore(std::move(conn));
}

}  // namespace containerd::images

#endif  // CONTAINERD_IMAGES_STORE_H_
