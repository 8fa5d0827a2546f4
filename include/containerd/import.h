// SPDX-License-Identifier: Apache-2.0
//
// The options of Client::Import, which brings images from an archive into the daemon's stores.
//
//   io::FileReader archive(fd);
//   auto images = client.Import(ctx, archive, {
//       WithImageRefTranslator(images::archive::AddRefPrefix("docker.io/library/tools")),
//       WithIndexName("docker.io/library/tools:archive"),
//   });
//
// Source: client/import.go.
#ifndef CONTAINERD_IMPORT_H_
#define CONTAINERD_IMPORT_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>

#include "containerd/client.h"
#include "containerd/content/content.h"
#include "containerd/digest/digest.h"
#include "containerd/export/export.h"
#include "containerd/images/store.h"
#include "containerd/labels/labels.h"
#include "containerd/option/option.h"
#include "containerd/platforms/platforms.h"

namespace containerd {

// What the options set.
struct ImportOptions {
  std::string index_name;
  std::function<std::string(std::string_view ref)> image_ref_translator;
  std::function<std::string(const digest::Digest&)> digest_ref;
  std::function<bool(std::string_view name)> skip_digest_ref;
  bool all_platforms = false;
  platforms::MatchComparerPtr platform;
  bool compress = false;
  bool discard_layers = false;
  bool skip_missing = false;
  Labels image_labels;
  bool set_image_labels = false;
  std::shared_ptr<content::ReferrersProvider> referrers;
};

// Makes an image's name of its reference in an OCI layout, which may be a tag only; an empty result
// keeps it from becoming an image. Names that containerd or Docker wrote are taken as they are.
// By default the reference is the name. See images::archive::AddRefPrefix and FilterRefPrefix.
CONTAINERD_EXPORT ImportOpt
WithImageRefTranslator(std::function<std::string(std::string_view ref)> f);

// Labels of the images; they replace those of images that exist.
CONTAINERD_EXPORT ImportOpt WithImageLabels(Labels labels);

// Makes a second image for each manifest, of the name that `f` gives it, unless that is empty. See
// images::archive::DigestTranslator.
CONTAINERD_EXPORT ImportOpt WithDigestRef(std::function<std::string(const digest::Digest&)> f);

// Leaves out the image of WithDigestRef where `f`, given the image's name or "", says true.
CONTAINERD_EXPORT ImportOpt WithSkipDigestRef(std::function<bool(std::string_view name)> f);

// Makes an image of that name for the archive's index as a whole.
CONTAINERD_EXPORT ImportOpt WithIndexName(std::string name);

// Imports the content for all platforms, or for those that match; by default the client's.
CONTAINERD_EXPORT ImportOpt WithAllPlatforms(bool all_platforms);
CONTAINERD_EXPORT ImportOpt WithImportPlatform(platforms::MatchComparerPtr platform);

// Compresses layers of `docker save` that are not compressed. As Go's function of this name it is
// called: Import(ctx, archive, {WithImportCompression()}).
CONTAINERD_EXPORT extern const option::Plain<ImportOpt> WithImportCompression;

// Lets the garbage collector remove layers once they have been unpacked.
CONTAINERD_EXPORT extern const option::Plain<ImportOpt> WithDiscardUnpackedLayers;

// Takes archives that lack some of the content that their index refers to.
CONTAINERD_EXPORT extern const option::Plain<ImportOpt> WithSkipMissing;

// Keeps the referrers that the provider finds for the images' manifests from garbage collection,
// with the images.
CONTAINERD_EXPORT ImportOpt
WithImportReferrers(std::shared_ptr<content::ReferrersProvider> referrers);

}  // namespace containerd

#endif  // CONTAINERD_IMPORT_H_
