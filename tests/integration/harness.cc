// SPDX-License-Identifier: Apache-2.0
#include "harness.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "clean_namespace.h"

namespace containerd::testing {
namespace {

namespace fs = std::filesystem;

std::string Env(const char* name) {
  const char* value = getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets any
  return value != nullptr ? value : "";
}

[[noreturn]] void Die(const absl::Status& status, std::string_view what) {
  std::cerr << what << ": " << status << std::endl;
  std::exit(1);  // NOLINT(concurrency-mt-unsafe)
}

// What the tests of the process share, until the end of the last one.
class Shared {
 public:
  static Shared& Get() {
    const std::lock_guard lock(mu_);
    if (shared_ == nullptr) shared_ = new Shared;
    return *shared_;
  }

  static void End() {
    const std::lock_guard lock(mu_);
    delete std::exchange(shared_, nullptr);
  }

  const std::string& address() const {
    return daemon_.has_value() ? daemon_->daemon().Address() : address_;
  }
  std::shared_ptr<Client> client() const { return client_; }
  supervisor::Daemon* daemon() const { return daemon_.has_value() ? &daemon_->daemon() : nullptr; }

 private:
  Shared() {
    address_ = Env("CONTAINERD_ADDRESS");
    if (address_.empty() || !Env("CONTAINERD_CPP_DAEMON_BIN").empty()) {
      daemon_.emplace();
      client_ = daemon_->client();
      return;
    }
    absl::StatusOr<Client> client = Client::New(address_);
    if (!client.ok()) Die(client.status(), "connecting");
    client_ = std::make_shared<Client>(*std::move(client));
  }

  static std::mutex mu_;
  static Shared* shared_;

  std::string address_;
  std::optional<PrivateDaemon> daemon_;
  std::shared_ptr<Client> client_;
};

std::mutex Shared::mu_;
Shared* Shared::shared_ = nullptr;

// Files that several tests share.
const std::string& SharedDir() {
  static const TestDir dir;
  return dir.path();
}

void Run(const std::string& command) {
  const int status = std::system(command.c_str());  // NOLINT: our own script and arguments
  if (status != 0) Die(absl::UnknownError(fmt::format("status {}", status)), command);
}

class EndShared : public ::testing::Environment {
 public:
  void TearDown() override { Shared::End(); }
};

}  // namespace

const std::string& SharedAddress() { return Shared::Get().address(); }
std::shared_ptr<Client> SharedClient() { return Shared::Get().client(); }
supervisor::Daemon* SharedDaemon() { return Shared::Get().daemon(); }

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

std::string UniqueName(std::string_view prefix) {
  static std::atomic<int> next{1};
  return fmt::format("{}-{}-{}", prefix, getpid(), next++);
}

TestNamespace::TestNamespace(Client& client)
    : channel_(client.Conn()),
      name_(UniqueName("itest")),
      ctx_(WithNamespace(Context::Background(), name_)) {}

TestNamespace::~TestNamespace() {
  const absl::Status status = CleanNamespace(channel_, name_);
  EXPECT_TRUE(status.ok()) << "emptying namespace " << name_ << ": " << status;
}

TestDir::TestDir() : path_(fs::temp_directory_path() / "itest-XXXXXX") {
  if (mkdtemp(path_.data()) == nullptr) Die(absl::UnknownError("mkdtemp"), path_);
  chmod(path_.c_str(), 0711);
}

TestDir::~TestDir() {
  std::error_code ec;
  fs::remove_all(path_, ec);
  EXPECT_FALSE(ec) << "removing " << path_ << ": " << ec.message();
}

std::vector<supervisor::DaemonOpt> DaemonOpts() {
  std::vector<supervisor::DaemonOpt> opts = {
      supervisor::WithCleanup(),
      supervisor::WithParentDeathSignal(SIGKILL),
      supervisor::WithCRIDisabled(),
      // It listens on a socket that all daemons of the machine share.
      supervisor::WithDisabledPlugins({"io.containerd.nri.v1.nri"}),
      supervisor::WithStartupTimeout(absl::Minutes(1)),
  };
  if (const std::string bin = Env("CONTAINERD_CPP_DAEMON_BIN"); !bin.empty()) {
    opts.push_back(supervisor::WithBinDir(bin));
  }
  return opts;
}

PrivateDaemon::PrivateDaemon(std::vector<supervisor::DaemonOpt> opts) {
  std::vector<supervisor::DaemonOpt> all = DaemonOpts();
  // It unpacks checkpoints there to restore them, and leaves them.
  const std::string tmp = dir_.path() + "/tmp";
  fs::create_directory(tmp);
  all.push_back(supervisor::WithEnv("TMPDIR", tmp));
  all.push_back(supervisor::WithEnv("XDG_RUNTIME_DIR", tmp));
  all.insert(all.end(), opts.begin(), opts.end());
  auto started =
      supervisor::Start(Context::Background(), dir_.path() + "/root", dir_.path() + "/state", all);
  if (!started.ok()) Die(started.status(), "starting containerd");
  daemon_ = *std::move(started);
  absl::StatusOr<Client> client = Client::New(daemon_->Address());
  if (!client.ok()) Die(client.status(), "connecting");
  client_ = std::make_shared<Client>(*std::move(client));
}

PrivateDaemon::~PrivateDaemon() {
  client_ = nullptr;
  const absl::Status status = daemon_->Stop(Context::Background());
  EXPECT_TRUE(status.ok()) << "ending containerd: " << status;
}

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
                    "for applet in $(busybox --list); do ln -s busybox bin/$applet 2>&- || :; done",
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
  ::testing::AddGlobalTestEnvironment(new containerd::testing::EndShared);
  return RUN_ALL_TESTS();
}
