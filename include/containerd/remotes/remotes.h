// SPDX-License-Identifier: Apache-2.0
//
// Package remotes: where images come from and go to: a Resolver turns a name into a descriptor, a
// Fetcher gets content, a Pusher puts it.
//
//   std::shared_ptr<remotes::Resolver> registry = remotes::docker::NewResolver({});
//   auto resolved = registry->Resolve(ctx, "docker.io/library/busybox:latest");
//   if (!resolved.ok()) return resolved.status();
//   auto fetcher = registry->Fetcher(ctx, resolved->name);
//   if (!fetcher.ok()) return fetcher.status();
//   images::HandlerFunc handler = images::Handlers(
//       {remotes::FetchHandler(store, *fetcher), images::ChildrenHandler(store)});
//   absl::Status s = images::Dispatch(ctx, handler, 4, {resolved->desc});
//
// handlers.h has what moves whole images; docker/resolver.h the registries.
//
// Source: core/remotes/resolver.go.
#ifndef CONTAINERD_REMOTES_REMOTES_H_
#define CONTAINERD_REMOTES_REMOTES_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/content/content.h"
#include "containerd/context/context.h"
#include "containerd/digest/digest.h"
#include "containerd/export/export.h"
#include "containerd/io/io.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/option/option.h"
#include "containerd/option/pairs.h"
#include "containerd/transfer/image_resolver.h"

namespace containerd::remotes {

// Fetches content. Safe from any thread. A Fetcher may be a FetcherByDigest and a ReferrersFetcher
// too: ask with dynamic_cast.
class CONTAINERD_EXPORT Fetcher {
 public:
  virtual ~Fetcher() = default;

  // A reader of what the descriptor names. It is not checked against the digest; whoever stores it
  // does that. `ctx` bounds the transfer: when it ends, reading fails. Readers of registries can
  // seek, and go on by themselves where a connection was cut off. Destroying the reader ends the
  // transfer. ErrNotFound if the remote has no such content.
  virtual absl::StatusOr<std::unique_ptr<io::Reader>> Fetch(const Context& ctx,
                                                            const ocispec::Descriptor& desc) = 0;
};

// Source: remotes.FetchByDigestConfig.
struct FetchByDigestConfig {
  // What to ask for in the Accept header.
  std::string mediatype{};
};

using FetchByDigestOpt = option::Option<const Context&, FetchByDigestConfig&>;
using FetchByDigestOpts = FetchByDigestOpt;  // as Go calls it

// Source: remotes.WithMediaType.
CONTAINERD_EXPORT FetchByDigestOpt WithMediaType(std::string mediatype);

// A Fetcher that needs no descriptor. Source: remotes.FetcherByDigest.
class CONTAINERD_EXPORT FetcherByDigest {
 public:
  virtual ~FetcherByDigest() = default;

  // Content that was found, and what it is.
  struct Fetched {
    std::unique_ptr<io::Reader> reader;
    // Its media type is that of WithMediaType, else application/octet-stream; no annotations.
    ocispec::Descriptor desc;
  };

  // Content of which nothing is known but the digest.
  virtual absl::StatusOr<Fetched> FetchByDigest(const Context& ctx, const digest::Digest& dgst,
                                                const std::vector<FetchByDigestOpt>& opts = {}) = 0;
};

// Source: remotes.FetchReferrersConfig.
struct FetchReferrersConfig {
  // Only referrers of these types; all if empty.
  std::vector<std::string> artifact_types{};
  // More query parameters for the registry.
  std::vector<std::pair<std::string, std::string>> query_filters{};
};

using FetchReferrersOpt = option::Option<const Context&, FetchReferrersConfig&>;

CONTAINERD_EXPORT FetchReferrersOpt
WithReferrerArtifactTypes(std::vector<std::string> artifact_types);
template <std::size_t N, std::size_t M>
requires option::IsPair<M>
void WithReferrerArtifactTypes(option::BracedTexts<N, M>) = delete;
CONTAINERD_EXPORT FetchReferrersOpt WithReferrerQueryFilter(std::string param, std::string value);

// A Fetcher that lists what refers to content. Source: remotes.ReferrersFetcher.
class CONTAINERD_EXPORT ReferrersFetcher {
 public:
  virtual ~ReferrersFetcher() = default;

