// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <iostream>

#include "containerd/containerd.h"

using namespace containerd;  // NOLINT: a first program is short

absl::Status Run(const Context& ctx, const char* address, const char* image_name) {
  absl::StatusOr<Client> client = Client::New(ctx, address);
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
  const char* address = std::getenv("CONTAINERD_ADDRESS");  // NOLINT: there is one thread
  absl::Status s = Run(namespaces::NamespaceFromEnv(Context::Background()),
                       address != nullptr ? address : "/run/containerd/containerd.sock",
                       argc > 1 ? argv[1] : "docker.io/library/busybox:latest");
  if (!s.ok()) std::cerr << s << "\n";
  return s.ok() ? 0 : 1;
}
