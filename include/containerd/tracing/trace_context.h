// SPDX-License-Identifier: Apache-2.0
//
// Package tracing: which trace a call belongs to, as W3C's Trace Context has it.
//
//   absl::StatusOr<Context> traced = tracing::WithTraceparent(
//       ctx, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
//   if (!traced.ok()) return traced.status();
//   auto containers = client.Containers(*traced);   // the daemon's spans are the caller's children
//
// The fields go out as gRPC metadata and in the header of requests to registries, those that are
// redirected to other hosts included. Go's client sends the same, which its OpenTelemetry
// interceptors take from the context. All functions are safe from any thread.
//
// Source: https://www.w3.org/TR/trace-context/, sections 3.2 and 3.3.
#ifndef CONTAINERD_TRACING_TRACE_CONTEXT_H_
#define CONTAINERD_TRACING_TRACE_CONTEXT_H_

#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"

namespace containerd::tracing {

// The names of the two fields.
inline constexpr char kTraceparent[] = "traceparent";
inline constexpr char kTracestate[] = "tracestate";

// The two fields as they are sent.
struct TraceContext {
  std::string traceparent{};  // empty: none
  std::string tracestate{};

  friend bool operator==(const TraceContext&, const TraceContext&) = default;
};

// ErrInvalidArgument, which says what is wrong, unless both are as the standard wants them: a
// traceparent of version 00, or of a later one that begins likewise, and a tracestate that is empty
// or a list of at most 32 members, no key twice.
CONTAINERD_EXPORT absl::Status Validate(const TraceContext& trace);

// Calls under the context belong to that trace. Replaces what the parent has. ErrInvalidArgument:
// see Validate.
CONTAINERD_EXPORT absl::StatusOr<Context> WithTraceparent(const Context& parent,
                                                          std::string_view traceparent,
                                                          std::string_view tracestate = "");

// What WithTraceparent put in last; empty fields if nothing did.
CONTAINERD_EXPORT TraceContext TraceContextOf(const Context& ctx);

}  // namespace containerd::tracing

#endif  // CONTAINERD_TRACING_TRACE_CONTEXT_H_
