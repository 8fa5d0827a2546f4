// SPDX-License-Identifier: Apache-2.0
//
// Tests on a real registry: distribution's, which Debian has as docker-registry, on the loopback
// and empty at first.
//
//   class PushTest : public containerd::testing::RegistryTest {
//    protected:
//     std::string Web() const { return Ref("web:1"); }  // "127.0.0.1:43210/test-1/web:1"
//   };
//
// The tests are skipped, with the reason, where there is no such program. Several test programs may
// run at once: the kernel chooses the port. A test that is on a daemon as well derives from
// DaemonTest, and asks for TestRegistry::Shared() in its SetUp.
#ifndef CONTAINERD_TESTING_REGISTRY_TEST_H_
#define CONTAINERD_TESTING_REGISTRY_TEST_H_

#include <memory>
#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <gtest/gtest.h>

namespace containerd::testing {

// Parts of the registry's configuration, in YAML, each line with its end.
struct TestRegistryOptions {
  std::string http{};      // more of the section "http", indented: "  tls:\n    certificate: …\n"
  std::string sections{};  // more sections: "auth:\n  htpasswd:\n …"
};

// A registry that keeps its images in a temporary folder, and takes deletions. It ends with this
// object, and when the process is killed, too.
class TestRegistry {
 public:
  // ErrFailedPrecondition if there is no such program on PATH; ErrUnavailable, with what it
  // printed, if it does not serve.
  static absl::StatusOr<std::unique_ptr<TestRegistry>> Start(
      const TestRegistryOptions& options = {});
  // The process's own, which is started when first asked for, and ends after the last test. Never
  // null.
  static absl::StatusOr<TestRegistry*> Shared();
  TestRegistry(const TestRegistry&) = delete;
  TestRegistry& operator=(const TestRegistry&) = delete;
  ~TestRegistry();

  // "127.0.0.1:<port>".
  const std::string& Host() const;
  // The name of an image there: "<host>/<name>".
  std::string Ref(std::string_view name) const;
  // What it has printed so far.
  std::string Log() const;

 private:
  struct State;
  explicit TestRegistry(std::unique_ptr<State> state);
  const std::unique_ptr<State> state_;
};

// OK if a registry can run here; else ErrFailedPrecondition with what is missing.
absl::Status CanRunRegistry();

// The registry is TestRegistry::Shared, and each test has repositories of its own there.
class RegistryTest : public ::testing::Test {
 protected:
  RegistryTest();
  ~RegistryTest() override;
  // Skips the test where no registry can run, and fails it if it does not start.
  void SetUp() override;

  // For a test that was not skipped; else it ends the process.
  TestRegistry& registry() const;
  // The name of an image of this test: "<host>/<unlike any other test's>/<name>".
  std::string Ref(std::string_view name) const;

 private:
  std::string repository_;
  TestRegistry* registry_ = nullptr;
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTING_REGISTRY_TEST_H_
