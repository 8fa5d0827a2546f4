// SPDX-License-Identifier: Apache-2.0
//
// Metrics on the wire. For stores' proxies: it includes generated code.
#ifndef CONTAINERD_SRC_TASKS_INTERNAL_PROTO_H_
#define CONTAINERD_SRC_TASKS_INTERNAL_PROTO_H_

#include "containerd/tasks/metric.h"
#include "containerd/types/metrics.pb.h"
#include "containerd/typeurl/proto.h"

#include "src/rpc/internal/proto_time.h"

namespace containerd::tasks {

inline Metric FromProto(const containerd::types::Metric& proto) {
  using P = containerd::types::Metric;
  return {.timestamp = rpc::TimeOf(proto, &P::has_timestamp, &P::timestamp),
          .id = proto.id(),
          .data = typeurl::FromProto(proto.data())};
}

}  // namespace containerd::tasks

#endif  // CONTAINERD_SRC_TASKS_INTERNAL_PROTO_H_
