// SPDX-License-Identifier: Apache-2.0
//
// Package rpc: the one place that talks gRPC. A Connection is a channel that can be replaced under
// its users; call.h makes calls on it and stream.h runs streams.
//
// A Connection is shared by all stores of a client. All functions are safe from any thread.
//
// It belongs to the process that made it. A forked child has none of gRPC's threads, and whatever
// it said on the connection would garble what the parent says: its calls fail with
// ErrFailedPrecondition, and what it destroys leaves the parent's connection alone.
#ifndef CONTAINERD_RPC_CONNECTION_H_
#define CONTAINERD_RPC_CONNECTION_H_

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include <absl/status/status.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"

namespace grpc {
class Channel;
}  // namespace grpc

namespace containerd::tracing {
class CallObserver;
}  // namespace containerd::tracing

namespace containerd::rpc {

class CallQueue;

// A connection to a daemon, which redials by itself. Safe from any thread.
class CONTAINERD_EXPORT Connection {
 public:
  // `default_namespace` is sent with calls whose context names none; empty: send none. `observer`
  // is told of the library's calls; nullptr: nobody.
  explicit Connection(std::shared_ptr<grpc::Channel> channel, std::string default_namespace = "",
                      std::shared_ptr<tracing::CallObserver> observer = nullptr);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // The channel for new calls; nullptr once closed.
  std::shared_ptr<grpc::Channel> channel() const;

  // Counts the channels that there have been, so that stubs know when they are stale.
  std::uint64_t generation() const;

  // Ends when the channel of now is replaced, or the connection closed: for calls that may be
  // waiting for a channel that has no use any more.
  Context current() const;

  // New calls go to `channel`. Calls under way finish on the channel that they started on. False,
  // and nothing is done, once the connection is closed.
  bool Replace(std::shared_ptr<grpc::Channel> channel);

  // Cancels every call and stream and waits until their callbacks have returned; called in one, or
  // in a callback of a subscription or context, it does not wait. Later calls fail with
  // ErrUnavailable. May be called again.
  void Close();

  // Whether this process was forked from the one whose connection it is; ErrFailedPrecondition then
  // of the second.
  bool Forked() const;
  absl::Status CheckProcess() const;

  const std::string& default_namespace() const { return default_namespace_; }

  // May be nullptr.
  const std::shared_ptr<tracing::CallObserver>& observer() const { return observer_; }

  // Ends when the connection is closed; every call hangs on it.
  const Context& closing() const { return closing_; }

  // What calls wait on; not in a forked child.
  CallQueue& call_queue() { return *call_queue_; }

  // Held by each call under way; Close waits until all are gone.
  class Activity {
   public:
    explicit Activity(std::shared_ptr<Connection> conn);
    Activity(const Activity&) = delete;
    Activity& operator=(const Activity&) = delete;
    ~Activity();

   private:
    std::shared_ptr<Connection> conn_;
  };

 private:
  mutable std::mutex mu_;
  std::condition_variable idle_;
  std::shared_ptr<CallQueue> call_queue_;
  std::shared_ptr<grpc::Channel> channel_;
  std::uint64_t generation_ = 1;
  int active_ = 0;
  const unsigned forks_;
  const std::string default_namespace_;
  const std::shared_ptr<tracing::CallObserver> observer_;
  Context closing_;
  CancelFunc close_;
  Context current_;
  CancelFunc end_current_;
};

}  // namespace containerd::rpc

#endif  // CONTAINERD_RPC_CONNECTION_H_
