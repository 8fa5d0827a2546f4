// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "containerd/content/helpers.h"
#include "containerd/context/semaphore.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/annotations.h"
#include "containerd/images/handlers.h"
#include "containerd/images/mediatypes.h"
#include "containerd/io/io.h"
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
#include "src/client/internal/state.h"
#include "src/errdefs/internal/guard.h"
#include "src/images/internal/put.h"
#include "src/threads/internal/callback.h"
#include "src/tracing/internal/observation.h"

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

// Leaves of an index the best `limit` images, and all of its referrers, which are no images of it.
// Go's Pull drops them.
images::HandlerFunc LimitImages(images::HandlerFunc f, platforms::MatchComparerPtr matcher,
                                int limit) {
  return [f = std::move(f), matcher = std::move(matcher), limit](
             const Context& ctx,
             const ocispec::Descriptor& desc) -> absl::StatusOr<images::Descriptors> {
    absl::StatusOr<images::Descriptors> children = f(ctx, desc);
    if (!children.ok()) return children;
    images::Descriptors images;
    images::Descriptors referrers;
    for (ocispec::Descriptor& child : *children) {
      const bool refers = child.annotations.contains(images::kAnnotationManifestSubject);
      (refers ? referrers : images).push_back(std::move(child));
    }
    const images::HandlerFunc found = [&](const Context&, const ocispec::Descriptor&) {
      return absl::StatusOr<images::Descriptors>(std::move(images));
    };
    absl::StatusOr<images::Descriptors> out =
        images::LimitManifests(found, matcher, limit)(ctx, desc);
    if (out.ok()) out->insert(out->end(), referrers.begin(), referrers.end());
    return out;
  };
}

// A reader that holds one place of a semaphore until it has been read, or goes.
class CountedReader final : public io::Reader {
 public:
  CountedReader(std::unique_ptr<io::Reader> inner, std::shared_ptr<Semaphore> places)
      : inner_(std::move(inner)), places_(std::move(places)) {}
  ~CountedReader() override { Leave(); }

  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    absl::StatusOr<std::size_t> n = inner_->Read(ctx, buf);
    if (n.ok() && *n == 0 && !buf.empty()) Leave();
    return n;
  }
  absl::Status Seek(const Context& ctx, std::int64_t offset) override {
    return inner_->Seek(ctx, offset);
  }

 private:
  void Leave() {
    if (places_ != nullptr) std::exchange(places_, nullptr)->Release();
  }

  const std::unique_ptr<io::Reader> inner_;
  std::shared_ptr<Semaphore> places_;
};

// Handlers that run at once: enough for the downloads that are asked for. 0 is Dispatch's default.
int AtOnce(const RemoteContext& remote) {
  constexpr int kDefault = 8;
  return remote.max_concurrent_downloads > kDefault ? remote.max_concurrent_downloads : 0;
}

// For the fetcher of a resolver that knows no limits.
std::shared_ptr<remotes::Fetcher> WithLimit(std::shared_ptr<remotes::Fetcher> fetcher,
                                            std::shared_ptr<Semaphore> limiter) {
  return std::make_shared<remotes::FetcherFunc>(
      [fetcher = std::move(fetcher), limiter = std::move(limiter)](
          const Context& ctx,
          const ocispec::Descriptor& desc) -> absl::StatusOr<std::unique_ptr<io::Reader>> {
        if (absl::Status s = limiter->Acquire(ctx); !s.ok()) return s;
        auto reader = errdefs::Guard("a fetcher", &remotes::Fetcher::Fetch, *fetcher, ctx, desc);
        if (!reader.ok()) {
          limiter->Release();
          return reader;
        }
        return std::make_unique<CountedReader>(*std::move(reader), limiter);
      });
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
  auto resolved =
      errdefs::Guard("a resolver", &remotes::Resolver::Resolve, *remote_.resolver, ctx, ref);
  if (!resolved.ok()) {
    return errdefs::Annotate(resolved.status(),
                             fmt::format("failed to resolve reference \"{}\"", ref));
  }
  const auto& [name, desc] = *resolved;
  auto fetcher = errdefs::Guard("a resolver", [&] { return MakeFetcher(ctx, name); });
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
  absl::Status s = images::Dispatch(ctx, handler, AtOnce(remote_), {desc});
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
  auto limiter = remote_.download_limiter;
  if (limiter == nullptr && remote_.max_concurrent_downloads > 0) {
    limiter = std::make_shared<Semaphore>(remote_.max_concurrent_downloads);
  }
  absl::StatusOr<std::shared_ptr<remotes::Fetcher>> fetcher =
      resolver == nullptr || !said
          ? remote_.resolver->Fetcher(ctx, name)
          : resolver->FetcherWithOptions(
                ctx, name,
                {transfer::WithConcurrentLayerFetchBuffer(remote_.concurrent_layer_fetch_buffer),
                 transfer::WithMaxConcurrentDownloads(remote_.max_concurrent_downloads),
                 transfer::WithDownloadLimiter(limiter)});
  if (!fetcher.ok()) return fetcher;
  // A caller's own resolver may know nothing of limits.
  if (resolver == nullptr && remote_.download_limiter != nullptr) {
    fetcher = WithLimit(*std::move(fetcher), limiter);
  }
  if (remote_.max_concurrent_downloads > 0) {
    fetcher = WithLimit(*std::move(fetcher),
                        std::make_shared<Semaphore>(remote_.max_concurrent_downloads));
  }
  return fetcher;
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
  return limit > 0 ? LimitImages(std::move(children), matcher, limit) : children;
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
  if (absl::Status s = images::Dispatch(ctx, handler, AtOnce(remote_), {desc}); !s.ok()) return s;
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
  threads::Notify("what keeps the ingestions of a failed pull",
                  [&] { KeepIngests(lease.context(), unfinished); });
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
  if (absl::Status s = internal::CheckOpen(*Connection()); !s.ok()) return s;
  auto remote = internal::MakeRemoteContext(*this, opts);
  if (!remote.ok()) return remote.status();
  if (remote->unpack) return errdefs::NotImplemented("unpack on fetch not supported, try pull");
  auto matcher = internal::MatcherOf(*remote);
  if (!matcher.ok()) return matcher.status();
  remote->platform_matcher = *std::move(matcher);

  auto lease = WithLease(tracing::WithDefaultObserver(ctx, Connection()->observer()));
  if (!lease.ok()) return lease.status();
  internal::Fetching fetching(*this, *remote);
  auto image = errdefs::Guard("what Fetch calls", [&]() -> absl::StatusOr<images::Image> {
    auto fetched = fetching.Run(lease->context(), ref, 0, nullptr);
    if (!fetched.ok()) return fetched;
    return images::PutImage(lease->context(), *ImageService(), *fetched);
  });
  if (!image.ok()) fetching.CleanUp(*std::move(lease), image.status());
  return image;
}

}  // namespace containerd
