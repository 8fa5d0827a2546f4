// SPDX-License-Identifier: Apache-2.0
//
// Runs ten containers at once, each a coroutine, without a thread that waits for any of them.
#include <coroutine>
#include <iostream>
#include <unistd.h>

#include <fmt/format.h>

#include "example.h"

namespace {

using namespace containerd;  // NOLINT: as in the guide

// A coroutine that runs by itself. What it has to tell, it puts into a Promise.
struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

// Runs a container whose task is made, deletes both, and gives the exit.
Detached RunToItsEnd(Context ctx, Container container, Task task, Promise<ExitStatus> done) {
  Future<ExitStatus> exit = task.Wait(ctx);
  absl::StatusOr<ExitStatus> status;
  if (absl::Status started = task.Start(ctx); started.ok()) {
    status = co_await exit;
  } else {
    status = std::move(started);
  }
  // From here on it runs on the default executor, where it may block.
  absl::Status s = task.Delete(ctx, {WithProcessKill}).status();
  s.Update(container.Delete(ctx, {WithSnapshotCleanup}));
  if (!s.ok() && status.ok()) status = s;
  done.Set(std::move(status));
}

absl::StatusOr<Future<ExitStatus>> Begin(const Context& ctx, Client& client, const Image& image,
                                         int number) {
  const std::string id = fmt::format("ten-{}-{}", getpid(), number);
  absl::StatusOr<Container> container = client.NewContainer(
      ctx, id,
      {WithNewSnapshot(id, image),
       WithNewSpec({oci::WithImageConfig(image),
                    oci::WithProcessArgs({"sh", "-c", fmt::format("sleep 1; exit {}", number)})})});
  if (!container.ok()) return container.status();
  absl::StatusOr<Task> task = container->NewTask(ctx, cio::NullIO);
  if (!task.ok()) {
    absl::Status s = task.status();
    s.Update(container->Delete(ctx, {WithSnapshotCleanup}));
    return s;
  }
  Promise<ExitStatus> done;
  RunToItsEnd(ctx, *container, *task, done);
  return done.GetFuture();
}

absl::Status Run(const Context& ctx, Client client, const example::Args& args) {
  absl::StatusOr<Image> image = client.GetImage(ctx, args[0]);
  if (!image.ok()) return image.status();
  absl::Status s;
  std::vector<Future<ExitStatus>> exits;
  for (int i = 0; i < 10; ++i) {
    absl::StatusOr<Future<ExitStatus>> exit = Begin(ctx, client, *image, i);
    s.Update(exit.status());
    if (exit.ok()) exits.push_back(*exit);
  }
  for (Future<ExitStatus>& exit : exits) {
    absl::StatusOr<ExitStatus> status = exit.Get(ctx);
    s.Update(status.status());
    if (status.ok()) std::cout << fmt::format("exited with {}\n", status->ExitCode());
  }
  return s;
}

}  // namespace

int main(int argc, char** argv) { return example::Main(argc, argv, 1, "ten IMAGE", Run); }
