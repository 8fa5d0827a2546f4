// SPDX-License-Identifier: Apache-2.0
//
// Images between the daemon's content store and a real registry (Debian's docker-registry): plain,
// with TLS and client certificates, with passwords, as a mirror that lacks the content; and what
// skopeo makes of what was pushed.
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

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
#include "containerd/remotes/docker/config.h"
#include "containerd/remotes/docker/credentials.h"
#include "containerd/remotes/docker/handler.h"
#include "containerd/remotes/docker/resolver.h"
#include "containerd/remotes/errors.h"
#include "containerd/remotes/handlers.h"

#include "../unit/http/test_server.h"
#include "harness.h"

namespace containerd {
namespace {

namespace docker = remotes::docker;
namespace fs = std::filesystem;
using http::testing::MakeCert;
using http::testing::TestCert;
using testing::TestDir;

pid_t Spawn(std::vector<std::string> args, const std::string& log) {
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

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in addr{};
  addr.sin_family = AF_INET;
  addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bind(fd, reinterpret_cast<sockaddr*>(&addr), sizeof(addr));
  socklen_t size = sizeof(addr);
  getsockname(fd, reinterpret_cast<sockaddr*>(&addr), &size);
  close(fd);
  return ntohs(addr.sin_port);
}

// user1:password1, as htpasswd -B writes it.
constexpr char kHtpasswd[] = "user1:$2b$05$abcdefghijklmnopqrstuufDUiBElouF6EIaBpoSC33XqTVuj6/Da\n";

class Registry {
 public:
  struct Options {
    const TestCert* tls = nullptr;
    const TestCert* client_ca = nullptr;
    bool htpasswd = false;
  };

  Registry() : Registry(Options()) {}
  explicit Registry(const Options& options) : port_(FreePort()) {
    std::string config = fmt::format(
        "version: 0.1\nlog:\n  level: warn\nstorage:\n  filesystem:\n    rootdirectory: {}/data\n"
        "  delete:\n    enabled: true\nhttp:\n  addr: 127.0.0.1:{}\n",
        dir_.path(), port_);
    if (options.tls != nullptr) {
      std::ofstream(dir_.path() + "/cert.pem") << options.tls->cert;
      std::ofstream(dir_.path() + "/key.pem") << options.tls->key;
      config +=
          fmt::format("  tls:\n    certificate: {0}/cert.pem\n    key: {0}/key.pem\n", dir_.path());
      if (options.client_ca != nullptr) {
        std::ofstream(dir_.path() + "/client-ca.pem") << options.client_ca->cert;
        config += fmt::format("    clientcas:\n      - {}/client-ca.pem\n", dir_.path());
      }
    }
    if (options.htpasswd) {
      std::ofstream(dir_.path() + "/htpasswd") << kHtpasswd;
      config +=
          fmt::format("auth:\n  htpasswd:\n    realm: test\n    path: {}/htpasswd\n", dir_.path());
    }
    std::ofstream(dir_.path() + "/config.yml") << config;
    pid_ = Spawn({"docker-registry", "serve", dir_.path() + "/config.yml"}, dir_.path() + "/log");
    // It says nothing when it is ready.
    const Context ctx = WithTimeout(Context::Background(), absl::Seconds(30));
    bool up = false;
    while (pid_ > 0 && !up && !ctx.Done()) {
      const auto response = http::Client().Do(ctx, {.url = fmt::format("http://{}/v2/", host())});
      up =
          response.ok() || (http::KindOf(response.status()) != http::ErrorKind::kConnectionRefused);
      if (!up) (void)Sleep(ctx, absl::Milliseconds(20));
    }
    EXPECT_TRUE(up) << ReadFile(dir_.path() + "/log");
  }

  ~Registry() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  std::string host() const { return fmt::format("127.0.0.1:{}", port_); }
  std::string Ref(std::string_view name) const { return fmt::format("{}/{}", host(), name); }
  std::string Log() const { return ReadFile(dir_.path() + "/log"); }

