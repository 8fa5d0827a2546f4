// SPDX-License-Identifier: Apache-2.0
#include "src/rpc/internal/call_queue.h"

#include <limits>
#include <optional>
#include <pthread.h>
#include <semaphore.h>

#include <google/protobuf/message.h>
#include <grpc/support/time.h>
#include <grpcpp/channel.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/impl/rpc_method.h>
#include <grpcpp/support/async_unary_call.h>

#include "containerd/errdefs/errdefs.h"

#include "src/rpc/internal/call.h"
#include "src/threads/internal/callback.h"
#include "src/threads/internal/start.h"

namespace containerd::rpc {
namespace {

// Tags after which what is to be done later is done, even if there are more.
constexpr int kMostBeforeLater = 32;

// As many callers at once that the queue's thread does better than one of them, who would hand over
// every few answers.
constexpr std::size_t kCrowd = 7;

}  // namespace

// A thread that waits, and as a tag the call that it waits for. Used again and again, and not freed
// before the queue: who tells a thread may still be at it when that one has left. (The standard
// library's atomics spin before they wait, which costs more than it gains where all cores are
// busy.)
struct CallQueue::Waiter : Tag {
  Waiter() { sem_init(&told, 0, 0); }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter() { sem_destroy(&told); }

  void Tell() { sem_post(&told); }
  void Wait() {
    while (sem_wait(&told) != 0) {  // a signal
    }
  }

