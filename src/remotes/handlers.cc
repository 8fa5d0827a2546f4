// SPDX-License-Identifier: Apache-2.0
#include "containerd/remotes/handlers.h"

#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "containerd/content/helpers.h"
#include "containerd/digest/digest.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/image.h"
#include "containerd/images/mediatypes.h"
#include "containerd/labels/labels.h"
#include "containerd/log/log.h"
#include "containerd/ocispec/annotations.h"
#include "containerd/remotes/errors.h"

#include "src/base/cleanup.h"
#include "src/errdefs/internal/guard.h"
#include "src/remotes/internal/sources.h"

namespace containerd::remotes {
namespace {

struct RefKeyPrefixes {
  std::map<std::string, std::string, std::less<>> by_media_type;
};

bool IsManifestOrIndex(const ocispec::Descriptor& desc) {
  return images::IsManifestType(desc.media_type) || images::IsIndexType(desc.media_type);
}

// Whatever comes of it: there is an error already.
void Close(const Context& ctx, content::Writer& writer) {
  static_cast<void>(errdefs::Guard("a writer of content", &content::Writer::Close, writer, ctx));
}

absl::Status Push(const Context& ctx, content::Provider& provider, Pusher& pusher,
                  const ocispec::Descriptor& desc) {
  absl::StatusOr<std::unique_ptr<content::Writer>> writer =
      [&]() -> absl::StatusOr<std::unique_ptr<content::Writer>> {
    if (auto* ingester = dynamic_cast<content::Ingester*>(&pusher)) {
      return content::OpenWriter(
          ctx, *ingester, {content::WithRef(MakeRefKey(ctx, desc)), content::WithDescriptor(desc)});
    }
    return errdefs::Guard("a pusher", &Pusher::Push, pusher, ctx, desc);
  }();
  if (!writer.ok()) {
    return errdefs::IsAlreadyExists(writer.status()) ? absl::OkStatus() : writer.status();
  }
  absl::StatusOr<std::unique_ptr<content::ReaderAt>> blob =
      errdefs::Guard("a provider of content", &content::Provider::ReaderAt, provider, ctx, desc);
  if (!blob.ok()) return blob.status();
  const std::unique_ptr<io::Reader> reader = content::NewReader(**blob);
  absl::Status copied = content::Copy(ctx, **writer, *reader, desc.size, desc.digest);
  if (!copied.ok()) Close(base::CleanUpContext(ctx), **writer);
  return copied;
}

// Takes over what says where content came from, unless `to` knows it better.
void CopyDistributionSourceLabels(const std::map<std::string, std::string>& from,
                                  ocispec::Descriptor& to) {
  static const std::string prefix = std::string(labels::kLabelDistributionSource) + ".";
  for (const auto& [key, value] : from) {
    if (key.starts_with(prefix)) to.annotations.try_emplace(key, value);
  }
}

// Source: remotes.annotateDistributionSourceHandler.
images::HandlerFunc AnnotateDistributionSource(images::HandlerFunc f,
                                               std::shared_ptr<content::InfoProvider> provider) {
  return [f = std::move(f), provider = std::move(provider)](
             const Context& ctx,
             const ocispec::Descriptor& desc) -> absl::StatusOr<images::Descriptors> {
    absl::StatusOr<images::Descriptors> children = f(ctx, desc);
    if (!children.ok() || !IsManifestOrIndex(desc)) return children;
    absl::StatusOr<content::Info> parent = provider->Info(ctx, desc.digest);
    if (!parent.ok() && !errdefs::IsNotFound(parent.status())) return parent.status();
    for (ocispec::Descriptor& child : *children) {
      absl::StatusOr<content::Info> info = provider->Info(ctx, child.digest);
      if (!info.ok() && !errdefs::IsNotFound(info.status())) return info.status();
      if (info.ok()) CopyDistributionSourceLabels(info->labels, child);
      // Registries mostly demand that children exist before their parents, so where the parent
      // came from the children can be had too.
      CopyDistributionSourceLabels(desc.annotations, child);
      if (parent.ok()) CopyDistributionSourceLabels(parent->labels, child);
    }
    return children;
  };
}

// Whether a digest is that of no bytes at all.
bool IsDigestOfNothing(const std::string& text) {
  const digest::Digest dgst(text);
  if (!dgst.Validate().ok()) return false;
  absl::StatusOr<digest::Digest> nothing = dgst.Algorithm().FromBytes("");
  return nothing.ok() && *nothing == dgst;
}

// Puts the content into its writer.
absl::Status Fill(const Context& ctx, content::Writer& writer, const content::Status& status,
                  Fetcher& fetcher, const ocispec::Descriptor& desc) {
  const bool empty = desc.size == 0 && IsDigestOfNothing(desc.digest);
  if (desc.size <= 0 && !empty) {
    // Zero comes from a registry or a proxy that sent no Content-Length.
    return errdefs::InvalidArgument(
        fmt::format("unable to fetch descriptor ({}) which reports content size of {}", desc.digest,
                    desc.size == 0 ? "zero" : fmt::to_string(desc.size)));
  }
  if (status.offset == desc.size) {
    absl::Status s = writer.Commit(ctx, desc.size, desc.digest);
    if (s.ok() || errdefs::IsAlreadyExists(s)) return s;
    return errdefs::Annotate(s, fmt::format("failed commit on ref \"{}\"", status.ref));
  }
  if (desc.size == static_cast<std::int64_t>(desc.data.size())) {
    io::StringReader data(desc.data);
    return content::Copy(ctx, writer, data, desc.size, desc.digest);
  }
  absl::StatusOr<std::unique_ptr<io::Reader>> reader =
      errdefs::Guard("a fetcher", &Fetcher::Fetch, fetcher, ctx, desc);
  if (!reader.ok()) return reader.status();
  return content::Copy(ctx, writer, **reader, desc.size, desc.digest);
}

// Whether what came is other than what it should be.
bool IsBroken(const absl::Status& result) {
  return errdefs::IsFailedPrecondition(result) || errdefs::IsDataLoss(result);
}

// Drops an ingestion that is no beginning to go on with: it is empty, or broken, so that the next
// fetch would fail as well. Whether it is gone.
bool DropIfUseless(const Context& ctx, content::Ingester& ingester, content::Writer& writer,
                   const std::string& ref, const absl::Status& result) {
  if (result.ok() || errdefs::IsAlreadyExists(result)) return false;
  auto* manager = dynamic_cast<content::IngestManager*>(&ingester);
  if (manager == nullptr) return false;
  const Context last = base::CleanUpContext(ctx);
  bool useless = IsBroken(result);
  if (!useless) {
    absl::StatusOr<content::Status> status =
        errdefs::Guard("a writer of content", &content::Writer::Status, writer, last);
    useless = status.ok() && status->offset == 0;
  }
  if (!useless) return false;
  Close(last, writer);
  return errdefs::Guard("a manager of ingestions", &content::IngestManager::Abort, *manager, last,
                        ref)
      .ok();
}

}  // namespace

Context WithMediaTypeKeyPrefix(const Context& ctx, std::string_view media_type,
                               std::string_view prefix) {
  const auto* had = ctx.Value<RefKeyPrefixes>();
  RefKeyPrefixes prefixes = had != nullptr ? *had : RefKeyPrefixes{};
  prefixes.by_media_type.insert_or_assign(std::string(media_type), std::string(prefix));
  return WithValue(ctx, std::move(prefixes));
}

std::string MakeRefKey(const Context& ctx, const ocispec::Descriptor& desc) {
  std::string key = desc.digest;
  if (const auto name = desc.annotations.find(ocispec::kAnnotationRefName);
      name != desc.annotations.end()) {
    key = fmt::format("{}@{}", name->second, desc.digest);
  }
  if (const auto* prefixes = ctx.Value<RefKeyPrefixes>()) {
    const auto prefix = prefixes->by_media_type.find(desc.media_type);
    if (prefix != prefixes->by_media_type.end() && !prefix->second.empty()) {
      return fmt::format("{}-{}", prefix->second, key);
    }
  }
  if (images::IsManifestType(desc.media_type)) return "manifest-" + key;
  if (images::IsIndexType(desc.media_type)) return "index-" + key;
  if (images::IsLayerType(desc.media_type)) return "layer-" + key;
  if (images::IsKnownConfig(desc.media_type)) return "config-" + key;
  if (images::IsAttestationType(desc.media_type)) return "attestation-" + key;
  return "unknown-" + key;
}

images::HandlerFunc FetchHandler(std::shared_ptr<content::Ingester> ingester,
                                 std::shared_ptr<Fetcher> fetcher) {
  return [ingester = std::move(ingester), fetcher = std::move(fetcher)](
             const Context& ctx,
             const ocispec::Descriptor& desc) -> absl::StatusOr<images::Descriptors> {
    if (desc.media_type == images::kMediaTypeDockerSchema1Manifest) {
      return errdefs::NotImplemented(
          fmt::format("fetching {}: {} not supported", desc.digest, desc.media_type));
    }
    absl::Status s = Fetch(ctx, *ingester, *fetcher, desc);
    if (!s.ok() && !errdefs::IsAlreadyExists(s)) return s;
    return images::Descriptors();
  };
}

absl::Status Fetch(const Context& ctx, content::Ingester& ingester, Fetcher& fetcher,
                   const ocispec::Descriptor& desc) {
  if (IsManifestOrIndex(desc) && desc.size > images::kMaxManifestSize) {
    // Nobody would read it.
    return errdefs::ResourceExhausted(fmt::format("fetching {}: a manifest of {} bytes, limit {}",
                                                  desc.digest, desc.size,
                                                  images::kMaxManifestSize));
  }
  const std::string ref = MakeRefKey(ctx, desc);
  const auto sources = std::make_shared<Sources>();
  const Context from = WithValue(ctx, sources);
  while (true) {
    absl::StatusOr<std::unique_ptr<content::Writer>> writer =
        content::OpenWriter(ctx, ingester, {content::WithRef(ref), content::WithDescriptor(desc)});
    if (!writer.ok()) return writer.status();
    absl::StatusOr<content::Status> status =
        errdefs::Guard("a writer of content", &content::Writer::Status, **writer, ctx);
    if (!status.ok()) return status.status();
    absl::Status s = errdefs::Guard("what a fetch calls",
                                    [&] { return Fill(from, **writer, *status, fetcher, desc); });
    const bool dropped = DropIfUseless(ctx, ingester, **writer, ref, s);
    // A host's broken copy is no reason to do without the content while another host may have it.
    const std::string host = sources->current();
    if (!dropped || !IsBroken(s) || ctx.Done() || !sources->GiveUp()) return s;
    log::Warn(fmt::format("{} of {} is broken and is fetched from another host: {}", desc.digest,
                          host, errdefs::Message(s)));
  }
}

images::HandlerFunc PushHandler(std::shared_ptr<Pusher> pusher,
                                std::shared_ptr<content::Provider> provider) {
  return [pusher = std::move(pusher), provider = std::move(provider)](
             const Context& ctx,
             const ocispec::Descriptor& desc) -> absl::StatusOr<images::Descriptors> {
    if (absl::Status s = Push(ctx, *provider, *pusher, desc); !s.ok()) return s;
    return images::Descriptors();
  };
}

absl::Status PushContent(const Context& ctx, std::shared_ptr<Pusher> pusher,
                         const ocispec::Descriptor& desc, std::shared_ptr<content::Provider> store,
                         int limiter, platforms::MatchComparerPtr platform,
                         const std::function<images::Handler(images::Handler)>& wrapper) {
  std::mutex mu;
  std::vector<ocispec::Descriptor> manifests;
  std::vector<ocispec::Descriptor> indexes;
  const images::HandlerFunc put_off =
      [&](const Context&, const ocispec::Descriptor& d) -> absl::StatusOr<images::Descriptors> {
    std::lock_guard lock(mu);
    if (images::IsManifestType(d.media_type)) {
      manifests.push_back(d);
    } else if (images::IsIndexType(d.media_type)) {
      indexes.push_back(d);
    } else {
      return images::Descriptors();
    }
    return images::ErrStopHandler();
  };

  const images::HandlerFunc push = PushHandler(std::move(pusher), store);
  images::HandlerFunc children =
      images::FilterPlatforms(images::ChildrenHandler(store), std::move(platform));
  if (auto info = std::dynamic_pointer_cast<content::InfoProvider>(store)) {
    children = AnnotateDistributionSource(std::move(children), std::move(info));
  }
  images::Handler handler = images::Handlers({children, put_off, push});
  if (wrapper) {
    auto wrapped = errdefs::Guard("a wrapper of handlers", wrapper, std::move(handler));
    if (!wrapped.ok()) return wrapped.status();
    handler = *std::move(wrapped);
  }

  if (absl::Status s = images::Dispatch(ctx, handler, limiter, {desc}); !s.ok()) return s;
  if (absl::Status s = images::Dispatch(ctx, push, limiter, manifests); !s.ok()) return s;
  // A parent was seen before its children.
  for (auto index = indexes.rbegin(); index != indexes.rend(); ++index) {
    absl::Status s = images::Dispatch(ctx, push, limiter, {*index});
    if (s.ok()) continue;
    const auto answer = errors::AsUnexpectedStatus(s);
    if (!answer.has_value() || answer->status_code != 400) return s;
    return errdefs::Annotate(s,
                             "manifest list/index references to blobs and/or manifests are missing "
                             "in your target registry");
  }
  return absl::OkStatus();
}

images::HandlerFunc SkipNonDistributableBlobs(images::HandlerFunc f) {
  return
      [f = std::move(f)](const Context& ctx,
                         const ocispec::Descriptor& desc) -> absl::StatusOr<images::Descriptors> {
        if (images::IsNonDistributable(desc.media_type)) return images::ErrSkipDesc();
        absl::StatusOr<images::Descriptors> children = f(ctx, desc);
        if (children.ok()) {
          std::erase_if(*children, [](const ocispec::Descriptor& child) {
            return images::IsNonDistributable(child.media_type);
          });
        }
        return children;
      };
}

images::HandlerFunc FilterManifestByPlatformHandler(images::HandlerFunc f,
                                                    platforms::MatcherPtr m) {
  return [f = std::move(f), m = std::move(m)](
             const Context& ctx,
             const ocispec::Descriptor& desc) -> absl::StatusOr<images::Descriptors> {
    absl::StatusOr<images::Descriptors> children = f(ctx, desc);
    if (!children.ok() || !desc.platform.has_value() || m == nullptr) return children;
    if (images::IsManifestType(desc.media_type) && !m->Match(*desc.platform)) {
      std::erase_if(*children, [](const ocispec::Descriptor& child) {
        return !images::IsConfigType(child.media_type);
      });
    }
    return children;
  };
}

}  // namespace containerd::remotes