 private:
  const TestDir dir_;
  const int port_;
  pid_t pid_ = -1;
};

class RegistryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::system("command -v docker-registry >/dev/null 2>&1") != 0) {
      GTEST_SKIP() << "docker-registry is not installed";
    }
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

TEST_F(RegistryTest, PushesAndPulls) {
  const Registry registry;
  const auto target = PutImage("plain");
  const auto resolver = docker::NewResolver();
  const std::string ref = registry.Ref("a/b:v1");
  absl::Status s = Push(*resolver, ref, target);
  ASSERT_TRUE(s.ok()) << s << registry.Log();
  ExpectPulls(*resolver, ref, target);
  ExpectPulls(*resolver, registry.Ref("a/b@" + target.digest), target);
  // By another client that remembers nothing: all is there.
  s = Push(*docker::NewResolver(), ref, target);
  EXPECT_TRUE(s.ok()) << s;
  EXPECT_TRUE(errdefs::IsNotFound(resolver->Resolve(ctx_, registry.Ref("a/b:v2")).status()));
  // Large layers in ranges.
  resolver->SetOptions(
      {transfer::WithMaxConcurrentDownloads(4), transfer::WithConcurrentLayerFetchBuffer(1 << 20)});
  ExpectPulls(*resolver, ref, target);
}

TEST_F(RegistryTest, SkopeoTakesWhatWasPushed) {
  if (std::system("command -v skopeo >/dev/null 2>&1") != 0) GTEST_SKIP() << "no skopeo";
  const Registry registry;
  const auto target = PutImage("skopeo");
  ASSERT_TRUE(Push(*docker::NewResolver(), registry.Ref("from/us:1"), target).ok());
  const TestDir dir;
  const std::string log = dir.path() + "/skopeo.log";
  const pid_t pid = Spawn({"skopeo", "--insecure-policy", "copy", "--all", "--src-tls-verify=false",
                           "--dest-tls-verify=false", "docker://" + registry.Ref("from/us:1"),
                           "docker://" + registry.Ref("from/skopeo:1")},
                          log);
  ASSERT_GT(pid, 0);
  int status = 0;
  waitpid(pid, &status, 0);
  ASSERT_EQ(status, 0) << ReadFile(log);
  ExpectPulls(*docker::NewResolver(), registry.Ref("from/skopeo:1"), target);
}

TEST_F(RegistryTest, UploadsInPieces) {
  const Registry registry;
  const auto target = PutImage("pieces");
  const auto resolver = docker::NewResolver({.upload_chunk_size = 1'000'000});
  absl::Status s = Push(*resolver, registry.Ref("pieces:1"), target);
  ASSERT_TRUE(s.ok()) << s << registry.Log();
  ExpectPulls(*resolver, registry.Ref("pieces:1"), target);
}

TEST_F(RegistryTest, MountsAcrossRepositories) {
  const Registry registry;
  const auto target = PutImage("mount");
  ASSERT_TRUE(Push(*docker::NewResolver(), registry.Ref("first/repo:1"), target).ok());
  auto note = docker::AppendDistributionSourceLabel(store_, registry.Ref("first/repo:1"));
  ASSERT_TRUE(note.ok());
  ASSERT_TRUE(images::Dispatch(ctx_, images::Handlers({*note, images::ChildrenHandler(store_)}), 4,
                               {target})
                  .ok());
  const auto tracker = docker::NewInMemoryTracker();
  const auto resolver = docker::NewResolver({.tracker = tracker});
  absl::Status s = Push(*resolver, registry.Ref("second/repo:1"), target);
  ASSERT_TRUE(s.ok()) << s;
  const ocispec::Descriptor layer{.media_type = ocispec::kMediaTypeImageLayer,
                                  .digest = digest::FromString(Noise(5 << 20, "mount")).String()};
  EXPECT_EQ(tracker->GetStatus(remotes::MakeRefKey(ctx_, layer))->mounted_from,
            registry.Ref("first/repo"));
  ExpectPulls(*resolver, registry.Ref("second/repo:1"), target);
}

TEST_F(RegistryTest, TLSWithClientCertificates) {
  const TestCert ca = MakeCert("ca");
  const TestCert cert = MakeCert("server", &ca);
  const TestCert client_ca = MakeCert("client ca");
  const TestCert mine = MakeCert("me", &client_ca);
  const Registry registry({.tls = &cert, .client_ca = &client_ca});
  const auto target = PutImage("tls");
  const TestDir certs;
  const auto resolver =
      docker::NewResolver({.hosts = docker::config::ConfigureHosts(
                               ctx_, {.host_dir = docker::config::HostDirFromRoot(certs.path())})});
  EXPECT_FALSE(Push(*resolver, registry.Ref("a:1"), target).ok());

  std::string folder = registry.host();
  folder[folder.find(':')] = '_';
  const fs::path dir = fs::path(certs.path()) / (folder + "_");
  fs::create_directories(dir);
  std::ofstream(dir / "ca.crt") << ca.cert;
  std::ofstream(dir / "me.cert") << mine.cert;
  std::ofstream(dir / "me.key") << mine.key;
  absl::Status s = Push(*resolver, registry.Ref("a:1"), target);
  ASSERT_TRUE(s.ok()) << s << registry.Log();

  // The same by hosts.toml.
  std::ofstream(dir / "hosts.toml") << fmt::format(
      "server = \"https://{}\"\nca = \"ca.crt\"\nclient = [[\"me.cert\", \"me.key\"]]\n",
      registry.host());
  ExpectPulls(*resolver, registry.Ref("a:1"), target);

  const http::Client client{
      .transport = http::NewTransport(
          {.tls = {.root_cas = ca.cert, .certificates = {{mine.cert, mine.key}}}})};
  auto response = client.Do(ctx_, {.url = fmt::format("https://{}/v2/", registry.host())});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ((*response)->proto, "HTTP/2");
}

TEST_F(RegistryTest, Passwords) {
  const Registry registry({.htpasswd = true});
  const auto target = PutImage("passwords");
  const TestDir dir;
  const std::string file = dir.path() + "/config.json";
  const auto resolver = docker::NewResolver({.credentials = docker::DockerConfigCredentials(file)});
  EXPECT_TRUE(
      docker::IsErrInvalidAuthorization(resolver->Resolve(ctx_, registry.Ref("a:1")).status()));
  std::ofstream(file) << fmt::format(
      R"({{"auths":{{"{}":{{"username":"user1","password":"wrong"}}}}}})", registry.host());
  absl::Status s = Push(*resolver, registry.Ref("a:1"), target);
  EXPECT_EQ(remotes::errors::AsUnexpectedStatus(s)->status_code, 401) << s;
  std::ofstream(file) << fmt::format(
      R"({{"auths":{{"{}":{{"username":"user1","password":"password1"}}}}}})", registry.host());
  s = Push(*resolver, registry.Ref("a:1"), target);
  ASSERT_TRUE(s.ok()) << s;
  ExpectPulls(*resolver, registry.Ref("a:1"), target);
}

TEST_F(RegistryTest, AMirrorMayLackTheContent) {
  const Registry upstream;
  const Registry mirror;
  const auto target = PutImage("mirror");
  const auto direct = docker::NewResolver();
  ASSERT_TRUE(Push(*direct, upstream.Ref("a:1"), target).ok());
  const TestDir certs;
  const fs::path dir = fs::path(certs.path()) / "registry.example";
  fs::create_directories(dir);
  std::ofstream(dir / "hosts.toml") << fmt::format(
      "server = \"http://{}\"\n[host.\"http://{}\"]\n  capabilities = [\"pull\", \"resolve\"]\n",
      upstream.host(), mirror.host());
  const auto resolver =
      docker::NewResolver({.hosts = docker::config::ConfigureHosts(
                               ctx_, {.host_dir = docker::config::HostDirFromRoot(certs.path())})});
  ExpectPulls(*resolver, "registry.example/a:1", target);
}

}  // namespace
}  // namespace containerd
