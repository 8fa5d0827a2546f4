// SPDX-License-Identifier: Apache-2.0
//
// The daemon's transfer service.
#ifndef CONTAINERD_TRANSFER_PROXY_H_
#define CONTAINERD_TRANSFER_PROXY_H_

#include <memory>

#include "containerd/streaming/streaming.h"
#include "containerd/transfer/transfer.h"

namespace containerd::rpc {
class Connection;
}  // namespace containerd::rpc

namespace containerd::transfer {

// `streams` makes the streams that progress comes over. Source: proxy.NewTransferrer.
std::shared_ptr<Transferrer> NewTransferrer(std::shared_ptr<rpc::Connection> conn,
                                            std::shared_ptr<streaming::StreamCreator> streams);

}  // namespace containerd::transfer

#endif  // CONTAINERD_TRANSFER_PROXY_H_
