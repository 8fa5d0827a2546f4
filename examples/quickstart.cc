// SPDX-License-Identifier: Apache-2.0
//
// Starts a private containerd, imports an image, runs a container of it, shows what it printed and
// how long each step took, and removes everything again.
//
//   quickstart <image.tar> <image name> <folder>
//
// `folder` must not exist; it holds all that the daemon keeps, and is gone afterwards.
// examples/quickstart.sh makes the image and calls this.
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <memory>
#include <string>
#include <unistd.h>

#include "containerd/containerd.h"
#include "containerd/supervisor/supervisor.h"

namespace {

using namespace containerd;  // NOLINT(google-build-using-namespace): an example should read easily

// Prints how long it took to come from one step to the next.
class Stopwatch {
 public:
  void Step(const std::string& what) {
    const absl::Time now = absl::Now();
    std::cout << "  " << std::left << std::setw(34) << what << std::right << std::setw(8)
              << absl::ToInt64Milliseconds(now - last_) << " ms\n";
    last_ = now;
  }

 private:
  absl::Time last_ = absl::Now();
};

absl::StatusOr<Image> ImportImage(Client& client, const Context& ctx, const std::string& archive,
                                  const std::string& name) {
  const int fd = ::open(archive.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errdefs::FromErrno(errno, "open " + archive);
  io::FileReader reader(fd);
  auto imported = client.Import(ctx, reader);
  ::close(fd);
  if (!imported.ok()) return imported.status();
  return client.GetImage(ctx, name);
}

absl::Status RunContainer(Client& client, const Context& ctx, const Image& image,
                          Stopwatch& watch) {
  const std::string script =
      "echo hello from containerd-cpp; echo this line went to stderr >&2; exit 3";
  auto container = client.NewContainer(
      ctx, "quickstart",
      {WithNewSnapshot("quickstart", image),
       WithNewSpec({oci::WithImageConfig(image), oci::WithProcessArgs({"sh", "-c", script})})});
  if (!container.ok()) return container.status();
  watch.Step("create the container");

  auto out = std::make_shared<cio::Buffer>();
  auto err = std::make_shared<cio::Buffer>();
  auto task = container->NewTask(ctx, cio::NewCreator({cio::WithStreams({}, out, err)}));
  if (!task.ok()) return task.status();
  watch.Step("create its task");

  const Future<ExitStatus> exit = task->Wait(ctx);
  if (absl::Status started = task->Start(ctx); !started.ok()) return started;
  watch.Step("start it");
  auto status = exit.Get(ctx);
  if (!status.ok()) return status.status();
  watch.Step("wait for its end");

  if (auto deleted = task->Delete(ctx); !deleted.ok()) return deleted.status();
  if (absl::Status s = container->Delete(ctx, {WithSnapshotCleanup}); !s.ok()) return s;
  watch.Step("delete task, container, snapshot");

  std::cout << "\n  stdout: " << out->String() << "  stderr: " << err->String()
            << "  exit status: " << status->ExitCode() << "\n\n";
  return absl::OkStatus();
}

absl::Status Run(const std::string& archive, const std::string& image_name,
                 const std::string& folder) {
  const Context ctx =
      WithTimeout(WithNamespace(Context::Background(), "quickstart"), absl::Minutes(2));
  Stopwatch watch;
  auto daemon = supervisor::Start(ctx, folder + "/root", folder + "/state",
                                  {supervisor::WithCRIDisabled(), supervisor::WithCleanup()});
  if (!daemon.ok()) return daemon.status();
  watch.Step("start containerd");

  absl::Status result = [&]() -> absl::Status {
    auto client = Client::New(ctx, (*daemon)->Address());
    if (!client.ok()) return client.status();
    auto version = client->Version(ctx);
    if (!version.ok()) return version.status();
    watch.Step("connect to containerd " + version->version.substr(0, 10));

    auto image = ImportImage(*client, ctx, archive, image_name);
    if (!image.ok()) return image.status();
    watch.Step("import the image");
    if (absl::Status s = image->Unpack(ctx, ""); !s.ok()) return s;
    watch.Step("unpack it");
    return RunContainer(*client, ctx, *image, watch);
  }();

  absl::Status stopped = (*daemon)->Stop(Context::Background());
  watch.Step("stop containerd, clean up");
  result.Update(stopped);
  std::error_code ec;
  std::filesystem::remove(folder, ec);  // empty by now
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: " << argv[0] << " <image.tar> <image name> <folder>\n";
    return 2;
  }
  const absl::Status status = Run(argv[1], argv[2], argv[3]);
  if (!status.ok()) std::cerr << "quickstart: " << status << "\n";
  return status.ok() ? 0 : 1;
}
