// SPDX-License-Identifier: Apache-2.0
#include "containerd/http/http.h"

#include <array>
#include <atomic>
#include <dirent.h>
#include <future>
#include <thread>

#include <absl/time/clock.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

#include "src/reactor/internal/reactor.h"
#include "src/testing/internal/temp_folder.h"
#include "tests/support/test_server.h"

namespace containerd::http {
namespace {

using testing::Conn;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MakeCert;
using testing::ResponseWriter;
using testing::ServerRequest;
using testing::TestCert;
using testing::TestServer;

const Context kCtx = Context::Background();

std::string Pattern(std::size_t n) {
  std::string out(n, '\0');
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<char>(i * 31 + i / 251);
  return out;
}

Client Plain() { return {.transport = NewTransport()}; }

absl::StatusOr<std::string> Body(const std::shared_ptr<Response>& response) {
  return io::ReadAll(kCtx, *response->body, std::size_t{1} << 30);
}

TEST(Client, GetsAResponse) {
  const TestServer server([](const ServerRequest& req, ResponseWriter& w) {
    w.header.Add("X-Two", "a");
    w.header.Add("X-Two", "b");
    w.header.Set("X-Seen", req.header.Get("X-Asked") + req.header.Get("User-Agent"));
    w.Send(200, "hello " + req.target);
  });
  auto response = Plain().Do(kCtx, {.url = server.Url("/v2/?n=1"), .header = {{"x-asked", "yes"}}});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ((*response)->status_code, 200);
  EXPECT_EQ((*response)->status, "200 OK");
  EXPECT_EQ((*response)->proto, "HTTP/1.1");
  EXPECT_EQ((*response)->content_length, 14);
  EXPECT_THAT((*response)->header.Values("x-two"), ElementsAre("a", "b"));
  EXPECT_EQ((*response)->header.Get("X-Seen"), "yes");
  EXPECT_EQ((*response)->request_method, "GET");
  EXPECT_EQ(*Body(*response), "hello /v2/?n=1");
}

TEST(Client, EveryStatusIsAResponse) {
  const TestServer server([](const ServerRequest& req, ResponseWriter& w) {
    w.Send(std::atoi(req.path.c_str() + 1), "");
  });
  const Client client = Plain();
  for (const int code : {200, 201, 204, 301, 304, 400, 401, 404, 429, 500, 503, 599}) {
    auto response = client.Do(kCtx, {.url = server.Url(fmt::format("/{}", code))});
    ASSERT_TRUE(response.ok()) << code << response.status();
    EXPECT_EQ((*response)->status_code, code);
    EXPECT_EQ(*Body(*response), "");
  }
}

TEST(Client, KeepsConnections) {
  const TestServer server([](const ServerRequest&, ResponseWriter& w) { w.Send(200, "x"); });
  const Client client = Plain();
  for (int i = 0; i < 10; ++i) {
    auto response = client.Do(kCtx, {.url = server.Url("/")});
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(*Body(*response), "x");
  }
  // Also by another transport with the same settings.
  auto other = Plain().Do(kCtx, {.url = server.Url("/")});
  ASSERT_TRUE(other.ok());
  EXPECT_EQ(*Body(*other), "x");
  EXPECT_EQ(server.connections(), 1);
}

TEST(Client, DrainsASmallBodyThatNobodyReads) {
  const TestServer server(
      [](const ServerRequest&, ResponseWriter& w) { w.Send(401, std::string(1000, 'x')); });
  const Client client = Plain();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(client.Do(kCtx, {.url = server.Url("/")}).ok());
  // Whether a connection is back in time for the next request is a matter of luck; that the
  // drained one can be used is not.
  EXPECT_LE(server.connections(), 3);
}

TEST(Client, DroppingAResponseEndsItsTransfer) {
  std::promise<void> closed;
  const TestServer server([&](const ServerRequest&, ResponseWriter& w) {
    w.header.Set("Content-Length", "1000000000");
    w.SendHeader(200);
    w.conn().AwaitClose();
    w.conn().Break();
    closed.set_value();
  });
  ASSERT_TRUE(Plain().Do(kCtx, {.url = server.Url("/")}).ok());
  closed.get_future().wait();
}

TEST(Client, ReadsALargeBodyThroughASmallBuffer) {
  const std::string data = Pattern(20 << 20);
  const TestServer server([&](const ServerRequest&, ResponseWriter& w) { w.Send(200, data); });
  auto response = Plain().Do(kCtx, {.url = server.Url("/"), .buffer_size = 64 << 10});
  ASSERT_TRUE(response.ok());
  auto body = Body(*response);
  ASSERT_TRUE(body.ok()) << body.status();
  EXPECT_TRUE(*body == data);
}

TEST(Client, StopsReceivingWhileNobodyReads) {
  std::atomic<std::size_t> sent = 0;
  std::promise<void> stuck;
  const TestServer server([&](const ServerRequest&, ResponseWriter& w) {
    w.header.Set("Content-Length", fmt::format("{}", 1 << 30));
    w.SendHeader(200);
    const std::string piece(1 << 20, 'x');
    for (int i = 0; i < 1024 && w.conn().Write(piece); ++i) sent += piece.size();
  });
  auto [ctx, cancel] = WithCancel(kCtx);
  auto response = Plain().Do(ctx, {.url = server.Url("/"), .buffer_size = 1 << 20});
  ASSERT_TRUE(response.ok());
  // The server is ahead by what the kernel and libcurl buffer, which is far from all of it.
  char c = 0;
  ASSERT_TRUE((*response)->body->Read(kCtx, {&c, 1}).ok());
  cancel();
  std::string buf(1 << 16, '\0');
  absl::StatusOr<std::size_t> n = std::size_t{1};
  while (n.ok() && *n > 0) n = (*response)->body->Read(kCtx, buf);
  EXPECT_TRUE(errdefs::IsCanceled(n.status())) << n.status();
  EXPECT_LT(sent, std::size_t{200} << 20);
}

TEST(Client, ReadsChunks) {
  const TestServer server([](const ServerRequest&, ResponseWriter& w) {
    w.header.Set("Transfer-Encoding", "chunked");
    w.SendHeader(200);
    w.Chunk("one ");
    w.Chunk("two");
    w.Chunk("");
  });
  auto response = Plain().Do(kCtx, {.url = server.Url("/")});
  ASSERT_TRUE(response.ok());
  EXPECT_EQ((*response)->content_length, -1);
  EXPECT_EQ(*Body(*response), "one two");
}

TEST(Client, HeadHasTheLengthAndNoBody) {
  const TestServer server([](const ServerRequest& req, ResponseWriter& w) {
    w.header.Set("X-Method", req.method);
    w.header.Set("Content-Length", "12345");
    w.Send(200);
  });
  const Client client = Plain();
  for (int i = 0; i < 2; ++i) {
    auto response = client.Do(kCtx, {.method = "HEAD", .url = server.Url("/")});
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ((*response)->header.Get("X-Method"), "HEAD");
    EXPECT_EQ((*response)->content_length, 12345);
    EXPECT_EQ(*Body(*response), "");
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST(Client, SendsBodies) {
  const TestServer server([](const ServerRequest& req, ResponseWriter& w) {
    w.header.Set("X-Length", req.header.Get("Content-Length"));
    w.header.Set("X-Encoding", req.header.Get("Transfer-Encoding"));
    w.header.Set("X-Type", req.header.Get("Content-Type") + req.header.Get("Expect"));
    w.Send(201, req.method + " " + req.body);
  });
  const Client client = Plain();
  for (const std::string method : {"POST", "PUT", "PATCH", "DELETE"}) {
    auto response =
        client.Do(kCtx, {.method = method, .url = server.Url("/"), .body = NewStringBody("data")});
    ASSERT_TRUE(response.ok()) << method << response.status();
    EXPECT_EQ((*response)->header.Get("X-Length"), "4");
    EXPECT_EQ((*response)->header.Get("X-Type"), "");
    EXPECT_EQ(*Body(*response), method + " data");
  }
  // Without a body: the length is 0, as some servers demand.
  auto response = client.Do(kCtx, {.method = "POST", .url = server.Url("/")});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ((*response)->header.Get("X-Length"), "0");
  EXPECT_EQ((*response)->header.Get("X-Encoding"), "");
  EXPECT_EQ(*Body(*response), "POST ");
}

TEST(Client, StreamsABodyOfKnownAndUnknownSize) {
  std::string got;
  const TestServer server([&](const ServerRequest& req, ResponseWriter& w) {
    got = req.body;
    w.Send(201, req.header.Get("Content-Length") + "|" + req.header.Get("Transfer-Encoding"));
  });
  const std::string data = Pattern(5 << 20);
  for (const bool known : {true, false}) {
    const auto body =
        std::make_shared<PipeBody>(known ? static_cast<std::int64_t>(data.size()) : -1, 100'000);
    auto future = Plain().Start(kCtx, {.method = "PUT", .url = server.Url("/"), .body = body});
    for (std::size_t at = 0; at < data.size(); at += 77'777) {
      ASSERT_TRUE(body->Write(kCtx, std::string_view(data).substr(at, 77'777)).ok());
    }
    body->Close();
    auto response = future.Get(kCtx);
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(*Body(*response), known ? fmt::format("{}|", data.size()) : "|chunked");
    EXPECT_TRUE(got == data);
  }
}

TEST(Client, AnEarlyAnswerEndsTheUpload) {
  TestServer::Options options;
  options.raw_body = true;
  const TestServer server(
      [](const ServerRequest&, ResponseWriter& w) {
        w.header.Set("Connection", "close");
        w.Send(401, "no");
        w.conn().AwaitClose();
        w.conn().Break();
      },
      std::move(options));
  const auto body = std::make_shared<PipeBody>(1 << 30, 1 << 20);
  auto future = Plain().Start(kCtx, {.method = "PUT", .url = server.Url("/"), .body = body});
  const std::string piece(1 << 20, 'x');
  absl::Status s;
  for (int i = 0; i < 1024 && s.ok(); ++i) s = body->Write(kCtx, piece);
  EXPECT_TRUE(PipeBody::IsErrClosed(s)) << s;
  auto response = future.Get(kCtx);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ((*response)->status_code, 401);
}

TEST(PipeBody, MayBeSentBeforeTheWriteReturns) {
  for (const bool sent : {true, false}) {
    PipeBody body(2);
    std::string buf(16, '\0');
    const auto ready = body.Pull(buf, [&] {
      if (sent) {
        EXPECT_EQ(**body.Pull(buf, [] {}), 2U);
      }
      body.Finished(absl::OkStatus());
    });
    ASSERT_EQ(*ready, std::nullopt);
    const absl::Status s = body.Write(kCtx, "{}");
    EXPECT_EQ(s.ok(), sent) << s;
    EXPECT_EQ(PipeBody::IsErrClosed(s), !sent);
    EXPECT_TRUE(PipeBody::IsErrClosed(body.Write(kCtx, "more")));
  }
}

TEST(Client, AnErrorOfTheBodyEndsTheTransfer) {
  const TestServer server([](const ServerRequest&, ResponseWriter& w) { w.Send(201); });
  const auto body = std::make_shared<PipeBody>(100);
  auto future = Plain().Start(kCtx, {.method = "PUT", .url = server.Url("/"), .body = body});
  ASSERT_TRUE(body->Write(kCtx, "some").ok());
  body->CloseWithError(errdefs::DataLoss("the file is gone"));
  auto response = future.Get(kCtx);
  EXPECT_TRUE(errdefs::IsDataLoss(response.status())) << response.status();
}

TEST(Client, CancelEndsEveryStage) {
  std::promise<void> reached[3];
  std::atomic<int> stage = 0;
  const TestServer server([&](const ServerRequest&, ResponseWriter& w) {
    const int s = stage;
    if (s == 1) {  // half a body
      w.header.Set("Content-Length", "100");
      w.SendHeader(200);
      w.conn().Write("half");
    }
    reached[s].set_value();
    w.conn().AwaitClose();
    w.conn().Break();
  });
  const Client client = Plain();
  {  // waiting for the header
    auto [ctx, cancel] = WithCancel(kCtx);
    auto future = client.Start(ctx, {.url = server.Url("/")});
    reached[0].get_future().wait();
    cancel();
    // With another context, so that it is the transfer that ended.
    EXPECT_TRUE(errdefs::IsCanceled(future.Get(kCtx).status()));
  }
  stage = 1;
  {  // reading the body
    auto [ctx, cancel] = WithCancel(kCtx);
    auto response = client.Do(ctx, {.url = server.Url("/")});
    ASSERT_TRUE(response.ok());
    std::thread canceller([&reached, &cancel = cancel] {
      reached[1].get_future().wait();
      cancel();
    });
    auto body = Body(*response);
    EXPECT_TRUE(errdefs::IsCanceled(body.status())) << body.status();
    canceller.join();
  }
  stage = 2;
  {  // a deadline
    auto future = client.Start(WithTimeout(kCtx, absl::Seconds(1)), {.url = server.Url("/")});
    auto response = future.Get(kCtx);
    EXPECT_TRUE(errdefs::IsDeadlineExceeded(response.status())) << response.status();
    reached[2].get_future().wait();
  }
  // A context that has ended already sends nothing.
  auto [ctx, cancel] = WithCancel(kCtx);
  cancel();
  EXPECT_TRUE(errdefs::IsCanceled(client.Do(ctx, {.url = server.Url("/")}).status()));
}

TEST(Client, ABrokenConnectionIsAnUnexpectedEOF) {
  struct Case {
    const char* name;
    std::function<void(ResponseWriter&)> act;
    bool in_body;
  };
  const Case cases[] = {
      {"no response", [](ResponseWriter& w) { w.conn().Break(); }, false},
      {"reset", [](ResponseWriter& w) { w.conn().Break(true); }, false},
      {"half a header",
       [](ResponseWriter& w) {
         w.conn().Write("HTTP/1.1 200 OK\r\nContent-");
         w.conn().Break();
       },
       false},
      {"half a body",
       [](ResponseWriter& w) {
         w.header.Set("Content-Length", "10");
         w.SendHeader(200);
         w.conn().Write("half");
         w.conn().Break();
       },
       true},
      {"half a chunked body",
       [](ResponseWriter& w) {
         w.header.Set("Transfer-Encoding", "chunked");
         w.SendHeader(200);
         w.Chunk("half");
         w.conn().Break();
       },
       true},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const TestServer server([&](const ServerRequest&, ResponseWriter& w) { c.act(w); });
    auto response = Plain().Do(kCtx, {.url = server.Url("/secret?token=x")});
    absl::Status s = response.status();
    EXPECT_EQ(response.ok(), c.in_body);
    if (response.ok()) {
      std::string got(4, '\0');
      EXPECT_EQ(*io::ReadFull(kCtx, *(*response)->body, got), 4U);
      EXPECT_EQ(got, "half");
      s = Body(*response).status();
    }
    EXPECT_EQ(KindOf(s), ErrorKind::kUnexpectedEOF) << s;
    EXPECT_TRUE(IsUnexpectedEOF(errdefs::Annotate(s, "pulling")));
    EXPECT_THAT(s.ToString(), Not(HasSubstr("token")));
  }
}

TEST(Client, TellsFailuresApart) {
  // A port that nobody listens on.
  int port = 0;
  {
    const TestServer server([](const ServerRequest&, ResponseWriter&) {});
    port = server.port();
  }
  auto refused = Plain().Do(kCtx, {.url = fmt::format("http://127.0.0.1:{}/", port)});
  EXPECT_EQ(KindOf(refused.status()), ErrorKind::kConnectionRefused) << refused.status();
  // Whoever prints it sees a message and nothing else.
  EXPECT_TRUE(refused.status().ToString().ends_with(errdefs::Message(refused.status())));

  const TestServer plain([](const ServerRequest&, ResponseWriter&) {});
  auto not_tls = Plain().Do(kCtx, {.url = "https://" + plain.Host()});
  EXPECT_EQ(KindOf(not_tls.status()), ErrorKind::kNotTLS) << not_tls.status();

  TestServer::Options silent;
  silent.on_connect = [](Conn& conn) {
    conn.AwaitClose();
    return false;
  };
  const TestServer mute([](const ServerRequest&, ResponseWriter&) {}, silent);
  Client hasty{.transport = NewTransport({.dial_timeout = absl::Seconds(10),
                                          .tls_handshake_timeout = absl::Milliseconds(20),
                                          .response_header_timeout = absl::Milliseconds(20)})};
  auto handshake = hasty.Do(kCtx, {.url = "https://" + mute.Host()});
  EXPECT_EQ(KindOf(handshake.status()), ErrorKind::kHandshakeTimeout) << handshake.status();
  auto header = hasty.Do(kCtx, {.url = "http://" + mute.Host()});
  EXPECT_EQ(KindOf(header.status()), ErrorKind::kTimeout) << header.status();
  auto after_body =
      hasty.Do(kCtx, {.method = "PUT", .url = "http://" + mute.Host(), .body = NewStringBody("x")});
  EXPECT_EQ(KindOf(after_body.status()), ErrorKind::kTimeout) << after_body.status();
}

TEST(Client, AnErrorsKindIsNotReadFromItsText) {
  const absl::Status timeout = NewError(ErrorKind::kTimeout, "GET http://a/");
  EXPECT_EQ(errdefs::Message(timeout), "GET http://a/: timeout");
  EXPECT_EQ(KindOf(timeout), ErrorKind::kTimeout);
  EXPECT_EQ(KindOf(errdefs::Annotate(timeout, "pulling")), ErrorKind::kTimeout);
  EXPECT_EQ(errdefs::Message(NewError(ErrorKind::kTimeout, "a: timeout")), "a: timeout");
  // What a server says may read alike.
  EXPECT_EQ(KindOf(errdefs::Unknown("500: unexpected EOF")), ErrorKind::kOther);
  EXPECT_EQ(KindOf(NewError(ErrorKind::kOther, "x: connection refused")), ErrorKind::kOther);
  EXPECT_EQ(KindOf(absl::OkStatus()), ErrorKind::kOther);
}

TEST(Client, BoundsTheHeader) {
  const TestServer server([](const ServerRequest&, ResponseWriter& w) {
    w.conn().Write("HTTP/1.1 200 OK\r\n");
    const std::string line = "X-More: " + std::string(1000, 'x') + "\r\n";
    while (w.conn().Write(line)) {
    }
    w.conn().Break();
  });
  auto response = Plain().Do(kCtx, {.url = server.Url("/")});
  EXPECT_TRUE(errdefs::IsResourceExhausted(response.status())) << response.status();
}

TEST(Client, SkipsInterimResponses) {
  const TestServer server([](const ServerRequest&, ResponseWriter& w) {
    w.conn().Write("HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n");
    w.Send(200, "x");
  });
  auto response = Plain().Do(kCtx, {.url = server.Url("/")});
  ASSERT_TRUE(response.ok());
  EXPECT_EQ((*response)->status_code, 200);
  EXPECT_FALSE((*response)->header.Has("X-Early"));
}

TEST(Client, RefusesWhatWouldBeAnotherRequest) {
  const TestServer server([](const ServerRequest&, ResponseWriter&) {});
  const Client client = Plain();
  EXPECT_TRUE(errdefs::IsInvalidArgument(
      client.Do(kCtx, {.url = server.Url("/"), .header = {{"A", "b\r\nC: d"}}}).status()));
  EXPECT_TRUE(errdefs::IsInvalidArgument(
      client.Do(kCtx, {.url = server.Url("/"), .header = {{"A:\r\n", "b"}}}).status()));
  EXPECT_TRUE(errdefs::IsInvalidArgument(
      client.Do(kCtx, {.method = "GET / HTTP/1.1\r\n", .url = server.Url("/")}).status()));
  for (const char* url : {"", "http://", "file:///etc/passwd", "http://a b/", "http://a\r\nb/",
                          "http://a\\@b/", "ftp://x/", "http://a@b@c/"}) {
    EXPECT_TRUE(errdefs::IsInvalidArgument(client.Do(kCtx, {.url = url}).status())) << url;
  }
  EXPECT_EQ(server.connections(), 0);
}

TEST(Client, FollowsRedirects) {
  const TestServer other([](const ServerRequest& req, ResponseWriter& w) {
    w.Send(200,
           fmt::format("{}|{}|{}|{}", req.header.Get("Authorization"), req.header.Get("Cookie"),
                       req.header.Get("X-Api-Key"), req.header.Get("Range")));
  });
  const TestServer server([&](const ServerRequest& req, ResponseWriter& w) {
    if (req.path == "/other") {
      w.header.Set("Location", other.Url("/x"));
      w.Send(307);
    } else if (req.path == "/here/a") {
      w.header.Set("Location", "../there?x=1");
      w.Send(302);
    } else if (req.path == "/loop") {
      w.header.Set("Location", "/loop");
      w.Send(301);
    } else if (req.path == "/file") {
      w.header.Set("Location", "file:///etc/passwd");
      w.Send(302);
    } else if (req.path == "/see") {
      w.header.Set("Location", "/there");
      w.Send(303);
    } else {
      w.Send(200, fmt::format("{} {} {} {}", req.method, req.target,
                              req.header.Get("Authorization"), req.body));
    }
  });
  const Header credentials = {
      {"Authorization", "Bearer t"}, {"Cookie", "c"}, {"X-Api-Key", "k"}, {"Range", "bytes=1-"}};
  const Client client = Plain();
  auto away = client.Do(kCtx, {.url = server.Url("/other"), .header = credentials});
  ASSERT_TRUE(away.ok()) << away.status();
  EXPECT_EQ(*Body(*away), "|||bytes=1-");
  EXPECT_EQ((*away)->request_url, other.Url("/x"));
  auto here = client.Do(kCtx, {.url = server.Url("/here/a"), .header = credentials});
  ASSERT_TRUE(here.ok());
  EXPECT_EQ(*Body(*here), "GET /there?x=1 Bearer t ");
  auto see =
      client.Do(kCtx, {.method = "POST", .url = server.Url("/see"), .body = NewStringBody("b")});
  ASSERT_TRUE(see.ok());
  EXPECT_EQ(*Body(*see), "GET /there  ");
  EXPECT_FALSE(client.Do(kCtx, {.url = server.Url("/file")}).ok());
  const std::size_t before = server.Requests().size();
  auto loop = client.Do(kCtx, {.url = server.Url("/loop")});
  EXPECT_THAT(loop.status().ToString(), HasSubstr("stopped after 10 redirects"));
  EXPECT_EQ(server.Requests().size() - before, 11U);
}

TEST(Client, ChecksCertificates) {
  const TestCert ca = MakeCert("test CA");
  const TestCert cert = MakeCert("server", &ca);
  TestServer::Options options;
  options.tls = &cert;
  const TestServer server([](const ServerRequest&, ResponseWriter& w) { w.Send(200, "x"); },
                          options);
  auto unknown = Plain().Do(kCtx, {.url = server.Url("/")});
  EXPECT_EQ(KindOf(unknown.status()), ErrorKind::kCertificate) << unknown.status();

  Client trusting{.transport = NewTransport({.tls = {.root_cas = ca.cert}})};
  auto trusted = trusting.Do(kCtx, {.url = server.Url("/")});
  ASSERT_TRUE(trusted.ok()) << trusted.status();
  EXPECT_EQ(*Body(*trusted), "x");
  // The connection that is kept now is not one for those who trust nobody.
  EXPECT_FALSE(Plain().Do(kCtx, {.url = server.Url("/")}).ok());

  Client careless{.transport = NewTransport({.tls = {.insecure_skip_verify = true}})};
  EXPECT_TRUE(careless.Do(kCtx, {.url = server.Url("/")}).ok());
}

TEST(Client, ShowsCertificates) {
  const TestCert ca = MakeCert("test CA");
  const TestCert client_ca = MakeCert("client CA");
  const TestCert other_ca = MakeCert("other CA");
  const TestCert cert = MakeCert("server", &ca);
  const TestCert good = MakeCert("me", &client_ca);
  const TestCert wrong = MakeCert("me elsewhere", &other_ca);
  TestServer::Options options;
  options.tls = &cert;
  options.client_ca = &client_ca;
  const TestServer server([](const ServerRequest&, ResponseWriter& w) { w.Send(200, "x"); },
                          options);
  const auto get = [&](std::vector<Certificate> certificates) {
    Client client{.transport = NewTransport(
                      {.tls = {.root_cas = ca.cert, .certificates = std::move(certificates)}})};
    auto response = client.Do(kCtx, {.url = server.Url("/")});
    return response.ok() ? Body(*response).status() : response.status();
  };
  EXPECT_TRUE(get({{good.cert, good.key}}).ok());
  EXPECT_TRUE(get({{good.cert + good.key, ""}}).ok());
  EXPECT_TRUE(get({{wrong.cert, wrong.key}, {good.cert, good.key}}).ok());
  EXPECT_FALSE(get({}).ok());
  EXPECT_FALSE(get({{wrong.cert, wrong.key}}).ok());
  EXPECT_TRUE(errdefs::IsInvalidArgument(get({{good.cert, wrong.key}})));
  EXPECT_TRUE(errdefs::IsInvalidArgument(CheckTLSConfig({.root_cas = "nothing"})));
  EXPECT_TRUE(errdefs::IsInvalidArgument(CheckTLSConfig({.certificates = {{"x", "y"}}})));
}

TEST(Client, TenTransfersAtOnceTakeNoThreads) {
  const std::string data = Pattern(1 << 20);
  std::atomic<int> waiting = 0;
  std::promise<void> go;
  const std::shared_future<void> released = go.get_future().share();
  const TestServer server([&](const ServerRequest&, ResponseWriter& w) {
    ++waiting;
    released.wait();
    w.Send(200, data);
  });
  const auto threads = [] {
    int n = 0;
    DIR* dir = opendir("/proc/self/task");
    while (readdir(dir) != nullptr) ++n;
    closedir(dir);
    return n;
  };
  const auto reactor = reactor::Reactor::Shared();
  const int before = threads();
  const Client client = Plain();
  std::vector<Future<std::shared_ptr<Response>>> futures;
  for (int i = 0; i < 10; ++i) futures.push_back(client.Start(kCtx, {.url = server.Url("/")}));
  while (waiting < 10) std::this_thread::yield();
  EXPECT_EQ(threads(), before + server.connections());
  go.set_value();
  for (auto& future : futures) {
    auto response = future.Get(kCtx);
    ASSERT_TRUE(response.ok());
    EXPECT_TRUE(*Body(*response) == data);
  }
}

TEST(Client, MayBeDroppedFromTheLoop) {
  const TestServer server([](const ServerRequest&, ResponseWriter& w) { w.Send(200, "x"); });
  std::promise<void> done;
  {
    auto transport = NewTransport();
    auto future = transport->RoundTrip(kCtx, {.url = server.Url("/")});
    auto* slot = new std::shared_ptr<RoundTripper>(std::move(transport));
    future.Then([slot, &done](const absl::StatusOr<std::shared_ptr<Response>>&) {
      delete slot;
      done.set_value();
    });
  }
  done.get_future().wait();
}

class ProxyTest : public ::testing::Test {
 protected:
  void SetUp() override { Clear(); }
  void TearDown() override { Clear(); }
  static void Clear() {
    for (const char* name :
         {"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"}) {
      unsetenv(name);
    }
  }
  static std::string For(const char* url) { return ProxyFromEnvironment(*ParseUrl(url)); }
};

TEST_F(ProxyTest, FollowsTheEnvironment) {
  EXPECT_EQ(For("http://a.example/"), "");
  setenv("HTTP_PROXY", "proxy:3128", 1);
  setenv("https_proxy", "https://secure:1", 1);
  EXPECT_EQ(For("http://a.example/"), "http://proxy:3128");
  EXPECT_EQ(For("https://a.example/"), "https://secure:1");
  EXPECT_EQ(For("http://localhost:5000/"), "");
  EXPECT_EQ(For("http://127.1.2.3/"), "");
  EXPECT_EQ(For("http://[::1]:80/"), "");
  struct Case {
    const char* no_proxy;
    const char* url;
    bool direct;
  };
  const Case cases[] = {
      {"*", "http://a.example/", true},
      {"a.example", "http://a.example/", true},
      {"a.example", "http://b.a.example/", true},
      {"a.example", "http://ba.example/", false},
      {".a.example", "http://a.example/", false},
      {".a.example", "http://b.a.example/", true},
      {"*.a.example", "http://b.a.example/", true},
      {"x, a.example:8080", "http://a.example:8080/", true},
      {"a.example:8080", "http://a.example/", false},
      {"10.0.0.0/8", "http://10.1.2.3/", true},
      {"10.0.0.0/8", "http://11.1.2.3/", false},
      {"10.0.0.1", "http://10.0.0.1/", true},
      {"fd00::/8", "http://[fd12::1]/", true},
      {"", "http://a.example/", false},
  };
  for (const Case& c : cases) {
    setenv("NO_PROXY", c.no_proxy, 1);
    EXPECT_EQ(For(c.url).empty(), c.direct) << c.no_proxy << " " << c.url;
  }
}

TEST_F(ProxyTest, IsUsed) {
  const TestServer proxy(
      [](const ServerRequest& req, ResponseWriter& w) { w.Send(200, req.target); });
  Client client{.transport =
                    NewTransport({.proxy = [&](const Url&) { return "http://" + proxy.Host(); }})};
  auto response = client.Do(kCtx, {.url = "http://registry.invalid/v2/"});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(*Body(*response), "http://registry.invalid/v2/");
}

TEST(Url, ParsesAndPrints) {
  struct Case {
    const char* text;
    const char* host;
    const char* path;
    const char* query;
    const char* port;
  };
  const Case cases[] = {
      {"https://a.example", "a.example", "", "", "443"},
      {"HTTP://A.Example:5000/V2/?x=Y", "a.example:5000", "/V2/", "x=Y", "5000"},
      {"http://[::1]:80/", "[::1]:80", "/", "", "80"},
      {"http://u:p@h/%2e?q#f", "h", "/%2e", "q", "80"},
      {"http://h?x", "h", "", "x", "80"},
  };
  for (const Case& c : cases) {
    auto url = ParseUrl(c.text);
    ASSERT_TRUE(url.ok()) << c.text;
    EXPECT_EQ(url->host, c.host);
    EXPECT_EQ(url->path, c.path);
    EXPECT_EQ(url->query, c.query);
    EXPECT_EQ(url->Port(), c.port);
    EXPECT_EQ(*ParseUrl(url->String()), *url);
  }
  for (const char* text :
       {"", "x", "http:", "http:///x", "http://[::1", "http://h:x/", "http://h:123456/", "//h/",
        "http://[]/", "http://[::1]x/", "http://[:1]:5000/", "http://[1.2.3.4]/", "http://[evil]/",
        "http://[::1%25]/", "http://[::1]]/", "http://[[::1]]/", "http://good.com[evil]/"}) {
    EXPECT_FALSE(ParseUrl(text).ok()) << text;
  }
}

TEST(Url, HostsInOneSpelling) {
  const std::array<std::array<const char*, 3>, 9> cases = {{
      {"LocalHost:5000", "http", "localhost:5000"},
      {"quay.io:443", "https", "quay.io"},
      {"quay.io:443", "http", "quay.io:443"},
      {"quay.io:080", "http", "quay.io"},
      {"quay.io:", "https", "quay.io"},
      {"[::1]:5000", "http", "[::1]:5000"},
      {"[0:0:0:0:0:0:0:1]:443", "https", "[::1]"},
      {"::1", "https", "[::1]"},
      {"", "https", ""},
  }};
  for (const auto& [host, scheme, want] : cases) EXPECT_EQ(CanonicalHost(host, scheme), want);
  EXPECT_TRUE(SameOrigin(*ParseUrl("https://A/x"), *ParseUrl("https://a:443/y")));
  EXPECT_FALSE(SameOrigin(*ParseUrl("https://a"), *ParseUrl("http://a")));
  EXPECT_FALSE(SameOrigin(*ParseUrl("https://a"), *ParseUrl("https://a:444")));
}

TEST(Client, UploadsAreAwaitedLonger) {
  const TestServer slow([](const ServerRequest&, ResponseWriter& w) {
    absl::SleepFor(absl::Milliseconds(300));
    w.Send(201);
  });
  Client client{.transport = NewTransport({.response_header_timeout = absl::Milliseconds(100),
                                           .upload_response_timeout = absl::Seconds(30)})};
  auto put = client.Do(kCtx, {.method = "PUT", .url = slow.Url(), .body = NewStringBody("x")});
  EXPECT_TRUE(put.ok()) << put.status();
  EXPECT_EQ(KindOf(client.Do(kCtx, {.url = slow.Url()}).status()), ErrorKind::kTimeout);
}

TEST(Client, GoesToAUnixSocketWhateverTheURLNames) {
  const containerd::testing::internal::TempFolder dir;
  const std::string path = dir.path() + "/http.sock";
  const auto transport = [](const std::string& socket) {
    return NewTransport(
        {.proxy = [](const Url&) { return "http://127.0.0.1:1"; }, .unix_socket = socket});
  };
  {
    const auto answer = [](const std::string& text) {
      return [text](const ServerRequest& req, ResponseWriter& w) {
        w.Send(200, text + req.header.Get("Host") + req.target);
      };
    };
    const TestServer server(answer("one "), {.unix_socket = path});
    const TestServer other(answer("two "), {.unix_socket = path + "2"});
    const Client one{.transport = transport(path)};
    const Client two{.transport = transport(path + "2")};
    // A connection that is kept is that of its socket.
    for (int i = 0; i < 2; ++i) {
      auto response = one.Do(kCtx, {.url = "http://./debug?n=1"});
      ASSERT_TRUE(response.ok()) << response.status();
      EXPECT_EQ(*Body(*response), "one ./debug?n=1");
      response = two.Do(kCtx, {.url = "http://./debug?n=1"});
      ASSERT_TRUE(response.ok()) << response.status();
      EXPECT_EQ(*Body(*response), "two ./debug?n=1");
    }
    EXPECT_EQ(server.connections(), 1);
  }
  // Nobody listens, there is no socket, and there cannot be one.
  const auto fails = [&](const std::string& socket) {
    return Client{.transport = transport(socket)}.Do(kCtx, {.url = "http://./debug"}).status();
  };
  EXPECT_EQ(KindOf(fails(path)), ErrorKind::kConnectionRefused);
  EXPECT_EQ(fails(dir.path() + "/none").message(),
            fmt::format("GET \"http://./debug\": dial unix {}/none: connect: No such file or "
                        "directory",
                        dir.path()));
  EXPECT_THAT(fails("/" + std::string(200, 'x')).message(), HasSubstr("too long"));
}

TEST(Url, ResolvesReferences) {
  const Url base = *ParseUrl("http://a/b/c/d;p?q");
  const std::pair<const char*, const char*> cases[] = {
      {"g", "http://a/b/c/g"},
      {"./g", "http://a/b/c/g"},
      {"g/", "http://a/b/c/g/"},
      {"/g", "http://a/g"},
      {"//g", "http://g"},
      {"?y", "http://a/b/c/d;p?y"},
      {"g?y", "http://a/b/c/g?y"},
      {"", "http://a/b/c/d;p?q"},
      {".", "http://a/b/c/"},
      {"..", "http://a/b/"},
      {"../g", "http://a/b/g"},
      {"../../../g", "http://a/g"},
      {"https://h/x", "https://h/x"},
      {"/a?u=http://x/y", "http://a/a?u=http://x/y"},
  };
  for (const auto& [location, want] : cases) {
    auto url = ResolveReference(base, location);
    ASSERT_TRUE(url.ok()) << location << url.status();
    EXPECT_EQ(url->String(), want) << location;
  }
  EXPECT_FALSE(ResolveReference(base, "javascript:x").ok());
}

TEST(Url, EscapesQueries) {
  EXPECT_EQ(QueryEscape("a b/c:\xc3\xa9~"), "a+b%2Fc%3A%C3%A9~");
  EXPECT_EQ(QueryUnescape("a+b%2Fc%zz%4"), "a b/c%zz%4");
  const auto values = ParseQuery("a=1&b&c=%20x&&a=2");
  EXPECT_EQ(EncodeQuery(values), "a=1&b=&c=+x&a=2");
}

TEST(Header, HasGosSpelling) {
  EXPECT_EQ(CanonicalHeaderKey("www-AUTHENTICATE"), "Www-Authenticate");
  EXPECT_EQ(CanonicalHeaderKey("a b"), "a b");
  Header header = {{"accept", "x"}};
  header.Merge({{"Accept", "y"}, {"b", "z"}});
  EXPECT_THAT(header.Values("ACCEPT"), ElementsAre("x", "y"));
  header.Del("accept");
  EXPECT_FALSE(header.Has("Accept"));
  EXPECT_EQ(header.Get("B"), "z");
}

}  // namespace
}  // namespace containerd::http
