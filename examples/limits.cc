// SPDX-License-Identifier: Apache-2.0
//
// Runs a program of an image with limits of memory, CPU and processes, and prints what it uses
// twice a second until it ends.
#include <iostream>
#include <unistd.h>

#include <fmt/format.h>

#include "containerd/typeurl/proto.h"

#include "example.h"
#include "io/containerd/cgroups/v1/metrics.pb.h"
#include "io/containerd/cgroups/v2/metrics.pb.h"

namespace {

using namespace containerd;  // NOLINT: as in the guide
namespace v1 = ::io::containerd::cgroups::v1;
namespace v2 = ::io::containerd::cgroups::v2;

void Print(std::uint64_t memory, std::uint64_t cpu_usec, std::uint64_t pids) {
  std::cout << fmt::format("memory {:.1f} MiB, CPU {:.2f} s, {} processes\n",
                           static_cast<double>(memory) / (1 << 20),
                           static_cast<double>(cpu_usec) / 1e6, pids)
            << std::flush;
}

// The host's version of cgroups decides which of the two messages comes.
absl::Status PrintMetrics(const Context& ctx, Task& task) {
  absl::StatusOr<tasks::Metric> metric = task.Metrics(ctx);
  if (!metric.ok()) return metric.status();
  if (typeurl::Is<v2::Metrics>(metric->data)) {
    absl::StatusOr<v2::Metrics> m = typeurl::UnmarshalAny<v2::Metrics>(metric->data);
    if (!m.ok()) return m.status();
    Print(m->memory().usage(), m->cpu().usage_usec(), m->pids().current());
  } else {
    absl::StatusOr<v1::Metrics> m = typeurl::UnmarshalAny<v1::Metrics>(metric->data);
    if (!m.ok()) return m.status();
    Print(m->memory().usage().usage(), m->cpu().usage().total() / 1000, m->pids().current());
  }
  return absl::OkStatus();
}

absl::Status Watch(const Context& ctx, Task& task) {
  Future<ExitStatus> exit = task.Wait(ctx);
  if (absl::Status s = task.Start(ctx); !s.ok()) return s;
  for (;;) {
    absl::StatusOr<ExitStatus> status = exit.Get(WithTimeout(ctx, absl::Milliseconds(500)));
    if (status.ok()) {
      std::cout << fmt::format("exited with {}\n", status->ExitCode());
      return absl::OkStatus();
    }
    if (!errdefs::IsDeadlineExceeded(status.status())) return status.status();
    // It may have ended meanwhile: then there is nothing to measure.
    absl::Status s = PrintMetrics(ctx, task);
    if (!s.ok() && !exit.IsReady()) return s;
  }
}

absl::Status Run(const Context& ctx, Client client, const example::Args& args) {
  absl::StatusOr<Image> image = client.GetImage(ctx, args[0]);
  if (!image.ok()) return image.status();
  const std::string id = fmt::format("limits-{}", getpid());
  absl::StatusOr<Container> container = client.NewContainer(
      ctx, id,
      {WithNewSnapshot(id, *image),
       WithNewSpec({oci::WithImageConfig(*image),
                    oci::WithProcessArgs({args.begin() + 1, args.end()}),
                    oci::WithMemoryLimit(64 << 20), oci::WithCPUCFS(50'000, 100'000),
                    oci::WithPidsLimit(32)})});
  if (!container.ok()) return container.status();
  absl::StatusOr<Task> task = container->NewTask(ctx, cio::NewCreator({cio::WithStdio}));
  absl::Status s = task.ok() ? Watch(ctx, *task) : task.status();
  if (task.ok()) s.Update(task->Delete(ctx, {WithProcessKill}).status());
  s.Update(container->Delete(ctx, {WithSnapshotCleanup}));
  return s;
}

}  // namespace

int main(int argc, char** argv) {
  return example::Main(argc, argv, 2, "limits IMAGE PROGRAM [ARGUMENT...]", Run);
}
