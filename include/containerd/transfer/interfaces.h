// SPDX-License-Identifier: Apache-2.0
//
// What objects of a transfer can do, besides going to a daemon: resolve, fetch, push, look up,
// store, import and export images right here. The objects of this library (image.h, registry.h,
// archive.h) implement them, as the daemon's own do.
//
//   auto archive = transfer::archive::NewImageImportStream(file);
//   absl::StatusOr<ocispec::Descriptor> index = archive.Import(ctx, *store);
//
// Source: core/transfer/transfer.go.
#ifndef CONTAINERD_TRANSFER_INTERFACES_H_
#define CONTAINERD_TRANSFER_INTERFACES_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/content/content.h"
#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/images/handlers.h"
#include "containerd/images/store.h"
#include "containerd/io/io.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/remotes/remotes.h"
#include "containerd/transfer/image_resolver.h"

namespace containerd::transfer {

using Fetcher = remotes::Fetcher;
using Pusher = remotes::Pusher;

// Which platform to unpack, and with which snapshotter; empty: the platform's default.
struct UnpackConfiguration {
  ocispec::Platform platform{};
  std::string snapshotter{};

  friend bool operator==(const UnpackConfiguration&, const UnpackConfiguration&) = default;
};

// Finds out what a name stands for. Thread safe unless a class says otherwise, as are all
// interfaces here. Source: transfer.ImageResolver.
class CONTAINERD_EXPORT ImageResolver {
 public:
  virtual ~ImageResolver() = default;

  // The full name and the descriptor of the object's image. ErrNotFound if the remote has none.
  virtual absl::StatusOr<remotes::Resolver::Resolved> Resolve(const Context& ctx) const = 0;
};

// A resolver whose limits for fetching can be set. Call it before the first request. Source:
// transfer.ImageResolverOptionSetter.
class CONTAINERD_EXPORT ImageResolverOptionSetter : public virtual ImageResolver {
 public:
  // Applies the options to all later requests.
  virtual void SetResolverOptions(const std::vector<ImageResolverOpt>& options) = 0;
};

// A resolver that can also fetch. Source: transfer.ImageFetcher.
class CONTAINERD_EXPORT ImageFetcher : public virtual ImageResolver {
 public:
  // A fetcher of content of `ref`, a name that Resolve returned.
  virtual absl::StatusOr<std::shared_ptr<transfer::Fetcher>> Fetcher(
      const Context& ctx, std::string_view ref) const = 0;
};

// A place that content can be pushed to. Source: transfer.ImagePusher.
class CONTAINERD_EXPORT ImagePusher {
 public:
  virtual ~ImagePusher() = default;

  // A pusher of `desc` and what it refers to.
  virtual absl::StatusOr<std::shared_ptr<transfer::Pusher>> Pusher(
      const Context& ctx, const ocispec::Descriptor& desc) const = 0;
};

// Leaves out what is not wanted of an image.
class CONTAINERD_EXPORT ImageFilterer {
 public:
  virtual ~ImageFilterer() = default;

  // Wraps `f`, which returns a descriptor's children, so that unwanted children are left out. `cs`
  // is where the content is.
  virtual images::HandlerFunc ImageFilter(images::HandlerFunc f,
                                          std::shared_ptr<content::Store> cs) const = 0;
};

// Makes images of a manifest or index. Source: ImageStorer.Store.
class CONTAINERD_EXPORT ImageStorer {
 public:
  virtual ~ImageStorer() = default;

  // Creates or updates the records, and returns them as stored.
  virtual absl::StatusOr<std::vector<images::Image>> StoreImages(const Context& ctx,
                                                                 ocispec::Descriptor desc,
                                                                 images::Store& store) const = 0;
};

// Gets one image record. Source: transfer.ImageGetter.
class CONTAINERD_EXPORT ImageGetter {
 public:
  virtual ~ImageGetter() = default;

  // The image from `store`. ErrNotFound if there is none.
  virtual absl::StatusOr<images::Image> Get(const Context& ctx, images::Store& store) const = 0;
};

// Finds the image records to export. Source: transfer.ImageLookup.
class CONTAINERD_EXPORT ImageLookup {
 public:
  virtual ~ImageLookup() = default;

  // The images from `store`. ErrNotFound if one is missing.
  virtual absl::StatusOr<std::vector<images::Image>> Lookup(const Context& ctx,
                                                            images::Store& store) const = 0;
};

// Writes images somewhere. Source: transfer.ImageExporter.
class CONTAINERD_EXPORT ImageExporter {
 public:
  virtual ~ImageExporter() = default;

  // Writes the images, with their content from `cs`. Blocks until all is written.
  virtual absl::Status Export(const Context& ctx, content::Store& cs,
                              const std::vector<images::Image>& images) const = 0;
};

// Reads images from somewhere. Source: transfer.ImageImporter.
class CONTAINERD_EXPORT ImageImporter {
 public:
  virtual ~ImageImporter() = default;

  // Writes the content to `store`, and returns the index of the images. Blocks until all is read.
  virtual absl::StatusOr<ocispec::Descriptor> Import(const Context& ctx,
                                                     content::Store& store) const = 0;
};

// The archive, and its media type.
class CONTAINERD_EXPORT ImageImportStreamer {
 public:
  virtual ~ImageImportStreamer() = default;
  virtual std::pair<std::shared_ptr<io::Reader>, std::string> ImportStream() const = 0;
};

// The stream that an archive is written to, and the archive's media type. Source:
// transfer.ImageExportStreamer.
class CONTAINERD_EXPORT ImageExportStreamer {
 public:
  virtual ~ImageExportStreamer() = default;
  virtual std::pair<std::shared_ptr<io::Writer>, std::string> ExportStream() const = 0;
};

// Says what to unpack after storing. Source: transfer.ImageUnpacker.
class CONTAINERD_EXPORT ImageUnpacker {
 public:
  virtual ~ImageUnpacker() = default;

  // One entry for each platform to unpack; none: nothing is unpacked.
  virtual std::vector<UnpackConfiguration> UnpackPlatforms() const = 0;
};

// Says which platforms a transfer is for. Source: transfer.ImagePlatformsGetter.
class CONTAINERD_EXPORT ImagePlatformsGetter {
 public:
  virtual ~ImagePlatformsGetter() = default;

  // Empty: all platforms.
  virtual std::vector<ocispec::Platform> Platforms() const = 0;
};

}  // namespace containerd::transfer

#endif  // CONTAINERD_TRANSFER_INTERFACES_H_
