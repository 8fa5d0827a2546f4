// SPDX-License-Identifier: Apache-2.0
//
// A mock of mount::Manager.
#ifndef CONTAINERD_TESTING_MOCKS_MOUNT_H_
#define CONTAINERD_TESTING_MOCKS_MOUNT_H_

#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <gmock/gmock.h>

#include "containerd/context/context.h"
#include "containerd/mount/manager.h"
#include "containerd/mount/mount.h"

namespace containerd::testing {

// By default ErrNotImplemented, as of a daemon before 2.2.
class MockMountManager : public mount::Manager {
 public:
  MockMountManager();
  ~MockMountManager() override;

  MOCK_METHOD(absl::StatusOr<mount::ActivationInfo>, Activate,
              (const Context&, std::string_view, const std::vector<mount::Mount>&,
               const std::vector<mount::ActivateOpt>&),
              (override));
  MOCK_METHOD(absl::Status, Deactivate, (const Context&, std::string_view), (override));
  MOCK_METHOD(absl::StatusOr<mount::ActivationInfo>, Info, (const Context&, std::string_view),
              (override));
  MOCK_METHOD(absl::StatusOr<mount::ActivationInfo>, Update,
              (const Context&, const mount::ActivationInfo&, const std::vector<std::string>&),
              (override));
  MOCK_METHOD(absl::StatusOr<std::vector<mount::ActivationInfo>>, List,
              (const Context&, const std::vector<std::string>&), (override));
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTING_MOCKS_MOUNT_H_
