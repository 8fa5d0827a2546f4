// SPDX-License-Identifier: Apache-2.0
#include "containerd/testing/registry_test.h"

#include <atomic>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <iostream>
#include <poll.h>
#include <sys/types.h>
#include <utility>

#include <absl/time/time.h>
#include <fmt/format.h>

#include "containerd/context/context.h"
#include "containerd/errdefs/errdefs.h"

#include "src/base/fd.h"
#include "src/base/look_path.h"
#include "src/base/read_file.h"
#include "src/base/spawn.h"
#include "src/testing/internal/environment.h"
#include "src/testing/internal/shared.h"
#include "src/testing/internal/temp_folder.h"

namespace containerd::testing {
namespace {

// Debian's name of the program, and its own.
std::string Program() {
  for (const char* name : {"docker-registry", "registry"}) {
    if (!base::FindProgram(internal::Env("PATH"), name).empty()) return name;
  }
  return "";
}

// Becomes the registry, which a child kills when descriptor 3 comes to its end: when we close our
// end of the pipe, or die.
constexpr char kScript[] = R"((read -r _ <&3; kill -9 $$) & exec 3<&-; exec "$0" serve "$1")";

}  // namespace

struct TestRegistry::State {
  ~State() {
    alive.Reset();
    if (pid > 0) (void)base::Reap(pid);
  }

  std::string Log() const {
    std::string text;
    (void)base::ReadFile(log, text);
    return text;
  }

  const internal::TempFolder folder{"test-registry"};
  const std::string log = folder.path() + "/log";
  std::string host;
  base::Fd alive;  // the registry lives as long as this is open
  pid_t pid = -1;
};

absl::Status CanRunRegistry() {
  if (!Program().empty()) return absl::OkStatus();
  return errdefs::FailedPrecondition(
      fmt::format("no docker-registry in PATH: {}", internal::Env("PATH")));
}

absl::StatusOr<std::unique_ptr<TestRegistry>> TestRegistry::Start(
    const TestRegistryOptions& options) {
  if (absl::Status s = CanRunRegistry(); !s.ok()) return s;
  auto state = std::make_unique<State>();
  const std::string config = state->folder.path() + "/config.yml";
  std::ofstream(config) << fmt::format(
      "version: 0.1\nlog:\n  level: info\nstorage:\n  filesystem:\n    rootdirectory: {}/data\n"
      "  delete:\n    enabled: true\nhttp:\n  addr: 127.0.0.1:0\n{}{}",
      state->folder.path(), options.http, options.sections);
  absl::StatusOr<base::Pipe> pipe = base::MakePipe();
  if (!pipe.ok()) return pipe.status();
  const base::Fd in(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const base::Fd out(::open(state->log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  absl::StatusOr<pid_t> pid = base::Spawn(
      {.args = {"sh", "-c", kScript, Program(), config},
       .descriptors = {{in.get(), 0}, {out.get(), 1}, {out.get(), 2}, {pipe->read_end.get(), 3}}},
      "starting a registry");
  if (!pid.ok()) return pid.status();
  state->pid = *pid;
  state->alive = std::move(pipe->write_end);
  // The kernel chooses the port, and the log names it.
  constexpr std::string_view kMark = "listening on 127.0.0.1:";
  const base::Fd ended = base::OpenPidfd(*pid);
  const Context ctx = WithTimeout(Context::Background(), absl::Minutes(1));
  for (bool dead = false; !dead && ctx.Err().ok();) {
    pollfd poll_ended = {.fd = ended.get(), .events = POLLIN, .revents = 0};
    dead = ::poll(&poll_ended, 1, 20) > 0;
    const std::string log = state->Log();
    const auto at = log.find(kMark);
    if (at == std::string::npos) continue;
    const auto port = at + kMark.size();
    const auto end = log.find_first_not_of("0123456789", port);
    if (dead || end == std::string::npos) continue;
    state->host = "127.0.0.1:" + log.substr(port, end - port);
    return std::unique_ptr<TestRegistry>(new TestRegistry(std::move(state)));
  }
  return errdefs::Unavailable(fmt::format("the registry does not serve: {}", state->Log()));
}

absl::StatusOr<TestRegistry*> TestRegistry::Shared() {
  return internal::Shared<TestRegistry>::Get();
}

TestRegistry::TestRegistry(std::unique_ptr<State> state) : state_(std::move(state)) {}
TestRegistry::~TestRegistry() = default;

const std::string& TestRegistry::Host() const { return state_->host; }
std::string TestRegistry::Ref(std::string_view name) const {
  return fmt::format("{}/{}", state_->host, name);
}
std::string TestRegistry::Log() const { return state_->Log(); }

RegistryTest::RegistryTest() {
  static std::atomic<int> next{1};
  repository_ = fmt::format("test-{}", next++);
}
RegistryTest::~RegistryTest() = default;

void RegistryTest::SetUp() {
  if (const absl::Status s = CanRunRegistry(); !s.ok()) GTEST_SKIP() << errdefs::Message(s);
  const absl::StatusOr<TestRegistry*> shared = TestRegistry::Shared();
  ASSERT_TRUE(shared.ok()) << shared.status();
  registry_ = *shared;
}

TestRegistry& RegistryTest::registry() const {
  if (registry_ == nullptr) {
    std::cerr << "RegistryTest: used without SetUp, or though the test was skipped\n";
    std::abort();
  }
  return *registry_;
}

std::string RegistryTest::Ref(std::string_view name) const {
  return registry().Ref(fmt::format("{}/{}", repository_, name));
}

}  // namespace containerd::testing
