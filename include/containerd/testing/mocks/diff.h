// SPDX-License-Identifier: Apache-2.0
//
// A mock of diff::DiffService.
#ifndef CONTAINERD_TESTING_MOCKS_DIFF_H_
#define CONTAINERD_TESTING_MOCKS_DIFF_H_

#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <gmock/gmock.h>

#include "containerd/context/context.h"
#include "containerd/diff/diff.h"
#include "containerd/mount/mount.h"
#include "containerd/ocispec/descriptor.h"

namespace containerd::testing {

// By default ErrNotImplemented.
class MockDiffService : public diff::DiffService {
 public:
  MockDiffService();
  ~MockDiffService() override;

  MOCK_METHOD(absl::StatusOr<ocispec::Descriptor>, Compare,
              (const Context&, const std::vector<mount::Mount>&, const std::vector<mount::Mount>&,
               const std::vector<diff::Opt>&),
              (override));
  MOCK_METHOD(absl::StatusOr<ocispec::Descriptor>, Apply,
              (const Context&, const ocispec::Descriptor&, const std::vector<mount::Mount>&,
               const std::vector<diff::ApplyOpt>&),
              (override));
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTING_MOCKS_DIFF_H_
