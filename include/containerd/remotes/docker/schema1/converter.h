// SPDX-License-Identifier: Apache-2.0
//
// Package schema1: images that a registry has in Docker's first manifest format only, made into OCI
// images while they are fetched.
//
//   namespace schema1 = remotes::docker::schema1;
//   auto converter = schema1::NewConverter(store, fetcher);
//   absl::Status s = images::Dispatch(ctx, schema1::Handler(converter), 4, {resolved.desc});
//   if (!s.ok()) return s;
//   absl::StatusOr<ocispec::Descriptor> image = converter->Convert(ctx);
//
// Schema 1 gives neither sizes of layers nor digests of their inflated form, so that each is read
// once more after it was stored. Its signatures are not verified; the digest is.
//
// Source: containerd 1.x's remotes/docker/schema1.
#ifndef CONTAINERD_REMOTES_DOCKER_SCHEMA1_CONVERTER_H_
#define CONTAINERD_REMOTES_DOCKER_SCHEMA1_CONVERTER_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/content/content.h"
#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/images/handlers.h"
#include "containerd/io/io.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/option/option.h"
#include "containerd/remotes/remotes.h"

namespace containerd::remotes::docker::schema1 {

// Most bytes of a schema 1 manifest.
inline constexpr std::size_t kManifestSizeLimit = 8'000'000;

// On a layer's blob: "true" if the layer changes nothing.
inline constexpr char kLabelEmptyLayer[] = "containerd.io/docker.schema1.empty-layer";

// Of what is made; by default OCI's.
struct ConvertOptions {
  std::string manifest_media_type{};
  std::string config_media_type{};
};

using ConvertOpt = option::Option<const Context&, ConvertOptions&>;

// Makes an image of Docker's schema 2.
CONTAINERD_EXPORT extern const option::Plain<ConvertOpt> UseDockerSchema2;

// Converts one image, and cannot be used for another. Safe from any thread.
class CONTAINERD_EXPORT Converter {
 public:
  virtual ~Converter() = default;

  // For a schema 1 manifest, the layers to fetch; for a layer, fetches it into the store and finds
  // out what the manifest does not say. ErrInvalidArgument for a manifest that is none or whose
  // payload does not have the descriptor's digest; ErrFailedPrecondition for a layer before its
  // manifest, and for content with another digest, of which nothing is kept.
  virtual absl::StatusOr<images::Descriptors> Handle(const Context& ctx,
                                                     const ocispec::Descriptor& desc) = 0;

  // Stores config and manifest of the converted image, the manifest with labels that hold the
  // config and the layers, and returns the descriptor of the manifest. ErrFailedPrecondition
  // unless Handle has succeeded for all there is.
  virtual absl::StatusOr<ocispec::Descriptor> Convert(const Context& ctx,
                                                      const std::vector<ConvertOpt>& opts = {}) = 0;
};

CONTAINERD_EXPORT std::shared_ptr<Converter> NewConverter(std::shared_ptr<content::Store> store,
                                                          std::shared_ptr<Fetcher> fetcher);

// The converter's Handle as a handler.
CONTAINERD_EXPORT images::HandlerFunc Handler(std::shared_ptr<Converter> converter);

// The payload of a signed manifest: what it was before the signatures went into it, and what its
// digest is taken of. ErrInvalidArgument for what is none, ErrResourceExhausted for more than
// kManifestSizeLimit bytes.
CONTAINERD_EXPORT absl::StatusOr<std::string> ReadStripSignature(const Context& ctx,
                                                                 io::Reader& schema1_blob);
CONTAINERD_EXPORT absl::StatusOr<std::string> StripSignature(std::string_view manifest);

}  // namespace containerd::remotes::docker::schema1

#endif  // CONTAINERD_REMOTES_DOCKER_SCHEMA1_CONVERTER_H_
