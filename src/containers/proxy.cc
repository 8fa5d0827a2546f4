// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "containerd/containers/containers.h"
#include "containerd/services/containers/v1/containers.grpc.pb.h"

#include "src/containers/internal/proto.h"
#include "src/rpc/internal/call.h"
#include "src/rpc/internal/describe.h"

namespace containerd::containers {
namespace {

namespace pb = ::containerd::services::containers::v1;

class RemoteContainers final : public Store {
 public:
  template <typename ConnectionOrStub>
  explicit RemoteContainers(std::shared_ptr<ConnectionOrStub> to) : stubs_(std::move(to)) {}

  absl::StatusOr<Container> Get(const Context& ctx, std::string_view id) override {
    pb::GetContainerRequest request;
    request.set_id(std::string(id));
    pb::GetContainerResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::Get, request, &response); !s.ok()) {
      return rpc::Describe(s, "get container", id);
    }
    return FromProto(response.container());
  }

  absl::StatusOr<std::vector<Container>> List(const Context& ctx,
                                              const std::vector<std::string>& filters) override {
    pb::ListContainersRequest request;
    request.mutable_filters()->Assign(filters.begin(), filters.end());
    std::vector<Container> containers;
    absl::Status s =
        rpc::CallServerStream<pb::Containers, pb::ListContainersRequest, pb::ListContainerMessage>(
            ctx, stubs_, &Stub::ListStream, request, [&](pb::ListContainerMessage& message) {
              containers.push_back(FromProto(message.container()));
              return absl::OkStatus();
            });
    if (errdefs::IsNotImplemented(s)) {
      pb::ListContainersResponse response;
      s = rpc::Call(ctx, stubs_, &Stub::List, request, &response);
      containers.clear();
      for (const auto& container : response.containers()) {
        containers.push_back(FromProto(container));
      }
    }
    if (!s.ok()) return errdefs::Annotate(s, "list containers");
    return containers;
  }

  absl::StatusOr<Container> Create(const Context& ctx, const Container& container) override {
    pb::CreateContainerRequest request;
    *request.mutable_container() = ToProto(container);
    pb::CreateContainerResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::Create, request, &response); !s.ok()) {
      return rpc::Describe(s, "create container", container.id);
    }
    return FromProto(response.container());
  }

  absl::StatusOr<Container> Update(const Context& ctx, const Container& container,
                                   const std::vector<std::string>& fieldpaths) override {
    pb::UpdateContainerRequest request;
    *request.mutable_container() = ToProto(container);
    if (!fieldpaths.empty()) {
      request.mutable_update_mask()->mutable_paths()->Assign(fieldpaths.begin(), fieldpaths.end());
    }
    pb::UpdateContainerResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::Update, request, &response); !s.ok()) {
      return rpc::Describe(s, "update container", container.id);
    }
    return FromProto(response.container());
  }

  absl::Status Delete(const Context& ctx, std::string_view id) override {
    pb::DeleteContainerRequest request;
    request.set_id(std::string(id));
    google::protobuf::Empty response;
    return rpc::Describe(rpc::Call(ctx, stubs_, &Stub::Delete, request, &response),
                         "delete container", id);
  }

 private:
  using Stub = pb::Containers::StubInterface;

  const rpc::Stubs<pb::Containers> stubs_;
};

}  // namespace

std::shared_ptr<Store> NewContainerStore(std::shared_ptr<rpc::Connection> conn) {
  return std::make_shared<RemoteContainers>(std::move(conn));
}

std::shared_ptr<Store> NewContainerStore(std::shared_ptr<pb::Containers::StubInterface> stub) {
  return std::make_shared<RemoteContainers>(std::move(stub));
}

}  // namespace containerd::containers
