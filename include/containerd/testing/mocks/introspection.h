// SPDX-License-Identifier: Apache-2.0
//
// A mock of introspection::Service.
#ifndef CONTAINERD_TESTING_MOCKS_INTROSPECTION_H_
#define CONTAINERD_TESTING_MOCKS_INTROSPECTION_H_

#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <gmock/gmock.h>

#include "containerd/context/context.h"
#include "containerd/introspection/introspection.h"
#include "containerd/typeurl/any.h"

namespace containerd::testing {

// By default there are no plugins, and PluginInfo is ErrNotFound.
class MockIntrospectionService : public introspection::Service {
 public:
  MockIntrospectionService();
  ~MockIntrospectionService() override;

  MOCK_METHOD(absl::StatusOr<std::vector<introspection::Plugin>>, Plugins,
              (const Context&, const std::vector<std::string>&), (override));
  MOCK_METHOD(absl::StatusOr<introspection::ServerResponse>, Server, (const Context&), (override));
  MOCK_METHOD(absl::StatusOr<introspection::PluginInfoResponse>, PluginInfo,
              (const Context&, std::string_view, std::string_view, const typeurl::Any&),
              (override));
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTING_MOCKS_INTROSPECTION_H_
