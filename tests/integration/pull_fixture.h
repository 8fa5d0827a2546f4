// SPDX-License-Identifier: Apache-2.0
//
// What tests of pulls share: images for several platforms, with layers of several kinds, and what a
// pull that failed must not leave behind.
#ifndef CONTAINERD_TESTS_INTEGRATION_PULL_FIXTURE_H_
#define CONTAINERD_TESTS_INTEGRATION_PULL_FIXTURE_H_

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/containerd.h"
#include "containerd/content/helpers.h"
#include "containerd/digest/identity.h"
#include "containerd/images/image.h"
#include "containerd/images/mediatypes.h"
#include "containerd/leases/leases.h"
#include "containerd/platforms/platforms.h"
#include "containerd/testing/image_builder.h"

#include "container_fixture.h"
#include "harness.h"
#include "registry.h"

namespace containerd::testing {

// An image, or several below an index, as blobs by digest.
struct RemoteImage {
  std::map<std::string, std::string> blobs;        // with the manifests
  std::map<std::string, std::string> media_types;  // of manifests and indexes
  std::vector<ocispec::Descriptor> manifests;
  std::vector<ocispec::Manifest> parsed;  // of the same order
  ocispec::Descriptor target;

  std::string Add(std::string_view data) {
    std::string dgst = digest::FromString(data).String();
    blobs[dgst] = std::string(data);
    return dgst;
  }
};

// Does not compress well, and differs with the salt.
inline std::string Noise(std::size_t n, std::string_view salt) {
  std::string out;
  while (out.size() < n) {
    const std::string hex(digest::FromString(fmt::format("{} {}", salt, out.size())).Encoded());
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
      out.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    }
  }
  out.resize(n);
  return out;
}

// Adds an image of these layers.
inline void AddImage(RemoteImage& image,
                     const std::vector<std::pair<std::string, compression::Compression>>& layers,
                     const ocispec::Platform& platform) {
  ocispec::Image config;
  config.platform = platform;
  config.config.cmd = {"cat", "/hello"};
  config.config.env = {"PATH=/bin"};
  config.rootfs.type = "layers";
  config.rootfs.diff_ids = {};
  ocispec::Manifest manifest;
  manifest.schema_version = 2;
  manifest.media_type = ocispec::kMediaTypeImageManifest;
  manifest.layers = {};
  for (const auto& [layer, how] : layers) {
    config.rootfs.diff_ids.push_back(digest::FromString(layer).String());
    config.history.push_back({.created_by = "a test"});
    const std::string blob = Compressed(layer, how);
    image.Add(blob);
    manifest.layers.push_back(Describe(how == kGzip   ? ocispec::kMediaTypeImageLayerGzip
                                       : how == kZstd ? ocispec::kMediaTypeImageLayerZstd
                                                      : ocispec::kMediaTypeImageLayer,
                                       blob));
  }
  const std::string config_text = ocispec::Marshal(config);
  image.Add(config_text);
  manifest.config = Describe(ocispec::kMediaTypeImageConfig, config_text);
  const std::string text = ocispec::Marshal(manifest);
  image.media_types[image.Add(text)] = ocispec::kMediaTypeImageManifest;
  image.target = Describe(ocispec::kMediaTypeImageManifest, text);
  image.manifests.push_back(image.target);
  image.manifests.back().platform = platform;
  image.parsed.push_back(std::move(manifest));
}

