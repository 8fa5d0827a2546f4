// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <functional>
#include <utility>

#include "containerd/services/sandbox/v1/sandbox.grpc.pb.h"

#include "src/base/options.h"
#include "src/mount/internal/proto.h"
#include "src/rpc/internal/call.h"
#include "src/rpc/internal/describe.h"
#include "src/rpc/internal/proto_descriptor.h"
#include "src/rpc/internal/proto_time.h"
#include "src/rpc/internal/until_answered.h"
#include "src/sandbox/internal/proto.h"
#include "src/tasks/internal/proto.h"

namespace containerd::sandbox {
namespace {

namespace pb = ::containerd::services::sandbox::v1;
using Stub = pb::Controller::StubInterface;
using ControllerStubs = rpc::Stubs<pb::Controller>;

class ProxyController final : public Controller {
 public:
  template <typename ConnectionOrStub>
  ProxyController(std::shared_ptr<ConnectionOrStub> to, std::string sandboxer)
      : stubs_(std::make_shared<const ControllerStubs>(std::move(to))),
        sandboxer_(std::move(sandboxer)) {}

  absl::Status Create(const Context& ctx, const Sandbox& sandbox,
                      const std::vector<CreateOpt>& opts) override {
    CreateOptions options;
    if (absl::Status s = base::Apply(opts, options); !s.ok()) return s;
    auto request = For<pb::ControllerCreateRequest>(sandbox.id);
    mount::ToProto(options.rootfs, request.mutable_rootfs());
    SetAny(options.options, &request, &pb::ControllerCreateRequest::mutable_options);
    request.set_netns_path(options.netns_path);
    rpc::ToProto(options.annotations, request.mutable_annotations());
    *request.mutable_sandbox() = ToProto(sandbox);
    pb::ControllerCreateResponse response;
    return rpc::Describe(rpc::Call(ctx, *stubs_, &Stub::Create, request, &response),
                         "create sandbox", sandbox.id);
  }

  absl::StatusOr<ControllerInstance> Start(const Context& ctx,
                                           std::string_view sandbox_id) override {
    using P = pb::ControllerStartResponse;
    const auto request = For<pb::ControllerStartRequest>(sandbox_id);
    P response;
    if (absl::Status s = rpc::Call(ctx, *stubs_, &Stub::Start, request, &response); !s.ok()) {
      return rpc::Describe(s, "start sandbox", sandbox_id);
    }
    return ControllerInstance{
        .sandbox_id = std::string(sandbox_id),
        .pid = response.pid(),
        .created_at = rpc::TimeOf(response, &P::has_created_at, &P::created_at),
        .address = response.address(),
        .version = response.version(),
        .labels = rpc::FromProto(response.labels()),
        .spec = typeurl::FromProto(response.spec())};
  }

  absl::StatusOr<ocispec::Platform> Platform(const Context& ctx,
                                             std::string_view sandbox_id) override {
    const auto request = For<pb::ControllerPlatformRequest>(sandbox_id);
    pb::ControllerPlatformResponse response;
    if (absl::Status s = rpc::Call(ctx, *stubs_, &Stub::Platform, request, &response); !s.ok()) {
      return rpc::Describe(s, "platform of sandbox", sandbox_id);
    }
    return rpc::FromProto(response.platform());
  }

  absl::Status Stop(const Context& ctx, std::string_view sandbox_id,
                    const std::vector<StopOpt>& opts) override {
    StopOptions options;
    if (absl::Status s = base::Apply(opts, options); !s.ok()) return s;
    auto request = For<pb::ControllerStopRequest>(sandbox_id);
    if (options.timeout.has_value()) {
      const std::int64_t seconds = absl::ToInt64Seconds(*options.timeout);
      request.set_timeout_secs(
          static_cast<std::uint32_t>(std::clamp<std::int64_t>(seconds, 0, UINT32_MAX)));
    }
    pb::ControllerStopResponse response;
    return rpc::Describe(rpc::Call(ctx, *stubs_, &Stub::Stop, request, &response), "stop sandbox",
                         sandbox_id);
  }

