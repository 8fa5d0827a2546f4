// SPDX-License-Identifier: Apache-2.0
//
// What the integration tests stand on: one containerd for the test process, and for each test a
// containerd namespace of its own, emptied after it.
//
//   class TaskTest : public ::testing::Test {
//    protected:
//     const std::shared_ptr<Client> client_ = testing::SharedClient();
//     const testing::TestNamespace ns_{*client_};
//   };
//
// Which daemon it is, the environment says:
//   CONTAINERD_CPP_DAEMON_BIN   a private daemon is started from the binaries in this folder, and
//                               ended with everything of it when the process ends;
//   CONTAINERD_ADDRESS          the daemon that listens there is used, and left alone;
//   neither                     a private daemon is started from the binaries on PATH.
#ifndef CONTAINERD_TESTS_INTEGRATION_HARNESS_H_
#define CONTAINERD_TESTS_INTEGRATION_HARNESS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/client.h"
#include "containerd/context/context.h"
#include "containerd/supervisor/supervisor.h"
#include "containerd/testing/daemon_test.h"

#include "src/testing/internal/temp_folder.h"

namespace containerd::testing {

// The socket of the process's daemon. Starts it when first called; the process ends if it does not
// start, since nothing could be tested.
const std::string& SharedAddress();

// A client of it, without a default namespace.
std::shared_ptr<Client> SharedClient();

// Its supervisor, for tests that end or restart it and bring it up again; nullptr if it is not
// ours.
supervisor::Daemon* SharedDaemon();

// Whether a daemon has loaded such a plugin: HasPlugin("io.containerd.grpc.v1", "sandboxes").
bool HasPlugin(std::string_view type, std::string_view id);
bool HasPlugin(Client& client, std::string_view type, std::string_view id);

// The snapshotters that work here.
std::vector<std::string> Snapshotters(Client& client);

// Skips the test unless the shared daemon has the plugin.
#define CONTAINERD_REQUIRE_PLUGIN(type, id)        \
  if (!::containerd::testing::HasPlugin(type, id)) \
  GTEST_SKIP() << "the daemon has no plugin " << (type) << "." << (id)

// A folder of a test's own. Anybody may pass through it, as tasks in a user namespace have to.
class TestDir : public internal::TempFolder {
 public:
  TestDir() : TempFolder("itest", 0711) {}
};

// A daemon of the test's own, for tests that treat it badly.
class PrivateDaemon {
 public:
  explicit PrivateDaemon(std::vector<supervisor::DaemonOpt> opts = {});
  PrivateDaemon(const PrivateDaemon&) = delete;
  PrivateDaemon& operator=(const PrivateDaemon&) = delete;
  ~PrivateDaemon();

  // Never null: the process ends if the daemon does not start.
  std::shared_ptr<Client> client() const { return client_; }
  supervisor::Daemon& daemon() const { return daemon_->daemon(); }

 private:
  std::unique_ptr<TestDaemon> daemon_;
  std::shared_ptr<Client> client_;
};

inline constexpr char kBusyboxName[] = "docker.io/library/busybox:latest";

// An archive of an image of busybox, made once for each combination. `format` is "oci" or
// "docker", `layer` is "none", "gzip" or "zstd".
std::string BusyboxArchive(const std::string& format = "oci", const std::string& layer = "gzip",
                           const std::string& name = kBusyboxName);

// A folder with the same root file system. Made once for the process: not to be written to.
std::string BusyboxRootfs();

// A status' message, without its class.
std::string Text(const absl::Status& status);

// Says what is wrong of a call that had to succeed: ASSERT_OK(client->Version(ctx)).
::testing::AssertionResult Ok(const absl::Status& status);
template <typename T>
::testing::AssertionResult Ok(const absl::StatusOr<T>& result) {
  return Ok(result.status());
}
#define ASSERT_OK(expression) ASSERT_TRUE(::containerd::testing::Ok(expression))
#define EXPECT_OK(expression) EXPECT_TRUE(::containerd::testing::Ok(expression))

// All of a file; "" if it cannot be read.
std::string ReadFile(const std::string& path);

// Whether a process is there, in the daemon's and our PID namespace.
bool Alive(std::uint32_t pid);

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTS_INTEGRATION_HARNESS_H_
