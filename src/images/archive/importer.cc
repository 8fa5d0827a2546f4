// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/strings/escaping.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <fmt/format.h>

#include "containerd/compression/compression.h"
#include "containerd/content/helpers.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/annotations.h"
#include "containerd/images/archive.h"
#include "containerd/images/image.h"
#include "containerd/images/mediatypes.h"
#include "containerd/log/log.h"
#include "containerd/ocispec/annotations.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/manifest.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/option/option.h"
#include "containerd/tar/tar.h"

#include "docker.h"
#include "layers.h"
#include "reference.h"
#include "src/base/cleanup.h"
#include "src/base/escape.h"
#include "src/base/options.h"
#include "src/base/path.h"
#include "src/gojson/internal/codec.h"

namespace containerd::images::archive {

namespace {

// Most bytes that the names of an archive's entries may have together, each counted with some for
// what is kept with it.
constexpr std::size_t kMaxNames = std::size_t{16} << 20;
constexpr std::size_t kEntryOverhead = 256;

// Longest way from a symbolic link to its file.
constexpr int kMaxLinks = 40;

std::string_view Dir(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

// The digest that a layout's blob is named after. Only the algorithm that daemons compute is
// accepted.
digest::Digest DigestOfName(std::string_view name) {
  constexpr std::string_view kBlobs = "blobs/sha256/";
  if (!name.starts_with(kBlobs)) return {};
  digest::Digest dgst = digest::NewDigestFromEncoded(digest::kSHA256, name.substr(kBlobs.size()));
  return dgst.Validate().ok() ? dgst : digest::Digest();
}

// A name that no other upload has: an ingestion of the same name might hold part of another
// content.
std::string UniqueRef(std::string_view name) {
  static thread_local std::mt19937_64 random{std::random_device{}()};
  return fmt::format("tar-{:x}-{:x}-{}", absl::ToUnixNanos(absl::Now()), random(),
                     name.substr(0, 128));
}

// Takes the digest of what is read.
class DigestReader final : public io::Reader {
 public:
  explicit DigestReader(io::Reader& reader) : reader_(reader) {}

  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    absl::StatusOr<std::size_t> n = reader_.Read(ctx, buf);
    if (n.ok()) digester_.Write(std::string_view(buf.data(), *n));
    return n;
  }
  digest::Digest Digest() const { return digester_.Digest(); }

 private:
  io::Reader& reader_;
  digest::Digester digester_;
};

class Importer {
 public:
  Importer(const Context& ctx, content::Store& store, ImportOptions options)
      : ctx_(ctx), store_(store), options_(options) {}

  absl::Status ReadAll(io::Reader& input) {
    tar::Reader archive(input);
    for (;;) {
      absl::StatusOr<std::optional<tar::Header>> header = archive.Next(ctx_);
      if (!header.ok()) return header.status();
      if (!header->has_value()) return absl::OkStatus();
      if (absl::Status s = ReadEntry(archive, **header); !s.ok()) {
        return errdefs::Annotate(s, fmt::format("entry {}", base::Quote((*header)->name)));
      }
    }
  }

  absl::StatusOr<ocispec::Descriptor> Index() {
    if (!layout_.version.empty()) return LayoutIndex();
    if (!docker_images_.has_value()) {
      return errdefs::InvalidArgument(
          "unrecognized image format: the archive has neither oci-layout nor manifest.json");
    }
    return DockerIndex();
  }