  Future<ExitStatus> Wait(const Context& ctx, std::string_view sandbox_id) override {
    using P = pb::ControllerWaitResponse;
    const Promise<ExitStatus> promise;
    // Asks again while the daemon, or the sandbox's controller behind it, is away.
    rpc::CallAsyncUntilAnswered<P>(
        ctx, stubs_->conn(),
        [stubs = stubs_, request = For<pb::ControllerWaitRequest>(sandbox_id)](
            const Context& attempt, std::function<void(const absl::StatusOr<P>&)> answered) {
          rpc::CallAsync<pb::Controller, P>(attempt, *stubs, request, std::move(answered));
        },
        [promise, id = std::string(sandbox_id)](const absl::StatusOr<P>& response) {
          if (!response.ok()) {
            promise.Set(rpc::Describe(response.status(), "wait for sandbox", id));
            return;
          }
          promise.Set(
              ExitStatus{.exit_status = response->exit_status(),
                         .exited_at = rpc::TimeOf(*response, &P::has_exited_at, &P::exited_at)});
        });
    return promise.GetFuture();
  }

  absl::StatusOr<ControllerStatus> Status(const Context& ctx, std::string_view sandbox_id,
                                          bool verbose) override {
    using P = pb::ControllerStatusResponse;
    auto request = For<pb::ControllerStatusRequest>(sandbox_id);
    request.set_verbose(verbose);
    P response;
    if (absl::Status s = rpc::Call(ctx, *stubs_, &Stub::Status, request, &response); !s.ok()) {
      return rpc::Describe(s, "status of sandbox", sandbox_id);
    }
    return ControllerStatus{.sandbox_id = std::string(sandbox_id),
                            .pid = response.pid(),
                            .state = response.state(),
                            .info = rpc::FromProto(response.info()),
                            .created_at = rpc::TimeOf(response, &P::has_created_at, &P::created_at),
                            .exited_at = rpc::TimeOf(response, &P::has_exited_at, &P::exited_at),
                            .extra = typeurl::FromProto(response.extra()),
                            .address = response.address(),
                            .version = response.version()};
  }

  absl::Status Shutdown(const Context& ctx, std::string_view sandbox_id) override {
    const auto request = For<pb::ControllerShutdownRequest>(sandbox_id);
    pb::ControllerShutdownResponse response;
    return rpc::Describe(rpc::Call(ctx, *stubs_, &Stub::Shutdown, request, &response),
                         "shut down sandbox", sandbox_id);
  }

  absl::StatusOr<tasks::Metric> Metrics(const Context& ctx, std::string_view sandbox_id) override {
    const auto request = For<pb::ControllerMetricsRequest>(sandbox_id);
    pb::ControllerMetricsResponse response;
    if (absl::Status s = rpc::Call(ctx, *stubs_, &Stub::Metrics, request, &response); !s.ok()) {
      return rpc::Describe(s, "metrics of sandbox", sandbox_id);
    }
    return tasks::FromProto(response.metrics());
  }

  absl::Status Update(const Context& ctx, std::string_view sandbox_id, const Sandbox& sandbox,
                      const std::vector<std::string>& fields) override {
    auto request = For<pb::ControllerUpdateRequest>(sandbox_id);
    *request.mutable_sandbox() = ToProto(sandbox);
    request.mutable_fields()->Assign(fields.begin(), fields.end());
    pb::ControllerUpdateResponse response;
    return rpc::Describe(rpc::Call(ctx, *stubs_, &Stub::Update, request, &response),
                         "update sandbox", sandbox_id);
  }

 private:
  template <typename Request>
  Request For(std::string_view sandbox_id) const {
    Request request;
    request.set_sandbox_id(std::string(sandbox_id));
    request.set_sandboxer(sandboxer_);
    return request;
  }

  const std::shared_ptr<const ControllerStubs> stubs_;
  const std::string sandboxer_;
};

}  // namespace

std::shared_ptr<Controller> NewSandboxController(std::shared_ptr<rpc::Connection> conn,
                                                 std::string sandboxer) {
  return std::make_shared<ProxyController>(std::move(conn), std::move(sandboxer));
}

std::shared_ptr<Controller> NewSandboxController(
    std::shared_ptr<pb::Controller::StubInterface> stub, std::string sandboxer) {
  return std::make_shared<ProxyController>(std::move(stub), std::move(sandboxer));
}

}  // namespace containerd::sandbox
