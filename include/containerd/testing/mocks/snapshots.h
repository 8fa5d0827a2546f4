// SPDX-License-Identifier: Apache-2.0
//
// A mock of snapshots::Snapshotter.
#ifndef CONTAINERD_TESTING_MOCKS_SNAPSHOTS_H_
#define CONTAINERD_TESTING_MOCKS_SNAPSHOTS_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <gmock/gmock.h>

#include "containerd/context/context.h"
#include "containerd/mount/mount.h"
#include "containerd/snapshots/snapshots.h"

namespace containerd::testing {

// By default there are no snapshots: Stat, Update, Usage and Mounts give ErrNotFound. Prepare and
// View give no mounts, and the rest is OK.
class MockSnapshotter : public snapshots::Snapshotter {
 public:
  MockSnapshotter();
  ~MockSnapshotter() override;

  // From now on `snapshotter` does what no test says otherwise of.
  void DelegateTo(const std::shared_ptr<snapshots::Snapshotter>& snapshotter);

  MOCK_METHOD(absl::StatusOr<snapshots::Info>, Stat, (const Context&, std::string_view),
              (override));
  MOCK_METHOD(absl::StatusOr<snapshots::Info>, Update,
              (const Context&, const snapshots::Info&, const std::vector<std::string>&),
              (override));
  MOCK_METHOD(absl::StatusOr<snapshots::Usage>, Usage, (const Context&, std::string_view),
              (override));
  MOCK_METHOD(absl::StatusOr<std::vector<mount::Mount>>, Mounts, (const Context&, std::string_view),
              (override));
  MOCK_METHOD(absl::StatusOr<std::vector<mount::Mount>>, Prepare,
              (const Context&, std::string_view, std::string_view,
               const std::vector<snapshots::Opt>&),
              (override));
  MOCK_METHOD(absl::StatusOr<std::vector<mount::Mount>>, View,
              (const Context&, std::string_view, std::string_view,
               const std::vector<snapshots::Opt>&),
              (override));
  MOCK_METHOD(absl::Status, Commit,
              (const Context&, std::string_view, std::string_view,
               const std::vector<snapshots::Opt>&),
              (override));
  MOCK_METHOD(absl::Status, Remove, (const Context&, std::string_view), (override));
  MOCK_METHOD(absl::Status, Walk,
              (const Context&, const snapshots::WalkFunc&, const std::vector<std::string>&),
              (override));
  MOCK_METHOD(absl::Status, Close, (), (override));
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTING_MOCKS_SNAPSHOTS_H_
