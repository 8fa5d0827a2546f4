// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_TRACING_CARRIED_H_
#define CONTAINERD_SRC_TRACING_CARRIED_H_

#include <memory>

#include "containerd/context/context.h"
#include "containerd/tracing/call_observer.h"
#include "containerd/tracing/trace_context.h"

namespace containerd::tracing {

// What a context carries of this package.
struct Carried {
  TraceContext trace{};
  std::shared_ptr<CallObserver> observer{};
  int attempt = 1;
};

// nullptr if nothing.
inline const Carried* Find(const Context& ctx) { return ctx.Value<Carried>(); }

inline Carried CopyOf(const Context& ctx) {
  const Carried* found = Find(ctx);
  return found != nullptr ? *found : Carried();
}

}  // namespace containerd::tracing

#endif  // CONTAINERD_SRC_TRACING_CARRIED_H_
