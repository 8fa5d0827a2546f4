// SPDX-License-Identifier: Apache-2.0
//
// A mock of leases::Manager.
#ifndef CONTAINERD_TESTING_MOCKS_LEASES_H_
#define CONTAINERD_TESTING_MOCKS_LEASES_H_

#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <gmock/gmock.h>

#include "containerd/context/context.h"
#include "containerd/leases/leases.h"

namespace containerd::testing {

// By default Create gives the lease that the options make, and nothing is listed.
class MockLeaseManager : public leases::Manager {
 public:
  MockLeaseManager();
  ~MockLeaseManager() override;

  // From now on `manager` does what no test says otherwise of.
  void DelegateTo(const std::shared_ptr<leases::Manager>& manager);

  MOCK_METHOD(absl::StatusOr<leases::Lease>, Create,
              (const Context&, const std::vector<leases::Opt>&), (override));
  MOCK_METHOD(absl::Status, Delete,
              (const Context&, const leases::Lease&, const std::vector<leases::DeleteOpt>&),
              (override));
  MOCK_METHOD(absl::StatusOr<std::vector<leases::Lease>>, List,
              (const Context&, const std::vector<std::string>&), (override));
  MOCK_METHOD(absl::Status, AddResource,
              (const Context&, const leases::Lease&, const leases::Resource&), (override));
  MOCK_METHOD(absl::Status, DeleteResource,
              (const Context&, const leases::Lease&, const leases::Resource&), (override));
  MOCK_METHOD(absl::StatusOr<std::vector<leases::Resource>>, ListResources,
              (const Context&, const leases::Lease&), (override));
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTING_MOCKS_LEASES_H_
