// SPDX-License-Identifier: Apache-2.0
//
// A registry on the loopback, configured as tests need it, and images to put there from a daemon's
// content store.
#ifndef CONTAINERD_TESTS_INTEGRATION_REGISTRY_H_
#define CONTAINERD_TESTS_INTEGRATION_REGISTRY_H_

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <memory>
#include <spawn.h>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/client.h"
#include "containerd/content/helpers.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/handlers.h"
#include "containerd/images/mediatypes.h"
#include "containerd/leases/leases.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/remotes/docker/resolver.h"
#include "containerd/remotes/handlers.h"
#include "containerd/testing/registry_test.h"

#include "harness.h"
#include "tests/support/test_server.h"

namespace containerd::testing {

namespace docker = remotes::docker;
using http::testing::MakeCert;
using http::testing::TestCert;

// Skips the test where no registry can run.
#define CONTAINERD_REQUIRE_REGISTRY                                                        \
  if (const absl::Status can_run = ::containerd::testing::CanRunRegistry(); !can_run.ok()) \
  GTEST_SKIP() << ::containerd::errdefs::Message(can_run)

inline bool Installed(const std::string& program) {
  return std::system(("command -v " + program + " >/dev/null 2>&1").c_str()) == 0;
}

// Starts a program that ends with this process, its output appended to `log`. -1 if that fails.
inline pid_t Spawn(std::vector<std::string> args, const std::string& log) {
  args.insert(args.begin(), {"setpriv", "--pdeathsig", "KILL", "--"});
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  std::vector<char*> argv;
  for (std::string& arg : args) argv.push_back(arg.data());
  argv.push_back(nullptr);
  pid_t pid = -1;
  if (posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ) != 0) pid = -1;
  posix_spawn_file_actions_destroy(&actions);
  return pid;
}

// Runs a program to its end; its output if it fails.
inline std::string RunProgram(std::vector<std::string> args) {
  const TestDir dir;
  const std::string log = dir.path() + "/log";
  const std::string name = args.front();
  const pid_t pid = Spawn(std::move(args), log);
  int status = -1;
  if (pid > 0) {
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
  }
  return status == 0 ? "" : fmt::format("{}: {} {}", name, status, ReadFile(log));
}

// user1:password1, as htpasswd -B writes it.
inline constexpr char kHtpasswd[] =
    "user1:$2b$05$abcdefghijklmnopqrstuufDUiBElouF6EIaBpoSC33XqTVuj6/Da\n";

class Registry {
 public:
  struct Options {
    const TestCert* tls = nullptr;
    const TestCert* client_ca = nullptr;
    bool htpasswd = false;
    bool schema1 = false;
    std::string auth{};  // more lines for the section of that name
    std::string token_root{};
  };

  Registry() : Registry(Options()) {}
  explicit Registry(const Options& options) {
    TestRegistryOptions config;
    if (options.tls != nullptr) {
      std::ofstream(dir_.path() + "/cert.pem") << options.tls->cert;
      std::ofstream(dir_.path() + "/key.pem") << options.tls->key;
      config.http =
          fmt::format("  tls:\n    certificate: {0}/cert.pem\n    key: {0}/key.pem\n", dir_.path());
      if (options.client_ca != nullptr) {
        std::ofstream(dir_.path() + "/client-ca.pem") << options.client_ca->cert;
        config.http += fmt::format("    clientcas:\n      - {}/client-ca.pem\n", dir_.path());
      }
    }
    if (options.htpasswd) {
      std::ofstream(dir_.path() + "/htpasswd") << kHtpasswd;
      config.sections +=
          fmt::format("auth:\n  htpasswd:\n    realm: test\n    path: {}/htpasswd\n", dir_.path());
    }
    if (!options.auth.empty()) {
      std::ofstream(dir_.path() + "/token-root.pem") << options.token_root;
      config.sections += fmt::format("auth:\n{}    rootcertbundle: {}/token-root.pem\n",
                                     options.auth, dir_.path());
    }
    if (options.schema1) config.sections += "compatibility:\n  schema1:\n    enabled: true\n";
    auto started = TestRegistry::Start(config);
    EXPECT_TRUE(started.ok()) << started.status();
    if (started.ok()) registry_ = *std::move(started);
  }

  std::string host() const { return registry_ != nullptr ? registry_->Host() : ""; }
  std::string Ref(std::string_view name) const { return fmt::format("{}/{}", host(), name); }
  std::string Log() const { return registry_ != nullptr ? registry_->Log() : ""; }

 private:
  const TestDir dir_;
  std::unique_ptr<TestRegistry> registry_;
};

class DaemonRegistryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    CONTAINERD_REQUIRE_REGISTRY;
    // Content without an image would be collected.
    auto lease = client_->LeasesService()->Create(
        ns_.ctx(), {leases::WithRandomID(), leases::WithExpiration(absl::Hours(1))});
    ASSERT_TRUE(lease.ok()) << lease.status();
    lease_ = lease->id;
    ctx_ = WithLease(ns_.ctx(), lease_);
    store_ = client_->ContentStore();
  }

  void TearDown() override {
    if (lease_.empty()) return;
    EXPECT_TRUE(client_->LeasesService()->Delete(ns_.ctx(), {.id = lease_}).ok());
  }

  ocispec::Descriptor Put(const Context& ctx, std::string_view media_type,
                          const std::string& data) {
    ocispec::Descriptor desc;
    desc.media_type = media_type;
    desc.digest = digest::FromString(data).String();
    desc.size = static_cast<std::int64_t>(data.size());
    absl::Status s = content::WriteBlob(ctx, *store_, remotes::MakeRefKey(ctx, desc), data, desc);
    EXPECT_TRUE(s.ok()) << s;
    return desc;
  }

  // An index of two manifests with three layers in all, one of them of 5 MiB.
  ocispec::Descriptor PutImage(std::string_view salt) {
    ocispec::Index index;
    index.schema_version = 2;
    index.media_type = ocispec::kMediaTypeImageIndex;
    const auto shared = Put(ctx_, ocispec::kMediaTypeImageLayer, Noise(5 << 20, salt));
    for (const char* arch : {"amd64", "arm64"}) {
      ocispec::Manifest manifest;
      manifest.schema_version = 2;
      manifest.media_type = ocispec::kMediaTypeImageManifest;
      manifest.config = Put(ctx_, ocispec::kMediaTypeImageConfig,
                            fmt::format(R"({{"architecture":"{}","os":"linux","config":{{}},)"
                                        R"("rootfs":{{"type":"layers","diff_ids":[]}}}})",
                                        arch));
      manifest.layers = {
          shared, Put(ctx_, ocispec::kMediaTypeImageLayer, fmt::format("{} {}", salt, arch))};
      ocispec::Descriptor desc =
          Put(ctx_, ocispec::kMediaTypeImageManifest, ocispec::Marshal(manifest));
      desc.platform = ocispec::Platform{.architecture = arch, .os = "linux"};
      index.manifests.push_back(desc);
    }
    return Put(ctx_, ocispec::kMediaTypeImageIndex, ocispec::Marshal(index));
  }

  static std::string Noise(std::size_t n, std::string_view salt) {
    std::string out;
    while (out.size() < n) {
      out += digest::FromString(fmt::format("{} {}", salt, out.size())).String();
    }
    out.resize(n);
    return out;
  }

  absl::Status Push(remotes::Resolver& resolver, const std::string& ref,
                    const ocispec::Descriptor& target) {
    auto pusher = resolver.Pusher(ctx_, ref);
    if (!pusher.ok()) return pusher.status();
    return remotes::PushContent(ctx_, *pusher, target, store_, 4, platforms::All());
  }

  // Pulls into a namespace of its own and compares all of it.
  void ExpectPulls(remotes::Resolver& resolver, const std::string& ref,
                   const ocispec::Descriptor& target) {
    const testing::TestNamespace other{*client_};
    auto lease = client_->LeasesService()->Create(
        other.ctx(), {leases::WithRandomID(), leases::WithExpiration(absl::Hours(1))});
    ASSERT_TRUE(lease.ok());
    const Context ctx = WithLease(other.ctx(), lease->id);
    auto resolved = resolver.Resolve(ctx, ref);
    ASSERT_TRUE(resolved.ok()) << resolved.status();
    EXPECT_EQ(resolved->desc, target);
    auto fetcher = resolver.Fetcher(ctx, ref);
    ASSERT_TRUE(fetcher.ok());
    int blobs = 0;
    const images::HandlerFunc count =
        [&](const Context& c,
            const ocispec::Descriptor& desc) -> absl::StatusOr<images::Descriptors> {
      ++blobs;
      auto mine = content::ReadBlob(ctx_, *store_, desc);
      auto theirs = content::ReadBlob(c, *store_, desc);
      EXPECT_TRUE(mine.ok() && theirs.ok() && *mine == *theirs) << desc.digest;
      return images::Descriptors();
    };
    absl::Status s = images::Dispatch(ctx,
                                      images::Handlers({remotes::FetchHandler(store_, *fetcher),
                                                        images::ChildrenHandler(store_)}),
                                      4, {resolved->desc});
    ASSERT_TRUE(s.ok()) << s;
    s = images::Walk(ctx, images::Handlers({count, images::ChildrenHandler(store_)}),
                     {resolved->desc});
    ASSERT_TRUE(s.ok()) << s;
    EXPECT_EQ(blobs, 9);  // the shared layer twice
    EXPECT_TRUE(client_->LeasesService()->Delete(other.ctx(), {.id = lease->id}).ok());
  }

  const std::shared_ptr<Client> client_ = testing::SharedClient();
  const testing::TestNamespace ns_{*client_};
  std::string lease_;
  Context ctx_;
  std::shared_ptr<content::Store> store_;
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTS_INTEGRATION_REGISTRY_H_
