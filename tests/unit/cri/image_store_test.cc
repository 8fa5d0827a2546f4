// SPDX-License-Identifier: Apache-2.0
#include "containerd/cri/image_store.h"

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <absl/time/clock.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/client_opts.h"
#include "containerd/cri/constants.h"
#include "containerd/digest/identity.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/events/events.h"
#include "containerd/services/images/v1/events.pb.h"
#include "containerd/testing/fake_daemon.h"
#include "containerd/testing/image_builder.h"
#include "containerd/testing/mocks/client.h"
#include "containerd/testing/status.h"
#include "containerd/testing/stores.h"
#include "containerd/typeurl/typeurl.h"

namespace containerd::cri {
namespace {

using ::testing::_;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

// Until it is so, or too long.
bool Eventually(const std::function<bool()>& is_so) {
  for (int i = 0; i < 10'000; ++i) {
    if (is_so()) return true;
    absl::SleepFor(absl::Milliseconds(1));
  }
  return false;
}

class ImageStoreTest : public ::testing::Test {
 protected:
  ImageStoreTest() : client_(*Client::New(daemon_.Address())), store_(client_) {
    daemon_.AddImage(kNamespace, "example.com/a:1", image_);
  }

  // Another name of the image, of which the daemon tells.
  void Name(const std::string& name) {
    EXPECT_THAT(client_.ImageService()->Create(ctx_, {.name = name, .target = image_.target}),
                IsOk());
  }
  bool Knows(const std::string& name) const { return store_.Resolve(name).ok(); }

