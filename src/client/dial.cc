// SPDX-License-Identifier: Apache-2.0
#include "dial.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <fcntl.h>
#include <limits>
#include <memory>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include <absl/cleanup/cleanup.h>
#include <absl/strings/numbers.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/client_interceptor.h>

#include "containerd/defaults/defaults.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/namespaces/namespaces.h"
#include "containerd/services/introspection/v1/introspection.grpc.pb.h"
#include "containerd/services/namespaces/v1/namespaces.grpc.pb.h"
#include "containerd/services/version/v1/version.grpc.pb.h"

#include "src/base/escape.h"
#include "src/base/fd.h"
#include "src/base/host.h"
#include "src/base/options.h"
#include "src/errdefs/internal/guard.h"
#include "src/rpc/internal/call.h"
#include "src/rpc/internal/process.h"
#include "src/threads/internal/start.h"

namespace containerd::internal {
namespace {

namespace pb = ::containerd::services;

constexpr absl::Duration kDefaultTimeout = absl::Seconds(10);
constexpr absl::Duration kDefaultMaxBackoff = absl::Seconds(3);
constexpr absl::Duration kInitialBackoff = absl::Seconds(1);

// How often to look for a socket that is not there yet.
constexpr absl::Duration kProbeInterval = absl::Milliseconds(10);

// How long a socket may refuse before nobody is believed to be about to listen on it.
constexpr absl::Duration kListenGrace = absl::Milliseconds(250);

// Adds the default namespace to calls whose metadata names none, so that raw stubs get it too.
class NamespaceInterceptor final : public grpc::experimental::Interceptor {
 public:
  explicit NamespaceInterceptor(std::string ns) : ns_(std::move(ns)) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(
            grpc::experimental::InterceptionHookPoints::PRE_SEND_INITIAL_METADATA)) {
      auto* metadata = methods->GetSendInitialMetadata();
      if (metadata->find(namespaces::kGRPCHeader) == metadata->end()) {
        metadata->emplace(namespaces::kGRPCHeader, ns_);
      }
    }
    methods->Proceed();
  }

 private:
  const std::string ns_;
};

class NamespaceInterceptorFactory final
    : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  explicit NamespaceInterceptorFactory(std::string ns) : ns_(std::move(ns)) {}

  grpc::experimental::Interceptor* CreateClientInterceptor(
      grpc::experimental::ClientRpcInfo* /*info*/) override {
    return new NamespaceInterceptor(ns_);
  }

 private:
  const std::string ns_;
};

// Makes the interceptors of a factory that the client keeps, for each of its channels.
class SharedInterceptorFactory final
    : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  explicit SharedInterceptorFactory(std::shared_ptr<ClientInterceptorFactoryInterface> factory)
      : factory_(std::move(factory)) {}

  grpc::experimental::Interceptor* CreateClientInterceptor(
      grpc::experimental::ClientRpcInfo* info) override {
    return factory_->CreateClientInterceptor(info);
  }

 private:
  const std::shared_ptr<ClientInterceptorFactoryInterface> factory_;
};

// 0 if something accepts connections on the socket, else why connect(2) failed.
int Probe(const std::string& path) {
  const base::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno;
  sockaddr_un addr{};
  addr.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), addr.sun_path);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&addr), sizeof(addr)) == 0) return 0;
  return errno == EAGAIN ? 0 : errno;  // a full backlog is a daemon too
}

bool IsSocket(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode);
}

bool IsPort(std::string_view text) {
  int port = 0;
  return absl::SimpleAtoi(absl::string_view(text.data(), text.size()), &port) && port > 0 &&
         port <= std::numeric_limits<std::uint16_t>::max();
}

absl::Status Failed(const Address& address, std::string_view why) {
  return errdefs::Unavailable(fmt::format("failed to dial \"{}\": {}", address.text, why));
}

