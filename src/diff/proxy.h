// SPDX-License-Identifier: Apache-2.0
//
// The proxy on a stub of the caller's, for tests.
#ifndef CONTAINERD_SRC_DIFF_PROXY_H_
#define CONTAINERD_SRC_DIFF_PROXY_H_

#include <memory>

#include "containerd/diff/proxy.h"
#include "containerd/services/diff/v1/diff.grpc.pb.h"

namespace containerd::diff {

std::shared_ptr<DiffService> NewDiffServiceFromClient(
    std::shared_ptr<services::diff::v1::Diff::StubInterface> stub);

}  // namespace containerd::diff

#endif  // CONTAINERD_SRC_DIFF_PROXY_H_
