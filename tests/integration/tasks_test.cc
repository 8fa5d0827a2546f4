// SPDX-License-Identifier: Apache-2.0
//
// The tests of tests/support/task_conformance.h, on a daemon with runc.
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/containerd.h"

#include "harness.h"
#include "tests/support/task_conformance.h"

namespace containerd::testing {
namespace {

// How a shell does what a program is to do.
std::vector<std::string> ArgsOf(const Program& program) {
  std::string script = R"(PATH=/bin; printf %s "$0"; printf %s "$1" >&2; )";
  if (program.copies) script += "cat; ";
  script += program.stays ? "exec sleep 1000000" : fmt::format("exit {}", program.exit_code);
  return {"/bin/sh", "-c", script, program.out, program.err};
}

class DaemonSubject final : public TaskSubject {
 public:
  std::shared_ptr<Client> client() override { return client_; }
  const Context& ctx() override { return ns_.ctx(); }
  std::string snapshotter() override { return "native"; }

  absl::StatusOr<Container> NewContainer(const std::string& id, const Program& program) override {
    return client_->NewContainer(
        ctx(), id,
        {WithNewSpec({oci::WithRootFSPath(BusyboxRootfs()), oci::WithRootFSReadonly(),
                      oci::WithProcessArgs(ArgsOf(program))})});
  }
  specs::Process NewExec(const std::string&, const std::string&, const Program& program) override {
    return {.args = ArgsOf(program), .cwd = "/"};
  }
  std::string folder() override { return fifos_.path(); }

 private:
  const TestDir fifos_;
  const std::shared_ptr<Client> client_ = SharedClient();
  const TestNamespace ns_{*client_};
};

std::unique_ptr<TaskSubject> OnTheDaemon() { return std::make_unique<DaemonSubject>(); }

}  // namespace

INSTANTIATE_TEST_SUITE_P(Daemon, Tasks, ::testing::Values(&OnTheDaemon));

}  // namespace containerd::testing
