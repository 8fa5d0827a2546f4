// SPDX-License-Identifier: Apache-2.0
//
// Images made in memory from lists of files, for a content store, a registry or an archive, without
// a network and a builder.
//
//   const containerd::testing::BuiltImage image = containerd::testing::BuildImage(
//       {.layers = {containerd::testing::TarOf({{.name = "etc/motd", .data = "hello"}})},
//        .config = {.cmd = {"/bin/web"}}});
//   absl::StatusOr<images::Image> made = containerd::testing::AddImage(
//       ctx, *client.ContentStore(), *client.ImageService(), "example.com/web:1", image);
//
// What a test asks for is taken as it is, so that wrong images can be made, too. The functions that
// return no status end the process if they fail, since no test is about that.
#ifndef CONTAINERD_TESTING_IMAGE_BUILDER_H_
#define CONTAINERD_TESTING_IMAGE_BUILDER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/compression/compression.h"
#include "containerd/content/content.h"
#include "containerd/context/context.h"
#include "containerd/digest/digest.h"
#include "containerd/images/store.h"
#include "containerd/ocispec/annotations.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/platforms/platforms.h"
#include "containerd/tar/tar.h"

namespace containerd::testing {

// An entry of an archive.
struct TarFile {
  std::string name{};  // a folder's ends with a slash
  std::string data{};
  char type = tar::kTypeReg;
  std::string link{};  // where a link points
  std::int64_t mode = 0644;
  std::int64_t uid = 0;
  std::int64_t gid = 0;
};

// A tar archive of them: a layer as it is before it is compressed.
std::string TarOf(const std::vector<TarFile>& files);

std::string Compressed(std::string_view data, compression::Compression how);

// A layer with the machine's busybox and links to it for the usual commands. Ends the process where
// there is no busybox.
std::string BusyboxLayer();

struct BuildOptions {
  std::vector<std::string> layers{};  // tar archives, lowest first
  compression::Compression compression = compression::Compression::kGzip;
  ocispec::Platform platform = platforms::DefaultSpec();
  ocispec::ImageConfig config{};
  std::string author{};  // makes configs differ
};

// An image for one platform: its documents and blobs.
struct BuiltImage {
  std::vector<std::string> layers{};  // as uncompressed, and as in the manifest
  std::vector<std::string> blobs{};
  std::string config{};
  std::string manifest{};
  ocispec::Manifest parsed{};
  ocispec::Descriptor target{};  // of the manifest
  ocispec::Platform platform{};
};

BuiltImage BuildImage(const BuildOptions& options);

// An image for several platforms.
struct BuiltIndex {
  std::vector<BuiltImage> images{};
  std::string index{};
  ocispec::Descriptor target{};  // of the index
};

// An index that names each image with its platform.
BuiltIndex BuildIndex(std::vector<BuiltImage> images);

// The descriptor of such content.
ocispec::Descriptor Describe(std::string_view media_type, std::string_view data);

// Write all that an image consists of, labelled as a pull labels it so that nothing of it is
// collected while its target is held. What is there already stays. Errors are the store's.
absl::Status WriteImage(const Context& ctx, content::Store& store, const BuiltImage& image);
absl::Status WriteImage(const Context& ctx, content::Store& store, const BuiltIndex& index);

// WriteImage, and the record of it. ErrAlreadyExists for a name that there is.
absl::StatusOr<images::Image> AddImage(const Context& ctx, content::Store& store,
                                       images::Store& images, std::string_view name,
                                       const BuiltImage& image);
absl::StatusOr<images::Image> AddImage(const Context& ctx, content::Store& store,
                                       images::Store& images, std::string_view name,
                                       const BuiltIndex& index);

// The files of an OCI layout with one image, for Import: each of the references names it; none if
// there are none.
std::vector<TarFile> OCIFiles(const BuiltImage& image, const std::vector<std::string>& refs);

// The files of `docker save` with one image, as Docker 1.10 and later wrote them.
std::vector<TarFile> DockerFiles(const BuiltImage& image, const std::vector<std::string>& tags);

// The parts of a layout: "blobs/sha256/…", such a file, oci-layout, and an index.json that names
// `target` by each of the references, or once without a name.
std::string BlobPath(std::string_view data);
TarFile BlobFile(std::string_view data);
TarFile LayoutFile(std::string_view version = ocispec::kImageLayoutVersion);
TarFile IndexFile(ocispec::Descriptor target, const std::vector<std::string>& refs);

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTING_IMAGE_BUILDER_H_
