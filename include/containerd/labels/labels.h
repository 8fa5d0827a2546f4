// SPDX-License-Identifier: Apache-2.0
//
// Package labels: the key-value pairs that containerd keeps beside its objects, and their rules.
//
//   containerd::Labels labels = {{"com.example.tier", "web"}};
//   if (absl::Status s = labels::Validate(labels); !s.ok()) return s;
//
// All functions are pure and safe from any thread.
//
// Source: pkg/labels.
#ifndef CONTAINERD_LABELS_LABELS_H_
#define CONTAINERD_LABELS_LABELS_H_

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include <absl/status/status.h>

#include "containerd/export/export.h"

namespace containerd {

// Go's map[string]string as far as labels and annotations go.
using Labels = std::map<std::string, std::string>;

namespace labels {

// The prefix of labels that containerd itself gives and reads.
inline constexpr char kReservedPrefix[] = "containerd.io/";

// The prefix of labels that containerd's CRI plugin gives and reads.
inline constexpr char kCRIContainerdPrefix[] = "io.cri-containerd";

// On a compressed layer in the content store: the digest of what it unpacks to.
inline constexpr char kLabelUncompressed[] = "containerd.io/uncompressed";

// On a namespace: its content may be used from other namespaces.
inline constexpr char kLabelSharedNamespace[] = "containerd.io/namespace.shareable";

// On content: where it came from. The key goes on with "." and the registry's host; the value lists
// repositories: "containerd.io/distribution.source.docker.io" = "library/redis".
inline constexpr char kLabelDistributionSource[] = "containerd.io/distribution.source";

// Most bytes that a label's key and value may have together.
inline constexpr std::size_t kMaxSize = 4096;

// ErrInvalidArgument if key and value have more than kMaxSize bytes together. Any bytes are
// allowed. The error shows at most 64 bytes of the key. Source: labels.Validate.
CONTAINERD_EXPORT absl::Status Validate(std::string_view key, std::string_view value);

// The first error among the labels in key order.
CONTAINERD_EXPORT absl::Status Validate(const Labels& labels);

// Whether the key begins with kReservedPrefix or kCRIContainerdPrefix. Such labels steer the
// daemon, so they must not be taken over from sources that are not trusted, such as an image's
// config. Source: labels.IsReserved.
CONTAINERD_EXPORT bool IsReserved(std::string_view key);

}  // namespace labels
}  // namespace containerd

#endif  // CONTAINERD_LABELS_LABELS_H_
