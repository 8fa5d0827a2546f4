// SPDX-License-Identifier: Apache-2.0
//
// A call that an observer is told of, for whatever makes calls:
//
//   auto seen = tracing::Observation::Begin(ctx, conn->observer(), [&] { return Call{...}; });
//   ... send what belongs to seen->context() ...
//   if (seen) seen->Ended(status);   // and destroy it, where callbacks may run
#ifndef CONTAINERD_SRC_TRACING_INTERNAL_OBSERVATION_H_
#define CONTAINERD_SRC_TRACING_INTERNAL_OBSERVATION_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/tracing/call_observer.h"

namespace containerd::tracing {

// The observer of calls under the context; nullptr if it has none.
CONTAINERD_SIBLING const std::shared_ptr<CallObserver>& ObserverOf(const Context& ctx);

// With the observer unless the context has one, or that is nullptr.
CONTAINERD_SIBLING Context WithDefaultObserver(const Context& ctx,
                                               const std::shared_ptr<CallObserver>& observer);

// The n-th attempt at the same call.
CONTAINERD_SIBLING Context WithAttempt(const Context& ctx, int attempt);

// From the start of a call to its end, of which its destructor tells. All but End and Abandon is
// safe from any thread.
class CONTAINERD_SIBLING Observation {
 public:
  // Tells the context's observer, or else `otherwise`, of the start of what `call` describes, but
  // for namespace, if the context has one, attempt and trace. nullptr if there is no observer.
  static std::unique_ptr<Observation> Begin(const Context& ctx,
                                            const std::shared_ptr<CallObserver>& otherwise,
                                            absl::FunctionRef<Call()> call) {
    const std::shared_ptr<CallObserver>& own = ObserverOf(ctx);
    if (own == nullptr && otherwise == nullptr) return nullptr;
    return Start(ctx, own != nullptr ? *own : *otherwise, call());
  }

  Observation(const Observation&) = delete;
  Observation& operator=(const Observation&) = delete;
  ~Observation() { End(); }

  // The caller's context, with the trace that the observer wants.
  const Context& context() const { return ctx_; }

  void Sent(std::int64_t bytes) {
    bytes_sent_ += bytes;
    ++messages_sent_;
  }
  void Received(std::int64_t bytes) {
    bytes_received_ += bytes;
    ++messages_received_;
  }

  // The response to a request of HTTP is there.
  void Answered(int http_status) { http_status_ = http_status; }

  // How and when the call ended: the first time counts.
  void Ended(const absl::Status& status);

  // Tells how it ended: Canceled unless Ended was called. Only once.
  void End();

  // There is nobody to tell.
  void Abandon() { end_ = nullptr; }

 private:
  Observation() = default;
  static std::unique_ptr<Observation> Start(const Context& ctx, CallObserver& observer, Call call);

  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  Context ctx_;
  EndFunc end_;
  std::atomic<bool> ended_ = false;
  absl::Status status_;
  std::chrono::steady_clock::duration took_{};
  std::atomic<int> http_status_ = 0;
  std::atomic<std::int64_t> bytes_sent_ = 0;
  std::atomic<std::int64_t> bytes_received_ = 0;
  std::atomic<std::int64_t> messages_sent_ = 0;
  std::atomic<std::int64_t> messages_received_ = 0;
};

}  // namespace containerd::tracing

#endif  // CONTAINERD_SRC_TRACING_INTERNAL_OBSERVATION_H_
