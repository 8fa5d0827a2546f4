// SPDX-License-Identifier: Apache-2.0
//
// Registries that answer as they should not, and are of use all the same.
#include <algorithm>

#include <absl/strings/escaping.h>
#include <absl/time/clock.h>
#include <fmt/format.h>

#include "containerd/content/helpers.h"
#include "containerd/remotes/docker/credentials.h"
#include "containerd/remotes/handlers.h"

#include "tests/support/memory_store.h"
#include "tests/support/recorded_calls.h"
#include "tests/support/registry_fixture.h"

namespace containerd::remotes::docker {
namespace {

using containerd::testing::MemoryStore;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Basic(std::string_view user, std::string_view password) {
  return "Basic " + absl::Base64Escape(fmt::format("{}:{}", user, password));
}

class FaultTest : public TokenTest {
 protected:
  // A registry that wants a password.
  static auto Demands(std::string credentials, std::string challenge = "Basic realm=x") {
    return [=](const ServerRequest& request, ResponseWriter& w) {
      if (request.header.Get("Authorization") == credentials) return false;
      w.header.Set("WWW-Authenticate", challenge);
      w.Send(401, R"({"errors":[{"code":"UNAUTHORIZED","message":"who are you"}]})");
      return true;
    };
  }

  static long Count(const TestServer& server, std::string_view part) {
    const auto all = server.Requests();
    return std::count_if(all.begin(), all.end(), [&](const std::string& request) {
      return request.find(part) != std::string::npos;
    });
  }

  // Another registry with the same image.
  void Mirror(FakeRegistry& mirror) const {
    mirror.Put(ocispec::kMediaTypeImageConfig, R"({"os":"linux"})");
    mirror.Put(ocispec::kMediaTypeImageLayerGzip, layer_data_);
    mirror.Put(ocispec::kMediaTypeImageManifest, manifest_data_, "latest");
  }

  absl::Status FetchLayer(Resolver& resolver, const std::string& ref) {
    store_ = std::make_shared<MemoryStore>();
    auto fetcher = resolver.Fetcher(kCtx, ref);
    return fetcher.ok() ? Fetch(kCtx, *store_, **fetcher, layer_) : fetcher.status();
  }

  static absl::Status PushBlob(Pusher& pusher, const ocispec::Descriptor& desc,
                               const std::string& data) {
    auto writer = pusher.Push(kCtx, desc);
    if (!writer.ok()) return writer.status();
    io::StringReader reader(data);
    return content::Copy(kCtx, **writer, reader, desc.size, desc.digest);
  }

  static ocispec::Descriptor Blob(const std::string& data) {
    return {.media_type = ocispec::kMediaTypeImageLayer,
            .digest = digest::FromString(data).String(),
            .size = static_cast<std::int64_t>(data.size())};
  }

