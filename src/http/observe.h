// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_HTTP_OBSERVE_H_
#define CONTAINERD_SRC_HTTP_OBSERVE_H_

#include <memory>

#include "containerd/context/context.h"
#include "containerd/future/future.h"
#include "containerd/http/http.h"

namespace containerd::http {

// RoundTrip with the trace of the context, told to its observer of calls. An exception of the
// RoundTripper's is the request's error.
Future<std::shared_ptr<Response>> Send(RoundTripper& transport, const Context& ctx,
                                       Request request);

}  // namespace containerd::http

#endif  // CONTAINERD_SRC_HTTP_OBSERVE_H_
