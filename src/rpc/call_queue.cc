// SPDX-License-Identifier: Apache-2.0
#include "src/rpc/internal/call_queues.h"

#include <limits>
#include <utility>

#include <google/protobuf/message.h>
#include <grpc/support/time.h>
#include <grpcpp/channel.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/impl/rpc_method.h>
#include <grpcpp/support/async_unary_call.h>

#include "src/threads/internal/start.h"

namespace containerd::rpc {
namespace {

// More calls at once than this are rare, and their queues are dropped afterwards.
constexpr std::size_t kMostKept = 64;

}  // namespace

void CallQueues::Destroy::operator()(grpc::CompletionQueue* queue) const {
  // What holds gRPC last stops it, and for that it may start a thread.
  const threads::SignalsBlocked blocked;
  void* tag = nullptr;
  bool ok = false;
  queue->Shutdown();
  while (queue->Next(&tag, &ok)) {
  }
  delete queue;
}

CallQueues::Queue CallQueues::Take() {
  Queue queue;
  bool alone = false;
  {
    const base::MutexLock lock(mu_);
    alone = in_use_++ == 0;
    if (!free_.empty()) {
      queue = std::move(free_.back());
      free_.pop_back();
    }
  }
  if (queue == nullptr) queue.reset(new grpc::CompletionQueue());
  if (alone) Look(*queue);
  return queue;
}

void CallQueues::Look(grpc::CompletionQueue& queue) {
  void* tag = nullptr;
  bool ok = false;
  queue.AsyncNext(&tag, &ok, gpr_inf_past(GPR_CLOCK_MONOTONIC));
}

void CallQueues::GiveBack(Queue queue) {
  const base::MutexLock lock(mu_);
  --in_use_;
  if (!closed_ && free_.size() < kMostKept) return free_.push_back(std::move(queue));
}

void CallQueues::Close() {
  std::vector<Queue> dropped;  // without the lock
  const base::MutexLock lock(mu_);
  closed_ = true;
  dropped.swap(free_);
}

grpc::Status CallQueues::Call(grpc::Channel& channel, const std::string& path,
                              grpc::ClientContext* ctx, const google::protobuf::Message& request,
                              google::protobuf::Message* response) {
  using google::protobuf::MessageLite;
  if (request.ByteSizeLong() > std::numeric_limits<int>::max()) {  // gRPC would end the process
    return {grpc::StatusCode::INTERNAL, "a message of more than 2 GiB"};
  }
  const grpc::internal::RpcMethod method(path.c_str(), grpc::internal::RpcMethod::NORMAL_RPC);
  Queue queue = Take();
  const std::unique_ptr<grpc::ClientAsyncResponseReader<MessageLite>> call(
      grpc::internal::ClientAsyncResponseReaderHelper::Create<MessageLite, MessageLite>(
          &channel, queue.get(), method, ctx, request));
  grpc::Status status;
  call->StartCall();
  call->Finish(response, &status, &status);
  void* tag = nullptr;
  bool ok = false;
  queue->Next(&tag, &ok);
  GiveBack(std::move(queue));
  // The status is that of the call, whatever came with it.
  if (!ok && status.ok()) {
    return {grpc::StatusCode::INTERNAL, "the answer is not a message of that kind"};
  }
  return status;
}

}  // namespace containerd::rpc
