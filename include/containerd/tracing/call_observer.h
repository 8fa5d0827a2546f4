// SPDX-License-Identifier: Apache-2.0
//
// Package tracing: who is told of each call that the library makes: calls of the daemon, streams,
// and requests to registries.
//
//   class Log final : public tracing::CallObserver {
//     tracing::EndFunc Start(const Context& ctx, tracing::Call& call) override {
//       return [method = std::string(call.method)](const tracing::CallEnd& end) {
//         log::Info(method + " " + absl::FormatDuration(end.duration));
//       };
//     }
//   };
//   auto client = Client::New(ctx, "/run/containerd/containerd.sock",
//                             {WithCallObserver(std::make_shared<Log>())});
//
// examples/observe.cc makes spans of OpenTelemetry of it.
//
// A call of the daemon is told to its context's observer, if that has one, else to the client's. So
// are requests to registries of Client::Pull, Fetch and Push, whichever resolver they use; what a
// resolver is asked without a client, to its context's. Not told are calls on raw stubs
// (containerd/stubs.h), which gRPC's interceptors see (WithInterceptor), and what the daemon does
// by itself, as requests to registries of its transfer service. Without an observer a call costs a
// comparison more.
#ifndef CONTAINERD_TRACING_CALL_OBSERVER_H_
#define CONTAINERD_TRACING_CALL_OBSERVER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/time/time.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/tracing/trace_context.h"

namespace containerd::tracing {

enum class CallKind : std::uint8_t {
  kUnary,         // gRPC: a message each way
  kServerStream,  // gRPC: one there, any number back
  kBidiStream,    // gRPC: any number each way
  kHTTP,          // a request to a registry, or to whom it redirects
};

// "unary", "server stream", "bidi stream", "HTTP".
CONTAINERD_EXPORT std::string_view ToString(CallKind kind);

// A call that begins. What it refers to lives until Start returns.
struct Call {
  CallKind kind = CallKind::kUnary;

  // "/containerd.services.tasks.v1.Tasks/Create", or of HTTP "GET".
  std::string_view method{};

  // Of HTTP: scheme, host, port and path. User, password and query are left out, as they may be
  // credentials. Empty otherwise.
  std::string url{};

  // containerd's; empty if there is none.
  std::string ns{};

  // 2 and more: the same call once more, as the library repeats a wait that a daemon's restart cut
  // off, or a request that a registry refused at first (often with 401: then what authorizes it was
  // asked for, too) or was too busy for. Where HTTP redirects to, the same attempt goes on. What
  // gRPC repeats by itself is one attempt.
  int attempt = 1;

  // What goes out with the call: the context's. Whoever makes a span of the call puts that in; what
  // is not valid then is logged, and the context's goes out.
  TraceContext trace{};
};

// How it ended.
struct CallEnd {
  // What the caller gets of it, but for the words in which that is wrapped. HTTP: how the transfer
  // went, which is well for a 404 too, and for a body that the caller has read no further.
  absl::Status status;

  // Of HTTP, once there is a response; else 0.
  int http_status = 0;

  absl::Duration duration;  // until the end of the stream, or of the response's body

  // Messages, as they are encoded, and bodies: without headers and framing, before compression. Of
  // streams what came and went until then, each message counted (1 each of a unary call).
  std::int64_t bytes_sent = 0;
  std::int64_t bytes_received = 0;
  std::int64_t messages_sent = 0;
  std::int64_t messages_received = 0;
};

using EndFunc = std::function<void(const CallEnd&)>;

// Told of calls from any thread, several at once, also the library's own: it must be quick, and not
// call what blocks. An exception of either function is logged and harms no call.
class CONTAINERD_EXPORT CallObserver {
 public:
  virtual ~CallObserver() = default;

  // A call begins: not one that never does (on a client that was closed, or in a callback where it
  // would block). What it returns is called once, when the call has ended, before its caller knows
  // of it; nullptr if the end is of no interest.
  virtual EndFunc Start(const Context& ctx, Call& call) = 0;
};

// Calls under the context are told to that observer, in place of the client's. nullptr: to the
// client's again.
CONTAINERD_EXPORT Context WithCallObserver(const Context& parent,
                                           std::shared_ptr<CallObserver> observer);

}  // namespace containerd::tracing

#endif  // CONTAINERD_TRACING_CALL_OBSERVER_H_
