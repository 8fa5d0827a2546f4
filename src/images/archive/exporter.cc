// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "containerd/content/helpers.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/annotations.h"
#include "containerd/images/archive.h"
#include "containerd/images/image.h"
#include "containerd/images/mediatypes.h"
#include "containerd/labels/labels.h"
#include "containerd/log/log.h"
#include "containerd/ocispec/annotations.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/manifest.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/option/option.h"
#include "containerd/tar/tar.h"

#include "docker.h"
#include "reference.h"
#include "src/base/options.h"
#include "src/errdefs/internal/guard.h"
#include "src/gojson/internal/codec.h"

namespace containerd::images::archive {
namespace {

constexpr std::int64_t kDirMode = 0755;
constexpr std::int64_t kBlobMode = 0444;
constexpr std::int64_t kDocumentMode = 0644;

ocispec::Descriptor Named(ocispec::Descriptor desc, const std::string& name) {
  desc.annotations[kAnnotationImageName] = name;
  desc.annotations[ocispec::kAnnotationRefName] = OCIReferenceName(name);
  return desc;
}

std::string BlobName(std::string_view digest) {
  const digest::Digest dgst(digest);
  return fmt::format("{}/{}/{}", ocispec::kImageBlobsDir, dgst.Algorithm().String(),
                     dgst.Encoded());
}

// An entry of the archive: a blob, a document, or a directory.
struct Record {
  std::string name;
  std::int64_t mode = kBlobMode;
  std::optional<ocispec::Descriptor> blob{};
  std::optional<std::string> document{};
};

// An image in manifest.json.
struct ExportedManifest {
  ocispec::Descriptor manifest;
  std::vector<std::string> names;
};

class Exporter {
 public:
  Exporter(const Context& ctx, content::InfoReaderProvider& store, ExportOptions options)
      : ctx_(ctx), store_(store), options_(std::move(options)) {
    children_ = options_.children_handler;
    if (children_ == nullptr) {
      children_ = [this](const Context& c, const ocispec::Descriptor& desc) {
        return images::Children(c, store_, desc);
      };
    }
    if (options_.referrers != nullptr) {
      children_ = SetReferrers(options_.referrers, std::move(children_));
    }
  }

  absl::Status Collect() {
    records_.push_back({.name = ocispec::kImageLayoutFile,
                        .document = ocispec::Marshal(
                            ocispec::ImageLayout{.version = ocispec::kImageLayoutVersion})});
    ocispec::Index index{.schema_version = 2, .media_type = ocispec::kMediaTypeImageIndex};
    index.manifests = {};
    for (const ocispec::Descriptor& target : options_.manifests) {
      absl::StatusOr<ocispec::Descriptor> desc = CopySourceLabels(target);
      if (errdefs::IsNotFound(desc.status()) && options_.children_handler != nullptr) {
        log::Warn(fmt::format("not exported: {}", errdefs::Message(desc.status())));
        continue;
      }
      if (!desc.ok()) return desc.status();
      if (absl::Status s = AddTarget(*desc); !s.ok()) return s;
      index.manifests.push_back(*std::move(desc));
    }
    std::ranges::move(LooseReferrers(), std::back_inserter(index.manifests));
    records_.push_back({.name = ocispec::kImageIndexFile,
                        .mode = kDocumentMode,
                        .document = ocispec::Marshal(index)});
    if (!options_.skip_docker_manifest && !docker_.empty()) {
      if (absl::Status s = AddDockerManifest(); !s.ok()) return s;
    }
    if (!algorithms_.empty()) {
      records_.push_back({.name = fmt::format("{}/", ocispec::kImageBlobsDir), .mode = kDirMode});
    }
    for (const std::string& algorithm : algorithms_) {
      records_.push_back(
          {.name = fmt::format("{}/{}/", ocispec::kImageBlobsDir, algorithm), .mode = kDirMode});
    }
    return absl::OkStatus();
  }

  absl::Status Write(io::Writer& writer) {
    std::ranges::stable_sort(records_, {}, &Record::name);
    const auto same_name = [](const Record& a, const Record& b) { return a.name == b.name; };
    records_.erase(std::unique(records_.begin(), records_.end(), same_name), records_.end());
    tar::Writer archive(writer);
    for (const Record& record : records_) {
      if (absl::Status s = WriteRecord(archive, record); !s.ok()) {
        return errdefs::Annotate(s, fmt::format("entry \"{}\"", record.name));
      }
    }
    return archive.Close(ctx_);
  }

