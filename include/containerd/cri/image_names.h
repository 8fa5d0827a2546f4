// SPDX-License-Identifier: Apache-2.0
//
// What an image is called, and whom it runs as. All functions are pure and safe from any thread.
//
// Source: pkg/cri/server/helpers.go.
#ifndef CONTAINERD_CRI_IMAGE_NAMES_H_
#define CONTAINERD_CRI_IMAGE_NAMES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "containerd/digest/digest.h"
#include "containerd/export/export.h"
#include "containerd/reference/distribution.h"

namespace containerd::cri {

// The two names that a pulled image gets besides its id; either may be empty.
struct RepoNames {
  std::string digest{};
  std::string tag{};
  friend bool operator==(const RepoNames&, const RepoNames&) = default;
};

// The reference itself for what it has, tag or digest; in place of a digest that it lacks, the one
// of the target, unless that is a manifest of Docker's schema 1, whose digest no registry knows. A
// reference with both parts gives its full text twice; ParseDockerRef leaves no such reference.
// Source: getRepoDigestAndTag.
CONTAINERD_EXPORT RepoNames GetRepoDigestAndTag(const distribution::reference::Named& named,
                                                const digest::Digest& target, bool schema1);

// References by what they have.
struct ImageReferences {
  std::vector<std::string> tags{};
  std::vector<std::string> digests{};
  friend bool operator==(const ImageReferences&, const ImageReferences&) = default;
};

// The references in full and in their order: those with a name and a digest, and of the others
// those with a tag. Names alone, ids, and what is no reference are left out. Source:
// parseImageReferences.
CONTAINERD_EXPORT ImageReferences ParseImageReferences(const std::vector<std::string>& refs);

// Either a uid or a name, or neither.
struct ImageUser {
  std::optional<std::int64_t> uid{};
  std::string username{};
  friend bool operator==(const ImageUser&, const ImageUser&) = default;
};

// The user of an image's config without its group: what stands before the first ":". A decimal
// number of 64 bits, with a sign if it likes, is a uid, all else a name; of ":1000", neither. So it
// is what the plugin tells a kubelet, today's too: a uid that is negative or beyond 2^31-1 is one
// here, though no container can run as it (oci::WithUser refuses it). Source: getUserFromImage.
CONTAINERD_EXPORT ImageUser GetUserFromImage(std::string_view user);

}  // namespace containerd::cri

#endif  // CONTAINERD_CRI_IMAGE_NAMES_H_
