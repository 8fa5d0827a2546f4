// SPDX-License-Identifier: Apache-2.0
//
// What Client::New can be told.
//
//   auto client = Client::New("/run/containerd/containerd.sock",
//                             {WithDefaultNamespace("example"), WithTimeout(absl::Seconds(3))});
//
// Source: client/client_opts.go.
#ifndef CONTAINERD_CLIENT_OPTS_H_
#define CONTAINERD_CLIENT_OPTS_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/time/time.h>

#include "containerd/container_opts_fwd.h"
#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/option/option.h"
#include "containerd/services.h"
#include "containerd/tracing/call_observer.h"

namespace grpc {
class ChannelArguments;
class ChannelCredentials;
}  // namespace grpc
namespace grpc::experimental {
class ClientInterceptorFactoryInterface;
}  // namespace grpc::experimental

namespace containerd::platforms {
class MatchComparer;
}  // namespace containerd::platforms

namespace containerd {

// How a connection is made. Source: the grpc.DialOptions that client.New sets.
struct DialOptions {
  std::shared_ptr<grpc::ChannelCredentials> credentials;  // nullptr: plain text
  bool block = true;
  absl::Duration max_backoff;  // zero: 3 s
  // Runs last, with everything else set.
  std::vector<std::function<void(grpc::ChannelArguments&)>> channel_arguments;
  // The first sees a call first, and its answer last.
  std::vector<std::shared_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> interceptors;
};

using DialOpt = option::Option<DialOptions&>;

// TLS: grpc::SslCredentials(...) for a daemon that listens on tcp. Source:
// grpc.WithTransportCredentials.
CONTAINERD_EXPORT DialOpt
WithTransportCredentials(std::shared_ptr<grpc::ChannelCredentials> credentials);

// Whether New waits until the daemon answers, as Go's client did before 2.0 and this one does by
// default; false: New returns at once and the first call finds out. Source: grpc.WithBlock.
CONTAINERD_EXPORT DialOpt WithBlock(bool block = true);

// Longest pause between attempts to connect; by default 3 s. Source: grpc.WithConnectParams.
CONTAINERD_EXPORT DialOpt WithMaxBackoff(absl::Duration delay);

// Whatever else gRPC's channel can be told.
CONTAINERD_EXPORT DialOpt WithChannelArguments(std::function<void(grpc::ChannelArguments&)> set);

// Adds an interceptor (grpcpp/support/client_interceptor.h) to those that see every call and stream
// of the client, raw stubs and New's own probe included. They see a call in the order in which they
// were added, with the metadata that the library sends, and its answer in reverse order. The
// default namespace is added after all of them, to calls that have none by then: an interceptor may
// set another.
//
// The factory lives as long as any of the client's connections, and Reconnect goes on with it. It
// is asked for an interceptor for each call, from several threads at once; the interceptor itself
// is used by one thread at a time. What it does with an answer, it does on the thread that receives
// those of all calls, so it must not wait: all others would wait with it. ErrInvalidArgument for
// nullptr. Source: grpc.WithChainUnaryInterceptor, grpc.WithChainStreamInterceptor.
CONTAINERD_EXPORT DialOpt
WithInterceptor(std::shared_ptr<grpc::experimental::ClientInterceptorFactoryInterface> factory);

// Limits of each call.
struct CallLimits {
  int max_recv_msg_size;  // bytes
  int max_send_msg_size;
};

using CallOpt = option::Option<CallLimits&>;

// In bytes; by default 16 MiB both. Source: grpc.MaxCallRecvMsgSize, grpc.MaxCallSendMsgSize.
CONTAINERD_EXPORT CallOpt MaxCallRecvMsgSize(int bytes);
CONTAINERD_EXPORT CallOpt MaxCallSendMsgSize(int bytes);

// The sum of the options; see the functions below.
struct ClientOptions {
  std::string default_namespace;
  std::string default_runtime;
  std::string default_sandboxer;
  std::shared_ptr<const platforms::MatchComparer> default_platform;
  absl::Duration timeout;  // zero: 10 s
  std::vector<DialOpt> dial_opts;
  std::vector<DialOpt> extra_dial_opts;
  std::vector<CallOpt> call_opts;
  std::vector<NewContainerOpt> container_opts;
  std::shared_ptr<tracing::CallObserver> call_observer;
  bool services_given = false;
  Services services;
};

using Opt = option::Option<ClientOptions&>;

// The namespace of calls whose context has none, those on raw stubs included. ErrInvalidArgument if
// it is not a valid identifier.
CONTAINERD_EXPORT Opt WithDefaultNamespace(std::string_view ns);

// The runtime of new containers that are given none. Without it, the namespace's label
// "containerd.io/defaults/runtime", then "io.containerd.runc.v2".
CONTAINERD_EXPORT Opt WithDefaultRuntime(std::string_view runtime);

// The sandboxer of new sandboxes. Without it, the namespace's label
// "containerd.io/defaults/sandboxer", then "shim".
CONTAINERD_EXPORT Opt WithDefaultSandboxer(std::string_view sandboxer);

// Which platform's images are meant; by default the host's.
CONTAINERD_EXPORT Opt WithDefaultPlatform(std::shared_ptr<const platforms::MatchComparer> platform);

// How to dial, in place of the defaults of DialOptions.
CONTAINERD_EXPORT Opt WithDialOpts(std::vector<DialOpt> opts);

// How to dial, on top of the defaults or of WithDialOpts.
CONTAINERD_EXPORT Opt WithExtraDialOpts(std::vector<DialOpt> opts);

CONTAINERD_EXPORT Opt WithCallOpts(std::vector<CallOpt> opts);

// Options of every NewContainer of the client, which run after the call's own, also for containers
// of sandboxes and restored ones. Not in Go.
CONTAINERD_EXPORT Opt WithContainerOpts(std::vector<NewContainerOpt> opts);

// Tells `observer` of each call that the client makes, of the daemon and of registries, its start
// and its end: see containerd/tracing/call_observer.h. ErrInvalidArgument for nullptr. In Go that
// is what its OpenTelemetry interceptors do.
CONTAINERD_EXPORT Opt WithCallObserver(std::shared_ptr<tracing::CallObserver> observer);

// Replaces services of the daemon by the given ones; no address is needed then.
CONTAINERD_EXPORT Opt WithServices(std::vector<ServicesOpt> opts);

// How long New may take to reach the daemon; by default 10 s.
CONTAINERD_EXPORT Opt WithTimeout(absl::Duration timeout);

}  // namespace containerd

#endif  // CONTAINERD_CLIENT_OPTS_H_
