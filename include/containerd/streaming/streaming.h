// SPDX-License-Identifier: Apache-2.0
//
// Package streaming: two-way streams of messages with the daemon, which other services refer to by
// their id, as the transfer service does for progress and archives.
//
//   std::shared_ptr<streaming::Stream> stream = *streams->Create(ctx, "progress-1");
//   absl::StatusOr<typeurl::Any> message = stream->Recv(ctx);
//
// Source: core/streaming.
#ifndef CONTAINERD_STREAMING_STREAMING_H_
#define CONTAINERD_STREAMING_STREAMING_H_

#include <memory>
#include <optional>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/typeurl/any.h"

namespace containerd::rpc {
class Connection;
}  // namespace containerd::rpc

namespace containerd::streaming {

// Safe from any thread. Destroying it ends the stream, unless it was closed.
// Source: streaming.Stream.
class CONTAINERD_EXPORT Stream {
 public:
  virtual ~Stream() = default;

  // Queues a message; blocks while too many are queued. The stream's error once it has ended.
  virtual absl::Status Send(const Context& ctx, const typeurl::Any& message) = 0;

  // Waits for the next message. ErrOutOfRange ("end of stream", Go's io.EOF) when the other side
  // has closed the stream well, else what ended it. If `ctx` ends first, its error: the stream goes
  // on.
  virtual absl::StatusOr<typeurl::Any> Recv(const Context& ctx) = 0;

  // The next message if it is there already, nullopt if not. Errors as Recv's.
  virtual absl::StatusOr<std::optional<typeurl::Any>> TryRecv() = 0;

  // Says that no more messages are sent; Recv goes on working. What was sent before is delivered
  // even if the object is destroyed afterwards.
  virtual absl::Status Close() = 0;
};

// Source: streaming.StreamCreator.
class CONTAINERD_EXPORT StreamCreator {
 public:
  virtual ~StreamCreator() = default;

  // Opens a stream, and waits until the daemon has it under `id`, which no other stream of the
  // namespace may have. The stream ends with `ctx`. ErrNotImplemented before containerd 1.7.
  virtual absl::StatusOr<std::shared_ptr<Stream>> Create(const Context& ctx,
                                                         std::string_view id) = 0;
};

// The daemon's. Source: proxy.NewStreamCreator.
CONTAINERD_EXPORT std::shared_ptr<StreamCreator> NewStreamCreator(
    std::shared_ptr<rpc::Connection> conn);

}  // namespace containerd::streaming

#endif  // CONTAINERD_STREAMING_STREAMING_H_
