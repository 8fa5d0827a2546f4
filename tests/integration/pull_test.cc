// SPDX-License-Identifier: Apache-2.0
//
// Images from a real registry into a real daemon. Scenarios that containerd runs against its own
// client have the names that they have there.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "containerd/mount/temp.h"
#include "containerd/unpack/unpacker.h"

#include "harness.h"
#include "pull_fixture.h"

namespace containerd::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::UnorderedElementsAreArray;

TEST_F(PullTest, ImagePull) {
  const Registry registry;
  const RemoteImage remote = MultiPlatformImage("ImagePull");
  const std::string ref = registry.Ref("library/busybox:latest");
  Publish(remote, ref);
  auto image = client_->Pull(ctx(), ref,
                             {WithPlatformMatcher(platforms::Default()),
                              WithPullLabels({{"a", "1"}, {"b", "2"}}), WithPullLabel("b", "3")});
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->Name(), ref);
  EXPECT_EQ(image->Target().digest, remote.target.digest);
  EXPECT_EQ(image->Labels(), (Labels{{"a", "1"}, {"b", "3"}}));
  EXPECT_THAT(*client_->LeasesService()->List(ctx()), IsEmpty());
  // The index, and all of one image.
  EXPECT_EQ(Blobs().size(), 5U);
  CollectGarbage();
  EXPECT_EQ(Blobs().size(), 5U);
  EXPECT_THAT(Snapshots(), IsEmpty());
  EXPECT_EQ(image->Config(ctx())->digest, remote.parsed[0].config.digest);
  EXPECT_EQ(image->Spec(ctx())->platform.architecture, platforms::DefaultSpec().architecture);
  EXPECT_EQ(*image->Size(ctx()),
            remote.target.size + remote.manifests[0].size + remote.parsed[0].config.size +
                remote.parsed[0].layers[0].size + remote.parsed[0].layers[1].size);

  // Again, with other labels: the image changes.
  image = client_->Pull(ctx(), ref, {WithPullLabel("c", "4")});
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(client_->GetImage(ctx(), ref)->Labels(), (Labels{{"c", "4"}}));

  EXPECT_TRUE(errdefs::IsNotFound(client_->Pull(ctx(), registry.Ref("no/such:1")).status()));
  EXPECT_TRUE(errdefs::IsInvalidArgument(
      client_->Pull(ctx(), ref, {WithPlatform("linux/arm64"), WithPlatform("linux/s390x")})
          .status()));
  EXPECT_TRUE(errdefs::IsNotImplemented(client_->Fetch(ctx(), ref, {WithPullUnpack}).status()));
  auto none = client_->Pull(ctx(), ref, {WithPlatform("windows/amd64")});
  EXPECT_TRUE(errdefs::IsNotFound(none.status())) << none.status();
  EXPECT_THAT(*client_->LeasesService()->List(ctx()), IsEmpty());
}

TEST_F(PullTest, RunsWhatWasPulled) {
  const Registry registry;
  const RemoteImage remote = BusyboxImage("run");
  const std::string ref = registry.Ref("run:1");
  Publish(remote, ref);
  auto image = client_->Pull(ctx(), ref, {WithPullUnpack});
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_TRUE(*image->IsUnpacked(ctx(), ""));
  EXPECT_THAT(*client_->LeasesService()->List(ctx()), IsEmpty());
  CollectGarbage();
  EXPECT_THAT(Snapshots(), UnorderedElementsAreArray(ChainIDs(remote.parsed[0], remote)));
  EXPECT_EQ(RunImage(*image), "hello run");
  for (const ocispec::Descriptor& layer : remote.parsed[0].layers) {
    auto info = client_->ContentStore()->Info(ctx(), layer.digest);
    ASSERT_TRUE(info.ok());
    EXPECT_TRUE(info->labels.contains(labels::kLabelUncompressed));
  }
  // The layers are there: of another image with the same the rest only is fetched and unpacked.
  RemoteImage other;
  AddImage(other,
           {{BusyboxLayer(), kGzip}, {TarOf({{.name = "hello", .data = "hello other"}}), kGzip}},
           platforms::DefaultSpec());
  Publish(other, registry.Ref("other:1"));
  std::mutex mu;
  std::set<std::string> moved;
  image = client_->Pull(ctx(), registry.Ref("other:1"),
                        {WithPullUnpack, WithProgress([&](const BlobProgress& p) {
                           std::lock_guard lock(mu);
                           if (p.state == BlobState::kTransferring) moved.insert(p.desc.digest);
                         })});
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_FALSE(moved.contains(other.parsed[0].layers[0].digest));
  EXPECT_EQ(moved.size(), 3U);
  EXPECT_EQ(RunImage(*image), "hello other");
}

