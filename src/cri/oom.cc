// SPDX-License-Identifier: Apache-2.0
#include "containerd/cri/oom.h"

#include <cstdint>
#include <vector>

#include <absl/time/clock.h>
#include <fmt/format.h>

#include "containerd/cri/constants.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/filters/filters.h"
#include "containerd/log/log.h"
#include "containerd/tasks/tasks.h"
#include "containerd/typeurl/typeurl.h"

#include "io/containerd/cgroups/v1/metrics.pb.h"
#include "io/containerd/cgroups/v2/metrics.pb.h"

namespace containerd::cri {

namespace cgroup1 = ::io::containerd::cgroups::v1;
namespace cgroup2 = ::io::containerd::cgroups::v2;

absl::StatusOr<bool> HasOOMKill(const tasks::Metric& metric) {
  if (typeurl::Is<cgroup1::Metrics>(metric.data)) {
    const auto metrics = typeurl::UnmarshalAny<cgroup1::Metrics>(metric.data);
    if (!metrics.ok()) return metrics.status();
    return metrics->memory_oom_control().oom_kill() > 0;
  }
  const auto metrics = typeurl::UnmarshalAny<cgroup2::Metrics>(metric.data);
  if (!metrics.ok()) return metrics.status();
  return metrics->memory_events().oom_kill() > 0;
}

absl::StatusOr<bool> OOMKilled(const Context& ctx, Client& client, std::string_view container_id) {
  absl::StatusOr<std::vector<tasks::Metric>> metrics =
      client.TaskService()->Metrics(ctx, {fmt::format("id=={}", filters::Quote(container_id))});
  if (!metrics.ok()) return metrics.status();
  for (const tasks::Metric& metric : *metrics) {
    if (metric.id == container_id) return HasOOMKill(metric);
  }
  return errdefs::NotFound(fmt::format("container \"{}\" has no metrics", container_id));
}

void ReportExit(const Context& ctx, Client& client, std::string_view container_id,
                std::int32_t exit_code, absl::Time exited_at, ContainerStatus& status) {
  if (status.unknown) {
    status.unknown = false;
    if (status.reason == kUnknownExitReason) status.reason.clear();
  }
  if (status.finished_at != 0) return;
  status.pid = 0;
  const std::int64_t exited = absl::ToUnixNanos(exited_at);
  status.finished_at = exited > 0 ? exited : absl::ToUnixNanos(absl::Now());
  status.exit_code = exit_code;
  if (exit_code != kOOMExitCodeInLinux || !status.reason.empty()) return;
  const absl::StatusOr<bool> oom = OOMKilled(ctx, client, container_id);
  if (!oom.ok()) {
    log::Warn(fmt::format("whether container \"{}\" had no memory left is not known: {}",
                          container_id, errdefs::Message(oom.status())));
  } else if (*oom) {
    status.reason = kOOMExitReason;
  }
}

}  // namespace containerd::cri
