// SPDX-License-Identifier: Apache-2.0
//
// What a task or sandbox uses of the machine, as its shim reports it.
#ifndef CONTAINERD_TASKS_METRIC_H_
#define CONTAINERD_TASKS_METRIC_H_

#include <string>

#include <absl/time/time.h>

#include "containerd/typeurl/any.h"

namespace containerd::tasks {

// Source: api/types.Metric.
struct Metric {
  absl::Time timestamp = absl::InfinitePast();  // when it was measured
  std::string id{};                             // of the container or sandbox

  // io.containerd.cgroups.v1.Metrics or io.containerd.cgroups.v2.Metrics with runc.
  typeurl::Any data{};

  friend bool operator==(const Metric&, const Metric&) = default;
};

}  // namespace containerd::tasks

#endif  // CONTAINERD_TASKS_METRIC_H_