  sem_t told;
  // Of the call; nothing while this thread is told to lead. Only leaders write and read it, one
  // after the other, and the thread when it has been told.
  std::optional<bool> answer;
};

CallQueue::CallQueue() : runner_(std::make_unique<Waiter>()), looker_(std::make_unique<Waiter>()) {}

CallQueue::~CallQueue() = default;

void CallQueue::Close() {
  {
    const base::MutexLock lock(mu_);
    closed_ = true;
  }
  StopIfOver();
}

void CallQueue::StopIfOver() {
  // What holds gRPC last stops it, and for that it may start a thread.
  const threads::SignalsBlocked blocked;
  {
    const base::MutexLock lock(mu_);
    if (!closed_ || in_use_ > 0 || std::exchange(stopped_, true) || queue_ == nullptr) return;
    queue_->Shutdown();
    leader_ = runner_.get();
  }
  if (!thread_.joinable()) {
    void* tag = nullptr;
    bool ok = false;
    while (queue_->Next(&tag, &ok)) {
    }
    queue_.reset();
    return;
  }
  runner_->Tell();
  if (threads::MustNotBlock()) {
    thread_.detach();  // it keeps what it needs
  } else {
    thread_.join();
  }
}

bool CallQueue::Enter() {
  if (stopped_) return false;
  if (queue_ == nullptr) queue_ = std::make_unique<grpc::CompletionQueue>();
  ++in_use_;
  return true;
}

void CallQueue::Look() {
  void* raw = nullptr;
  bool ok = false;
  if (queue_->AsyncNext(&raw, &ok, gpr_inf_past(GPR_CLOCK_MONOTONIC)) !=
      grpc::CompletionQueue::GOT_EVENT) {
    return;
  }
  HandOn(*static_cast<Tag*>(raw), ok);
}

void CallQueue::HandOn(Tag& tag, bool ok) {
  base::TakeOver(&tag);
  if (!tag.done) return GiveTo(static_cast<Waiter&>(tag), ok);
  {
    const base::MutexLock lock(mu_);
    inbox_.emplace_back(&tag, ok);
  }
  runner_->Tell();
}

void CallQueue::GiveTo(Waiter& waiter, bool ok) {
  waiter.answer = ok;
  waiter.Tell();
}

CallQueue::Waiter* CallQueue::NextLeader() {
  leader_ = nullptr;
  if (asynchronous_ > 0 || crowded_) return leader_ = runner_.get();
  for (Waiter* waiter : waiting_) {
    if (!waiter->answer.has_value()) leader_ = waiter;
  }
  return leader_;
}

bool CallQueue::Await(Waiter& self) {
  self.Wait();
  if (self.answer.has_value()) return *self.answer;
  bool ok = false;
  {
    const threads::CallbackScope scope;  // of interceptors, which would wait for this thread
    void* tag = nullptr;
    while (queue_->Next(&tag, &ok) && tag != static_cast<Tag*>(&self))
      HandOn(*static_cast<Tag*>(tag), ok);
  }
  Waiter* next = nullptr;
  {
    const base::MutexLock lock(mu_);
    self.answer = ok;
    next = NextLeader();
  }
  if (next != nullptr) next->Tell();
  return ok;
}

grpc::Status CallQueue::Call(grpc::Channel& channel, const std::string& path,
                             grpc::ClientContext* ctx, const google::protobuf::Message& request,
                             google::protobuf::Message* response) {
  using google::protobuf::MessageLite;
  if (request.ByteSizeLong() > std::numeric_limits<int>::max()) {  // gRPC would end the process
    return {grpc::StatusCode::INTERNAL, "a message of more than 2 GiB"};
  }
  Waiter* self = nullptr;
  bool leads = false;
  {
    const base::MutexLock lock(mu_);
    if (!Enter()) return {grpc::StatusCode::CANCELLED, "the connection is closed"};
    if (free_.empty()) free_.push_back(waiters_.emplace_back(std::make_unique<Waiter>()).get());
    self = free_.back();
    free_.pop_back();
    self->answer.reset();
    waiting_.push_back(self);
    if (waiting_.size() >= kCrowd && !crowded_) crowded_ = StartThread().ok();
    leads = leader_ == nullptr;
    if (leads) leader_ = self;
  }
  if (leads) {
    Look();
    self->Tell();
  }
  const grpc::internal::RpcMethod method(path.c_str(), grpc::internal::RpcMethod::NORMAL_RPC);
  grpc::Status status;
  bool readable = false;
  {
    const std::unique_ptr<grpc::ClientAsyncResponseReader<MessageLite>> call(
        grpc::internal::ClientAsyncResponseReaderHelper::Create<MessageLite, MessageLite>(
            &channel, queue_.get(), method, ctx, request));
    call->StartCall();
    call->Finish(response, &status, self->Armed());
    readable = Await(*self);
  }
  bool last = false;
  {
    const base::MutexLock lock(mu_);
    std::erase(waiting_, self);
    free_.push_back(self);
    --in_use_;
    last = closed_;
  }
  if (last) StopIfOver();
  // The status is that of the call, whatever came with it.
  if (!readable && status.ok()) {
    return {grpc::StatusCode::INTERNAL, "the answer is not a message of that kind"};
  }
  return status;
}

absl::StatusOr<CallQueue::Use> CallQueue::Begin() {
  bool looks = false;
  {
    const base::MutexLock lock(mu_);
    if (!Enter()) return NoChannel();
    if (absl::Status s = StartThread(); !s.ok()) {
      --in_use_;
      return s;
    }
    ++asynchronous_;
    looks = leader_ == nullptr;
    if (looks) leader_ = looker_.get();
  }
  if (looks) {
    Look();
    {
      const base::MutexLock lock(mu_);
      leader_ = runner_.get();
    }
    runner_->Tell();
  }
  return Use(shared_from_this());
}

absl::Status CallQueue::StartThread() {
  if (thread_.joinable()) return absl::OkStatus();
  absl::StatusOr<std::thread> thread =
      threads::Start("receive answers", [self = shared_from_this()] { self->Run(); });
  if (!thread.ok()) return thread.status();
  thread_ = *std::move(thread);
  return absl::OkStatus();
}

void CallQueue::Use::Reset() {
  if (const auto queue = std::exchange(queue_, nullptr)) queue->EndUse();
}

grpc::CompletionQueue* CallQueue::Use::queue() const { return queue_->queue_.get(); }

void CallQueue::EndUse() {
  bool last = false;
  {
    const base::MutexLock lock(mu_);
    --in_use_;
    --asynchronous_;
    last = closed_;
  }
  if (last) StopIfOver();
}

bool CallQueue::Later(std::function<void()> fn) {
  if (std::this_thread::get_id() != thread_id_) return false;
  later_.push_back(std::move(fn));
  return true;
}

void CallQueue::Run() {
  pthread_setname_np(pthread_self(), "containerd-rpc");
  const threads::CallbackScope scope;
  thread_id_ = std::this_thread::get_id();
  for (bool more = true; more;) {
    runner_->Wait();
    while (RunInbox()) {
    }
    more = !leads_ || Lead();
  }
  const base::MutexLock lock(mu_);  // of StopIfOver, which may still be at it
  queue_.reset();
}

// What leaders have put there; whether there was something.
bool CallQueue::RunInbox() {
  std::vector<std::pair<Tag*, bool>> inbox;
  {
    const base::MutexLock lock(mu_);
    inbox.swap(inbox_);
    leads_ = inbox.empty() && leader_ == runner_.get();
  }
  for (const auto& [tag, ok] : inbox) tag->done(ok);
  RunLater();
  return !inbox.empty();
}

void CallQueue::RunLater() {
  for (const std::function<void()>& fn : std::exchange(later_, {})) fn();
  since_ = 0;
}

// The next tag; nullptr when there are no more to come.
CallQueue::Tag* CallQueue::Next(bool* ok) {
  void* tag = nullptr;
  if (!later_.empty()) {
    const bool enough = ++since_ > kMostBeforeLater;
    if (!enough && queue_->AsyncNext(&tag, ok, gpr_inf_past(GPR_CLOCK_MONOTONIC)) ==
                       grpc::CompletionQueue::GOT_EVENT) {
      return static_cast<Tag*>(tag);
    }
    RunLater();
  }
  return queue_->Next(&tag, ok) ? static_cast<Tag*>(tag) : nullptr;
}

// False when there is nothing more to come.
bool CallQueue::Lead() {
  bool ok = false;
  while (Tag* const tag = Next(&ok)) {
    base::TakeOver(tag);
    if (tag->done) {
      tag->done(ok);
    } else {
      GiveTo(static_cast<Waiter&>(*tag), ok);
    }
    if (asynchronous_ > 0 || in_use_ > 1) continue;
    RunLater();
    Waiter* next = nullptr;
    {
      const base::MutexLock lock(mu_);
      if (stopped_) continue;
      crowded_ = false;
      next = NextLeader();
    }
    if (next == runner_.get()) continue;
    if (next != nullptr) next->Tell();
    return true;
  }
  return false;
}

}  // namespace containerd::rpc
