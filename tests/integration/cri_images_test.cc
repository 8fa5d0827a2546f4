// SPDX-License-Identifier: Apache-2.0
//
// Images as CRI has them, on a daemon and registries: pulled once for all who ask, with the
// credentials of each, under the plugin's names, and followed by events.
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/cri/constants.h"
#include "containerd/cri/image_names.h"
#include "containerd/cri/labels.h"
#include "containerd/cri/oom.h"
#include "containerd/cri/pull.h"
#include "containerd/cri/runtime_options.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/store.h"

#include "container_fixture.h"
#include "registry.h"

namespace containerd::cri {
namespace {

using ::testing::ElementsAre;
using testing::Eventually;
using ::testing::HasSubstr;
using testing::Ok;
using testing::Registry;
using ::testing::UnorderedElementsAre;

// A container's fixture, and a registry with its image.
class CRIImagesTest : public testing::ContainerTest {
 protected:
  void SetUp() override {
    CONTAINERD_REQUIRE_REGISTRY;
    ContainerTest::SetUp();
  }

  // Puts busybox into a registry and removes it here.
  std::string Push(Registry& registry, const std::string& name,
                   remotes::docker::CredentialsFunc credentials = nullptr) {
    const std::string ref = registry.Ref(name);
    auto resolver = remotes::docker::NewResolver({.credentials = std::move(credentials)});
    EXPECT_TRUE(Ok(client_->Push(ctx(), ref, image_->Target(), {WithResolver(resolver)})));
    return ref;
  }

  void RemoveAllImages() {
    auto images = client_->ImageService()->List(ctx());
    ASSERT_TRUE(Ok(images));
    for (const images::Image& image : *images) {
      ASSERT_TRUE(
          Ok(client_->ImageService()->Delete(ctx(), image.name, {images::SynchronousDelete})));
    }
  }

  // How often the registry was asked for something.
  static int Count(const Registry& registry, const std::string& what) {
    const std::string log = registry.Log();
    int count = 0;
    for (auto at = log.find(what); at != std::string::npos; at = log.find(what, at + 1)) ++count;
    return count;
  }

  std::vector<std::string> Names() {
    std::vector<std::string> names;
    auto images = client_->ImageService()->List(ctx());
    EXPECT_TRUE(Ok(images));
    for (const images::Image& image : *images) {
      EXPECT_EQ(image.labels.at(kImageLabelKey), kImageLabelValue) << image.name;
      names.push_back(image.name);
    }
    return names;
  }
};

TEST_F(CRIImagesTest, EnsureImageExists) {
  Registry registry;
  const std::string ref = Push(registry, "team/busybox:1");
  const std::string id = image_->Config(ctx())->digest;
  const std::string digested = registry.Ref("team/busybox") + "@" + image_->Target().digest;
  RemoveAllImages();

  Images images(*client_, {});
  auto pulled = images.EnsureImageExists(ctx(), ref);
  ASSERT_TRUE(Ok(pulled));
  EXPECT_EQ(pulled->id, id);
  EXPECT_THAT(pulled->references, ElementsAre(ref, digested, id));
  EXPECT_THAT(Names(), UnorderedElementsAre(ref, digested, id));
  EXPECT_TRUE(*client_->GetImage(ctx(), ref)->IsUnpacked(ctx(), ""));
  EXPECT_EQ(ToContainerdImage(ctx(), *client_, *pulled)->Name(), ref);

  // Now by whatever name, without the registry.
  const int asked = Count(registry, "/manifests/");
  for (const std::string& name :
       {ref, digested, id, id.substr(7), id.substr(0, 20), id.substr(7, 9)}) {
    auto there = images.EnsureImageExists(ctx(), name);
    ASSERT_TRUE(Ok(there)) << name;
    EXPECT_EQ(there->id, id);
  }
  EXPECT_EQ(Count(registry, "/manifests/"), asked);

  // Another store learns of it by listing, and a pull by digest adds no tag.
  RemoveAllImages();
  Images others(*client_, {});
  auto by_digest = others.EnsureImageExists(ctx(), digested);
  ASSERT_TRUE(Ok(by_digest));
  EXPECT_THAT(by_digest->references, ElementsAre(digested, id));
}

TEST_F(CRIImagesTest, BadReferencesLeaveNothing) {
  Registry registry;
  const std::string ref = Push(registry, "team/busybox:1");
  RemoveAllImages();
  Images images(*client_, {});
  for (const std::string bad : {"", "UPPER", "a b", "../x", "http://x/y", "a@sha256:1"}) {
    auto refused = images.EnsureImageExists(ctx(), bad);
    EXPECT_TRUE(errdefs::IsInvalidArgument(refused.status())) << bad << refused.status();
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr('"' + bad + '"'));
  }
  auto missing = images.EnsureImageExists(ctx(), registry.Ref("team/none:1"));
  EXPECT_TRUE(errdefs::IsNotFound(missing.status())) << missing.status();
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("team/none:1"));
  EXPECT_TRUE(Names().empty());
  EXPECT_TRUE(images.store().List().empty());
}

