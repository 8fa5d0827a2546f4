// SPDX-License-Identifier: Apache-2.0
//
// Resolving names against a registry on the loopback.
#include <thread>

#include <fmt/format.h>

#include "containerd/remotes/docker/config.h"
#include "containerd/remotes/docker/errcode.h"

#include "tests/support/registry_fixture.h"

namespace containerd::remotes::docker {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(RegistryTest, HTTPResolver) {
  const TestServer server(registry_.Handler());
  Check(*NewResolver(), Ref(server));
  Check(*NewResolver(), Ref(server, ":latest@" + manifest_.digest));
  Check(*NewResolver(), Ref(server, "@" + manifest_.digest));
  for (const char* tag :
       {":other", "@sha256:0000000000000000000000000000000000000000000000000000000000000000"}) {
    EXPECT_TRUE(errdefs::IsNotFound(NewResolver()->Resolve(kCtx, Ref(server, tag)).status()));
  }
  EXPECT_TRUE(
      reference::IsErrObjectRequired(NewResolver()->Resolve(kCtx, Ref(server, "")).status()));
  EXPECT_FALSE(NewResolver()->Resolve(kCtx, Ref(server, "@sha256:xyz")).ok());
}

TEST_F(RegistryTest, HTTPSResolver) {
  const TestCert ca = MakeCert("ca");
  const TestCert cert = MakeCert("server", &ca);
  const TestServer server(registry_.Handler(), {.tls = &cert});
  auto options = [&](const std::string& cas) {
    return ResolverOptions{
        .hosts = ConfigureDefaultRegistries({WithClient(std::make_shared<http::Client>(
            http::Client{.transport = DefaultHTTPTransport({.root_cas = cas})}))})};
  };
  Check(*NewResolver(options(ca.cert)), Ref(server));
  EXPECT_FALSE(NewResolver(options(""))->Resolve(kCtx, Ref(server)).ok());
}

TEST_F(RegistryTest, ConfiguredHostsOnTheLoopbackSpeakEither) {
  const TestCert cert = MakeCert("anybody");
  const TestServer plain(registry_.Handler());
  const TestServer tls(registry_.Handler(), {.tls = &cert});
  const auto resolver = NewResolver({.hosts = config::ConfigureHosts(kCtx, {})});
  Check(*resolver, Ref(plain));
  Check(*resolver, Ref(tls));
}

TEST_F(RegistryTest, HTTPFallbackTimeoutResolver) {
  // The first connection says nothing, as a server might that waits for an HTTP request.
  std::atomic<bool> first = true;
  TestServer::Options options;
  options.on_connect = [&](http::testing::Conn& conn) {
    if (!first.exchange(false)) return true;
    conn.AwaitClose();
    return false;
  };
  const TestServer server(registry_.Handler(), options);
  RegistryHost host = Host(server.Host());
  host.scheme = "https";
  host.client = std::make_shared<http::Client>(http::Client{
      .transport =
          NewHTTPFallback(http::NewTransport({.dial_timeout = absl::Milliseconds(20),
                                              .tls_handshake_timeout = absl::Milliseconds(20)}))});
  Check(*NewResolver(To({host})), Ref(server));
}

TEST_F(RegistryTest, ManifestsWithoutDigestHeaderOrLength) {
  const TestServer server(registry_.Handler());
  registry_.digest_header = false;
  Check(*NewResolver(), Ref(server));
  registry_.digest_header = true;
  registry_.content_length = false;
  Check(*NewResolver(), Ref(server));
  Check(*NewResolver(), Ref(server, "@" + manifest_.digest));
  registry_.content_length = true;
  registry_.head = false;
  Check(*NewResolver(), Ref(server));
}

TEST_F(RegistryTest, RefusesHugeManifests) {
  registry_.Put(ocispec::kMediaTypeImageManifest, std::string(kMaxManifestSize + 1, 'x'), "huge");
  const TestServer server(registry_.Handler());
  for (const bool header : {true, false}) {
    registry_.digest_header = header;
    auto resolved = NewResolver()->Resolve(kCtx, Ref(server, ":huge"));
    EXPECT_TRUE(errdefs::IsNotFound(resolved.status()));
    EXPECT_THAT(resolved.status().ToString(), HasSubstr("rejecting"));
  }
  // Nor is all of an endless one read.
  registry_.before = [](const ServerRequest& request, ResponseWriter& w) {
    w.header.Set("Transfer-Encoding", "chunked");
    w.SendHeader(200);
    if (request.method == "HEAD") return true;
    const std::string piece(1 << 20, ' ');
    for (int i = 0; i < 100; ++i) w.Chunk(piece);
    w.conn().Break();
    return true;
  };
  EXPECT_THAT(NewResolver()->Resolve(kCtx, Ref(server)).status().ToString(),
              HasSubstr("rejecting"));
}

TEST_F(RegistryTest, RefusesWrongDigestHeaders) {
  const TestServer server(registry_.Handler());
  registry_.before = [](const ServerRequest&, ResponseWriter& w) {
    w.header.Set("Docker-Content-Digest", "sha256:../../x");
    w.Send(200, "{}");
    return true;
  };
  EXPECT_THAT(NewResolver()->Resolve(kCtx, Ref(server)).status().ToString(),
              HasSubstr("not a valid digest"));
}

TEST_F(RegistryTest, HostFailureFallbackResolver) {
  const TestServer server(registry_.Handler());
  std::string dead;
  {
    const TestServer gone(registry_.Handler());
    dead = gone.Host();
  }
  TestServer::Options mute;
  mute.on_connect = [](http::testing::Conn& conn) {
    conn.AwaitClose();
    return false;
  };
  const TestServer silent(registry_.Handler(), mute);
  RegistryHost impatient = Host(silent.Host());
  impatient.client = std::make_shared<http::Client>(
      http::Client{.transport = http::NewTransport(), .timeout = absl::Milliseconds(30)});
  FakeRegistry lacks;
  const TestServer empty(lacks.Handler());
  FakeRegistry broken;
  broken.before = [](const ServerRequest&, ResponseWriter& w) {
    w.Send(503);
    return true;
  };
  const TestServer fails(broken.Handler());
  const auto resolver = NewResolver(
      To({Host(dead), impatient, Host(empty.Host()), Host(fails.Host()), Host(server.Host())}));
  Check(*resolver, Ref(server));
}

TEST_F(RegistryTest, HostTLSFailureFallbackResolver) {
  const TestCert ca = MakeCert("ca");
  const TestCert cert = MakeCert("server", &ca);
  const TestServer plain(registry_.Handler());
  const TestServer tls(registry_.Handler(), {.tls = &cert});
  std::vector<RegistryHost> hosts;
  for (const TestServer* server : {&plain, &tls}) {
    hosts.push_back(Host(server->Host()));
    hosts.back().scheme = "https";
    hosts.back().client = std::make_shared<http::Client>(
        http::Client{.transport = http::NewTransport({.tls = {.root_cas = ca.cert}})});
  }
  Check(*NewResolver(To(hosts)), Ref(plain));
  EXPECT_TRUE(
      errdefs::IsNotFound(NewResolver(To(hosts))->Resolve(kCtx, Ref(plain, ":none")).status()));
}

TEST_F(RegistryTest, ResolveProxy) {
  registry_.before = [](const ServerRequest& request, ResponseWriter& w) {
    if (request.QueryValue("ns") == "upstream.example.com") return false;
    w.Send(404);
    return true;
  };
  const TestServer server(registry_.Handler());
  Check(*NewResolver(To({Host(server.Host())})), "upstream.example.com/testname:latest");
}

TEST_F(RegistryTest, MirrorsResolveOnlyIfTheyMay) {
  FakeRegistry evil;
  evil.Put(ocispec::kMediaTypeImageManifest, "{}", "latest");
  const TestServer mirror(evil.Handler());
  const TestServer server(registry_.Handler());
  RegistryHost first = Host(mirror.Host());
  first.capabilities = kHostCapabilityPull;
  Check(*NewResolver(To({first, Host(server.Host())})), Ref(server));
  EXPECT_THAT(mirror.Requests(), Not(Contains(HasSubstr("manifests/latest"))));
  EXPECT_THAT(mirror.Requests(), Contains(HasSubstr("manifests/sha256")));
  EXPECT_TRUE(errdefs::IsNotFound(NewResolver(To({first}))->Resolve(kCtx, Ref(server)).status()));
}

TEST_F(RegistryTest, ResolveTransientManifestError) {
  const TestServer server(registry_.Handler());
  for (const int status : {500, 502, 503, 504, 408, 429}) {
    std::atomic<int> left = 1;
    registry_.before = [&](const ServerRequest& request, ResponseWriter& w) {
      if (request.path.find("/blobs/") != std::string::npos || left-- <= 0) return false;
      w.Send(status);
      return true;
    };
    Check(*NewResolver(), Ref(server));
  }
  // An error other than 404 is not a reason to look among the blobs.
  registry_.before = [](const ServerRequest& request, ResponseWriter& w) {
    if (request.path.find("/manifests/") == std::string::npos) return false;
    w.Send(400);
    return true;
  };
  auto resolved = NewResolver()->Resolve(kCtx, Ref(server, "@" + manifest_.digest));
  EXPECT_EQ(errors::AsUnexpectedStatus(resolved.status())->status_code, 400);
  EXPECT_FALSE(errdefs::IsNotFound(resolved.status()));
}

TEST_F(RegistryTest, Resolve404ManifestFallback) {
  registry_.before = [](const ServerRequest& request, ResponseWriter& w) {
    if (request.path.find("/manifests/") == std::string::npos) return false;
    w.Send(404);
    return true;
  };
  const TestServer server(registry_.Handler());
  auto resolved = NewResolver()->Resolve(kCtx, Ref(server, "@" + manifest_.digest));
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ(resolved->desc.digest, manifest_.digest);
  EXPECT_EQ(resolved->desc.media_type, "application/octet-stream");
}

TEST_F(RegistryTest, WaitsAsLongAsTheRegistrySays) {
  std::atomic<int> left = 1;
  registry_.before = [&](const ServerRequest&, ResponseWriter& w) {
    if (left-- <= 0) return false;
    w.header.Set("Retry-After", "3600");
    w.Send(429);
    return true;
  };
  const TestServer server(registry_.Handler());
  // Which is longer than this context lives.
  auto resolved = NewResolver()->Resolve(WithTimeout(kCtx, absl::Seconds(1)), Ref(server));
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(resolved.status())) << resolved.status();
  EXPECT_EQ(server.Requests().size(), 1U);
}

