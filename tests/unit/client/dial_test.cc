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
#include <grpcpp/support/client_interceptor.h>
#include <gtest/gtest.h>

#include "containerd/client.h"
#include "containerd/content/content.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/health/health.h"
#include "containerd/introspection/introspection.h"
#include "containerd/io/io.h"
#include "containerd/mount/manager.h"
#include "containerd/namespaces/store.h"
#include "containerd/services/introspection/v1/introspection.grpc.pb.h"
#include "containerd/services/leases/v1/leases.grpc.pb.h"
#include "containerd/services/namespaces/v1/namespaces.grpc.pb.h"
#include "containerd/services/version/v1/version.grpc.pb.h"
#include "containerd/stubs.h"
#include "containerd/version/version.h"

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
    response->set_version(answer);
    response->set_revision("abc");
    return grpc::Status::OK;
  }

  std::vector<std::string> namespaces;  // of the last call
  std::string answer = "v9.9.9";
};

class FakeIntrospection final
    : public ::containerd::services::introspection::v1::Introspection::Service {
 public:
  grpc::Status Server(grpc::ServerContext*, const google::protobuf::Empty*,
                      ::containerd::services::introspection::v1::ServerResponse*) override {
    return grpc::Status::OK;
  }
};

class FakeNamespaces final : public ::containerd::services::namespaces::v1::Namespaces::Service {
 public:
  grpc::Status List(grpc::ServerContext*,
                    const ::containerd::services::namespaces::v1::ListNamespacesRequest*,
                    ::containerd::services::namespaces::v1::ListNamespacesResponse*) override {
    return {grpc::StatusCode::PERMISSION_DENIED, "not for you"};
  }
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
  for (const std::string address : {"run/containerd.sock",
                                    "http://x",
                                    "tcp://",
                                    "tcp://host",
                                    "tcp://host:",
                                    "tcp://:1",
                                    "unix://rel",
                                    "unix:rel",
                                    "@abstract",
                                    "unix:@abstract",
                                    "unix://@a",
                                    "unix-abstract:a",
                                    "./s",
                                    "~/s",
                                    "passthrough:///unix:///s",
                                    "unix:unix:///s",
                                    "tcp://::1:1",
                                    "tcp://a:b",
                                    "tcp://a:0",
                                    "tcp://a:65536",
                                    "tcp://a]b:1",
                                    "tcp://[a[:1",
                                    "tcp://[::1]",
                                    "npipe:////./pipe/s"}) {
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

// A name that a socket has, while nobody listens on it.
class Bound {
 public:
  explicit Bound(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un addr{};
    addr.sun_family = AF_UNIX;
    std::copy(path.begin(), path.end(), addr.sun_path);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&addr), sizeof(addr)), 0);
  }
  Bound(const Bound&) = delete;
  Bound& operator=(const Bound&) = delete;
  ~Bound() { ::close(fd_); }

 private:
  const int fd_;
};

