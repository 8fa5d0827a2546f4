// SPDX-License-Identifier: Apache-2.0
//
// What needs no server: parsing, scopes, labels, error codes, hosts.toml.
#include <filesystem>
#include <fstream>

#include <absl/time/clock.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/images/mediatypes.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/remotes/docker/auth.h"
#include "containerd/remotes/docker/config.h"
#include "containerd/remotes/docker/converter.h"
#include "containerd/remotes/docker/credentials.h"
#include "containerd/remotes/docker/errcode.h"
#include "containerd/remotes/docker/handler.h"
#include "containerd/remotes/docker/registry.h"
#include "containerd/remotes/docker/scope.h"
#include "containerd/remotes/docker/status.h"
#include "containerd/remotes/docker/warnings.h"

#include "src/remotes/docker/asked.h"
#include "src/remotes/docker/hosts_file.h"
#include "src/remotes/docker/pusher.h"
#include "src/remotes/docker/request.h"
#include "tests/support/memory_store.h"
#include "tests/support/test_server.h"

namespace containerd::remotes::docker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

const Context kCtx = Context::Background();

TEST(HostCapabilities, HasCapability) {
  const HostCapabilities pull = kHostCapabilityPull;
  const HostCapabilities resolve = kHostCapabilityResolve;
  const HostCapabilities push = kHostCapabilityPush;
  const HostCapabilities all = pull | resolve | push;
  EXPECT_TRUE(all.Has(pull));
  EXPECT_TRUE(all.Has(pull | resolve));
  EXPECT_TRUE(all.Has(pull | push));
  EXPECT_TRUE(all.Has(all));
  EXPECT_FALSE(pull.Has(all));
  EXPECT_FALSE(pull.Has(push));
  EXPECT_FALSE(resolve.Has(pull));
  EXPECT_FALSE((pull | resolve).Has(push));
  EXPECT_TRUE((pull | resolve).Has(resolve));
}

