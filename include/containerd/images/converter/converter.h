// SPDX-License-Identifier: Apache-2.0
//
// Package images/converter: images made of others: layers compressed otherwise, Docker's media
// types instead of the OCI's or the reverse, platforms left out.
//
//   auto image = images::converter::Convert(
//       ctx, client, "example.com/tools:oci-zstd", "example.com/tools:latest",
//       {images::converter::WithDockerToOCI(true),
//        images::converter::WithLayerConvertFunc(
//            images::converter::compress::LayerConvertFunc(compression::Compression::kZstd)),
//        images::converter::WithPlatform(platforms::Default())});
//
// compress.h and uncompress.h have functions that convert layers. All functions are safe from any
// thread.
//
// Source: core/images/converter.
#ifndef CONTAINERD_IMAGES_CONVERTER_CONVERTER_H_
#define CONTAINERD_IMAGES_CONVERTER_CONVERTER_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/content/content.h"
#include "containerd/context/context.h"
#include "containerd/digest/digest.h"
#include "containerd/export/export.h"
#include "containerd/gojson/value.h"
#include "containerd/images/store.h"
#include "containerd/labels/labels.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/ocispec/image.h"
#include "containerd/ocispec/manifest.h"
#include "containerd/option/option.h"
#include "containerd/platforms/platforms.h"

