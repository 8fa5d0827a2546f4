// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "containerd/health/health.h"
#include "containerd/wire/health.grpc.pb.h"

#include "src/rpc/internal/call.h"

namespace containerd::health {
namespace {

namespace pb = ::containerd::wire;

ServingStatus FromProto(pb::HealthCheckResponse::ServingStatus status) {
  switch (status) {
    case pb::HealthCheckResponse::SERVING:
      return ServingStatus::kServing;
    case pb::HealthCheckResponse::NOT_SERVING:
      return ServingStatus::kNotServing;
    case pb::HealthCheckResponse::SERVICE_UNKNOWN:
      return ServingStatus::kServiceUnknown;
    default:
      return ServingStatus::kUnknown;
  }
}

class HealthRemote final : public Service {
 public:
  template <typename ConnectionOrStub>
  explicit HealthRemote(std::shared_ptr<ConnectionOrStub> to) : stubs_(std::move(to)) {}

  absl::StatusOr<ServingStatus> Check(const Context& ctx, const CheckOptions& options) override {
    pb::HealthCheckRequest request;
    request.set_service(options.service);
    pb::HealthCheckResponse response;
    absl::Status s = rpc::Call(ctx, stubs_, &pb::Health::StubInterface::Check, request, &response,
                               rpc::CallOptions{.wait_for_ready = options.wait_for_ready});
    if (!s.ok()) return errdefs::Annotate(s, "health check");
    return FromProto(response.status());
  }

 private:
  const rpc::Stubs<pb::Health> stubs_;
};

}  // namespace

std::string_view ToString(ServingStatus status) {
  switch (status) {
    case ServingStatus::kServing:
      return "SERVING";
    case ServingStatus::kNotServing:
      return "NOT_SERVING";
    case ServingStatus::kServiceUnknown:
      return "SERVICE_UNKNOWN";
    case ServingStatus::kUnknown:
      break;
  }
  return "UNKNOWN";
}

std::string_view String(ServingStatus status) { return ToString(status); }

std::shared_ptr<Service> NewHealthService(std::shared_ptr<rpc::Connection> conn) {
  return std::make_shared<HealthRemote>(std::move(conn));
}

std::shared_ptr<Service> NewHealthService(std::shared_ptr<pb::Health::StubInterface> stub) {
  return std::make_shared<HealthRemote>(std::move(stub));
}

}  // namespace containerd::health
