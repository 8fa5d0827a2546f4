// SPDX-License-Identifier: Apache-2.0
#include "harness.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/testing/daemon_test/clean_namespace.h"
#include "src/testing/internal/environment.h"
#include "src/testing/internal/shared.h"

namespace containerd::testing {
namespace {

using internal::Env;

[[noreturn]] void Die(const absl::Status& status, std::string_view what) {
  std::cerr << what << ": " << status << std::endl;
  std::exit(1);  // NOLINT(concurrency-mt-unsafe)
}

// The daemon that the tests of the process share.
class OneDaemon {
 public:
  static absl::StatusOr<std::unique_ptr<OneDaemon>> Start() {
    auto one = std::make_unique<OneDaemon>();
    one->address_ = Env("CONTAINERD_ADDRESS");
    if (one->address_.empty() || !Env("CONTAINERD_CPP_DAEMON_BIN").empty()) {
      one->daemon_.emplace();
      one->client_ = one->daemon_->client();
      one->address_ = one->daemon_->daemon().Address();
      return one;
    }
    absl::StatusOr<Client> client = Client::New(one->address_);
    if (!client.ok()) return client.status();
    one->client_ = std::make_shared<Client>(*std::move(client));
    return one;
  }

  static OneDaemon& Get() {
    const absl::StatusOr<OneDaemon*> one = internal::Shared<OneDaemon>::Get();
    if (!one.ok()) Die(one.status(), "connecting");
    return **one;
  }

  const std::string& address() const { return address_; }
  std::shared_ptr<Client> client() const { return client_; }
  supervisor::Daemon* daemon() const { return daemon_.has_value() ? &daemon_->daemon() : nullptr; }

 private:
  std::string address_;
  std::optional<PrivateDaemon> daemon_;
  std::shared_ptr<Client> client_;
};

// Files that several tests share.
const std::string& SharedDir() {
  static const TestDir dir;
  return dir.path();
}

void Run(const std::string& command) {
  const int status = std::system(command.c_str());  // NOLINT: our own script and arguments
  if (status != 0) Die(absl::UnknownError(fmt::format("status {}", status)), command);
}

}  // namespace

const std::string& SharedAddress() { return OneDaemon::Get().address(); }
std::shared_ptr<Client> SharedClient() { return OneDaemon::Get().client(); }
supervisor::Daemon* SharedDaemon() { return OneDaemon::Get().daemon(); }

bool HasPlugin(std::string_view type, std::string_view id) {
  return HasPlugin(*SharedClient(), type, id);
}

bool HasPlugin(Client& client, std::string_view type, std::string_view id) {
  const auto plugins = LoadedPlugins(client.Conn(), std::string(type));
  EXPECT_TRUE(plugins.ok()) << plugins.status();
  return plugins.ok() && std::find(plugins->begin(), plugins->end(), id) != plugins->end();
}

std::vector<std::string> Snapshotters(Client& client) {
  auto plugins = LoadedPlugins(client.Conn(), "io.containerd.snapshotter.v1");
  EXPECT_TRUE(plugins.ok()) << plugins.status();
  return plugins.ok() ? *std::move(plugins) : std::vector<std::string>();
}

PrivateDaemon::PrivateDaemon(std::vector<supervisor::DaemonOpt> opts) {
  auto started = TestDaemon::Start(opts);
  if (!started.ok()) Die(started.status(), "starting containerd");
  daemon_ = *std::move(started);
  client_ = std::make_shared<Client>(daemon_->client());
}

PrivateDaemon::~PrivateDaemon() = default;

std::string BusyboxArchive(const std::string& format, const std::string& layer,
                           const std::string& name) {
  static std::mutex mu;
  static std::map<std::string, std::string> made;
  const std::lock_guard lock(mu);
  std::string& path = made[fmt::format("{} {} {}", format, layer, name)];
  if (path.empty()) {
    path = fmt::format("{}/image-{}.tar", SharedDir(), made.size());
    Run(fmt::format("{}/examples/busybox-image.sh --format '{}' --layer '{}' --name '{}' '{}'",
                    CONTAINERD_SOURCE_DIR, format, layer, name, path));
  }
  return path;
}

std::string BusyboxRootfs() {
  static const std::string rootfs = [] {
    std::string dir = SharedDir() + "/rootfs";
    Run(
        fmt::format("set -e; mkdir '{0}'; cd '{0}'; mkdir bin dev etc proc root sys tmp; "
                    "cp \"$(command -v busybox)\" bin/busybox; "
                    "busybox --list | perl -lne 'symlink(\"busybox\", \"bin/$_\")'",
                    dir));
    return dir;
  }();
  return rootfs;
}

std::string Text(const absl::Status& status) { return std::string(errdefs::Message(status)); }

::testing::AssertionResult Ok(const absl::Status& status) {
  if (status.ok()) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << status.ToString();
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

bool Alive(std::uint32_t pid) { return ::kill(static_cast<pid_t>(pid), 0) == 0 || errno != ESRCH; }

}  // namespace containerd::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