// Waits until the socket accepts connections. One that does not exist yet is waited for, and for a
// moment one that refuses: a daemon has a name for its socket before it listens. Any other error is
// final, as with grpc.FailOnNonTempDialError.
absl::Status WaitForSocket(const Context& ctx, const Address& address) {
  absl::Time refused_until = absl::InfiniteFuture();
  for (;;) {
    const int err = Probe(address.unix_path);
    if (err == 0) return absl::OkStatus();
    if (err == ECONNREFUSED && IsSocket(address.unix_path)) {
      refused_until = std::min(refused_until, absl::Now() + kListenGrace);
      if (absl::Now() >= refused_until) {
        return Failed(address, std::generic_category().message(err));
      }
    } else if (err != ENOENT) {
      return Failed(address, std::generic_category().message(err));
    }
    const absl::Status ended = Sleep(ctx, kProbeInterval);
    if (errdefs::IsDeadlineExceeded(ended)) {
      return Failed(address, std::generic_category().message(err));
    }
    if (!ended.ok()) {
      return errdefs::Annotate(ended, fmt::format("dialing \"{}\"", address.text));
    }
  }
}

// Whether a service of containerd answers a call, whatever it says.
template <typename Service, typename Method, typename Request, typename Response>
absl::Status Ask(const Context& ctx, const std::shared_ptr<rpc::Connection>& conn,
                 const rpc::CallOptions& options, Method method, const Request& request,
                 Response response) {
  const rpc::Stubs<Service> stubs(conn);
  absl::Status s = rpc::Call(ctx, stubs, method, request, &response, options);
  const bool unanswered = errdefs::IsNotImplemented(s) || errdefs::IsUnavailable(s) ||
                          errdefs::IsDeadlineExceeded(s) || errdefs::IsCanceled(s);
  return unanswered ? s : absl::OkStatus();
}

absl::Status CheckAnswer(const Context& ctx, const Address& address,
                         const std::shared_ptr<grpc::Channel>& channel,
                         const ClientOptions& of_client) {
  // The probe uses a connection of its own, because the caller's does not exist yet.
  const auto conn = std::make_shared<rpc::Connection>(channel, "", of_client.call_observer);
  // Over tcp nothing was probed, so a connection that fails is tried again until the timeout.
  const rpc::CallOptions options{.wait_for_ready = address.unix_path.empty()};
  // Any of the three will do: a daemon's configuration may turn off each of its services.
  absl::Status s = Ask<pb::version::v1::Version>(
      ctx, conn, options, &pb::version::v1::Version::StubInterface::Version,
      google::protobuf::Empty(), pb::version::v1::VersionResponse());
  if (errdefs::IsNotImplemented(s)) {
    s = Ask<pb::introspection::v1::Introspection>(
        ctx, conn, options, &pb::introspection::v1::Introspection::StubInterface::Server,
        google::protobuf::Empty(), pb::introspection::v1::ServerResponse());
  }
  if (errdefs::IsNotImplemented(s)) {
    s = Ask<pb::namespaces::v1::Namespaces>(
        ctx, conn, options, &pb::namespaces::v1::Namespaces::StubInterface::List,
        pb::namespaces::v1::ListNamespacesRequest(), pb::namespaces::v1::ListNamespacesResponse());
  }
  if (s.ok()) return s;
  if (errdefs::IsNotImplemented(s)) {
    return errdefs::NotImplemented(fmt::format(
        "\"{}\" speaks gRPC but is not containerd: it has none of the services version, "
        "introspection and namespaces",
        address.text));
  }
  if (errdefs::IsDeadlineExceeded(s)) {
    return Failed(address, "timed out waiting for an answer");
  }
  if (errdefs::IsCanceled(s)) {
    return errdefs::Annotate(s, fmt::format("dialing \"{}\"", address.text));
  }
  return Failed(address, errdefs::Message(s));
}

}  // namespace