  const testing::BuiltImage image_ = testing::BuildImage(
      {.layers = {testing::TarOf({{.name = "a", .data = "hello"}}), testing::TarOf({})}});
  testing::FakeDaemon daemon_;
  const Context ctx_ = WithNamespace(Context::Background(), kNamespace);
  Client client_;
  ImageStore store_;
};

TEST_F(ImageStoreTest, WhatIsKnownOfAnImage) {
  ASSERT_THAT(store_.Resync(ctx_), IsOk());
  const auto image = store_.LocalResolve("example.com/a:1");
  ASSERT_THAT(image, IsOk());
  EXPECT_EQ(image->id, image_.parsed.config.digest);
  std::vector<digest::Digest> diff_ids;
  for (const std::string& layer : image_.layers) diff_ids.push_back(digest::FromString(layer));
  EXPECT_EQ(image->chain_id, identity::ChainID(diff_ids));
  std::int64_t size = image_.parsed.config.size + image_.target.size;
  for (const auto& layer : image_.parsed.layers) size += layer.size;
  EXPECT_EQ(image->size, size);
  EXPECT_EQ(image->spec.rootfs.diff_ids.size(), 2U);

  EXPECT_EQ(ToContainerdImage(ctx_, client_, *image)->Name(), "example.com/a:1");
  ASSERT_THAT(client_.ImageService()->Delete(ctx_, "example.com/a:1"), IsOk());
  EXPECT_THAT(ToContainerdImage(ctx_, client_, *image), StatusIs(errdefs::IsNotFound));
  EXPECT_THAT(ToContainerdImage(ctx_, client_, {.id = image->id}),
              StatusIs(errdefs::IsFailedPrecondition, HasSubstr(image->id)));
}

TEST_F(ImageStoreTest, AFailedUpdateLeavesTheStoreAsItWas) {
  ASSERT_THAT(store_.Resync(ctx_), IsOk());
  Name("example.com/b:1");
  ASSERT_THAT(client_.ImageService()->Delete(ctx_, "example.com/a:1"), IsOk());
  daemon_.Fail("Images/Get", 1, {.error = errdefs::Unavailable("not now")});
  EXPECT_THAT(store_.Update(ctx_, "example.com/a:1"), StatusIs(errdefs::IsUnavailable));
  EXPECT_TRUE(Knows("example.com/a:1"));
  // In the middle, too: nothing of what was looked at before.
  Name("example.com/c:1");
  daemon_.Fail("Content/Read", 4, {.error = errdefs::Unavailable("not now")});
  EXPECT_THAT(store_.Resync(ctx_), StatusIs(errdefs::IsUnavailable));
  EXPECT_TRUE(Knows("example.com/a:1"));
  EXPECT_FALSE(Knows("example.com/b:1"));
  daemon_.ClearFaults();
  EXPECT_THAT(store_.Resync(ctx_), IsOk());
  EXPECT_FALSE(Knows("example.com/a:1"));
  EXPECT_TRUE(Knows("example.com/b:1"));
  // Without a daemon.
  daemon_.Stop();
  EXPECT_THAT(store_.Resync(ctx_), StatusIs(errdefs::IsUnavailable));
  EXPECT_THAT(store_.Update(ctx_, "example.com/b:1"), StatusIs(errdefs::IsUnavailable));
  EXPECT_TRUE(Knows("example.com/b:1"));
}

TEST_F(ImageStoreTest, AnUpdateThatHangsHoldsUpNobodyElse) {
  auto follower = store_.Follow(ctx_);
  ASSERT_THAT(follower, IsOk());
  daemon_.Fail("Images/Get", 0, {.delay = absl::InfiniteDuration()});
  const int before = daemon_.Calls("Images/Get");
  Name("example.com/b:1");
  ASSERT_TRUE(Eventually([&] { return daemon_.Calls("Images/Get") > before; }));

  // Waits for the follower's, and ends with its context.
  auto [ctx, cancel] = WithCancel(ctx_);
  auto waiting = std::async(std::launch::async, [&, ctx = ctx] { return store_.Resync(ctx); });
  cancel();
  const bool ended = waiting.wait_for(std::chrono::seconds(20)) == std::future_status::ready;
  EXPECT_TRUE(ended);
  auto stopped = std::async(std::launch::async, [&] { follower->Stop(); });
  const bool stops = stopped.wait_for(std::chrono::seconds(20)) == std::future_status::ready;
  EXPECT_TRUE(stops);
  if (!ended || !stops) daemon_.Stop();  // so that the test comes to an end
  EXPECT_THAT(waiting.get(), StatusIs(errdefs::IsCanceled));
}

TEST_F(ImageStoreTest, AFollowerCatchesUp) {
  auto follower = store_.Follow(ctx_);
  ASSERT_THAT(follower, IsOk());
  EXPECT_TRUE(Knows("example.com/a:1"));
  // No other event comes that would tell.
  daemon_.Fail("Images/Get", 1, {.error = errdefs::Unavailable("not now")});
  Name("example.com/b:1");
  EXPECT_TRUE(Eventually([&] { return Knows("example.com/b:1"); }));

  // What happens while it does not listen, though the first attempt to learn of it fails.
  daemon_.LoseEvents(true);
  Name("example.com/c:1");
  ASSERT_THAT(client_.ImageService()->Delete(ctx_, "example.com/b:1"), IsOk());
  daemon_.LoseEvents(false);
  EXPECT_FALSE(Knows("example.com/c:1"));
  daemon_.Fail("Images/List", 1, {.error = errdefs::Unavailable("not now")});
  daemon_.Restart();
  EXPECT_TRUE(Eventually([&] { return Knows("example.com/c:1") && !Knows("example.com/b:1"); }));

  // Other namespaces' images are not its business.
  daemon_.AddImage("other", "example.com/d:1", image_);
  services::images::v1::ImageCreate event;
  event.set_name("example.com/d:1");
  daemon_.Publish("other", "/images/create", *typeurl::MarshalAny(event));
  Name("example.com/e:1");
  EXPECT_TRUE(Eventually([&] { return Knows("example.com/e:1"); }));
  EXPECT_FALSE(Knows("example.com/d:1"));
}

TEST_F(ImageStoreTest, FollowFailsWithItsDaemonOrContext) {
  auto [ctx, cancel] = WithCancel(ctx_);
  cancel();
  EXPECT_THAT(store_.Follow(ctx), StatusIs(errdefs::IsCanceled));
  daemon_.Fail("Images/List", 1, {.error = errdefs::Unavailable("not now")});
  EXPECT_THAT(store_.Follow(ctx_), StatusIs(errdefs::IsUnavailable));
  daemon_.Stop();
  EXPECT_FALSE(store_.Follow(WithTimeout(ctx_, absl::Milliseconds(50))).ok());
}

// Events as fast as they can come, of thousands of names of one image.
TEST(ImageStoreEventsTest, TenThousandAtOnce) {
  testing::MemoryStores stores;
  auto service = std::make_shared<::testing::NiceMock<testing::MockEventService>>();
  std::function<void(const events::Item&)> tell;
  class Nothing final : public events::CallbackSubscription {
    absl::Status WaitReady(const Context&) override { return absl::OkStatus(); }
    void Cancel() override {}
  };
  EXPECT_CALL(*service, Subscribe(_, _, _, _, _))
      .WillOnce([&](auto&, auto&, std::function<void(const events::Item&)> on_item, auto&&...) {
        tell = std::move(on_item);
        return std::make_unique<Nothing>();
      });
  std::vector<ServicesOpt> services = stores.Services();
  services.push_back(WithEventService(service));
  auto client = Client::New("", {WithServices(services)});
  ASSERT_THAT(client, IsOk());
  ImageStore store(*client);
  const Context ctx = WithNamespace(Context::Background(), kNamespace);
  auto follower = store.Follow(ctx);
  ASSERT_THAT(follower, IsOk());

  const testing::BuiltImage image = testing::BuildImage({.layers = {testing::TarOf({})}});
  ASSERT_THAT(testing::WriteImage(ctx, *stores.content, image), IsOk());
  constexpr int kEvents = 10'000;
  std::vector<events::Envelope> envelopes;
  for (int i = 0; i < kEvents; ++i) {
    services::images::v1::ImageCreate event;
    event.set_name(fmt::format("example.com/a:{}", i / 2));
    // Each is told of twice; some are there.
    if (i % 100 == 0) {
      ASSERT_THAT(stores.images->Create(ctx, {.name = event.name(), .target = image.target}),
                  IsOk());
    }
    envelopes.push_back(
        {.ns = kNamespace, .topic = "/images/create", .event = *typeurl::MarshalAny(event)});
  }
  for (const events::Envelope& envelope : envelopes) tell(envelope);
  ASSERT_EQ(store.List().size(), 1U);
  EXPECT_EQ(store.List()[0].references.size(), static_cast<std::size_t>(kEvents / 100));
  EXPECT_TRUE(store.LocalResolve("example.com/a:0").ok());
  EXPECT_THAT(store.LocalResolve("example.com/a:1"), StatusIs(errdefs::IsNotFound));
  // What is no event of an image changes nothing.
  tell(events::Envelope{.ns = kNamespace, .topic = "/images/create", .event = {"x", "\xff"}});
  tell(events::Envelope{.ns = kNamespace, .topic = "/images/create"});
  EXPECT_EQ(store.List().size(), 1U);
}

TEST(ImageIndexTest, ThousandsOfNamesOfOneImage) {
  constexpr int kNames = 2000;
  ImageIndex index;
  const std::string id = "sha256:" + std::string(64, '1');
  for (int i = 0; i < kNames; ++i) {
    ASSERT_THAT(index.Set(fmt::format("example.com/a:{:05}", kNames - 1 - i),
                          {.id = id, .pinned = i % 2 == 0}),
                IsOk());
  }
  const auto image = index.Get("1");
  ASSERT_THAT(image, IsOk());
  ASSERT_EQ(image->references.size(), std::size_t{kNames});
  EXPECT_EQ(image->references.front(), "example.com/a:00000");
  EXPECT_EQ(image->references.back(), "example.com/a:01999");
  EXPECT_TRUE(image->pinned);
  for (int i = 1; i < kNames; i += 2) index.Remove(fmt::format("example.com/a:{:05}", i));
  EXPECT_FALSE(index.Get("1")->pinned);
}

}  // namespace
}  // namespace containerd::cri
