// SPDX-License-Identifier: Apache-2.0
#include "src/tracing/internal/observation.h"

#include <utility>

#include <absl/time/time.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"

#include "carried.h"
#include "src/errdefs/internal/guard.h"
#include "src/threads/internal/callback.h"

namespace containerd::tracing {

std::string_view ToString(CallKind kind) {
  switch (kind) {
    case CallKind::kUnary:
      return "unary";
    case CallKind::kServerStream:
      return "server stream";
    case CallKind::kBidiStream:
      return "bidi stream";
    case CallKind::kHTTP:
      return "HTTP";
  }
  return "unknown";
}

Context WithCallObserver(const Context& parent, std::shared_ptr<CallObserver> observer) {
  Carried carried = CopyOf(parent);
  carried.observer = std::move(observer);
  return WithValue(parent, std::move(carried));
}

const std::shared_ptr<CallObserver>& ObserverOf(const Context& ctx) {
  static const auto& none = *new std::shared_ptr<CallObserver>();
  const Carried* carried = Find(ctx);
  return carried != nullptr ? carried->observer : none;
}

Context WithDefaultObserver(const Context& ctx, const std::shared_ptr<CallObserver>& observer) {
  if (observer == nullptr || ObserverOf(ctx) != nullptr) return ctx;
  return WithCallObserver(ctx, observer);
}

Context WithAttempt(const Context& ctx, int attempt) {
  Carried carried = CopyOf(ctx);
  carried.attempt = attempt;
  return WithValue(ctx, std::move(carried));
}

std::unique_ptr<Observation> Observation::Start(const Context& ctx, CallObserver& observer,
                                                Call call) {
  if (const auto ns = ctx.Namespace(); ns.has_value() && !ns->empty()) call.ns = *ns;
  const Carried carried = CopyOf(ctx);
  call.attempt = carried.attempt;
  call.trace = carried.trace;
  std::unique_ptr<Observation> seen(new Observation());
  seen->ctx_ = ctx;
  absl::StatusOr<EndFunc> end =
      errdefs::Guard("an observer of calls", [&] { return observer.Start(ctx, call); });
  if (!end.ok()) {
    threads::NoteException(end.status());
    return seen;
  }
  seen->end_ = *std::move(end);
  if (call.trace != carried.trace) {
    absl::StatusOr<Context> traced =
        WithTraceparent(ctx, call.trace.traceparent, call.trace.tracestate);
    if (traced.ok()) {
      seen->ctx_ = *std::move(traced);
    } else {
      log::Warn(fmt::format("an observer of calls: {}", errdefs::Message(traced.status())));
    }
  }
  return seen;
}

void Observation::Ended(const absl::Status& status) {
  if (ended_.exchange(true)) return;
  status_ = status;
  took_ = std::chrono::steady_clock::now() - begun_;
}

void Observation::End() {
  if (end_ == nullptr) return;
  Ended(errdefs::Canceled("nobody waited for the end of the call"));
  const CallEnd told{.status = status_,
                     .http_status = http_status_,
                     .duration = absl::FromChrono(took_),
                     .bytes_sent = bytes_sent_,
                     .bytes_received = bytes_received_,
                     .messages_sent = messages_sent_,
                     .messages_received = messages_received_};
  threads::Notify("an observer of calls", std::exchange(end_, nullptr), told);
}

}  // namespace containerd::tracing