  // Descriptors of the manifests that have `dgst` as their subject; none is not an error.
  virtual absl::StatusOr<std::vector<ocispec::Descriptor>> FetchReferrers(
      const Context& ctx, const digest::Digest& dgst,
      const std::vector<FetchReferrersOpt>& opts = {}) = 0;
};

// Pushes content. Safe from any thread. A Pusher may be a content::Ingester too: then PushHandler
// waits while another push of the same content is under way.
class CONTAINERD_EXPORT Pusher {
 public:
  virtual ~Pusher() = default;

  // A writer for the content; Commit ends the upload. ErrAlreadyExists if the remote has it.
  // `ctx` bounds the transfer.
  virtual absl::StatusOr<std::unique_ptr<content::Writer>> Push(
      const Context& ctx, const ocispec::Descriptor& desc) = 0;
};

// A function as a Fetcher or Pusher.
class CONTAINERD_EXPORT FetcherFunc final : public Fetcher {
 public:
  using Func = std::function<absl::StatusOr<std::unique_ptr<io::Reader>>(
      const Context&, const ocispec::Descriptor&)>;
  explicit FetcherFunc(Func fn) : fn_(std::move(fn)) {}

  absl::StatusOr<std::unique_ptr<io::Reader>> Fetch(const Context& ctx,
                                                    const ocispec::Descriptor& desc) override {
    return fn_(ctx, desc);
  }

 private:
  Func fn_;
};

// A Pusher out of a function. Source: remotes.PusherFunc.
class CONTAINERD_EXPORT PusherFunc final : public Pusher {
 public:
  using Func = std::function<absl::StatusOr<std::unique_ptr<content::Writer>>(
      const Context&, const ocispec::Descriptor&)>;
  explicit PusherFunc(Func fn) : fn_(std::move(fn)) {}

  absl::StatusOr<std::unique_ptr<content::Writer>> Push(const Context& ctx,
                                                        const ocispec::Descriptor& desc) override {
    return fn_(ctx, desc);
  }

 private:
  Func fn_;
};

// Safe from any thread.
class CONTAINERD_EXPORT Resolver {
 public:
  virtual ~Resolver() = default;

  // What a reference stands for.
  struct Resolved {
    // A valid reference, by which the content is asked for from now on.
    std::string name;
    ocispec::Descriptor desc;
  };

  // Finds what a reference, "host/path:tag@digest" without a scheme, stands for. ErrNotFound if
  // the remote has no such thing.
  virtual absl::StatusOr<Resolved> Resolve(const Context& ctx, std::string_view ref) = 0;

  // Gets content from the repository of `ref`.
  virtual absl::StatusOr<std::shared_ptr<remotes::Fetcher>> Fetcher(const Context& ctx,
                                                                    std::string_view ref) = 0;

  // Puts content into the repository of `ref`; its manifest under the tag of `ref`.
  virtual absl::StatusOr<std::shared_ptr<remotes::Pusher>> Pusher(const Context& ctx,
                                                                  std::string_view ref) = 0;
};

// A resolver that can be told how much to do at once. Fetchers made before keep what was set then.
class CONTAINERD_EXPORT ResolverWithOptions : public Resolver {
 public:
  virtual void SetOptions(const std::vector<transfer::ImageResolverOpt>& options) = 0;

  // A fetcher to which `options` apply after those that were set before, which stay as they are. A
  // resolver that does not override this one gets them set for good.
  virtual absl::StatusOr<std::shared_ptr<remotes::Fetcher>> FetcherWithOptions(
      const Context& ctx, std::string_view ref,
      const std::vector<transfer::ImageResolverOpt>& options) {
    SetOptions(options);
    return Fetcher(ctx, ref);
  }
};

}  // namespace containerd::remotes

#endif  // CONTAINERD_REMOTES_REMOTES_H_
