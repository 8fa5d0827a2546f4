// SPDX-License-Identifier: Apache-2.0
//
// Registries that a hosts.toml leads to.
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "containerd/remotes/docker/config.h"

#include "tests/support/registry_fixture.h"

namespace containerd::remotes::docker {
namespace {

using ::testing::IsEmpty;
using ::testing::Not;

class HostsTest : public TokenTest {
 protected:
  HostsTest() {
    std::string name = std::filesystem::temp_directory_path() / "docker-test-XXXXXX";
    dir_ = mkdtemp(name.data());
  }
  ~HostsTest() override { std::filesystem::remove_all(dir_); }

  void Write(const std::string& host, const std::string& text) const {
    std::string folder = host;
    folder[folder.find(':')] = '_';
    std::filesystem::create_directories(dir_ / (folder + "_"));
    std::ofstream(dir_ / (folder + "_") / "hosts.toml") << text;
  }

  std::filesystem::path dir_;
};

TEST_F(HostsTest, ResolverWithHostsDir) {
  const TestCert ca = MakeCert("ca");
  const TestCert cert = MakeCert("server", &ca);
  const TestServer::Options tls{.tls = &cert};
  for (const auto& [with_mirror, with_server] :
       {std::pair(true, true), std::pair(true, false), std::pair(false, true)}) {
    SCOPED_TRACE(fmt::format("mirror {} server {}", with_mirror, with_server));
    // Each host sees its own fields and no other's, as does the token server that it names.
    const auto check = [](const ServerRequest& request, bool mirror) {
      EXPECT_EQ(request.header.Get("User-Agent"), mirror ? "mirror" : "server");
      EXPECT_EQ(request.header.Get("X-Mirror-Custom-1"), mirror ? "custom mirror header" : "");
      EXPECT_EQ(request.header.Get("X-Server-Custom-1"), mirror ? "" : "custom server header");
    };
    Tokens([&](const ServerRequest& request, ResponseWriter& w) {
      check(request, with_mirror);
      if (request.method != "GET") return w.Send(405);
      w.Send(200, R"({"access_token":"perfectlyvalidopaquetoken"})");
    });
    Guard();
    const auto handler = registry_.Handler();
    const TestServer upstream(handler, tls);
    auto mirror = std::make_unique<TestServer>(
        [&](const ServerRequest& request, ResponseWriter& w) {
          check(request, true);
          handler(request, w);
        },
        tls);
    auto own = std::make_unique<TestServer>(
        [&](const ServerRequest& request, ResponseWriter& w) {
          check(request, false);
          handler(request, w);
        },
        tls);
    Write(upstream.Host(), fmt::format(R"(
server = "{}"
[header]
  User-Agent = "server"
  x-server-custom-1 = "custom server header"
[host."{}".header]
  User-Agent = "mirror"
  x-mirror-custom-1 = "custom mirror header"
)",
                                       own->Url(), mirror->Url()));
    if (!with_mirror) mirror.reset();
    if (!with_server) own.reset();
    Check(*NewResolver({.hosts = config::ConfigureHosts(
                            kCtx, {.host_dir = config::HostDirFromRoot(dir_.string()),
                                   .default_tls = http::TLSConfig{.root_cas = ca.cert}})}),
          Ref(upstream));
    EXPECT_THAT(upstream.Requests(), IsEmpty());
    if (with_mirror) {
      EXPECT_THAT(mirror->Requests(), Not(IsEmpty()));
      if (with_server) {
        EXPECT_THAT(own->Requests(), IsEmpty());
      }
    }
  }
}

TEST_F(HostsTest, DefaultHosts) {
  auto hosts = config::ConfigureHosts(kCtx, {})("docker.io");
  ASSERT_TRUE(hosts.ok());
  ASSERT_EQ(hosts->size(), 1U);
  EXPECT_EQ(hosts->front().scheme, "https");
  EXPECT_EQ(hosts->front().host, "registry-1.docker.io");
  EXPECT_EQ(hosts->front().path, "/v2");
  EXPECT_EQ(hosts->front().capabilities, kAllHostCapabilities);
}

}  // namespace
}  // namespace containerd::remotes::docker
