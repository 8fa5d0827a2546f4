// SPDX-License-Identifier: Apache-2.0
#include "containerd/rpc/connection.h"

#include <thread>
#include <tuple>
#include <utility>

#include <grpcpp/channel.h>

namespace containerd::rpc {
namespace {

thread_local int callback_depth = 0;

// gRPC stops its callback threads, and waits for them, when the last channel that used them goes.
// On such a thread that would be waiting for itself, so there another thread drops the channel.
std::shared_ptr<grpc::Channel> DropElsewhere(std::shared_ptr<grpc::Channel> channel) {
  grpc::Channel* const raw = channel.get();
  if (raw == nullptr) return nullptr;
  return {raw, [channel = std::move(channel)](grpc::Channel*) mutable {
            if (CallbackScope::Active()) {
              std::thread([last = std::move(channel)]() mutable { last = nullptr; }).detach();
            }
          }};
}

}  // namespace

CallbackScope::CallbackScope() { ++callback_depth; }
CallbackScope::~CallbackScope() { --callback_depth; }
bool CallbackScope::Active() { return callback_depth > 0; }

Connection::Connection(std::shared_ptr<grpc::Channel> channel, std::string default_namespace)
    : channel_(DropElsewhere(std::move(channel))),
      default_namespace_(std::move(default_namespace)) {
  std::tie(closing_, close_) = WithCancel(Context::Background());
}

Connection::~Connection() = default;

std::shared_ptr<grpc::Channel> Connection::channel() const {
  std::lock_guard lock(mu_);
  return channel_;
}

std::uint64_t Connection::generation() const {
  std::lock_guard lock(mu_);
  return generation_;
}

void Connection::Replace(std::shared_ptr<grpc::Channel> channel) {
  std::shared_ptr<grpc::Channel> old;  // destroyed outside the lock
  std::lock_guard lock(mu_);
  if (closing_.Done()) return;
  old = std::exchange(channel_, DropElsewhere(std::move(channel)));
  ++generation_;
}

void Connection::Close() {
  close_();
  std::shared_ptr<grpc::Channel> old;
  std::unique_lock lock(mu_);
  old = std::move(channel_);
  channel_ = nullptr;
  ++generation_;
  if (!CallbackScope::Active()) idle_.wait(lock, [this] { return active_ == 0; });
}

Connection::Activity::Activity(std::shared_ptr<Connection> conn) : conn_(std::move(conn)) {
  std::lock_guard lock(conn_->mu_);
  ++conn_->active_;
}

Connection::Activity::~Activity() {
  std::lock_guard lock(conn_->mu_);
  if (--conn_->active_ == 0) conn_->idle_.notify_all();
}

}  // namespace containerd::rpc
