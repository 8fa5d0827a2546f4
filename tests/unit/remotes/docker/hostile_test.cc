// SPDX-License-Identifier: Apache-2.0
//
// Registries that mean no good, or cannot do better: whole images pulled into a store, of which
// nothing wrong may stay.
#include <thread>

#include <absl/time/clock.h>
#include <fmt/format.h>

#include "containerd/compression/compression.h"
#include "containerd/images/handlers.h"
#include "containerd/images/image.h"
#include "containerd/images/mediatypes.h"
#include "containerd/remotes/handlers.h"

#include "tests/support/memory_store.h"
#include "tests/support/registry_fixture.h"

namespace containerd::remotes::docker {
namespace {

using containerd::testing::MemoryStore;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class HostileTest : public TokenTest {
 protected:
  // What a pull does before it unpacks.
  absl::Status Pull(const TestServer& server, const std::string& ref, const Context& ctx = kCtx,
                    const std::shared_ptr<ResolverWithOptions>& resolver = NewResolver()) {
    auto resolved = resolver->Resolve(ctx, Ref(server, ref));
    if (!resolved.ok()) return resolved.status();
    auto fetcher = resolver->Fetcher(ctx, resolved->name);
    if (!fetcher.ok()) return fetcher.status();
    return images::Dispatch(
        ctx, images::Handlers({FetchHandler(store_, *fetcher), images::ChildrenHandler(store_)}), 4,
        {resolved->desc});
  }

  void ExpectNothingOf(const std::string& dgst) const {
    EXPECT_EQ(store_->Blob(dgst), "<none>");
    for (const auto& [ref, data] : store_->Ingests()) EXPECT_THAT(ref, Not(HasSubstr(dgst)));
  }

  // Answers GET requests for what has this digest.
  void Answer(const std::string& dgst, TestServer::Handler handler) {
    registry_.before = [=](const ServerRequest& request, ResponseWriter& w) {
      if (request.method != "GET" || !request.path.ends_with("/" + dgst)) return false;
      handler(request, w);
      return true;
    };
  }

  // An index that names one child, and that is no more than what it says.
  std::string PutIndex(const ocispec::Descriptor& child) {
    ocispec::Index index;
    index.schema_version = 2;
    index.media_type = ocispec::kMediaTypeImageIndex;
    index.manifests = {child};
    return registry_.Put(ocispec::kMediaTypeImageIndex, ocispec::Marshal(index), "index").digest;
  }

  const std::shared_ptr<MemoryStore> store_ = std::make_shared<MemoryStore>();
};

TEST_F(HostileTest, AnHonestRegistry) {
  const TestServer server(registry_.Handler());
  absl::Status s = Pull(server, ":latest");
  ASSERT_TRUE(s.ok()) << s;
  EXPECT_TRUE(store_->Blob(layer_.digest) == layer_data_);
  EXPECT_THAT(store_->Ingests(), IsEmpty());
}

TEST_F(HostileTest, BodiesOfAnotherSizeOrDigest) {
  std::string other = layer_data_;
  other[1000] ^= 1;
  for (const std::string& body : {layer_data_.substr(0, 1000), std::string(), layer_data_ + "x",
                                  layer_data_ + layer_data_, other}) {
    Answer(layer_.digest, [&](const ServerRequest&, ResponseWriter& w) { w.Send(200, body); });
    const TestServer server(registry_.Handler());
    absl::Status s = Pull(server, ":latest");
    EXPECT_FALSE(s.ok()) << body.size();
    ExpectNothingOf(layer_.digest);
    // Of an honest one it can be had then.
    registry_.before = nullptr;
    s = Pull(server, ":latest");
    EXPECT_TRUE(s.ok()) << s;
    store_->Drop(layer_.digest);
  }
}

TEST_F(HostileTest, AManifestWithAnotherDigest) {
  std::string other = manifest_data_;
  other.back() = ' ';
  Answer(manifest_.digest, [&](const ServerRequest&, ResponseWriter& w) { w.Send(200, other); });
  const TestServer server(registry_.Handler());
  for (const std::string& ref : {std::string(":latest"), "@" + manifest_.digest}) {
    EXPECT_TRUE(errdefs::IsFailedPrecondition(Pull(server, ref)));
    ExpectNothingOf(manifest_.digest);
  }
}

TEST_F(HostileTest, ManifestsOf100MiB) {
  static constexpr std::int64_t kSize = std::int64_t{100} << 20;
  // The tag's own.
  registry_.before = [](const ServerRequest& request, ResponseWriter& w) {
    if (request.path.find("/manifests/huge") == std::string::npos) return false;
    EXPECT_EQ(request.method, "HEAD");
    w.header.Set("Content-Type", ocispec::kMediaTypeImageManifest);
    w.header.Set("Docker-Content-Digest", digest::FromString("huge").String());
    w.header.Set("Content-Length", fmt::format("{}", kSize));
    w.SendHeader(200);
    return true;
  };
  const TestServer server(registry_.Handler());
  EXPECT_THAT(Pull(server, ":huge").ToString(), HasSubstr("rejecting 104857600 byte manifest"));
  // One that an index names.
  ocispec::Descriptor child = manifest_;
  child.size = kSize;
  PutIndex(child);
  const absl::Status s = Pull(server, ":index");
  EXPECT_TRUE(errdefs::IsResourceExhausted(s)) << s;
  EXPECT_THAT(server.Requests(), Not(Contains(HasSubstr(manifest_.digest))));
  ExpectNothingOf(manifest_.digest);
}

TEST_F(HostileTest, MoreThanWasSaidIsNotRead) {
  static constexpr std::size_t kPieces = 100;
  std::atomic<std::size_t> sent = 0;
  const std::string piece(1 << 20, ' ');
  for (const ocispec::Descriptor& desc : {manifest_, layer_}) {
    sent = 0;
    Answer(desc.digest, [&](const ServerRequest&, ResponseWriter& w) {
      w.header.Set("Transfer-Encoding", "chunked");
      w.SendHeader(200);
      while (sent < kPieces && w.conn().Write(fmt::format("{:x}\r\n{}\r\n", piece.size(), piece))) {
        ++sent;
      }
      w.conn().Break();
    });
    {
      const TestServer server(registry_.Handler());
      EXPECT_TRUE(errdefs::IsFailedPrecondition(Pull(server, ":latest")));
    }
    EXPECT_LT(sent, kPieces);
    ExpectNothingOf(desc.digest);
  }
}

TEST_F(HostileTest, AnEncodingThatInflatesWithoutEnd) {
  std::string bomb;
  io::StringWriter out(&bomb);
  auto gzip = compression::CompressStream(out, compression::Compression::kGzip);
  const std::string zeros(4 << 20, '\0');
  for (int i = 0; i < 16; ++i) ASSERT_TRUE((*gzip)->Write(kCtx, zeros).ok());
  ASSERT_TRUE((*gzip)->Close(kCtx).ok());
  Answer(layer_.digest, [&](const ServerRequest&, ResponseWriter& w) {
    w.header.Set("Content-Encoding", "gzip");
    w.Send(200, bomb);
  });
  const TestServer server(registry_.Handler());
  EXPECT_TRUE(errdefs::IsFailedPrecondition(Pull(server, ":latest")));
  ExpectNothingOf(layer_.digest);
}

TEST_F(HostileTest, AnIndexThatContainsItself) {
  // By a digest that is a lie; there is no other way.
  const std::string dgst = digest::FromString("itself").String();
  ocispec::Index index;
  index.schema_version = 2;
  index.media_type = ocispec::kMediaTypeImageIndex;
  ocispec::Descriptor itself{.media_type = ocispec::kMediaTypeImageIndex, .digest = dgst};
  index.manifests = {itself};
  itself.size = static_cast<std::int64_t>(ocispec::Marshal(index).size()) + 2;
  index.manifests = {itself};
  const std::string text = ocispec::Marshal(index);
  ASSERT_EQ(static_cast<std::int64_t>(text.size()), itself.size);
  registry_.before = [&](const ServerRequest& request, ResponseWriter& w) {
    if (request.path.find("/manifests/") == std::string::npos) return false;
    w.header.Set("Content-Type", ocispec::kMediaTypeImageIndex);
    w.header.Set("Docker-Content-Digest", dgst);
    w.Send(200, text);
    return true;
  };
  const TestServer server(registry_.Handler());
  EXPECT_TRUE(errdefs::IsFailedPrecondition(Pull(server, ":latest")));
  ExpectNothingOf(dgst);
  EXPECT_LE(server.Requests().size(), 2U);
}

TEST_F(HostileTest, SizesThatAreNone) {
  const TestServer server(registry_.Handler());
  for (const std::int64_t size : {std::int64_t{0}, std::int64_t{-1}, INT64_MIN}) {
    ocispec::Descriptor child = manifest_;
    child.size = size;
    PutIndex(child);
    EXPECT_FALSE(Pull(server, ":index").ok()) << size;
    ExpectNothingOf(manifest_.digest);
  }
}

TEST_F(HostileTest, RedirectLoops) {
  Answer(layer_.digest, [](const ServerRequest& request, ResponseWriter& w) {
    w.header.Set("Location", request.target);
    w.Send(307);
  });
  const TestServer server(registry_.Handler());
  EXPECT_THAT(Pull(server, ":latest").ToString(), HasSubstr("stopped after 10 redirects"));
  ExpectNothingOf(layer_.digest);
}

TEST_F(HostileTest, A401ThatNeverEnds) {
  Tokens([](const ServerRequest&, ResponseWriter& w) {
    w.Send(200, R"({"token":"perfectlyvalidopaquetoken"})");
  });
  Answer(layer_.digest, [&](const ServerRequest&, ResponseWriter& w) {
    w.header.Set("WWW-Authenticate", fmt::format("Bearer realm=\"{}\"", tokens_->Url("/token")));
    w.Send(401);
  });
  const TestServer server(registry_.Handler());
  const absl::Status s = Pull(server, ":latest");
  EXPECT_TRUE(errdefs::IsUnauthorized(s)) << s;
  ExpectNothingOf(layer_.digest);
  EXPECT_LE(asked_, 6);
  EXPECT_LE(server.Requests().size(), 10U);
}

TEST_F(HostileTest, ATokenServerThatRedirectsForever) {
  Tokens([](const ServerRequest& request, ResponseWriter& w) {
    w.header.Set("Location", request.target);
    w.Send(302);
  });
  Guard();
  const TestServer server(registry_.Handler());
  EXPECT_FALSE(Pull(server, ":latest").ok());
  EXPECT_LE(asked_, 2 * (http::kMaxRedirects + 1));
}

TEST_F(HostileTest, ConnectionsThatBreakEach64KiB) {
  std::atomic<int> broken = 0;
  Answer(layer_.digest, [&](const ServerRequest& request, ResponseWriter& w) {
    std::size_t from = 0;
    std::size_t to = layer_data_.size();
    const std::string range = request.header.Get("Range");
    if (range.starts_with("bytes=")) {
      from = std::stoul(range.substr(6));
      const std::string last = range.substr(range.find('-') + 1);
      if (!last.empty()) to = std::min(to, std::stoul(last) + 1);
      w.header.Set("Content-Range",
                   fmt::format("bytes {}-{}/{}", from, to - 1, layer_data_.size()));
    }
    w.header.Set("Content-Length", fmt::format("{}", to - from));
    w.SendHeader(range.empty() ? 200 : 206);
    w.conn().Write(
        std::string_view(layer_data_).substr(from, std::min<std::size_t>(to - from, 65536)));
    if (to - from > 65536) {
      ++broken;
      w.conn().Break();
    }
  });
  const TestServer server(registry_.Handler());
  for (const int parallelism : {1, 3}) {
    broken = 0;
    const auto resolver = NewResolver();
    resolver->SetOptions({transfer::WithMaxConcurrentDownloads(parallelism),
                          transfer::WithConcurrentLayerFetchBuffer(100'000)});
    absl::Status s = Pull(server, ":latest", kCtx, resolver);
    ASSERT_TRUE(s.ok()) << s;
    EXPECT_TRUE(store_->Blob(layer_.digest) == layer_data_);
    EXPECT_GE(broken, 3);
    store_->Drop(layer_.digest);
  }
}

TEST_F(HostileTest, ServersThatStall) {
  std::atomic<bool> begin = false;
  Answer(layer_.digest, [&](const ServerRequest&, ResponseWriter& w) {
    if (begin) {
      w.header.Set("Content-Length", fmt::format("{}", layer_data_.size()));
      w.SendHeader(200);
      w.conn().Write(std::string_view(layer_data_).substr(0, 1000));
    }
    w.conn().AwaitClose();
    w.conn().Break();
  });
  const TestServer server(registry_.Handler());
  for (const bool beginning : {false, true}) {
    begin = beginning;
    const absl::Status s = Pull(server, ":latest", WithTimeout(kCtx, absl::Milliseconds(200)));
    EXPECT_TRUE(errdefs::IsDeadlineExceeded(s)) << s;
    EXPECT_EQ(store_->Blob(layer_.digest), "<none>");
  }
  // What came is not lost.
  registry_.before = nullptr;
  const absl::Status s = Pull(server, ":latest");
  EXPECT_TRUE(s.ok()) << s;
  EXPECT_TRUE(store_->Blob(layer_.digest) == layer_data_);
}

TEST_F(HostileTest, CancellingEndsAPullAtOnce) {
  auto [ctx, cancel] = WithCancel(kCtx);
  Answer(layer_.digest, [cancel = cancel](const ServerRequest&, ResponseWriter& w) {
    cancel();
    w.conn().AwaitClose();
    w.conn().Break();
  });
  const TestServer server(registry_.Handler());
  EXPECT_TRUE(errdefs::IsCanceled(Pull(server, ":latest", ctx)));
  ExpectNothingOf(layer_.digest);
}

}  // namespace
}  // namespace containerd::remotes::docker
