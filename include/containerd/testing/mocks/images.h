// SPDX-License-Identifier: Apache-2.0
//
// A mock of images::Store.
#ifndef CONTAINERD_TESTING_MOCKS_IMAGES_H_
#define CONTAINERD_TESTING_MOCKS_IMAGES_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <gmock/gmock.h>

#include "containerd/context/context.h"
#include "containerd/images/store.h"

namespace containerd::testing {

// By default there are none: Get and Update give ErrNotFound, and Create what it was given.
class MockImageStore : public images::Store {
 public:
  MockImageStore();
  ~MockImageStore() override;

  // From now on `store` does what no test says otherwise of.
  void DelegateTo(const std::shared_ptr<images::Store>& store);

  MOCK_METHOD(absl::StatusOr<images::Image>, Get, (const Context&, std::string_view), (override));
  MOCK_METHOD(absl::StatusOr<std::vector<images::Image>>, List,
              (const Context&, const std::vector<std::string>&), (override));
  MOCK_METHOD(absl::StatusOr<images::Image>, Create, (const Context&, const images::Image&),
              (override));
  MOCK_METHOD(absl::StatusOr<images::Image>, Update,
              (const Context&, const images::Image&, const std::vector<std::string>&), (override));
  MOCK_METHOD(absl::Status, Delete,
              (const Context&, std::string_view, const std::vector<images::DeleteOpt>&),
              (override));
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTING_MOCKS_IMAGES_H_
