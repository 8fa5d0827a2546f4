// SPDX-License-Identifier: Apache-2.0
//
// Runs ten containers at once, each a coroutine: calls that block are made on four threads, and no
// thread waits for any of the containers.
#include <iostream>
#include <unistd.h>

#include <fmt/format.h>

#include "example.h"

namespace {

using namespace containerd;  // NOLINT: as in the guide

absl::StatusOr<Container> Make(const Context& ctx, Client client, const Image& image, int number) {
  const std::string id = fmt::format("ten-{}-{}", getpid(), number);
  return client.NewContainer(
      ctx, id,
      {WithNewSnapshot(id, image),
       WithNewSpec({oci::WithImageConfig(image),
                    oci::WithProcessArgs({"sh", "-c", fmt::format("sleep 1; exit {}", number)})})});
}

// Runs a container to its end, and deletes it.
Future<ExitStatus> RunToItsEnd(Context ctx, std::shared_ptr<Executor> pool, Client client,
                               Image image, int number) {
  absl::StatusOr<Container> container =
      co_await Async(pool, [=] { return Make(ctx, client, image, number); });
  if (!container.ok()) co_return container.status();
  // This is a thread of the pool now, which may block.
  absl::StatusOr<ExitStatus> status;
  if (absl::StatusOr<Task> task = container->NewTask(ctx, cio::NullIO); task.ok()) {
    Future<ExitStatus> exit = task->Wait(ctx);
    if (absl::Status started = task->Start(ctx); started.ok()) {
      status = co_await exit;
    } else {
      status = started;
    }
    // And this one of the library's executor, which may block too.
    absl::Status deleted = task->Delete(ctx, {WithProcessKill}).status();
    if (!deleted.ok() && status.ok()) status = deleted;
  } else {
    status = task.status();
  }
  absl::Status deleted = container->Delete(ctx, {WithSnapshotCleanup});
  if (!deleted.ok() && status.ok()) status = deleted;
  co_return status;
}

absl::Status Run(const Context& ctx, Client client, const example::Args& args) {
  absl::StatusOr<Image> image = client.GetImage(ctx, args[0]);
  if (!image.ok()) return image.status();
  const auto pool = std::make_shared<ThreadPool>(4);
  std::vector<Future<ExitStatus>> exits;
  exits.reserve(10);
  for (int i = 0; i < 10; ++i) exits.push_back(RunToItsEnd(ctx, pool, client, *image, i));
  absl::Status s;
  for (const Future<ExitStatus>& exit : exits) {
    absl::StatusOr<ExitStatus> status = exit.Get(ctx);
    s.Update(status.status());
    if (status.ok()) std::cout << fmt::format("exited with {}\n", status->ExitCode());
  }
  return s;
}

}  // namespace

int main(int argc, char** argv) { return example::Main(argc, argv, 1, "ten IMAGE", Run); }
