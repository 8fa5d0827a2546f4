// SPDX-License-Identifier: Apache-2.0
//
// Prints the exits of all containers of all namespaces, for as many seconds as are given, also over
// restarts of the daemon: where some may have been missed, it lists the tasks that there are. Waits
// for a container's task besides, if one is named, which goes on over restarts by itself.
#include <iostream>
#include <string>
#include <variant>

#include <absl/strings/numbers.h>
#include <fmt/format.h>

#include "containerd/events/task.pb.h"

#include "example.h"

namespace {

using namespace containerd;  // NOLINT: as in the guide

// What a program compares with what it knew: this and the events that follow are complete.
absl::Status List(const Context& ctx, Client& client) {
  absl::StatusOr<std::vector<std::string>> names = client.NamespaceService()->List(ctx);
  if (!names.ok()) return names.status();
  for (const std::string& ns : *names) {
    const auto tasks = client.TaskService()->List(WithNamespace(ctx, ns));
    if (!tasks.ok()) return tasks.status();
    for (const tasks::Process& task : *tasks) {
      std::cout << fmt::format("{}/{} is {}\n", ns, task.id, tasks::ToString(task.status))
                << std::flush;
    }
  }
  return absl::OkStatus();
}

void Print(const events::Envelope& envelope) {
  const auto exit = events::Decode<containerd::events::TaskExit>(envelope);
  if (!exit.ok()) return;
  const bool init = exit->id() == exit->container_id();
  std::cout << fmt::format("{}/{}{} exited with {}\n", envelope.ns, exit->container_id(),
                           init ? "" : " exec " + exit->id(), exit->exit_status())
            << std::flush;
}

absl::Status Wait(const Context& ctx, Client& client, const std::string& id) {
  absl::StatusOr<Container> container = client.LoadContainer(ctx, id);
  if (!container.ok()) return container.status();
  absl::StatusOr<Task> task = container->Task(ctx);
  if (!task.ok()) return task.status();
  task->Wait(ctx).Then([id](const absl::StatusOr<ExitStatus>& exit) {
    // ErrNotFound if it ended while a daemon was down that forgets such tasks.
    const std::string how = exit.ok() ? fmt::format("exited with {}", exit->ExitCode())
                                      : std::string(errdefs::Message(exit.status()));
    std::cout << fmt::format("waited for {}: {}\n", id, how) << std::flush;
  });
  return absl::OkStatus();
}

absl::Status Run(const Context& ctx, Client client, const example::Args& args) {
  double seconds = 0;
  if (!absl::SimpleAtod(args[0], &seconds) || seconds <= 0) {
    return errdefs::InvalidArgument(fmt::format("seconds: \"{}\"", args[0]));
  }
  const Context until = WithTimeout(ctx, absl::Seconds(seconds));
  const auto subscription = client.Subscribe(
      until, {fmt::format("topic==\"{}\"", events::kTaskExitEventTopic)}, {events::WithResume});
  if (absl::Status s = subscription->WaitReady(until); !s.ok()) return s;
  if (args.size() > 1) {
    if (absl::Status s = Wait(until, client, args[1]); !s.ok()) return s;
  }
  std::cout << "waiting for exits" << std::endl;
  for (;;) {
    absl::StatusOr<events::Item> item = subscription->Next(until);
    if (errdefs::IsDeadlineExceeded(item.status())) return absl::OkStatus();
    if (!item.ok()) return item.status();
    if (const auto* gap = std::get_if<events::Gap>(&*item)) {
      std::cout << fmt::format("events may be missing since {}: {}\n", absl::FormatTime(gap->since),
                               errdefs::Message(gap->cause))
                << std::flush;
      if (absl::Status s = List(until, client); !s.ok()) return s;
    } else {
      Print(std::get<events::Envelope>(*item));
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  return example::Main(argc, argv, 1, "exits SECONDS [CONTAINER]", Run);
}