TEST_F(DialTest, ASocketThatRefusesIsTriedForAMoment) {
  {
    const Bound bound(socket());
    const auto client = Client::New(socket());
    EXPECT_TRUE(errdefs::IsUnavailable(client.status()));
    EXPECT_THAT(std::string(errdefs::Message(client.status())), HasSubstr("Connection refused"));
  }
  FakeVersion service;
  std::unique_ptr<grpc::Server> server;
  std::thread starter([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    std::filesystem::remove(socket());
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

// Each path is the one that is dialed, whatever a URI would make of it.
TEST_F(DialTest, PathsAreNotReinterpreted) {
  for (const std::string name : {"a%2fb", "a%62c", "%00", "a#b", "a?b", "a b", "a%", "a+b", "a;b",
                                 "a@b", "[::1]:1", "a:b", "a\\b", "a\"b", "\xff", "~", "..."}) {
    const std::string path = dir_ / name;
    // What the path would be if it were decoded, or cut.
    FakeVersion other;
    const auto decoy = Serve("unix:" + (dir_ / "a").string(), &other);
    const auto decoy2 = Serve("unix:" + (dir_ / "abc").string(), &other);
    other.answer = "the other";
    FakeVersion service;
    const auto server = Serve("unix:" + socket(), &service);
    std::filesystem::rename(socket(), path);
    for (const std::string& address : {path, "unix://" + path, "unix:" + path}) {
      auto client = Client::New(address);
      EXPECT_TRUE(client.ok()) << address << ": " << client.status();
      if (!client.ok()) continue;
      const auto version = client->Version(Context::Background());
      EXPECT_TRUE(version.ok()) << address << ": " << version.status();
      if (version.ok()) {
        EXPECT_EQ(version->version, "v9.9.9") << address;
      }
    }
  }
}

TEST_F(DialTest, APathWithTwoSlashesIsOne) {
  FakeVersion service;
  const auto server = Serve("unix:" + socket(), &service);
  for (const std::string& address : {"/" + socket(), "unix:///" + socket()}) {
    auto client = Client::New(address);
    EXPECT_TRUE(client.ok()) << address << ": " << client.status();
  }
}

TEST_F(DialTest, AHostMayBeAnIPv6Address) {
  FakeVersion service;
  int port = 0;
  const auto server = Serve("[::1]:0", &service, &port);
  if (port == 0) GTEST_SKIP() << "no IPv6 here";
  auto client = Client::New("tcp://[::1]:" + std::to_string(port));
  EXPECT_TRUE(client.ok()) << client.status();
}

// A daemon whose configuration turns off the service version is one as well.
TEST_F(DialTest, ADaemonNeedsNoServiceVersion) {
  {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + socket(), grpc::InsecureServerCredentials());
    FakeIntrospection answers;
    builder.RegisterService(&answers);
    const auto server = builder.BuildAndStart();
    auto client = Client::New(socket());
    EXPECT_TRUE(client.ok()) << client.status();
  }
  FakeNamespaces answers;
  const auto server = Serve("unix:" + socket(), &answers);
  auto client = Client::New(socket());
  EXPECT_TRUE(client.ok()) << client.status();
}

// Notes what it sees of the calls, and adds to them.
class Recorder final : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  Recorder(std::string name, std::vector<std::string>* log, std::string ns = {})
      : name_(std::move(name)), log_(log), ns_(std::move(ns)) {}

  grpc::experimental::Interceptor* CreateClientInterceptor(
      grpc::experimental::ClientRpcInfo* /*info*/) override {
    return new One(this);
  }

 private:
  class One final : public grpc::experimental::Interceptor {
   public:
    explicit One(Recorder* of) : of_(of) {}
    void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
      using grpc::experimental::InterceptionHookPoints;
      if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_INITIAL_METADATA)) {
        auto* metadata = methods->GetSendInitialMetadata();
        of_->log_->push_back(of_->name_ + " out" +
                             (metadata->count("containerd-namespace") > 0 ? " ns" : ""));
        if (!of_->ns_.empty()) metadata->emplace("containerd-namespace", of_->ns_);
      }
      if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_STATUS)) {
        of_->log_->push_back(of_->name_ + " in");
      }
      methods->Proceed();
    }

   private:
    Recorder* of_;
  };

  const std::string name_;
  std::vector<std::string>* const log_;
  const std::string ns_;
};

TEST_F(DialTest, InterceptorsSeeEveryCallInOrder) {
  FakeVersion service;
  const auto server = Serve("unix:" + socket(), &service);
  std::vector<std::string> log;
  auto client = Client::New(
      socket(), {WithDefaultNamespace("here"),
                 WithDialOpts({WithInterceptor(std::make_shared<Recorder>("a", &log))}),
                 WithExtraDialOpts({WithInterceptor(std::make_shared<Recorder>("b", &log))})});
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_THAT(log, ElementsAre("a out", "b out", "b in", "a in")) << "New's own probe";

  log.clear();
  ASSERT_TRUE(client->Version(Context::Background()).ok());
  EXPECT_THAT(log, ElementsAre("a out ns", "b out ns", "b in", "a in"));

  log.clear();
  grpc::ClientContext raw;
  pb::VersionResponse response;
  ASSERT_TRUE(NewStub<pb::Version>(*client)->Version(&raw, {}, &response).ok());
  EXPECT_THAT(log, ElementsAre("a out", "b out", "b in", "a in"));
  EXPECT_THAT(service.namespaces, ElementsAre("here")) << "added after them";

  log.clear();
  ASSERT_TRUE(client->Reconnect().ok());
  EXPECT_THAT(log, ::testing::SizeIs(4)) << "and of the new connection";
}

