// SPDX-License-Identifier: Apache-2.0
#include "containerd/client_opts.h"

#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/identifiers/identifiers.h"

#include "src/base/options.h"

namespace containerd {

DialOpt WithTransportCredentials(std::shared_ptr<grpc::ChannelCredentials> credentials) {
  return [credentials = std::move(credentials)](DialOptions* o) { o->credentials = credentials; };
}

DialOpt WithBlock(bool block) {
  return [block](DialOptions* o) { o->block = block; };
}

DialOpt WithMaxBackoff(absl::Duration delay) {
  return [delay](DialOptions* o) { o->max_backoff = delay; };
}

DialOpt WithChannelArguments(std::function<void(grpc::ChannelArguments&)> set) {
  return [set = std::move(set)](DialOptions* o) { o->channel_arguments.push_back(set); };
}

DialOpt WithInterceptor(
    std::shared_ptr<grpc::experimental::ClientInterceptorFactoryInterface> factory) {
  return [factory = std::move(factory)](DialOptions* o) {
    if (factory == nullptr) return errdefs::InvalidArgument("the interceptor factory is null");
    o->interceptors.push_back(factory);
    return absl::OkStatus();
  };
}

CallOpt MaxCallRecvMsgSize(int bytes) {
  return [bytes](CallLimits* limits) { limits->max_recv_msg_size = bytes; };
}

CallOpt MaxCallSendMsgSize(int bytes) {
  return [bytes](CallLimits* limits) { limits->max_send_msg_size = bytes; };
}

Opt WithDefaultNamespace(std::string_view ns) {
  return [ns = std::string(ns)](ClientOptions* o) {
    if (absl::Status s = identifiers::Validate(ns); !s.ok()) {
      return errdefs::Annotate(s, "default namespace");
    }
    o->default_namespace = ns;
    return absl::OkStatus();
  };
}

Opt WithDefaultRuntime(std::string_view runtime) {
  return [runtime = std::string(runtime)](ClientOptions* o) {
    o->default_runtime = runtime;
    return absl::OkStatus();
  };
}

Opt WithDefaultSandboxer(std::string_view sandboxer) {
  return [sandboxer = std::string(sandboxer)](ClientOptions* o) {
    o->default_sandboxer = sandboxer;
    return absl::OkStatus();
  };
}

Opt WithDefaultPlatform(std::shared_ptr<const platforms::MatchComparer> platform) {
  return [platform = std::move(platform)](ClientOptions* o) {
    o->default_platform = platform;
    return absl::OkStatus();
  };
}

Opt WithDialOpts(std::vector<DialOpt> opts) {
  return [opts = std::move(opts)](ClientOptions* o) {
    o->dial_opts = opts;
    return absl::OkStatus();
  };
}

Opt WithExtraDialOpts(std::vector<DialOpt> opts) {
  return [opts = std::move(opts)](ClientOptions* o) {
    o->extra_dial_opts.insert(o->extra_dial_opts.end(), opts.begin(), opts.end());
    return absl::OkStatus();
  };
}

Opt WithCallOpts(std::vector<CallOpt> opts) {
  return [opts = std::move(opts)](ClientOptions* o) {
    o->call_opts = opts;
    return absl::OkStatus();
  };
}

Opt WithContainerOpts(std::vector<NewContainerOpt> opts) {
  return [opts = std::move(opts)](ClientOptions* o) {
    o->container_opts.insert(o->container_opts.end(), opts.begin(), opts.end());
    return absl::OkStatus();
  };
}

Opt WithCallObserver(std::shared_ptr<tracing::CallObserver> observer) {
  return [observer = std::move(observer)](ClientOptions* o) {
    if (observer == nullptr) return errdefs::InvalidArgument("the observer of calls is null");
    o->call_observer = observer;
    return absl::OkStatus();
  };
}

Opt WithServices(std::vector<ServicesOpt> opts) {
  return [opts = std::move(opts)](ClientOptions* o) {
    o->services_given = true;
    o->services = {};
    return base::Apply(opts, o->services);
  };
}

Opt WithTimeout(absl::Duration timeout) {
  return [timeout](ClientOptions* o) {
    if (timeout < absl::ZeroDuration()) {
      return errdefs::InvalidArgument(
          fmt::format("timeout of {} s is negative", absl::ToDoubleSeconds(timeout)));
    }
    o->timeout = timeout;
    return absl::OkStatus();
  };
}

}  // namespace containerd