// An image of busybox with three layers, of gzip, zstd and tar, of which the last one replaces a
// file of the second and removes another.
inline RemoteImage BusyboxImage(std::string_view salt,
                                const ocispec::Platform& platform = platforms::DefaultSpec()) {
  static const std::string busybox = BusyboxLayer();
  RemoteImage image;
  AddImage(
      image,
      {{busybox, kGzip},
       {TarOf({{.name = "hello", .data = "from below"},
               {.name = "removed", .data = "no"},
               {.name = "noise", .data = Noise(300'000, salt)}}),
        kZstd},
       {TarOf({{.name = "hello", .data = fmt::format("hello {}", salt)}, {.name = ".wh.removed"}}),
        kPlain}},
      platform);
  return image;
}

// The same for several platforms, that of the host first.
inline RemoteImage MultiPlatformImage(std::string_view salt) {
  static const std::string busybox = BusyboxLayer();
  RemoteImage image;
  std::vector<ocispec::Platform> all = {platforms::DefaultSpec()};
  for (const char* other : {"linux/s390x", "linux/arm64/v8", "linux/ppc64le", "linux/amd64"}) {
    const ocispec::Platform p = *platforms::Parse(other);
    if (p.architecture != all.front().architecture) all.push_back(p);
  }
  for (const ocispec::Platform& platform : all) {
    AddImage(image,
             {{busybox, kGzip},
              {TarOf({{.name = "hello",
                       .data = fmt::format("hello {} {}", salt, platform.architecture)}}),
               kZstd}},
             platform);
  }
  ocispec::Index index;
  index.schema_version = 2;
  index.media_type = ocispec::kMediaTypeImageIndex;
  index.manifests = image.manifests;
  const std::string text = ocispec::Marshal(index);
  image.media_types[image.Add(text)] = ocispec::kMediaTypeImageIndex;
  image.target = Describe(ocispec::kMediaTypeImageIndex, text);
  return image;
}

class PullTest : public ::testing::Test {
 protected:
  void SetUp() override {
    CONTAINERD_REQUIRE_REGISTRY;
    if (!Installed("skopeo")) GTEST_SKIP() << "skopeo is not installed";
  }

  const Context& ctx() const { return ns_.ctx(); }

  // Has skopeo put the image into a registry, by default as it is.
  static void Publish(const RemoteImage& image, const std::string& ref,
                      std::vector<std::string> args = {"--all", "--preserve-digests"}) {
    const TestDir dir;
    const std::filesystem::path layout = dir.path();
    std::filesystem::create_directories(layout / "blobs/sha256");
    for (const auto& [dgst, data] : image.blobs) {
      std::ofstream(layout / "blobs/sha256" / digest::Digest(dgst).Encoded(), std::ios::binary)
          << data;
    }
    std::ofstream(layout / ocispec::kImageLayoutFile) << LayoutFile().data;
    std::ofstream(layout / ocispec::kImageIndexFile) << IndexFile(image.target, {"it"}).data;
    std::vector<std::string> command = {"skopeo", "--insecure-policy", "copy",
                                        "--dest-tls-verify=false"};
    command.insert(command.end(), args.begin(), args.end());
    command.push_back("oci:" + dir.path() + ":it");
    command.push_back("docker://" + ref);
    EXPECT_EQ(RunProgram(command), "");
  }

  // Lets the garbage collector take what nothing holds.
  void CollectGarbage() {
    auto manager = client_->LeasesService();
    auto lease =
        manager->Create(ctx(), {leases::WithRandomID(), leases::WithExpiration(absl::Hours(1))});
    ASSERT_TRUE(lease.ok()) << lease.status();
    ASSERT_TRUE(manager->Delete(ctx(), *lease, {leases::SynchronousDelete}).ok());
  }

  std::vector<std::string> Snapshots() {
    std::vector<std::string> names;
    absl::Status s = client_->SnapshotService("overlayfs")
                         ->Walk(ctx(), [&](const Context&, const snapshots::Info& info) {
                           names.push_back(info.name);
                           return absl::OkStatus();
                         });
    EXPECT_TRUE(s.ok() || errdefs::IsNotFound(s)) << s;
    return names;
  }

  std::vector<std::string> Blobs() {
    std::vector<std::string> digests;
    absl::Status s = client_->ContentStore()->Walk(ctx(), [&](const content::Info& info) {
      digests.push_back(info.digest);
      return absl::OkStatus();
    });
    EXPECT_TRUE(s.ok() || errdefs::IsNotFound(s)) << s;
    return digests;
  }

  std::vector<content::Status> Ingests() {
    auto all = client_->ContentStore()->ListStatuses(ctx());
    EXPECT_TRUE(all.ok()) << all.status();
    return all.ok() ? *std::move(all) : std::vector<content::Status>();
  }

  bool Has(const std::string& dgst) { return client_->ContentStore()->Info(ctx(), dgst).ok(); }

  // No image, lease, snapshot or mount; content only as far as ingestions may be kept.
  void ExpectNothing(bool ingests_too = true) {
    EXPECT_THAT(*client_->LeasesService()->List(ctx()), ::testing::IsEmpty());
    EXPECT_THAT(*client_->ImageService()->List(ctx()), ::testing::IsEmpty());
    for (const std::string& name : Snapshots()) {
      EXPECT_FALSE(name.starts_with("extract")) << name;
    }
    CollectGarbage();
    EXPECT_THAT(Snapshots(), ::testing::IsEmpty());
    EXPECT_THAT(Blobs(), ::testing::IsEmpty());
    if (ingests_too) {
      EXPECT_THAT(Ingests(), ::testing::IsEmpty());
    }
    if (SharedDaemon() == nullptr) return;
    const std::string root = std::filesystem::path(SharedAddress()).parent_path().parent_path();
    std::ifstream mounts("/proc/self/mountinfo");
    for (std::string line; std::getline(mounts, line);) {
      if (line.find("snapshotter") == std::string::npos) continue;
      EXPECT_EQ(line.find(root), std::string::npos) << line;
    }
  }

  // What a container of the image prints.
  std::string RunImage(const Image& image) {
    const std::string id = UniqueName("c");
    auto container = client_->NewContainer(
        ctx(), id, {WithNewSnapshot(id, image), WithNewSpec({oci::WithImageConfig(image)})});
    if (!container.ok()) return container.status().ToString();
    auto out = std::make_shared<cio::Buffer>();
    std::string result;
    auto task = container->NewTask(
        ctx(), cio::NewCreator({cio::WithStreams({}, out, {}), cio::WithFIFODir(fifos_.path())}));
    if (task.ok()) {
      const Future<ExitStatus> exit = task->Wait(ctx());
      absl::Status s = task->Start(ctx());
      auto status = exit.Get(WithTimeout(ctx(), absl::Seconds(60)));
      result = s.ok() && status.ok()
                   ? ""
                   : fmt::format("{} {}", s.ToString(), status.status().ToString());
      EXPECT_TRUE(task->Delete(ctx(), {WithProcessKill}).ok());
      result += out->String();
    } else {
      result = task.status().ToString();
    }
    EXPECT_TRUE(container->Delete(ctx(), {WithSnapshotCleanup}).ok());
    return result;
  }

  static std::vector<std::string> ChainIDs(const ocispec::Manifest& manifest,
                                           const RemoteImage& image) {
    const auto config = ocispec::Unmarshal<ocispec::Image>(image.blobs.at(manifest.config.digest));
    std::vector<digest::Digest> diff_ids(config->rootfs.diff_ids.begin(),
                                         config->rootfs.diff_ids.end());
    std::vector<std::string> out;
    for (const digest::Digest& id : identity::ChainIDs(diff_ids)) out.push_back(id.String());
    return out;
  }

  const std::shared_ptr<Client> client_ = SharedClient();
  const TestNamespace ns_{*client_};
  const TestDir fifos_;
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTS_INTEGRATION_PULL_FIXTURE_H_