TEST_F(DialTest, AnInterceptorMaySetTheNamespace) {
  FakeVersion service;
  const auto server = Serve("unix:" + socket(), &service);
  std::vector<std::string> log;
  auto client = Client::New(
      socket(),
      {WithDefaultNamespace("here"),
       WithExtraDialOpts({WithInterceptor(std::make_shared<Recorder>("a", &log, "there"))})});
  ASSERT_TRUE(client.ok()) << client.status();
  grpc::ClientContext raw;
  pb::VersionResponse response;
  ASSERT_TRUE(NewStub<pb::Version>(*client)->Version(&raw, {}, &response).ok());
  EXPECT_THAT(service.namespaces, ElementsAre("there"));
  EXPECT_TRUE(errdefs::IsInvalidArgument(
      Client::New(socket(), {WithExtraDialOpts({WithInterceptor(nullptr)})}).status()));
}

// The caller's channel is left alone, so there PrepareCall adds the default namespace.
TEST_F(DialTest, AChannelOfTheCallersHasNoInterceptor) {
  FakeVersion service;
  const auto server = Serve("unix:" + socket(), &service);
  const auto channel = grpc::CreateChannel("unix:" + socket(), grpc::InsecureChannelCredentials());
  auto client = Client::NewWithConn(channel, {WithDefaultNamespace("here")});
  ASSERT_TRUE(client.ok());
  grpc::ClientContext prepared;
  pb::VersionResponse response;
  ASSERT_TRUE(PrepareCall(Context::Background(), *client, &prepared).ok());
  ASSERT_TRUE(NewStub<pb::Version>(*client)->Version(&prepared, {}, &response).ok());
  EXPECT_THAT(service.namespaces, ElementsAre("here"));
  ASSERT_TRUE(client->Version(Context::Background()).ok());
  EXPECT_THAT(service.namespaces, ElementsAre("here"));
  grpc::ClientContext raw;
  ASSERT_TRUE(NewStub<pb::Version>(*client)->Version(&raw, {}, &response).ok());
  EXPECT_THAT(service.namespaces, ElementsAre());
}

