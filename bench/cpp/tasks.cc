// SPDX-License-Identifier: Apache-2.0
//
// Processes: whole lives with output, execs, and waits for many at once.
#include <memory>

#include "containerd/cio/cio.h"
#include "containerd/cio/streams.h"
#include "containerd/container_opts.h"
#include "containerd/oci/oci.h"
#include "containerd/task.h"

#include "bench.h"

namespace bench {
namespace {

using namespace containerd;  // NOLINT(google-build-using-namespace)

// 64 KiB of output.
constexpr char kTalk[] = "dd if=/dev/zero bs=65536 count=1 2>/dev/null";

Container NewContainer(Client& client, const Context& ctx, const Image& image,
                       const std::string& id, const std::vector<std::string>& command) {
  return Check(client.NewContainer(
      ctx, id,
      {WithNewSnapshot(id, image),
       WithNewSpec({oci::WithImageConfig(image), oci::WithProcessArgs(command)})}));
}

void CheckOutput(const cio::Buffer& out) {
  if (out.String().size() != 65536) Die(absl::InternalError("the output is not whole"));
}

Result Lifecycle(const Args& args) {
  const Context ctx = args.ctx();
  Client client = Connect(args);
  const Image image = Check(client.GetImage(ctx, args.Get("image")));
  const int n = args.GetInt("n", 10);
  const Meter meter;
  for (int i = 0; i < n; ++i) {
    Container container =
        NewContainer(client, ctx, image, "life-" + std::to_string(i), {"sh", "-c", kTalk});
    auto out = std::make_shared<cio::Buffer>();
    Task task = Check(container.NewTask(
        ctx, cio::NewCreator({cio::WithStreams({}, out, std::make_shared<cio::Buffer>())})));
    const Future<ExitStatus> exit = task.Wait(ctx);
    Check(task.Start(ctx));
    Check(exit.Get(ctx));
    Check(task.Delete(ctx));
    CheckOutput(*out);
    Check(container.Delete(ctx, {WithSnapshotCleanup}));
  }
  return meter.Stop(n);
}

// A container that runs until it is dropped.
class Sleeper {
 public:
  Sleeper(Client& client, const Context& ctx, const Image& image, const std::string& id)
      : ctx_(ctx),
        container_(NewContainer(client, ctx, image, id, {"sleep", "1000"})),
        task_(Check(container_.NewTask(ctx, cio::NullIO))) {
    Check(task_.Start(ctx));
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  ~Sleeper() {
    Check(task_.Delete(ctx_, {WithProcessKill}));
    Check(container_.Delete(ctx_, {WithSnapshotCleanup}));
  }

  Container& container() { return container_; }
  Task& task() { return task_; }

 private:
  const Context ctx_;
  Container container_;
  Task task_;
};

Result Exec(const Args& args) {
  const Context ctx = args.ctx();
  Client client = Connect(args);
  const Image image = Check(client.GetImage(ctx, args.Get("image")));
  Sleeper sleeper(client, ctx, image, "exec");
  specs::Process process = *Check(sleeper.container().Spec(ctx)).process;
  process.args = {"sh", "-c", kTalk};
  const int n = args.GetInt("n", 15);
  const Meter meter;
  for (int i = 0; i < n; ++i) {
    auto out = std::make_shared<cio::Buffer>();
    Process exec = Check(sleeper.task().Exec(
        ctx, "exec-" + std::to_string(i), process,
        cio::NewCreator({cio::WithStreams({}, out, std::make_shared<cio::Buffer>())})));
    const Future<ExitStatus> exit = exec.Wait(ctx);
    Check(exec.Start(ctx));
    Check(exit.Get(ctx));
    Check(exec.Delete(ctx));
    CheckOutput(*out);
  }
  return meter.Stop(n);
}

// Attached to one task's many execs would measure the shim; so one wait after another is begun on
// the same few tasks, each with streams of its own.
Result Waits(const Args& args) {
  const Context ctx = args.ctx();
  Client client = Connect(args);
  const Image image = Check(client.GetImage(ctx, args.Get("image")));
  Sleeper sleeper(client, ctx, image, "waits");
  const int n = args.GetInt("n", 200);
  std::vector<Process> execs;
  specs::Process process = *Check(sleeper.container().Spec(ctx)).process;
  process.args = {"sleep", "1000"};
  std::vector<Future<ExitStatus>> exits;
  const Meter meter;
  for (int i = 0; i < n; ++i) {
    auto out = std::make_shared<cio::Buffer>();
    auto err = std::make_shared<cio::Buffer>();
    execs.push_back(Check(sleeper.task().Exec(ctx, "wait-" + std::to_string(i), process,
                                              cio::NewCreator({cio::WithStreams({}, out, err)}))));
    exits.push_back(execs.back().Wait(ctx));
  }
  const Result result = meter.Stop(n);
  for (Process& exec : execs) Check(exec.Delete(ctx, {WithProcessKill}));
  return result;
}

}  // namespace

Workloads Tasks() { return {{"lifecycle", Lifecycle}, {"exec", Exec}, {"waits", Waits}}; }

}  // namespace bench
