// SPDX-License-Identifier: Apache-2.0
//
// Package images/archive: archives of images, of the OCI layout and of `docker save`.
//
//   io::FileReader input(fd);
//   auto index = images::archive::ImportIndex(ctx, *store, input);
//
//   io::FileWriter output(fd);
//   absl::Status s = images::archive::Export(
//       ctx, *store, output, {images::archive::WithImage(client.ImageService(), "alpine:3.19")});
//
// Client::Import (containerd/import.h) and Client::Export do this with the client's stores; the
// first creates images from the index, too. Memory does not grow with the size of layers.
//
// Source: core/images/archive.
#ifndef CONTAINERD_IMAGES_ARCHIVE_H_
#define CONTAINERD_IMAGES_ARCHIVE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/content/content.h"
#include "containerd/context/context.h"
#include "containerd/digest/digest.h"
#include "containerd/export/export.h"
#include "containerd/images/handlers.h"
#include "containerd/images/store.h"
#include "containerd/io/io.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/option/option.h"
#include "containerd/option/pairs.h"
#include "containerd/platforms/platforms.h"

namespace containerd::images::archive {

// Most bytes of the JSON documents in an archive that are read into memory: oci-layout and
// manifest.json.
inline constexpr std::int64_t kJSONLimit = std::int64_t{20} << 20;

// What the options set.
struct ImportOptions {
  bool compress = false;
};

using ImportOpt = option::Option<ImportOptions&>;

// Compresses layers with gzip that are not compressed. For archives of `docker save` without a
// layout; a layout's manifests say what its layers are. Source: archive.WithImportCompression.
CONTAINERD_EXPORT extern const option::Plain<ImportOpt> WithImportCompression;

// Reads an archive to its end, writes what is in it to the store while reading, and returns the
// index of its images. The archive may be compressed with gzip or zstd as a whole.
//
// The OCI layout counts where there is one, and its index is returned as it is. For an archive of
// `docker save` from 1.10 on an index is made, which names each image in full
// (kAnnotationImageName, "alpine" becoming "docker.io/library/alpine:latest"). Files that nothing
// refers to become content, too. The context should have a lease, else the garbage collector may
// take away what was just written. What the index refers to is not looked at.
//
// Errors name the entry. ErrInvalidArgument for what is not an archive of images, for documents
// that cannot be read, and for names that lead out of the archive; ErrDataLoss for a truncated or
// damaged archive; ErrFailedPrecondition for a blob that does not have the digest that it is named
// after; ErrNotFound for a file that manifest.json names but is not there; ErrResourceExhausted for
// documents that are too large, of an index.json from kMaxManifestSize on.
// Source: archive.ImportIndex.
CONTAINERD_EXPORT absl::StatusOr<ocispec::Descriptor> ImportIndex(
    const Context& ctx, content::Store& store, io::Reader& reader,
    const std::vector<ImportOpt>& opts = {});

using RefTranslator = std::function<std::string(std::string_view ref)>;

// Makes "<image>:<ref>" of a reference that is a tag only. Full references become empty unless
// `image` is their name or a part of it, up to "/", ":" or "@". Source: archive.FilterRefPrefix.
CONTAINERD_EXPORT RefTranslator FilterRefPrefix(std::string image);

// The same, leaving full references as they are. Source: archive.AddRefPrefix.
CONTAINERD_EXPORT RefTranslator AddRefPrefix(std::string image);

// Makes "<prefix>@<digest>". Source: archive.DigestTranslator.
CONTAINERD_EXPORT std::function<std::string(const digest::Digest&)> DigestTranslator(
    std::string prefix);

// Whether a blob goes into the archive.
using BlobFilter = std::function<bool(const ocispec::Descriptor& desc)>;

// What the options set.
struct ExportOptions {
  std::vector<ocispec::Descriptor> manifests{};
  platforms::MatchComparerPtr platform{};
  bool all_platforms = false;
  bool skip_docker_manifest = false;
  std::vector<BlobFilter> blob_filters{};  // All have to agree.
  HandlerFunc children_handler{};
  std::shared_ptr<content::ReferrersProvider> referrers{};
};

using ExportOpt = option::Option<const Context&, ExportOptions&>;

// Of an index, exports what is for no platform or one that matches, and names the best of them in
// manifest.json; ErrNotFound if nothing matches. Without this option all of the index is exported,
// and manifest.json names nothing of it. Source: archive.WithPlatform.
CONTAINERD_EXPORT ExportOpt WithPlatform(platforms::MatchComparerPtr platform);

// Exports all of an index; what is missing is an error. WithPlatform then only says what
// manifest.json names. Source: archive.WithAllPlatforms.
CONTAINERD_EXPORT extern const option::Plain<ExportOpt> WithAllPlatforms;

// Leaves out manifest.json, for which `docker load` looks. Source: archive.WithSkipDockerManifest.
CONTAINERD_EXPORT extern const option::Plain<ExportOpt> WithSkipDockerManifest;

// Adds an image, under its name. ErrNotFound if the store has none of it. Source:
// archive.WithImage, archive.WithImages.
CONTAINERD_EXPORT ExportOpt WithImage(std::shared_ptr<Store> store, std::string name);
CONTAINERD_EXPORT ExportOpt WithImages(std::vector<Image> images);

// Adds a manifest or an index, once under each name, or with no other annotations than it has.
// Source: archive.WithManifest.
CONTAINERD_EXPORT ExportOpt WithManifest(ocispec::Descriptor manifest,
                                         std::vector<std::string> names = {});
template <std::size_t N, std::size_t M>
requires option::IsPair<M>
void WithManifest(ocispec::Descriptor, option::BracedTexts<N, M>) = delete;

// Leaves out blobs for which `filter` says false; manifests go on naming them. If given more than
// once, all filters count. Source: archive.WithBlobFilter.
CONTAINERD_EXPORT ExportOpt WithBlobFilter(BlobFilter filter);

// Leaves out layers that must not be handed on, as those of Windows. Source:
// archive.WithSkipNonDistributableBlobs.
CONTAINERD_EXPORT extern const option::Plain<ExportOpt> WithSkipNonDistributableBlobs;

// Exports what refers to the manifests, too, and names it in index.json unless an index does.
// Source: archive.WithReferrersProvider.
CONTAINERD_EXPORT ExportOpt
WithReferrersProvider(std::shared_ptr<content::ReferrersProvider> referrers);

// Leaves out manifests that the store lacks, and all content of manifests that it lacks any of: so
// an index of which only some platforms were pulled can be exported. Source:
// archive.WithSkipMissing.
CONTAINERD_EXPORT ExportOpt WithSkipMissing(std::shared_ptr<content::InfoReaderProvider> store);

// Writes an archive of the manifests and indexes that the options add: an OCI layout, with a
// manifest.json for `docker load`. The same content and options give the same bytes, those that Go
// writes for one image. Where a blob was pulled from (its labels under
// labels::kLabelDistributionSource) becomes an annotation. Sizes and digests are checked while
// writing. After a failure the archive lacks its end, so that nothing reads it as complete.
//
// Errors name the content or entry: ErrNotFound for missing content, ErrFailedPrecondition for a
// blob without the digest or size that is said of it, ErrInvalidArgument for what is neither
// manifest nor index, for a document that cannot be read, and for an image whose name manifest.json
// cannot hold. Source: archive.Export.
CONTAINERD_EXPORT absl::Status Export(const Context& ctx, content::InfoReaderProvider& store,
                                      io::Writer& writer, const std::vector<ExportOpt>& opts);

}  // namespace containerd::images::archive

#endif  // CONTAINERD_IMAGES_ARCHIVE_H_