 private:
  absl::StatusOr<ocispec::Descriptor> CopySourceLabels(ocispec::Descriptor desc) {
    absl::StatusOr<content::Info> info = store_.Info(ctx_, desc.digest);
    if (!info.ok()) return info.status();
    for (const auto& [key, value] : info->labels) {
      if (key.starts_with(labels::kLabelDistributionSource)) desc.annotations[key] = value;
    }
    return desc;
  }

  absl::Status AddTarget(const ocispec::Descriptor& desc) {
    std::string docker_digest;
    if (IsManifestType(desc.media_type)) {
      if (seen_.insert(desc.digest).second) {
        if (absl::Status s = AddTree(desc); !s.ok()) return s;
      }
      docker_digest = AddDocker(desc);
    } else if (IsIndexType(desc.media_type)) {
      const auto resolved = resolved_.find(desc.digest);
      if (resolved == resolved_.end()) {
        absl::StatusOr<std::string> best = AddIndex(desc);
        if (!best.ok()) return best.status();
        docker_digest = resolved_[desc.digest] = *std::move(best);
      } else {
        docker_digest = resolved->second;
      }
    } else {
      return errdefs::InvalidArgument(fmt::format("only manifests may be exported: \"{}\" is {}",
                                                  desc.digest, desc.media_type));
    }
    const auto name = desc.annotations.find(kAnnotationImageName);
    if (docker_digest.empty() || name == desc.annotations.end() || name->second.empty()) {
      return absl::OkStatus();
    }
    std::vector<std::string>& names = docker_[docker_by_digest_.at(docker_digest)].names;
    if (std::ranges::find(names, name->second) == names.end()) names.push_back(name->second);
    return absl::OkStatus();
  }

  // Returns the digest of the manifest that stands for the index in manifest.json, if any does.
  absl::StatusOr<std::string> AddIndex(const ocispec::Descriptor& desc) {
    if (absl::Status s = AddBlob(desc); !s.ok()) return s;
    absl::StatusOr<Descriptors> children = images::Children(ctx_, store_, desc);
    if (!children.ok()) return children.status();
    Descriptors matching;
    for (const ocispec::Descriptor& child : *children) {
      if (options_.platform != nullptr) {
        if (!child.platform.has_value() || options_.platform->Match(*child.platform)) {
          matching.push_back(child);
        } else if (!options_.all_platforms) {
          continue;
        }
      }
      if (absl::Status s = AddTree(child); !s.ok()) return s;
    }
    if (options_.platform == nullptr) return "";
    if (matching.empty()) {
      return errdefs::NotFound(
          fmt::format("index \"{}\" has no manifest for the platform", desc.digest));
    }
    // Docker can load only a complete image, and no index.
    if (options_.children_handler != nullptr) {
      std::erase_if(matching, [this](const auto& m) { return !whole_.contains(m.digest); });
    }
    std::erase_if(matching, [](const auto& m) { return !IsManifestType(m.media_type); });
    const auto best = std::ranges::min_element(matching, [this](const auto& a, const auto& b) {
      if (!a.platform.has_value()) return false;
      if (!b.platform.has_value()) return true;
      return options_.platform->Less(*a.platform, *b.platform);
    });
    return best == matching.end() ? "" : AddDocker(*best);
  }

  absl::Status AddTree(const ocispec::Descriptor& root) {
    return Walk(
        ctx_,
        [this](const Context& ctx, const ocispec::Descriptor& desc) -> absl::StatusOr<Descriptors> {
          absl::StatusOr<Descriptors> children = children_(ctx, desc);
          if (!children.ok()) return children;
          if (absl::Status s = AddBlob(desc); !s.ok()) return s;
          algorithms_.emplace(digest::Digest(desc.digest).Algorithm().String());
          if (!children->empty()) whole_.insert(desc.digest);
          return children;
        },
        {root});
  }

  absl::Status AddBlob(const ocispec::Descriptor& desc) {
    const digest::Digest dgst(desc.digest);
    if (absl::Status s = dgst.Validate(); !s.ok()) {
      return errdefs::Annotate(s, fmt::format("content \"{}\"", desc.digest));
    }
    const bool referrer = desc.annotations.contains(kAnnotationManifestSubject);
    for (const BlobFilter& filter : options_.blob_filters) {
      absl::StatusOr<bool> wanted = errdefs::Guard("a filter of blobs", filter, desc);
      if (!wanted.ok()) return wanted.status();
      if (!*wanted) return absl::OkStatus();
    }
    if (referrer) {
      referrers_.emplace(desc.digest, desc);
    } else {
      in_tree_.insert(desc.digest);
    }
    if (blobs_.insert(desc.digest).second) {
      records_.push_back({.name = BlobName(desc.digest), .blob = desc});
    }
    return absl::OkStatus();
  }

