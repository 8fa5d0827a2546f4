// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include "containerd/containerd.h"

using namespace containerd;  // NOLINT: a first program is short

absl::Status Run(const Context& ctx, const std::string& image_name) {
  absl::StatusOr<Client> client = Client::New(ctx, "/run/containerd/containerd.sock");
  if (!client.ok()) return client.status();

  absl::StatusOr<Image> image = client->GetImage(ctx, image_name);
  if (!image.ok()) return image.status();
  absl::StatusOr<Container> container = client->NewContainer(
      ctx, "first",
      {WithNewSnapshot("first", *image),
       WithNewSpec({oci::WithImageConfig(*image), oci::WithProcessArgs({"echo", "hello"})})});
  if (!container.ok()) return container.status();

  absl::StatusOr<Task> task = container->NewTask(ctx, cio::NewCreator({cio::WithStdio()}));
  if (!task.ok()) return task.status();
  Future<ExitStatus> exit = task->Wait(ctx);
  if (absl::Status started = task->Start(ctx); !started.ok()) return started;
  absl::StatusOr<ExitStatus> status = exit.Get(ctx);
  if (!status.ok()) return status.status();
  std::cout << "exited with " << status->ExitCode() << "\n";

  if (auto deleted = task->Delete(ctx); !deleted.ok()) return deleted.status();
  return container->Delete(ctx, {WithSnapshotCleanup});
}

int main(int argc, char** argv) {
  const std::string image = argc > 1 ? argv[1] : "docker.io/library/busybox:latest";
  absl::Status s = Run(WithNamespace(Context::Background(), "example"), image);
  if (!s.ok()) std::cerr << s << "\n";
  return s.ok() ? 0 : 1;
}
