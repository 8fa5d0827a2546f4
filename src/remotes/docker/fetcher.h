// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_REMOTES_DOCKER_FETCHER_H_
#define CONTAINERD_SRC_REMOTES_DOCKER_FETCHER_H_

#include <memory>

#include "containerd/remotes/remotes.h"
#include "containerd/transfer/image_resolver.h"

#include "request.h"

namespace containerd::remotes::docker {

std::shared_ptr<Fetcher> NewFetcher(std::shared_ptr<const Base> base,
                                    const transfer::ImageResolverOptions& options);

}  // namespace containerd::remotes::docker

#endif  // CONTAINERD_SRC_REMOTES_DOCKER_FETCHER_H_