// Close is for good, and whatever is called after it says so.
TEST_F(DialTest, EverythingAfterCloseFails) {
  FakeVersion service;
  const auto server = Serve("unix:" + socket(), &service);
  auto client = Client::New(socket(), {WithDefaultNamespace("here")});
  ASSERT_TRUE(client.ok()) << client.status();
  ASSERT_TRUE(client->Close().ok());
  const Context ctx = WithTimeout(Context::Background(), absl::Seconds(30));

  const absl::Status again = client->Reconnect();
  EXPECT_TRUE(errdefs::IsFailedPrecondition(again)) << again;
  EXPECT_THAT(std::string(errdefs::Message(again)), HasSubstr("closed"));
  EXPECT_TRUE(client->Close().ok());

  io::StringReader none("");
  std::string exported;
  io::StringWriter sink(&exported);
  const Image image(*client, {.name = "x", .target = {.media_type = "m", .digest = "sha256:x"}});
  const std::pair<const char*, absl::Status> calls[] = {
      {"IsServing", client->IsServing(ctx).status()},
      {"Version", client->Version(ctx).status()},
      {"Server", client->Server(ctx).status()},
      {"RuntimeInfo", client->RuntimeInfo(ctx).status()},
      {"DefaultRuntime", client->DefaultRuntime(ctx).status()},
      {"DefaultSandboxer", client->DefaultSandboxer(ctx).status()},
      {"GetLabel", client->GetLabel(ctx, "l").status()},
      {"WithLease", client->WithLease(ctx).status()},
      {"Containers", client->Containers(ctx).status()},
      {"NewContainer", client->NewContainer(ctx, "c").status()},
      {"LoadContainer", client->LoadContainer(ctx, "c").status()},
      {"Restore", client->Restore(ctx, "c", image).status()},
      {"NewSandbox", client->NewSandbox(ctx, "s").status()},
      {"LoadSandbox", client->LoadSandbox(ctx, "s").status()},
      {"GetImage", client->GetImage(ctx, "i").status()},
      {"ListImages", client->ListImages(ctx).status()},
      {"Import", client->Import(ctx, none).status()},
      {"Snapshotter", client->SnapshotService("native")->Stat(ctx, "k").status()},
      {"Export", client->Export(ctx, sink, {})},
      {"Install", client->Install(ctx, image)},
      {"Subscribe", client->Subscribe(ctx)->Next(ctx).status()},
      {"Subscribe, then WaitReady", client->Subscribe(ctx)->WaitReady(ctx)},
      {"Image::RootFS", image.RootFS(ctx).status()},
      {"Image::Size", image.Size(ctx).status()},
      {"Image::Usage", image.Usage(ctx).status()},
      {"Image::Config", image.Config(ctx).status()},
      {"Image::Spec", image.Spec(ctx).status()},
      {"Image::IsUnpacked", image.IsUnpacked(ctx, "native").status()},
      {"Image::Unpack", image.Unpack(ctx, "native")},
      {"containers", client->ContainerService()->Get(ctx, "c").status()},
      {"content", client->ContentStore()->Info(ctx, "sha256:x").status()},
      {"a reader of content",
       client->ContentStore()->ReaderAt(ctx, {.digest = "sha256:x"}).status()},
      {"a writer of content",
       client->ContentStore()->Writer(ctx, {content::WithRef("r")}).status()},
      {"images", client->ImageService()->Get(ctx, "i").status()},
      {"namespaces", client->NamespaceService()->List(ctx).status()},
      {"tasks", client->TaskService()->Get(ctx, "c", "").status()},
      {"a task's exit", client->TaskService()->Wait(ctx, "c", "").Get(ctx).status()},
      {"a task's stdin", client->TaskService()->CloseIOAsync(ctx, "c", "", true).Get(ctx).status()},
      {"diff", client->DiffService()->Apply(ctx, {}, {}, {}).status()},
      {"leases", client->LeasesService()->List(ctx).status()},
      {"introspection", client->IntrospectionService()->Server(ctx).status()},
      {"sandboxes", client->SandboxStore()->Get(ctx, "s").status()},
      {"a sandbox's controller", client->SandboxController("")->Platform(ctx, "s").status()},
      {"mounts", client->MountManager()->Info(ctx, "m").status()},
      {"health", client->HealthService()->Check(ctx).status()},
      {"version", client->VersionService()->Version(ctx).status()},
  };
  for (const auto& [name, status] : calls) {
    EXPECT_TRUE(errdefs::IsUnavailable(status)) << name << ": " << status;
  }

  // What is known without the daemon is no longer said either.
  client = Client::New(socket());
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_TRUE(client->DefaultSandboxer(ctx).ok());
  ASSERT_TRUE(client->Close().ok());
  EXPECT_TRUE(errdefs::IsUnavailable(client->DefaultSandboxer(ctx).status()));
}

// A handle that was moved from is still one.
TEST_F(DialTest, MovedFromHandlesWork) {
  FakeVersion service;
  const auto server = Serve("unix:" + socket(), &service);
  auto client = Client::New(socket());
  ASSERT_TRUE(client.ok());
  Client moved = *std::move(client);
  EXPECT_TRUE(client->Version(Context::Background()).ok());  // NOLINT(bugprone-use-after-move)
  client = *std::move(client);                               // NOLINT(bugprone-use-after-move)
  EXPECT_TRUE(client->Version(Context::Background()).ok());
  Image image(moved, {.name = "x"});
  const Image other = std::move(image);
  EXPECT_EQ(image.Name(), "x");  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(other.Name(), "x");
  static_assert(std::is_nothrow_copy_constructible_v<Client>);
  static_assert(std::is_nothrow_move_constructible_v<Container>);
  static_assert(std::is_nothrow_move_constructible_v<Task>);
  static_assert(std::is_nothrow_move_constructible_v<Process>);
  static_assert(std::is_nothrow_move_constructible_v<Image>);
  static_assert(std::is_nothrow_move_constructible_v<Sandbox>);
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
