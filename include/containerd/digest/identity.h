// SPDX-License-Identifier: Apache-2.0
//
// Package identity: the names of stacks of layers.
//
//   std::vector<digest::Digest> diff_ids = …;           // of an image's rootfs, lowest first
//   digest::Digest parent = identity::ChainID(diff_ids);  // the snapshot of all of them
//
// Source: github.com/opencontainers/image-spec/identity; image-spec config.md "Layer ChainID".
#ifndef CONTAINERD_DIGEST_IDENTITY_H_
#define CONTAINERD_DIGEST_IDENTITY_H_

#include <span>
#include <vector>

#include "containerd/digest/digest.h"
#include "containerd/export/export.h"

namespace containerd::identity {

// The name of the file system that applying the layers in order gives; empty for no layers. One
// layer's chain ID is its own. Source: identity.ChainID.
CONTAINERD_EXPORT digest::Digest ChainID(std::span<const digest::Digest> diff_ids);

// The chain ID after each of the layers. Source: identity.ChainIDs, which does it in place.
CONTAINERD_EXPORT std::vector<digest::Digest> ChainIDs(std::span<const digest::Digest> diff_ids);

}  // namespace containerd::identity

#endif  // CONTAINERD_DIGEST_IDENTITY_H_
