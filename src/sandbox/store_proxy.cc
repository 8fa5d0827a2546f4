// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "containerd/services/sandbox/v1/sandbox.grpc.pb.h"

#include "src/rpc/internal/call.h"
#include "src/rpc/internal/describe.h"
#include "src/sandbox/internal/proto.h"

namespace containerd::sandbox {
namespace {

namespace pb = ::containerd::services::sandbox::v1;

class ProxyStore final : public Store {
 public:
  template <typename ConnectionOrStub>
  explicit ProxyStore(std::shared_ptr<ConnectionOrStub> to) : stubs_(std::move(to)) {}

  absl::StatusOr<Sandbox> Create(const Context& ctx, const Sandbox& sandbox) override {
    pb::StoreCreateRequest request;
    *request.mutable_sandbox() = ToProto(sandbox);
    pb::StoreCreateResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::Create, request, &response); !s.ok()) {
      return rpc::Describe(s, "create sandbox", sandbox.id);
    }
    return FromProto(response.sandbox());
  }

  absl::StatusOr<Sandbox> Update(const Context& ctx, const Sandbox& sandbox,
                                 const std::vector<std::string>& fieldpaths) override {
    pb::StoreUpdateRequest request;
    *request.mutable_sandbox() = ToProto(sandbox);
    request.mutable_fields()->Assign(fieldpaths.begin(), fieldpaths.end());
    pb::StoreUpdateResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::Update, request, &response); !s.ok()) {
      return rpc::Describe(s, "update sandbox", sandbox.id);
    }
    return FromProto(response.sandbox());
  }

  absl::StatusOr<Sandbox> Get(const Context& ctx, std::string_view id) override {
    pb::StoreGetRequest request;
    request.set_sandbox_id(std::string(id));
    pb::StoreGetResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::Get, request, &response); !s.ok()) {
      return rpc::Describe(s, "get sandbox", id);
    }
    return FromProto(response.sandbox());
  }

  absl::StatusOr<std::vector<Sandbox>> List(const Context& ctx,
                                            const std::vector<std::string>& filters) override {
    pb::StoreListRequest request;
    request.mutable_filters()->Assign(filters.begin(), filters.end());
    pb::StoreListResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::List, request, &response); !s.ok()) {
      return errdefs::Annotate(s, "list sandboxes");
    }
    std::vector<Sandbox> sandboxes;
    for (const auto& sandbox : response.list()) sandboxes.push_back(FromProto(sandbox));
    return sandboxes;
  }

  absl::Status Delete(const Context& ctx, std::string_view id) override {
    pb::StoreDeleteRequest request;
    request.set_sandbox_id(std::string(id));
    pb::StoreDeleteResponse response;
    return rpc::Describe(rpc::Call(ctx, stubs_, &Stub::Delete, request, &response),
                         "delete sandbox", id);
  }

 private:
  using Stub = pb::Store::StubInterface;

  const rpc::Stubs<pb::Store> stubs_;
};

}  // namespace

std::shared_ptr<Store> NewSandboxStore(std::shared_ptr<rpc::Connection> conn) {
  return std::make_shared<ProxyStore>(std::move(conn));
}

std::shared_ptr<Store> NewSandboxStore(std::shared_ptr<pb::Store::StubInterface> stub) {
  return std::make_shared<ProxyStore>(std::move(stub));
}

}  // namespace containerd::sandbox
