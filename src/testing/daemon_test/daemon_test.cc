// SPDX-License-Identifier: Apache-2.0
#include "containerd/testing/daemon_test.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <unistd.h>
#include <utility>

#include <absl/time/time.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/leases/leases.h"

#include "clean_namespace.h"
#include "src/base/look_path.h"
#include "src/testing/internal/environment.h"
#include "src/testing/internal/shared.h"
#include "src/testing/internal/temp_folder.h"

namespace containerd::testing {
namespace {

using internal::Env;

std::string BinDir() { return Env("CONTAINERD_CPP_DAEMON_BIN"); }

}  // namespace

std::string UniqueName(std::string_view prefix) {
  static std::atomic<int> next{1};
  return fmt::format("{}-{}-{}", prefix, ::getpid(), next++);
}

TestNamespace::TestNamespace(const Client& client)
    : channel_(client.Conn()),
      name_(UniqueName("itest")),
      ctx_(WithNamespace(Context::Background(), name_)) {}

TestNamespace::~TestNamespace() {
  const absl::Status status = CleanNamespace(channel_, name_);
  EXPECT_TRUE(status.ok()) << "emptying namespace " << name_ << ": " << status;
}

absl::Status CanRunDaemon() {
  if (::geteuid() != 0) return errdefs::FailedPrecondition("a private containerd needs root");
  const std::string path = Env("PATH");
  const std::string bin = BinDir();
  if (base::FindProgram(bin.empty() ? path : bin, "containerd").empty()) {
    return errdefs::FailedPrecondition(
        fmt::format("no containerd in {}", bin.empty() ? "PATH: " + path : bin));
  }
  if (base::FindProgram(bin.empty() ? path : bin + ":" + path, "runc").empty()) {
    return errdefs::FailedPrecondition("no runc in PATH: " + path);
  }
  return absl::OkStatus();
}

std::vector<supervisor::DaemonOpt> DaemonOpts() {
  std::vector<supervisor::DaemonOpt> opts = {
      supervisor::WithCleanup(),
      supervisor::WithParentDeathSignal(SIGKILL),
      supervisor::WithCRIDisabled(),
      supervisor::WithDisabledPlugins({"io.containerd.nri.v1.nri"}),
      supervisor::WithStartupTimeout(absl::Minutes(1)),
  };
  if (const std::string bin = BinDir(); !bin.empty()) opts.push_back(supervisor::WithBinDir(bin));
  return opts;
}

struct TestDaemon::State {
  // Tasks in a user namespace pass through it.
  const internal::TempFolder folder{"test-containerd", 0711};
  std::unique_ptr<supervisor::Daemon> daemon;
  std::optional<Client> client;
};

absl::StatusOr<std::unique_ptr<TestDaemon>> TestDaemon::Start(
    const std::vector<supervisor::DaemonOpt>& opts) {
  auto state = std::make_unique<State>();
  const std::string& folder = state->folder.path();
  // The daemon unpacks checkpoints there to restore them, and leaves them.
  const std::string tmp = folder + "/tmp";
  std::filesystem::create_directory(tmp);
  std::vector<supervisor::DaemonOpt> all = DaemonOpts();
  all.push_back(supervisor::WithEnv("TMPDIR", tmp));
  all.push_back(supervisor::WithEnv("XDG_RUNTIME_DIR", tmp));
  all.insert(all.end(), opts.begin(), opts.end());
  auto daemon = supervisor::Start(Context::Background(), folder + "/root", folder + "/state", all);
  if (!daemon.ok()) return daemon.status();
  state->daemon = *std::move(daemon);
  absl::StatusOr<Client> client = Client::New(state->daemon->Address());
  if (!client.ok()) return client.status();
  state->client = *std::move(client);
  return std::unique_ptr<TestDaemon>(new TestDaemon(std::move(state)));
}

TestDaemon::TestDaemon(std::unique_ptr<State> state) : state_(std::move(state)) {}

TestDaemon::~TestDaemon() {
  state_->client.reset();
  const absl::Status status = state_->daemon->Stop(Context::Background());
  EXPECT_TRUE(status.ok()) << "ending containerd: " << status;
}

const std::string& TestDaemon::Address() const { return state_->daemon->Address(); }
supervisor::Daemon& TestDaemon::daemon() const { return *state_->daemon; }
Client& TestDaemon::client() const { return *state_->client; }

struct DaemonTest::State {
  explicit State(TestDaemon* shared) : daemon(*shared), ns(shared->client()) {}
  TestDaemon& daemon;
  const TestNamespace ns;
};

DaemonTest::DaemonTest() = default;
DaemonTest::~DaemonTest() = default;

void DaemonTest::SetUp() {
  if (const absl::Status s = CanRunDaemon(); !s.ok()) GTEST_SKIP() << errdefs::Message(s);
  const absl::StatusOr<TestDaemon*> shared = internal::Shared<TestDaemon>::Get();
  ASSERT_TRUE(shared.ok()) << "starting containerd: " << shared.status();
  state_ = std::make_unique<State>(*shared);
}

TestDaemon& DaemonTest::daemon() const {
  if (state_ == nullptr) {
    std::cerr << "DaemonTest: used without SetUp, or though the test was skipped\n";
    std::abort();
  }
  return state_->daemon;
}

Client& DaemonTest::client() const { return daemon().client(); }
const std::string& DaemonTest::ns() const { return (daemon(), state_->ns.name()); }
const Context& DaemonTest::ctx() const { return (daemon(), state_->ns.ctx()); }

absl::StatusOr<Image> DaemonTest::AddImage(std::string_view name, const BuiltImage& image) const {
  // Content without a record would be collected.
  absl::StatusOr<leases::LeaseGuard> lease = leases::AcquireLease(ctx(), client().LeasesService());
  if (!lease.ok()) return lease.status();
  absl::Status s = testing::AddImage(lease->context(), *client().ContentStore(),
                                     *client().ImageService(), name, image)
                       .status();
  if (!s.ok()) return s;
  absl::StatusOr<Image> added = client().GetImage(ctx(), name);
  if (!added.ok()) return added.status();
  if (s = added->Unpack(ctx(), ""); !s.ok()) return s;
  return added;
}

}  // namespace containerd::testing
