// SPDX-License-Identifier: Apache-2.0
#include "containerd/events/events.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/events/container.pb.h"
#include "containerd/events/task.pb.h"
#include "containerd/events/typed.h"
#include "containerd/filters/filters.h"
#include "containerd/runc/v1/options.pb.h"
#include "containerd/services/events/v1/events.grpc.pb.h"
#include "containerd/services/events/v1/events_mock.grpc.pb.h"
#include "containerd/services/images/v1/events.pb.h"

namespace containerd::events {

// On a stub of the test's: defined beside the proxy, and declared nowhere else.
std::shared_ptr<EventService> NewEventService(
    std::shared_ptr<services::events::v1::Events::StubInterface> stub);

namespace {

namespace pb = ::containerd::services::events::v1;
using ::testing::_;
using ::testing::DoAll;
using ::testing::HasSubstr;
using ::testing::Return;
using ::testing::SaveArg;

template <class T>
Envelope EnvelopeOf(const T& event) {
  return {.ns = "default", .topic = "/t", .event = *typeurl::MarshalAny(event)};
}

std::optional<std::string> Field(const Envelope& envelope, std::vector<std::string> path) {
  return envelope.Field(path);
}

TEST(Envelope, Field) {
  ContainerCreate create;
  create.set_id("web");
  create.mutable_runtime()->set_name("io.containerd.runc.v2");
  runc::v1::Options options;
  options.set_binary_name("crun");
  create.mutable_runtime()->mutable_options()->PackFrom(options);
  const Envelope envelope = EnvelopeOf(create);
  EXPECT_EQ(Field(envelope, {"namespace"}), "default");
  EXPECT_EQ(Field(envelope, {"topic"}), "/t");
  EXPECT_EQ(Field(envelope, {"event", "id"}), "web");
  EXPECT_EQ(Field(envelope, {"event", "runtime", "name"}), "io.containerd.runc.v2");
  for (const std::vector<std::string>& path :
       std::vector<std::vector<std::string>>{{},
                                             {"timestamp"},
                                             {"event"},
                                             {"event", "image"},
                                             {"event", "none"},
                                             {"event", "runtime"},
                                             {"event", "runtime", "options", "binary_name"}}) {
    EXPECT_EQ(Field(envelope, path), std::nullopt) << testing::PrintToString(path);
  }
  EXPECT_EQ(Field({}, {"namespace"}), std::nullopt);
  EXPECT_EQ(Field({}, {"topic"}), std::nullopt);
  EXPECT_EQ(Field({}, {"event", "id"}), std::nullopt);

  TaskCreate task;
  task.set_pid(5);
  task.mutable_io()->set_stdout("/out");
  EXPECT_EQ(Field(EnvelopeOf(task), {"event", "io", "stdout"}), "/out");
  EXPECT_EQ(Field(EnvelopeOf(task), {"event", "io", "terminal"}), "false");
  EXPECT_EQ(Field(EnvelopeOf(task), {"event", "pid"}), std::nullopt) << "numbers have none";

  services::images::v1::ImageCreate image;
  (*image.mutable_labels())["a.b"] = "c";
  EXPECT_EQ(Field(EnvelopeOf(image), {"event", "labels", "a", "b"}), "c");
  EXPECT_EQ(Field(EnvelopeOf(image), {"event", "labels", "a"}), std::nullopt);

  Envelope other = EnvelopeOf(options);
  EXPECT_EQ(Field(other, {"event", "binary_name"}), std::nullopt) << "no event of the daemon's";
  other.event = {.type_url = "no.such.Type", .value = "x"};
  EXPECT_EQ(Field(other, {"event", "id"}), std::nullopt);
  other.event = {.type_url = "containerd.events.TaskExit", .value = "\xff"};
  EXPECT_EQ(Field(other, {"event", "id"}), std::nullopt) << "broken bytes";
}

TEST(Envelope, Filters) {
  TaskExit exit;
  exit.set_container_id("web");
  const Envelope envelope = EnvelopeOf(exit);
  const filters::AdapterFunc adaptor(
      [&](std::span<const std::string> path) { return envelope.Field(path); });
  EXPECT_TRUE((*filters::Parse("event.container_id==web,namespace==default"))->Match(adaptor));
  EXPECT_FALSE((*filters::Parse("event.container_id==db"))->Match(adaptor));
}

TEST(Envelope, Decode) {
  TaskExit exit;
  exit.set_exit_status(3);
  const Envelope envelope = EnvelopeOf(exit);
  EXPECT_TRUE(Is<TaskExit>(envelope));
  EXPECT_FALSE(Is<TaskStart>(envelope));
  EXPECT_EQ(Decode<TaskExit>(envelope)->exit_status(), 3U);
  EXPECT_TRUE(errdefs::IsInvalidArgument(Decode<TaskStart>(envelope).status()));
}

// A subscription of a program's own, which knows no batches.
class Listed final : public Subscription {
 public:
  explicit Listed(std::vector<Item> items) : items_(std::move(items)) {}

