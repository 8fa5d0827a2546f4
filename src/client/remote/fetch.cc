// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "containerd/content/helpers.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/handlers.h"
#include "containerd/images/mediatypes.h"
#include "containerd/log/log.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/platforms/platforms.h"
#include "containerd/remotes/docker/converter.h"
#include "containerd/remotes/docker/handler.h"
#include "containerd/remotes/docker/resolver.h"
#include "containerd/remotes/docker/schema1/converter.h"
#include "containerd/remotes/handlers.h"
#include "containerd/transfer/image_resolver.h"

#include "remote.h"
#include "src/base/cleanup.h"
#include "src/base/mutex.h"
#include "src/base/options.h"
#include "src/errdefs/internal/guard.h"
#include "src/images/internal/put.h"

namespace containerd {
namespace internal {
namespace {

// `ctx` without its end and without its lease.
Context Unleased(const Context& ctx) {
  Context plain = WithTimeout(Context::Background(), base::kCleanUpTimeout);
  if (const auto ns = ctx.Namespace()) plain = WithNamespace(plain, *ns);
  for (const auto& [key, value] : ctx.Metadata()) plain = WithMetadata(plain, key, value);
  return plain;
}

// Whether the failure may be gone at the next attempt, so that what was fetched is worth keeping.
bool WasCutOff(const absl::Status& status) {
  return errdefs::IsCanceled(status) || errdefs::IsDeadlineExceeded(status) ||
         errdefs::IsUnavailable(status);
}

}  // namespace

absl::StatusOr<RemoteContext> MakeRemoteContext(Client& client,
                                                const std::vector<RemoteOpt>& opts) {
  RemoteContext remote;
  if (absl::Status s = base::Apply(opts, client, remote); !s.ok()) return s;
  if (remote.resolver == nullptr) remote.resolver = remotes::docker::NewResolver();
  return remote;
}

absl::StatusOr<platforms::MatchComparerPtr> MatcherOf(const RemoteContext& remote) {
  if (remote.platform_matcher != nullptr) return remote.platform_matcher;
  if (remote.platforms.empty()) return platforms::All();
  auto parsed = platforms::ParseAll(remote.platforms);
  if (!parsed.ok()) return parsed.status();
  return platforms::Any(*parsed);
}

absl::StatusOr<images::Image> Fetching::Run(
    const Context& ctx, std::string_view ref, int limit,
    const std::function<images::Handler(images::Handler)>& wrapper) {
  auto resolved = remote_.resolver->Resolve(ctx, ref);
  if (!resolved.ok()) {
    return errdefs::Annotate(resolved.status(),
                             fmt::format("failed to resolve reference \"{}\"", ref));
  }
  const auto& [name, desc] = *resolved;
  auto fetcher = MakeFetcher(ctx, name);
  if (!fetcher.ok()) {
    return errdefs::Annotate(fetcher.status(),
                             fmt::format("failed to get fetcher for \"{}\"", name));
  }
  fetcher = WithProgress(*std::move(fetcher), progress_);
  if (stream_ != nullptr) fetcher = stream_->Wrap(*std::move(fetcher));
  images::Image image{.name = name, .labels = remote_.labels, .target = desc};

  if (desc.media_type == images::kMediaTypeDockerSchema1Manifest) {
    auto converted = FetchSchema1(ctx, *std::move(fetcher), desc, wrapper);
    if (!converted.ok()) {
      return errdefs::Annotate(converted.status(), fmt::format("image \"{}\"", name));
    }
    image.target = *std::move(converted);
    return image;
  }

  auto note_source = remotes::docker::AppendDistributionSourceLabel(client_.ContentStore(), ref);
  if (!note_source.ok()) return note_source.status();
  std::atomic<bool> convertible = false;
  const auto look_for_legacy =
      [&](const Context&, const ocispec::Descriptor& d) -> absl::StatusOr<images::Descriptors> {
    if (d.media_type == remotes::docker::kLegacyConfigMediaType) convertible = true;
    return images::Descriptors();
  };
  std::vector<images::Handler> handlers = remote_.base_handlers;
  const images::Handler fetch = BlobHandler(*std::move(fetcher));
  handlers.push_back(fetch);
  handlers.emplace_back(look_for_legacy);
  handlers.push_back(ChildrenHandler(limit, fetch));
  handlers.push_back(*std::move(note_source));
  images::Handler handler = images::Handlers(std::move(handlers));
  if (remote_.handler_wrapper != nullptr) {
    auto wrapped =
        errdefs::Guard("a wrapper of handlers", remote_.handler_wrapper, std::move(handler));
    if (!wrapped.ok()) return wrapped.status();
    handler = *std::move(wrapped);
  }
  if (wrapper != nullptr) handler = wrapper(std::move(handler));
  absl::Status s = images::Dispatch(ctx, handler, 0, {desc});
  if (s.ok()) s = progress_->Failure();
  if (!s.ok()) return errdefs::Annotate(s, fmt::format("image \"{}\"", name));
  if (convertible) {
    auto converted = remotes::docker::ConvertManifest(ctx, *client_.ContentStore(), desc);
    if (!converted.ok()) {
      return errdefs::Annotate(converted.status(), fmt::format("image \"{}\"", name));
    }
    image.target = *std::move(converted);
  }
  return image;
}

// The resolver is the caller's: how much this one fetch does at once is no matter of its others.
absl::StatusOr<std::shared_ptr<remotes::Fetcher>> Fetching::MakeFetcher(const Context& ctx,
                                                                        std::string_view name) {
  auto* const resolver = dynamic_cast<remotes::ResolverWithOptions*>(remote_.resolver.get());
  const bool said = remote_.download_limiter != nullptr || remote_.max_concurrent_downloads > 0 ||
                    remote_.concurrent_layer_fetch_buffer > 0;
  if (resolver == nullptr || !said) return remote_.resolver->Fetcher(ctx, name);
  auto limiter = remote_.download_limiter;
  if (limiter == nullptr && remote_.max_concurrent_downloads > 0) {
    limiter = std::make_shared<Semaphore>(remote_.max_concurrent_downloads);
  }
  return resolver->FetcherWithOptions(
      ctx, name,
      {transfer::WithConcurrentLayerFetchBuffer(remote_.concurrent_layer_fetch_buffer),
       transfer::WithMaxConcurrentDownloads(remote_.max_concurrent_downloads),
       transfer::WithDownloadLimiter(std::move(limiter))});
}

images::Handler Fetching::BlobHandler(std::shared_ptr<remotes::Fetcher> fetcher) {
  return [this, store = client_.ContentStore(), fetcher = std::move(fetcher)](
             const Context& ctx,
             const ocispec::Descriptor& desc) -> absl::StatusOr<images::Descriptors> {
    if (desc.media_type == images::kMediaTypeDockerSchema1Manifest) {
      return errdefs::NotImplemented(
          fmt::format("fetching {}: {} not supported", desc.digest, desc.media_type));
    }
    if (absl::Status told = progress_->Report(desc, 0, BlobState::kWaiting); !told.ok()) {
      return told;
    }
    bool began = false;
    remotes::FetcherFunc noting([&](const Context& c, const ocispec::Descriptor& d) {
      began = true;
      return fetcher->Fetch(c, d);
    });
    absl::Status s = remotes::Fetch(ctx, *store, noting, desc);
    ReportEnd(desc, s);
    base::MutexLock lock(mu_);
    fetched_ = true;
    if (s.ok() || errdefs::IsAlreadyExists(s)) return images::Descriptors();
    // A fetch that did not begin has no ingestion of its own: the one of that name belongs to
    // another fetch.
    if (began) unfinished_.push_back(desc);
    return s;
  };
}

void Fetching::ReportEnd(const ocispec::Descriptor& desc, const absl::Status& status) {
  // If that fails, the fetch asks for the Failure.
  if (status.ok()) {
    static_cast<void>(progress_->Report(desc, desc.size, BlobState::kDone));
  } else if (errdefs::IsAlreadyExists(status)) {
    static_cast<void>(progress_->Report(desc, desc.size, BlobState::kExists));
  } else {
    static_cast<void>(progress_->Report(desc, 0, BlobState::kFailed));
  }
}

images::Handler Fetching::ChildrenHandler(int limit, const images::Handler& fetch) const {
  const std::shared_ptr<content::Store> store = client_.ContentStore();
  const platforms::MatchComparerPtr& matcher = remote_.platform_matcher;
  images::HandlerFunc children = images::ChildrenHandler(store);
  if (remote_.referrers_provider != nullptr) {
    children = images::SetReferrers(remote_.referrers_provider, std::move(children));
  }
  children = images::SetChildrenMappedLabels(store, std::move(children), remote_.child_label_map);
  // One of them is chosen by its platform, so that has to be known.
  if (limit > 0) children = images::DetectPlatforms(std::move(children), fetch, store);
  children = remote_.all_metadata
                 ? remotes::FilterManifestByPlatformHandler(std::move(children), matcher)
                 : images::FilterPlatforms(std::move(children), matcher);
  if (limit > 0) children = images::LimitManifests(std::move(children), matcher, limit);
  return children;
}

absl::StatusOr<ocispec::Descriptor> Fetching::FetchSchema1(
    const Context& ctx, std::shared_ptr<remotes::Fetcher> fetcher, const ocispec::Descriptor& desc,
    const std::function<images::Handler(images::Handler)>& wrapper) {
  namespace schema1 = remotes::docker::schema1;
  if (!remote_.convert_schema1) {
    return errdefs::NotImplemented(fmt::format(
        "media type \"{}\" is supported only with WithSchema1Conversion, please rebuild the image "
        "as \"{}\" or \"{}\"",
        desc.media_type, images::kMediaTypeDockerSchema2Manifest,
        ocispec::kMediaTypeImageManifest));
  }
  const auto converter = schema1::NewConverter(client_.ContentStore(), std::move(fetcher));
  std::vector<images::Handler> handlers = remote_.base_handlers;
  handlers.emplace_back([this, convert = schema1::Handler(converter)](
                            const Context& c, const ocispec::Descriptor& d) {
    absl::Status told = progress_->Report(d, 0, BlobState::kWaiting);
    auto children = told.ok() ? convert(c, d) : std::move(told);
    ReportEnd(d, children.status());
    return children;
  });
  images::Handler handler = images::Handlers(std::move(handlers));
  if (remote_.handler_wrapper != nullptr) {
    auto wrapped =
        errdefs::Guard("a wrapper of handlers", remote_.handler_wrapper, std::move(handler));
    if (!wrapped.ok()) return wrapped.status();
    handler = *std::move(wrapped);
  }
  if (wrapper != nullptr) handler = wrapper(std::move(handler));
  {
    base::MutexLock lock(mu_);
    fetched_ = true;
  }
  if (absl::Status s = images::Dispatch(ctx, handler, 0, {desc}); !s.ok()) return s;
  return converter->Convert(ctx);
}

void Fetching::CleanUp(leases::LeaseGuard lease, const absl::Status& failure) {
  // The caller's lease was used: what was fetched stays until the caller deletes the lease.
  if (!lease.lease().has_value()) return;
  bool fetched = false;
  std::vector<ocispec::Descriptor> unfinished;
  {
    base::MutexLock lock(mu_);
    fetched = fetched_;
    unfinished.swap(unfinished_);
  }
  KeepIngests(lease.context(), unfinished);
  const Context ctx = Unleased(lease.context());
  std::vector<leases::DeleteOpt> how;
  // Content of a failed fetch is removed now. After a fetch that was cut off, the daemon's garbage
  // collector removes it later, so that another attempt may still find it.
  if (fetched && !WasCutOff(failure)) how.push_back(leases::SynchronousDelete);
  if (absl::Status s = lease.Release(ctx, how); !s.ok()) {
    log::Warn(fmt::format("content of a failed pull stays until its lease expires: {}",
                          errdefs::Message(s)));
  }
}

// An ingestion is removed with the lease that it was made under. Opening it again without a lease
// detaches it from that lease; the daemon then keeps it for a day.
void Fetching::KeepIngests(const Context& ctx, const std::vector<ocispec::Descriptor>& unfinished) {
  const std::shared_ptr<content::Store> store = client_.ContentStore();
  const Context plain = Unleased(ctx);
  for (const ocispec::Descriptor& desc : unfinished) {
    const std::string ref = remotes::MakeRefKey(ctx, desc);
    auto status = store->Status(plain, ref);
    if (!status.ok() || status->offset == 0) continue;
    // The daemon takes a moment to release the writer of the cancelled fetch, so OpenWriter waits
    // for the lock.
    auto writer =
        content::OpenWriter(plain, *store, {content::WithRef(ref), content::WithDescriptor(desc)});
    absl::Status s = writer.ok() ? (*writer)->Close(plain) : writer.status();
    if (!s.ok() && !errdefs::IsAlreadyExists(s)) {
      log::Info(fmt::format("ingestion \"{}\" cannot be kept: {}", ref, errdefs::Message(s)));
    }
  }
}

}  // namespace internal

absl::StatusOr<images::Image> Client::Fetch(const Context& ctx, std::string_view ref,
                                            const std::vector<RemoteOpt>& opts) {
  auto remote = internal::MakeRemoteContext(*this, opts);
  if (!remote.ok()) return remote.status();
  if (remote->unpack) return errdefs::NotImplemented("unpack on fetch not supported, try pull");
  auto matcher = internal::MatcherOf(*remote);
  if (!matcher.ok()) return matcher.status();
  remote->platform_matcher = *std::move(matcher);

  auto lease = WithLease(ctx);
  if (!lease.ok()) return lease.status();
  internal::Fetching fetching(*this, *remote);
  auto image = fetching.Run(lease->context(), ref, 0, nullptr);
  if (image.ok()) image = images::PutImage(lease->context(), *ImageService(), *image);
  if (!image.ok()) fetching.CleanUp(*std::move(lease), image.status());
  return image;
}

}  // namespace containerd
