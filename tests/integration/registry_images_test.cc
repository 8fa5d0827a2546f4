// SPDX-License-Identifier: Apache-2.0
//
// Images that others made and put into a real registry: skopeo's and umoci's, of schema 1, with
// referrers; and registries that break off or lie, with a daemon's content store.
#include <atomic>
#include <filesystem>
#include <map>
#include <mutex>

#include <fmt/format.h>

#include "containerd/compression/compression.h"
#include "containerd/images/image.h"
#include "containerd/remotes/docker/schema1/converter.h"

#include "registry.h"

namespace containerd::testing {
namespace {

using http::testing::ResponseWriter;
using http::testing::ServerRequest;
using http::testing::TestServer;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RegistryImagesTest : public DaemonRegistryTest {
 protected:
  void SetUp() override {
    DaemonRegistryTest::SetUp();
    for (const char* tool : {"skopeo", "umoci"}) {
      if (!Installed(tool)) GTEST_SKIP() << tool << " is not installed";
    }
  }

  static std::string Gzip(const std::string& data) {
    std::string out;
    io::StringWriter writer(&out);
    auto stream = compression::CompressStream(writer, compression::Compression::kGzip);
    EXPECT_TRUE((*stream)->Write(Context::Background(), data).ok());
    EXPECT_TRUE((*stream)->Close(Context::Background()).ok());
    return out;
  }

  // Copies between registries, or from an OCI layout.
  static std::string Skopeo(std::vector<std::string> args) {
    args.insert(args.begin(), {"skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false"});
    return RunProgram(std::move(args));
  }

  // Fetches all of an image for `platform` into the store.
  absl::Status Fetch(const std::string& ref, const ocispec::Descriptor& target) {
    const auto fetcher = docker::NewResolver()->Fetcher(ctx_, ref);
    if (!fetcher.ok()) return fetcher.status();
    return images::Dispatch(ctx_,
                            images::Handlers({remotes::FetchHandler(store_, *fetcher),
                                              images::ChildrenHandler(store_)}),
                            4, {target});
  }
};

TEST_F(RegistryImagesTest, UmociMakesThem) {
  const TestDir dir;
  const std::string layout = dir.path() + "/oci";
  ASSERT_EQ(RunProgram({"umoci", "init", "--layout", layout}), "");
  ASSERT_EQ(RunProgram({"umoci", "new", "--image", layout + ":base"}), "");
  std::filesystem::create_directory(dir.path() + "/files");
  for (const char* name : {"one", "two"}) {
    const std::string file = dir.path() + "/files/" + name;
    std::ofstream(file) << std::string(100'000, name[0]);
    ASSERT_EQ(RunProgram({"umoci", "insert", "--rootless", "--image", layout + ":base", file,
                          std::string("/") + name}),
              "");
  }
  const Registry registry;
  // As they are, with zstd, and in Docker's types.
  const std::pair<const char*, std::vector<std::string>> cases[] = {
      {"gzip", {"--format", "oci"}},
      {"zstd", {"--format", "oci", "--dest-compress-format", "zstd", "--dest-compress"}},
      {"docker", {"--format", "v2s2"}},
  };
  for (const auto& [tag, options] : cases) {
    SCOPED_TRACE(tag);
    const std::string ref = registry.Ref(fmt::format("umoci:{}", tag));
    std::vector<std::string> args = options;
    args.insert(args.end(), {"oci:" + layout + ":base", "docker://" + ref});
    ASSERT_EQ(Skopeo(args), "");
    auto resolved = docker::NewResolver()->Resolve(ctx_, ref);
    ASSERT_TRUE(resolved.ok()) << resolved.status();
    absl::Status s = Fetch(ref, resolved->desc);
    ASSERT_TRUE(s.ok()) << s;
    auto manifest = images::Manifest(ctx_, *store_, resolved->desc, nullptr);
    ASSERT_TRUE(manifest.ok()) << manifest.status();
    EXPECT_EQ(manifest->layers.size(), 2U);
    auto diff_ids = images::RootFS(ctx_, *store_, manifest->config);
    ASSERT_TRUE(diff_ids.ok());
    for (std::size_t i = 0; i < 2; ++i) {
      auto diff_id = images::GetDiffID(ctx_, *store_, manifest->layers[i]);
      ASSERT_TRUE(diff_id.ok()) << diff_id.status();
      EXPECT_EQ(diff_id->String(), (*diff_ids)[i].String());
    }
    // And back: what this library pushes, skopeo reads.
    const std::string back = registry.Ref(fmt::format("back:{}", tag));
    s = Push(*docker::NewResolver(), back, resolved->desc);
    ASSERT_TRUE(s.ok()) << s;
    EXPECT_EQ(Skopeo({"--src-tls-verify=false", "docker://" + back,
                      fmt::format("dir:{}/{}", dir.path(), tag)}),
              "");
  }
}

TEST_F(RegistryImagesTest, ConvertsSchema1) {
  // The same image in both formats, which skopeo converts between.
  ocispec::Image image;
  image.platform = {.architecture = "amd64", .os = "linux"};
  image.config.cmd = {"sh", "-c", "true"};
  image.config.env = {"A=b"};
  image.rootfs = {.type = "layers", .diff_ids = std::vector<std::string>()};
  ocispec::Manifest manifest;
  manifest.schema_version = 2;
  manifest.media_type = images::kMediaTypeDockerSchema2Manifest;
  manifest.layers = std::vector<ocispec::Descriptor>();
  for (const char* name : {"base", "middle", "top"}) {
    const std::string data = Noise(50'000, fmt::format("{} schema1", name));
    image.rootfs.diff_ids.push_back(digest::FromString(data).String());
    image.history.push_back({.created = absl::FromUnixSeconds(1'500'000'000), .created_by = name});
    manifest.layers.push_back(Put(ctx_, images::kMediaTypeDockerSchema2LayerGzip, Gzip(data)));
  }
  image.history.push_back(
      {.created = absl::FromUnixSeconds(1'500'000'000), .created_by = "CMD", .empty_layer = true});
  manifest.config = Put(ctx_, images::kMediaTypeDockerSchema2Config, ocispec::Marshal(image));
  const auto target =
      Put(ctx_, images::kMediaTypeDockerSchema2Manifest, ocispec::Marshal(manifest));
  const Registry registry({.schema1 = true});
  absl::Status s = Push(*docker::NewResolver(), registry.Ref("new:1"), target);
  ASSERT_TRUE(s.ok()) << s;
  ASSERT_EQ(Skopeo({"--src-tls-verify=false", "--format", "v2s1",
                    "docker://" + registry.Ref("new:1"), "docker://" + registry.Ref("old:1")}),
            "");

  const auto resolver = docker::NewResolver();
  auto resolved = resolver->Resolve(ctx_, registry.Ref("old:1"));
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  ASSERT_EQ(resolved->desc.media_type, images::kMediaTypeDockerSchema1Manifest);
  EXPECT_TRUE(errdefs::IsNotImplemented(Fetch(registry.Ref("old:1"), resolved->desc)));

  // In a namespace that has none of the layers.
  const TestNamespace other{*client_};
  auto lease = client_->LeasesService()->Create(
      other.ctx(), {leases::WithRandomID(), leases::WithExpiration(absl::Hours(1))});
  ASSERT_TRUE(lease.ok());
  const Context ctx = WithLease(other.ctx(), lease->id);
  const auto converter =
      docker::schema1::NewConverter(store_, *resolver->Fetcher(ctx, registry.Ref("old:1")));
  s = images::Dispatch(ctx, docker::schema1::Handler(converter), 4, {resolved->desc});
  ASSERT_TRUE(s.ok()) << s;
  for (const bool schema2 : {false, true}) {
    auto converted = schema2 ? converter->Convert(ctx, {docker::schema1::UseDockerSchema2()})
                             : converter->Convert(ctx);
    ASSERT_TRUE(converted.ok()) << converted.status();
    auto got = images::Manifest(ctx, *store_, *converted, nullptr);
    ASSERT_TRUE(got.ok()) << got.status();
    ASSERT_EQ(got->layers.size(), 3U);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(got->layers[i].digest, manifest.layers[i].digest);
      EXPECT_EQ(got->layers[i].size, manifest.layers[i].size);
    }
    auto config = content::ReadBlob(ctx, *store_, got->config);
    ASSERT_TRUE(config.ok());
    auto read = ocispec::Unmarshal<ocispec::Image>(*config);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->rootfs, image.rootfs);
    EXPECT_EQ(read->config.cmd, image.config.cmd);
    EXPECT_EQ(read->config.env, image.config.env);
    EXPECT_EQ(read->platform.architecture, "amd64");
    ASSERT_EQ(read->history.size(), 4U);
    EXPECT_TRUE(read->history[3].empty_layer);
    EXPECT_FALSE(read->history[0].empty_layer);
    // Registries take it.
    auto pusher = resolver->Pusher(ctx, registry.Ref(schema2 ? "converted:2" : "converted:oci"));
    s = remotes::PushContent(ctx, *pusher, *converted, store_, 4, platforms::All());
    EXPECT_TRUE(s.ok()) << s;
  }
  EXPECT_TRUE(client_->LeasesService()->Delete(other.ctx(), {.id = lease->id}).ok());
}

TEST_F(RegistryImagesTest, Referrers) {
  // Debian's registry does not know them: they are listed under a tag.
  const auto target = PutImage("referrers");
  ocispec::Manifest signature;
  signature.schema_version = 2;
  signature.media_type = ocispec::kMediaTypeImageManifest;
  signature.artifact_type = "application/vnd.test.sig";
  signature.config = Put(ctx_, "application/vnd.oci.empty.v1+json", "{}");
  signature.layers = {Put(ctx_, "text/plain", "signed by me")};
  signature.subject = target;
  ocispec::Index index;
  index.schema_version = 2;
  index.media_type = ocispec::kMediaTypeImageIndex;
  index.manifests = {Put(ctx_, ocispec::kMediaTypeImageManifest, ocispec::Marshal(signature))};
  index.manifests[0].artifact_type = signature.artifact_type;
  const auto list = Put(ctx_, ocispec::kMediaTypeImageIndex, ocispec::Marshal(index));
  const Registry registry;
  const auto resolver = docker::NewResolver();
  ASSERT_TRUE(Push(*resolver, registry.Ref("a:1"), target).ok());
  auto fetcher = resolver->Fetcher(ctx_, registry.Ref("a:1"));
  ASSERT_TRUE(fetcher.ok());
  auto* referrers = dynamic_cast<remotes::ReferrersFetcher*>(fetcher->get());
  ASSERT_NE(referrers, nullptr);
  auto none = referrers->FetchReferrers(ctx_, target.digest);
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_THAT(*none, IsEmpty());
  std::string tag = target.digest;
  tag[tag.find(':')] = '-';
  absl::Status s = Push(*resolver, registry.Ref("a:" + tag), list);
  ASSERT_TRUE(s.ok()) << s;
  auto got = referrers->FetchReferrers(ctx_, target.digest);
  ASSERT_TRUE(got.ok()) << got.status();
  ASSERT_EQ(got->size(), 1U);
  EXPECT_EQ(got->front(), index.manifests[0]);
}

// A registry of a few blobs that answers as it is told.
class LyingRegistryTest : public DaemonRegistryTest {
 protected:
  using Answer = std::function<void(const ServerRequest&, ResponseWriter&)>;

  absl::Status Fetch(const TestServer& server, const ocispec::Descriptor& desc,
                     const Context& ctx) {
    auto fetcher = docker::NewResolver()->Fetcher(ctx, server.Host() + "/a:1");
    if (!fetcher.ok()) return fetcher.status();
    return remotes::Fetch(ctx, *store_, **fetcher, desc);
  }

  static ocispec::Descriptor Describe(const std::string& data) {
    return {.media_type = ocispec::kMediaTypeImageLayer,
            .digest = digest::FromString(data).String(),
            .size = static_cast<std::int64_t>(data.size())};
  }

  std::vector<std::string> Kept(const ocispec::Descriptor& desc) {
    std::vector<std::string> out;
    if (store_->Info(ctx_, desc.digest).ok()) out.emplace_back("content");
    auto ingests = store_->ListStatuses(ctx_);
    EXPECT_TRUE(ingests.ok());
    for (const content::Status& ingest : *ingests) out.push_back(ingest.ref);
    return out;
  }
};

TEST_F(LyingRegistryTest, LeavesNothing) {
  const std::string data = Noise(3 << 20, "lies");
  const auto desc = Describe(data);
  std::string body;
  const TestServer server([&](const ServerRequest&, ResponseWriter& w) { w.Send(200, body); });
  std::string other = data;
  other[other.size() / 2] ^= 1;
  for (const std::string& lie : {data.substr(0, data.size() / 2), data + "x", other}) {
    body = lie;
    absl::Status s = Fetch(server, desc, ctx_);
    EXPECT_FALSE(s.ok());
    EXPECT_THAT(Kept(desc), IsEmpty()) << s;
  }
  body = data;
  absl::Status s = Fetch(server, desc, ctx_);
  EXPECT_TRUE(s.ok()) << s;
}

TEST_F(LyingRegistryTest, WhatCameIsGoneOnWith) {
  const std::string data = Noise(3 << 20, "resume");
  const auto desc = Describe(data);
  std::atomic<bool> stalls = true;
  std::mutex mu;
  std::vector<std::string> ranges;
  const TestServer server([&](const ServerRequest& request, ResponseWriter& w) {
    const std::string range = request.header.Get("Range");
    {
      std::lock_guard lock(mu);
      ranges.push_back(range);
    }
    const std::size_t from = range.empty() ? 0 : std::stoul(range.substr(6));
    w.header.Set("Content-Length", fmt::format("{}", data.size() - from));
    if (from > 0) {
      w.header.Set("Content-Range",
                   fmt::format("bytes {}-{}/{}", from, data.size() - 1, data.size()));
    }
    w.SendHeader(from > 0 ? 206 : 200);
    if (!stalls) {
      w.conn().Write(std::string_view(data).substr(from));
      return;
    }
    w.conn().Write(std::string_view(data).substr(0, 2 << 20));
    w.conn().AwaitClose();
    w.conn().Break();
  });
  // Until the daemon has something.
  auto [ctx, cancel] = WithCancel(ctx_);
  std::thread canceller([this, cancel = cancel] {
    const Context watch = WithTimeout(ctx_, absl::Minutes(1));
    while (Sleep(watch, absl::Milliseconds(10)).ok()) {
      auto ingests = store_->ListStatuses(ctx_);
      if (ingests.ok() && !ingests->empty() && ingests->front().offset > 0) break;
    }
    cancel();
  });
  const absl::Status cancelled = Fetch(server, desc, ctx);
  canceller.join();
  EXPECT_TRUE(errdefs::IsCanceled(cancelled)) << cancelled;
  EXPECT_THAT(Kept(desc), ::testing::ElementsAre(remotes::MakeRefKey(ctx_, desc)));
  stalls = false;
  absl::Status s = Fetch(server, desc, ctx_);
  ASSERT_TRUE(s.ok()) << s;
  EXPECT_THAT(Kept(desc), ::testing::ElementsAre("content"));
  ASSERT_EQ(ranges.size(), 2U);
  EXPECT_THAT(ranges[1], HasSubstr("bytes="));
  EXPECT_NE(ranges[1], "bytes=0-");
}

}  // namespace
}  // namespace containerd::testing
