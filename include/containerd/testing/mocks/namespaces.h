// SPDX-License-Identifier: Apache-2.0
//
// A mock of namespaces::Store.
#ifndef CONTAINERD_TESTING_MOCKS_NAMESPACES_H_
#define CONTAINERD_TESTING_MOCKS_NAMESPACES_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <gmock/gmock.h>

#include "containerd/context/context.h"
#include "containerd/labels/labels.h"
#include "containerd/namespaces/store.h"

namespace containerd::testing {

// By default there are none, and each has no labels.
class MockNamespaceStore : public namespaces::Store {
 public:
  MockNamespaceStore();
  ~MockNamespaceStore() override;

  // From now on `store` does what no test says otherwise of.
  void DelegateTo(const std::shared_ptr<namespaces::Store>& store);

  MOCK_METHOD(absl::Status, Create, (const Context&, std::string_view, const containerd::Labels&),
              (override));
  MOCK_METHOD(absl::StatusOr<containerd::Labels>, Labels, (const Context&, std::string_view),
              (override));
  MOCK_METHOD(absl::Status, SetLabel,
              (const Context&, std::string_view, std::string_view, std::string_view), (override));
  MOCK_METHOD(absl::StatusOr<std::vector<std::string>>, List, (const Context&), (override));
  MOCK_METHOD(absl::Status, Delete,
              (const Context&, std::string_view, const std::vector<namespaces::DeleteOpt>&),
              (override));
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTING_MOCKS_NAMESPACES_H_