TEST_F(RegistryTest, RepeatsAfterTransportErrors) {
  const TestServer server(registry_.Handler());
  std::atomic<int> left = 2;
  registry_.before = [&](const ServerRequest&, ResponseWriter& w) {
    if (left-- <= 0) return false;
    w.conn().Break();
    return true;
  };
  Check(*NewResolver(), Ref(server));
  // Up to five times.
  left = 1000;
  EXPECT_TRUE(http::IsUnexpectedEOF(NewResolver()->Resolve(kCtx, Ref(server)).status()));
  EXPECT_EQ(left, 995);
  // And not if there is another host.
  left = 1000;
  (void)NewResolver(To({Host(server.Host()), Host("127.0.0.1:1")}))->Resolve(kCtx, Ref(server));
  EXPECT_EQ(left, 999);
}

TEST_F(RegistryTest, ShowsWhatTheRegistrySays) {
  registry_.before = [](const ServerRequest& request, ResponseWriter& w) {
    w.Send(403, request.method == "HEAD"
                    ? ""
                    : R"({"errors":[{"code":"DENIED","message":"key vault access denied"}]})");
    return true;
  };
  const TestServer server(registry_.Handler());
  const absl::Status s = NewResolver()->Resolve(kCtx, Ref(server)).status();
  EXPECT_TRUE(errdefs::IsPermissionDenied(s));
  EXPECT_THAT(s.ToString(), HasSubstr("key vault access denied"));
  EXPECT_EQ(AsErrors(s)->errors().front().code, ErrorCodeDenied());
  EXPECT_EQ(errors::AsUnexpectedStatus(s)->request_method, "HEAD");
}