  std::shared_ptr<MemoryStore> store_;
};

TEST_F(FaultTest, ABusyMirrorIsPassedOver) {
  FakeRegistry mirror;
  mirror.busy = 1000;
  mirror.retry_after = "5";
  const TestServer busy(mirror.Handler());
  const TestServer server(registry_.Handler());
  const absl::Time begin = absl::Now();
  Check(*NewResolver(To({Host(busy.Host()), Host(server.Host())})), Ref(server));
  EXPECT_LT(absl::Now() - begin, absl::Seconds(5));
}

TEST_F(FaultTest, ObserversSeeEachAttemptAndWhatAuthorizesIt) {
  Tokens([](const ServerRequest&, ResponseWriter& w) {
    w.Send(200, R"({"token":"perfectlyvalidopaquetoken"})");
  });
  Guard();
  const TestServer server(registry_.Handler());
  const auto calls = std::make_shared<tracing::testing::RecordedCalls>();
  const Context ctx = tracing::WithCallObserver(kCtx, calls);
  const auto resolver = NewResolver();
  auto resolved = resolver->Resolve(ctx, Ref(server));
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  std::vector<std::string> seen;
  for (const auto& call : calls->AwaitEnds()) {
    seen.push_back(
        fmt::format("{} {} #{} {}", call.method, call.url, call.attempt, call.end.http_status));
  }
  const std::string manifest = server.Url("/v2/testname/manifests/latest");
  EXPECT_THAT(seen, ::testing::ElementsAre(fmt::format("HEAD {} #1 401", manifest),
                                           fmt::format("GET {} #1 200", tokens_->Url("/token")),
                                           fmt::format("HEAD {} #2 200", manifest)));
  const std::size_t before = seen.size();
  auto fetcher = resolver->Fetcher(ctx, Ref(server));
  ASSERT_TRUE(fetcher.ok());
  EXPECT_TRUE(Read(**fetcher, layer_, ctx).ok());
  const auto after = calls->AwaitEnds();
  ASSERT_EQ(after.size(), before + 1);
  EXPECT_EQ(after.back().end.bytes_received, layer_.size);
}

TEST_F(FaultTest, AWaitThatIsTooLongFailsWithTheRegistrysWords) {
  registry_.busy = 1;
  registry_.retry_after = "3600";
  const TestServer server(registry_.Handler());
  const absl::Status s = NewResolver()->Resolve(kCtx, Ref(server)).status();
  EXPECT_TRUE(errdefs::IsResourceExhausted(s)) << s;
  registry_.busy = 2;
  const absl::Status fetch = Read(**NewResolver()->Fetcher(kCtx, Ref(server)), layer_).status();
  EXPECT_THAT(fetch.ToString(), HasSubstr("too fast"));
  registry_.busy = 1;
  registry_.retry_after = "30";
  const absl::Status ended =
      NewResolver()->Resolve(WithTimeout(kCtx, absl::Seconds(5)), Ref(server)).status();
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(ended));
  EXPECT_THAT(ended.ToString(),
              AllOf(HasSubstr(server.Url("/v2/testname/manifests/latest")), HasSubstr("429")));
}

TEST_F(FaultTest, ARedirectsTargetGetsItsOwnCredentialsOrNone) {
  FakeRegistry other;
  std::atomic<bool> leaked = false;
  const auto demand = Demands(Basic("theirs", "t"));
  other.before = [&](const ServerRequest& request, ResponseWriter& w) {
    if (request.header.Get("Authorization") == Basic("ours", "o")) leaked = true;
    if (demand(request, w)) return true;
    w.Send(200, layer_data_);
    return true;
  };
  const TestServer elsewhere(other.Handler());
  const auto guard = Demands(Basic("ours", "o"));
  registry_.before = [&](const ServerRequest& request, ResponseWriter& w) {
    if (guard(request, w)) return true;
    if (request.path.find("/blobs/") == std::string::npos) return false;
    w.header.Set("Location", elsewhere.Url("/blob"));
    w.Send(307);
    return true;
  };
  const TestServer server(registry_.Handler());
  const auto resolver = [&](bool knows) {
    return NewResolver(
        {.credentials = [&, knows](const Context&,
                                   std::string_view host) -> absl::StatusOr<Credentials> {
          if (host == server.Host()) return Credentials{"ours", "o"};
          return knows && host == elsewhere.Host() ? Credentials{"theirs", "t"} : Credentials();
        }});
  };
  auto data = Read(**resolver(true)->Fetcher(kCtx, Ref(server)), layer_);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_TRUE(*data == layer_data_);
  data = Read(**resolver(false)->Fetcher(kCtx, Ref(server)), layer_);
  EXPECT_TRUE(errdefs::IsUnauthorized(data.status())) << data.status();
  EXPECT_FALSE(leaked);

  // A token that anybody gets; its scope is what the target demands and no more.
  Tokens([](const ServerRequest& request, ResponseWriter& w) {
    EXPECT_EQ(request.query, "service=cdn&scope=blob%3Aget");
    EXPECT_FALSE(request.header.Has("Authorization"));
    w.Send(200, R"({"token":"anybody"})");
  });
  const auto bearer = Demands(
      "Bearer anybody",
      fmt::format("Bearer realm=\"{}\",service=cdn,scope=\"blob:get\"", tokens_->Url("/t")));
  other.before = [&, bearer](const ServerRequest& request, ResponseWriter& w) {
    if (bearer(request, w)) return true;
    w.Send(200, layer_data_);
    return true;
  };
  data = Read(**resolver(false)->Fetcher(kCtx, Ref(server)), layer_);
  EXPECT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(asked_, 1);
}

TEST_F(FaultTest, HostsAreTheSameInAnySpelling) {
  registry_.before = Demands(Basic("u", "p"));
  const TestServer server(registry_.Handler());
  const auto resolver = NewResolver({.credentials = Creds("u", "p")});
  const std::string ref = fmt::format("LocalHost:{}/testname:latest", server.port());
  auto resolved = resolver->Resolve(kCtx, ref);
  EXPECT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ(Count(server, "ns="), 0);
}

TEST_F(FaultTest, WrongPasswordsAreSentOnce) {
  std::atomic<int> tried = 0;
  const auto demand = Demands(Basic("u", "right"));
  registry_.before = [&](const ServerRequest& request, ResponseWriter& w) {
    if (request.header.Has("Authorization")) ++tried;
    return demand(request, w);
  };
  const TestServer server(registry_.Handler());
  const auto resolver = NewResolver({.credentials = Creds("u", "wrong")});
  EXPECT_TRUE(errdefs::IsUnauthorized(resolver->Resolve(kCtx, Ref(server)).status()));
  EXPECT_EQ(tried, 1);
  tried = 0;
  auto fetcher = *resolver->Fetcher(kCtx, Ref(server));
  EXPECT_THAT(Read(*fetcher, layer_).status().ToString(), HasSubstr("who are you"));
  EXPECT_EQ(tried, 1);
  tried = 0;
  auto* by_digest = dynamic_cast<FetcherByDigest*>(fetcher.get());
  EXPECT_TRUE(errdefs::IsUnauthorized(by_digest->FetchByDigest(kCtx, layer_.digest).status()));
  EXPECT_EQ(tried, 1);
  tried = 0;
  auto* referrers = dynamic_cast<ReferrersFetcher*>(fetcher.get());
  EXPECT_TRUE(errdefs::IsUnauthorized(referrers->FetchReferrers(kCtx, layer_.digest).status()));
  EXPECT_EQ(tried, 1);
  tried = 0;
  EXPECT_TRUE(errdefs::IsUnauthorized(
      PushBlob(**resolver->Pusher(kCtx, Ref(server, ":x")), Blob("x"), "x")));
  EXPECT_EQ(tried, 1);
}

TEST_F(FaultTest, SeveralChallengesInOneField) {
  registry_.before = Demands(Basic("u", "p"), "Negotiate, Basic realm=\"a, b\", charset=UTF-8");
  const TestServer server(registry_.Handler());
  Check(*NewResolver({.credentials = Creds("u", "p")}), Ref(server));
}

TEST_F(FaultTest, WeakTokenServers) {
  const std::string good = R"({"token":"perfectlyvalidopaquetoken","expires_in":"3600"})";
  struct Case {
    const char* name;
    int post;          // the code for POST
    const char* body;  // of that
    int failures;      // before anything else
    bool breaks;
  };
  for (const Case& c : {Case{"403", 403, "", 0, false}, Case{"html", 200, "<html>", 0, false},
                        Case{"501", 501, "", 0, false}, Case{"503 once", 200, "", 1, false},
                        Case{"breaks once", 200, "", 1, true}}) {
    SCOPED_TRACE(c.name);
    std::atomic<int> failures = c.failures;
    std::atomic<int> gets = 0;
    Tokens([&](const ServerRequest& request, ResponseWriter& w) {
      if (failures-- > 0) {
        if (c.breaks) return w.conn().Break();
        return w.Send(503);
      }
      if (request.method == "GET") ++gets;
      if (request.method == "POST" && (c.post != 200 || *c.body != '\0')) {
        return w.Send(c.post, c.body);
      }
      w.Send(200, request.method == "GET"
                      ? good
                      : R"({"access_token":"perfectlyvalidopaquetoken","scope":["a"]})");
    });
    Guard();
    const TestServer server(registry_.Handler());
    Check(*NewResolver({.credentials = Creds("u", "p")}), Ref(server));
    EXPECT_EQ(gets, c.failures > 0 ? 0 : 1);
  }
}

TEST_F(FaultTest, CredentialsOfARepository) {
  // Each team has its own password, and one authorizer serves both.
  std::map<std::string, std::string> passwords = {{"a/x", "pa"}, {"b/x", "pb"}};
  std::atomic<bool> leaked = false;
  registry_.before = [&](const ServerRequest& request, ResponseWriter& w) {
    const bool a = request.path.find("/a/x/") != std::string::npos;
    const std::string got = request.header.Get("Authorization");
    if (!got.empty() && got != Basic("u", passwords[a ? "a/x" : "b/x"])) leaked = true;
    return Demands(Basic("u", passwords[a ? "a/x" : "b/x"]))(request, w);
  };
  const TestServer server(registry_.Handler());
  const std::string dir = ::testing::TempDir();
  const std::string path = fmt::format("{}/config-{}.json", dir, server.port());
  {
    FILE* file = fopen(path.c_str(), "w");
    ASSERT_NE(file, nullptr);
    fmt::print(file,
               R"({{"auths":{{"{0}/a":{{"username":"u","password":"pa"}},)"
               R"("{0}/b":{{"username":"u","password":"pb"}}}}}})",
               server.Host());
    ASSERT_EQ(fclose(file), 0);
  }
  const auto resolver = NewResolver({.credentials = DockerConfigCredentials(path)});
  for (const char* repository : {"a/x", "b/x", "a/x"}) {
    auto resolved = resolver->Resolve(kCtx, fmt::format("{}/{}:latest", server.Host(), repository));
    EXPECT_TRUE(resolved.ok()) << resolved.status();
  }
  EXPECT_FALSE(resolver->Resolve(kCtx, server.Host() + "/c/x:latest").ok());
  EXPECT_FALSE(leaked);
  remove(path.c_str());
}

TEST_F(FaultTest, AMissingHelperIsToldWhenTheRegistryRefuses) {
  const TestServer open(registry_.Handler());
  const std::string path = fmt::format("{}/helper-{}.json", ::testing::TempDir(), open.port());
  {
    FILE* file = fopen(path.c_str(), "w");
    ASSERT_NE(file, nullptr);
    fmt::print(file, R"({{"credsStore":"that-is-not-installed"}})");
    ASSERT_EQ(fclose(file), 0);
  }
  const auto resolver = [&] { return NewResolver({.credentials = DockerConfigCredentials(path)}); };
  Tokens([](const ServerRequest&, ResponseWriter& w) {
    w.Send(200, R"({"token":"perfectlyvalidopaquetoken"})");
  });
  Guard();
  Check(*resolver(), Ref(open));  // which anybody may pull
  const auto guard = registry_.before;
  registry_.before = [guard](const ServerRequest& request, ResponseWriter& w) {
    if (guard(request, w)) return true;
    w.Send(403, R"({"errors":[{"code":"DENIED","message":"members only"}]})");
    return true;
  };
  const absl::Status s = resolver()->Resolve(kCtx, Ref(open)).status();
  EXPECT_TRUE(errdefs::IsPermissionDenied(s)) << s;
  EXPECT_THAT(s.ToString(), AllOf(HasSubstr("members only"), HasSubstr("that-is-not-installed")));
  registry_.before = Demands("Basic x");
  for (const absl::Status& refused :
       {resolver()->Resolve(kCtx, Ref(open)).status(),
        dynamic_cast<ReferrersFetcher&>(**resolver()->Fetcher(kCtx, Ref(open)))
            .FetchReferrers(kCtx, layer_.digest)
            .status()}) {
    EXPECT_TRUE(errdefs::IsUnauthorized(refused)) << refused;
    EXPECT_THAT(refused.ToString(), HasSubstr("that-is-not-installed"));
  }
  remove(path.c_str());
}

TEST_F(FaultTest, ErrorsOfLocalFilesAreNoAnswersOfTheRegistry) {
  registry_.before = Demands("Basic x");
  const TestServer server(registry_.Handler());
  // Whatever looks the credentials up may fail in any class.
  for (const absl::Status& failure :
       {errdefs::NotFound("no file"), errdefs::AlreadyExists("a file")}) {
    const auto resolver =
        NewResolver({.credentials = [&](const Context&, std::string_view) { return failure; }});
    auto fetcher = *resolver->Fetcher(kCtx, Ref(server));
    auto referrers = dynamic_cast<ReferrersFetcher&>(*fetcher).FetchReferrers(kCtx, layer_.digest);
    EXPECT_FALSE(referrers.ok());
    for (const absl::Status& s :
         {referrers.status(), resolver->Resolve(kCtx, Ref(server)).status(),
          PushBlob(**resolver->Pusher(kCtx, Ref(server, ":x")), Blob("x"), "x")}) {
      EXPECT_TRUE(errdefs::IsUnknown(s)) << s;
      EXPECT_THAT(s.ToString(), HasSubstr("file"));
    }
  }
}

TEST_F(FaultTest, AMirrorsBrokenCopyIsPassedOver) {
  FakeRegistry mirror;
  Mirror(mirror);
  const TestServer broken(mirror.Handler());
  const TestServer server(registry_.Handler());
  const auto resolver = NewResolver(To({Host(broken.Host()), Host(server.Host())}));
  for (const std::size_t sent : {std::size_t{0}, std::size_t{1000}}) {
    mirror.truncated[layer_.digest] = sent;
    const absl::Status s = FetchLayer(*resolver, Ref(server));
    EXPECT_TRUE(s.ok()) << s;
    EXPECT_TRUE(store_->Blob(layer_.digest) == layer_data_);
  }
  mirror.truncated.clear();
  std::string other = layer_data_;
  other[1000] ^= 1;
  for (const std::string& data :
       {other, layer_data_.substr(0, 1000), std::string(), layer_data_ + "x"}) {
    mirror.PutAs(layer_.digest, "", data);
    const absl::Status s = FetchLayer(*resolver, Ref(server));
    EXPECT_TRUE(s.ok()) << data.size() << s;
    EXPECT_TRUE(store_->Blob(layer_.digest) == layer_data_);
    EXPECT_EQ(store_->ingests(), 0U);
  }
}

TEST_F(FaultTest, HeadIsNotBelievedWhereGetTells) {
  const TestServer server(registry_.Handler());
  for (const int code : {403, 404, 400, 501, 406}) {
    registry_.head_status = code;
    Check(*NewResolver(), Ref(server));
    Check(*NewResolver(), Ref(server, "@" + manifest_.digest));
    auto fetcher = *NewResolver()->Fetcher(kCtx, Ref(server));
    auto got = dynamic_cast<FetcherByDigest&>(*fetcher).FetchByDigest(kCtx, layer_.digest);
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(got->desc.size, layer_.size);
  }
  registry_.head_status = 0;
  registry_.head_length = false;
  Check(*NewResolver(), Ref(server));
  Check(*NewResolver(), Ref(server, "@" + manifest_.digest));
  registry_.head_length = true;
  registry_.content_type = false;
  Check(*NewResolver(), Ref(server));
  Check(*NewResolver(), Ref(server, "@" + manifest_.digest));
}

TEST_F(FaultTest, NoBlobInPlaceOfAManifestAfterATransportError) {
  registry_.before = [](const ServerRequest& request, ResponseWriter& w) {
    if (request.path.find("/manifests/") == std::string::npos) return false;
    w.conn().Break();
    return true;
  };
  const TestServer server(registry_.Handler());
  auto resolved = NewResolver()->Resolve(kCtx, Ref(server, "@" + manifest_.digest));
  EXPECT_TRUE(http::IsUnexpectedEOF(resolved.status())) << resolved.status();
  EXPECT_EQ(Count(server, "/blobs/"), 0);
}

TEST_F(FaultTest, ARefusedMountIsAnUpload) {
  const std::string data = "layer-bytes";
  auto desc = Blob(data);
  desc.annotations["containerd.io/distribution.source.127.0.0.1"] = "other/repo";
  for (const int code : {400, 401, 403, 404, 405, 500, 503}) {
    FakeRegistry fresh;
    fresh.mount_status = code;
    const TestServer server(fresh.Handler());
    const absl::Status s = PushBlob(**NewResolver()->Pusher(kCtx, Ref(server, ":x")), desc, data);
    EXPECT_TRUE(s.ok()) << code << s;
    EXPECT_EQ(fresh.Data(desc.digest), data);
  }
  // A token server that gives no token for the other repository.
  Tokens([](const ServerRequest& request, ResponseWriter& w) {
    if (request.query.find("other") != std::string::npos) return w.Send(403);
    w.Send(200, R"({"token":"perfectlyvalidopaquetoken"})");
  });
  Guard();
  const TestServer server(registry_.Handler());
  const absl::Status s = PushBlob(**NewResolver()->Pusher(kCtx, Ref(server, ":x")), desc, data);
  EXPECT_TRUE(s.ok()) << s;
  EXPECT_EQ(registry_.Data(desc.digest), data);
}

TEST_F(FaultTest, AMirrorBelowAPathHasScopesOfItsOwn) {
  std::vector<std::string> scopes;
  Tokens([&](const ServerRequest& request, ResponseWriter& w) {
    std::string all;
    for (const auto& [key, value] : http::ParseQuery(request.query)) {
      if (key == "scope") all += value + ";";
    }
    scopes.push_back(all);
    w.Send(200, R"({"token":"perfectlyvalidopaquetoken"})");
  });
  for (const char* demanded : {"repository:proxy/hub/testname:pull", "repository:renamed:pull"}) {
    scopes.clear();
    registry_.before =
        Demands("Bearer perfectlyvalidopaquetoken",
                fmt::format("Bearer realm=\"{}\",scope=\"{}\"", tokens_->Url("/t"), demanded));
    const TestServer server(registry_.Handler());
    RegistryHost host = Host(server.Host());
    host.path = "/v2/proxy/hub";
    host.authorizer = NewDockerAuthorizer();
    auto resolved = NewResolver(To({host}))->Resolve(kCtx, "example.com/testname:latest");
    ASSERT_TRUE(resolved.ok()) << resolved.status();
    EXPECT_THAT(scopes, Each(fmt::format("{};", demanded)));
  }
}

TEST_F(FaultTest, ChunksThatAreAnsweredOtherwise) {
  const std::string data = Pattern(1'000'000);
  const auto desc = Blob(data);
  for (const int code : {200, 201, 204}) {
    FakeRegistry fresh;
    fresh.patch_status = code;
    const TestServer server(fresh.Handler());
    const auto resolver = NewResolver({.upload_chunk_size = 300'000});
    const absl::Status s = PushBlob(**resolver->Pusher(kCtx, Ref(server, ":x")), desc, data);
    EXPECT_TRUE(s.ok()) << code << s;
    EXPECT_TRUE(fresh.Data(desc.digest) == data);
  }
}

TEST_F(FaultTest, ChunksAreAsLargeAsTheRegistryDemands) {
  const std::string data = Pattern(1'000'000);
  const auto desc = Blob(data);
  for (const auto& [least, chunks] :
       {std::pair(400'000, 3), std::pair(1'000'000, 0), std::pair(2'000'000'000, 0)}) {
    FakeRegistry fresh;
    fresh.chunk_least = least;
    const TestServer server(fresh.Handler());
    const auto resolver = NewResolver({.upload_chunk_size = 100'000});
    const absl::Status s = PushBlob(**resolver->Pusher(kCtx, Ref(server, ":x")), desc, data);
    EXPECT_TRUE(s.ok()) << s;
    EXPECT_EQ(Count(server, "PATCH"), chunks);
    EXPECT_TRUE(fresh.Data(desc.digest) == data);
  }
}

TEST_F(FaultTest, AnAnswerToAnUploadThatWasLost) {
  const std::string data = Pattern(1'000'000);
  const auto desc = Blob(data);
  for (const std::int64_t chunk : {0, 300'000}) {
    for (const char* method : {"PATCH", "PUT"}) {
      FakeRegistry fresh;
      fresh.lost_answers[method] = 1;
      const TestServer server(fresh.Handler());
      const auto resolver = NewResolver({.upload_chunk_size = chunk});
      const absl::Status s = PushBlob(**resolver->Pusher(kCtx, Ref(server, ":x")), desc, data);
      EXPECT_TRUE(s.ok()) << chunk << method << s;
      EXPECT_TRUE(fresh.Data(desc.digest) == data);
    }
  }
}

class ReferrersTest : public FaultTest {
 protected:
  static std::string IndexOf(const std::vector<std::string>& types) {
    ocispec::Index index;
    index.schema_version = 2;
    index.media_type = ocispec::kMediaTypeImageIndex;
    for (const std::string& type : types) {
      index.manifests.push_back({.media_type = ocispec::kMediaTypeImageManifest,
                                 .digest = digest::FromString(type).String(),
                                 .size = 1,
                                 .artifact_type = type});
    }
    return ocispec::Marshal(index);
  }

  absl::StatusOr<std::vector<ocispec::Descriptor>> Ask(const TestServer& server) {
    auto fetcher = *NewResolver()->Fetcher(kCtx, Ref(server));
    return dynamic_cast<ReferrersFetcher&>(*fetcher).FetchReferrers(kCtx, manifest_.digest);
  }
};

TEST_F(ReferrersTest, OnSeveralPages) {
  std::string last = "?last=2";
  registry_.before = [&](const ServerRequest& request, ResponseWriter& w) {
    if (request.path.find("/referrers/") == std::string::npos) return false;
    const std::string page = request.QueryValue("last");
    const auto link = [&](const std::string& to) {
      w.header.Set("Link", fmt::format("<https://x/a,b>; rel=\"prev\", <{}>; rel=\"next\"", to));
    };
    if (page.empty()) link(request.path + "?last=1");
    if (page == "1") link(last);
    w.Send(200, IndexOf({"t" + page}));
    return true;
  };
  const TestServer server(registry_.Handler());
  auto got = Ask(server);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->size(), 3U);
  // Nor without end, nor at another host.
  last = "?last=1";
  EXPECT_THAT(Ask(server).status().ToString(), HasSubstr("have no end"));
  last = "http://elsewhere.invalid/";
  EXPECT_TRUE(errdefs::IsPermissionDenied(Ask(server).status()));
}

TEST_F(ReferrersTest, AnswersThatAreNoList) {
  std::string tag = manifest_.digest;
  tag[tag.find(':')] = '-';
  registry_.PutAs(tag, ocispec::kMediaTypeImageIndex, IndexOf({"tagged"}));
  for (const bool html : {true, false}) {
    registry_.before = [&](const ServerRequest& request, ResponseWriter& w) {
      if (request.path.find("/referrers/") == std::string::npos) return false;
      w.header.Set("Content-Type", html ? "text/html; charset=utf-8" : "application/json");
      w.Send(200, html ? "<html>hello</html>" : manifest_data_);
      return true;
    };
    const TestServer server(registry_.Handler());
    auto got = Ask(server);
    ASSERT_TRUE(got.ok()) << got.status();
    ASSERT_EQ(got->size(), 1U);
    EXPECT_EQ(got->front().artifact_type, "tagged");
  }
}

TEST_F(FaultTest, RangesThatAreRefused) {
  const TestServer server(registry_.Handler());
  for (const int code : {400, 403, 416, 501}) {
    registry_.range_status = code;
    const auto resolver = NewResolver();
    resolver->SetOptions({transfer::WithMaxConcurrentDownloads(4),
                          transfer::WithConcurrentLayerFetchBuffer(10'000)});
    auto fetcher = *resolver->Fetcher(kCtx, Ref(server));
    auto data = Read(*fetcher, layer_);
    ASSERT_TRUE(data.ok()) << data.status();
    EXPECT_TRUE(*data == layer_data_);
    auto reader = fetcher->Fetch(kCtx, layer_);
    ASSERT_TRUE((*reader)->Seek(kCtx, 1000).ok());
    EXPECT_TRUE(*io::ReadAll(kCtx, **reader, 1 << 20) == layer_data_.substr(1000));
  }
  // In the middle.
  registry_.range_status = 0;
  std::atomic<int> left = 5;
  registry_.before = [&](const ServerRequest& request, ResponseWriter& w) {
    if (!request.header.Has("Range") || left-- > 0) return false;
    w.Send(403);
    return true;
  };
  const auto resolver = NewResolver();
  resolver->SetOptions(
      {transfer::WithMaxConcurrentDownloads(4), transfer::WithConcurrentLayerFetchBuffer(10'000)});
  auto data = Read(**resolver->Fetcher(kCtx, Ref(server)), layer_);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_TRUE(*data == layer_data_);
}

TEST_F(FaultTest, EncodingsThatAreNone) {
  const TestServer server(registry_.Handler());
  for (const char* encoding : {"identity", "aws-chunked", "aws-chunked, identity"}) {
    registry_.before = [&](const ServerRequest& request, ResponseWriter& w) {
      if (request.path.find("/blobs/") != std::string::npos) {
        w.header.Set("Content-Encoding", encoding);
      }
      return false;
    };
    auto data = Read(**NewResolver()->Fetcher(kCtx, Ref(server)), layer_);
    ASSERT_TRUE(data.ok()) << encoding << data.status();
    EXPECT_TRUE(*data == layer_data_);
  }
}

TEST_F(FaultTest, BlobsOfNoBytes) {
  const auto nothing = registry_.Put(ocispec::kMediaTypeImageLayer, "");
  const TestServer server(registry_.Handler());
  MemoryStore store;
  auto fetcher = *NewResolver()->Fetcher(kCtx, Ref(server));
  const absl::Status s = Fetch(kCtx, store, *fetcher, nothing);
  EXPECT_TRUE(s.ok()) << s;
  EXPECT_EQ(store.Blob(nothing.digest), "");
  FakeRegistry fresh;
  const TestServer target(fresh.Handler());
  const absl::Status pushed =
      PushBlob(**NewResolver()->Pusher(kCtx, Ref(target, ":x")), nothing, "");
  EXPECT_TRUE(pushed.ok()) << pushed;
  EXPECT_EQ(fresh.Data(nothing.digest), "");
}

}  // namespace
}  // namespace containerd::remotes::docker
