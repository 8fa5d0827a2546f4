// SPDX-License-Identifier: Apache-2.0
//
// Package images, the handlers: functions that look at one descriptor and return what it refers to.
// They compose, and a walk calls them for a whole image.
//
//   std::int64_t size = 0;
//   images::HandlerFunc add = [&](const Context&, const ocispec::Descriptor& desc) {
//     size += desc.size;
//     return images::Descriptors();
//   };
//   images::HandlerFunc children =
//       images::FilterPlatforms(images::ChildrenHandler(store), platforms::Default());
//   absl::Status s = images::Walk(ctx, images::Handlers({add, children}), {image.target});
//
// A handler that is made from others keeps copies of them, and pointers to the stores that it was
// given. Handlers may block and call the library. Walk calls them on its caller's thread, one at a
// time; Dispatch, and with it Pull, Fetch and Push, on its caller's thread and others, several at
// once. An exception that leaves a handler, or what it calls, ends the walk with ErrInternal.
//
// Source: core/images/handlers.go.
#ifndef CONTAINERD_IMAGES_HANDLERS_H_
#define CONTAINERD_IMAGES_HANDLERS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/content/content.h"
#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/platforms/platforms.h"

namespace containerd::images {

using Descriptors = std::vector<ocispec::Descriptor>;

// Returns the children of a descriptor. Go's interface Handler and its HandlerFunc are one here.
using HandlerFunc =
    std::function<absl::StatusOr<Descriptors>(const Context& ctx, const ocispec::Descriptor& desc)>;
using Handler = HandlerFunc;

// What a handler returns to have a walk go on without the descriptor's children.
CONTAINERD_EXPORT absl::Status ErrSkipDesc();
CONTAINERD_EXPORT bool IsErrSkipDesc(const absl::Status& status);

// What a handler returns to keep the ones after it, in Handlers, from the descriptor.
CONTAINERD_EXPORT absl::Status ErrStopHandler();
CONTAINERD_EXPORT bool IsErrStopHandler(const absl::Status& status);

// What WalkNotEmpty returns for an image of which nothing is left, "image might be filtered out".
// Of class ErrNotFound.
CONTAINERD_EXPORT absl::Status ErrEmptyWalk();
CONTAINERD_EXPORT bool IsErrEmptyWalk(const absl::Status& status);

// Bounds of Walk and Dispatch, which Go lacks: of images within images, and of descriptors looked
// at. (Each index may name one below it a thousand times.)
inline constexpr int kMaxWalkDepth = 32;
inline constexpr std::int64_t kMaxWalkDescriptors = std::int64_t{1} << 17;

// Calls the handlers in turn, and returns the children of all. Source: images.Handlers.
CONTAINERD_EXPORT HandlerFunc Handlers(std::vector<Handler> handlers);

// Calls the handler for each descriptor, its children before its next sibling, on this thread. The
// first error ends the walk. ErrInvalidArgument, naming it, if content contains itself;
// ErrResourceExhausted at the bounds above. Source: images.Walk.
CONTAINERD_EXPORT absl::Status Walk(const Context& ctx, const Handler& handler,
                                    const Descriptors& descs);

// The same, and ErrEmptyWalk if the handler gave no children at all. Source: images.WalkNotEmpty.
CONTAINERD_EXPORT absl::Status WalkNotEmpty(const Context& ctx, const Handler& handler,
                                            const Descriptors& descs);

// Calls the handler for each descriptor and their children in no order, `limiter` at a time: on
// this thread and up to limiter - 1 others, which end with the call. After an error the context of
// the handlers that still run is cancelled, and the first error is returned when all have ended.
// Bounds as for Walk. A limiter of 0 stands for 8; Go knows no limit then.
// Source: images.Dispatch.
CONTAINERD_EXPORT absl::Status Dispatch(const Context& ctx, const Handler& handler, int limiter,
                                        const Descriptors& descs);

// The children that the content of manifests and indexes names (see Children in image.h).
// Source: images.ChildrenHandler.
CONTAINERD_EXPORT HandlerFunc ChildrenHandler(std::shared_ptr<content::Provider> provider);

// Adds to the children of manifests and indexes what refers to them, marked with the annotation
// kAnnotationManifestSubject. Source: images.SetReferrers.
CONTAINERD_EXPORT HandlerFunc SetReferrers(std::shared_ptr<content::ReferrersProvider> ref_provider,
                                           HandlerFunc f);

// Which labels a parent gets for a child; those that end with "." are completed with a number, or
// after "sha256." with a part of the digest.
using LabelMap = std::function<std::vector<std::string>(const ocispec::Descriptor& child)>;

// Labels each content that `f` finds children of, so that it keeps them from garbage collection.
// The first form takes ChildGCLabels. Source: images.SetChildrenLabels,
// images.SetChildrenMappedLabels.
CONTAINERD_EXPORT HandlerFunc SetChildrenLabels(std::shared_ptr<content::Manager> manager,
                                                HandlerFunc f);
CONTAINERD_EXPORT HandlerFunc SetChildrenMappedLabels(std::shared_ptr<content::Manager> manager,
                                                      HandlerFunc f, LabelMap label_map = nullptr);

// Keeps the children that name no platform or one that matches; all if `m` is nullptr.
// Source: images.FilterPlatforms.
CONTAINERD_EXPORT HandlerFunc FilterPlatforms(HandlerFunc f, platforms::MatcherPtr m);

// Gives the children of an index that name no platform, and are manifests of images, that of their
// config, so that the platform can be chosen by; `fetch` gets these manifests and configs to
// `provider`. What is not found stays without a platform. Not in Go, which takes the first.
CONTAINERD_EXPORT HandlerFunc DetectPlatforms(HandlerFunc f, HandlerFunc fetch,
                                              std::shared_ptr<content::Provider> provider);

// Keeps the best `n` children of an index, best first; all of them if n is 0 or less. ErrNotFound
// if there is none to keep. Source: images.LimitManifests.
CONTAINERD_EXPORT HandlerFunc LimitManifests(HandlerFunc f, platforms::MatchComparerPtr m, int n);

}  // namespace containerd::images

#endif  // CONTAINERD_IMAGES_HANDLERS_H_
