// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_REMOTES_DOCKER_PUSHER_H_
#define CONTAINERD_SRC_REMOTES_DOCKER_PUSHER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "containerd/remotes/docker/status.h"
#include "containerd/remotes/remotes.h"

#include "request.h"

namespace containerd::remotes::docker {

std::shared_ptr<Pusher> NewPusher(std::shared_ptr<const Base> base,
                                  std::shared_ptr<StatusTracker> tracker,
                                  std::int64_t upload_chunk_size);

// "manifests" and the tag of the object, or the digest where the object has none or another one.
std::vector<std::string> ManifestPath(std::string_view object, const digest::Digest& dgst);

// handler.cc: the repository that shares most of its path with the reference's, of those that the
// annotations name for its host; empty if there is none.
std::string SelectRepositoryMountCandidate(const reference::Spec& refspec,
                                           const std::map<std::string, std::string>& sources);
std::string AppendRepository(std::string_view label, std::string_view repo);
int CommonPrefixComponents(std::string_view a, std::string_view b);

}  // namespace containerd::remotes::docker

#endif  // CONTAINERD_SRC_REMOTES_DOCKER_PUSHER_H_
