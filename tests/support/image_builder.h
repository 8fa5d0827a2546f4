// SPDX-License-Identifier: Apache-2.0
//
// Images and archives of them, made in memory, right or wrong as a test wants them.
//
//   BuiltImage image = BuildImage({.layers = {TarOf({{.name = "hello", .data = "hi"}})}});
//   std::string archive = TarOf(OCIFiles(image, {"docker.io/library/hello:latest"}));
#ifndef CONTAINERD_TESTS_SUPPORT_IMAGE_BUILDER_H_
#define CONTAINERD_TESTS_SUPPORT_IMAGE_BUILDER_H_

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "containerd/compression/compression.h"
#include "containerd/context/context.h"
#include "containerd/digest/digest.h"
#include "containerd/images/mediatypes.h"
#include "containerd/io/io.h"
#include "containerd/ocispec/annotations.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/platforms/platforms.h"
#include "containerd/tar/tar.h"

namespace containerd::testing {

// The builder's own failures are no test's business.
inline void Must(const absl::Status& status) {
  if (status.ok()) return;
  std::cerr << "image_builder: " << status << '\n';
  std::abort();
}

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

inline std::string TarOf(const std::vector<TarFile>& files) {
  std::string out;
  io::StringWriter output(&out);
  tar::Writer writer(output);
  const Context ctx;
  for (const TarFile& file : files) {
    tar::Header header;
    header.typeflag = file.type;
    header.name = file.name;
    header.linkname = file.link;
    header.mode = file.mode;
    header.uid = file.uid;
    header.gid = file.gid;
    header.size = static_cast<std::int64_t>(file.data.size());
    Must(writer.WriteHeader(ctx, header));
    Must(writer.Write(ctx, file.data));
  }
  Must(writer.Close(ctx));
  return out;
}

inline std::string Compressed(std::string_view data, compression::Compression how) {
  std::string out;
  io::StringWriter output(&out);
  auto writer = compression::CompressStream(output, how);
  Must(writer.status());
  Must((*writer)->Write({}, data));
  Must((*writer)->Close({}));
  return out;
}

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

inline ocispec::Descriptor Describe(std::string_view media_type, std::string_view data) {
  return {.media_type = std::string(media_type),
          .digest = digest::FromString(data).String(),
          .size = static_cast<std::int64_t>(data.size())};
}

inline BuiltImage BuildImage(const BuildOptions& options) {
  BuiltImage image;
  image.layers = options.layers;
  ocispec::Image config;
  config.author = options.author;
  config.platform = options.platform;
  config.config = options.config;
  config.rootfs.type = "layers";
  config.rootfs.diff_ids = {};
  image.parsed.schema_version = 2;
  image.parsed.media_type = ocispec::kMediaTypeImageManifest;
  image.parsed.layers = {};
  for (const std::string& layer : options.layers) {
    config.rootfs.diff_ids.push_back(digest::FromString(layer).String());
    image.blobs.push_back(Compressed(layer, options.compression));
    const char* type =
        options.compression == compression::Compression::kGzip   ? ocispec::kMediaTypeImageLayerGzip
        : options.compression == compression::Compression::kZstd ? ocispec::kMediaTypeImageLayerZstd
                                                                 : ocispec::kMediaTypeImageLayer;
    image.parsed.layers.push_back(Describe(type, image.blobs.back()));
  }
  image.config = ocispec::Marshal(config);
  image.parsed.config = Describe(ocispec::kMediaTypeImageConfig, image.config);
  image.manifest = ocispec::Marshal(image.parsed);
  image.target = Describe(ocispec::kMediaTypeImageManifest, image.manifest);
  return image;
}

inline std::string BlobPath(std::string_view data) {
  const digest::Digest dgst = digest::FromString(data);
  return fmt::format("blobs/sha256/{}", dgst.Encoded());
}
inline TarFile BlobFile(std::string_view data) {
  return {.name = BlobPath(data), .data = std::string(data)};
}
inline TarFile LayoutFile(std::string_view version = ocispec::kImageLayoutVersion) {
  return {.name = ocispec::kImageLayoutFile,
          .data = fmt::format(R"({{"imageLayoutVersion":"{}"}})", version)};
}

// An index.json that names `target` by each of the references; once without a name if there are
// none.
inline TarFile IndexFile(ocispec::Descriptor target, const std::vector<std::string>& refs) {
  ocispec::Index index;
  index.schema_version = 2;
  if (refs.empty()) index.manifests.push_back(target);
  for (const std::string& ref : refs) {
    target.annotations = {{ocispec::kAnnotationRefName, ref}};
    index.manifests.push_back(target);
  }
  return {.name = ocispec::kImageIndexFile, .data = ocispec::Marshal(index)};
}

// The files of an OCI layout with one image.
inline std::vector<TarFile> OCIFiles(const BuiltImage& image,
                                     const std::vector<std::string>& refs) {
  std::vector<TarFile> files = {LayoutFile(), IndexFile(image.target, refs),
                                BlobFile(image.manifest), BlobFile(image.config)};
  for (const std::string& blob : image.blobs) files.push_back(BlobFile(blob));
  return files;
}

// The files of `docker save` with one image, as Docker 1.10 and later wrote them.
inline std::vector<TarFile> DockerFiles(const BuiltImage& image,
                                        const std::vector<std::string>& tags) {
  std::vector<TarFile> files;
  std::vector<std::string> names;
  for (const std::string& blob : image.blobs) {
    const std::string dir(digest::FromString(blob).Encoded());
    names.push_back(fmt::format("\"{}/layer.tar\"", dir));
    files.push_back({.name = dir + "/", .type = tar::kTypeDir, .mode = 0755});
    files.push_back({.name = dir + "/VERSION", .data = "1.0"});
    files.push_back({.name = dir + "/layer.tar", .data = blob});
  }
  const std::string config(digest::FromString(image.config).Encoded());
  std::vector<std::string> quoted;
  quoted.reserve(tags.size());
  for (const std::string& tag : tags) quoted.push_back(fmt::format("\"{}\"", tag));
  files.push_back({.name = config + ".json", .data = image.config});
  files.push_back({.name = "manifest.json",
                   .data = fmt::format(R"([{{"Config":"{}.json","RepoTags":[{}],"Layers":[{}]}}])",
                                       config, fmt::join(quoted, ","), fmt::join(names, ","))});
  return files;
}

// A layer with the host's busybox and links to it.
inline std::string BusyboxLayer() {
  std::string busybox;
  for (const char* path : {"/bin/busybox", "/usr/bin/busybox"}) {
    std::ifstream in(path, std::ios::binary);
    if (!in) continue;
    busybox.assign(std::istreambuf_iterator<char>(in), {});
    break;
  }
  if (busybox.empty()) Must(absl::NotFoundError("no busybox on this machine"));
  std::vector<TarFile> files;
  for (const char* dir : {"bin", "dev", "etc", "proc", "root", "sys", "tmp"}) {
    files.push_back({.name = fmt::format("{}/", dir), .type = tar::kTypeDir, .mode = 0755});
  }
  files.push_back({.name = "bin/busybox", .data = busybox, .mode = 0755});
  for (const char* applet :
       {"cat", "date", "dd", "echo", "env", "false", "head", "id", "kill", "ls", "mkdir", "rm",
        "sh", "sleep", "test", "touch", "true", "wc", "yes"}) {
    files.push_back({.name = fmt::format("bin/{}", applet),
                     .type = tar::kTypeSymlink,
                     .link = "busybox",
                     .mode = 0777});
  }
  return TarOf(files);
}

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTS_SUPPORT_IMAGE_BUILDER_H_
