// SPDX-License-Identifier: Apache-2.0
//
// Images and archives of them, made in memory, right or wrong as a test wants them.
//
//   BuiltImage image = BuildImage({.layers = {TarOf({{.name = "hello", .data = "hi"}})}});
//   std::string archive = TarOf(OCIFiles(image, {"docker.io/library/hello:latest"}));
#ifndef CONTAINERD_TESTS_SUPPORT_IMAGE_BUILDER_H_
#define CONTAINERD_TESTS_SUPPORT_IMAGE_BUILDER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "containerd/compression/compression.h"
#include "containerd/digest/digest.h"
#include "containerd/ocispec/annotations.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/platforms/platforms.h"
#include "containerd/tar/tar.h"

namespace containerd::testing {

// The builder's own failures are no test's business.
void Must(const absl::Status& status);

// An entry of an archive.
struct TarFile {
  std::string name{};
  std::string data{};
  char type = tar::kTypeReg;
  std::string link{};
  std::int64_t mode = 0644;
  std::int64_t uid = 0;
  std::int64_t gid = 0;
};

std::string TarOf(const std::vector<TarFile>& files);

std::string Compressed(std::string_view data, compression::Compression how);

struct BuildOptions {
  std::vector<std::string> layers{};  // Tar archives, lowest first.
  compression::Compression compression = compression::Compression::kGzip;
  ocispec::Platform platform = platforms::DefaultSpec();
  ocispec::ImageConfig config{};
  std::string author{};  // Makes configs differ.
};

// An image's documents and blobs.
struct BuiltImage {
  std::vector<std::string> layers{};  // As uncompressed, and as in the manifest.
  std::vector<std::string> blobs{};
  std::string config{};
  std::string manifest{};
  ocispec::Manifest parsed{};
  ocispec::Descriptor target{};
};

ocispec::Descriptor Describe(std::string_view media_type, std::string_view data);

BuiltImage BuildImage(const BuildOptions& options);

std::string BlobPath(std::string_view data);
TarFile BlobFile(std::string_view data);
TarFile LayoutFile(std::string_view version = ocispec::kImageLayoutVersion);

// An index.json that names `target` by each of the references; once without a name if there are
// none.
TarFile IndexFile(ocispec::Descriptor target, const std::vector<std::string>& refs);

// The files of an OCI layout with one image.
std::vector<TarFile> OCIFiles(const BuiltImage& image, const std::vector<std::string>& refs);

// The files of `docker save` with one image, as Docker 1.10 and later wrote them.
std::vector<TarFile> DockerFiles(const BuiltImage& image, const std::vector<std::string>& tags);

// A layer with the host's busybox and links to it.
std::string BusyboxLayer();

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTS_SUPPORT_IMAGE_BUILDER_H_
