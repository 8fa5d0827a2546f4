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

class ImageResolver {
 public:
  virtual ~ImageResolver() = default;
  virtual absl::StatusOr<remotes::Resolver::Resolved> Resolve(const Context& ctx) const = 0;
};

class ImageResolverOptionSetter : public virtual ImageResolver {
 public:
  virtual void SetResolverOptions(const std::vector<ImageResolverOption>& options) = 0;
};

class ImageFetcher : public virtual ImageResolver {
 public:
  virtual absl::StatusOr<std::shared_ptr<transfer::Fetcher>> Fetcher(
      const Context& ctx, std::string_view ref) const = 0;
};

class ImagePusher {
 public:
  virtual ~ImagePusher() = default;
  virtual absl::StatusOr<std::shared_ptr<transfer::Pusher>> Pusher(
      const Context& ctx, const ocispec::Descriptor& desc) const = 0;
};

// Leaves out what is not wanted of an image.
class ImageFilterer {
 public:
  virtual ~ImageFilterer() = default;
  virtual images::HandlerFunc ImageFilter(images::HandlerFunc f,
                                          std::shared_ptr<content::Store> cs) const = 0;
};

// Makes images of a manifest or index. Source: ImageStorer.Store.
class ImageStorer {
 public:
  virtual ~ImageStorer() = default;
  virtual absl::StatusOr<std::vector<images::Image>> StoreImages(const Context& ctx,
                                                                 ocispec::Descriptor desc,
                                                                 images::Store& store) const = 0;
};

class ImageGetter {
 public:
  virtual ~ImageGetter() = default;
  virtual absl::StatusOr<images::Image> Get(const Context& ctx, images::Store& store) const = 0;
};

class ImageLookup {
 public:
  virtual ~ImageLookup() = default;
  virtual absl::StatusOr<std::vector<images::Image>> Lookup(const Context& ctx,
                                                            images::Store& store) const = 0;
};

class ImageExporter {
 public:
  virtual ~ImageExporter() = default;
  virtual absl::Status Export(const Context& ctx, content::Store& cs,
                              const std::vector<images::Image>& images) const = 0;
};

class ImageImporter {
 public:
  virtual ~ImageImporter() = default;
  virtual absl::StatusOr<ocispec::Descriptor> Import(const Context& ctx,
                                                     content::Store& store) const = 0;
};

// The archive, and its media type.
class ImageImportStreamer {
 public:
  virtual ~ImageImportStreamer() = default;
  virtual std::pair<std::shared_ptr<io::Reader>, std::string> ImportStream() const = 0;
};

class ImageExportStreamer {
 public:
  virtual ~ImageExportStreamer() = default;
  virtual std::pair<std::shared_ptr<io::Writer>, std::string> ExportStream() const = 0;
};

class ImageUnpacker {
 public:
  virtual ~ImageUnpacker() = default;
  virtual std::vector<UnpackConfiguration> UnpackPlatforms() const = 0;
};

class ImagePlatformsGetter {
 public:
  virtual ~ImagePlatformsGetter() = default;
  virtual std::vector<ocispec::Platform> Platforms() const = 0;
};

}  // namespace containerd::transfer

#endif  // CONTAINERD_TRANSFER_INTERFACES_H_