 private:
  absl::Status ReadEntry(tar::Reader& archive, const tar::Header& header) {
    names_ += header.name.size() + header.linkname.size() + kEntryOverhead;
    if (names_ > kMaxNames) {
      return errdefs::ResourceExhausted("the archive has too many entries, or too long names");
    }
    const std::string name = base::CleanPath(header.name);
    if (header.name.starts_with('/') || name == ".." || name.starts_with("../")) {
      return errdefs::InvalidArgument("the name leads out of the archive");
    }
    blobs_.erase(name);
    links_.erase(name);
    switch (header.typeflag) {
      case tar::kTypeSymlink:
        links_[name] = base::CleanPath(fmt::format("{}/{}", Dir(name), header.linkname));
        return absl::OkStatus();
      case tar::kTypeLink:
        links_[name] = base::CleanPath(header.linkname);
        return absl::OkStatus();
      case tar::kTypeReg:
        break;
      default:
        if (header.typeflag != tar::kTypeDir) {
          log::Debug(
              fmt::format("file type of archive entry {} ignored", base::Quote(header.name)));
        }
        return absl::OkStatus();
    }
    if (name == ".") return errdefs::InvalidArgument("a file needs a name");
    if (name == ocispec::kImageLayoutFile) {
      absl::StatusOr<std::string> text = ReadDocument(archive, header.size, kJSONLimit);
      if (!text.ok()) return text.status();
      auto layout = ocispec::Unmarshal<ocispec::ImageLayout>(*text);
      if (!layout.ok()) return layout.status();
      layout_ = *std::move(layout);
      return absl::OkStatus();
    }
    if (name == kDockerManifest) {
      absl::StatusOr<std::string> text = ReadDocument(archive, header.size, kJSONLimit);
      if (!text.ok()) return text.status();
      auto images = gojson::Unmarshal<std::vector<DockerImage>>(*text);
      if (!images.ok()) return images.status();
      docker_images_ = *std::move(images);
      return absl::OkStatus();
    }
    if (name == ocispec::kImageIndexFile) return ReadIndex(archive, header);
    return ReadBlob(archive, name, header);
  }

  absl::StatusOr<std::string> ReadDocument(tar::Reader& archive, std::int64_t size,
                                           std::int64_t limit) {
    if (size > limit) {
      return errdefs::ResourceExhausted(fmt::format("{} bytes, limit {}", size, limit));
    }
    return io::ReadAll(ctx_, archive, static_cast<std::size_t>(size));
  }

  // Whether it has to be an index is not known yet: the archive may have no layout.
  absl::Status ReadIndex(tar::Reader& archive, const tar::Header& header) {
    absl::StatusOr<std::string> text = ReadDocument(archive, header.size, kMaxManifestSize);
    if (!text.ok()) return text.status();
    index_error_ = ValidateMediaType(*text, ocispec::kMediaTypeImageIndex);
    if (index_error_.ok()) index_error_ = ocispec::Unmarshal<ocispec::Index>(*text).status();
    absl::StatusOr<ocispec::Descriptor> index = WriteDocument(*text, ocispec::kMediaTypeImageIndex);
    if (!index.ok()) return index.status();
    blobs_[ocispec::kImageIndexFile] = *std::move(index);
    return absl::OkStatus();
  }

  absl::Status ReadBlob(tar::Reader& archive, const std::string& name, const tar::Header& header) {
    ocispec::Descriptor desc{.digest = DigestOfName(name).String(), .size = header.size};
    const std::string ref = UniqueRef(name);
    DigestReader content(archive);
    absl::Status s =
        desc.digest.empty()
            ? content::WriteBlob(ctx_, store_, ref, content, desc)
            : content::WriteBlob(ctx_, store_, ref, static_cast<io::Reader&>(archive), desc);
    if (!s.ok()) {
      static_cast<void>(store_.Abort(base::CleanUpContext(ctx_), ref));
      return s;
    }
    if (desc.digest.empty()) desc.digest = content.Digest().String();
    blobs_[name] = std::move(desc);
    return absl::OkStatus();
  }

  absl::StatusOr<ocispec::Descriptor> WriteDocument(std::string_view text,
                                                    std::string_view media_type) {
    ocispec::Descriptor desc{.media_type = std::string(media_type),
                             .digest = digest::FromBytes(text).String(),
                             .size = static_cast<std::int64_t>(text.size())};
    if (absl::Status s =
            content::WriteBlob(ctx_, store_, fmt::format("manifest-{}", desc.digest), text, desc);
        !s.ok()) {
      return s;
    }
    return desc;
  }

  absl::StatusOr<ocispec::Descriptor> LayoutIndex() {
    if (layout_.version != ocispec::kImageLayoutVersion) {
      return errdefs::InvalidArgument(
          fmt::format("unsupported OCI version {}", base::Quote(layout_.version)));
    }
    const auto index = blobs_.find(ocispec::kImageIndexFile);
    if (index == blobs_.end()) {
      return errdefs::NotFound(fmt::format("missing index.json in OCI layout {}", layout_.version));
    }
    if (!index_error_.ok()) return errdefs::Annotate(index_error_, "entry \"index.json\"");
    return index->second;
  }