absl::StatusOr<Address> ParseAddress(std::string_view text) {
  const auto invalid = [text](std::string_view why) {
    return errdefs::InvalidArgument(fmt::format("invalid address \"{}\": {}", text, why));
  };
  Address address{.text = std::string(text)};
  if (text.find('\0') != std::string_view::npos) return invalid("it contains a NUL");

  if (constexpr std::string_view kTcp = "tcp://"; text.starts_with(kTcp)) {
    const std::string_view host_port = text.substr(kTcp.size());
    const absl::StatusOr<base::HostPort> parts = base::SplitHostPort(host_port);
    if (!parts.ok() || parts->host.empty() || !IsPort(parts->port.value_or(""))) {
      return invalid("want tcp://host:port or tcp://[IPv6 address]:port");
    }
    address.target = "dns:///" + base::PercentEncode(host_port, ":");
    return address;
  }

  std::string_view path = text;
  for (const std::string_view scheme : {"unix://", "unix:"}) {
    if (path.starts_with(scheme)) {
      path.remove_prefix(scheme.size());
      break;
    }
  }
  if (path.starts_with('@') || text.starts_with("unix-abstract:")) {
    return invalid("containerd does not listen on abstract sockets: want the path of a file");
  }
  if (!path.starts_with('/')) {
    return invalid("want the absolute path of a socket, unix:///path or tcp://host:port");
  }
  if (constexpr std::size_t kMax = sizeof(sockaddr_un::sun_path) - 1; path.size() > kMax) {
    return invalid(
        fmt::format("a socket's path can have {} bytes, this one has {}", kMax, path.size()));
  }
  address.unix_path = std::string(path);
  address.target = base::UnixTarget(path);
  return address;
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> Dial(const Context& ctx, const Address& address,
                                                    const ClientOptions& options) {
  if (absl::Status s = rpc::ClaimGrpc(); !s.ok()) return s;
  DialOptions dial;
  if (absl::Status s = base::Apply(options.dial_opts, dial); !s.ok()) return s;
  if (absl::Status s = base::Apply(options.extra_dial_opts, dial); !s.ok()) return s;
  CallLimits limits{defaults::kDefaultMaxRecvMsgSize, defaults::kDefaultMaxSendMsgSize};
  if (absl::Status s = base::Apply(options.call_opts, limits); !s.ok()) return s;
  const absl::Duration timeout =
      options.timeout == absl::ZeroDuration() ? kDefaultTimeout : options.timeout;
  const absl::Duration max_backoff =
      dial.max_backoff == absl::ZeroDuration() ? kDefaultMaxBackoff : dial.max_backoff;

  const auto millis = [](absl::Duration d) {
    return static_cast<int>(
        std::clamp<int64_t>(absl::ToInt64Milliseconds(d), 1, std::numeric_limits<int>::max()));
  };
  grpc::ChannelArguments args;
  args.SetMaxReceiveMessageSize(limits.max_recv_msg_size);
  args.SetMaxSendMessageSize(limits.max_send_msg_size);
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS,
              millis(std::min(kInitialBackoff, max_backoff)));
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, millis(max_backoff));
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, millis(timeout));  // of one attempt to connect
  // Two clients do not share a connection, and a reconnect makes a new one.
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (!address.unix_path.empty()) {
    args.SetString(GRPC_ARG_DEFAULT_AUTHORITY, "localhost");
    // On a socket of this machine there is no distance that a larger window would bridge. gRPC
    // would measure it all the same, by a ping for whatever comes, and let windows and buffers grow
    // to megabytes, which costs more than it gives: each is mapped, touched and unmapped. (Retries
    // stay on, as Go's client has them: a call that a daemon never got is made again. So do the
    // filters for deadlines and message sizes, which a minimal stack would lack.)
    args.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    // Statistics for a debugging service of gRPC's, which a program can have with
    // WithChannelArguments.
    args.SetInt(GRPC_ARG_ENABLE_CHANNELZ, 0);
  }
  for (const auto& set : dial.channel_arguments) {
    if (absl::Status s = errdefs::Guard("a function of WithChannelArguments", set, args); !s.ok()) {
      return s;
    }
  }

  std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> interceptors;
  interceptors.reserve(dial.interceptors.size() + 1);
  for (const auto& factory : dial.interceptors) {
    interceptors.push_back(std::make_unique<SharedInterceptorFactory>(factory));
  }
  if (!options.default_namespace.empty()) {
    interceptors.push_back(
        std::make_unique<NamespaceInterceptorFactory>(options.default_namespace));
  }
  const auto make = [&] {
    const threads::SignalsBlocked blocked;  // gRPC starts threads with the first channel
    return grpc::experimental::CreateCustomChannelWithInterceptors(
        address.target, dial.credentials ? dial.credentials : grpc::InsecureChannelCredentials(),
        args, std::move(interceptors));
  };
  auto channel = make();

  if (dial.block) {
    const Context limited = containerd::WithTimeout(ctx, timeout);
    if (!address.unix_path.empty()) {
      if (absl::Status s = WaitForSocket(limited, address); !s.ok()) return s;
    }
    if (absl::Status s = CheckAnswer(limited, address, channel, options); !s.ok()) return s;
  }
  return channel;
}

}  // namespace containerd::internal
