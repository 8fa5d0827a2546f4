// SPDX-License-Identifier: Apache-2.0
//
// Mocks of events::EventService and of its subscriptions.
#ifndef CONTAINERD_TESTING_MOCKS_EVENTS_H_
#define CONTAINERD_TESTING_MOCKS_EVENTS_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <gmock/gmock.h>

#include "containerd/context/context.h"
#include "containerd/events/events.h"
#include "containerd/typeurl/any.h"

namespace containerd::testing {

// By default publishing is OK, and a subscription ends with its context or Cancel, without an
// event.
class MockEventService : public events::EventService {
 public:
  MockEventService();
  ~MockEventService() override;

  MOCK_METHOD(absl::Status, Publish, (const Context&, std::string_view, const typeurl::Any&),
              (override));
  MOCK_METHOD(absl::Status, Forward, (const Context&, const events::Envelope&), (override));
  MOCK_METHOD(std::unique_ptr<events::Subscription>, Subscribe,
              (const Context&, const std::vector<std::string>&,
               const std::vector<events::SubscribeOpt>&),
              (override));
  MOCK_METHOD(std::unique_ptr<events::CallbackSubscription>, Subscribe,
              (const Context&, const std::vector<std::string>&,
               std::function<void(const events::Item&)>, std::function<void(const absl::Status&)>,
               const std::vector<events::SubscribeOpt>&),
              (override));
};

// By default it has ended: ErrOutOfRange.
class MockSubscription : public events::Subscription {
 public:
  MockSubscription();
  ~MockSubscription() override;

  MOCK_METHOD(absl::StatusOr<events::Item>, Next, (const Context&), (override));
  MOCK_METHOD(absl::StatusOr<std::optional<events::Item>>, TryNext, (), (override));
  MOCK_METHOD(absl::Status, WaitReady, (const Context&), (override));
  MOCK_METHOD(void, Cancel, (), (override));
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTING_MOCKS_EVENTS_H_
