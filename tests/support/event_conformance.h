// SPDX-License-Identifier: Apache-2.0
//
// What every daemon's events service does, and what stands in for one has to do as well. Used as
// store_conformance.h.
#ifndef CONTAINERD_TESTS_SUPPORT_EVENT_CONFORMANCE_H_
#define CONTAINERD_TESTS_SUPPORT_EVENT_CONFORMANCE_H_

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/client.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/events/events.h"
#include "containerd/events/task.pb.h"
#include "containerd/events/typed.h"
#include "containerd/testing/status.h"
#include "containerd/typeurl/typeurl.h"

#include "tests/support/conformance.h"

namespace containerd::testing {

class Events : public Conformance {
 protected:
  Context Soon() const { return WithTimeout(ctx(), absl::Minutes(1)); }
  std::string Namespace() const { return *ctx().Namespace(); }

  std::unique_ptr<events::Subscription> Subscribed(const std::vector<std::string>& filters) {
    auto subscription = client_->Subscribe(ctx(), filters);
    EXPECT_OK(subscription->WaitReady(Soon()));
    return subscription;
  }

  static typeurl::Any ExitOf(const std::string& container_id) {
    events::TaskExit exit;
    exit.set_container_id(container_id);
    return *typeurl::MarshalAny(exit);
  }

  events::Envelope Next(events::Subscription& subscription) {
    const absl::StatusOr<events::Item> item = subscription.Next(Soon());
    EXPECT_OK(item);
    return item.ok() ? std::get<events::Envelope>(*item) : events::Envelope();
  }

  const std::shared_ptr<events::EventService> service_ = client_->EventService();
};

TEST_P(Events, ComeInEnvelopes) {
  const auto subscription = Subscribed({fmt::format("namespace=={}", Namespace())});
  const absl::Time before = absl::Now() - absl::Minutes(1);
  ASSERT_OK(service_->Publish(ctx(), "/orders/shipped", ExitOf("one")));
  ASSERT_OK(service_->Publish(ctx(), "/orders/shipped", ExitOf("two")));
  const events::Envelope first = Next(*subscription);
  EXPECT_EQ(first.ns, Namespace());
  EXPECT_EQ(first.topic, "/orders/shipped");
  EXPECT_EQ(first.event, ExitOf("one"));
  EXPECT_GT(first.timestamp, before);
  EXPECT_LT(first.timestamp, absl::Now() + absl::Minutes(1));
  const events::Envelope second = Next(*subscription);
  EXPECT_EQ(second.event, ExitOf("two"));
  EXPECT_GE(second.timestamp, first.timestamp);
}

TEST_P(Events, AreChosenByFilters) {
  const std::string mine = fmt::format(",namespace=={}", Namespace());
  const auto subscription =
      Subscribed({"event.container_id==two" + mine, R"(topic~="^/b")" + mine});
  for (const auto& [topic, id] : std::vector<std::pair<std::string, std::string>>{
           {"/a/1", "one"}, {"/a/2", "two"}, {"/b/3", "one"}, {"/a/4", "one"}, {"/b/5", "two"}}) {
    ASSERT_OK(service_->Publish(ctx(), topic, ExitOf(id)));
  }
  for (const char* topic : {"/a/2", "/b/3", "/b/5"}) EXPECT_EQ(Next(*subscription).topic, topic);

  const auto bad = client_->Subscribe(ctx(), {"topic==="});
  EXPECT_THAT(bad->Next(Soon()), StatusIs(errdefs::IsInvalidArgument));
}

TEST_P(Events, OfAllNamespacesComeUnlessAFilterSaysOtherwise) {
  const std::string other = Namespace() + "-other";
  const std::string topic = fmt::format("/{}/topic", Namespace());
  const auto all = Subscribed({fmt::format(R"(topic=="{}")", topic)});
  const auto theirs = Subscribed({fmt::format("namespace=={}", other)});
  ASSERT_OK(service_->Publish(ctx(), topic, ExitOf("one")));
  ASSERT_OK(service_->Publish(WithNamespace(ctx(), other), topic, ExitOf("two")));
  EXPECT_EQ(Next(*all).ns, Namespace());
  EXPECT_EQ(Next(*all).ns, other);
  EXPECT_EQ(Next(*theirs).event, ExitOf("two"));
}

TEST_P(Events, AreForwardedAsTheyAre) {
  const std::string other = Namespace() + "-other";
  const auto subscription = Subscribed({fmt::format("namespace=={}", other)});
  const events::Envelope sent{.timestamp = absl::FromUnixNanos(1'234'567'890),
                              .ns = other,
                              .topic = "/forwarded",
                              .event = ExitOf("one")};
  ASSERT_OK(service_->Forward(ctx(), sent));
  EXPECT_EQ(Next(*subscription), sent);

  const auto refused = StatusIs(errdefs::IsInvalidArgument);
  events::Envelope bad = sent;
  bad.ns = "";
  EXPECT_THAT(service_->Forward(ctx(), bad), refused);
  bad = sent;
  bad.ns = "not/a/namespace";
  EXPECT_THAT(service_->Forward(ctx(), bad), refused);
  bad = sent;
  bad.topic = "no-slash";
  EXPECT_THAT(service_->Forward(ctx(), bad), refused);
}

TEST_P(Events, HaveTopicsOfIdentifiers) {
  for (const char* topic : {"", "/", "no-slash", "/a//b", "/a/", "/a b", "/a/-b", "/ä"}) {
    EXPECT_THAT(service_->Publish(ctx(), topic, ExitOf("one")),
                StatusIs(errdefs::IsInvalidArgument))
        << topic;
  }
  EXPECT_OK(service_->Publish(ctx(), "/a.b/c_d/e-f", ExitOf("one")));
  EXPECT_THAT(service_->Publish(Context::Background(), "/a", ExitOf("one")),
              StatusIs(errdefs::IsFailedPrecondition));
  EXPECT_THAT(service_->Publish(WithNamespace(ctx(), "not/one"), "/a", ExitOf("one")),
              StatusIs(errdefs::IsInvalidArgument));
}

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTS_SUPPORT_EVENT_CONFORMANCE_H_
