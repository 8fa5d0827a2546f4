// SPDX-License-Identifier: Apache-2.0
//
// The proxy on a stub of the caller's, for tests.
#ifndef CONTAINERD_SRC_TRANSFER_PROXY_H_
#define CONTAINERD_SRC_TRANSFER_PROXY_H_

#include <memory>

#include "containerd/services/transfer/v1/transfer.grpc.pb.h"
#include "containerd/transfer/proxy.h"

namespace containerd::transfer {

std::shared_ptr<Transferrer> NewTransferrer(
    std::shared_ptr<services::transfer::v1::Transfer::StubInterface> stub,
    std::shared_ptr<streaming::StreamCreator> streams);

}  // namespace containerd::transfer

#endif  // CONTAINERD_SRC_TRANSFER_PROXY_H_
