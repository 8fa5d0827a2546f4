// SPDX-License-Identifier: Apache-2.0
//
// What the unary calls of a connection wait on.
#ifndef CONTAINERD_SRC_RPC_INTERNAL_CALL_QUEUES_H_
#define CONTAINERD_SRC_RPC_INTERNAL_CALL_QUEUES_H_

#include <memory>
#include <string>
#include <vector>

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/support/status.h>

#include "src/base/mutex.h"

namespace grpc {
class Channel;
}  // namespace grpc

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace containerd::rpc {

// gRPC's synchronous calls make a completion queue each, with locks and memory of its own; these
// are used again, the last one first. Thread-safe.
class CallQueues {
 public:
  CallQueues() = default;
  CallQueues(const CallQueues&) = delete;
  CallQueues& operator=(const CallQueues&) = delete;
  ~CallQueues() { Close(); }

  // A unary call on this thread. `path` outlives `ctx`.
  grpc::Status Call(grpc::Channel& channel, const std::string& path, grpc::ClientContext* ctx,
                    const google::protobuf::Message& request, google::protobuf::Message* response);

  // Drops the queues; those in use when their calls end.
  void Close();

 private:
  struct Destroy {
    void operator()(grpc::CompletionQueue* queue) const;
  };
  using Queue = std::unique_ptr<grpc::CompletionQueue, Destroy>;

  Queue Take();

  // Has gRPC handle what the connection has for it. It does so only while somebody waits for an
  // answer: a call after a while would go to a daemon that has hung up meanwhile, and fail.
  static void Look(grpc::CompletionQueue& queue);

  void GiveBack(Queue queue);

  base::Mutex mu_;
  std::vector<Queue> free_ ABSL_GUARDED_BY(mu_);
  int in_use_ ABSL_GUARDED_BY(mu_) = 0;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace containerd::rpc

#endif  // CONTAINERD_SRC_RPC_INTERNAL_CALL_QUEUES_H_
