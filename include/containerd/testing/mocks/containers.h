// SPDX-License-Identifier: Apache-2.0
//
// A mock of containers::Store.
#ifndef CONTAINERD_TESTING_MOCKS_CONTAINERS_H_
#define CONTAINERD_TESTING_MOCKS_CONTAINERS_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <gmock/gmock.h>

#include "containerd/containers/containers.h"
#include "containerd/context/context.h"

namespace containerd::testing {

// By default there are none: Get and Update give ErrNotFound, and Create what it was given.
class MockContainerStore : public containers::Store {
 public:
  MockContainerStore();
  ~MockContainerStore() override;

  // From now on `store` does what no test says otherwise of.
  void DelegateTo(const std::shared_ptr<containers::Store>& store);

  MOCK_METHOD(absl::StatusOr<containers::Container>, Get, (const Context&, std::string_view),
              (override));
  MOCK_METHOD(absl::StatusOr<std::vector<containers::Container>>, List,
              (const Context&, const std::vector<std::string>&), (override));
  MOCK_METHOD(absl::StatusOr<containers::Container>, Create,
              (const Context&, const containers::Container&), (override));
  MOCK_METHOD(absl::StatusOr<containers::Container>, Update,
              (const Context&, const containers::Container&, const std::vector<std::string>&),
              (override));
  MOCK_METHOD(absl::Status, Delete, (const Context&, std::string_view), (override));
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTING_MOCKS_CONTAINERS_H_