  // Referrers that nothing in the archive leads to, by digest.
  Descriptors LooseReferrers() {
    Descriptors loose;
    for (const auto& [digest, desc] : referrers_) {
      if (!in_tree_.contains(digest)) loose.push_back(desc);
    }
    return loose;
  }

  std::string AddDocker(const ocispec::Descriptor& manifest) {
    const auto [at, is_new] = docker_by_digest_.try_emplace(manifest.digest, docker_.size());
    if (is_new) docker_.push_back({.manifest = manifest, .names = {}});
    return manifest.digest;
  }

  absl::Status AddDockerManifest() {
    gojson::Slice<DockerImage> list;
    for (const ExportedManifest& exported : docker_) {
      absl::StatusOr<std::string> text =
          content::ReadBlob(ctx_, store_, exported.manifest, kMaxManifestSize);
      if (!text.ok()) return text.status();
      absl::StatusOr<ocispec::Manifest> manifest = ocispec::Unmarshal<ocispec::Manifest>(*text);
      if (!manifest.ok()) {
        return errdefs::Annotate(manifest.status(),
                                 fmt::format("manifest \"{}\"", exported.manifest.digest));
      }
      DockerImage image;
      if (absl::Status s = digest::Digest(manifest->config.digest).Validate(); !s.ok()) return s;
      image.config = BlobName(manifest->config.digest);
      for (const ocispec::Descriptor& layer : manifest->layers) {
        if (absl::Status s = digest::Digest(layer.digest).Validate(); !s.ok()) return s;
        image.layers.push_back(BlobName(layer.digest));
      }
      for (const std::string& name : exported.names) {
        absl::StatusOr<std::string> tag = FamiliarizeReference(name);
        if (!tag.ok()) return errdefs::Annotate(tag.status(), "unable to create manifest.json");
        image.repo_tags.push_back(*std::move(tag));
      }
      list.push_back(std::move(image));
    }
    records_.push_back(
        {.name = kDockerManifest, .mode = kDocumentMode, .document = gojson::Marshal(list)});
    return absl::OkStatus();
  }

  absl::Status WriteRecord(tar::Writer& archive, const Record& record) {
    tar::Header header{.name = record.name, .mode = record.mode};
    if (record.document.has_value()) {
      header.size = static_cast<std::int64_t>(record.document->size());
      absl::Status s = archive.WriteHeader(ctx_, header);
      return s.ok() ? archive.Write(ctx_, *record.document) : s;
    }
    if (record.blob.has_value()) return WriteBlob(archive, std::move(header), *record.blob);
    header.typeflag = tar::kTypeDir;
    return archive.WriteHeader(ctx_, header);
  }

  absl::Status WriteBlob(tar::Writer& archive, tar::Header header,
                         const ocispec::Descriptor& desc) {
    absl::StatusOr<std::unique_ptr<io::Reader>> reader =
        content::BlobReadSeeker(ctx_, store_, desc);
    if (!reader.ok()) return reader.status();
    absl::StatusOr<digest::Verifier> verifier = digest::Digest(desc.digest).Verifier();
    if (!verifier.ok()) return verifier.status();
    header.size = desc.size;
    if (absl::Status s = archive.WriteHeader(ctx_, header); !s.ok()) return s;

    if (buffer_.empty()) buffer_.resize(io::kCopyBufferSize);
    std::int64_t copied = 0;
    for (;;) {
      absl::StatusOr<std::size_t> n = (*reader)->Read(ctx_, buffer_);
      if (!n.ok()) return n.status();
      if (*n == 0) break;
      copied += static_cast<std::int64_t>(*n);
      if (copied > desc.size) break;
      const std::string_view data(buffer_.data(), *n);
      verifier->Write(data);
      if (absl::Status s = archive.Write(ctx_, data); !s.ok()) return s;
    }
    if (copied != desc.size) {
      return errdefs::FailedPrecondition(
          fmt::format("content \"{}\" has {} {} bytes that its descriptor says", desc.digest,
                      copied < desc.size ? "fewer than the" : "more than the", desc.size));
    }
    if (!verifier->Verified()) {
      return errdefs::FailedPrecondition(
          fmt::format("content \"{}\" does not have that digest", desc.digest));
    }
    return absl::OkStatus();
  }

