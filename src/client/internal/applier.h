// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_CLIENT_INTERNAL_APPLIER_H_
#define CONTAINERD_SRC_CLIENT_INTERNAL_APPLIER_H_

#include <memory>

#include "containerd/client.h"
#include "containerd/diff/diff.h"
#include "containerd/export/export.h"
#include "containerd/image.h"

namespace containerd::internal {

// What applies layers: what the config says, or the daemon.
CONTAINERD_SIBLING std::shared_ptr<diff::Applier> ApplierOf(const Client& client,
                                                            const UnpackConfig& config);

}  // namespace containerd::internal

#endif  // CONTAINERD_SRC_CLIENT_INTERNAL_APPLIER_H_
