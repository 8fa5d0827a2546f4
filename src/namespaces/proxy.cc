// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include <fmt/format.h>

#include "containerd/namespaces/store.h"
#include "containerd/services/namespaces/v1/namespaces.grpc.pb.h"

#include "src/base/options.h"
#include "src/rpc/internal/call.h"
#include "src/rpc/internal/describe.h"
#include "src/rpc/internal/proto_descriptor.h"

namespace containerd::namespaces {
namespace {

namespace pb = ::containerd::services::namespaces::v1;

class RemoteNamespaces final : public Store {
 public:
  template <typename ConnectionOrStub>
  explicit RemoteNamespaces(std::shared_ptr<ConnectionOrStub> to) : stubs_(std::move(to)) {}

  absl::Status Create(const Context& ctx, std::string_view ns,
                      const containerd::Labels& labels) override {
    pb::CreateNamespaceRequest request;
    request.mutable_namespace_()->set_name(std::string(ns));
    rpc::ToProto(labels, request.mutable_namespace_()->mutable_labels());
    pb::CreateNamespaceResponse response;
    return rpc::Describe(rpc::Call(ctx, stubs_, &Stub::Create, request, &response),
                         "create namespace", ns);
  }

  absl::StatusOr<containerd::Labels> Labels(const Context& ctx, std::string_view ns) override {
    pb::GetNamespaceRequest request;
    request.set_name(std::string(ns));
    pb::GetNamespaceResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::Get, request, &response); !s.ok()) {
      return rpc::Describe(s, "labels of namespace", ns);
    }
    return rpc::FromProto(response.namespace_().labels());
  }

  absl::Status SetLabel(const Context& ctx, std::string_view ns, std::string_view key,
                        std::string_view value) override {
    pb::UpdateNamespaceRequest request;
    request.mutable_namespace_()->set_name(std::string(ns));
    (*request.mutable_namespace_()->mutable_labels())[std::string(key)] = std::string(value);
    request.mutable_update_mask()->add_paths(fmt::format("labels.{}", key));
    pb::UpdateNamespaceResponse response;
    return rpc::Describe(rpc::Call(ctx, stubs_, &Stub::Update, request, &response),
                         "label namespace", ns);
  }

  absl::StatusOr<std::vector<std::string>> List(const Context& ctx) override {
    pb::ListNamespacesResponse response;
    if (absl::Status s =
            rpc::Call(ctx, stubs_, &Stub::List, pb::ListNamespacesRequest(), &response);
        !s.ok()) {
      return errdefs::Annotate(s, "list namespaces");
    }
    std::vector<std::string> names;
    names.reserve(static_cast<std::size_t>(response.namespaces_size()));
    for (const auto& ns : response.namespaces()) names.push_back(ns.name());
    return names;
  }

  absl::Status Delete(const Context& ctx, std::string_view ns,
                      const std::vector<DeleteOpt>& opts) override {
    DeleteInfo info{.name = std::string(ns)};
    if (absl::Status s = base::Apply(opts, ctx, info); !s.ok()) return s;
    pb::DeleteNamespaceRequest request;
    request.set_name(std::string(ns));
    google::protobuf::Empty response;
    return rpc::Describe(rpc::Call(ctx, stubs_, &Stub::Delete, request, &response),
                         "delete namespace", ns);
  }

 private:
  using Stub = pb::Namespaces::StubInterface;

  const rpc::Stubs<pb::Namespaces> stubs_;
};

}  // namespace

std::shared_ptr<Store> NewNamespaceStore(std::shared_ptr<rpc::Connection> conn) {
  return std::make_shared<RemoteNamespaces>(std::move(conn));
}

std::shared_ptr<Store> NewNamespaceStore(std::shared_ptr<pb::Namespaces::StubInterface> stub) {
  return std::make_shared<RemoteNamespaces>(std::move(stub));
}

}  // namespace containerd::namespaces
