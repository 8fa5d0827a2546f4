// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_TESTS_SUPPORT_RECORDED_CALLS_H_
#define CONTAINERD_TESTS_SUPPORT_RECORDED_CALLS_H_

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <absl/time/clock.h>
#include <absl/time/time.h>

#include "containerd/tracing/call_observer.h"

namespace containerd::tracing::testing {

// A call as an observer saw it.
struct Recorded {
  CallKind kind{};
  std::string method{};
  std::string url{};
  std::string ns{};
  int attempt = 0;
  TraceContext trace{};
  bool ended = false;
  CallEnd end{};
};

// Remembers all calls, in the order in which they began.
class RecordedCalls final : public CallObserver {
 public:
  explicit RecordedCalls(TraceContext sends = {}) : sends_(std::move(sends)) {}

  EndFunc Start(const Context& /*ctx*/, Call& call) override {
    const std::lock_guard lock(log_->mu);
    log_->calls.push_back({.kind = call.kind,
                           .method = std::string(call.method),
                           .url = call.url,
                           .ns = call.ns,
                           .attempt = call.attempt,
                           .trace = call.trace});
    if (!sends_.traceparent.empty()) call.trace = sends_;
    return [log = log_, at = log_->calls.size() - 1](const CallEnd& end) {
      const std::lock_guard ended(log->mu);
      log->calls[at].ended = true;
      log->calls[at].end = end;
    };
  }

  std::vector<Recorded> calls() const {
    const std::lock_guard lock(log_->mu);
    return log_->calls;
  }

  // Once all that began have ended, or after a long wait.
  std::vector<Recorded> AwaitEnds() const {
    const absl::Time until = absl::Now() + absl::Seconds(30);
    for (;; absl::SleepFor(absl::Milliseconds(1))) {
      std::vector<Recorded> seen = calls();
      bool all = true;
      for (const Recorded& call : seen) all = all && call.ended;
      if (all || absl::Now() > until) return seen;
    }
  }

 private:
  struct Log {
    std::mutex mu;
    std::vector<Recorded> calls;
  };
  const std::shared_ptr<Log> log_ = std::make_shared<Log>();
  const TraceContext sends_;
};

}  // namespace containerd::tracing::testing

#endif  // CONTAINERD_TESTS_SUPPORT_RECORDED_CALLS_H_
