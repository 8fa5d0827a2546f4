// SPDX-License-Identifier: Apache-2.0
//
// What the calls of a connection wait on, and the thread that asynchronous ones come back on.
#ifndef CONTAINERD_SRC_RPC_INTERNAL_CALL_QUEUE_H_
#define CONTAINERD_SRC_RPC_INTERNAL_CALL_QUEUE_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include "containerd/export/export.h"

#include "src/base/handed_over.h"
#include "src/base/mutex.h"

namespace grpc {
class Channel;
class CompletionQueue;
}  // namespace grpc

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace containerd::rpc {

// One completion queue for all calls of a connection, since gRPC is fastest when a single thread
// asks it what has come: threads with queues of their own, and those of its callbacks, all wait for
// the same socket, and what one of them reads is mostly for another.
//
// That thread is the leader. It gives the others what is theirs. As long as there are asynchronous
// calls, or many callers at once, it is the queue's own thread, which the first of them starts;
// otherwise it is one of those that wait for an answer, and with its own answer it hands over to
// the one whose call is the youngest.
//
// Thread-safe. A thread of it lives until Close, or until the calls that Close has found.
class CONTAINERD_SIBLING CallQueue : public std::enable_shared_from_this<CallQueue> {
 public:
  // An operation of gRPC on the queue.
  struct Tag {
    // The tag to give to gRPC with the operation.
    void* Armed() {
      base::HandOver(this);
      return this;
    }

    // With what gRPC says of it, on the queue's thread: nothing may block there.
    std::function<void(bool ok)> done;
  };

  // Held by an asynchronous call while tags of it are to come.
  class Use {
   public:
    Use() = default;
    Use(Use&& other) noexcept = default;
    Use& operator=(Use&& other) noexcept {
      Reset();
      queue_ = std::move(other.queue_);
      return *this;
    }
    ~Use() { Reset(); }

    void Reset();
    grpc::CompletionQueue* queue() const;

   private:
    friend class CallQueue;
    explicit Use(std::shared_ptr<CallQueue> queue) : queue_(std::move(queue)) {}

    std::shared_ptr<CallQueue> queue_;
  };

  CallQueue();
  CallQueue(const CallQueue&) = delete;
  CallQueue& operator=(const CallQueue&) = delete;
  ~CallQueue();

  // A unary call on this thread. `path` outlives `ctx`.
  grpc::Status Call(grpc::Channel& channel, const std::string& path, grpc::ClientContext* ctx,
                    const google::protobuf::Message& request, google::protobuf::Message* response);

  // For an asynchronous call. ErrResourceExhausted if there is no thread to be had, ErrUnavailable
  // after Close.
  absl::StatusOr<Use> Begin();

  // In a tag's function: has `fn` run when those of all that has come so far have run, so that a
  // thread is not woken for each. False, and nothing is done, on other threads.
  bool Later(std::function<void()> fn);

  // Lets go of gRPC, once no call is under way; waits for the queue's thread then, unless this one
  // must not block.
  void Close();

 private:
  struct Waiter;

  // Registers a call. False after Close.
  bool Enter() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Has gRPC handle what the connection has for it, which it does only while there is a leader: a
  // call after a while would go to a daemon that has hung up meanwhile, and fail.
  void Look();

  // Waits for the end of a call of this thread; whether its answer could be read.
  bool Await(Waiter& self);

  void HandOn(Tag& tag, bool ok);
  void GiveTo(Waiter& waiter, bool ok);
  Waiter* NextLeader() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status StartThread() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // The queue's thread.
  void Run();
  bool RunInbox();
  void RunLater();
  Tag* Next(bool* ok);
  bool Lead();

  void EndUse();

  // After the last call, if the queue is closed.
  void StopIfOver();

  base::Mutex mu_;
  std::unique_ptr<grpc::CompletionQueue> queue_;  // from the first call on
  std::vector<std::unique_ptr<Waiter>> waiters_ ABSL_GUARDED_BY(mu_);
  std::vector<Waiter*> free_ ABSL_GUARDED_BY(mu_);
  std::vector<Waiter*> waiting_ ABSL_GUARDED_BY(mu_);  // calls under way, the oldest first
  const std::unique_ptr<Waiter> runner_;               // the queue's thread
  const std::unique_ptr<Waiter> looker_;               // leads for it while it is woken
  std::thread thread_;                                 // once, under mu_
  Waiter* leader_ ABSL_GUARDED_BY(mu_) = nullptr;
  std::vector<std::pair<Tag*, bool>> inbox_ ABSL_GUARDED_BY(mu_);  // the thread's, from leaders
  bool crowded_ ABSL_GUARDED_BY(mu_) = false;
  std::atomic<int> in_use_ = 0;        // calls of both kinds
  std::atomic<int> asynchronous_ = 0;  // of these; changed under mu_
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;

  // The queue's thread's own.
  std::atomic<std::thread::id> thread_id_;
  bool leads_ = false;
  std::vector<std::function<void()>> later_;
  int since_ = 0;  // tags since the first of them
};

}  // namespace containerd::rpc

#endif  // CONTAINERD_SRC_RPC_INTERNAL_CALL_QUEUE_H_
