// SPDX-License-Identifier: Apache-2.0
#include "containerd/import.h"

#include <utility>

#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/images/annotations.h"
#include "containerd/images/archive.h"
#include "containerd/images/handlers.h"
#include "containerd/images/image.h"
#include "containerd/images/mediatypes.h"
#include "containerd/log/log.h"
#include "containerd/ocispec/annotations.h"
#include "containerd/option/option.h"
#include "containerd/rpc/connection.h"

#include "src/base/cleanup.h"
#include "src/base/options.h"
#include "src/client/internal/state.h"
#include "src/errdefs/internal/guard.h"
#include "src/images/internal/put.h"

namespace containerd {
namespace {

std::string ImageName(const std::map<std::string, std::string>& annotations,
                      const ImportOptions& options) {
  if (const auto name = annotations.find(images::kAnnotationImageName);
      name != annotations.end() && !name->second.empty()) {
    return name->second;
  }
  const auto ref = annotations.find(ocispec::kAnnotationRefName);
  if (ref == annotations.end() || ref->second.empty()) return "";
  return options.image_ref_translator == nullptr ? ref->second
                                                 : options.image_ref_translator(ref->second);
}

// The images that the manifests of an archive's index become.
void NameImages(const std::vector<ocispec::Descriptor>& manifests, const ImportOptions& options,
                std::vector<images::Image>& images) {
  for (const ocispec::Descriptor& manifest : manifests) {
    const std::string name = ImageName(manifest.annotations, options);
    if (!name.empty()) images.push_back({.name = name, .target = manifest});
    // A referrer is no image.
    if (manifest.annotations.contains(images::kAnnotationManifestSubject)) continue;
    if (options.skip_digest_ref != nullptr && options.skip_digest_ref(name)) continue;
    if (options.digest_ref == nullptr) continue;
    std::string ref = options.digest_ref(manifest.digest);
    if (!ref.empty()) images.push_back({.name = std::move(ref), .target = manifest});
  }
}

// Returns the children of a descriptor. All content that is referred to has to exist, layers
// included.
absl::StatusOr<images::Descriptors> ExistingChildren(const Context& ctx, content::Store& store,
                                                     const ocispec::Descriptor& desc,
                                                     bool skip_missing) {
  absl::StatusOr<images::Descriptors> children = images::Descriptors();
  if (images::IsManifestType(desc.media_type) || images::IsIndexType(desc.media_type)) {
    children = images::Children(ctx, store, desc);
  } else if (desc.data.empty() && !images::IsNonDistributable(desc.media_type)) {
    if (auto info = store.Info(ctx, desc.digest); !info.ok()) children = info.status();
  }
  if (!errdefs::IsNotFound(children.status())) return children;
  if (skip_missing) return images::ErrSkipDesc();
  return errdefs::NotFound(
      fmt::format("the archive has no content \"{}\" ({}), which its index leads to", desc.digest,
                  desc.media_type));
}

// Walks the archive's index, labels its content for the garbage collector, and returns the images
// that it makes.
absl::StatusOr<std::vector<images::Image>> WalkIndex(const Context& ctx, Client& client,
                                                     const ocispec::Descriptor& index,
                                                     const ImportOptions& options) {
  std::vector<images::Image> result;
  if (!options.index_name.empty()) {
    result.push_back({.name = options.index_name, .target = index});
  }
  const std::shared_ptr<content::Store> store = client.ContentStore();
  images::HandlerFunc handler =
      [&](const Context& c,
          const ocispec::Descriptor& desc) -> absl::StatusOr<images::Descriptors> {
    const bool top = desc.digest == index.digest;
    absl::StatusOr<images::Descriptors> children =
        ExistingChildren(c, *store, desc, !top && options.skip_missing);
    if (children.ok() && top) NameImages(*children, options, result);
    return children;
  };
  platforms::MatchComparerPtr platform = client.Platform();
  if (options.all_platforms) {
    platform = platforms::All();
  } else if (options.platform != nullptr) {
    platform = options.platform;
  }
  handler = images::FilterPlatforms(std::move(handler), platform);
  if (options.referrers != nullptr) {
    handler = images::SetReferrers(options.referrers, std::move(handler));
  }
  handler = images::SetChildrenMappedLabels(
      store, std::move(handler),
      options.discard_layers ? images::ChildGCLabelsFilterLayers : images::ChildGCLabels);
  if (absl::Status s = images::WalkNotEmpty(ctx, handler, {index}); !s.ok()) return s;
  return result;
}

absl::StatusOr<std::vector<images::Image>> ImportUnderLease(const Context& ctx, Client& client,
                                                            io::Reader& reader,
                                                            const ImportOptions& options) {
  std::vector<images::archive::ImportOpt> archive_opts;
  if (options.compress) archive_opts.push_back(images::archive::WithImportCompression());
  absl::StatusOr<ocispec::Descriptor> index =
      images::archive::ImportIndex(ctx, *client.ContentStore(), reader, archive_opts);
  if (!index.ok()) return index.status();
  absl::StatusOr<std::vector<images::Image>> images = WalkIndex(ctx, client, *index, options);
  if (!images.ok()) return images.status();

  const std::shared_ptr<images::Store> store = client.ImageService();
  std::vector<std::string> fieldpaths = {"target"};
  if (options.set_image_labels) fieldpaths.emplace_back("labels");
  std::vector<std::string> created;
  for (images::Image& image : *images) {
    image.labels = options.image_labels;
    bool is_new = false;
    absl::StatusOr<images::Image> put = errdefs::Guard("a store of images", [&] {
      return images::PutImage(ctx, *store, image, fieldpaths, &is_new, images::PutFirst::kUpdate);
    });
    if (is_new) created.push_back(image.name);
    if (!put.ok()) {
      const Context cleanup = base::CleanUpContext(ctx);
      for (const std::string& name : created) {
        absl::Status s =
            errdefs::Guard("a store of images", [&] { return store->Delete(cleanup, name); });
        if (!s.ok() && !errdefs::IsNotFound(s)) {
          log::Warn(fmt::format("image \"{}\" of a failed import stays behind: {}", name,
                                errdefs::Message(s)));
        }
      }
      return errdefs::Annotate(put.status(), fmt::format("image \"{}\"", image.name));
    }
    image = *std::move(put);
  }
  return images;
}

}  // namespace

ImportOpt WithImageRefTranslator(std::function<std::string(std::string_view ref)> f) {
  return [f = std::move(f)](ImportOptions* options) {
    options->image_ref_translator = f;
    return absl::OkStatus();
  };
}

ImportOpt WithImageLabels(Labels labels) {
  return [labels = std::move(labels)](ImportOptions* options) {
    options->image_labels = labels;
    options->set_image_labels = true;
    return labels::Validate(labels);
  };
}

ImportOpt WithDigestRef(std::function<std::string(const digest::Digest&)> f) {
  return [f = std::move(f)](ImportOptions* options) {
    options->digest_ref = f;
    return absl::OkStatus();
  };
}

ImportOpt WithSkipDigestRef(std::function<bool(std::string_view name)> f) {
  return [f = std::move(f)](ImportOptions* options) {
    options->skip_digest_ref = f;
    return absl::OkStatus();
  };
}

ImportOpt WithIndexName(std::string name) {
  return [name = std::move(name)](ImportOptions* options) {
    options->index_name = name;
    return absl::OkStatus();
  };
}

ImportOpt WithAllPlatforms(bool all_platforms) {
  return [all_platforms](ImportOptions* options) {
    options->all_platforms = all_platforms;
    return absl::OkStatus();
  };
}

ImportOpt WithImportPlatform(platforms::MatchComparerPtr platform) {
  return [platform = std::move(platform)](ImportOptions* options) {
    options->platform = platform;
    return absl::OkStatus();
  };
}

constinit const option::Plain<ImportOpt> WithImportCompression([](ImportOptions* options) {
  options->compress = true;
  return absl::OkStatus();
});

constinit const option::Plain<ImportOpt> WithDiscardUnpackedLayers([](ImportOptions* options) {
  options->discard_layers = true;
  return absl::OkStatus();
});

constinit const option::Plain<ImportOpt> WithSkipMissing([](ImportOptions* options) {
  options->skip_missing = true;
  return absl::OkStatus();
});

ImportOpt WithImportReferrers(std::shared_ptr<content::ReferrersProvider> referrers) {
  return [referrers = std::move(referrers)](ImportOptions* options) {
    options->referrers = referrers;
    return absl::OkStatus();
  };
}

absl::StatusOr<std::vector<images::Image>> Client::Import(const Context& ctx, io::Reader& reader,
                                                          const std::vector<ImportOpt>& opts) {
  if (absl::Status s = internal::CheckOpen(*Connection()); !s.ok()) return s;
  ImportOptions options;
  if (absl::Status s = base::Apply(opts, options); !s.ok()) return s;
  auto lease = WithLease(ctx);
  if (!lease.ok()) return lease.status();
  auto images = errdefs::Guard("what Import calls", [&] {
    return ImportUnderLease(lease->context(), *this, reader, options);
  });
  if (!images.ok()) {
    // Only the lease holds what was written; releasing it synchronously removes all of that before
    // this returns.
    absl::Status released = lease->Release(base::CleanUpContext(ctx), {leases::SynchronousDelete});
    if (!released.ok()) {
      log::Warn(fmt::format("content of a failed import stays until its lease expires: {}",
                            errdefs::Message(released)));
    }
    return errdefs::Annotate(images.status(), "import");
  }
  return images;
}

}  // namespace containerd