// Removes all images as soon as the last name of a pull has been made, and then calls somebody.
class RemovedAtOnce final : public images::Store {
 public:
  RemovedAtOnce(std::shared_ptr<images::Store> store, std::string last)
      : store_(std::move(store)), last_(std::move(last)) {}
  std::function<void()> removed;

  absl::StatusOr<images::Image> Get(const Context& ctx, std::string_view name) override {
    return store_->Get(ctx, name);
  }
  absl::StatusOr<std::vector<images::Image>> List(
      const Context& ctx, const std::vector<std::string>& filters) override {
    return store_->List(ctx, filters);
  }
  absl::StatusOr<images::Image> Create(const Context& ctx, const images::Image& image) override {
    auto created = store_->Create(ctx, image);
    if (image.name != last_) return created;
    auto all = store_->List(ctx, {});
    if (!all.ok()) return all.status();
    for (const images::Image& one : *all) {
      if (absl::Status s = store_->Delete(ctx, one.name, {}); !s.ok()) return s;
    }
    removed();
    return created;
  }
  absl::StatusOr<images::Image> Update(const Context& ctx, const images::Image& image,
                                       const std::vector<std::string>& fieldpaths) override {
    return store_->Update(ctx, image, fieldpaths);
  }
  absl::Status Delete(const Context& ctx, std::string_view name,
                      const std::vector<images::DeleteOpt>& opts) override {
    return store_->Delete(ctx, name, opts);
  }

 private:
  const std::shared_ptr<images::Store> store_;
  const std::string last_;
};

TEST_F(CRIImagesTest, AnImageThatIsRemovedRightAfterThePull) {
  Registry registry;
  const std::string ref = Push(registry, "team/busybox:1");
  const std::string digested = registry.Ref("team/busybox") + "@" + image_->Target().digest;
  RemoveAllImages();
  auto store = std::make_shared<RemovedAtOnce>(client_->ImageService(), digested);
  auto client = Client::New(testing::SharedAddress(), {WithServices({WithImageStore(store)})});
  ASSERT_TRUE(Ok(client));
  Images images(*client, {});
  auto follower = images.store().Follow(ctx());
  ASSERT_TRUE(Ok(follower));
  bool followed = false;
  store->removed = [&] { followed = Eventually([&] { return images.store().List().empty(); }); };
  const auto removed = images.EnsureImageExists(ctx(), ref);
  EXPECT_TRUE(followed);
  EXPECT_TRUE(errdefs::IsNotFound(removed.status())) << removed.status();
  EXPECT_THAT(std::string(removed.status().message()), HasSubstr("\" after pulling: "));
  EXPECT_TRUE(Names().empty());
}

TEST_F(CRIImagesTest, ConcurrentCallersPullOnce) {
  Registry registry;
  const std::string ref = Push(registry, "team/busybox:1");
  RemoveAllImages();
  const int before = Count(registry, "\"GET /v2/team/busybox/blobs/");
  Images images(*client_, {});
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      if (Ok(images.EnsureImageExists(ctx(), ref))) ++good;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 8);
  const int blobs = Count(registry, "\"GET /v2/team/busybox/blobs/") - before;
  EXPECT_LE(blobs, 2);  // config and layer
}

TEST_F(CRIImagesTest, ARequestWhoseContextEndsTakesNobodyWithIt) {
  Registry registry;
  const std::string ref = Push(registry, "team/busybox:1");
  RemoveAllImages();
  Images images(*client_, {});
  auto [leader_ctx, cancel] = WithCancel(ctx());
  std::thread leader([&, leader_context = leader_ctx] {
    static_cast<void>(images.PullImage(leader_context, ref));
  });
  std::atomic<int> good = 0;
  std::vector<std::thread> others;
  for (int i = 0; i < 4; ++i) {
    others.emplace_back([&] {
      if (Ok(images.PullImage(ctx(), ref))) ++good;
    });
  }
  cancel();
  leader.join();
  for (std::thread& other : others) other.join();
  EXPECT_EQ(good, 4);
}

