// SPDX-License-Identifier: Apache-2.0
#include "containerd/testing/image_builder.h"

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "containerd/content/helpers.h"
#include "containerd/digest/digest.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/mediatypes.h"
#include "containerd/io/io.h"
#include "containerd/ocispec/annotations.h"

namespace containerd::testing {
namespace {

void Must(const absl::Status& status) {
  if (status.ok()) return;
  std::cerr << "image builder: " << status << '\n';
  std::abort();
}

// The labels that keep `children` while their parent is kept. Those whose label ends with "." are
// numbered, as images::SetChildrenMappedLabels does.
Labels Refs(const std::vector<ocispec::Descriptor>& children) {
  Labels labels;
  std::map<std::string, int> count;
  for (const ocispec::Descriptor& child : children) {
    for (std::string key : images::ChildGCLabels(child)) {
      if (key.ends_with('.')) key += std::to_string(count[key]++);
      labels[key] = child.digest;
    }
  }
  return labels;
}

absl::Status WriteContent(const Context& ctx, content::Store& store,
                          const ocispec::Descriptor& desc, std::string_view data,
                          const Labels& labels = {}) {
  const absl::Status s = content::WriteBlob(ctx, store, "image-builder-" + desc.digest, data, desc,
                                            {content::WithLabels(labels)});
  return errdefs::IsAlreadyExists(s) ? absl::OkStatus() : s;
}

template <typename Built>
absl::StatusOr<images::Image> Add(const Context& ctx, content::Store& store, images::Store& images,
                                  std::string_view name, const Built& built) {
  if (absl::Status s = WriteImage(ctx, store, built); !s.ok()) return s;
  return images.Create(ctx, {.name = std::string(name), .target = built.target});
}

}  // namespace

std::string TarOf(const std::vector<TarFile>& files) {
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

std::string Compressed(std::string_view data, compression::Compression how) {
  std::string out;
  io::StringWriter output(&out);
  auto writer = compression::CompressStream(output, how);
  Must(writer.status());
  Must((*writer)->Write({}, data));
  Must((*writer)->Close({}));
  return out;
}

ocispec::Descriptor Describe(std::string_view media_type, std::string_view data) {
  return {.media_type = std::string(media_type),
          .digest = digest::FromString(data).String(),
          .size = static_cast<std::int64_t>(data.size())};
}

BuiltImage BuildImage(const BuildOptions& options) {
  BuiltImage image;
  image.layers = options.layers;
  image.platform = options.platform;
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

BuiltIndex BuildIndex(std::vector<BuiltImage> images) {
  ocispec::Index index;
  index.schema_version = 2;
  index.media_type = ocispec::kMediaTypeImageIndex;
  for (const BuiltImage& image : images) {
    index.manifests.push_back(image.target);
    index.manifests.back().platform = image.platform;
  }
  BuiltIndex built{.images = std::move(images), .index = ocispec::Marshal(index)};
  built.target = Describe(ocispec::kMediaTypeImageIndex, built.index);
  return built;
}

absl::Status WriteImage(const Context& ctx, content::Store& store, const BuiltImage& image) {
  std::vector<ocispec::Descriptor> children = {image.parsed.config};
  for (std::size_t i = 0; i < image.blobs.size(); ++i) {
    const ocispec::Descriptor& layer = image.parsed.layers[i];
    if (absl::Status s = WriteContent(ctx, store, layer, image.blobs[i]); !s.ok()) return s;
    children.push_back(layer);
  }
  if (absl::Status s = WriteContent(ctx, store, image.parsed.config, image.config); !s.ok()) {
    return s;
  }
  return WriteContent(ctx, store, image.target, image.manifest, Refs(children));
}

absl::Status WriteImage(const Context& ctx, content::Store& store, const BuiltIndex& index) {
  std::vector<ocispec::Descriptor> children;
  for (const BuiltImage& image : index.images) {
    if (absl::Status s = WriteImage(ctx, store, image); !s.ok()) return s;
    children.push_back(image.target);
  }
  return WriteContent(ctx, store, index.target, index.index, Refs(children));
}

absl::StatusOr<images::Image> AddImage(const Context& ctx, content::Store& store,
                                       images::Store& images, std::string_view name,
                                       const BuiltImage& image) {
  return Add(ctx, store, images, name, image);
}

absl::StatusOr<images::Image> AddImage(const Context& ctx, content::Store& store,
                                       images::Store& images, std::string_view name,
                                       const BuiltIndex& index) {
  return Add(ctx, store, images, name, index);
}

std::string BlobPath(std::string_view data) {
  const digest::Digest dgst = digest::FromString(data);
  return fmt::format("blobs/sha256/{}", dgst.Encoded());
}

TarFile BlobFile(std::string_view data) {
  return {.name = BlobPath(data), .data = std::string(data)};
}

TarFile LayoutFile(std::string_view version) {
  return {.name = ocispec::kImageLayoutFile,
          .data = fmt::format(R"({{"imageLayoutVersion":"{}"}})", version)};
}

TarFile IndexFile(ocispec::Descriptor target, const std::vector<std::string>& refs) {
  ocispec::Index index;
  index.schema_version = 2;
  if (refs.empty()) index.manifests.push_back(target);
  for (const std::string& ref : refs) {
    target.annotations = {{ocispec::kAnnotationRefName, ref}};
    index.manifests.push_back(target);
  }
  return {.name = ocispec::kImageIndexFile, .data = ocispec::Marshal(index)};
}

std::vector<TarFile> OCIFiles(const BuiltImage& image, const std::vector<std::string>& refs) {
  std::vector<TarFile> files = {LayoutFile(), IndexFile(image.target, refs),
                                BlobFile(image.manifest), BlobFile(image.config)};
  for (const std::string& blob : image.blobs) files.push_back(BlobFile(blob));
  return files;
}

std::vector<TarFile> DockerFiles(const BuiltImage& image, const std::vector<std::string>& tags) {
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

std::string BusyboxLayer() {
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
