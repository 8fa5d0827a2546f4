// SPDX-License-Identifier: Apache-2.0
//
// Mocks of streaming::StreamCreator and of its streams.
#ifndef CONTAINERD_TESTING_MOCKS_STREAMING_H_
#define CONTAINERD_TESTING_MOCKS_STREAMING_H_

#include <memory>
#include <optional>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <gmock/gmock.h>

#include "containerd/context/context.h"
#include "containerd/streaming/streaming.h"
#include "containerd/typeurl/any.h"

namespace containerd::testing {

// By default ErrNotImplemented, as of a daemon before 1.7.
class MockStreamCreator : public streaming::StreamCreator {
 public:
  MockStreamCreator();
  ~MockStreamCreator() override;

  MOCK_METHOD(absl::StatusOr<std::shared_ptr<streaming::Stream>>, Create,
              (const Context&, std::string_view), (override));
};

// By default its other side has closed it: Recv and TryRecv give ErrOutOfRange.
class MockStream : public streaming::Stream {
 public:
  MockStream();
  ~MockStream() override;

  MOCK_METHOD(absl::Status, Send, (const Context&, const typeurl::Any&), (override));
  MOCK_METHOD(absl::StatusOr<typeurl::Any>, Recv, (const Context&), (override));
  MOCK_METHOD(absl::StatusOr<std::optional<typeurl::Any>>, TryRecv, (), (override));
  MOCK_METHOD(absl::Status, Close, (), (override));
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTING_MOCKS_STREAMING_H_