TEST_F(RegistryTest, WarningHandler) {
  class Handler final : public WarningHandler {
   public:
    void Warn(const Context&, const WarningSource& src, std::string_view warning) override {
      std::lock_guard lock(mu);
      got.push_back(fmt::format("{} {} {}", warning, src.ref.String(), src.digest));
    }
    std::mutex mu;
    std::vector<std::string> got;
  };
  registry_.before = [](const ServerRequest&, ResponseWriter& w) {
    w.header.Set("Warning", "299 - \"old\"");
    return false;
  };
  const TestServer server(registry_.Handler());
  const auto handler = std::make_shared<Handler>();
  const auto resolver = NewResolver({.warning_handler = handler});
  const std::string ref = Ref(server);
  ASSERT_TRUE(resolver->Resolve(kCtx, ref).ok());
  ASSERT_TRUE(Read(**resolver->Fetcher(kCtx, ref), layer_).ok());
  EXPECT_THAT(handler->got, ElementsAre(fmt::format("old {} {}", ref, manifest_.digest),
                                        fmt::format("old {} {}", ref, layer_.digest)));
}

TEST_F(RegistryTest, ResolverErrorStatusCodeOnFetch) {
  // HEAD says too little, so that GET's answer counts.
  for (const int code : {400, 404, 500, 502}) {
    registry_.before = [&](const ServerRequest& request, ResponseWriter& w) {
      if (request.path.find("/manifests/") == std::string::npos) return false;
      w.Send(request.method == "GET" ? code : 200);
      return true;
    };
    const TestServer server(registry_.Handler());
    const auto answer =
        errors::AsUnexpectedStatus(NewResolver()->Resolve(kCtx, Ref(server)).status());
    ASSERT_TRUE(answer.has_value()) << code;
    EXPECT_EQ(answer->status_code, code);
  }
}

