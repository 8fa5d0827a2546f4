// SPDX-License-Identifier: Apache-2.0
#include "containerd/context/context.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include <absl/time/clock.h>

#include "containerd/errdefs/errdefs.h"

#include "src/threads/internal/callback.h"

namespace containerd {
namespace {

// Whoever cancels waits for it, and whoever unregisters; so what is continued in it (a wait that
// has ended, say) goes elsewhere.
void Run(const std::function<void()>& fn) {
  const threads::CallbackScope scope(threads::Callback::kMayBlock);
  threads::Notify("a callback of a context's end", fn);
}

}  // namespace

namespace internal {

// One WithCancel's state: whether it was cancelled, and who wants to know. A child registers with
// its parent's state, so that cancelling runs down the tree.
class CancelState {
 public:
  bool cancelled() const {
    std::lock_guard lock(mu_);
    return cancelled_;
  }

  void Cancel() {
    std::unique_lock lock(mu_);
    if (cancelled_) return;
    cancelled_ = true;
    canceller_ = std::this_thread::get_id();
    while (!callbacks_.empty()) {
      auto node = callbacks_.extract(callbacks_.begin());
      running_ = node.key();
      lock.unlock();
      Run(node.mapped());
      node.mapped() = nullptr;  // what it holds is released before Remove returns
      lock.lock();
      running_ = 0;
      idle_.notify_all();
    }
  }

  // 0 when already cancelled: then the caller runs the callback itself.
  uint64_t Add(std::function<void()> fn) {
    std::lock_guard lock(mu_);
    if (cancelled_) return 0;
    const uint64_t id = next_id_++;
    callbacks_.emplace(id, std::move(fn));
    return id;
  }

  void Remove(uint64_t id) {
    std::map<uint64_t, std::function<void()>>::node_type dropped;  // destroyed outside the lock
    std::unique_lock lock(mu_);
    dropped = callbacks_.extract(id);
    if (dropped.empty() && canceller_ != std::this_thread::get_id()) {
      idle_.wait(lock, [&] { return running_ != id; });
    }
    lock.unlock();
  }

  CancelRegistration from_parent;  // set once, before the state is shared

 private:
  mutable std::mutex mu_;
  std::condition_variable idle_;
  bool cancelled_ = false;
  std::thread::id canceller_;
  uint64_t running_ = 0;
  uint64_t next_id_ = 1;
  std::map<uint64_t, std::function<void()>> callbacks_;
};

// All that a context carries; a derived context copies it and changes one thing. Chains are short
// and contexts are made once a call at the most, so a flat copy beats walking a list at each use.
struct ContextNode {
  absl::Time deadline = absl::InfiniteFuture();
  std::shared_ptr<CancelState> cancel;
  std::optional<std::string> ns;
  std::optional<std::string> lease;
  std::optional<absl::Time> source_date_epoch;
  Context::Pairs metadata;
  std::vector<std::pair<const void*, std::shared_ptr<const void>>> values;  // one for each key

