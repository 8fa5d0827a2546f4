// SPDX-License-Identifier: Apache-2.0
#include "containerd/rpc/connection.h"

#include <thread>
#include <tuple>
#include <utility>

#include <grpcpp/channel.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"

#include "src/rpc/internal/call_queue.h"
#include "src/threads/internal/callback.h"
#include "src/threads/internal/forked.h"
#include "src/threads/internal/start.h"

namespace containerd::rpc {
namespace {

// The last reference to a channel stops gRPC's threads, and waits for them: on one of them that
// would be waiting for itself, so there another thread drops it. (gRPC may also start one for that,
// so signals are blocked.) In a forked child nobody drops it: there is no such thread to stop.
void Drop(std::shared_ptr<grpc::Channel> channel, const threads::Owner& owner) {
  auto* last = new std::shared_ptr<grpc::Channel>(std::move(channel));
  // NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDeleteLeaks)
  if (owner.Forked()) return;
  if (!threads::MustNotBlock()) {
    const threads::SignalsBlocked blocked;
    delete last;
    return;
  }
  absl::StatusOr<std::thread> dropper = threads::Start("drop a channel", [last] { delete last; });
  if (dropper.ok()) return dropper->detach();
  log::Warn(errdefs::Message(dropper.status()));  // it stays, which does no harm
}

std::shared_ptr<grpc::Channel> DropInOrder(std::shared_ptr<grpc::Channel> channel) {
  grpc::Channel* const raw = channel.get();
  if (raw == nullptr) return nullptr;
  return {raw, [channel = std::move(channel), owner = threads::Owner()](grpc::Channel*) mutable {
            Drop(std::move(channel), owner);
          }};
}

// Not destroyed in a forked child, where it is of the parent's gRPC.
std::shared_ptr<CallQueue> NewCallQueue() {
  return {new CallQueue(), [owner = threads::Owner()](CallQueue* queue) {
            if (!owner.Forked()) delete queue;
          }};
}

}  // namespace

Connection::Connection(std::shared_ptr<grpc::Channel> channel, std::string default_namespace,
                       std::shared_ptr<tracing::CallObserver> observer)
    : call_queue_(NewCallQueue()),
      channel_(DropInOrder(std::move(channel))),
      forks_(threads::Forks()),
      default_namespace_(std::move(default_namespace)),
      observer_(std::move(observer)) {
  std::tie(closing_, close_) = WithCancel(Context::Background());
  std::tie(current_, end_current_) = WithCancel(closing_);
}

Connection::~Connection() {
  if (!Forked()) call_queue_->Close();
}

bool Connection::Forked() const { return forks_ != threads::Forks(); }

absl::Status Connection::CheckProcess() const {
  return Forked() ? threads::Owner::Refuse("the connection to containerd") : absl::OkStatus();
}

std::shared_ptr<grpc::Channel> Connection::channel() const {
  if (Forked()) return nullptr;
  std::lock_guard lock(mu_);
  return channel_;
}

std::uint64_t Connection::generation() const {
  std::lock_guard lock(mu_);
  return generation_;
}

Context Connection::current() const {
  std::lock_guard lock(mu_);
  return current_;
}

bool Connection::Replace(std::shared_ptr<grpc::Channel> channel) {
  if (Forked()) return false;
  std::shared_ptr<grpc::Channel> old;  // destroyed outside the lock
  CancelFunc end_old;
  {
    std::lock_guard lock(mu_);
    if (closing_.Done()) return false;
    old = std::exchange(channel_, DropInOrder(std::move(channel)));
    ++generation_;
    end_old = std::move(end_current_);
    std::tie(current_, end_current_) = WithCancel(closing_);
  }
  end_old();
  return true;
}

void Connection::Close() {
  if (Forked()) return;
  close_();
  std::shared_ptr<grpc::Channel> old;
  std::unique_lock lock(mu_);
  old = std::move(channel_);
  channel_ = nullptr;
  ++generation_;
  if (!threads::CallbackScope::Active()) idle_.wait(lock, [this] { return active_ == 0; });
  lock.unlock();
  call_queue_->Close();  // with the channel there, so that it is the last that holds gRPC
}

Connection::Activity::Activity(std::shared_ptr<Connection> conn) : conn_(std::move(conn)) {
  if (conn_->Forked()) return;
  std::lock_guard lock(conn_->mu_);
  ++conn_->active_;
}

Connection::Activity::~Activity() {
  if (conn_->Forked()) return;
  std::lock_guard lock(conn_->mu_);
  if (--conn_->active_ == 0) conn_->idle_.notify_all();
}

}  // namespace containerd::rpc