TEST_F(PullTest, ImagePullWithDiscardContent) {
  const Registry registry;
  const RemoteImage remote = BusyboxImage("discard");
  const std::string ref = registry.Ref("discard:1");
  Publish(remote, ref);
  auto ls = client_->LeasesService();
  auto lease = ls->Create(ctx(), {leases::WithRandomID(), leases::WithExpiration(absl::Hours(24))});
  ASSERT_TRUE(lease.ok());
  auto image = client_->Pull(WithLease(ctx(), lease->id), ref,
                             {WithPlatformMatcher(platforms::Default()), WithPullUnpack,
                              WithChildLabelMap(images::ChildGCLabelsFilterLayers)});
  ASSERT_TRUE(image.ok()) << image.status();
  // The caller's lease served.
  EXPECT_EQ(ls->List(ctx())->size(), 1U);
  ASSERT_TRUE(ls->Delete(ctx(), *lease, {leases::SynchronousDelete}).ok());

  const auto store = client_->ContentStore();
  auto manifest = images::Manifest(ctx(), *store, image->Target(), platforms::Default());
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->layers.size(), 3U);
  for (const ocispec::Descriptor& layer : manifest->layers) EXPECT_FALSE(Has(layer.digest));
  EXPECT_EQ(image->RootFS(ctx())->size(), 3U);
  EXPECT_THAT(Snapshots(), UnorderedElementsAreArray(ChainIDs(remote.parsed[0], remote)));
  EXPECT_EQ(RunImage(*image), "hello discard");
}

TEST_F(PullTest, ImagePullAllPlatforms) {
  const Registry registry;
  const RemoteImage remote = MultiPlatformImage("all");
  const std::string ref = registry.Ref("all:1");
  Publish(remote, ref);
  auto image = client_->Fetch(ctx(), ref);
  ASSERT_TRUE(image.ok()) << image.status();
  CollectGarbage();
  const auto store = client_->ContentStore();
  auto manifests = images::Children(ctx(), *store, image->target);
  ASSERT_TRUE(manifests.ok());
  EXPECT_EQ(manifests->size(), remote.manifests.size());
  for (const ocispec::Descriptor& manifest : *manifests) {
    auto children = images::Children(ctx(), *store, manifest);
    ASSERT_TRUE(children.ok()) << children.status();
    for (const ocispec::Descriptor& child : *children) {
      EXPECT_EQ(*content::ReadBlob(ctx(), *store, child), remote.blobs.at(child.digest));
    }
  }
}

TEST_F(PullTest, ImagePullSomePlatforms) {
  const Registry registry;
  const RemoteImage remote = MultiPlatformImage("some");
  const std::string ref = registry.Ref("some:1");
  Publish(remote, ref);
  const std::vector<std::string> wanted = {"linux/arm64/v8", "linux/s390x"};
  std::vector<RemoteOpt> opts;
  for (const std::string& platform : wanted) opts.push_back(WithPlatform(platform));
  auto image = client_->Fetch(ctx(), ref, opts);
  ASSERT_TRUE(image.ok()) << image.status();
  const auto store = client_->ContentStore();
  auto manifests = images::Children(ctx(), *store, image->target);
  ASSERT_TRUE(manifests.ok());
  std::size_t count = 0;
  for (const ocispec::Descriptor& manifest : *manifests) {
    auto children = images::Children(ctx(), *store, manifest);
    const bool want = std::any_of(wanted.begin(), wanted.end(), [&](const std::string& platform) {
      return platforms::NewMatcher(*platforms::Parse(platform))->Match(*manifest.platform);
    });
    EXPECT_EQ(children.ok(), want) << platforms::Format(*manifest.platform);
    if (!want || !children.ok()) continue;
    ++count;
    for (const ocispec::Descriptor& child : *children) EXPECT_TRUE(Has(child.digest));
  }
  EXPECT_EQ(count, wanted.size());
}

