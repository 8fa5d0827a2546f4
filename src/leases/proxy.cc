// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "containerd/leases/leases.h"
#include "containerd/services/leases/v1/leases.grpc.pb.h"

#include "src/base/options.h"
#include "src/rpc/internal/call.h"
#include "src/rpc/internal/describe.h"
#include "src/rpc/internal/proto_descriptor.h"
#include "src/rpc/internal/proto_time.h"

namespace containerd::leases {
namespace {

namespace pb = ::containerd::services::leases::v1;

Lease FromProto(const pb::Lease& proto) {
  return {.id = proto.id(),
          .created_at = rpc::TimeOf(proto, &pb::Lease::has_created_at, &pb::Lease::created_at),
          .labels = rpc::FromProto(proto.labels())};
}

class ProxyManager final : public Manager {
 public:
  template <typename ConnectionOrStub>
  explicit ProxyManager(std::shared_ptr<ConnectionOrStub> to) : stubs_(std::move(to)) {}

  absl::StatusOr<Lease> Create(const Context& ctx, const std::vector<Opt>& opts) override {
    Lease lease;
    if (absl::Status s = base::Apply(opts, lease); !s.ok()) return s;
    pb::CreateRequest request;
    request.set_id(lease.id);
    rpc::ToProto(lease.labels, request.mutable_labels());
    pb::CreateResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::Create, request, &response); !s.ok()) {
      return rpc::Describe(s, "create lease", lease.id);
    }
    return FromProto(response.lease());
  }

  absl::Status Delete(const Context& ctx, const Lease& lease,
                      const std::vector<DeleteOpt>& opts) override {
    DeleteOptions options;
    if (absl::Status s = base::Apply(opts, ctx, options); !s.ok()) return s;
    pb::DeleteRequest request;
    request.set_id(lease.id);
    request.set_sync(options.synchronous);
    google::protobuf::Empty response;
    return rpc::Describe(rpc::Call(ctx, stubs_, &Stub::Delete, request, &response), "delete lease",
                         lease.id);
  }

  absl::StatusOr<std::vector<Lease>> List(const Context& ctx,
                                          const std::vector<std::string>& filters) override {
    pb::ListRequest request;
    request.mutable_filters()->Assign(filters.begin(), filters.end());
    pb::ListResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::List, request, &response); !s.ok()) {
      return errdefs::Annotate(s, "list leases");
    }
    std::vector<Lease> leases;
    leases.reserve(static_cast<std::size_t>(response.leases_size()));
    for (const auto& lease : response.leases()) leases.push_back(FromProto(lease));
    return leases;
  }

  absl::Status AddResource(const Context& ctx, const Lease& lease,
                           const Resource& resource) override {
    auto request = ResourceRequest<pb::AddResourceRequest>(lease, resource);
    google::protobuf::Empty response;
    return rpc::Describe(rpc::Call(ctx, stubs_, &Stub::AddResource, request, &response),
                         "add resource to lease", lease.id);
  }

  absl::Status DeleteResource(const Context& ctx, const Lease& lease,
                              const Resource& resource) override {
    auto request = ResourceRequest<pb::DeleteResourceRequest>(lease, resource);
    google::protobuf::Empty response;
    return rpc::Describe(rpc::Call(ctx, stubs_, &Stub::DeleteResource, request, &response),
                         "delete resource from lease", lease.id);
  }

  absl::StatusOr<std::vector<Resource>> ListResources(const Context& ctx,
                                                      const Lease& lease) override {
    pb::ListResourcesRequest request;
    request.set_id(lease.id);
    pb::ListResourcesResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::ListResources, request, &response);
        !s.ok()) {
      return rpc::Describe(s, "list resources of lease", lease.id);
    }
    std::vector<Resource> resources;
    resources.reserve(static_cast<std::size_t>(response.resources_size()));
    for (const auto& resource : response.resources()) {
      resources.push_back({.id = resource.id(), .type = resource.type()});
    }
    return resources;
  }

 private:
  using Stub = pb::Leases::StubInterface;

  template <typename T>
  static T ResourceRequest(const Lease& lease, const Resource& resource) {
    T request;
    request.set_id(lease.id);
    request.mutable_resource()->set_id(resource.id);
    request.mutable_resource()->set_type(resource.type);
    return request;
  }

  const rpc::Stubs<pb::Leases> stubs_;
};

}  // namespace

std::shared_ptr<Manager> NewLeaseManager(std::shared_ptr<rpc::Connection> conn) {
  return std::make_shared<ProxyManager>(std::move(conn));
}

std::shared_ptr<Manager> NewLeaseManager(std::shared_ptr<pb::Leases::StubInterface> stub) {
  return std::make_shared<ProxyManager>(std::move(stub));
}

}  // namespace containerd::leases
