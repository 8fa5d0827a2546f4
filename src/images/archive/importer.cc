// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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
#include "src/base/utf8.h"
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

// The name of an entry's upload: the same when the same archive is imported again, after a crash
// for one, and with everything that could differ in another archive.
std::string RefOf(std::string_view name, const tar::Header& header, std::string_view digest) {
  const std::string identity =
      fmt::format("{}\n{}\n{}\n{}", name, header.size, absl::ToUnixNanos(header.mod_time), digest);
  return fmt::format("tar-{}-{}", digest::FromString(identity).Encoded().substr(0, 32),
                     base::FirstOfUTF8(base::ReplaceInvalidUTF8(name), 128));
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
    for (const auto& [name, use] : {std::pair(ocispec::kImageLayoutFile, &Importer::UseLayout),
                                    std::pair(kDockerManifest, &Importer::UseDockerManifest),
                                    std::pair(ocispec::kImageIndexFile, &Importer::UseIndex)}) {
      if (!links_.contains(name)) continue;
      absl::StatusOr<std::string> text = LinkedDocument(name);
      absl::Status s = text.ok() ? (this->*use)(*std::move(text)) : text.status();
      if (!s.ok()) return errdefs::Annotate(s, fmt::format("entry {}", base::Quote(name)));
    }
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
    Forget(name);
    switch (header.typeflag) {
      case tar::kTypeSymlink:
        links_[name] = base::JoinPath({Dir(name), header.linkname});
        return absl::OkStatus();
      case tar::kTypeLink:
        links_[name] = base::CleanPath(header.linkname);
        return absl::OkStatus();
      case tar::kTypeReg:
      case tar::kTypeGNUSparse:
        break;
      default:
        if (header.typeflag != tar::kTypeDir) {
          log::Debug(
              fmt::format("file type of archive entry {} ignored", base::Quote(header.name)));
        }
        return absl::OkStatus();
    }
    if (name == ".") return errdefs::InvalidArgument("a file needs a name");
    if (name == ocispec::kImageLayoutFile || name == kDockerManifest) {
      absl::StatusOr<std::string> text = ReadDocument(archive, header.size, kJSONLimit);
      if (!text.ok()) return text.status();
      documents_[name] = *text;
      return name == kDockerManifest ? UseDockerManifest(*std::move(text))
                                     : UseLayout(*std::move(text));
    }
    if (name == ocispec::kImageIndexFile) {
      absl::StatusOr<std::string> text = ReadDocument(archive, header.size, kMaxManifestSize);
      if (!text.ok()) return text.status();
      return UseIndex(*std::move(text));
    }
    return ReadBlob(archive, name, header);
  }

  // An entry of this name counts no more: another one of it follows.
  void Forget(const std::string& name) {
    blobs_.erase(name);
    links_.erase(name);
    documents_.erase(name);
    if (name == ocispec::kImageLayoutFile) layout_ = {};
    if (name == kDockerManifest) docker_images_.reset();
  }

  absl::StatusOr<std::string> ReadDocument(tar::Reader& archive, std::int64_t size,
                                           std::int64_t limit) {
    if (size > limit) {
      return errdefs::ResourceExhausted(fmt::format("{} bytes, limit {}", size, limit));
    }
    return io::ReadAll(ctx_, archive, static_cast<std::size_t>(size));
  }

  absl::Status UseLayout(std::string text) {
    auto layout = ocispec::Unmarshal<ocispec::ImageLayout>(text);
    if (!layout.ok()) return layout.status();
    layout_ = *std::move(layout);
    return absl::OkStatus();
  }

  absl::Status UseDockerManifest(std::string text) {
    auto images = gojson::Unmarshal<std::vector<DockerImage>>(text);
    if (!images.ok()) return images.status();
    docker_images_ = *std::move(images);
    return absl::OkStatus();
  }

  // Whether it has to be an index is not known yet: the archive may have no layout.
  absl::Status UseIndex(std::string text) {
    index_error_ = ValidateMediaType(text, ocispec::kMediaTypeImageIndex);
    if (index_error_.ok()) index_error_ = ocispec::Unmarshal<ocispec::Index>(text).status();
    absl::StatusOr<ocispec::Descriptor> index = WriteDocument(text, ocispec::kMediaTypeImageIndex);
    if (!index.ok()) return index.status();
    blobs_[ocispec::kImageIndexFile] = *std::move(index);
    return absl::OkStatus();
  }

  absl::Status ReadBlob(tar::Reader& archive, const std::string& name, const tar::Header& header) {
    ocispec::Descriptor desc{.digest = DigestOfName(name).String(), .size = header.size};
    const std::string ref = RefOf(name, header, desc.digest);
    DigestReader content(archive);
    io::Reader& input = desc.digest.empty() ? static_cast<io::Reader&>(content) : archive;
    if (absl::Status s = Upload(ref, input, desc); !s.ok()) {
      static_cast<void>(store_.Abort(base::CleanUpContext(ctx_), ref));
      return s;
    }
    if (desc.digest.empty()) desc.digest = content.Digest().String();
    blobs_[name] = std::move(desc);
    return absl::OkStatus();
  }

  absl::Status Upload(const std::string& ref, io::Reader& input, const ocispec::Descriptor& desc) {
    auto writer =
        content::OpenWriter(ctx_, store_, {content::WithRef(ref), content::WithDescriptor(desc)});
    if (errdefs::IsAlreadyExists(writer.status())) return absl::OkStatus();
    if (!writer.ok()) return errdefs::Annotate(writer.status(), "failed to open writer");
    absl::StatusOr<content::Status> status = (*writer)->Status(ctx_);
    if (!status.ok()) return errdefs::Annotate(status.status(), "failed to get status");
    // What an import that did not end has left may be of an archive that was damaged.
    if (status->offset > 0) {
      if (absl::Status s = (*writer)->Truncate(ctx_, 0); !s.ok()) {
        return errdefs::Annotate(s, "failed to drop what an earlier import left");
      }
    }
    return content::Copy(ctx_, **writer, input, desc.size, desc.digest);
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

  // The name of the entry that a name leads to, over links.
  std::string Follow(std::string name) const {
    for (int i = 0; i < kMaxLinks; ++i) {
      const auto link = links_.find(name);
      if (link == links_.end()) break;
      name = link->second;
    }
    return name;
  }

  absl::Status LinkToNothing(std::string_view what, std::string_view name,
                             std::string_view target) const {
    return errdefs::NotFound(fmt::format("{} is a link to {}, which is not found in the archive",
                                         what.empty() ? "it" : fmt::format("{} {}", what, name),
                                         base::Quote(target)));
  }

  // The content of a file that manifest.json names.
  absl::StatusOr<ocispec::Descriptor> Find(const std::string& file, std::string_view what) {
    const std::string first = base::CleanPath(file);
    const std::string name = Follow(first);
    if (const auto blob = blobs_.find(name); blob != blobs_.end()) return blob->second;
    if (const auto doc = documents_.find(name); doc != documents_.end()) {
      return WriteDocument(doc->second, "");
    }
    if (name != first) return LinkToNothing(what, base::Quote(file), name);
    return errdefs::NotFound(
        fmt::format("{} {} not found in the archive", what, base::Quote(file)));
  }

  // The text of a document whose entry is a link.
  absl::StatusOr<std::string> LinkedDocument(std::string_view document) {
    const std::string name = Follow(std::string(document));
    if (const auto doc = documents_.find(name); doc != documents_.end()) return doc->second;
    const auto blob = blobs_.find(name);
    if (blob == blobs_.end()) return LinkToNothing("", "", name);
    const std::int64_t limit =
        document == ocispec::kImageIndexFile ? std::int64_t{kMaxManifestSize} : kJSONLimit;
    return content::ReadBlob(ctx_, store_, blob->second, limit);
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
  std::map<std::string, std::string, std::less<>> documents_;  // oci-layout and manifest.json.
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