TEST_F(PullTest, ImagePullWithConcurrencyLimit) {
  const Registry registry;
  const RemoteImage remote = BusyboxImage("limit");
  const std::string ref = registry.Ref("limit:1");
  Publish(remote, ref);
  auto image = client_->Pull(
      ctx(), ref, {WithPlatformMatcher(platforms::Default()), WithMaxConcurrentDownloads(2)});
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(Blobs().size(), 5U);
}

TEST_F(PullTest, ImagePullWithConcurrentUnpacks) {
  const Registry registry;
  RemoteImage remote;
  std::vector<std::pair<std::string, compression::Compression>> layers = {{BusyboxLayer(), kGzip}};
  for (int i = 0; i < 9; ++i) {
    layers.emplace_back(TarOf({{.name = "hello", .data = fmt::format("hello {}", i)},
                               {.name = fmt::format("file{}", i), .data = Noise(100'000, "cu")},
                               {.name = fmt::format(".wh.file{}", i - 1)}}),
                        i % 2 == 0 ? kZstd : kGzip);
  }
  AddImage(remote, layers, platforms::DefaultSpec());
  const std::string ref = registry.Ref("concurrent:1");
  Publish(remote, ref);
  auto image = client_->Pull(ctx(), ref,
                             {WithPlatformMatcher(platforms::Default()), WithPullUnpack,
                              WithUnpackOpts({WithUnpackLimiter(std::make_shared<Semaphore>(3))})});
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_THAT(Snapshots(), UnorderedElementsAreArray(ChainIDs(remote.parsed[0], remote)));
  EXPECT_EQ(RunImage(*image), "hello 8");
}

// What the caller traces with, a header of its own, goes with the calls of a pull.
TEST_F(PullTest, ImagePullWithTracing) {
  const Registry registry;
  const RemoteImage remote = BusyboxImage("tracing");
  const std::string ref = registry.Ref("tracing:1");
  Publish(remote, ref);
  const Context traced =
      WithMetadata(ctx(), "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  bool seen = false;
  auto image = client_->Pull(
      traced, ref,
      {WithPlatformMatcher(platforms::Default()),
       WithImageHandler([&](const Context& c,
                            const ocispec::Descriptor&) -> absl::StatusOr<images::Descriptors> {
         static std::mutex mu;
         std::lock_guard lock(mu);
         seen = c.Metadata() == traced.Metadata();
         return images::Descriptors();
       })});
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_TRUE(seen);
}

TEST_F(PullTest, ImagePullSchema1) {
  const Registry registry({.schema1 = true});
  const RemoteImage remote = BusyboxImage("schema1");
  // Schema 1 knows gzip only.
  RemoteImage gzip;
  AddImage(gzip,
           {{BusyboxLayer(), kGzip}, {TarOf({{.name = "hello", .data = "hello schema 1"}}), kGzip}},
           platforms::DefaultSpec());
  const std::string ref = registry.Ref("schema1:1");
  Publish(gzip, ref, {"--format", "v2s1"});
  auto refused = client_->Pull(ctx(), ref);
  EXPECT_TRUE(errdefs::IsNotImplemented(refused.status())) << refused.status();
  ExpectNothing();
  auto image = client_->Pull(ctx(), ref, {WithSchema1Conversion, WithPullUnpack});
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_TRUE(images::IsManifestType(image->Target().media_type)) << image->Target().media_type;
  EXPECT_THAT(*client_->LeasesService()->List(ctx()), IsEmpty());
  CollectGarbage();
  EXPECT_TRUE(*image->IsUnpacked(ctx(), ""));
  EXPECT_EQ(RunImage(*image), "hello schema 1");
}

TEST_F(PullTest, ImageIsUnpacked) {
  const Registry registry;
  const std::string ref = registry.Ref("unpacked:1");
  Publish(BusyboxImage("unpacked"), ref);
  auto image = client_->Pull(ctx(), ref, {WithPlatformMatcher(platforms::Default())});
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_FALSE(*image->IsUnpacked(ctx(), "overlayfs"));
  ASSERT_TRUE(image->Unpack(ctx(), "overlayfs").ok());
  EXPECT_TRUE(*image->IsUnpacked(ctx(), "overlayfs"));
  EXPECT_FALSE(*image->IsUnpacked(ctx(), "native"));
  // By a pull, with nothing left to fetch.
  image = client_->Pull(ctx(), ref, {WithPullUnpack, WithPullSnapshotter("native")});
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_TRUE(*image->IsUnpacked(ctx(), "native"));
  auto none = client_->Pull(ctx(), ref, {WithPullUnpack, WithPullSnapshotter("no-such")});
  EXPECT_FALSE(none.ok());
  EXPECT_THAT(Text(none.status()), HasSubstr("no-such"));
}

TEST_F(PullTest, ImagePullWithDistSourceLabel) {
  const Registry registry;
  const RemoteImage remote = MultiPlatformImage("source");
  Publish(remote, registry.Ref("first/pause:3.6"));
  Publish(remote, registry.Ref("second/pause:3.6"));
  const auto matcher = platforms::Default();
  auto image =
      client_->Pull(ctx(), registry.Ref("first/pause:3.6"), {WithPlatformMatcher(matcher)});
  ASSERT_TRUE(image.ok()) << image.status();
  const auto store = client_->ContentStore();
  std::string host = registry.host();
  const std::string key =
      fmt::format("{}.{}", labels::kLabelDistributionSource, host.substr(0, host.find(':')));
  const auto check = [&](const std::string& want) {
    int seen = 0;
    absl::Status s = images::Walk(
        ctx(),
        images::Handlers({[&](const Context& c, const ocispec::Descriptor& desc)
                              -> absl::StatusOr<images::Descriptors> {
                            ++seen;
                            auto info = store->Info(c, desc.digest);
                            if (!info.ok()) return info.status();
                            std::string all;
                            for (const auto& [k, v] : info->labels) {
                              if (k.starts_with(labels::kLabelDistributionSource))
                                all += k + "=" + v + " ";
                            }
                            EXPECT_THAT(all, HasSubstr("=" + want + " ")) << desc.media_type << key;
                            return images::Descriptors();
                          },
                          images::LimitManifests(images::ChildrenHandler(store), matcher, 1)}),
        {image->Target()});
    EXPECT_TRUE(s.ok()) << s;
    EXPECT_EQ(seen, 5);
  };
  check("first/pause");
  image = client_->Pull(ctx(), registry.Ref("second/pause:3.6"), {WithPlatformMatcher(matcher)});
  ASSERT_TRUE(image.ok()) << image.status();
  check("first/pause,second/pause");
}

TEST_F(PullTest, ImageUsage) {
  const Registry registry;
  const RemoteImage remote = MultiPlatformImage("usage");
  const std::string ref = registry.Ref("usage:1");
  Publish(remote, ref);
  const auto matcher = platforms::Default();
  auto image = client_->Pull(ctx(), ref, {WithPlatformMatcher(matcher)});
  ASSERT_TRUE(image.ok()) << image.status();
  auto one = image->Usage(ctx(), {WithUsageManifestLimit(1)});
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_TRUE(errdefs::IsNotFound(
      image->Usage(ctx(), {WithUsageManifestLimit(0), WithManifestUsage()}).status()));

  const std::string pinned = ref + "@" + image->Target().digest;
  auto fetched = client_->Fetch(ctx(), pinned, {WithPlatformMatcher(matcher), WithAllMetadata()});
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_EQ(*image->Usage(ctx(), {WithUsageManifestLimit(1)}), *one);
  auto all = image->Usage(ctx(), {WithUsageManifestLimit(0)});
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_GT(*all, *one);
  auto reported = image->Usage(ctx(), {WithUsageManifestLimit(0), WithManifestUsage()});
  ASSERT_TRUE(reported.ok()) << reported.status();
  EXPECT_GT(*reported, *all);

  ASSERT_TRUE(client_->Fetch(ctx(), pinned).ok());
  EXPECT_EQ(*image->Usage(ctx()), *reported);
  ASSERT_TRUE(image->Unpack(ctx(), "").ok());
  EXPECT_GT(*image->Usage(ctx(), {WithSnapshotUsage()}), *reported);
}

TEST_F(PullTest, ImageSupportedBySnapshotter_Error) {
  const Registry registry;
  const RemoteImage remote =
      BusyboxImage("windows", ocispec::Platform{.architecture = "amd64", .os = "windows"});
  const std::string ref = registry.Ref("nanoserver:1809");
  Publish(remote, ref);
  auto image =
      client_->Pull(ctx(), ref,
                    {WithPlatform(platforms::DefaultString()), WithPullSnapshotter("overlayfs"),
                     WithPullUnpack, WithUnpackOpts({WithSnapshotterPlatformCheck()})});
  EXPECT_FALSE(image.ok());
  ExpectNothing();
  // The platform fits, and the snapshotter does not.
  image = client_->Pull(ctx(), ref,
                        {WithPlatform("windows/amd64"), WithPullUnpack,
                         WithUnpackOpts({WithSnapshotterPlatformCheck()})});
  EXPECT_TRUE(errdefs::IsNotImplemented(image.status())) << image.status();
  EXPECT_THAT(Text(image.status()), HasSubstr("windows"));
  ExpectNothing();
}

TEST_F(PullTest, UnpackedByThisProcess) {
  const Registry registry;
  const RemoteImage remote = BusyboxImage("local");
  const std::string ref = registry.Ref("local:1");
  Publish(remote, ref);
  for (const char* snapshotter : {"overlayfs", "native"}) {
    auto image = client_->Pull(
        ctx(), ref,
        {WithPullUnpack, WithPullSnapshotter(snapshotter), WithUnpackOpts({WithLocalUnpack()})});
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_TRUE(*image->IsUnpacked(ctx(), snapshotter));
  }
  EXPECT_THAT(Snapshots(), UnorderedElementsAreArray(ChainIDs(remote.parsed[0], remote)));
  EXPECT_EQ(RunImage(*client_->GetImage(ctx(), ref)), "hello local");
}

TEST_F(PullTest, UnpackedWhileItComes) {
  const Registry registry;
  RemoteImage remote;
  std::vector<std::pair<std::string, compression::Compression>> layers;
  std::map<std::string, std::string> files;
  for (const char* name : {"a", "b", "c"}) {
    files[name] = Noise(5 << 18, name);
    layers.emplace_back(TarOf({{.name = fmt::format("dir/{}", name), .data = files[name]}}),
                        layers.size() % 2 == 0 ? kGzip : kZstd);
  }
  AddImage(remote, layers, platforms::DefaultSpec());
  const std::string ref = registry.Ref("streamed:1");
  Publish(remote, ref);
  auto image = client_->Pull(
      ctx(), ref,
      {WithPullUnpack, WithPullSnapshotter("overlayfs"), WithUnpackOpts({WithLocalUnpack()})});
  ASSERT_TRUE(image.ok()) << image.status();
  // Those in which the layers were put together from are gone.
  EXPECT_THAT(Snapshots(), UnorderedElementsAreArray(ChainIDs(remote.parsed[0], remote)));
  EXPECT_TRUE(*image->IsUnpacked(ctx(), "overlayfs"));

  const auto snapshotter = client_->SnapshotService("overlayfs");
  const auto mounts = snapshotter->View(ctx(), "view", ChainIDs(remote.parsed[0], remote).back());
  ASSERT_TRUE(mounts.ok()) << mounts.status();
  const absl::Status s = mount::WithReadonlyTempMount(ctx(), *mounts, [&](const std::string& root) {
    for (const auto& [name, data] : files) {
      std::ifstream file(fmt::format("{}/dir/{}", root, name));
      const std::string text((std::istreambuf_iterator<char>(file)), {});
      EXPECT_TRUE(text == data) << name;
    }
    return absl::OkStatus();
  });
  EXPECT_TRUE(s.ok()) << s;
}

TEST_F(PullTest, Install) {
  const Registry registry;
  RemoteImage remote;
  AddImage(remote,
           {{TarOf({{.name = "bin/tool", .data = "old", .mode = 0755},
                    {.name = "lib/tool.so", .data = "library"},
                    {.name = "etc/tool.conf", .data = "config"},
                    {.name = "bin/below/tool", .data = "deeper"}}),
             kZstd}},
           platforms::DefaultSpec());
  const std::string ref = registry.Ref("install:1");
  Publish(remote, ref);
  auto image = client_->Pull(ctx(), ref);
  ASSERT_TRUE(image.ok()) << image.status();
  const TestDir dir;
  const auto files = [&] {
    std::set<std::string> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(dir.path())) {
      if (entry.is_regular_file()) {
        found.insert(std::filesystem::relative(entry.path(), dir.path()).string());
      }
    }
    return found;
  };
  absl::Status s = client_->Install(ctx(), *image, {WithInstallPath(dir.path())});
  ASSERT_TRUE(s.ok()) << s;
  EXPECT_THAT(files(), ElementsAre("bin/tool"));
  EXPECT_TRUE(errdefs::IsAlreadyExists(
      client_->Install(ctx(), *image, {WithInstallPath(dir.path()), WithInstallLibs})));
  s = client_->Install(ctx(), *image,
                       {WithInstallPath(dir.path()), WithInstallLibs, WithInstallReplace});
  ASSERT_TRUE(s.ok()) << s;
  EXPECT_THAT(files(), ElementsAre("bin/tool", "lib/tool.so"));
}

TEST_F(PullTest, TellsHowFarItIs) {
  const Registry registry;
  RemoteImage remote;
  AddImage(remote,
           {{TarOf({{.name = "noise", .data = Noise(6 << 20, "progress")}}), kGzip},
            {TarOf({{.name = "hello", .data = "hello"}}), kGzip}},
           platforms::DefaultSpec());
  const std::string ref = registry.Ref("progress:1");
  Publish(remote, ref);
  std::mutex mu;
  std::map<std::string, std::vector<BlobProgress>> reports;
  const auto progress = WithProgress([&](const BlobProgress& p) {
    std::lock_guard lock(mu);
    reports[p.desc.digest].push_back(p);
  });
  ASSERT_TRUE(client_->Pull(ctx(), ref, {progress, WithPullUnpack}).ok());
  EXPECT_EQ(reports.size(), 4U);
  for (const auto& [dgst, all] : reports) {
    EXPECT_EQ(all.front().state, BlobState::kWaiting) << dgst;
    const bool layer = images::IsLayerType(all.front().desc.media_type);
    EXPECT_EQ(all.back().state, layer ? BlobState::kUnpacked : BlobState::kDone);
    EXPECT_EQ(all.back().offset, all.back().total);
    std::int64_t last = 0;
    bool done = false;
    for (const BlobProgress& p : all) {
      EXPECT_EQ(p.total, static_cast<std::int64_t>(remote.blobs.at(dgst).size()));
      if (p.state == BlobState::kTransferring) {
        EXPECT_GT(p.offset, last);
        EXPECT_LE(p.offset, p.total);
        last = p.offset;
      }
      done = done || p.state == BlobState::kDone;
    }
    EXPECT_TRUE(done);
    EXPECT_EQ(last, all.back().total);
  }
  // A large one in several steps.
  EXPECT_GT(reports.at(remote.parsed[0].layers[0].digest).size(), 5U);
  reports.clear();
  ASSERT_TRUE(client_->Pull(ctx(), ref, {progress}).ok());
  for (const auto& [dgst, all] : reports) EXPECT_EQ(all.back().state, BlobState::kExists) << dgst;
}

TEST_F(PullTest, ManyThreadsPullTheSame) {
  const Registry registry;
  const RemoteImage remote = BusyboxImage("threads");
  const std::string ref = registry.Ref("threads:1");
  Publish(remote, ref);
  std::mutex mu;
  std::map<std::string, int> done;
  int unpacked = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      auto image =
          client_->Pull(ctx(), ref, {WithPullUnpack, WithProgress([&](const BlobProgress& p) {
                                       std::lock_guard lock(mu);
                                       if (p.state == BlobState::kDone) ++done[p.desc.digest];
                                       if (p.state == BlobState::kUnpacking) ++unpacked;
                                     })});
      EXPECT_TRUE(image.ok()) << image.status();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done.size(), 5U);
  for (const auto& [dgst, times] : done) EXPECT_EQ(times, 1) << dgst;
  EXPECT_EQ(unpacked, 3);
  CollectGarbage();
  EXPECT_EQ(RunImage(*client_->GetImage(ctx(), ref)), "hello threads");
  EXPECT_THAT(*client_->LeasesService()->List(ctx()), IsEmpty());
}

}  // namespace
}  // namespace containerd::testing
