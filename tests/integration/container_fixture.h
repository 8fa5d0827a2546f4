// SPDX-License-Identifier: Apache-2.0
//
// What tests of containers share: a namespace with an unpacked busybox, and short ways to make
// containers and tasks of it.
#ifndef CONTAINERD_TESTS_INTEGRATION_CONTAINER_FIXTURE_H_
#define CONTAINERD_TESTS_INTEGRATION_CONTAINER_FIXTURE_H_

#include <fcntl.h>
#include <functional>
#include <memory>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/compression/compression.h"
#include "containerd/containerd.h"

#include "harness.h"

namespace containerd::testing {

inline constexpr auto kGzip = compression::Compression::kGzip;
inline constexpr auto kZstd = compression::Compression::kZstd;
inline constexpr auto kPlain = compression::Compression::kUncompressed;

// Imports and unpacks busybox into the context's namespace.
inline absl::StatusOr<Image> ImportBusybox(Client& client, const Context& ctx) {
  const int fd = ::open(BusyboxArchive().c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errdefs::FromErrno(errno, "opening the busybox archive");
  io::FileReader reader(fd);
  auto images = client.Import(ctx, reader);
  ::close(fd);
  if (!images.ok()) return images.status();
  auto image = client.GetImage(ctx, kBusyboxName);
  if (!image.ok()) return image.status();
  if (absl::Status s = image->Unpack(ctx, ""); !s.ok()) return s;
  return image;
}

// Waits for something that comes by itself; false after a minute.
inline bool Eventually(const std::function<bool()>& done) {
  const absl::Time end = absl::Now() + absl::Minutes(1);
  while (!done()) {
    if (absl::Now() > end) return false;
    absl::SleepFor(absl::Milliseconds(10));
  }
  return true;
}

// What a process left behind.
struct Outcome {
  ExitStatus exit;
  std::string out;
  std::string err;
};

class ContainerTest : public ::testing::Test {
 protected:
  // Of the shared daemon, or of one of the test's own.
  explicit ContainerTest(std::shared_ptr<Client> client = SharedClient())
      : client_(std::move(client)) {}

  void SetUp() override {
    auto image = ImportBusybox(*client_, ctx());
    ASSERT_TRUE(image.ok()) << image.status();
    image_ = std::make_unique<Image>(*std::move(image));
  }

  const Context& ctx() const { return ns_.ctx(); }

  static std::string Name() { return UniqueName("c"); }

  // A container with a snapshot of its own, whose process is `args`.
  absl::StatusOr<Container> Make(const std::vector<std::string>& args,
                                 std::vector<oci::SpecOpts> spec_opts = {},
                                 std::vector<NewContainerOpts> opts = {}) {
    const std::string id = Name();
    std::vector<oci::SpecOpts> all = {oci::WithImageConfig(*image_), oci::WithProcessArgs(args)};
    all.insert(all.end(), spec_opts.begin(), spec_opts.end());
    opts.insert(opts.begin(), {WithNewSnapshot(id, *image_), WithNewSpec(all)});
    return client_->NewContainer(ctx(), id, opts);
  }

  // Runs `args` in a new container to its end and deletes it.
  absl::StatusOr<Outcome> Run(const std::vector<std::string>& args,
                              std::vector<oci::SpecOpts> spec_opts = {}) {
    auto container = Make(args, std::move(spec_opts));
    if (!container.ok()) return container.status();
    auto outcome = RunTask(*container);
    absl::Status deleted = container->Delete(ctx(), {WithSnapshotCleanup});
    if (outcome.ok() && !deleted.ok()) return deleted;
    return outcome;
  }

  absl::StatusOr<Outcome> RunTask(Container& container) {
    auto out = std::make_shared<cio::Buffer>();
    auto err = std::make_shared<cio::Buffer>();
    auto task = container.NewTask(ctx(), Streams({}, out, err));
    if (!task.ok()) return task.status();
    const Future<ExitStatus> exit = task->Wait(ctx());
    absl::Status started = task->Start(ctx());
    if (!started.ok()) {
      static_cast<void>(task->Delete(ctx(), {WithProcessKill}));
      return started;
    }
    auto status = exit.Get(WithTimeout(ctx(), absl::Seconds(60)));
    if (!status.ok()) return status.status();
    Outcome outcome{*status, out->String(), err->String()};
    if (auto deleted = task->Delete(ctx()); !deleted.ok()) return deleted.status();
    return outcome;
  }

  // FIFOs in a folder of the test's own, so that tests can see whether any is left.
  cio::Creator Streams(cio::Source in, cio::Sink out, cio::Sink err) const {
    return cio::NewCreator({cio::WithStreams(std::move(in), std::move(out), std::move(err)),
                            cio::WithFIFODir(fifos_.path())});
  }

  const std::shared_ptr<Client> client_;
  const TestNamespace ns_{*client_};
  const TestDir fifos_;
  std::unique_ptr<Image> image_;
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTS_INTEGRATION_CONTAINER_FIXTURE_H_
