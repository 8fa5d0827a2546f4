// SPDX-License-Identifier: Apache-2.0
//
// Prints the exits of all containers of all namespaces, for as many seconds as are given, also over
// restarts of the daemon: what may have been missed is told.
#include <iostream>
#include <string>
#include <variant>

#include <absl/strings/numbers.h>
#include <fmt/format.h>

#include "containerd/events/task.pb.h"

#include "example.h"

namespace {

using namespace containerd;  // NOLINT: as in the guide

void Print(const events::Item& item) {
  if (const auto* gap = std::get_if<events::Gap>(&item)) {
    std::cout << fmt::format("events may be missing since {}: {}\n", absl::FormatTime(gap->since),
                             errdefs::Message(gap->cause))
              << std::flush;
    return;
  }
  const auto& envelope = std::get<events::Envelope>(item);
  const auto exit = events::Decode<containerd::events::TaskExit>(envelope);
  if (!exit.ok()) return;
  const bool init = exit->id() == exit->container_id();
  std::cout << fmt::format("{}/{}{} exited with {}\n", envelope.ns, exit->container_id(),
                           init ? "" : " exec " + exit->id(), exit->exit_status())
            << std::flush;
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
  std::cout << "waiting for exits" << std::endl;
  for (;;) {
    absl::StatusOr<events::Item> item = subscription->Next(until);
    if (errdefs::IsDeadlineExceeded(item.status())) return absl::OkStatus();
    if (!item.ok()) return item.status();
    Print(*item);
  }
}

}  // namespace

int main(int argc, char** argv) { return example::Main(argc, argv, 1, "exits SECONDS", Run); }
