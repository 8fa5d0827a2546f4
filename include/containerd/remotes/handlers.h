// SPDX-License-Identifier: Apache-2.0
//
// Handlers and functions that move images between remotes and a content store.
//
//   absl::Status s = remotes::PushContent(ctx, pusher, image.target, store, 4, platforms::All());
//
// Source: core/remotes/handlers.go.
#ifndef CONTAINERD_REMOTES_HANDLERS_H_
#define CONTAINERD_REMOTES_HANDLERS_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <absl/status/status.h>

#include "containerd/content/content.h"
#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/images/handlers.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/platforms/platforms.h"
#include "containerd/remotes/remotes.h"

namespace containerd::remotes {

// MakeRefKey's prefix for a media type, instead of "unknown" or what it would use.
CONTAINERD_EXPORT Context WithMediaTypeKeyPrefix(const Context& ctx, std::string_view media_type,
                                                 std::string_view prefix);

// The name of the ingestion for content: "<kind>-<digest>", where the kind is manifest, index,
// layer, config, attestation or unknown; "<kind>-<name>@<digest>" if the descriptor has the
// annotation org.opencontainers.image.ref.name.
CONTAINERD_EXPORT std::string MakeRefKey(const Context& ctx, const ocispec::Descriptor& desc);

// Fetches the content of each descriptor that it is called with into the ingester. Use it with
// images::ChildrenHandler for all of an image. ErrNotImplemented for Docker's schema 1.
CONTAINERD_EXPORT images::HandlerFunc FetchHandler(std::shared_ptr<content::Ingester> ingester,
                                                   std::shared_ptr<Fetcher> fetcher);

// Fetches one blob into the ingester; goes on with an ingestion that is there. ErrAlreadyExists if
// the store has it, ErrInvalidArgument for a descriptor of a negative size or, if its digest is not
// that of no bytes, of size 0 (Go refuses all of size 0), ErrResourceExhausted for a manifest or
// index of more than images::kMaxManifestSize bytes, ErrDataLoss for content that is too short,
// ErrFailedPrecondition for content that is too long or has another digest. Such content is removed
// from an ingester that is a content::IngestManager too, and is fetched from the next host that may
// have it, which Go does not do. After other failures the ingestion stays, and the next fetch
// resumes it.
CONTAINERD_EXPORT absl::Status Fetch(const Context& ctx, content::Ingester& ingester,
                                     Fetcher& fetcher, const ocispec::Descriptor& desc);

// Pushes the content of each descriptor that it is called with from the provider. Content that the
// remote has already is not an error.
CONTAINERD_EXPORT images::HandlerFunc PushHandler(std::shared_ptr<Pusher> pusher,
                                                  std::shared_ptr<content::Provider> provider);

// Pushes the content below `desc` that is for `platform`, at most `limiter` blobs at once (see
// images::Dispatch): blobs first, then manifests, then indexes. `wrapper` may wrap the handler that
// walks and pushes the blobs. If `store` is a content::InfoProvider too, its labels that tell the
// content's origin are added to the descriptors as annotations; pushers use them to mount content
// from other repositories.
CONTAINERD_EXPORT absl::Status PushContent(
    const Context& ctx, std::shared_ptr<Pusher> pusher, const ocispec::Descriptor& desc,
    std::shared_ptr<content::Provider> store, int limiter, platforms::MatchComparerPtr platform,
    const std::function<images::Handler(images::Handler)>& wrapper = nullptr);

// Leaves out what may not be distributed, by its media type.
CONTAINERD_EXPORT images::HandlerFunc SkipNonDistributableBlobs(images::HandlerFunc f);

// Of manifests for a platform that does not match, leaves the config only.
CONTAINERD_EXPORT images::HandlerFunc FilterManifestByPlatformHandler(images::HandlerFunc f,
                                                                      platforms::MatcherPtr m);

}  // namespace containerd::remotes

#endif  // CONTAINERD_REMOTES_HANDLERS_H_
