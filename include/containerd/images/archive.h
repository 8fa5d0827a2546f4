// SPDX-License-Identifier: Apache-2.0
//
// Package images/archive: archives of images, of the OCI layout and of `docker save`.
//
//   io::FileReader input(fd);
//   auto index = images::archive::ImportIndex(ctx, store, input);
//
// Client::Import (containerd/import.h) does this and creates images from the index.
//
// Source: core/images/archive.
#ifndef CONTAINERD_IMAGES_ARCHIVE_H_
#define CONTAINERD_IMAGES_ARCHIVE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/content/content.h"
#include "containerd/context/context.h"
#include "containerd/digest/digest.h"
#include "containerd/io/io.h"
#include "containerd/ocispec/descriptor.h"

namespace containerd::images::archive {

// Most bytes of the JSON documents in an archive that are read into memory: oci-layout and
// manifest.json.
inline constexpr std::int64_t kJSONLimit = std::int64_t{20} << 20;

// What the options set.
struct ImportOptions {
  bool compress = false;
};

using ImportOpt = std::function<absl::Status(ImportOptions*)>;

// Compresses layers with gzip that are not compressed. For archives of `docker save` without a
// layout; a layout's manifests say what its layers are. Source: archive.WithImportCompression.
ImportOpt WithImportCompression();

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
absl::StatusOr<ocispec::Descriptor> ImportIndex(const Context& ctx, content::Store& store,
                                                io::Reader& reader,
                                                const std::vector<ImportOpt>& opts = {});

using RefTranslator = std::function<std::string(std::string_view ref)>;

// Makes "<image>:<ref>" of a reference that is a tag only. Full references become empty unless
// `image` is their name or a part of it, up to "/", ":" or "@". Source: archive.FilterRefPrefix.
RefTranslator FilterRefPrefix(std::string image);

// The same, leaving full references as they are. Source: archive.AddRefPrefix.
RefTranslator AddRefPrefix(std::string image);

// Makes "<prefix>@<digest>". Source: archive.DigestTranslator.
std::function<std::string(const digest::Digest&)> DigestTranslator(std::string prefix);

}  // namespace containerd::images::archive

#endif  // CONTAINERD_IMAGES_ARCHIVE_H_