TEST_F(CRIImagesTest, EachRequestHasItsOwnCredentials) {
  Registry registry({.htpasswd = true});
  const std::string ref = Push(registry, "team/secret:1", [](const Context&, std::string_view) {
    return remotes::docker::Credentials{"user1", "password1"};
  });
  RemoveAllImages();
  const RuntimeAuthConfig good{.username = "user1", .password = "password1"};
  const RuntimeAuthConfig wrong{.username = "user1", .password = "guess"};
  const RuntimeAuthConfig elsewhere{
      .username = "user1", .password = "password1", .server_address = "https://quay.io"};
  Images images(*client_, {});
  for (const std::optional<RuntimeAuthConfig>& auth :
       {std::optional<RuntimeAuthConfig>(), std::optional(wrong), std::optional(elsewhere)}) {
    auto refused = images.PullImage(ctx(), ref, {.auth = auth});
    EXPECT_FALSE(refused.ok());
    EXPECT_THAT(std::string(refused.status().message()), Not(HasSubstr("guess")));
    EXPECT_TRUE(Names().empty());
  }
  // At the same time: who may not gets nothing.
  std::atomic<int> let_in = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      if (images.PullImage(ctx(), ref, {.auth = wrong}).ok()) ++let_in;
    });
    threads.emplace_back([&] { EXPECT_TRUE(Ok(images.PullImage(ctx(), ref, {.auth = good}))); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(let_in, 0);
  // base64 of user1:password1; and from the configuration.
  RemoveAllImages();
  EXPECT_TRUE(Ok(
      images.PullImage(ctx(), ref, {.auth = RuntimeAuthConfig{.auth = "dXNlcjE6cGFzc3dvcmQx"}})));
  RemoveAllImages();
  Images configured(*client_,
                    {.auths = {{registry.host(), {.username = "user1", .password = "password1"}}}});
  EXPECT_TRUE(Ok(configured.PullImage(ctx(), ref)));
}

TEST_F(CRIImagesTest, FollowsTheDaemon) {
  ImageStore store(*client_);
  auto follower = store.Follow(ctx());
  ASSERT_TRUE(Ok(follower));
  const std::string id = image_->Config(ctx())->digest;
  EXPECT_EQ(store.LocalResolve("busybox")->id, id);  // it was there before

  ASSERT_TRUE(Ok(client_->ImageService()->Create(
      ctx(), {.name = "example.com/a:1",
              .labels = {{kPinnedImageLabelKey, kPinnedImageLabelValue}},
              .target = image_->Target()})));
  EXPECT_TRUE(Eventually([&] { return store.LocalResolve("example.com/a:1").ok(); }));
  EXPECT_TRUE(store.Get(id)->pinned);
  ASSERT_TRUE(Ok(client_->ImageService()->Update(
      ctx(), {.name = "example.com/a:1", .target = image_->Target()}, {"labels"})));
  EXPECT_TRUE(Eventually([&] { return !store.Get(id)->pinned; }));
  ASSERT_TRUE(Ok(client_->ImageService()->Delete(ctx(), "example.com/a:1")));
  EXPECT_TRUE(Eventually([&] { return !store.LocalResolve("example.com/a:1").ok(); }));

  // A record without content is no image.
  images::Image broken{.name = "example.com/broken:1", .target = image_->Target()};
  broken.target.digest = digest::FromString("not there").String();
  ASSERT_TRUE(Ok(client_->ImageService()->Create(ctx(), broken)));
  ASSERT_TRUE(Ok(client_->ImageService()->Create(
      ctx(), {.name = "example.com/after:1", .target = image_->Target()})));
  EXPECT_TRUE(Eventually([&] { return store.LocalResolve("example.com/after:1").ok(); }));
  EXPECT_TRUE(errdefs::IsNotFound(store.LocalResolve("example.com/broken:1").status()));

  // Stopped, it is as it was.
  follower->Stop();
  RemoveAllImages();
  EXPECT_TRUE(store.LocalResolve("busybox").ok());
  ASSERT_TRUE(Ok(store.Resync(ctx())));
  EXPECT_TRUE(store.List().empty());
  EXPECT_TRUE(errdefs::IsFailedPrecondition(store.Follow(Context::Background()).status()));
}

TEST_F(CRIImagesTest, LabelsAndFiltersReachTheDaemon) {
  std::string bytes;
  for (int c = 0; c < 128; ++c) bytes.push_back(static_cast<char>(c));
  const std::string value = bytes + "\u00fc\u4e16\u200b";
  const Labels labels =
      BuildLabels({{"tier", value}, {"quoted \"key\"", std::string(1024, 'x')}},
                  {{"long", std::string(5000, 'x')}, {"containerd.io/gc.root", "x"}, {"kept", "y"}},
                  kContainerKindContainer);
  auto container = Make({"true"}, {}, {WithContainerLabels(labels)});
  ASSERT_TRUE(Ok(container));
  for (const auto& [key, wanted] : labels) {
    auto found = client_->Containers(ctx(), {FilterLabel(key, wanted)});
    ASSERT_TRUE(Ok(found)) << key;
    ASSERT_EQ(found->size(), 1) << key;
    EXPECT_TRUE(client_->Containers(ctx(), {FilterLabel(key, wanted + "x")})->empty()) << key;
  }
  EXPECT_EQ(container->Labels(ctx())->count("containerd.io/gc.root"), 0);
  // What can be no label's value is read by the daemon all the same.
  auto none = client_->Containers(ctx(), {FilterLabel("tier", "\xff\xfe")});
  ASSERT_TRUE(Ok(none));
  EXPECT_TRUE(none->empty());
}

TEST_F(CRIImagesTest, RuntimeOptionsReachRunc) {
  auto options = GenerateRuntimeOptions(
      {.type = kRuntimeRuncV2, .options = ParseTOML("BinaryName = '/no/such/runc'").value()}, {});
  ASSERT_TRUE(Ok(options));
  auto container = Make({"true"}, {}, {WithRuntime(kRuntimeRuncV2, *options)});
  ASSERT_TRUE(Ok(container));
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_FALSE(task.ok());
  EXPECT_THAT(std::string(task.status().message()), HasSubstr("/no/such/runc"));
  EXPECT_TRUE(GetRuntimeOptions(*container->Info(ctx()))->has_value());

  // With systemd's cgroups runc wants another kind of path than that of the spec.
  options = GenerateRuntimeOptions(
      {.type = kRuntimeRuncV2, .options = ParseTOML("SystemdCgroup = true").value()}, {});
  ASSERT_TRUE(Ok(options));
  auto systemd =
      Make({"true"}, {oci::WithCgroup("/not/of/systemd")}, {WithRuntime(kRuntimeRuncV2, *options)});
  ASSERT_TRUE(Ok(systemd));
  task = systemd->NewTask(ctx(), cio::NullIO);
  ASSERT_FALSE(task.ok());
  EXPECT_THAT(std::string(task.status().message()), HasSubstr("slice:prefix:name"));
}

TEST_F(CRIImagesTest, ReportExitTellsOOM) {
  // Takes more memory than it may.
  auto container =
      Make({"sh", "-c", "x=a; while true; do x=$x$x; done"}, {oci::WithMemoryLimit(16 << 20)});
  ASSERT_TRUE(Ok(container));
  auto killed = Make({"sh", "-c", "exit 137"});  // an init cannot kill itself
  ASSERT_TRUE(Ok(killed));
  for (auto& [c, want] : std::vector<std::pair<Container, std::string>>{
           {*container, kOOMExitReason}, {*killed, kErrorExitReason}}) {
    auto task = c.NewTask(ctx(), cio::NullIO);
    ASSERT_TRUE(Ok(task));
    const Future<ExitStatus> exit = task->Wait(ctx());
    ASSERT_TRUE(Ok(task->Start(ctx())));
    auto ended = exit.Get(WithTimeout(ctx(), absl::Seconds(60)));
    ASSERT_TRUE(Ok(ended));
    ASSERT_EQ(ended->ExitCode(), 137);
    ContainerStatus status{.created_at = 1, .started_at = 2};
    ReportExit(ctx(), *client_, c.ID(), 137, ended->ExitTime(), status);
    EXPECT_EQ(status.State(), ContainerState::kExited);
    EXPECT_EQ(ExitReason(status), want);
    ASSERT_TRUE(Ok(task->Delete(ctx())));
    EXPECT_TRUE(errdefs::IsNotFound(OOMKilled(ctx(), *client_, c.ID()).status()));
  }
}

}  // namespace
}  // namespace containerd::cri