TEST_F(RegistryTest, OneGetAfterAForbiddenHead) {
  std::atomic<int> gets = 0;
  std::atomic<int> code = 403;
  std::atomic<bool> breaks = false;
  registry_.before = [&](const ServerRequest& request, ResponseWriter& w) {
    if (request.method == "GET") {
      ++gets;
      if (breaks) {
        w.conn().Break();
        return true;
      }
    }
    w.Send(code, R"({"errors":[{"code":"DENIED","message":"forbidden"}]})");
    return true;
  };
  const TestServer server(registry_.Handler());
  EXPECT_THAT(NewResolver()->Resolve(kCtx, Ref(server)).status().ToString(), HasSubstr("403"));
  EXPECT_EQ(gets, 1);
  // If that fails, the first answer counts.
  breaks = true;
  EXPECT_THAT(NewResolver()->Resolve(kCtx, Ref(server)).status().ToString(), HasSubstr("403"));
  // A 404 is asked about once, too.
  breaks = false;
  gets = 0;
  code = 404;
  EXPECT_TRUE(errdefs::IsNotFound(NewResolver()->Resolve(kCtx, Ref(server)).status()));
  EXPECT_EQ(gets, 1);
}

TEST_F(RegistryTest, ResolveProxyFallback) {
  // A mirror that serves others' names is asked with ns, and the host itself without.
  registry_.before = [](const ServerRequest& request, ResponseWriter& w) {
    if (request.QueryValue("ns").empty()) return false;
    w.Send(404);
    return true;
  };
  const TestServer server(registry_.Handler());
  const auto resolver =
      NewResolver(To({Host(fmt::format("localhost:{}", server.port())), Host(server.Host())}));
  Check(*resolver, Ref(server));
  EXPECT_THAT(server.Requests(), Contains(HasSubstr("?ns=127.0.0.1")));
}

TEST_F(RegistryTest, ResolverOptionsRace) {
  const TestServer server(registry_.Handler());
  const auto resolver = NewResolver();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 5; ++n) {
        resolver->SetOptions({transfer::WithMaxConcurrentDownloads(i + n)});
        auto fetcher = resolver->Fetcher(kCtx, Ref(server));
        auto data = Read(**fetcher, config_);
        EXPECT_TRUE(data.ok()) << data.status();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(RegistryTest, ManyAtOnceThroughOneResolver) {
  const TestServer server(registry_.Handler());
  const auto resolver = NewResolver();
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) threads.emplace_back([&] { Check(*resolver, Ref(server)); });
  for (std::thread& thread : threads) thread.join();
  // Connections are used again: there are no more than requests at once.
  EXPECT_LE(server.connections(), 8);
  EXPECT_EQ(server.Requests().size(), 8U * 4U);
}

}  // namespace
}  // namespace containerd::remotes::docker
