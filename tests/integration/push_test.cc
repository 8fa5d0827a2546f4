// SPDX-License-Identifier: Apache-2.0
//
// Images from a real daemon into a real registry, and what ctr and skopeo make of them.
#include <cstdlib>
#include <mutex>
#include <thread>

#include "containerd/remotes/docker/status.h"

#include "pull_fixture.h"

namespace containerd::testing {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class PushTest : public PullTest {
 protected:
  // How each blob ended.
  absl::StatusOr<std::map<std::string, BlobState>> Push(const std::string& ref,
                                                        const ocispec::Descriptor& target,
                                                        std::vector<RemoteOpt> opts = {}) {
    std::map<std::string, BlobState> states;
    std::mutex mu;
    opts.push_back(WithProgress([&](const BlobProgress& p) {
      std::lock_guard lock(mu);
      EXPECT_LE(p.offset, p.total);
      // What several images share comes once for each of them.
      BlobState& state = states[p.desc.digest];
      if (state != BlobState::kDone) state = p.state;
    }));
    if (absl::Status s = client_->Push(ctx(), ref, target, opts); !s.ok()) return s;
    return states;
  }

  std::string Ctr(std::vector<std::string> args) const {
    const char* bin = std::getenv("CONTAINERD_CPP_DAEMON_BIN");
    args.insert(args.begin(), {bin != nullptr ? std::string(bin) + "/ctr" : "ctr", "--address",
                               SharedAddress(), "--namespace", ns_.name()});
    return RunProgram(args);
  }

  static std::string Skopeo(const std::string& from, const std::string& to) {
    return RunProgram({"skopeo", "--insecure-policy", "copy", "--all", "--src-tls-verify=false",
                       "--dest-tls-verify=false", from, to});
  }

  void ExpectPulls(const std::string& ref, const RemoteImage& remote) {
    const TestNamespace other(*client_);
    auto fetched = client_->Fetch(other.ctx(), ref);
    ASSERT_TRUE(fetched.ok()) << fetched.status();
    EXPECT_EQ(fetched->target.digest, remote.target.digest);
    for (const auto& [dgst, data] : remote.blobs) {
      EXPECT_EQ(
          *content::ReadBlob(other.ctx(), *client_->ContentStore(),
                             {.digest = dgst, .size = static_cast<std::int64_t>(data.size())}),
          data);
    }
  }
};

TEST_F(PushTest, AllPlatforms) {
  const Registry from;
  const Registry to;
  const RemoteImage remote = MultiPlatformImage("push");
  Publish(remote, from.Ref("a/b:1"));
  auto image = client_->Fetch(ctx(), from.Ref("a/b:1"));
  ASSERT_TRUE(image.ok()) << image.status();
  auto states = Push(to.Ref("c/d:2"), image->target, {WithMaxConcurrentUploadedLayers(2)});
  ASSERT_TRUE(states.ok()) << states.status() << to.Log();
  EXPECT_EQ(states->size(), remote.blobs.size());
  for (const auto& [dgst, state] : *states) EXPECT_EQ(state, BlobState::kDone) << dgst;
  ExpectPulls(to.Ref("c/d:2"), remote);

  // Again: nothing is sent.
  states = Push(to.Ref("c/d:2"), image->target);
  ASSERT_TRUE(states.ok()) << states.status();
  for (const auto& [dgst, state] : *states) EXPECT_EQ(state, BlobState::kExists) << dgst;

  // Another tag: the index only.
  states = Push(to.Ref("c/d:3"), image->target);
  ASSERT_TRUE(states.ok()) << states.status();
  for (const auto& [dgst, state] : *states) {
    EXPECT_EQ(state, dgst == remote.target.digest ? BlobState::kDone : BlobState::kExists) << dgst;
  }
  ExpectPulls(to.Ref("c/d:3"), remote);

  // What is not here can't be pushed.
  auto missing = Push(to.Ref("c/d:4"), {.media_type = ocispec::kMediaTypeImageManifest,
                                        .digest = digest::FromString("missing").String(),
                                        .size = 7});
  EXPECT_TRUE(errdefs::IsNotFound(missing.status())) << missing.status();
}

TEST_F(PushTest, OnePlatform) {
  const Registry from;
  const Registry to;
  const RemoteImage remote = MultiPlatformImage("push one");
  Publish(remote, from.Ref("a:1"));
  auto image = client_->Pull(ctx(), from.Ref("a:1"));
  ASSERT_TRUE(image.ok()) << image.status();
  // The index refers to more than there is here: neither we nor the registry have that.
  auto all = Push(to.Ref("a:1"), image->Target());
  EXPECT_FALSE(all.ok());
  auto one = Push(to.Ref("a:1"), image->Target(), {WithPlatform(platforms::DefaultString())});
  EXPECT_FALSE(one.ok());
  EXPECT_THAT(std::string(errdefs::Message(one.status())), HasSubstr("missing"));
  // Its manifest alone is whole.
  auto manifest = Push(to.Ref("a:amd64"), remote.manifests[0]);
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  const TestNamespace other(*client_);
  auto pulled = client_->Pull(other.ctx(), to.Ref("a:amd64"), {WithPullUnpack});
  ASSERT_TRUE(pulled.ok()) << pulled.status();
}

TEST_F(PushTest, MountsFromTheRepositoryThatItCameFrom) {
  const Registry registry;
  const RemoteImage remote = BusyboxImage("mount");
  Publish(remote, registry.Ref("first/repo:1"));
  auto image = client_->Pull(ctx(), registry.Ref("first/repo:1"));
  ASSERT_TRUE(image.ok()) << image.status();
  const auto tracker = docker::NewInMemoryTracker();
  auto states = Push(registry.Ref("second/repo:1"), image->Target(),
                     {WithResolver(docker::NewResolver({.tracker = tracker}))});
  ASSERT_TRUE(states.ok()) << states.status();
  for (const ocispec::Descriptor& layer : remote.parsed[0].layers) {
    EXPECT_EQ(states->at(layer.digest), BlobState::kExists);
    EXPECT_EQ(tracker->GetStatus(remotes::MakeRefKey(ctx(), layer))->mounted_from,
              registry.Ref("first/repo"));
  }
  EXPECT_EQ(states->at(remote.target.digest), BlobState::kDone);
  ExpectPulls(registry.Ref("second/repo:1"), remote);
}

// Two that push the same at once, and one that pushes the same twice.
TEST_F(PushTest, AtOnce) {
  const Registry registry;
  const RemoteImage remote = MultiPlatformImage("at once");
  Publish(remote, registry.Ref("source:1"));
  auto image = client_->Fetch(ctx(), registry.Ref("source:1"));
  ASSERT_TRUE(image.ok()) << image.status();
  const Registry to;
  const auto resolver = docker::NewResolver({.tracker = docker::NewInMemoryTracker()});
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      absl::Status s =
          client_->Push(ctx(), to.Ref("same:1"), image->target, {WithResolver(resolver)});
      EXPECT_TRUE(s.ok()) << s;
    });
  }
  for (std::thread& thread : threads) thread.join();
  ExpectPulls(to.Ref("same:1"), remote);
}

