// SPDX-License-Identifier: Apache-2.0
//
// Resolver, fetcher, pusher and authorizer against a registry on the loopback.
#include <atomic>
#include <future>
#include <thread>
#include <zlib.h>

#include <absl/strings/escaping.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/compression/compression.h"
#include "containerd/content/helpers.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/mediatypes.h"
#include "containerd/remotes/docker/config.h"
#include "containerd/remotes/docker/errcode.h"
#include "containerd/remotes/docker/resolver.h"
#include "containerd/remotes/errors.h"
#include "containerd/remotes/handlers.h"

#include "tests/unit/docker/fake_registry.h"
#include "tests/unit/remotes/memory_store.h"

namespace containerd::remotes::docker {
namespace {

using http::testing::MakeCert;
using http::testing::TestCert;
using remotes::testing::MemoryStore;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::FakeRegistry;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::ResponseWriter;
using testing::ServerRequest;
using testing::TestServer;

const Context kCtx = Context::Background();

std::string Pattern(std::size_t n) {
  std::string out(n, '\0');
  unsigned x = 12345;
  for (char& c : out) {
    x = x * 1103515245 + 12345;
    c = static_cast<char>(x >> 16);
  }
  return out;
}

// A registry with one image, "<host>/testname:latest".
class RegistryTest : public ::testing::Test {
 protected:
  RegistryTest() {
    config_ = registry_.Put(ocispec::kMediaTypeImageConfig, R"({"os":"linux"})");
    layer_data_ = Pattern(300'000);
    layer_ = registry_.Put(ocispec::kMediaTypeImageLayerGzip, layer_data_);
    ocispec::Manifest manifest;
    manifest.schema_version = 2;
    manifest.media_type = ocispec::kMediaTypeImageManifest;
    manifest.config = config_;
    manifest.layers = {layer_};
    manifest_data_ = ocispec::Marshal(manifest);
    manifest_ = registry_.Put(ocispec::kMediaTypeImageManifest, manifest_data_, "latest");
  }

  static std::string Ref(const TestServer& server, std::string_view tag = ":latest") {
    return fmt::format("{}/testname{}", server.Host(), tag);
  }

  // Resolves the image and fetches all of it.
  void Check(Resolver& resolver, const std::string& ref) {
    auto resolved = resolver.Resolve(kCtx, ref);
    ASSERT_TRUE(resolved.ok()) << resolved.status();
    EXPECT_EQ(resolved->name, ref);
    EXPECT_EQ(resolved->desc, manifest_);
    auto fetcher = resolver.Fetcher(kCtx, ref);
    ASSERT_TRUE(fetcher.ok());
    for (const ocispec::Descriptor& desc : {manifest_, config_, layer_}) {
      auto data = Read(**fetcher, desc);
      ASSERT_TRUE(data.ok()) << data.status();
      EXPECT_TRUE(digest::FromString(*data).String() == desc.digest);
    }
  }

  static absl::StatusOr<std::string> Read(Fetcher& fetcher, const ocispec::Descriptor& desc,
                                          const Context& ctx = kCtx) {
    auto reader = fetcher.Fetch(ctx, desc);
    if (!reader.ok()) return reader.status();
    return io::ReadAll(ctx, **reader, std::size_t{1} << 30);
  }

  static RegistryHost Host(const std::string& host) {
    return {
        .client = std::make_shared<http::Client>(http::Client{.transport = http::NewTransport()}),
        .host = host,
        .scheme = "http",
        .path = "/v2",
        .capabilities = kAllHostCapabilities};
  }

  static ResolverOptions To(std::vector<RegistryHost> hosts) {
    return {.hosts = [hosts = std::move(hosts)](std::string_view) { return hosts; }};
  }

  FakeRegistry registry_;
  ocispec::Descriptor config_, layer_, manifest_;
  std::string layer_data_, manifest_data_;
};

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
  auto resolved = NewResolver()->Resolve(WithTimeout(kCtx, absl::Milliseconds(50)), Ref(server));
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

// ---- Authorization ----

// A token server, and what guards the registry with its tokens.
class TokenTest : public RegistryTest {
 protected:
  void Guard(std::string token = "perfectlyvalidopaquetoken") {
    registry_.before = [this, token](const ServerRequest& request, ResponseWriter& w) {
      const std::string authorization = request.header.Get("Authorization");
      if (authorization == "Bearer " + token) return false;
      std::string challenge = fmt::format(
          "Bearer realm=\"{}\",service=registry,scope=\"repository:testname:pull,pull\"",
          tokens_->Url("/token"));
      if (authorization == "Bearer insufficientscope") challenge += ",error=\"insufficient_scope\"";
      w.header.Set("WWW-Authenticate", challenge);
      w.Send(401);
      return true;
    };
  }

  void Tokens(TestServer::Handler handler) {
    tokens_ = std::make_unique<TestServer>(
        [this, handler](const ServerRequest& request, ResponseWriter& w) {
          ++asked_;
          handler(request, w);
        });
  }

  static CredentialsFunc Creds(std::string username, std::string secret) {
    return [=](const Context&, std::string_view) { return Credentials{username, secret}; };
  }

  static std::string Form(const ServerRequest& request, std::string_view key) {
    for (const auto& [k, v] : http::ParseQuery(request.body)) {
      if (k == key) return v;
    }
    return "";
  }