namespace containerd::images::converter {

// Converts content, writes what comes of it to the store, and returns the descriptor of that;
// nullopt if the content stays as it is. Source: converter.ConvertFunc.
using ConvertFunc = std::function<absl::StatusOr<std::optional<ocispec::Descriptor>>(
    const Context& ctx, content::Store& cs, const ocispec::Descriptor& desc)>;

// Called after each manifest, with the original and what became of it (the same if nothing did). A
// descriptor that it returns replaces the converted one. Source: converter.UpdateManifestFunc.
using UpdateManifestFunc = std::function<absl::StatusOr<std::optional<ocispec::Descriptor>>(
    const Context& ctx, content::Store& cs, const ocispec::Descriptor& original,
    const ocispec::Descriptor& converted)>;

// Called after each blob with what became of it, nullopt if it stays. A descriptor that it returns
// replaces the converted one. Calls for layers of a manifest may come at the same time. Source:
// converter.ConvertHookFunc.
using ConvertHookFunc = std::function<absl::StatusOr<std::optional<ocispec::Descriptor>>(
    const Context& ctx, content::Store& cs, const ocispec::Descriptor& original,
    const std::optional<ocispec::Descriptor>& converted)>;

// Source: converter.ConvertHooks.
struct ConvertHooks {
  ConvertHookFunc post_convert_hook{};
};

// What the options set.
struct ConvertOptions {
  ConvertFunc layer_convert_func{};
  ConvertFunc index_convert_func{};
  UpdateManifestFunc update_manifest_func{};
  ConvertHooks hooks{};
  bool docker_to_oci = false;
  bool oci_to_docker = false;
  platforms::MatchComparerPtr platform{};
};

using Opt = option::Option<ConvertOptions&>;

// Converts the layers; several of a manifest at once. Source: converter.WithLayerConvertFunc.
CONTAINERD_EXPORT Opt WithLayerConvertFunc(ConvertFunc fn);

// Replaces Docker's media types by the OCI's. (Go's function does so for `false`, too.) Source:
// converter.WithDockerToOCI.
CONTAINERD_EXPORT Opt WithDockerToOCI(bool convert);

// The reverse, which Go lacks. Annotations, which Docker's formats do not have, are dropped;
// manifests without an image's config, as those of attestations, stay as they are.
CONTAINERD_EXPORT Opt WithOCIToDocker(bool convert);

// Leaves out the manifests of an index for other platforms; by default none. Source:
// converter.WithPlatform.
CONTAINERD_EXPORT Opt WithPlatform(platforms::MatchComparerPtr platform);

// Converts the image's manifest or index as a whole, instead of all that the other options say.
// Source: converter.WithIndexConvertFunc.
CONTAINERD_EXPORT Opt WithIndexConvertFunc(ConvertFunc fn);

// Source: converter.WithUpdateManifest.
CONTAINERD_EXPORT Opt WithUpdateManifest(UpdateManifestFunc fn);

// The function that converts manifests and indexes by default: their layers with
// `layer_convert_func` (which may be empty), configs where diff ids have changed, and the documents
// themselves. `platform` may be nullptr. The result remembers diff ids: it is for one image.
// ErrNotFound if an index has nothing for the platform, or content is missing. Source:
// converter.DefaultIndexConvertFunc, converter.IndexConvertFuncWithHook.
CONTAINERD_EXPORT ConvertFunc DefaultIndexConvertFunc(ConvertFunc layer_convert_func,
                                                      bool docker_to_oci,
                                                      platforms::MatchComparerPtr platform);
CONTAINERD_EXPORT ConvertFunc IndexConvertFuncWithHook(ConvertFunc layer_convert_func,
                                                       bool docker_to_oci,
                                                       platforms::MatchComparerPtr platform,
                                                       ConvertHooks hooks);

// What Convert asks of a client: containerd::Client, or what a test puts in its place.
// Source: converter.Client.
template <class C>
concept Client = requires(C& client, const Context& ctx) {
  client.WithLease(ctx)->context();
  std::shared_ptr<content::Store>(client.ContentStore());
  std::shared_ptr<Store>(client.ImageService());
};

// Convert, under the lease that `ctx` has.
CONTAINERD_EXPORT absl::StatusOr<Image> ConvertUnderLease(const Context& ctx, content::Store& cs,
                                                          Store& is, std::string_view dst_ref,
                                                          std::string_view src_ref,
                                                          const std::vector<Opt>& opts = {});

// Makes an image `dst_ref` of the image `src_ref`, with the labels of that; an image of that name
// is replaced. They may be the same. A lease holds the new content until the image record refers to
// it. If converting fails, the garbage collector removes the new content. Returns the image as
// stored. Source: converter.Convert.
template <Client C>
absl::StatusOr<Image> Convert(const Context& ctx, C& client, std::string_view dst_ref,
                              std::string_view src_ref, const std::vector<Opt>& opts = {}) {
  auto lease = client.WithLease(ctx);
  if (!lease.ok()) return lease.status();
  const std::shared_ptr<content::Store> cs = client.ContentStore();
  const std::shared_ptr<Store> is = client.ImageService();
  return ConvertUnderLease(lease->context(), *cs, *is, dst_ref, src_ref, opts);
}

// A config as its members, so that writing it again loses none. Source: converter.DualConfig.
using DualConfig = std::map<std::string, gojson::RawMessage>;

// Reads a document into `x` and returns its content's labels. ErrNotFound, ErrInvalidArgument.
// Source: converter.ReadJSON.
CONTAINERD_EXPORT absl::StatusOr<Labels> ReadJSON(const Context& ctx, content::Store& cs,
                                                  ocispec::Manifest* x,
                                                  const ocispec::Descriptor& desc);
CONTAINERD_EXPORT absl::StatusOr<Labels> ReadJSON(const Context& ctx, content::Store& cs,
                                                  ocispec::Index* x,
                                                  const ocispec::Descriptor& desc);
CONTAINERD_EXPORT absl::StatusOr<Labels> ReadJSON(const Context& ctx, content::Store& cs,
                                                  ocispec::Image* x,
                                                  const ocispec::Descriptor& desc);
CONTAINERD_EXPORT absl::StatusOr<Labels> ReadJSON(const Context& ctx, content::Store& cs,
                                                  DualConfig* x, const ocispec::Descriptor& desc);

// Writes a document with these labels (which it gets as well if it is there already), and returns
// `old_desc` with its digest and size. Source: converter.WriteJSON.
CONTAINERD_EXPORT absl::StatusOr<ocispec::Descriptor> WriteJSON(const Context& ctx,
                                                                content::Store& cs,
                                                                const ocispec::Manifest& x,
                                                                const ocispec::Descriptor& old_desc,
                                                                const Labels& labels);
CONTAINERD_EXPORT absl::StatusOr<ocispec::Descriptor> WriteJSON(const Context& ctx,
                                                                content::Store& cs,
                                                                const ocispec::Index& x,
                                                                const ocispec::Descriptor& old_desc,
                                                                const Labels& labels);
CONTAINERD_EXPORT absl::StatusOr<ocispec::Descriptor> WriteJSON(const Context& ctx,
                                                                content::Store& cs,
                                                                const DualConfig& x,
                                                                const ocispec::Descriptor& old_desc,
                                                                const Labels& labels);

// The OCI's media type for one of Docker's, and the reverse; others are returned as they are.
// Source: converter.ConvertDockerMediaTypeToOCI.
CONTAINERD_EXPORT std::string ConvertDockerMediaTypeToOCI(std::string_view media_type);
CONTAINERD_EXPORT std::string ConvertOCIMediaTypeToDocker(std::string_view media_type);

// Removes the labels that hold the content `dgst` against garbage collection. Source:
// converter.ClearGCLabels.
CONTAINERD_EXPORT void ClearGCLabels(Labels& labels, const digest::Digest& dgst);

}  // namespace containerd::images::converter

#endif  // CONTAINERD_IMAGES_CONVERTER_CONVERTER_H_