TEST(Registry, MatchLocalhost) {
  const std::pair<const char*, bool> cases[] = {
      {"", false},
      {"127.1.1.1", true},
      {"127.0.0.1", true},
      {"127.256.0.1", false},
      {"127.23.34.52", true},
      {"127.0.0.1:5000", true},
      {"registry.org", false},
      {"126.example.com", false},
      {"localhost", true},
      {"localhost:5000", true},
      {"[127:0:0:1]", false},
      {"[::1]", true},
      {"[::1]:", false},
      {"127.0.1.1:", false},
      {"[::1]:5000", true},
      {"::1", true},
  };
  for (const auto& [host, want] : cases) {
    const auto got = MatchLocalhost(host);
    EXPECT_EQ(got.ok() && *got, want) << host;
  }
  EXPECT_FALSE(MatchLocalhost("[::1]:").ok());
  for (const char* host : {"]:1", "[::1", "::1]", "a]b:1", "a[b:1", "[[a]:1", "[::1]:80:90", "a]:1",
                           "localhost:", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(errdefs::IsInvalidArgument(MatchLocalhost(host).status())) << host;
  }
  // No port, and so no host that is known; but nothing that could not be one.
  for (const char* host :
       {"[7a1", "[localhost]", "[::1]80", "[", "]", "[a]]:1", "[]:1", "[::1]x:80"}) {
    const auto got = MatchLocalhost(host);
    EXPECT_TRUE(got.ok() && !*got) << host << got.status();
  }
  EXPECT_TRUE(IsLocalhost("localhost:1"));
  EXPECT_TRUE(IsLocalhost("[::1]:1"));
  EXPECT_FALSE(IsLocalhost("docker.io"));
}

TEST(Registry, DefaultsAndJoining) {
  auto hosts = ConfigureDefaultRegistries({WithPlainHTTP(MatchLocalhost)});
  auto hub = hosts("docker.io");
  ASSERT_TRUE(hub.ok());
  ASSERT_EQ(hub->size(), 1U);
  EXPECT_EQ(hub->front().host, "registry-1.docker.io");
  EXPECT_EQ(hub->front().scheme, "https");
  EXPECT_EQ(hub->front().path, "/v2");
  EXPECT_EQ(hub->front().capabilities, kAllHostCapabilities);
  EXPECT_EQ(hosts("localhost:5000")->front().scheme, "http");
  EXPECT_EQ(*DefaultHost("docker.io"), "registry-1.docker.io");
  EXPECT_EQ(*DefaultHost("quay.io"), "quay.io");

  const RegistryHosts none = [](std::string_view) { return std::vector<RegistryHost>(); };
  const RegistryHosts fails = [](std::string_view) -> absl::StatusOr<std::vector<RegistryHost>> {
    return errdefs::Unknown("no");
  };
  EXPECT_EQ(Registries({none, hosts, fails})("docker.io")->size(), 1U);
  EXPECT_FALSE(Registries({none, fails, hosts})("docker.io").ok());
  EXPECT_TRUE(Registries({none})("docker.io")->empty());
}

TEST(Registry, HTTPFallbackPortError) {
  // Nobody on the default port of HTTPS: perhaps on that of HTTP. A port that was named is the one.
  class Refuses final : public http::RoundTripper {
   public:
    explicit Refuses(http::ErrorKind k) : kind(k) {}
    Future<std::shared_ptr<http::Response>> RoundTrip(const Context&,
                                                      http::Request request) override {
      asked.push_back(request.url);
      return Future<std::shared_ptr<http::Response>>::Ready(http::NewError(kind, "no"));
    }
    const http::ErrorKind kind;
    std::vector<std::string> asked;
  };
  using http::ErrorKind;
  const std::tuple<ErrorKind, std::string, bool> cases[] = {
      {ErrorKind::kConnectionRefused, "https://127.0.0.1/", true},
      {ErrorKind::kConnectionRefused, "https://127.0.0.1:5000/", false},
      {ErrorKind::kTimeout, "https://127.0.0.1/", true},
      {ErrorKind::kTimeout, "https://127.0.0.1:5000/", false},
      {ErrorKind::kNotTLS, "https://127.0.0.1:5000/", true},
      {ErrorKind::kHandshakeTimeout, "https://127.0.0.1:5000/", true},
      {ErrorKind::kCertificate, "https://127.0.0.1/", false},
      {ErrorKind::kUnexpectedEOF, "https://127.0.0.1/", false},
      {ErrorKind::kConnectionRefused, "http://127.0.0.1/", false},
  };
  for (const auto& [kind, url, falls_back] : cases) {
    const auto transport = std::make_shared<Refuses>(kind);
    EXPECT_FALSE(NewHTTPFallback(transport)->RoundTrip(kCtx, {.url = url}).Get(kCtx).ok());
    if (falls_back) {
      EXPECT_THAT(transport->asked, ElementsAre(url, "http" + url.substr(5)));
    } else {
      EXPECT_THAT(transport->asked, ElementsAre(url));
    }
  }
}

TEST(Scope, RepositoryScope) {
  EXPECT_EQ(*RepositoryScope({.locator = "host/foo/bar", .object = "ignored"}, false),
            "repository:foo/bar:pull");
  EXPECT_EQ(*RepositoryScope({.locator = "host:4242/foo/bar", .object = "ignored"}, true),
            "repository:foo/bar:pull,push");
}

TEST(Scope, GetTokenScopes) {
  struct Case {
    std::vector<std::string> in_ctx, common, want;
  };
  const Case cases[] = {
      {{}, {}, {}},
      {{}, {"repository:foo/bar:pull"}, {"repository:foo/bar:pull"}},
      {{"repository:foo/bar:pull,push"}, {}, {"repository:foo/bar:pull,push"}},
      {{"repository:foo/bar:pull"}, {"repository:foo/bar:pull"}, {"repository:foo/bar:pull"}},
      {{"repository:foo/bar:pull"},
       {"repository:foo/bar:pull,push"},
       {"repository:foo/bar:pull", "repository:foo/bar:pull,push"}},
      {{"repository:foo/bar:pull"},
       {"repository:foo/bar:pull,push", "repository:foo/bar:pull"},
       {"repository:foo/bar:pull", "repository:foo/bar:pull,push"}},
  };
  for (const Case& c : cases) {
    Context ctx;
    for (const std::string& scope : c.in_ctx) ctx = WithScope(ctx, scope);
    EXPECT_EQ(GetTokenScopes(ctx, c.common), c.want);
  }
  const Context custom =
      ContextWithAppendPullRepositoryScope(WithScope(kCtx, "whatever:foo/bar:pull"), "foo/bar");
  EXPECT_THAT(GetTokenScopes(custom, {}),
              ElementsAre("repository:foo/bar:pull", "whatever:foo/bar:pull"));
}

TEST(Auth, ParseAuthHeader) {
  http::Header header;
  header.Add("WWW-Authenticate", R"(Basic realm="x")");
  header.Add("WWW-Authenticate", R"(Unheard of="y")");
  header.Add("WWW-Authenticate",
             R"(Bearer realm="https://auth.docker.io/token",empty="",service="registry.docker.io",)"
             R"(scope="repository:foo/bar:pull,push repository:foo/baz:pull")");
  header.Add("WWW-Authenticate", R"(DIGEST qop=auth, Nonce="a\"b\\c")");
  const auto got = auth::ParseAuthHeader(header);
  ASSERT_EQ(got.size(), 3U);
  EXPECT_EQ(got[0].scheme, auth::AuthenticationScheme::BearerAuth);
  EXPECT_THAT(got[0].parameters,
              ElementsAre(Pair("empty", ""), Pair("realm", "https://auth.docker.io/token"),
                          Pair("scope", "repository:foo/bar:pull,push repository:foo/baz:pull"),
                          Pair("service", "registry.docker.io")));
  EXPECT_EQ(got[1].scheme, auth::AuthenticationScheme::DigestAuth);
  EXPECT_THAT(got[1].parameters, ElementsAre(Pair("nonce", "a\"b\\c"), Pair("qop", "auth")));
  EXPECT_EQ(got[2].scheme, auth::AuthenticationScheme::BasicAuth);
}

TEST(Auth, SeveralChallengesInOneField) {
  using Scheme = auth::AuthenticationScheme;
  const std::pair<const char*, std::vector<Scheme>> cases[] = {
      {"Negotiate, Basic realm=\"x\"", {Scheme::BasicAuth}},
      {"Negotiate YIIJ/+vQ==, Basic realm=x", {Scheme::BasicAuth}},
      {"Basic realm=\"a, Bearer b\", Bearer realm=\"https://t\",scope=\"x\"",
       {Scheme::BearerAuth, Scheme::BasicAuth}},
      {"Basic, Bearer realm=\"https://t\"", {Scheme::BearerAuth, Scheme::BasicAuth}},
      {",, Basic realm = x , Digest nonce=\"1\"", {Scheme::DigestAuth, Scheme::BasicAuth}},
  };
  for (const auto& [field, want] : cases) {
    http::Header header;
    header.Add("WWW-Authenticate", field);
    std::vector<Scheme> got;
    for (const auth::Challenge& c : auth::ParseAuthHeader(header)) got.push_back(c.scheme);
    EXPECT_EQ(got, want) << field;
  }
}

TEST(Auth, RealmsAsGoReadsThem) {
  auth::Challenge challenge{.scheme = auth::AuthenticationScheme::BearerAuth};
  challenge.parameters["realm"] = "https://a/b c";
  auto to = auth::GenerateTokenOptions(kCtx, "host", "", "", challenge);
  ASSERT_TRUE(to.ok()) << to.status();
  EXPECT_EQ(to->realm, "https://a/b%20c");
  for (const char* realm : {"https://a/%zz", "https://a/%2", "https://a b/"}) {
    challenge.parameters["realm"] = realm;
    EXPECT_TRUE(errdefs::IsInvalidArgument(
        auth::GenerateTokenOptions(kCtx, "host", "", "", challenge).status()))
        << realm;
  }
}

TEST(Auth, AnyHeaderIsParsed) {
  for (const std::string& field :
       {std::string(), std::string("Bearer"), std::string("Bearer realm"), std::string("Bearer =x"),
        std::string("Bearer realm=\"open"), std::string("Bearer realm=\"a\\"),
        std::string("bearer a=b,,c=d"), std::string(100000, '"'), std::string("\0\xff", 2)}) {
    http::Header header;
    header.Add("WWW-Authenticate", field);
    (void)auth::ParseAuthHeader(header);
  }
}

TEST(Auth, GenerateTokenOptions) {
  auth::Challenge challenge{.scheme = auth::AuthenticationScheme::BearerAuth,
                            .parameters = {{"realm", "https://test-realm.com"},
                                           {"service", "registry-service"},
                                           {"scope", "repository:a:pull repository:a:pull,push"}}};
  auto to = auth::GenerateTokenOptions(kCtx, "host", "username", "secret", challenge);
  ASSERT_TRUE(to.ok());
  EXPECT_EQ(to->realm, "https://test-realm.com");
  EXPECT_EQ(to->service, "registry-service");
  EXPECT_THAT(to->scopes, ElementsAre("repository:a:pull", "repository:a:pull,push"));
  EXPECT_EQ(to->username, "username");
  EXPECT_EQ(to->secret, "secret");
  challenge.parameters["scope"] = "";
  EXPECT_THAT(auth::GenerateTokenOptions(kCtx, "host", "", "", challenge)->scopes, ElementsAre(""));
  for (const char* realm : {"127.0.0.1:8080", "file:///etc/passwd", ""}) {
    challenge.parameters["realm"] = realm;
    EXPECT_FALSE(auth::GenerateTokenOptions(kCtx, "host", "", "", challenge).ok()) << realm;
  }
  challenge.parameters.erase("realm");
  EXPECT_FALSE(auth::GenerateTokenOptions(kCtx, "host", "", "", challenge).ok());
}

TEST(Handler, AppendDistributionLabel) {
  struct Case {
    const char* origin;
    const char* repo;
    const char* want;
  };
  const Case cases[] = {
      {"", "", ""},
      {"", "library/busybox", "library/busybox"},
      {"library/busybox", "library/busybox", "library/busybox"},
      {"library/busybox,library/redis,library/busybox", "library/alpine",
       "library/alpine,library/busybox,library/redis"},
      {"library/busybox,library/redis,library/busybox", "", "library/busybox,library/redis"},
      {"library/busybox,library/redis,library/busybox", "library/redis",
       "library/busybox,library/redis"},
  };
  for (const Case& c : cases) EXPECT_EQ(AppendRepository(c.origin, c.repo), c.want);
}

TEST(Handler, SetsTheLabel) {
  const auto store = std::make_shared<containerd::testing::MemoryStore>();
  const auto desc = store->Add("x", "data");
  auto handler = AppendDistributionSourceLabel(store, "localhost:5000/b/c:latest");
  ASSERT_TRUE(handler.ok());
  ASSERT_TRUE((*handler)(kCtx, desc).ok());
  ASSERT_TRUE((*AppendDistributionSourceLabel(store, "localhost:5000/a"))(kCtx, desc).ok());
  EXPECT_THAT(store->LabelsOf(desc.digest),
              ElementsAre(Pair("containerd.io/distribution.source.localhost", "a,b/c")));
  EXPECT_FALSE((*handler)(kCtx, {.digest = "sha256:x"}).ok());
  // One that does not fit any more is left as it is.
  auto huge = AppendDistributionSourceLabel(store, "localhost/" + std::string(4096, 'x'));
  ASSERT_TRUE(huge.ok());
  EXPECT_TRUE((*huge)(kCtx, desc).ok());
  EXPECT_EQ(store->LabelsOf(desc.digest).begin()->second, "a,b/c");
}

TEST(Handler, MountCandidates) {
  EXPECT_EQ(CommonPrefixComponents("foo", "foo/bar"), 1);
  EXPECT_EQ(CommonPrefixComponents("bar", "foo/bar"), 0);
  EXPECT_EQ(CommonPrefixComponents("foo/bar", "foo/bar"), 2);
  const std::string key = "containerd.io/distribution.source.host";
  EXPECT_EQ(SelectRepositoryMountCandidate({}, {{"", ""}}), "");
  EXPECT_EQ(SelectRepositoryMountCandidate({.locator = "user@host/path"}, {{key, "foo,path,bar"}}),
            "bar");
  EXPECT_EQ(SelectRepositoryMountCandidate({.locator = "user@host/path"}, {{key, "foo,bar,path"}}),
            "bar");
  EXPECT_EQ(SelectRepositoryMountCandidate({.locator = "host/a/b/c"}, {{key, "a/x,a/b/d,z"}}),
            "a/b/d");
  EXPECT_EQ(SelectRepositoryMountCandidate({.locator = "other/a"}, {{key, "b"}}), "");
}

TEST(Pusher, ManifestPath) {
  EXPECT_THAT(ManifestPath("foo", "bar"), ElementsAre("manifests", "foo"));
  EXPECT_THAT(ManifestPath("foo@bar", "bar"), ElementsAre("manifests", "foo"));
  EXPECT_THAT(ManifestPath("foo@bar", "foobar"), ElementsAre("manifests", "foobar"));
  EXPECT_THAT(ManifestPath("", "bar"), ElementsAre("manifests", "bar"));
}

TEST(Request, Sanitize) {
  const std::pair<const char*, const char*> cases[] = {
      {"https://registry.example.test/path/v2", "https://registry.example.test/path/v2"},
      {"https://registry.example.test/path/v2?zzz=123&aaa=456&aaa=789",
       "https://registry.example.test/path/v2?zzz=REDACTED&aaa=REDACTED&aaa=REDACTED"},
      {"https://registry.example.test/path/v2?aaa=123&ns=docker.io",
       "https://registry.example.test/path/v2?aaa=REDACTED&ns=docker.io"},
      {"https://u:p@registry.example.test/?x=", "https://u:xxxxx@registry.example.test/?x="},
      {"nonsense?secret", "nonsense"},
  };
  for (const auto& [url, want] : cases) EXPECT_EQ(SanitizeUrl(url), want);
}

TEST(Request, BuildsUrls) {
  Base base;
  base.refspec = {.locator = "docker.io/library/busybox", .object = "latest"};
  base.repository = "library/busybox";
  base.header.Set("X-All", "1");
  RegistryHost host{.host = "mirror:5000", .scheme = "http", .path = "/p/v2"};
  host.header.Set("X-Host", "2");
  RegistryRequest request(base, host, "POST", {"blobs", "uploads/"});
  request.AddNamespace("docker.io");
  request.AddQuery("baz", "a b");
  EXPECT_EQ(request.url.String(),
            "http://mirror:5000/p/v2/library/busybox/blobs/uploads/?ns=docker.io&baz=a+b");
  EXPECT_EQ(request.header.Get("X-All") + request.header.Get("X-Host"), "12");
  EXPECT_FALSE(request.header.Get("User-Agent").empty());

  host.host = "registry-1.docker.io";
  RegistryRequest own(base, host, "GET", {"manifests", "a?b#c%2f d"});
  own.AddNamespace("docker.io");
  EXPECT_EQ(own.url.path, "/p/v2/library/busybox/manifests/a%3Fb%23c%252f%20d");
  EXPECT_EQ(own.url.query, "");
}

TEST(Request, RetryAfter) {
  const absl::Time now = absl::FromUnixSeconds(1'700'000'000);  // Tue, 14 Nov 2023 22:13:20 GMT
  EXPECT_EQ(ParseRetryAfter("12", now), absl::Seconds(12));
  EXPECT_EQ(ParseRetryAfter("Tue, 14 Nov 2023 22:14:20 GMT", now), absl::Minutes(1));
  EXPECT_EQ(ParseRetryAfter("Tue, 14 Nov 2023 22:12:20 GMT", now), absl::ZeroDuration());
  for (const char* value : {"", "-1", "soon", "99999999999999999999"}) {
    EXPECT_EQ(ParseRetryAfter(value, now), std::nullopt) << value;
  }
}

TEST(Warnings, ParseWarningText) {
  const std::pair<std::string, std::string> cases[] = {
      {R"(299 - "message")", "message"},
      {R"(foobar 299 - "prefixed message")", ""},
      {R"(299 - "quoted \"text\" inside")", R"(quoted "text" inside)"},
      {R"(299 - "path\\to\\file")", R"(path\to\file)"},
      {"299 - \"escaped\\\ttab\"", "escaped\ttab"},
      {R"(299 - "escaped\ space")", "escaped space"},
      {std::string("299 - \"bad\\\0text\"", 16), ""},
      {"299 - \"bad\\\ntext\"", ""},
      {"299 - \"bad\\\x7ftext\"", ""},
      {"299 - \"bad\atext\"", ""},
      {"299 - \"bad\x7ftext\"", ""},
      {"299 - \"caf\xe9\"", "caf\xe9"},
      {"299 - \"\xc3\xa9l\xc3\xa8ve\"", "\xc3\xa9l\xc3\xa8ve"},
      {"299 - \"test\\\x80value\"", "test\x80value"},
      {R"(299 - "hello%20world")", "hello world"},
      {R"(299 - "100%25 complete")", "100% complete"},
      {R"(299 - "say %22hello%22")", ""},
      {R"(299 - "100%ZZ invalid")", "100%ZZ invalid"},
      {R"(299 - "trailing%2")", "trailing%2"},
      {R"(299 - "inject%0aline")", ""},
      {R"(299 - "inject%0dline")", ""},
      {R"(299 - "inject%00byte")", ""},
      {R"(199 - "other")", ""},
      {R"(299 agent "other")", ""},
      {"299 - unquoted", ""},
      {"299 - \"", ""},
      {"299 - ", ""},
      {R"(299 - "ends with \")", ""},
      {std::string("299 - \"bad\0text\"", 15), ""},
      {R"(299 - "warn text" extra data)", ""},
      {R"(299 - "warn text" "extra data")", ""},
      {R"(299 - "incomplete)", ""},
      {R"(299 - warn text")", ""},
      {"", ""},
  };
  for (const auto& [header, want] : cases) EXPECT_EQ(ParseWarningText(header), want) << header;
}

TEST(Errcode, KnowsTheCodes) {
  EXPECT_EQ(ErrorCodeDenied().String(), "DENIED");
  EXPECT_EQ(ErrorCodeTooManyRequests().Error(), "toomanyrequests");
  EXPECT_EQ(ErrorCodeTooManyRequests().Message(), "too many requests");
  EXPECT_EQ(ErrorCodeUnauthorized().Descriptor().http_status_code, 401);
  EXPECT_EQ(ErrorCode(1).Descriptor().value, "UNKNOWN");
  EXPECT_EQ(ErrorCode(1 << 30).Descriptor().value, "UNKNOWN");
  EXPECT_EQ(ParseErrorCode("UNAVAILABLE"), ErrorCodeUnavailable());
  EXPECT_EQ(ParseErrorCode("no such"), ErrorCodeUnknown());
  EXPECT_EQ(ErrorCodeUnsupported().WithMessage("m").String(), "unsupported: m");
  EXPECT_EQ(ErrorCodeDenied().WithDetail(R"({"a":1})").detail, R"({"a":1})");
  auto mine = Register("test.group", {.value = "MY_OWN", .message = "%s is not %s"});
  ASSERT_TRUE(mine.ok());
  EXPECT_EQ(mine->WithArgs({"a", "b"}).String(), "my own: a is not b");
  EXPECT_TRUE(errdefs::IsAlreadyExists(Register("x", {.value = "MY_OWN"}).status()));
  EXPECT_THAT(GetGroupNames(), ElementsAre("errcode", "test.group"));
  EXPECT_EQ(GetErrorCodeGroup("errcode").size(), 6U);
  EXPECT_EQ(GetErrorCodeGroup("errcode").front().value, "DENIED");
  EXPECT_EQ(GetErrorAllDescriptors().size(), 7U);
}

TEST(Errcode, ReadsAndWritesJSON) {
  const std::string json = R"({"errors":[{"code":"DENIED","message":"no","detail":{"a":[1]}},)"
                           R"({"code":"UNAUTHORIZED","message":"authentication required"},)"
                           R"({"code":"NAME_UNHEARD_OF","message":""},{"code":7,"message":"x"}]})";
  auto errors = Errors::UnmarshalJSON(json);
  ASSERT_TRUE(errors.ok()) << errors.status();
  ASSERT_EQ(errors->Len(), 4);
  EXPECT_EQ(errors->errors()[0],
            (Error{.code = ErrorCodeDenied(), .message = "no", .detail = R"({"a":[1]})"}));
  EXPECT_EQ(errors->errors()[1].message, "authentication required");
  EXPECT_EQ(errors->errors()[2].code, ErrorCodeUnknown());
  EXPECT_EQ(*Errors::UnmarshalJSON(errors->MarshalJSON()), *errors);
  EXPECT_EQ(Errors().String(), "<nil>");
  EXPECT_EQ(Errors().MarshalJSON(), "{}");
  EXPECT_EQ(Errors({ErrorCodeDenied().WithMessage("a")}).String(), "denied: a");
  EXPECT_EQ(
      Errors({ErrorCodeDenied().WithMessage("a"), ErrorCodeUnknown().WithMessage("b")}).String(),
      "errors:\ndenied: a\nunknown: b\n");
  for (const char* bad : {"", "[]", "{\"errors\":{}}", "<html>"}) {
    EXPECT_FALSE(Errors::UnmarshalJSON(bad).ok()) << bad;
  }
}

TEST(Status, InMemoryTracker) {
  const auto tracker = NewInMemoryTracker();
  EXPECT_TRUE(errdefs::IsNotFound(tracker->GetStatus("a").status()));
  Status status;
  status.ref = "a";
  status.offset = 3;
  status.mounted_from = "x";
  tracker->SetStatus("a", status);
  EXPECT_EQ(tracker->GetStatus("a")->offset, 3);
  EXPECT_EQ(tracker->GetStatus("a")->mounted_from, "x");
  ASSERT_TRUE(tracker->Lock(kCtx, "a").ok());
  ASSERT_TRUE(tracker->Lock(kCtx, "b").ok());
  std::thread other([&] {
    EXPECT_TRUE(tracker->Lock(kCtx, "a").ok());
    tracker->SetStatus("order", Status());
    tracker->Unlock("a");
  });
  EXPECT_FALSE(tracker->GetStatus("order").ok());
  EXPECT_TRUE(
      errdefs::IsDeadlineExceeded(tracker->Lock(WithTimeout(kCtx, absl::Milliseconds(20)), "b")));
  tracker->Unlock("a");
  other.join();
  EXPECT_TRUE(tracker->GetStatus("order").ok());
  tracker->Unlock("b");
  EXPECT_TRUE(tracker->Lock(kCtx, "b").ok());
}

TEST(Converter, ConvertManifest) {
  containerd::testing::MemoryStore store;
  ocispec::Manifest manifest;
  manifest.schema_version = 2;
  manifest.config = {.media_type = kLegacyConfigMediaType, .digest = "sha256:c", .size = 1};
  manifest.layers = {{.media_type = "l", .digest = "sha256:l", .size = 2}};
  const auto desc = store.Add(images::kMediaTypeDockerSchema2Manifest, ocispec::Marshal(manifest));
  auto converted = ConvertManifest(kCtx, store, desc);
  ASSERT_TRUE(converted.ok()) << converted.status();
  const std::string text = store.Blob(converted->digest);
  EXPECT_THAT(text, HasSubstr("\n   \"config\": {\n      \"mediaType\": "
                              "\"application/vnd.docker.container.image.v1+json\""));
  EXPECT_EQ(converted->size, static_cast<std::int64_t>(text.size()));
  EXPECT_THAT(store.LabelsOf(converted->digest),
              ElementsAre(Pair("containerd.io/gc.ref.content.0", "sha256:c"),
                          Pair("containerd.io/gc.ref.content.1", "sha256:l")));
  // Nothing to do.
  EXPECT_EQ(*ConvertManifest(kCtx, store, *converted), *converted);
  EXPECT_EQ(ConvertManifest(kCtx, store, {.media_type = "x"})->media_type, "x");
  const auto broken = store.Add(ocispec::kMediaTypeImageManifest, "not anything parse-able");
  EXPECT_FALSE(ConvertManifest(kCtx, store, broken).ok());
}

class Folder : public ::testing::Test {
 protected:
  Folder() {
    std::string name = std::filesystem::temp_directory_path() / "docker-test-XXXXXX";
    dir_ = mkdtemp(name.data());
  }
  ~Folder() override { std::filesystem::remove_all(dir_); }

  void Write(const std::string& name, const std::string& text, bool executable = false) const {
    const std::filesystem::path path = dir_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    if (executable) std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  }

  std::filesystem::path dir_;
};

constexpr char kHostsToml[] = R"(
server = "https://test-default.registry"
ca = "/etc/path/default"
[header]
  x-custom-1 = "custom header"

[host."https://mirror.registry"]
  capabilities = ["pull"]
  ca = "/etc/certs/mirror.pem"
  skip_verify = false
  [host."https://mirror.registry".header]
    x-custom-2 = ["value1", "value2"]

[host."https://mirror-bak.registry/us"]
  capabilities = ["pull"]
  skip_verify = true

[host."http://mirror.registry"]
  capabilities = ["pull"]

[host."https://test-1.registry"]
  capabilities = ["pull", "resolve", "push", "referrers"]
  ca = ["/etc/certs/test-1-ca.pem", "/etc/certs/special.pem"]
  client = [["/etc/certs/client.cert", "/etc/certs/client.key"],["/etc/certs/client.pem", "x"]]

[host."https://test-2.registry"]
  client = "/etc/certs/client.pem"

[host."https://test-3.registry"]
  client = ["/etc/certs/client-1.pem", "client-2.pem"]

[host."https://no-referrers.registry"]
  capabilities = ["pull", "resolve", "Push"]

[host."https://noncompliantmirror.registry/v2/namespaceprefix"]
  capabilities = ["pull"]
  override_path = true

[host."https://noprefixnoncompliant.registry"]
  override_path = true

[host."https://onlyheader.registry".header]
  x-custom-1 = "justaheader"

[host."a-first.registry:5000"]
  dial_timeout = "3s"
)";

TEST_F(Folder, ParseHostsFile) {
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  using config::HostConfig;
  const HostCapabilities all = kAllHostCapabilities;
  const HostCapabilities pull = kHostCapabilityPull;
  auto host = [](const char* scheme, const char* name, const char* path, HostCapabilities caps) {
    return HostConfig{.scheme = scheme, .host = name, .path = path, .capabilities = caps};
  };
  std::vector<HostConfig> want = {
      host("https", "mirror.registry", "/v2", pull),
      host("https", "mirror-bak.registry", "/us/v2", pull),
      host("http", "mirror.registry", "/v2", pull),
      host("https", "test-1.registry", "/v2", all),
      host("https", "test-2.registry", "/v2", all),
      host("https", "test-3.registry", "/v2", all),
      host("https", "no-referrers.registry", "/v2",
           pull | kHostCapabilityResolve | kHostCapabilityPush),
      host("https", "noncompliantmirror.registry", "/v2/namespaceprefix", pull),
      host("https", "noprefixnoncompliant.registry", "", all),
      host("https", "onlyheader.registry", "/v2", all),
      host("https", "a-first.registry:5000", "/v2", all),
      host("https", "test-default.registry", "/v2", all),
  };
  want[0].ca_certs = {"/etc/certs/mirror.pem"};
  want[0].skip_verify = false;
  want[0].header = {{"x-custom-2", "value1"}, {"x-custom-2", "value2"}};
  want[1].skip_verify = true;
  want[3].ca_certs = {"/etc/certs/test-1-ca.pem", "/etc/certs/special.pem"};
  want[3].client_pairs = Pairs{{"/etc/certs/client.cert", "/etc/certs/client.key"},
                               {"/etc/certs/client.pem", "/base/x"}};
  want[4].client_pairs = Pairs{{"/etc/certs/client.pem", ""}};
  want[5].client_pairs = Pairs{{"/etc/certs/client-1.pem", ""}, {"/base/client-2.pem", ""}};
  want[9].header = {{"x-custom-1", "justaheader"}};
  want[10].dial_timeout = absl::Seconds(3);
  want[11].ca_certs = {"/etc/path/default"};
  want[11].header = {{"x-custom-1", "custom header"}};

  auto got = config::ParseHostsFile("/base", kHostsToml);
  ASSERT_TRUE(got.ok()) << got.status();
  ASSERT_EQ(got->size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ((*got)[i].host, want[i].host) << i;
    EXPECT_TRUE((*got)[i] == want[i]) << want[i].host;
  }
}

TEST_F(Folder, HostsFilesWithValuesAsGos) {
  auto got = config::ParseHostsFile("/base", R"(
client = []
ca = ""
response_header_timeout = "90s"
[host.""]
[host."https://"]
[host."httpbin.example"]
  client = ["c.pem", "/abs//d.pem"]
  upload_response_timeout = "1h"
)");
  ASSERT_TRUE(got.ok()) << got.status();
  ASSERT_EQ(got->size(), 3U);  // the first host without a name is none
  EXPECT_EQ((*got)[0].host, "");
  EXPECT_EQ((*got)[0].scheme, "https");
  EXPECT_EQ((*got)[0].path, "/v2");
  EXPECT_EQ((*got)[1].host, "httpbin.example");
  EXPECT_EQ((*got)[1].client_pairs->front().first, "/base/c.pem");
  EXPECT_EQ((*got)[1].client_pairs->back().first, "/abs//d.pem");
  EXPECT_EQ((*got)[1].upload_response_timeout, absl::Hours(1));
  EXPECT_EQ((*got)[2].client_pairs, std::nullopt);
  EXPECT_THAT(*(*got)[2].ca_certs, ElementsAre("/base"));
  EXPECT_EQ((*got)[2].response_header_timeout, absl::Seconds(90));

  // Nothing about TLS is said here, so plain HTTP it is.
  Write("plain/hosts.toml", "server = \"http://localhost:5000\"\nclient = []");
  const auto hosts =
      config::ConfigureHosts(kCtx, {.host_dir = config::HostDirFromRoot(dir_.string())});
  EXPECT_EQ(hosts("plain")->front().scheme, "http");
  Write("nowhere/hosts.toml", "server = \"https://\"");
  EXPECT_EQ(hosts("nowhere")->front().host, "nowhere");
  EXPECT_EQ(hosts("NoWhere")->size(), 1U);
  // No error of a file is the registry's.
  Write("local/hosts.toml", "server = \"https://x\"\nca = \"none.pem\"");
  EXPECT_TRUE(errdefs::IsUnknown(hosts("local").status())) << hosts("local").status();
}

TEST_F(Folder, RefusesWrongHostsFiles) {
  for (const char* text : {
           "server = 1",
           "server = [",
           "host = 1",
           "[host]\n x = 1",
           "capabilities = [\"fly\"]",
           "capabilities = \"pull\"",
           "capabilities = [1]",
           "ca = 1",
           "ca = [1]",
           "client = 1",
           "client = [1]",
           "client = [[\"a\"]]",
           "client = [[\"a\", 1]]",
           "skip_verify = \"yes\"",
           "override_path = 1",
           "header = 1",
           "[header]\n a = 1",
           "dial_timeout = 3",
           "dial_timeout = \"3 moons\"",
           "server = \"https://a b\"",
           "\xff",
       }) {
    EXPECT_FALSE(config::ParseHostsFile("", text).ok()) << text;
  }
  EXPECT_FALSE(config::ParseHostsFile("", "a = " + std::string(100000, '[')).ok());
}

TEST_F(Folder, LoadsCertFiles) {
  Write("d/ca.crt", "x");
  Write("d/client.cert", "x");
  Write("d/client.key", "x");
  Write("d/other.cert", "x");
  Write("d/readme.txt", "x");
  auto hosts = config::LoadHostDir(dir_ / "d");
  ASSERT_TRUE(hosts.ok());
  ASSERT_EQ(hosts->size(), 1U);
  EXPECT_EQ(hosts->front().host, "");
  EXPECT_THAT(*hosts->front().ca_certs, ElementsAre(dir_ / "d/ca.crt"));
  EXPECT_THAT(*hosts->front().client_pairs,
              ElementsAre(Pair(dir_ / "d/client.cert", dir_ / "d/client.key"),
                          Pair(dir_ / "d/other.cert", "")));
  // A hosts.toml that cannot be read is as none.
  Write("d/hosts.toml", "server = [");
  EXPECT_EQ(config::LoadHostDir(dir_ / "d")->front().ca_certs->size(), 1U);
  Write("d/hosts.toml", "server = \"https://x\"");
  EXPECT_EQ(config::LoadHostDir(dir_ / "d")->front().host, "x");
  EXPECT_EQ(config::LoadHostDir(dir_ / "none")->size(), 1U);
}

TEST_F(Folder, HostDirFromRoot) {
  const auto find = config::HostDirFromRoot(dir_);
  EXPECT_TRUE(errdefs::IsNotFound(find("docker.io").status()));
  Write("docker.io/hosts.toml", "");
  Write("localhost_5000_/hosts.toml", "");
  EXPECT_EQ(*find("docker.io"), dir_ / "docker.io");
  EXPECT_EQ(*find("localhost:5000"), dir_ / "localhost_5000_");
  EXPECT_TRUE(errdefs::IsNotFound(find("..").status()));
  Write("localhost:6000/hosts.toml", "");
  EXPECT_EQ(*find("localhost:6000"), dir_ / "localhost:6000");
  Write("_default/hosts.toml", "");
  EXPECT_EQ(*find("quay.io"), dir_ / "_default");
  EXPECT_EQ(*find(".."), dir_ / "_default");
  EXPECT_EQ(*find("../x"), dir_ / "_default");
}

TEST_F(Folder, ConfigureHosts) {
  const http::testing::TestCert ca = http::testing::MakeCert("ca");
  Write("docker.io/ca.pem", ca.cert);
  Write("docker.io/hosts.toml", R"(
[host."http://127.0.0.1:5000"]
  capabilities = ["pull", "resolve"]
  [host."http://127.0.0.1:5000".header]
    x-a = "b"
[host."https://second"]
  ca = "ca.pem"
)");
  const auto hosts =
      config::ConfigureHosts(kCtx, {.host_dir = config::HostDirFromRoot(dir_.string())});
  auto got = hosts("docker.io");
  ASSERT_TRUE(got.ok()) << got.status();
  ASSERT_EQ(got->size(), 3U);
  EXPECT_EQ((*got)[0].host, "127.0.0.1:5000");
  EXPECT_EQ((*got)[0].scheme, "http");
  EXPECT_EQ((*got)[0].header.Get("X-A"), "b");
  EXPECT_EQ((*got)[0].capabilities, kHostCapabilityPull | kHostCapabilityResolve);
  EXPECT_EQ((*got)[1].host, "second");
  EXPECT_EQ((*got)[2].host, "registry-1.docker.io");
  EXPECT_EQ((*got)[2].capabilities, kAllHostCapabilities);
  EXPECT_EQ(hosts("quay.io")->front().host, "quay.io");

  Write("bad/hosts.toml", "ca = \"nowhere.pem\"");
  EXPECT_THAT(hosts("bad").status().ToString(), HasSubstr("nowhere.pem"));
  Write("bad/hosts.toml", "ca = \"hosts.toml\"");
  EXPECT_THAT(hosts("bad").status().ToString(), HasSubstr("unable to load CA cert"));
}

TEST(ConfigureHosts, HTTPFallback) {
  struct Case {
    const char* host;
    const char* default_scheme;
    bool tls;
    const char* scheme;
    bool falls_back;
  };
  const Case cases[] = {
      {"localhost:8080", "http", true, "https", true},
      {"localhost:8080", "https", true, "https", false},
      {"localhost:8080", "", false, "https", true},
      {"localhost:80", "", false, "http", false},
      {"localhost:443", "", false, "https", false},
      {"localhost:80", "http", true, "http", false},
      {"localhost", "http", true, "https", true},
      {"localhost", "https", true, "https", false},
      {"localhost", "", false, "https", false},
      {"localhost:5000", "", false, "https", true},
      {"example.com", "", false, "https", false},
      {"example.com", "http", true, "https", true},
      {"example.com:5000", "http", true, "https", true},
      {"example.com:5000", "", false, "https", false},
      {"example2.com", "http", false, "http", false},
      {"127.0.0.254:5000", "", false, "https", true},
      {"127.0.0.254", "", false, "https", false},
      {"[::1]:5000", "", false, "https", true},
      {"::1", "", false, "https", false},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(fmt::format("{} {} {}", c.host, c.default_scheme, c.tls));
    config::HostOptions options{.default_scheme = c.default_scheme};
    if (c.tls) options.default_tls = http::TLSConfig{.insecure_skip_verify = true};
    // A transport of ours is wrapped if there is to be a fallback.
    const auto mine = http::NewTransport();
    options.update_client = [&](http::Client& client, http::TransportOptions&) {
      client.transport = mine;
      return absl::OkStatus();
    };
    auto hosts = config::ConfigureHosts(kCtx, options)(c.host);
    ASSERT_TRUE(hosts.ok());
    ASSERT_EQ(hosts->size(), 1U);
    EXPECT_EQ(hosts->front().scheme, c.scheme);
    EXPECT_EQ(hosts->front().client->transport != mine, c.falls_back);
  }
}

TEST_F(Folder, DockerConfigCredentials) {
  Write("config.json", R"({"auths": {
      "https://index.docker.io/v1/": {"auth": "aHViOnM6ZWNyZXQ="},
      "quay.io": {"username": "q", "password": "p"},
      "https://ghcr.io/v2/": {"identitytoken": "token"},
      "broken.io": {"auth": "!!"},
      "empty.io": {}}})");
  const auto find = DockerConfigCredentials(dir_ / "config.json");
  EXPECT_EQ(*find(kCtx, "registry-1.docker.io"), (Credentials{"hub", "s:ecret"}));
  EXPECT_EQ(*find(kCtx, "quay.io"), (Credentials{"q", "p"}));
  EXPECT_EQ(*find(kCtx, "ghcr.io"), (Credentials{"", "token"}));
  EXPECT_EQ(*find(kCtx, "unknown.io"), Credentials());
  EXPECT_EQ(*find(kCtx, "empty.io"), Credentials());
  EXPECT_FALSE(find(kCtx, "broken.io").ok());
  EXPECT_EQ(*DockerConfigCredentials(dir_ / "none.json")(kCtx, "quay.io"), Credentials());
  Write("config.json", "{");
  EXPECT_FALSE(find(kCtx, "quay.io").ok());
}

