// SPDX-License-Identifier: Apache-2.0
//
// Tests on a real containerd: a private one for the test program, and for each test a namespace of
// its own.
//
//   class WebTest : public containerd::testing::DaemonTest {
//    protected:
//     absl::StatusOr<Task> Start(std::string id, std::vector<std::string> args) {
//       absl::StatusOr<Image> image = AddImage(
//           "example.com/web:1",
//           containerd::testing::BuildImage({.layers = {containerd::testing::BusyboxLayer()}}));
//       if (!image.ok()) return image.status();
//       …
//     }
//   };
//
// The tests are skipped, with the reason, where no private daemon can run: it takes root,
// containerd and runc. $CONTAINERD_CPP_DAEMON_BIN is the folder of containerd and its shim; without
// it they are looked for on PATH. Several such programs may run at once: folders, sockets and
// namespaces differ.
//
// Nothing of a test outlasts it, nor of the daemon the program; but one that is killed leaves
// folders and mounts below its $TMPDIR.
#ifndef CONTAINERD_TESTING_DAEMON_TEST_H_
#define CONTAINERD_TESTING_DAEMON_TEST_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <grpcpp/channel.h>
#include <gtest/gtest.h>

#include "containerd/client.h"
#include "containerd/context/context.h"
#include "containerd/image.h"
#include "containerd/supervisor/supervisor.h"
#include "containerd/testing/image_builder.h"

namespace containerd::testing {

// "<prefix>-<pid>-<n>": unlike any other name on this machine at this time.
std::string UniqueName(std::string_view prefix);

// A containerd namespace of a unique name; with it goes everything that it still holds: tasks,
// containers, sandboxes, images, leases, snapshots, content. What can't be removed fails the test.
class TestNamespace {
 public:
  explicit TestNamespace(const Client& client);
  TestNamespace(const TestNamespace&) = delete;
  TestNamespace& operator=(const TestNamespace&) = delete;
  ~TestNamespace();

  const std::string& name() const { return name_; }
  // A context in the namespace, without a deadline.
  const Context& ctx() const { return ctx_; }

 private:
  const std::shared_ptr<grpc::Channel> channel_;
  const std::string name_;
  const Context ctx_;
};

// OK if a private daemon can run here; else ErrFailedPrecondition with what is missing.
absl::Status CanRunDaemon();

// What a TestDaemon is started with: it is a throw-away (supervisor::WithCleanup), ends with this
// process, and has no CRI and NRI plugins, which listen where all daemons of a machine do.
std::vector<supervisor::DaemonOpt> DaemonOpts();

// A containerd that is private to its owner, with all its files in a temporary folder.
class TestDaemon {
 public:
  // `opts` come after DaemonOpts. Errors are those of supervisor::Start.
  static absl::StatusOr<std::unique_ptr<TestDaemon>> Start(
      const std::vector<supervisor::DaemonOpt>& opts = {});
  TestDaemon(const TestDaemon&) = delete;
  TestDaemon& operator=(const TestDaemon&) = delete;
  // Ends the daemon and all its tasks. A failure fails the test.
  ~TestDaemon();

  const std::string& Address() const;
  // To end, kill and restart it.
  supervisor::Daemon& daemon() const;
  // A client of it.
  Client& client() const;

 private:
  struct State;
  explicit TestDaemon(std::unique_ptr<State> state);
  const std::unique_ptr<State> state_;
};

// The daemon is the process's: the first test that needs it starts it, and it ends after the last.
class DaemonTest : public ::testing::Test {
 protected:
  DaemonTest();
  ~DaemonTest() override;
  // Skips the test where no daemon can run, and fails it if the daemon does not start. What derives
  // from this calls it first, and does no more if IsSkipped() or HasFatalFailure().
  void SetUp() override;

  // For a test that was not skipped; else they end the process.
  TestDaemon& daemon() const;
  Client& client() const;
  const std::string& ns() const;
  const Context& ctx() const;  // in that namespace

  // An image in the namespace, unpacked. ErrAlreadyExists for a name that there is.
  absl::StatusOr<Image> AddImage(std::string_view name, const BuiltImage& image) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTING_DAEMON_TEST_H_
