// SPDX-License-Identifier: Apache-2.0
//
// A mock of health::Service.
#ifndef CONTAINERD_TESTING_MOCKS_HEALTH_H_
#define CONTAINERD_TESTING_MOCKS_HEALTH_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <gmock/gmock.h>

#include "containerd/context/context.h"
#include "containerd/health/health.h"

namespace containerd::testing {

// By default it serves.
class MockHealthService : public health::Service {
 public:
  MockHealthService();
  ~MockHealthService() override;

  MOCK_METHOD(absl::StatusOr<health::ServingStatus>, Check,
              (const Context&, const health::CheckOptions&), (override));
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTING_MOCKS_HEALTH_H_