TEST_F(Folder, CredentialsInAnySpelling) {
  Write("config.json", R"({"auths": {
      "Quay.IO": {"username": "all", "password": "p"},
      "quay.io/team": {"username": "team", "password": "p"},
      "quay.io/team/deep": {"username": "deep", "password": "p"},
      "HTTPS://Port.io:443/v2/": {"username": "port", "password": "p"},
      "paths.io/a": {"username": "a", "password": "p"}}})");
  const auto find = DockerConfigCredentials(dir_ / "config.json");
  const auto user = [&](const char* host, const char* repository) {
    return find(WithAsked(kCtx, {.repository = repository}), host)->username;
  };
  EXPECT_EQ(user("quay.io", ""), "all");
  EXPECT_EQ(user("QUAY.io:443", "teams"), "all");
  EXPECT_EQ(user("quay.io", "team"), "team");
  EXPECT_EQ(user("quay.io", "team/x"), "team");
  EXPECT_EQ(user("quay.io", "team/deep/x"), "deep");
  EXPECT_EQ(user("quay.io", "team/deeper"), "team");
  EXPECT_EQ(user("port.io", "x"), "port");
  EXPECT_EQ(user("paths.io", "a/x"), "a");
  EXPECT_EQ(user("paths.io", "b/x"), "");
  EXPECT_EQ(user("paths.io", ""), "");
}