TEST_F(PushTest, CtrAndSkopeoTakeIt) {
  const Registry registry;
  const RemoteImage remote = MultiPlatformImage("interop");
  const std::string ref = registry.Ref("interop:1");
  Publish(remote, ref);
  auto image = client_->Fetch(ctx(), ref);
  ASSERT_TRUE(image.ok()) << image.status();
  // ctr sees and checks what was pulled, and pushes it.
  EXPECT_EQ(Ctr({"images", "check", "name==" + ref}), "");
  EXPECT_EQ(Ctr({"images", "push", "--plain-http", registry.Ref("by-ctr:1"), ref}), "");
  ExpectPulls(registry.Ref("by-ctr:1"), remote);
  // ctr pulls what we pushed, and unpacks it; skopeo copies it.
  ASSERT_TRUE(Push(registry.Ref("by-us:1"), image->target).ok());
  const TestDir dir;
  EXPECT_EQ(Skopeo("docker://" + registry.Ref("by-us:1"), "oci:" + dir.path() + "/layout:it"), "");
  ASSERT_TRUE(client_->ImageService()->Delete(ctx(), ref).ok());
  CollectGarbage();
  EXPECT_THAT(Blobs(), IsEmpty());
  EXPECT_EQ(Ctr({"images", "pull", "--plain-http", registry.Ref("by-us:1")}), "");
  auto by_ctr = client_->GetImage(ctx(), registry.Ref("by-us:1"));
  ASSERT_TRUE(by_ctr.ok()) << by_ctr.status();
  EXPECT_TRUE(*by_ctr->IsUnpacked(ctx(), ""));
  EXPECT_THAT(RunImage(*by_ctr), HasSubstr("hello interop"));
  // And the other way round: what we unpack, ctr runs.
  auto ours = client_->Pull(ctx(), registry.Ref("by-ctr:1"), {WithPullUnpack});
  ASSERT_TRUE(ours.ok()) << ours.status();
  EXPECT_EQ(Ctr({"run", "--rm", registry.Ref("by-ctr:1"), UniqueName("ctr"), "true"}), "");
}

}  // namespace
}  // namespace containerd::testing
