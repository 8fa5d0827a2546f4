// SPDX-License-Identifier: Apache-2.0
//
// Passwords and tokens against a registry and a token server on the loopback.
#include <thread>

#include <absl/strings/escaping.h>
#include <fmt/format.h>

#include "tests/support/registry_fixture.h"

namespace containerd::remotes::docker {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

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

TEST_F(TokenTest, PasswordsDoNotFollowTheTokenServersRedirects) {
  std::atomic<bool> leaked = false;
  const TestServer elsewhere([&](const ServerRequest& request, ResponseWriter& w) {
    leaked = leaked || request.header.Has("Authorization") || !request.body.empty();
    w.Send(200, kGood);
  });
  for (const bool post : {true, false}) {
    for (const int code : {302, 307, 308}) {
      Tokens([&](const ServerRequest& request, ResponseWriter& w) {
        if (request.method == "POST" && !post) return w.Send(404);
        w.header.Set("Location", elsewhere.Url("/token"));
        w.Send(code);
      });
      Guard();
      const TestServer server(registry_.Handler());
      const auto resolver = NewResolver({.credentials = Creds("user1", "password1")});
      const absl::Status s = resolver->Resolve(kCtx, Ref(server)).status();
      // What needs no password may go there.
      EXPECT_EQ(s.ok(), !post || code == 302) << code << s;
    }
  }
  EXPECT_FALSE(leaked);
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

}  // namespace
}  // namespace containerd::remotes::docker
