// SPDX-License-Identifier: Apache-2.0
//
// A mock of transfer::Transferrer.
#ifndef CONTAINERD_TESTING_MOCKS_TRANSFER_H_
#define CONTAINERD_TESTING_MOCKS_TRANSFER_H_

#include <vector>

#include <absl/status/status.h>
#include <gmock/gmock.h>

#include "containerd/context/context.h"
#include "containerd/transfer/transfer.h"

namespace containerd::testing {

// By default ErrNotImplemented, as of a daemon before 1.7.
class MockTransferrer : public transfer::Transferrer {
 public:
  MockTransferrer();
  ~MockTransferrer() override;

  MOCK_METHOD(absl::Status, Transfer,
              (const Context&, const transfer::Object&, const transfer::Object&,
               const std::vector<transfer::Opt>&),
              (override));
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTING_MOCKS_TRANSFER_H_
