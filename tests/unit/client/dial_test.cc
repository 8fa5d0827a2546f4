// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "containerd/client.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/services/leases/v1/leases.grpc.pb.h"
#include "containerd/services/version/v1/version.grpc.pb.h"
#include "containerd/stubs.h"

namespace containerd {
namespace {

namespace pb = ::containerd::services::version::v1;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FakeVersion final : public pb::Version::Service {
 public:
  grpc::Status Version(grpc::ServerContext* ctx, const google::protobuf::Empty* /*request*/,
                       pb::VersionResponse* response) override {
    namespaces.clear();
    const auto [begin, end] = ctx->client_metadata().equal_range("containerd-namespace");
    for (auto it = begin; it != end; ++it) {
      namespaces.emplace_back(it->second.data(), it->second.size());
    }
    response->set_version("v9.9.9");
    response->set_revision("abc");
    return grpc::Status::OK;
  }

  std::vector<std::string> namespaces;  // of the last call
};

std::unique_ptr<grpc::Server> Serve(const std::string& address, grpc::Service* service,
                                    int* port = nullptr) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), port);
  builder.RegisterService(service);
  return builder.BuildAndStart();
}

// Listens on a unix socket and treats each connection as `talk` does.
class RawServer {
 public:
  RawServer(const std::string& path, std::function<void(int fd)> talk) {
    fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un addr{};
    addr.sun_family = AF_UNIX;
    std::copy(path.begin(), path.end(), addr.sun_path);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&addr), sizeof(addr)), 0);
    EXPECT_EQ(::listen(fd_, 16), 0);
    thread_ = std::thread([this, talk = std::move(talk)] {
      for (;;) {
        const int conn = ::accept(fd_, nullptr, nullptr);
        if (conn < 0) return;
        conns_.push_back(conn);
        talk(conn);
      }
    });
  }
  ~RawServer() {
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    for (const int conn : conns_) ::close(conn);
    ::close(fd_);
  }

 private:
  int fd_ = -1;
  std::vector<int> conns_;
  std::thread thread_;
};

class DialTest : public ::testing::Test {
 protected:
  DialTest()
      : dir_(std::filesystem::temp_directory_path() /
             ("ctrd-dial-" + std::to_string(::getpid()) + "-" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::create_directories(dir_);
  }
  ~DialTest() override { std::filesystem::remove_all(dir_); }

  std::string socket() const { return dir_ / "s"; }

  const std::filesystem::path dir_;
};

TEST_F(DialTest, MalformedAddressesAreNamed) {
  for (const std::string address : {"run/containerd.sock", "http://x", "tcp://", "tcp://host",
                                    "tcp://host:", "tcp://:1", "unix://rel", "unix:rel"}) {
    const auto client = Client::New(address);
    EXPECT_TRUE(errdefs::IsInvalidArgument(client.status())) << address;
    EXPECT_THAT(std::string(errdefs::Message(client.status())), HasSubstr(address));
  }
  const auto nul = Client::New(std::string("/a\0b", 4));
  EXPECT_TRUE(errdefs::IsInvalidArgument(nul.status()));
  const auto endless = Client::New("/" + std::string(200, 'x'));
  EXPECT_TRUE(errdefs::IsInvalidArgument(endless.status()));
  EXPECT_THAT(std::string(errdefs::Message(endless.status())), HasSubstr("107 bytes"));
}

TEST_F(DialTest, MalformedOptionsAreNamed) {
  const auto ns = Client::New(socket(), {WithDefaultNamespace("not valid")});
  EXPECT_TRUE(errdefs::IsInvalidArgument(ns.status()));
  EXPECT_THAT(std::string(errdefs::Message(ns.status())), HasSubstr("not valid"));
  EXPECT_TRUE(
      errdefs::IsInvalidArgument(Client::New(socket(), {WithTimeout(-absl::Seconds(1))}).status()));
  EXPECT_TRUE(errdefs::IsUnavailable(Client::New("").status()));
  EXPECT_TRUE(errdefs::IsInvalidArgument(Client::NewWithConn(nullptr).status()));
}

TEST_F(DialTest, ASocketThatIsNotThereIsWaitedForUntilTheTimeout) {
  const auto client = Client::New(socket(), {WithTimeout(absl::Milliseconds(50))});
  EXPECT_TRUE(errdefs::IsUnavailable(client.status()));
  EXPECT_THAT(std::string(errdefs::Message(client.status())),
              HasSubstr("failed to dial \"" + socket() + "\": No such file or directory"));
}

TEST_F(DialTest, ASocketThatAppearsInTimeWillDo) {
  FakeVersion service;
  std::unique_ptr<grpc::Server> server;
  std::thread starter([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    server = Serve("unix:" + socket(), &service);
  });
  const auto client = Client::New(socket());
  starter.join();
  EXPECT_TRUE(client.ok()) << client.status();
}

TEST_F(DialTest, AFileThatIsNoSocketFailsAtOnce) {
  std::ofstream(socket()) << "text";
  const auto client = Client::New(socket());
  EXPECT_TRUE(errdefs::IsUnavailable(client.status()));
  EXPECT_THAT(std::string(errdefs::Message(client.status())), HasSubstr("Connection refused"));
}

TEST_F(DialTest, AServerThatNeverAnswersTimesOut) {
  const RawServer server(socket(), [](int) {});
  const auto client = Client::New(socket(), {WithTimeout(absl::Milliseconds(200))});
  EXPECT_TRUE(errdefs::IsUnavailable(client.status())) << client.status();
  EXPECT_THAT(std::string(errdefs::Message(client.status())), HasSubstr(socket()));

  const auto [ctx, cancel] = WithCancel(Context::Background());
  std::thread canceller([cancel = cancel] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    cancel();
  });
  EXPECT_TRUE(errdefs::IsCanceled(Client::New(ctx, socket()).status()));
  canceller.join();
}

