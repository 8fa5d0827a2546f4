// SPDX-License-Identifier: Apache-2.0
//
// Lists the containers of a namespace with their pids, states and images.
#include <iostream>
#include <string>

#include <fmt/format.h>

#include "example.h"

namespace {

using namespace containerd;  // NOLINT: as in the guide

// What stands where a container has no task.
struct Row {
  std::string pid = "-";
  std::string state = "-";
};

absl::StatusOr<Row> TaskOf(const Context& ctx, Container& container) {
  absl::StatusOr<Task> task = container.Task(ctx);
  if (errdefs::IsNotFound(task.status())) return Row{};
  if (!task.ok()) return task.status();
  absl::StatusOr<Status> status = task->Status(ctx);
  // It may have been deleted since.
  if (errdefs::IsNotFound(status.status())) return Row{};
  if (!status.ok()) return status.status();
  return Row{std::to_string(task->Pid()), std::string(tasks::ToString(status->status))};
}

absl::Status Run(const Context& ctx, Client client, const example::Args&) {
  absl::StatusOr<std::vector<Container>> containers = client.Containers(ctx);
  if (!containers.ok()) return containers.status();
  std::cout << fmt::format("{:<24} {:>8} {:<10} {}\n", "CONTAINER", "PID", "STATE", "IMAGE");
  for (Container& container : *containers) {
    // The record as it was listed: nothing more is asked.
    absl::StatusOr<containers::Container> info = container.Info(ctx, {WithoutRefreshedMetadata});
    if (!info.ok()) return info.status();
    absl::StatusOr<Row> row = TaskOf(ctx, container);
    if (!row.ok()) return row.status();
    std::cout << fmt::format("{:<24} {:>8} {:<10} {}\n", container.ID(), row->pid, row->state,
                             info->image);
  }
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) { return example::Main(argc, argv, 0, "ps", Run); }
