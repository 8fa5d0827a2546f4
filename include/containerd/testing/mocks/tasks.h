// SPDX-License-Identifier: Apache-2.0
//
// A mock of tasks::Service.
#ifndef CONTAINERD_TESTING_MOCKS_TASKS_H_
#define CONTAINERD_TESTING_MOCKS_TASKS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <gmock/gmock.h>

#include "containerd/context/context.h"
#include "containerd/future/future.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/tasks/metric.h"
#include "containerd/tasks/tasks.h"
#include "containerd/typeurl/any.h"

namespace containerd::testing {

// By default a process begins with pid 1, ends well at once, and is gone: Create and Start give 1,
// Wait and Delete the exit status 0, and Get ErrNotFound.
class MockTaskService : public tasks::Service {
 public:
  MockTaskService();
  ~MockTaskService() override;

  MOCK_METHOD(absl::StatusOr<std::uint32_t>, Create,
              (const Context&, const tasks::CreateTaskRequest&), (override));
  MOCK_METHOD(absl::StatusOr<std::uint32_t>, Start,
              (const Context&, std::string_view, std::string_view), (override));
  MOCK_METHOD(absl::StatusOr<tasks::DeleteResponse>, Delete, (const Context&, std::string_view),
              (override));
  MOCK_METHOD(absl::StatusOr<tasks::DeleteResponse>, DeleteProcess,
              (const Context&, std::string_view, std::string_view), (override));
  MOCK_METHOD(absl::StatusOr<tasks::Process>, Get,
              (const Context&, std::string_view, std::string_view), (override));
  MOCK_METHOD(absl::StatusOr<std::vector<tasks::Process>>, List, (const Context&, std::string_view),
              (override));
  MOCK_METHOD(absl::Status, Kill, (const Context&, const tasks::KillRequest&), (override));
  MOCK_METHOD(absl::Status, Exec, (const Context&, const tasks::ExecProcessRequest&), (override));
  MOCK_METHOD(absl::Status, ResizePty,
              (const Context&, std::string_view, std::string_view, std::uint32_t, std::uint32_t),
              (override));
  MOCK_METHOD(absl::Status, CloseIO, (const Context&, std::string_view, std::string_view, bool),
              (override));
  MOCK_METHOD(absl::Status, Pause, (const Context&, std::string_view), (override));
  MOCK_METHOD(absl::Status, Resume, (const Context&, std::string_view), (override));
  MOCK_METHOD(absl::StatusOr<std::vector<tasks::ProcessInfo>>, ListPids,
              (const Context&, std::string_view), (override));
  MOCK_METHOD(absl::StatusOr<std::vector<ocispec::Descriptor>>, Checkpoint,
              (const Context&, std::string_view, std::string_view, const typeurl::Any&),
              (override));
  MOCK_METHOD(absl::Status, Update, (const Context&, const tasks::UpdateTaskRequest&), (override));
  MOCK_METHOD(absl::StatusOr<std::vector<tasks::Metric>>, Metrics,
              (const Context&, const std::vector<std::string>&), (override));
  MOCK_METHOD(Future<tasks::WaitResponse>, Wait,
              (const Context&, std::string_view, std::string_view), (override));
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTING_MOCKS_TASKS_H_