  absl::StatusOr<Item> Next(const Context&) override {
    absl::StatusOr<std::optional<Item>> item = TryNext();
    if (!item.ok()) return item.status();
    return **std::move(item);
  }
  absl::StatusOr<std::optional<Item>> TryNext() override {
    if (next_ == items_.size()) return errdefs::OutOfRange("end of stream");
    return items_[next_++];
  }
  absl::Status WaitReady(const Context&) override { return absl::OkStatus(); }
  void Cancel() override {}

 private:
  const std::vector<Item> items_;
  std::size_t next_ = 0;
};

TEST(Subscription, HasBatchesOfWhatItHasOneByOne) {
  Listed subscription({Envelope{.topic = "/a"}, Gap{}, Envelope{.topic = "/c"}});
  const Context ctx = Context::Background();
  absl::StatusOr<std::vector<Item>> batch = subscription.NextBatch(ctx, 2);
  ASSERT_TRUE(batch.ok());
  ASSERT_EQ(batch->size(), 2U);
  EXPECT_EQ(std::get<Envelope>((*batch)[0]).topic, "/a");
  EXPECT_TRUE(std::holds_alternative<Gap>((*batch)[1]));
  batch = subscription.NextBatch(ctx);
  ASSERT_TRUE(batch.ok());
  ASSERT_EQ(batch->size(), 1U);
  EXPECT_EQ(std::get<Envelope>((*batch)[0]).topic, "/c");
  EXPECT_TRUE(errdefs::IsOutOfRange(subscription.NextBatch(ctx).status()));
}

class EventServiceTest : public testing::Test {
 protected:
  std::shared_ptr<pb::MockEventsStub> stub_ = std::make_shared<pb::MockEventsStub>();
  std::shared_ptr<EventService> events_ = NewEventService(stub_);
  Context ctx_ = WithNamespace(Context::Background(), "test");
};

TEST_F(EventServiceTest, Publish) {
  pb::PublishRequest request;
  EXPECT_CALL(*stub_, Publish(_, _, _))
      .WillOnce(DoAll(SaveArg<1>(&request), Return(grpc::Status::OK)))
      .WillOnce(Return(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "must start with '/'")));
  TaskStart start;
  start.set_pid(7);
  EXPECT_TRUE(Publish(ctx_, *events_, "/tasks/start", start).ok());
  EXPECT_EQ(request.topic(), "/tasks/start");
  EXPECT_EQ(request.event().type_url(), "containerd.events.TaskStart");
  EXPECT_EQ(request.event().value(), start.SerializeAsString());

  const absl::Status s = events_->Publish(ctx_, "bad topic", {});
  EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("bad topic"));
}

TEST_F(EventServiceTest, Forward) {
  pb::ForwardRequest request;
  EXPECT_CALL(*stub_, Forward(_, _, _))
      .WillRepeatedly(DoAll(SaveArg<1>(&request), Return(grpc::Status::OK)));
  EXPECT_TRUE(events_
                  ->Forward(ctx_, {.timestamp = absl::FromUnixNanos(1'000'000'005),
                                   .ns = "other",
                                   .topic = "/t",
                                   .event = {.type_url = "u", .value = "v"}})
                  .ok());
  EXPECT_EQ(request.envelope().timestamp().seconds(), 1);
  EXPECT_EQ(request.envelope().timestamp().nanos(), 5);
  EXPECT_EQ(request.envelope().namespace_(), "other");
  EXPECT_EQ(request.envelope().topic(), "/t");
  EXPECT_EQ(request.envelope().event().value(), "v");
  EXPECT_TRUE(events_->Forward(ctx_, {}).ok());
  EXPECT_FALSE(request.envelope().has_timestamp()) << "the daemon refuses it, not we";
}

}  // namespace
}  // namespace containerd::events