  std::unique_ptr<TestServer> tokens_;
  std::atomic<int> asked_ = 0;
};

constexpr char kGood[] = R"({"access_token":"perfectlyvalidopaquetoken"})";
constexpr char kBad[] = R"({"access_token":"insufficientscope"})";

TEST_F(TokenTest, AnonymousTokenResolver) {
  Tokens([](const ServerRequest& request, ResponseWriter& w) {
    if (request.method != "GET") return w.Send(405);
    EXPECT_EQ(request.QueryValue("service"), "registry");
    EXPECT_EQ(request.QueryValue("scope"), "repository:testname:pull");
    EXPECT_EQ(request.header.Get("Authorization"), "");
    w.Send(200, R"({"token":"perfectlyvalidopaquetoken","expires_in":3600,"issued_at":"2020"})");
  });
  Guard();
  const TestServer server(registry_.Handler());
  Check(*NewResolver(), Ref(server));
  EXPECT_EQ(asked_, 1);
}

TEST_F(TokenTest, BasicAuthTokenResolver) {
  Tokens([](const ServerRequest& request, ResponseWriter& w) {
    if (request.method != "GET") return w.Send(405);
    w.Send(200,
           request.header.Get("Authorization") == "Basic " + absl::Base64Escape("user1:password1")
               ? kGood
               : kBad);
  });
  Guard();
  const TestServer server(registry_.Handler());
  Check(*NewResolver({.credentials = Creds("user1", "password1")}), Ref(server));
}

TEST_F(TokenTest, PostTokenResolvers) {
  struct Case {
    const char* username;
    const char* secret;
    const char* grant;
  };
  for (const Case& c :
       {Case{"", "somerefreshtoken", "refresh_token"}, Case{"user1", "password1", "password"}}) {
    Tokens([&](const ServerRequest& request, ResponseWriter& w) {
      if (request.method != "POST") return w.Send(405);
      const bool good = Form(request, "grant_type") == c.grant &&
                        Form(request, "client_id") == "containerd-client" &&
                        Form(request, "service") == "registry" &&
                        (*c.username == '\0' ? Form(request, "refresh_token") == c.secret
                                             : Form(request, "username") == c.username &&
                                                   Form(request, "password") == c.secret);
      w.Send(200, good ? kGood : kBad);
    });
    Guard();
    const TestServer server(registry_.Handler());
    Check(*NewResolver({.credentials = Creds(c.username, c.secret)}), Ref(server));
  }
}

TEST_F(TokenTest, FetchRefreshToken) {
  for (const bool disable_post : {false, true}) {
    Tokens([&](const ServerRequest& request, ResponseWriter& w) {
      if (disable_post && request.method == "POST") return w.Send(404);
      const bool asks = disable_post ? request.QueryValue("offline_token") == "true"
                                     : Form(request, "access_type") == "offline";
      w.Send(200, fmt::format(R"({{"access_token":"perfectlyvalidopaquetoken",)"
                              R"("refresh_token":"{}"}})",
                              asks ? "refresh" : ""));
    });
    Guard();
    const TestServer server(registry_.Handler());
    std::string got;
    const auto authorizer =
        NewDockerAuthorizer({WithAuthCreds(Creds("u", "p")),
                             WithFetchRefreshToken([&](const Context&, std::string_view token,
                                                       const http::Request&) { got = token; })});
    RegistryHost host = Host(server.Host());
    host.authorizer = authorizer;
    Check(*NewResolver(To({host})), Ref(server));
    EXPECT_EQ(got, "refresh");
  }
}

TEST_F(TokenTest, BadTokenResolver) {
  Tokens([](const ServerRequest& request, ResponseWriter& w) {
    if (request.method != "POST") return w.Send(405);
    w.Send(200, kBad);
  });
  Guard();
  const TestServer server(registry_.Handler());
  auto resolved =
      NewResolver({.credentials = Creds("", "somerefreshtoken")})->Resolve(kCtx, Ref(server));
  EXPECT_TRUE(IsErrInvalidAuthorization(resolved.status())) << resolved.status();
}

TEST_F(TokenTest, A401ThatNeverEndsIsBounded) {
  Tokens([](const ServerRequest&, ResponseWriter& w) { w.Send(200, kGood); });
  Guard("another");
  const TestServer server(registry_.Handler());
  auto resolved = NewResolver()->Resolve(kCtx, Ref(server));
  EXPECT_FALSE(resolved.ok());
  EXPECT_LE(server.Requests().size(), 6U);
}

TEST_F(TokenTest, TokensExpire) {
  Tokens([this](const ServerRequest&, ResponseWriter& w) {
    w.Send(200, fmt::format(R"({{"token":"t{}","expires_in":100000}})", asked_.load()));
  });
  std::atomic<int> valid = 1;
  registry_.before = [&](const ServerRequest& request, ResponseWriter& w) {
    if (request.header.Get("Authorization") == fmt::format("Bearer t{}", valid.load())) {
      return false;
    }
    w.header.Set("WWW-Authenticate", fmt::format("Bearer realm=\"{}\"", tokens_->Url("/t")));
    w.Send(401);
    return true;
  };
  const TestServer server(registry_.Handler());
  const auto resolver = NewResolver();
  Check(*resolver, Ref(server));
  EXPECT_EQ(asked_, 1);
  // The registry takes the old one no more, whatever it said about its life.
  valid = 2;
  Check(*resolver, Ref(server));
  EXPECT_EQ(asked_, 2);
}

TEST_F(TokenTest, ManyAtOnceFetchOneToken) {
  Tokens([](const ServerRequest&, ResponseWriter& w) { w.Send(200, kGood); });
  Guard();
  const TestServer server(registry_.Handler());
  const auto resolver = NewResolver();
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      auto data = Read(**resolver->Fetcher(kCtx, Ref(server)), layer_);
      EXPECT_TRUE(data.ok()) << data.status();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(asked_, 1);
}

TEST_F(TokenTest, ATokenServersErrorIsTold) {
  Tokens([](const ServerRequest&, ResponseWriter& w) { w.Send(503, "no"); });
  Guard();
  const TestServer server(registry_.Handler());
  auto resolved = NewResolver()->Resolve(kCtx, Ref(server));
  EXPECT_EQ(errors::AsUnexpectedStatus(resolved.status())->status_code, 503);
  EXPECT_THAT(resolved.status().ToString(), HasSubstr("failed to fetch anonymous token"));
  for (const char* body : {"", "{}", "[]", R"({"token":""})"}) {
    Tokens([body](const ServerRequest&, ResponseWriter& w) { w.Send(200, body); });
    EXPECT_FALSE(NewResolver()->Resolve(kCtx, Ref(server)).ok()) << body;
  }
}

class BasicTest : public TokenTest {
 protected:
  BasicTest() {
    registry_.before = [](const ServerRequest& request, ResponseWriter& w) {
      const std::string authorization = request.header.Get("Authorization");
      if (authorization == "Basic " + absl::Base64Escape("totallyvaliduser:totallyvalidpassword")) {
        return false;
      }
      w.header.Set("WWW-Authenticate", "Basic realm=localhost");
      w.Send(authorization.empty() ? 401 : 403);
      return true;
    };
  }
};

TEST_F(BasicTest, BasicAuthResolver) {
  const TestServer server(registry_.Handler());
  Check(*NewResolver({.credentials = Creds("totallyvaliduser", "totallyvalidpassword")}),
        Ref(server));
  auto missing = NewResolver({.credentials = Creds("", "")})->Resolve(kCtx, Ref(server));
  EXPECT_TRUE(IsErrInvalidAuthorization(missing.status()));
  EXPECT_THAT(missing.status().ToString(), HasSubstr("no basic auth credentials"));
  auto wrong =
      NewResolver({.credentials = Creds("totallyvaliduser", "wrong")})->Resolve(kCtx, Ref(server));
  EXPECT_EQ(errors::AsUnexpectedStatus(wrong.status())->status_code, 403);
}

TEST_F(BasicTest, CredentialsDoNotFollowARedirect) {
  std::atomic<bool> leaked = false;
  std::atomic<bool> demands = false;
  const TestServer elsewhere([&](const ServerRequest& request, ResponseWriter& w) {
    if (request.header.Has("Authorization") || request.header.Has("X-Secret") ||
        request.header.Has("X-Host-Secret")) {
      leaked = true;
    }
    if (demands) {
      w.header.Set("WWW-Authenticate", "Basic realm=mine");
      return w.Send(401);
    }
    w.Send(200, layer_data_);
  });
  const auto guard = registry_.before;
  registry_.before = [&](const ServerRequest& request, ResponseWriter& w) {
    if (guard(request, w)) return true;
    if (request.path.find("/blobs/") == std::string::npos) return false;
    w.header.Set("Location", elsewhere.Url("/blob?signature=x"));
    w.Send(307);
    return true;
  };
  const TestServer server(registry_.Handler());
  RegistryHost host = Host(server.Host());
  host.header.Set("X-Host-Secret", "2");
  host.authorizer =
      NewDockerAuthorizer({WithAuthCreds(Creds("totallyvaliduser", "totallyvalidpassword"))});
  ResolverOptions options = To({host});
  options.headers.Set("X-Secret", "1");
  auto fetcher = *NewResolver(options)->Fetcher(kCtx, Ref(server));
  auto data = Read(*fetcher, layer_);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_TRUE(*data == layer_data_);
  demands = true;
  auto refused = Read(*fetcher, layer_);
  EXPECT_TRUE(errdefs::IsUnauthorized(refused.status())) << refused.status();
  EXPECT_THAT(refused.status().ToString(), Not(HasSubstr("signature=x")));
  EXPECT_FALSE(leaked);
}

TEST_F(RegistryTest, RedirectLoopsEnd) {
  registry_.before = [](const ServerRequest& request, ResponseWriter& w) {
    w.header.Set("Location", request.target + "x");
    w.Send(302);
    return true;
  };
  const TestServer server(registry_.Handler());
  auto resolved = NewResolver()->Resolve(kCtx, Ref(server));
  EXPECT_THAT(resolved.status().ToString(), HasSubstr("stopped after 10 redirects"));
  EXPECT_EQ(server.Requests().size(), 11U);
}

// ---- Fetching ----

TEST_F(RegistryTest, ResumesWhereTheConnectionBroke) {
  std::atomic<int> broken = 0;
  registry_.before = [&](const ServerRequest& request, ResponseWriter& w) {
    if (request.path.find("/blobs/") == std::string::npos) return false;
    std::size_t from = 0;
    const std::string range = request.header.Get("Range");
    if (range.starts_with("bytes=")) from = static_cast<std::size_t>(std::atoi(range.c_str() + 6));
    if (layer_data_.size() - from <= 65536) return false;
    w.header.Set("Content-Length", fmt::format("{}", layer_data_.size() - from));
    if (from > 0) {
      w.header.Set("Content-Range",
                   fmt::format("bytes {}-{}/{}", from, layer_data_.size() - 1, layer_data_.size()));
    }
    w.SendHeader(from > 0 ? 206 : 200);
    w.conn().Write(std::string_view(layer_data_).substr(from, 65536));
    w.conn().Break();
    ++broken;
    return true;
  };
  const TestServer server(registry_.Handler());
  auto data = Read(**NewResolver()->Fetcher(kCtx, Ref(server)), layer_);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_TRUE(*data == layer_data_);
  EXPECT_EQ(broken, 4);
}

TEST_F(RegistryTest, GivesUpWithoutProgress) {
  std::atomic<int> asked = 0;
  registry_.before = [&](const ServerRequest& request, ResponseWriter& w) {
    if (request.path.find("/blobs/") == std::string::npos) return false;
    ++asked;
    w.header.Set("Content-Length", "300000");
    w.SendHeader(200);
    w.conn().Break();
    return true;
  };
  const TestServer server(registry_.Handler());
  auto data = Read(**NewResolver()->Fetcher(kCtx, Ref(server)), layer_);
  EXPECT_TRUE(http::IsUnexpectedEOF(data.status())) << data.status();
  EXPECT_EQ(asked, 4);
}

TEST_F(RegistryTest, AStalledBodyEndsWithTheContext) {
  registry_.before = [&](const ServerRequest& request, ResponseWriter& w) {
    if (request.path.find("/blobs/") == std::string::npos) return false;
    w.header.Set("Content-Length", "300000");
    w.SendHeader(200);
    w.conn().Write("some");
    w.conn().AwaitClose();
    w.conn().Break();
    return true;
  };
  const TestServer server(registry_.Handler());
  auto data = Read(**NewResolver()->Fetcher(kCtx, Ref(server)), layer_,
                   WithTimeout(kCtx, absl::Milliseconds(100)));
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(data.status())) << data.status();
}

TEST_F(RegistryTest, SeeksWithAndWithoutRanges) {
  const TestServer server(registry_.Handler());
  for (const bool ranges : {true, false}) {
    registry_.ranges = ranges;
    auto reader = (*NewResolver()->Fetcher(kCtx, Ref(server)))->Fetch(kCtx, layer_);
    ASSERT_TRUE(reader.ok());
    for (const std::int64_t offset : {0L, 25L, 299'999L, 300'000L, 1L}) {
      ASSERT_TRUE((*reader)->Seek(kCtx, offset).ok());
      auto data = io::ReadAll(kCtx, **reader, 1 << 20);
      ASSERT_TRUE(data.ok()) << data.status();
      EXPECT_TRUE(*data == layer_data_.substr(static_cast<std::size_t>(offset))) << offset;
    }
  }
}

TEST_F(RegistryTest, RefusesAnotherRange) {
  registry_.before = [](const ServerRequest& request, ResponseWriter& w) {
    if (!request.header.Has("Range")) return false;
    w.header.Set("Content-Range", "bytes 30-127/128");
    w.Send(206, "x");
    return true;
  };
  const TestServer server(registry_.Handler());
  auto reader = (*NewResolver()->Fetcher(kCtx, Ref(server)))->Fetch(kCtx, layer_);
  ASSERT_TRUE((*reader)->Seek(kCtx, 20).ok());
  EXPECT_THAT(io::ReadAll(kCtx, **reader, 1 << 20).status().ToString(),
              HasSubstr("unhandled content range"));
}

class ParallelTest : public RegistryTest {
 protected:
  std::shared_ptr<ResolverWithOptions> Resolver(int parallelism, std::int64_t chunk) const {
    auto resolver = NewResolver();
    resolver->SetOptions({transfer::WithMaxConcurrentDownloads(parallelism),
                          transfer::WithConcurrentLayerFetchBuffer(chunk),
                          transfer::WithDownloadLimiter(std::make_shared<Semaphore>(parallelism))});
    return resolver;
  }