  absl::StatusOr<ocispec::Descriptor> DockerIndex() {
    ocispec::Index index{.schema_version = 2};
    if (docker_images_->empty()) {
      return errdefs::InvalidArgument("entry \"manifest.json\": it lists no image");
    }
    for (const DockerImage& image : *docker_images_) {
      absl::StatusOr<ocispec::Descriptor> manifest = DockerManifest(image);
      if (!manifest.ok()) return manifest.status();
      if (image.repo_tags.empty()) index.manifests.push_back(*manifest);
      for (const std::string& tag : image.repo_tags) {
        absl::StatusOr<std::string> name = NormalizeReference(tag);
        if (!name.ok()) return errdefs::Annotate(name.status(), "entry \"manifest.json\"");
        ocispec::Descriptor named = *manifest;
        named.annotations = {{kAnnotationImageName, *name},
                             {ocispec::kAnnotationRefName, OCIReferenceName(*name)}};
        index.manifests.push_back(std::move(named));
      }
    }
    return WriteDocument(ocispec::Marshal(index), ocispec::kMediaTypeImageIndex);
  }

  absl::StatusOr<ocispec::Descriptor> DockerManifest(const DockerImage& image) {
    absl::StatusOr<ocispec::Descriptor> config = Find(image.config, "image config");
    if (!config.ok()) return config.status();
    config->media_type = kMediaTypeDockerSchema2Config;
    std::vector<ocispec::Descriptor> layers;
    for (const std::string& layer : image.layers) {
      absl::StatusOr<ocispec::Descriptor> desc = Find(layer, "layer");
      if (!desc.ok()) return desc.status();
      layers.push_back(*std::move(desc));
    }
    if (absl::Status s = ResolveLayers(ctx_, store_, options_.compress, layers); !s.ok()) {
      return errdefs::Annotate(s, fmt::format("image {}", base::Quote(image.config)));
    }

    const ocispec::Manifest manifest{.schema_version = 2,
                                     .media_type = kMediaTypeDockerSchema2Manifest,
                                     .config = *std::move(config),
                                     .layers = std::move(layers)};
    absl::StatusOr<ocispec::Descriptor> desc =
        WriteDocument(ocispec::Marshal(manifest), manifest.media_type);
    if (!desc.ok()) return desc.status();
    absl::StatusOr<ocispec::Platform> platform = ConfigPlatform(ctx_, store_, manifest.config);
    if (!platform.ok()) {
      return errdefs::Annotate(platform.status(),
                               fmt::format("entry {}", base::Quote(image.config)));
    }
    desc->platform = *std::move(platform);
    return desc;
  }

  // The content of a file that manifest.json names, over links.
  absl::StatusOr<ocispec::Descriptor> Find(const std::string& file, std::string_view what) {
    const std::string first = base::CleanPath(file);
    std::string name = first;
    for (int i = 0; i <= kMaxLinks; ++i) {
      if (const auto blob = blobs_.find(name); blob != blobs_.end()) return blob->second;
      const auto link = links_.find(name);
      if (link == links_.end()) break;
      name = link->second;
    }
    return errdefs::NotFound(
        name == first ? fmt::format("{} {} not found in the archive", what, base::Quote(file))
                      : fmt::format("{} {} is a link to {}, which is not found in the archive",
                                    what, base::Quote(file), base::Quote(name)));
  }

  const Context& ctx_;
  content::Store& store_;
  const ImportOptions options_;
  ocispec::ImageLayout layout_;
  std::optional<std::vector<DockerImage>> docker_images_;
  absl::Status index_error_;
  // By the cleaned names of files; links lead to other names.
  std::map<std::string, ocispec::Descriptor, std::less<>> blobs_;
  std::map<std::string, std::string, std::less<>> links_;
  std::size_t names_ = 0;
};

}  // namespace

constinit const option::Plain<ImportOpt> WithImportCompression([](ImportOptions* options) {
  options->compress = true;
  return absl::OkStatus();
});

absl::StatusOr<ocispec::Descriptor> ImportIndex(const Context& ctx, content::Store& store,
                                                io::Reader& reader,
                                                const std::vector<ImportOpt>& opts) {
  ImportOptions options;
  if (absl::Status s = base::Apply(opts, options); !s.ok()) return s;
  auto input = compression::DecompressStream(ctx, reader);
  if (!input.ok()) return input.status();
  Importer importer(ctx, store, options);
  if (absl::Status s = importer.ReadAll(**input); !s.ok()) return s;
  return importer.Index();
}

}  // namespace containerd::images::archive
