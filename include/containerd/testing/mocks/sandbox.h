// SPDX-License-Identifier: Apache-2.0
//
// Mocks of sandbox::Store and sandbox::Controller.
#ifndef CONTAINERD_TESTING_MOCKS_SANDBOX_H_
#define CONTAINERD_TESTING_MOCKS_SANDBOX_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <gmock/gmock.h>

#include "containerd/context/context.h"
#include "containerd/future/future.h"
#include "containerd/ocispec/image.h"
#include "containerd/sandbox/sandbox.h"
#include "containerd/tasks/metric.h"

namespace containerd::testing {

// By default there are none: Get and Update give ErrNotFound, and Create what it was given.
class MockSandboxStore : public sandbox::Store {
 public:
  MockSandboxStore();
  ~MockSandboxStore() override;

  // From now on `store` does what no test says otherwise of.
  void DelegateTo(const std::shared_ptr<sandbox::Store>& store);

  MOCK_METHOD(absl::StatusOr<sandbox::Sandbox>, Create, (const Context&, const sandbox::Sandbox&),
              (override));
  MOCK_METHOD(absl::StatusOr<sandbox::Sandbox>, Update,
              (const Context&, const sandbox::Sandbox&, const std::vector<std::string>&),
              (override));
  MOCK_METHOD(absl::StatusOr<sandbox::Sandbox>, Get, (const Context&, std::string_view),
              (override));
  MOCK_METHOD(absl::StatusOr<std::vector<sandbox::Sandbox>>, List,
              (const Context&, const std::vector<std::string>&), (override));
  MOCK_METHOD(absl::Status, Delete, (const Context&, std::string_view), (override));
};

// By default a sandbox begins with pid 1, ends well at once, and is gone: Status gives ErrNotFound.
class MockSandboxController : public sandbox::Controller {
 public:
  MockSandboxController();
  ~MockSandboxController() override;

  MOCK_METHOD(absl::Status, Create,
              (const Context&, const sandbox::Sandbox&, const std::vector<sandbox::CreateOpt>&),
              (override));
  MOCK_METHOD(absl::StatusOr<sandbox::ControllerInstance>, Start,
              (const Context&, std::string_view), (override));
  MOCK_METHOD(absl::StatusOr<ocispec::Platform>, Platform, (const Context&, std::string_view),
              (override));
  MOCK_METHOD(absl::Status, Stop,
              (const Context&, std::string_view, const std::vector<sandbox::StopOpt>&), (override));
  MOCK_METHOD(Future<sandbox::ExitStatus>, Wait, (const Context&, std::string_view), (override));
  MOCK_METHOD(absl::StatusOr<sandbox::ControllerStatus>, Status,
              (const Context&, std::string_view, bool), (override));
  MOCK_METHOD(absl::Status, Shutdown, (const Context&, std::string_view), (override));
  MOCK_METHOD(absl::StatusOr<tasks::Metric>, Metrics, (const Context&, std::string_view),
              (override));
  MOCK_METHOD(absl::Status, Update,
              (const Context&, std::string_view, const sandbox::Sandbox&,
               const std::vector<std::string>&),
              (override));
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTING_MOCKS_SANDBOX_H_
