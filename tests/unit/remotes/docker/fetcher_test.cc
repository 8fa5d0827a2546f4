// SPDX-License-Identifier: Apache-2.0
//
// Fetching content from a registry on the loopback.
#include <future>
#include <thread>
#include <zlib.h>

#include <fmt/format.h>

#include "containerd/compression/compression.h"
#include "containerd/remotes/handlers.h"

#include "tests/support/registry_fixture.h"

namespace containerd::remotes::docker {
namespace {

using ::testing::HasSubstr;

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

// What one fetch is told does not stay with the resolver.
TEST_F(RegistryTest, OptionsOfOneFetcher) {
  const TestServer server(registry_.Handler());
  const auto limiter = std::make_shared<Semaphore>(1);
  ASSERT_TRUE(limiter->TryAcquire());
  auto resolver = NewResolver();
  auto fetcher =
      resolver->FetcherWithOptions(kCtx, Ref(server), {transfer::WithDownloadLimiter(limiter)});
  ASSERT_TRUE(fetcher.ok()) << fetcher.status();
  EXPECT_FALSE(Read(**fetcher, layer_, WithTimeout(kCtx, absl::Milliseconds(50))).ok());
  EXPECT_TRUE(Read(**resolver->Fetcher(kCtx, Ref(server)), layer_).ok());
  limiter->Release();
  EXPECT_TRUE(Read(**fetcher, layer_).ok());
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

}  // namespace
}  // namespace containerd::remotes::docker