  void ExpectAll(const TestServer& server, int parallelism, std::int64_t chunk) {
    auto reader = (*Resolver(parallelism, chunk)->Fetcher(kCtx, Ref(server)))->Fetch(kCtx, layer_);
    ASSERT_TRUE(reader.ok());
    for (const std::int64_t offset : {0L, 25L, 299'999L, 300'000L}) {
      ASSERT_TRUE((*reader)->Seek(kCtx, offset).ok());
      auto data = io::ReadAll(kCtx, **reader, 1 << 20);
      ASSERT_TRUE(data.ok()) << data.status();
      EXPECT_TRUE(*data == layer_data_.substr(static_cast<std::size_t>(offset))) << offset;
    }
  }
};

TEST_F(ParallelTest, FetchesRanges) {
  const TestServer server(registry_.Handler());
  ExpectAll(server, 10, 100'000);
  ExpectAll(server, 2, 10'000);
  ExpectAll(server, 4, 299'999);
  ExpectAll(server, 4, 1'000'000);
  ExpectAll(server, 4, 100);  // too small to be worth it
  registry_.content_length = false;
  ExpectAll(server, 4, 100'000);
  registry_.content_length = true;
  registry_.ranges = false;
  ExpectAll(server, 4, 100'000);
}

TEST_F(ParallelTest, RangesAreUnderWayTogether) {
  // Three requests wait for one another.
  std::atomic<int> waiting = 0;
  registry_.before = [&](const ServerRequest& request, ResponseWriter&) {
    if (request.path.find("/blobs/") == std::string::npos) return false;
    if (request.header.Get("Range") == "bytes=0-") return false;
    ++waiting;
    while (waiting < 3) std::this_thread::yield();
    return false;
  };
  const TestServer server(registry_.Handler());
  auto data = Read(**Resolver(4, 75'000)->Fetcher(kCtx, Ref(server)), layer_);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_TRUE(*data == layer_data_);
}

TEST_F(ParallelTest, RepeatsOneRange) {
  std::atomic<int> left = 1;
  registry_.before = [&](const ServerRequest& request, ResponseWriter& w) {
    if (!request.header.Get("Range").starts_with("bytes=100000-") || left-- <= 0) return false;
    w.Send(408);
    return true;
  };
  const TestServer server(registry_.Handler());
  ExpectAll(server, 3, 100'000);
  left = 1000;
  auto data = Read(**Resolver(3, 100'000)->Fetcher(kCtx, Ref(server)), layer_);
  EXPECT_EQ(errors::AsUnexpectedStatus(data.status())->status_code, 408);
  // A range whose connection breaks is taken up again.
  left = 2;
  registry_.before = [&](const ServerRequest& request, ResponseWriter& w) {
    if (!request.header.Get("Range").starts_with("bytes=100000-") || left-- <= 0) return false;
    w.header.Set("Content-Range", "bytes 100000-199999/300000");
    w.header.Set("Content-Length", "100000");
    w.SendHeader(206);
    w.conn().Write(std::string_view(layer_data_).substr(100'000, 5));
    w.conn().Break();
    return true;
  };
  ExpectAll(server, 3, 100'000);
}

TEST_F(ParallelTest, MayBeDroppedInTheMiddle) {
  std::promise<void> closed;
  registry_.before = [&](const ServerRequest& request, ResponseWriter& w) {
    const std::string range = request.header.Get("Range");
    if (range.empty() || range == "bytes=0-") return false;
    w.conn().AwaitClose();
    w.conn().Break();
    return true;
  };
  const TestServer server(registry_.Handler());
  const auto limiter = std::make_shared<Semaphore>(4);
  auto resolver = NewResolver();
  resolver->SetOptions({transfer::WithMaxConcurrentDownloads(4),
                        transfer::WithConcurrentLayerFetchBuffer(10'000),
                        transfer::WithDownloadLimiter(limiter)});
  {
    auto reader = (*resolver->Fetcher(kCtx, Ref(server)))->Fetch(kCtx, layer_);
    std::string buf(1000, '\0');
    ASSERT_TRUE((*reader)->Read(kCtx, buf).ok());
  }
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(limiter->TryAcquire()) << i;
}

std::string Compress(const std::string& data, compression::Compression how) {
  std::string out;
  io::StringWriter writer(&out);
  auto stream = compression::CompressStream(writer, how);
  EXPECT_TRUE((*stream)->Write(kCtx, data).ok());
  EXPECT_TRUE((*stream)->Close(kCtx).ok());
  return out;
}

std::string Deflate(const std::string& data, int window_bits) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY);
  std::string out(data.size() + 1000, '\0');
  std::string in = data;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

TEST_F(RegistryTest, ContentEncoding) {
  using compression::Compression;
  const auto zstd = [](const std::string& s) { return Compress(s, Compression::kZstd); };
  const auto gzip = [](const std::string& s) { return Compress(s, Compression::kGzip); };
  const std::string& data = layer_data_;
  const std::pair<const char*, std::string> cases[] = {
      {"", data},
      {"identity", data},
      {"zstd", zstd(data)},
      {"gzip", gzip(data)},
      {"deflate", Deflate(data, -15)},
      {"deflate", Deflate(data, 15)},
      {"zstd,gzip", gzip(zstd(data))},
      {"gzip,deflate", Deflate(gzip(data), -15)},
      {"GZIP, zstd", zstd(gzip(data))},
      {"gzip,zstd,deflate", Deflate(zstd(gzip(data)), -15)},
  };
  for (const auto& [header, body] : cases) {
    SCOPED_TRACE(header);
    registry_.before = [&](const ServerRequest& request, ResponseWriter& w) {
      EXPECT_EQ(request.header.Get("Accept-Encoding"), "zstd;q=1.0, gzip;q=0.8, deflate;q=0.5");
      w.header.Set("Content-Encoding", header);
      w.Send(200, body);
      return true;
    };
    const TestServer server(registry_.Handler());
    auto reader = (*NewResolver()->Fetcher(kCtx, Ref(server)))->Fetch(kCtx, layer_);
    for (const std::int64_t offset : {0L, 1000L}) {
      ASSERT_TRUE((*reader)->Seek(kCtx, offset).ok());
      auto got = io::ReadAll(kCtx, **reader, 1 << 20);
      ASSERT_TRUE(got.ok()) << got.status();
      EXPECT_TRUE(*got == data.substr(static_cast<std::size_t>(offset)));
    }
  }
  for (const auto& [header, body] :
       {std::pair("gzip", "bad gzip data"), std::pair("br", "x"), std::pair("zstd", "plain")}) {
    registry_.before = [&](const ServerRequest&, ResponseWriter& w) {
      w.header.Set("Content-Encoding", header);
      w.Send(200, body);
      return true;
    };
    const TestServer server(registry_.Handler());
    const auto limiter = std::make_shared<Semaphore>(1);
    auto resolver = NewResolver();
    resolver->SetOptions({transfer::WithDownloadLimiter(limiter)});
    EXPECT_FALSE(Read(**resolver->Fetcher(kCtx, Ref(server)), layer_).ok()) << header;
    EXPECT_TRUE(limiter->TryAcquire()) << header;
  }
}

TEST_F(RegistryTest, FetchErrors) {
  struct Case {
    int status;
    bool last_host;
    const char* body;
    const char* want;
    int requests;
  };
  const char* said = R"({"errors":[{"code":"UNKNOWN","message":"Test Error"}]})";
  const Case cases[] = {
      {500, false, said, "500 Internal Server Error: unknown: Test Error", 1},
      {500, false, "\"Non-docker error\"", "500 Internal Server Error", 1},
      {408, true, "", "408 Request Timeout", 5},
      {429, true, "", "429 Too Many Requests", 5},
      {500, true, said, "500 Internal Server Error: unknown: Test Error", 2},
      {504, true, said, "504 Gateway Timeout: unknown: Test Error", 2},
  };
  for (const Case& c : cases) {
    registry_.before = [&](const ServerRequest&, ResponseWriter& w) {
      w.Send(c.status, c.body);
      return true;
    };
    const TestServer server(registry_.Handler());
    FakeRegistry lacks;
    const TestServer empty(lacks.Handler());
    std::vector<RegistryHost> hosts = {Host(server.Host())};
    if (!c.last_host) hosts.push_back(Host(empty.Host()));
    auto data = Read(**NewResolver(To(hosts))->Fetcher(kCtx, Ref(server)), layer_);
    EXPECT_THAT(data.status().ToString(), HasSubstr(c.want));
    EXPECT_THAT(data.status().ToString(), HasSubstr("unexpected status from GET request to"));
    EXPECT_EQ(server.Requests().size(), static_cast<std::size_t>(c.requests));
  }
  registry_.before = nullptr;
  const TestServer server(registry_.Handler());
  auto fetcher = *NewResolver()->Fetcher(kCtx, Ref(server));
  ocispec::Descriptor none = layer_;
  none.digest = digest::FromString("none").String();
  EXPECT_TRUE(errdefs::IsNotFound(Read(*fetcher, none).status()));
  none.digest = "sha256:../../../x";
  EXPECT_TRUE(errdefs::IsInvalidArgument(Read(*fetcher, none).status()));
}

TEST_F(RegistryTest, FetchesFromUrlsOfTheDescriptor) {
  const TestServer elsewhere([&](const ServerRequest& request, ResponseWriter& w) {
    EXPECT_FALSE(request.header.Has("X-Secret"));
    if (request.path != "/there") return w.Send(404);
    w.Send(200, "foreign" + request.query);
  });
  const TestServer server(registry_.Handler());
  ResolverOptions options;
  options.headers.Set("X-Secret", "1");
  auto fetcher = *NewResolver(options)->Fetcher(kCtx, Ref(server));
  ocispec::Descriptor foreign = layer_;
  foreign.size = 11;
  foreign.urls = {"ftp://x/y", "::", elsewhere.Url("/lost"), elsewhere.Url("/there?a=1")};
  EXPECT_EQ(*Read(*fetcher, foreign), "foreigna=1");
  foreign = layer_;
  foreign.urls = {elsewhere.Url("/lost")};
  EXPECT_TRUE(*Read(*fetcher, foreign) == layer_data_);
}

TEST_F(RegistryTest, FetchByDigest) {
  const TestServer server(registry_.Handler());
  auto fetcher = *NewResolver()->Fetcher(kCtx, Ref(server));
  auto* by_digest = dynamic_cast<FetcherByDigest*>(fetcher.get());
  ASSERT_NE(by_digest, nullptr);
  auto got = by_digest->FetchByDigest(kCtx, layer_.digest);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->desc.media_type, "application/octet-stream");
  EXPECT_EQ(got->desc.size, layer_.size);
  EXPECT_TRUE(*io::ReadAll(kCtx, *got->reader, 1 << 20) == layer_data_);
  got = by_digest->FetchByDigest(kCtx, config_.digest, {WithMediaType("my/type")});
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->desc.media_type, "my/type");
  EXPECT_TRUE(
      errdefs::IsNotFound(by_digest->FetchByDigest(kCtx, digest::FromString("none")).status()));
  // What is among the manifests only.
  registry_.before = [](const ServerRequest& request, ResponseWriter& w) {
    if (request.path.find("/blobs/") == std::string::npos) return false;
    w.Send(404);
    return true;
  };
  got = by_digest->FetchByDigest(kCtx, manifest_.digest);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(*io::ReadAll(kCtx, *got->reader, 1 << 20), manifest_data_);
}

TEST_F(RegistryTest, FetchReferrers) {
  ocispec::Index index;
  index.schema_version = 2;
  for (const char* type : {"application/vnd.test.sig", "application/vnd.test.sbom"}) {
    ocispec::Descriptor desc = registry_.Put(ocispec::kMediaTypeImageManifest, type);
    desc.artifact_type = type;
    index.manifests.push_back(desc);
  }
  std::string body = ocispec::Marshal(index);
  bool endpoint = true;
  bool chunked = false;
  std::string last;
  registry_.before = [&](const ServerRequest& request, ResponseWriter& w) {
    std::string tag = manifest_.digest;
    tag[tag.find(':')] = '-';
    const bool asked = (endpoint && request.path.find("/referrers/") != std::string::npos) ||
                       request.path.ends_with("/manifests/" + tag);
    if (!asked) return false;
    last = request.target;
    if (chunked) {
      w.header.Set("Transfer-Encoding", "chunked");
      w.SendHeader(200);
      w.Chunk(body);
      w.Chunk("");
    } else {
      w.Send(200, body);
    }
    return true;
  };
  const TestServer server(registry_.Handler());
  auto fetcher = *NewResolver()->Fetcher(kCtx, Ref(server));
  auto* referrers = dynamic_cast<ReferrersFetcher*>(fetcher.get());
  ASSERT_NE(referrers, nullptr);
  for (int i = 0; i < 4; ++i) {
    endpoint = i % 2 == 0;
    chunked = i / 2 == 1;
    auto got = referrers->FetchReferrers(kCtx, manifest_.digest);
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(got->size(), 2U);
    for (const ocispec::Descriptor& desc : *got)
      EXPECT_EQ(*Read(*fetcher, desc), desc.artifact_type);
    got = referrers->FetchReferrers(kCtx, manifest_.digest,
                                    {WithReferrerArtifactTypes({"application/vnd.test.sig"}),
                                     WithReferrerQueryFilter("k", "v w")});
    ASSERT_TRUE(got.ok());
    ASSERT_EQ(got->size(), 1U);
    EXPECT_EQ(got->front().artifact_type, "application/vnd.test.sig");
    if (endpoint) {
      EXPECT_THAT(last, HasSubstr("?artifactType=application%2Fvnd.test.sig&k=v+w"));
    }
  }
  EXPECT_TRUE(referrers->FetchReferrers(kCtx, layer_.digest)->empty());
  body = std::string(kMaxManifestSize + 1, ' ');
  chunked = false;
  auto huge = referrers->FetchReferrers(kCtx, manifest_.digest);
  EXPECT_TRUE(errdefs::IsNotFound(huge.status()));
  EXPECT_THAT(huge.status().ToString(), HasSubstr("exceeds maximum allowed"));
  chunked = true;
  EXPECT_FALSE(referrers->FetchReferrers(kCtx, manifest_.digest).ok());
  body = ocispec::Marshal(index) + "x";
  EXPECT_FALSE(referrers->FetchReferrers(kCtx, manifest_.digest).ok());
}

// ---- Pushing ----

class PushTest : public TokenTest {
 protected:
  static ocispec::Descriptor Describe(std::string_view media_type, const std::string& data) {
    return {.media_type = std::string(media_type),
            .digest = digest::FromString(data).String(),
            .size = static_cast<std::int64_t>(data.size())};
  }

  static absl::Status Push(Pusher& pusher, const ocispec::Descriptor& desc,
                           const std::string& data) {
    auto* ingester = dynamic_cast<content::Ingester*>(&pusher);
    auto writer = ingester->Writer(
        kCtx, {content::WithRef(MakeRefKey(kCtx, desc)), content::WithDescriptor(desc)});
    if (!writer.ok()) return writer.status();
    io::StringReader reader(data);
    return content::Copy(kCtx, **writer, reader, desc.size, desc.digest);
  }

  std::shared_ptr<Pusher> MakePusher(const TestServer& server, ResolverOptions options = {}) {
    auto pusher = NewResolver(std::move(options))->Pusher(kCtx, Ref(server, ":pushed"));
    EXPECT_TRUE(pusher.ok());
    return *pusher;
  }
};

TEST_F(PushTest, PushesAnImage) {
  const TestServer server(registry_.Handler());
  const auto store = std::make_shared<MemoryStore>();
  const auto layer = store->Put(ocispec::kMediaTypeImageLayer, Pattern(5'000'000));
  const auto config = store->Put(ocispec::kMediaTypeImageConfig, "{}");
  ocispec::Manifest manifest;
  manifest.schema_version = 2;
  manifest.config = config;
  manifest.layers = {layer};
  const auto target = store->Put(ocispec::kMediaTypeImageManifest, ocispec::Marshal(manifest));
  const auto pusher = MakePusher(server);
  absl::Status s = PushContent(kCtx, pusher, target, store, 4, platforms::All());
  ASSERT_TRUE(s.ok()) << s;
  for (const auto& desc : {layer, config, target}) {
    EXPECT_TRUE(registry_.Data(desc.digest) == store->Blob(desc.digest));
  }
  EXPECT_EQ(registry_.Data("pushed"), store->Blob(target.digest));
  // Again, by another: nothing is sent.
  const std::size_t before = server.Requests().size();
  ASSERT_TRUE(PushContent(kCtx, MakePusher(server), target, store, 4, platforms::All()).ok());
  const auto requests = server.Requests();
  for (std::size_t i = before; i < requests.size(); ++i)
    EXPECT_THAT(requests[i], HasSubstr("HEAD"));
  EXPECT_EQ(requests.size() - before, 3U);
}

TEST_F(PushTest, ChunkedUpload) {
  const TestServer server(registry_.Handler());
  const std::string data = Pattern(1'000'001);
  for (const std::int64_t chunk : {100'000, 333'334, 1'000'000, 1'000'001}) {
    FakeRegistry fresh;
    std::atomic<int> failures = 1;
    fresh.before = [&](const ServerRequest& request, ResponseWriter& w) {
      if (request.method != "PATCH" || failures-- <= 0) return false;
      w.Send(503);
      return true;
    };
    const TestServer target(fresh.Handler());
    const auto desc = Describe(ocispec::kMediaTypeImageLayer, data);
    absl::Status s = Push(*MakePusher(target, {.upload_chunk_size = chunk}), desc, data);
    ASSERT_TRUE(s.ok()) << chunk << s;
    EXPECT_TRUE(fresh.Data(desc.digest) == data);
  }
}

TEST_F(PushTest, ErrClosedRetry) {
  const TestServer server(registry_.Handler());
  const auto pusher = MakePusher(server);
  const std::string data = "test";
  const auto desc = Describe(ocispec::kMediaTypeImageLayerGzip, data);
  registry_.before = [](const ServerRequest& request, ResponseWriter& w) {
    if (request.method != "PUT") return false;
    w.Send(403);
    return true;
  };
  EXPECT_FALSE(Push(*pusher, desc, data).ok());
  registry_.before = nullptr;
  absl::Status s = Push(*pusher, desc, data);
  EXPECT_TRUE(s.ok()) << s;
}

TEST_F(PushTest, CustomNamespaceAndQueryOfTheLocation) {
  const TestServer server(registry_.Handler());
  auto pusher = *NewResolver(To({Host(server.Host())}))->Pusher(kCtx, "example.com/a:b");
  ASSERT_TRUE(Push(*pusher, Describe(ocispec::kMediaTypeImageLayer, "test"), "test").ok());
  EXPECT_THAT(server.Requests(),
              Contains(AllOf(HasSubstr("PUT /upload?_state=a%2Bb&digest=sha256%3A"),
                             HasSubstr("&ns=example.com"))));
}

TEST_F(PushTest, MissingDigestHeader) {
  registry_.digest_header = false;
  const TestServer server(registry_.Handler());
  EXPECT_TRUE(
      Push(*MakePusher(server), Describe(ocispec::kMediaTypeImageLayer, "test"), "test").ok());
}

TEST_F(PushTest, HTTPFallbackKeepsTheAuthorizer) {
  const TestServer server(registry_.Handler());
  registry_.location_prefix = server.Url();
  registry_.before = [](const ServerRequest& request, ResponseWriter& w) {
    if (request.header.Get("Authorization") == "Basic " + absl::Base64Escape("u:p")) return false;
    w.header.Set("WWW-Authenticate", "Basic realm=x");
    w.Send(401);
    return true;
  };
  RegistryHost host = Host(server.Host());
  host.scheme = "https";
  host.client = std::make_shared<http::Client>(
      http::Client{.transport = NewHTTPFallback(http::NewTransport())});
  host.authorizer = NewDockerAuthorizer({WithAuthCreds(Creds("u", "p"))});
  auto pusher = *NewResolver(To({host}))->Pusher(kCtx, Ref(server, ":x"));
  absl::Status s = Push(*pusher, Describe(ocispec::kMediaTypeImageLayer, "test"), "test");
  EXPECT_TRUE(s.ok()) << s;
}

TEST_F(PushTest, UploadsElsewhereGetNoCredentials) {
  std::atomic<bool> leaked = false;
  FakeRegistry other;
  other.before = [&](const ServerRequest& request, ResponseWriter&) {
    if (request.header.Has("Authorization") || request.header.Has("X-Host")) leaked = true;
    return false;
  };
  const TestServer elsewhere(other.Handler());
  registry_.location_prefix = elsewhere.Url();
  registry_.before = [](const ServerRequest& request, ResponseWriter& w) {
    if (request.header.Has("Authorization")) return false;
    w.header.Set("WWW-Authenticate", "Basic realm=x");
    w.Send(401);
    return true;
  };
  const TestServer server(registry_.Handler());
  RegistryHost host = Host(server.Host());
  host.header.Set("X-Host", "1");
  host.authorizer = NewDockerAuthorizer({WithAuthCreds(Creds("u", "p"))});
  auto pusher = *NewResolver(To({host}))->Pusher(kCtx, Ref(server, ":x"));
  const auto desc = Describe(ocispec::kMediaTypeImageLayer, "test");
  absl::Status s = Push(*pusher, desc, "test");
  EXPECT_TRUE(s.ok()) << s;
  EXPECT_EQ(other.Data(desc.digest), "test");
  EXPECT_FALSE(leaked);
}

TEST_F(PushTest, ErrReset) {
  std::atomic<int> left = 1;
  registry_.before = [&](const ServerRequest& request, ResponseWriter& w) {
    if (request.method != "PUT" || left-- <= 0) return false;
    w.Send(408);
    return true;
  };
  const TestServer server(registry_.Handler());
  const std::string data = "manifest-content";
  const auto desc = Describe(ocispec::kMediaTypeImageManifest, data);
  const auto pusher = MakePusher(server);
  auto writer = pusher->Push(kCtx, desc);
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE((*writer)->Write(kCtx, data).ok());
  absl::Status reset = (*writer)->Commit(kCtx, desc.size, desc.digest);
  EXPECT_TRUE(content::IsErrReset(reset)) << reset;
  EXPECT_EQ((*writer)->Status(kCtx)->offset, 0);
  ASSERT_TRUE((*writer)->Write(kCtx, data).ok());
  absl::Status s = (*writer)->Commit(kCtx, desc.size, desc.digest);
  EXPECT_TRUE(s.ok()) << s;
  EXPECT_EQ(registry_.Data(desc.digest), data);
  EXPECT_TRUE(errdefs::IsAlreadyExists(pusher->Push(kCtx, desc).status()));
}

TEST_F(PushTest, ResetsAreCopiedOver) {
  // The connection breaks in the middle of the upload; Copy starts again by itself.
  std::atomic<int> left = 1;
  TestServer::Options raw;
  raw.raw_body = true;
  const std::string data = Pattern(4'000'000);
  std::string got;
  const TestServer server(
      [&](const ServerRequest& request, ResponseWriter& w) {
        if (request.method == "HEAD") return w.Send(404);
        if (request.method == "POST") {
          w.header.Set("Location", "/upload");
          return w.Send(202);
        }
        std::size_t size = 0;
        got.clear();
        while (size < data.size()) {
          const std::string piece = w.conn().Read();
          if (piece.empty()) break;
          got += piece;
          size += piece.size();
          if (size > 1'000'000 && left-- > 0) return w.conn().Break(true);
        }
        w.Send(201);
      },
      raw);
  absl::Status s = Push(*MakePusher(server), Describe(ocispec::kMediaTypeImageLayer, data), data);
  ASSERT_TRUE(s.ok()) << s;
  EXPECT_TRUE(got == data);
}

TEST_F(PushTest, MountsFromAnotherRepository) {
  const TestServer server(registry_.Handler());
  auto tracker = NewInMemoryTracker();
  ocispec::Descriptor desc = layer_;
  registry_.before = [](const ServerRequest& request, ResponseWriter& w) {
    if (request.method != "HEAD") return false;
    w.Send(404);
    return true;
  };
  desc.annotations["containerd.io/distribution.source.127.0.0.1"] = "other/repo";
  auto pusher = MakePusher(server, {.tracker = tracker});
  EXPECT_TRUE(errdefs::IsAlreadyExists(pusher->Push(kCtx, desc).status()));
  EXPECT_EQ(tracker->GetStatus(MakeRefKey(kCtx, desc))->mounted_from,
            server.Host() + "/other/repo");
  EXPECT_THAT(server.Requests(),
              Contains(AllOf(HasSubstr("POST"), HasSubstr("from=other%2Frepo"))));
}

TEST_F(PushTest, InvalidAuthorizationOnMount) {
  class Refuses final : public Authorizer {
   public:
    explicit Refuses(bool at_once) : at_once_(at_once) {}
    absl::Status Authorize(const Context&, http::Request& request) override {
      if (at_once_ && request.url.find("mount=") != std::string::npos) {
        ++refused;
        return ErrInvalidAuthorization();
      }
      return absl::OkStatus();
    }
    absl::Status AddResponses(const Context&,
                              const std::vector<std::shared_ptr<http::Response>>&) override {
      ++refused;
      return ErrInvalidAuthorization();
    }
    std::atomic<int> refused = 0;

   private:
    const bool at_once_;
  };
  for (const bool at_once : {true, false}) {
    FakeRegistry fresh;
    fresh.before = [&](const ServerRequest& request, ResponseWriter& w) {
      if (request.QueryValue("mount").empty()) return false;
      w.header.Set("WWW-Authenticate", "Bearer realm=localhost");
      w.Send(401);
      return true;
    };
    const TestServer server(fresh.Handler());
    RegistryHost host = Host(server.Host());
    const auto authorizer = std::make_shared<Refuses>(at_once);
    host.authorizer = authorizer;
    auto pusher = *NewResolver(To({host}))->Pusher(kCtx, Ref(server, ":x"));
    auto desc = Describe(ocispec::kMediaTypeImageLayer, "layer-bytes");
    desc.annotations["containerd.io/distribution.source.127.0.0.1"] = "anotherrepository";
    absl::Status s = Push(*pusher, desc, "layer-bytes");
    EXPECT_TRUE(s.ok()) << s;
    EXPECT_EQ(authorizer->refused, 1);
  }
}

TEST_F(PushTest, OneAtATime) {
  const TestServer server(registry_.Handler());
  auto pusher = MakePusher(server);
  auto* ingester = dynamic_cast<content::Ingester*>(pusher.get());
  const auto desc = Describe(ocispec::kMediaTypeImageLayer, "once");
  const std::vector<content::WriterOpt> opts = {content::WithRef("r"),
                                                content::WithDescriptor(desc)};
  auto first = ingester->Writer(kCtx, opts);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(errdefs::IsUnavailable(ingester->Writer(kCtx, opts).status()));
  ASSERT_TRUE((*first)->Close(kCtx).ok());
  auto second = ingester->Writer(kCtx, opts);
  ASSERT_TRUE(second.ok()) << second.status();
  ASSERT_TRUE((*second)->Write(kCtx, "once").ok());
  absl::Status s = (*second)->Commit(kCtx, 4, desc.digest);
  ASSERT_TRUE(s.ok()) << s;
  EXPECT_TRUE(errdefs::IsAlreadyExists(ingester->Writer(kCtx, opts).status()));
  EXPECT_TRUE(errdefs::IsInvalidArgument(ingester->Writer(kCtx, {}).status()));
  EXPECT_TRUE(errdefs::IsInvalidArgument(ingester->Writer(kCtx, {content::WithRef("r")}).status()));
}

TEST_F(PushTest, Refusals) {
  const TestServer server(registry_.Handler());
  const auto desc = Describe(ocispec::kMediaTypeImageLayer, "data");
  registry_.before = [](const ServerRequest& request, ResponseWriter& w) {
    w.Send(403, request.method == "HEAD"
                    ? ""
                    : R"({"errors":[{"code":"DENIED","message":"read only"}]})");
    return true;
  };
  EXPECT_THAT(Push(*MakePusher(server), desc, "data").ToString(), HasSubstr("denied: read only"));
  // A digest that is not the content's.
  registry_.before = nullptr;
  absl::Status s = Push(*MakePusher(server), desc, "atad");
  EXPECT_THAT(s.ToString(), HasSubstr("wrong digest"));
  // A registry that says it took something else.
  registry_.before = [](const ServerRequest& request, ResponseWriter& w) {
    if (request.method != "PUT") return false;
    w.header.Set("Docker-Content-Digest", digest::FromString("else").String());
    w.Send(201);
    return true;
  };
  s = Push(*MakePusher(server), desc, "data");
  EXPECT_TRUE(errdefs::IsFailedPrecondition(s)) << s;
  registry_.before = [](const ServerRequest& request, ResponseWriter& w) {
    if (request.method != "POST") return false;
    w.header.Set("Location", "http://a b/");
    w.Send(202);
    return true;
  };
  s = Push(*MakePusher(server), desc, "data");
  EXPECT_THAT(s.ToString(), HasSubstr("unable to parse location"));
  auto bad = desc;
  bad.digest = "sha256:../x";
  EXPECT_TRUE(errdefs::IsInvalidArgument(MakePusher(server)->Push(kCtx, bad).status()));
}

TEST_F(PushTest, CancelEndsAnUpload) {
  TestServer::Options raw;
  raw.raw_body = true;
  const TestServer server(
      [&](const ServerRequest& request, ResponseWriter& w) {
        if (request.method == "HEAD") return w.Send(404);
        if (request.method == "POST") {
          w.header.Set("Location", "/upload");
          return w.Send(202);
        }
        w.conn().AwaitClose();
        w.conn().Break();
      },
      raw);
  auto [ctx, cancel] = WithCancel(kCtx);
  const auto desc = Describe(ocispec::kMediaTypeImageLayer, "data");
  auto writer = MakePusher(server)->Push(ctx, desc);
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE((*writer)->Write(kCtx, "data").ok());
  std::thread canceller([cancel = cancel] { cancel(); });
  EXPECT_TRUE(errdefs::IsCanceled((*writer)->Commit(kCtx, 4, desc.digest)));
  canceller.join();
}

}  // namespace
}  // namespace containerd::remotes::docker
