// SPDX-License-Identifier: Apache-2.0
//
// Images between the daemon's content store and a real registry: plain, with TLS and client
// certificates, with passwords, with a token server, as a mirror that lacks the content.
#include "registry.h"

#include <filesystem>

#include <fmt/format.h>

#include "containerd/remotes/docker/config.h"
#include "containerd/remotes/docker/credentials.h"
#include "containerd/remotes/docker/handler.h"
#include "containerd/remotes/errors.h"

namespace containerd::testing {
namespace {

namespace fs = std::filesystem;

TEST_F(DaemonRegistryTest, PushesAndPulls) {
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

TEST_F(DaemonRegistryTest, SkopeoTakesWhatWasPushed) {
  if (!Installed("skopeo")) GTEST_SKIP() << "skopeo is not installed";
  const Registry registry;
  const auto target = PutImage("skopeo");
  ASSERT_TRUE(Push(*docker::NewResolver(), registry.Ref("from/us:1"), target).ok());
  EXPECT_EQ(RunProgram({"skopeo", "--insecure-policy", "copy", "--all", "--preserve-digests",
                        "--src-tls-verify=false", "--dest-tls-verify=false",
                        "docker://" + registry.Ref("from/us:1"),
                        "docker://" + registry.Ref("from/skopeo:1")}),
            "");
  ExpectPulls(*docker::NewResolver(), registry.Ref("from/skopeo:1"), target);
}

TEST_F(DaemonRegistryTest, UploadsInPieces) {
  const Registry registry;
  const auto target = PutImage("pieces");
  const auto resolver = docker::NewResolver({.upload_chunk_size = 1'000'000});
  absl::Status s = Push(*resolver, registry.Ref("pieces:1"), target);
  ASSERT_TRUE(s.ok()) << s << registry.Log();
  ExpectPulls(*resolver, registry.Ref("pieces:1"), target);
}

TEST_F(DaemonRegistryTest, MountsAcrossRepositories) {
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

TEST_F(DaemonRegistryTest, TLSWithClientCertificates) {
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

TEST_F(DaemonRegistryTest, Passwords) {
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

TEST_F(DaemonRegistryTest, AMirrorMayLackTheContent) {
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
}  // namespace containerd::testing
