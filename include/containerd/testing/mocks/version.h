// SPDX-License-Identifier: Apache-2.0
//
// A mock of version::Service.
#ifndef CONTAINERD_TESTING_MOCKS_VERSION_H_
#define CONTAINERD_TESTING_MOCKS_VERSION_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <gmock/gmock.h>

#include "containerd/context/context.h"
#include "containerd/version/version.h"

namespace containerd::testing {

// By default "0.0.0".
class MockVersionService : public version::Service {
 public:
  MockVersionService();
  ~MockVersionService() override;

  MOCK_METHOD(absl::StatusOr<version::Info>, Version, (const Context&), (override));
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTING_MOCKS_VERSION_H_
