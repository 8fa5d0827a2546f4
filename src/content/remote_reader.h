// SPDX-License-Identifier: Apache-2.0
//
// Reading a blob of a daemon.
#ifndef CONTAINERD_SRC_CONTENT_REMOTE_READER_H_
#define CONTAINERD_SRC_CONTENT_REMOTE_READER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "containerd/content/content.h"

#include "src/rpc/internal/call.h"
#include "wire.h"

namespace containerd::content {

// Reads in the namespace of `ctx`, whose deadline and cancellation do not matter.
std::unique_ptr<ReaderAt> NewRemoteReaderAt(const Context& ctx,
                                            std::shared_ptr<const rpc::Stubs<BlobCalls>> stubs,
                                            std::string digest, std::int64_t size);

}  // namespace containerd::content

#endif  // CONTAINERD_SRC_CONTENT_REMOTE_READER_H_