TEST_F(DialTest, AServerThatSpeaksSomethingElseIsNamed) {
  const RawServer server(socket(), [](int fd) {
    const std::string answer = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    static_cast<void>(::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL));
    ::shutdown(fd, SHUT_RDWR);
  });
  const auto client = Client::New(socket());
  EXPECT_TRUE(errdefs::IsUnavailable(client.status())) << client.status();
  EXPECT_THAT(std::string(errdefs::Message(client.status())), HasSubstr(socket()));
}

TEST_F(DialTest, AGrpcServerThatIsNotContainerdIsNamed) {
  ::containerd::services::leases::v1::Leases::Service leases;
  const auto server = Serve("unix:" + socket(), &leases);
  const auto client = Client::New(socket());
  EXPECT_TRUE(errdefs::IsNotImplemented(client.status())) << client.status();
  EXPECT_THAT(std::string(errdefs::Message(client.status())), HasSubstr("not containerd"));
}

TEST_F(DialTest, WithoutBlockingTheFirstCallFindsOut) {
  auto client = Client::New(socket(), {WithExtraDialOpts({WithBlock(false)})});
  ASSERT_TRUE(client.ok());
  EXPECT_TRUE(errdefs::IsUnavailable(client->Version(Context::Background()).status()));
}

TEST_F(DialTest, AllFormsOfAddressesConnect) {
  FakeVersion service;
  int port = 0;
  const auto tcp = Serve("127.0.0.1:0", &service, &port);
  const auto unix_server = Serve("unix:" + socket(), &service);
  for (const std::string& address : {socket(), "unix://" + socket(), "unix:" + socket(),
                                     "tcp://127.0.0.1:" + std::to_string(port)}) {
    auto client = Client::New(address);
    ASSERT_TRUE(client.ok()) << address << ": " << client.status();
    const auto version = client->Version(Context::Background());
    ASSERT_TRUE(version.ok());
    EXPECT_EQ(version->version, "v9.9.9");
    EXPECT_EQ(version->revision, "abc");
  }
}

TEST_F(DialTest, TheDefaultNamespaceIsSentOnceAlsoByRawStubs) {
  FakeVersion service;
  const auto server = Serve("unix:" + socket(), &service);
  auto client = Client::New(socket(), {WithDefaultNamespace("here")});
  ASSERT_TRUE(client.ok());
  const Context background;
  ASSERT_TRUE(client->Version(background).ok());
  EXPECT_THAT(service.namespaces, ElementsAre("here"));
  ASSERT_TRUE(client->Version(WithNamespace(background, "there")).ok());
  EXPECT_THAT(service.namespaces, ElementsAre("there"));

  grpc::ClientContext raw;
  pb::VersionResponse response;
  ASSERT_TRUE(NewStub<pb::Version>(*client)->Version(&raw, {}, &response).ok());
  EXPECT_THAT(service.namespaces, ElementsAre("here"));

  grpc::ClientContext prepared;
  ASSERT_TRUE(PrepareCall(WithNamespace(background, "there"), *client, &prepared).ok());
  ASSERT_TRUE(NewStub<pb::Version>(*client)->Version(&prepared, {}, &response).ok());
  EXPECT_THAT(service.namespaces, ElementsAre("there"));
}

TEST_F(DialTest, ClientsCloseAndReconnect) {
  FakeVersion service;
  auto server = Serve("unix:" + socket(), &service);
  const Context background;
  auto client = Client::New(socket());
  ASSERT_TRUE(client.ok());
  Client copy = *client;
  server->Shutdown();
  server = nullptr;
  EXPECT_TRUE(errdefs::IsUnavailable(copy.Version(background).status()));
  server = Serve("unix:" + socket(), &service);
  ASSERT_TRUE(client->Reconnect().ok());
  EXPECT_TRUE(copy.Version(background).ok()) << "copies share the connection";

  EXPECT_TRUE(client->Close().ok());
  EXPECT_TRUE(client->Close().ok());
  EXPECT_TRUE(errdefs::IsUnavailable(copy.Version(background).status()));
  EXPECT_EQ(copy.Conn(), nullptr);

  auto with_conn = Client::NewWithConn(
      grpc::CreateChannel("unix:" + socket(), grpc::InsecureChannelCredentials()));
  ASSERT_TRUE(with_conn.ok());
  EXPECT_TRUE(with_conn->Version(background).ok());
  EXPECT_TRUE(errdefs::IsUnavailable(with_conn->Reconnect()));
}

}  // namespace
}  // namespace containerd