TEST_F(Folder, CredentialHelpers) {
  Write("docker-credential-good", R"(#!/bin/sh
read host
[ "$1" = get ] || exit 3
case "$host" in
  a.io) echo '{"ServerURL":"a.io","Username":"u","Secret":"s"}';;
  t.io) echo '{"Username":"<token>","Secret":"tok"}';;
  j.io) echo 'no json';;
  slow.io) exec sleep 60;;
  *) echo 'credentials not found in native keychain'; exit 1;;
esac
)",
        true);
  Write("config.json", R"({"credHelpers": {"a.io": "good", "t.io": "good", "j.io": "good",
      "slow.io": "good", "m.io": "missing", "evil.io": "../../bin/sh"},
      "credsStore": "good", "auths": {"b.io": {"username": "file", "password": "p"}}})");
  const std::string before = getenv("PATH");
  setenv("PATH", (dir_.string() + ":" + before).c_str(), 1);
  const auto find = DockerConfigCredentials(dir_ / "config.json");
  EXPECT_EQ(*find(kCtx, "a.io"), (Credentials{"u", "s"}));
  EXPECT_EQ(*find(kCtx, "t.io"), (Credentials{"", "tok"}));
  EXPECT_FALSE(find(kCtx, "j.io").ok());
  EXPECT_EQ(*find(kCtx, "b.io"), (Credentials{"file", "p"}));
  EXPECT_EQ(*find(kCtx, "c.io"), Credentials());
  EXPECT_FALSE(find(kCtx, "m.io").ok());
  EXPECT_TRUE(errdefs::IsInvalidArgument(find(kCtx, "evil.io").status()));
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(
      find(WithTimeout(kCtx, absl::Milliseconds(20)), "slow.io").status()));
  setenv("PATH", before.c_str(), 1);
}

}  // namespace
}  // namespace containerd::remotes::docker