  const Context& ctx_;
  content::InfoReaderProvider& store_;
  const ExportOptions options_;
  HandlerFunc children_;
  std::vector<Record> records_;
  std::set<std::string> algorithms_;
  std::set<std::string> blobs_;                           // Digests that have a record.
  std::set<std::string> seen_;                            // Manifests that were walked.
  std::set<std::string> whole_;                           // Whose children are exported.
  std::set<std::string> in_tree_;                         // Reached from an index or manifest.
  std::map<std::string, ocispec::Descriptor> referrers_;  // Reached as referrers.
  std::map<std::string, std::string> resolved_;           // By index, what AddIndex returned.
  std::vector<ExportedManifest> docker_;
  std::map<std::string, std::size_t> docker_by_digest_;
  std::string buffer_;
};

}  // namespace

ExportOpt WithPlatform(platforms::MatchComparerPtr platform) {
  return [platform = std::move(platform)](const Context&, ExportOptions* options) {
    options->platform = platform;
    return absl::OkStatus();
  };
}

constinit const option::Plain<ExportOpt> WithAllPlatforms([](const Context&,
                                                             ExportOptions* options) {
  options->all_platforms = true;
  return absl::OkStatus();
});

constinit const option::Plain<ExportOpt> WithSkipDockerManifest([](const Context&,
                                                                   ExportOptions* options) {
  options->skip_docker_manifest = true;
  return absl::OkStatus();
});

ExportOpt WithImage(std::shared_ptr<Store> store, std::string name) {
  return [store = std::move(store), name = std::move(name)](const Context& ctx,
                                                            ExportOptions* options) {
    absl::StatusOr<Image> image = store->Get(ctx, name);
    if (!image.ok()) return image.status();
    options->manifests.push_back(Named(std::move(image->target), name));
    return absl::OkStatus();
  };
}

ExportOpt WithImages(std::vector<Image> images) {
  return [images = std::move(images)](const Context&, ExportOptions* options) {
    for (const Image& image : images) {
      options->manifests.push_back(Named(image.target, image.name));
    }
    return absl::OkStatus();
  };
}

ExportOpt WithManifest(ocispec::Descriptor manifest, std::vector<std::string> names) {
  return [manifest = std::move(manifest), names = std::move(names)](const Context&,
                                                                    ExportOptions* options) {
    if (names.empty()) options->manifests.push_back(manifest);
    for (const std::string& name : names) options->manifests.push_back(Named(manifest, name));
    return absl::OkStatus();
  };
}

ExportOpt WithBlobFilter(BlobFilter filter) {
  return [filter = std::move(filter)](const Context&, ExportOptions* options) {
    options->blob_filters.push_back(filter);
    return absl::OkStatus();
  };
}

constinit const option::Plain<ExportOpt> WithSkipNonDistributableBlobs([](const Context& ctx,
                                                                          ExportOptions& options) {
  return WithBlobFilter([](const ocispec::Descriptor& desc) {
    return !IsNonDistributable(desc.media_type);
  })(ctx, options);
});

ExportOpt WithReferrersProvider(std::shared_ptr<content::ReferrersProvider> referrers) {
  return [referrers = std::move(referrers)](const Context&, ExportOptions* options) {
    options->referrers = referrers;
    return absl::OkStatus();
  };
}

ExportOpt WithSkipMissing(std::shared_ptr<content::InfoReaderProvider> store) {
  return [store = std::move(store)](const Context&, ExportOptions* options) {
    options->children_handler =
        [store](const Context& ctx,
                const ocispec::Descriptor& desc) -> absl::StatusOr<Descriptors> {
      absl::StatusOr<Descriptors> children = images::Children(ctx, *store, desc);
      if (!IsManifestType(desc.media_type)) return children;
      if (!children.ok()) {
        return errdefs::IsNotFound(children.status()) ? ErrSkipDesc() : children.status();
      }
      for (const ocispec::Descriptor& child : *children) {
        absl::StatusOr<bool> exists = content::Exists(ctx, *store, child);
        if (!exists.ok()) return exists.status();
        if (!*exists) return Descriptors();
      }
      return children;
    };
    return absl::OkStatus();
  };
}

absl::Status Export(const Context& ctx, content::InfoReaderProvider& store, io::Writer& writer,
                    const std::vector<ExportOpt>& opts) {
  ExportOptions options;
  if (absl::Status s = base::Apply(opts, ctx, options); !s.ok()) return s;
  Exporter exporter(ctx, store, std::move(options));
  if (absl::Status s = exporter.Collect(); !s.ok()) return s;
  return exporter.Write(writer);
}

}  // namespace containerd::images::archive