  static ContextNode CopyOf(const Context& parent) {
    return parent.node_ ? *parent.node_ : ContextNode{};
  }
};

}  // namespace internal

using internal::CancelState;
using internal::ContextNode;

CancelRegistration::CancelRegistration(CancelRegistration&& other) noexcept
    : state_(std::move(other.state_)), id_(std::exchange(other.id_, 0)) {}

CancelRegistration& CancelRegistration::operator=(CancelRegistration&& other) noexcept {
  if (this != &other) {
    Reset();
    state_ = std::move(other.state_);
    id_ = std::exchange(other.id_, 0);
  }
  return *this;
}

CancelRegistration::~CancelRegistration() { Reset(); }

void CancelRegistration::Reset() {
  if (state_ && id_ != 0) state_->Remove(id_);
  state_.reset();
  id_ = 0;
}

absl::Time Context::Deadline() const { return node_ ? node_->deadline : absl::InfiniteFuture(); }

absl::Status Context::Err() const {
  if (!node_) return absl::OkStatus();
  if (node_->cancel && node_->cancel->cancelled()) return errdefs::Canceled("");
  if (node_->deadline != absl::InfiniteFuture() && absl::Now() >= node_->deadline) {
    return errdefs::DeadlineExceeded("");
  }
  return absl::OkStatus();
}

bool Context::Done() const { return !Err().ok(); }

CancelRegistration Context::OnCancel(std::function<void()> fn) const {
  if (!node_ || !node_->cancel) return {};
  if (const uint64_t id = node_->cancel->Add(fn); id != 0)
    return CancelRegistration(node_->cancel, id);
  Run(fn);
  return {};
}

std::optional<std::string> Context::Namespace() const { return node_ ? node_->ns : std::nullopt; }

std::optional<std::string> Context::Lease() const { return node_ ? node_->lease : std::nullopt; }

std::optional<absl::Time> Context::SourceDateEpoch() const {
  return node_ ? node_->source_date_epoch : std::nullopt;
}

Context::Pairs Context::Metadata() const { return node_ ? node_->metadata : Pairs{}; }

const void* Context::FindValue(const void* key) const {
  if (!node_) return nullptr;
  for (const auto& [k, value] : node_->values) {
    if (k == key) return value.get();
  }
  return nullptr;
}

Context Context::SetValue(const void* key, std::shared_ptr<const void> value) const {
  ContextNode node = ContextNode::CopyOf(*this);
  const auto it = std::find_if(node.values.begin(), node.values.end(),
                               [key](const auto& entry) { return entry.first == key; });
  if (it != node.values.end()) {
    it->second = std::move(value);
  } else {
    node.values.emplace_back(key, std::move(value));
  }
  return Context(std::make_shared<const ContextNode>(std::move(node)));
}

Context WithDeadline(const Context& parent, absl::Time deadline) {
  ContextNode node = ContextNode::CopyOf(parent);
  node.deadline = std::min(node.deadline, deadline);
  return Context(std::make_shared<const ContextNode>(std::move(node)));
}

Context WithTimeout(const Context& parent, absl::Duration timeout) {
  return WithDeadline(parent, absl::Now() + timeout);
}

std::pair<Context, CancelFunc> WithCancel(const Context& parent) {
  auto state = std::make_shared<CancelState>();
  state->from_parent = parent.OnCancel([weak = std::weak_ptr(state)] {
    if (auto child = weak.lock()) child->Cancel();
  });
  ContextNode node = ContextNode::CopyOf(parent);
  node.cancel = state;
  return {Context(std::make_shared<const ContextNode>(std::move(node))),
          [state] { state->Cancel(); }};
}

Context WithoutCancel(const Context& parent) {
  ContextNode node = ContextNode::CopyOf(parent);
  node.deadline = absl::InfiniteFuture();
  node.cancel = nullptr;
  return Context(std::make_shared<const ContextNode>(std::move(node)));
}

Context WithNamespace(const Context& parent, std::string_view ns) {
  ContextNode node = ContextNode::CopyOf(parent);
  node.ns = std::string(ns);
  return Context(std::make_shared<const ContextNode>(std::move(node)));
}

Context WithLease(const Context& parent, std::string_view lease_id) {
  ContextNode node = ContextNode::CopyOf(parent);
  node.lease = std::string(lease_id);
  return Context(std::make_shared<const ContextNode>(std::move(node)));
}

Context WithMetadata(const Context& parent, std::string_view key, std::string_view value) {
  ContextNode node = ContextNode::CopyOf(parent);
  node.metadata.emplace_back(std::string(key), std::string(value));
  return Context(std::make_shared<const ContextNode>(std::move(node)));
}

Context WithSourceDateEpoch(const Context& parent, absl::Time time) {
  ContextNode node = ContextNode::CopyOf(parent);
  node.source_date_epoch = time;
  return Context(std::make_shared<const ContextNode>(std::move(node)));
}

absl::Status Sleep(const Context& ctx, absl::Duration duration) {
  if (absl::Status s = threads::CheckMayBlock("sleeping"); !s.ok()) return s;
  std::mutex mu;
  std::condition_variable cancelled;
  const CancelRegistration wake = ctx.OnCancel([&] {
    std::lock_guard lock(mu);
    cancelled.notify_all();
  });
  const absl::Time until = std::min(absl::Now() + duration, ctx.Deadline());
  std::unique_lock lock(mu);
  while (!ctx.Done() && absl::Now() < until) {
    cancelled.wait_until(lock, absl::ToChronoTime(until));
  }
  return ctx.Err();
}

}  // namespace containerd
