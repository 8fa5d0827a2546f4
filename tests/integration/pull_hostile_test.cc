// SPDX-License-Identifier: Apache-2.0
//
// Pulls from registries that lie, break off or stand still: what comes of it, and what stays in the
// daemon.
#include <atomic>
#include <charconv>
#include <functional>
#include <mutex>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "pull_fixture.h"
#include "tests/support/fake_registry.h"

namespace containerd::testing {
namespace {

using docker::testing::FakeRegistry;
using http::testing::ResponseWriter;
using http::testing::ServerRequest;
using http::testing::TestServer;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class HostilePullTest : public PullTest {
 protected:
  // Needs no real registry.
  void SetUp() override {}

  void Serve(const RemoteImage& image, std::string_view tag) {
    for (const auto& [dgst, data] : image.blobs) {
      const auto type = image.media_types.find(dgst);
      registry_.PutAs(
          dgst, type == image.media_types.end() ? "application/octet-stream" : type->second, data);
    }
    registry_.PutAs(std::string(tag), image.media_types.at(image.target.digest),
                    image.blobs.at(image.target.digest));
  }

  std::string Ref(std::string_view tag) const {
    return fmt::format("{}/hostile:{}", server_.Host(), tag);
  }

  // Whether the request is for the content of that blob.
  static bool Gets(const ServerRequest& request, const std::string& dgst) {
    return request.method == "GET" && request.path.ends_with("/blobs/" + dgst);
  }

  static std::size_t RangeStart(const ServerRequest& request) {
    const std::string range = request.header.Get("Range");
    std::size_t from = 0;
    if (range.starts_with("bytes=")) {
      std::from_chars(range.data() + 6, range.data() + range.size(), from);
    }
    return from;
  }

  // Sends the blob from where it was asked for up to `end`, announcing all of it.
  static void SendPart(const ServerRequest& request, ResponseWriter& w, const std::string& data,
                       std::size_t end) {
    const std::size_t from = RangeStart(request);
    w.header.Set("Content-Length", fmt::format("{}", data.size() - from));
    if (from > 0 || request.header.Has("Range")) {
      w.header.Set("Content-Range",
                   fmt::format("bytes {}-{}/{}", from, data.size() - 1, data.size()));
      w.SendHeader(206);
    } else {
      w.SendHeader(200);
    }
    w.conn().Write(std::string_view(data).substr(from, std::max(end, from) - from));
  }

  FakeRegistry registry_;
  TestServer server_{registry_.Handler()};
};

TEST_F(HostilePullTest, WhatIsNotWhatItShouldBe) {
  const RemoteImage image = BusyboxImage("wrong");
  const std::string layer = image.parsed[0].layers[1].digest;
  const std::string config = image.parsed[0].config.digest;
  const std::string manifest = image.target.digest;
  const std::string good = image.blobs.at(layer);
  std::string flipped = good;
  flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 1);
  const struct {
    const char* name;
    std::string victim;
    std::string data;
  } cases[] = {
      {"a layer that is too short", layer, good.substr(0, good.size() - 1)},
      {"a layer that is too long", layer, good + "x"},
      {"an empty layer", layer, ""},
      {"a layer with another digest", layer, flipped},
      {"a config with another digest", config, std::string(image.blobs.at(config).size(), ' ')},
      {"a config that is too short", config, "{}"},
      {"a manifest with another digest", manifest,
       std::string(image.blobs.at(manifest).size(), ' ')},
  };
  for (const auto& [name, victim, data] : cases) {
    SCOPED_TRACE(name);
    Serve(image, "wrong");
    registry_.PutAs(victim,
                    image.media_types.contains(victim) ? image.media_types.at(victim)
                                                       : "application/octet-stream",
                    data);
    for (const bool unpack : {true, false}) {
      std::vector<RemoteOpt> opts;
      if (unpack) opts.emplace_back(WithPullUnpack);
      auto pulled = client_->Pull(ctx(), Ref("wrong"), opts);
      EXPECT_FALSE(pulled.ok());
      EXPECT_FALSE(errdefs::IsCanceled(pulled.status())) << pulled.status();
      ExpectNothing(false);
      for (const content::Status& ingest : Ingests()) {
        // Nothing of what was wrong; of the others what had come may stay. It goes before the next
        // pull, which would otherwise complete it without asking the registry.
        EXPECT_EQ(ingest.ref.find(victim), std::string::npos) << ingest.ref;
        absl::Status s = client_->ContentStore()->Abort(ctx(), ingest.ref);
        EXPECT_TRUE(s.ok()) << s;
      }
    }
  }
  // With the right content it goes well after all that.
  Serve(image, "wrong");
  auto pulled = client_->Pull(ctx(), Ref("wrong"), {WithPullUnpack});
  ASSERT_TRUE(pulled.ok()) << pulled.status();
  EXPECT_EQ(RunImage(*pulled), "hello wrong");
}

TEST_F(HostilePullTest, ALayerThatTheConfigDoesNotKnow) {
  RemoteImage image;
  AddImage(image, {{BusyboxLayer(), kGzip}, {TarOf({{.name = "hello", .data = "hello"}}), kGzip}},
           platforms::DefaultSpec());
  // Its diff ids are exchanged.
  auto config = *ocispec::Unmarshal<ocispec::Image>(image.blobs.at(image.parsed[0].config.digest));
  std::swap(config.rootfs.diff_ids[0], config.rootfs.diff_ids[1]);
  const std::string text = ocispec::Marshal(config);
  image.Add(text);
  image.parsed[0].config = Describe(ocispec::kMediaTypeImageConfig, text);
  const std::string manifest = ocispec::Marshal(image.parsed[0]);
  image.media_types[image.Add(manifest)] = ocispec::kMediaTypeImageManifest;
  image.target = Describe(ocispec::kMediaTypeImageManifest, manifest);
  Serve(image, "diff");
  auto pulled = client_->Pull(ctx(), Ref("diff"), {WithPullUnpack});
  EXPECT_TRUE(errdefs::IsDataLoss(pulled.status())) << pulled.status();
  ExpectNothing(false);
}

TEST_F(HostilePullTest, ALayerThatIsNoArchive) {
  const RemoteImage good = BusyboxImage("garbage");
  RemoteImage image;
  AddImage(image, {{"no tar archive " + Noise(10'000, "garbage"), kGzip}},
           platforms::DefaultSpec());
  Serve(image, "garbage");
  auto pulled = client_->Pull(ctx(), Ref("garbage"), {WithPullUnpack});
  EXPECT_FALSE(pulled.ok());
  EXPECT_THAT(std::string(errdefs::Message(pulled.status())),
              ::testing::HasSubstr(image.parsed[0].layers[0].digest));
  ExpectNothing(false);
}

TEST_F(HostilePullTest, ManifestsWithoutEnd) {
  // One that says that it is large,
  registry_.before = [](const ServerRequest& request, ResponseWriter& w) {
    if (!request.path.ends_with("/manifests/large")) return false;
    w.header.Set("Content-Type", ocispec::kMediaTypeImageManifest);
    w.header.Set("Docker-Content-Digest", digest::FromString("large").String());
    w.header.Set("Content-Length", "104857600");
    w.SendHeader(200);
    return true;
  };
  auto pulled = client_->Pull(ctx(), Ref("large"));
  EXPECT_FALSE(pulled.ok());
  ExpectNothing();

  // one below an index, and an index that contains itself, as far as that can be done.
  const std::string self = digest::FromString("self").String();
  for (const std::int64_t size : {std::int64_t{100} << 20, std::int64_t{500}}) {
    ocispec::Index index;
    index.schema_version = 2;
    index.media_type = ocispec::kMediaTypeImageIndex;
    index.manifests = {{.media_type = ocispec::kMediaTypeImageIndex, .digest = self, .size = size}};
    registry_.before = nullptr;
    registry_.PutAs("self", ocispec::kMediaTypeImageIndex, ocispec::Marshal(index), self);
    registry_.PutAs(self, ocispec::kMediaTypeImageIndex, ocispec::Marshal(index), self);
    pulled = client_->Pull(ctx(), Ref("self"), {WithPullUnpack});
    EXPECT_FALSE(pulled.ok());
    ExpectNothing();
    index.annotations = {{"x", "y"}};
    registry_.Put(ocispec::kMediaTypeImageIndex, ocispec::Marshal(index), "above");
    pulled = client_->Pull(ctx(), Ref("above"), {WithPullUnpack});
    EXPECT_FALSE(pulled.ok());
    ExpectNothing();
  }
}

TEST_F(HostilePullTest, ConnectionsThatBreakAllTheTime) {
  const RemoteImage image = BusyboxImage("breaks");
  Serve(image, "breaks");
  std::atomic<int> breaks = 0;
  registry_.before = [&](const ServerRequest& request, ResponseWriter& w) {
    for (const ocispec::Descriptor& layer : image.parsed[0].layers) {
      if (!Gets(request, layer.digest)) continue;
      const std::string& data = image.blobs.at(layer.digest);
      const std::size_t end = RangeStart(request) + 65536;
      SendPart(request, w, data, end);
      if (end < data.size()) {
        ++breaks;
        w.conn().Break();
      }
      return true;
    }
    return false;
  };
  auto pulled = client_->Pull(ctx(), Ref("breaks"), {WithPullUnpack});
  ASSERT_TRUE(pulled.ok()) << pulled.status();
  EXPECT_GT(breaks, 5);
  EXPECT_EQ(RunImage(*pulled), "hello breaks");
}

TEST_F(HostilePullTest, OneThatStandsStill) {
  const RemoteImage image = BusyboxImage("still");
  Serve(image, "still");
  const std::string layer = image.parsed[0].layers[1].digest;
  registry_.before = [&](const ServerRequest& request, ResponseWriter& w) {
    if (!Gets(request, layer)) return false;
    SendPart(request, w, image.blobs.at(layer), RangeStart(request) + 1000);
    w.conn().AwaitClose();
    return true;
  };
  for (const bool unpack : {true, false}) {
    std::vector<RemoteOpt> opts;
    if (unpack) opts.emplace_back(WithPullUnpack);
    auto pulled = client_->Pull(WithTimeout(ctx(), absl::Seconds(2)), Ref("still"), opts);
    EXPECT_TRUE(errdefs::IsDeadlineExceeded(pulled.status())) << pulled.status();
    ExpectNothing(false);
  }
}

TEST_F(HostilePullTest, CancelledHalfWayAndResumed) {
  RemoteImage image;
  AddImage(image,
           {{BusyboxLayer(), kGzip},
            {TarOf({{.name = "noise", .data = Noise(4 << 20, "resume")},
                    {.name = "hello", .data = "hello resume"}}),
             kGzip}},
           platforms::DefaultSpec());
  Serve(image, "resume");
  const std::string layer = image.parsed[0].layers[1].digest;
  const std::string& data = image.blobs.at(layer);
  std::atomic<bool> stall = true;
  std::mutex mu;
  std::vector<std::size_t> starts;
  registry_.before = [&](const ServerRequest& request, ResponseWriter& w) {
    if (!Gets(request, layer)) return false;
    {
      std::lock_guard lock(mu);
      starts.push_back(RangeStart(request));
    }
    SendPart(request, w, data, stall ? data.size() / 2 : data.size());
    if (stall) w.conn().AwaitClose();
    return true;
  };
  auto [work, cancel] = WithCancel(ctx());
  std::thread canceller([&, stop = cancel] {
    const Context patience = WithTimeout(ctx(), absl::Seconds(60));
    while (!patience.Done()) {
      auto status = client_->ContentStore()->Status(ctx(), "layer-" + layer);
      if (status.ok() && status->offset > 0) break;
      (void)Sleep(patience, absl::Milliseconds(5));
    }
    stop();
  });
  auto pulled = client_->Pull(work, Ref("resume"), {WithPullUnpack});
  canceller.join();
  EXPECT_TRUE(errdefs::IsCanceled(pulled.status())) << pulled.status();
  // The ingestion outlives its lease, and the garbage collector.
  ExpectNothing(false);
  const auto ingests = Ingests();
  const auto kept = std::find_if(ingests.begin(), ingests.end(), [&](const content::Status& i) {
    return i.ref == "layer-" + layer;
  });
  ASSERT_NE(kept, ingests.end());
  EXPECT_GT(kept->offset, 0);

  stall = false;
  pulled = client_->Pull(ctx(), Ref("resume"), {WithPullUnpack});
  ASSERT_TRUE(pulled.ok()) << pulled.status();
  EXPECT_THAT(starts, ElementsAre(0U, static_cast<std::size_t>(kept->offset)));
  EXPECT_THAT(Ingests(), IsEmpty());
  EXPECT_EQ(RunImage(*pulled), "hello resume");
}

TEST_F(HostilePullTest, ALargeLayerComesInRanges) {
  RemoteImage image;
  AddImage(image,
           {{BusyboxLayer(), kGzip},
            {TarOf({{.name = "noise", .data = Noise(5 << 20, "ranges")},
                    {.name = "hello", .data = "hello ranges"}}),
             kGzip}},
           platforms::DefaultSpec());
  Serve(image, "ranges");
  const std::string layer = image.parsed[0].layers[1].digest;
  std::mutex mu;
  std::set<std::string> ranges;
  registry_.before = [&](const ServerRequest& request, ResponseWriter&) {
    if (Gets(request, layer)) {
      std::lock_guard lock(mu);
      ranges.insert(request.header.Get("Range"));
    }
    return false;
  };
  auto pulled = client_->Pull(
      ctx(), Ref("ranges"),
      {WithPullUnpack, WithMaxConcurrentDownloads(4), WithConcurrentLayerFetchBuffer(512 << 10)});
  ASSERT_TRUE(pulled.ok()) << pulled.status();
  EXPECT_GE(ranges.size(), 10U);
  EXPECT_EQ(RunImage(*pulled), "hello ranges");
}

// However many pull the same, and however slow it is.
TEST_F(HostilePullTest, NothingIsAskedForTwice) {
  const RemoteImage image = BusyboxImage("twice");
  Serve(image, "twice");
  std::mutex mu;
  std::map<std::string, int> gets;
  registry_.before = [&](const ServerRequest& request, ResponseWriter&) {
    if (request.method == "GET") {
      std::lock_guard lock(mu);
      ++gets[request.path];
    }
    return false;
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&, i] {
      // Some unpack, some don't.
      std::vector<RemoteOpt> opts;
      if (i > 0) opts.emplace_back(WithPullUnpack);
      auto pulled = client_->Pull(ctx(), Ref("twice"), opts);
      EXPECT_TRUE(pulled.ok()) << pulled.status();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(gets.size(), 5U);
  for (const auto& [path, times] : gets) EXPECT_EQ(times, 1) << path;
}

TEST_F(HostilePullTest, ReferrersComeWithTheImage) {
  RemoteImage image = BusyboxImage("referrers");
  Serve(image, "referrers");
  ocispec::Manifest signature;
  signature.schema_version = 2;
  signature.media_type = ocispec::kMediaTypeImageManifest;
  signature.config = Describe("application/vnd.oci.empty.v1+json", "{}");
  signature.layers = {Describe("application/vnd.example.signature", "signed by me")};
  signature.subject = image.target;
  registry_.Put("application/octet-stream", "{}");
  registry_.Put("application/octet-stream", "signed by me");
  const auto referrer =
      registry_.Put(ocispec::kMediaTypeImageManifest, ocispec::Marshal(signature));
  struct Provider final : content::ReferrersProvider {
    explicit Provider(ocispec::Descriptor s, ocispec::Descriptor d)
        : subject(std::move(s)), desc(std::move(d)) {}
    absl::StatusOr<std::vector<ocispec::Descriptor>> Referrers(
        const Context&, const ocispec::Descriptor& of) override {
      std::vector<ocispec::Descriptor> found;
      if (of.digest == subject.digest) found.push_back(desc);
      return found;
    }
    ocispec::Descriptor subject;
    ocispec::Descriptor desc;
  };
  auto fetched =
      client_->Fetch(ctx(), Ref("referrers"),
                     {WithReferrersProvider(std::make_shared<Provider>(image.target, referrer))});
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  CollectGarbage();
  EXPECT_TRUE(Has(referrer.digest));
  EXPECT_TRUE(Has(digest::FromString("signed by me").String()));
}

}  // namespace
}  // namespace containerd::testing
