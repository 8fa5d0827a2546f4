// SPDX-License-Identifier: Apache-2.0
//
// Pushing content to a registry on the loopback.
#include <algorithm>
#include <map>
#include <thread>

#include <absl/strings/escaping.h>
#include <fmt/format.h>

#include "containerd/content/helpers.h"
#include "containerd/images/mediatypes.h"
#include "containerd/remotes/handlers.h"

#include "tests/support/memory_store.h"
#include "tests/support/registry_fixture.h"

namespace containerd::remotes::docker {
namespace {

using containerd::testing::MemoryStore;
using ::testing::Contains;
using ::testing::HasSubstr;

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
  const auto layer = store->Add(ocispec::kMediaTypeImageLayer, Pattern(5'000'000));
  const auto config = store->Add(ocispec::kMediaTypeImageConfig, "{}");
  ocispec::Manifest manifest;
  manifest.schema_version = 2;
  manifest.config = config;
  manifest.layers = {layer};
  const auto target = store->Add(ocispec::kMediaTypeImageManifest, ocispec::Marshal(manifest));
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
              Contains(AllOf(HasSubstr("PUT /upload/1?_state=a%2Bb&digest=sha256%3A"),
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

TEST_F(PushTest, MountsThatFailBecomeUploads) {
  registry_.before = [](const ServerRequest& request, ResponseWriter& w) {
    if (request.method == "POST" && request.QueryValue("from") == "never-mount") {
      w.header.Set("Location", "/upload/7");
      w.Send(202);
      return true;
    }
    return false;
  };
  const TestServer server(registry_.Handler());
  const auto tracker = NewInMemoryTracker();
  auto desc = Describe(ocispec::kMediaTypeImageLayer, "layer-content");
  desc.annotations["containerd.io/distribution.source.127.0.0.1"] = "never-mount";
  absl::Status s = Push(*MakePusher(server, {.tracker = tracker}), desc, "layer-content");
  ASSERT_TRUE(s.ok()) << s;
  EXPECT_EQ(PushStatus(*tracker->GetStatus(MakeRefKey(kCtx, desc))), PushStatus());
  EXPECT_EQ(registry_.Data(desc.digest), "layer-content");
  // Another one finds it there.
  const auto other = NewInMemoryTracker();
  EXPECT_TRUE(
      errdefs::IsAlreadyExists(MakePusher(server, {.tracker = other})->Push(kCtx, desc).status()));
  EXPECT_EQ(PushStatus(*other->GetStatus(MakeRefKey(kCtx, desc))), PushStatus{.exists = true});
}

TEST_F(PushTest, ForbiddenGETFallbackProxy) {
  std::string asked;
  registry_.before = [&](const ServerRequest& request, ResponseWriter& w) {
    if (request.method == "GET") asked = request.QueryValue("ns");
    w.Send(403, request.method == "GET"
                    ? R"({"errors":[{"code":"DENIED","message":"key is disabled"}]})"
                    : "");
    return true;
  };
  const TestServer server(registry_.Handler());
  auto pusher = *NewResolver(To({Host(server.Host())}))->Pusher(kCtx, "example.com/a:b");
  const auto desc = Describe(ocispec::kMediaTypeImageManifest, "manifest");
  EXPECT_THAT(pusher->Push(kCtx, desc).status().ToString(),
              AllOf(HasSubstr("403"), HasSubstr("key is disabled")));
  EXPECT_EQ(asked, "example.com");
}

TEST_F(PushTest, NothingIsPushedTwiceAtOnce) {
  const TestServer server(registry_.Handler());
  const auto store = std::make_shared<MemoryStore>();
  const auto layer = store->Add(ocispec::kMediaTypeImageLayer, Pattern(1'000'000));
  std::vector<ocispec::Descriptor> targets;
  for (const char* config : {"{}", "{ }", "{  }", "{   }"}) {
    ocispec::Manifest manifest;
    manifest.schema_version = 2;
    manifest.config = store->Add(ocispec::kMediaTypeImageConfig, config);
    manifest.layers = {layer};
    targets.push_back(store->Add(ocispec::kMediaTypeImageManifest, ocispec::Marshal(manifest)));
  }
  const auto resolver = NewResolver();
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, target = targets[static_cast<std::size_t>(i) % 4], i] {
      auto pusher = resolver->Pusher(kCtx, Ref(server, fmt::format(":t{}", i % 4)));
      absl::Status s = PushContent(kCtx, *pusher, target, store, 4, platforms::All());
      EXPECT_TRUE(s.ok()) << s;
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::map<std::string, int> puts;
  for (const std::string& request : server.Requests()) {
    if (!request.starts_with("PUT")) continue;
    const auto digest = request.find("digest=");
    ++puts[digest == std::string::npos ? request : request.substr(digest)];
  }
  EXPECT_EQ(puts.size(), 1U + 4U + 4U);
  for (const auto& [what, times] : puts) EXPECT_EQ(times, 1) << what;
  for (const auto& target : targets) EXPECT_NE(registry_.Data(target.digest), "<none>");
}

TEST_F(PushTest, OtherRepositoriesAndTagsAreNotForgotten) {
  const TestServer server(registry_.Handler());
  registry_.before = [](const ServerRequest& request, ResponseWriter& w) {
    if (request.method != "HEAD") return false;
    w.Send(404);
    return true;
  };
  const auto resolver = NewResolver();
  const auto manifest = Describe(ocispec::kMediaTypeImageManifest, "manifest");
  const auto layer = Describe(ocispec::kMediaTypeImageLayer, "layer");
  const auto puts = [&] {
    const auto requests = server.Requests();
    return std::count_if(requests.begin(), requests.end(),
                         [](const std::string& r) { return r.starts_with("PUT"); });
  };
  long want = 0;
  for (const char* name : {"/a:1", "/a:2", "/b:1", "/b:1"}) {
    auto pusher = *resolver->Pusher(kCtx, server.Host() + name);
    for (const auto& [desc, data] : {std::pair(layer, "layer"), std::pair(manifest, "manifest")}) {
      const absl::Status s = Push(*pusher, desc, data);
      EXPECT_TRUE(s.ok() || errdefs::IsAlreadyExists(s)) << s;
    }
    // The layer once a repository, the manifest once a tag.
    want += std::string_view(name) == "/a:2" ? 1 : 2;
    if (name == std::string_view("/b:1") && want > 5) want = 5;
    EXPECT_EQ(puts(), want) << name;
  }
}

}  // namespace
}  // namespace containerd::remotes::docker
