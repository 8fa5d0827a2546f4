// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "containerd/errdefs/errdefs.h"
#include "containerd/mount/manager.h"
#include "containerd/option/option.h"
#include "containerd/services/mounts/v1/mounts.grpc.pb.h"

#include "src/base/options.h"
#include "src/mount/internal/proto.h"
#include "src/rpc/internal/call.h"
#include "src/rpc/internal/describe.h"
#include "src/rpc/internal/proto_descriptor.h"
#include "src/rpc/internal/proto_time.h"

namespace containerd::mount {
namespace {

namespace pb = ::containerd::services::mounts::v1;

ActivationInfo InfoFromProto(const types::ActivationInfo& proto) {
  ActivationInfo info{.name = proto.name(),
                      .active = {},
                      .system = FromProto(proto.system()),
                      .labels = rpc::FromProto(proto.labels())};
  for (const types::ActiveMount& active : proto.active()) {
    info.active.push_back({.mount = FromProto(active.mount()),
                           .mounted_at = active.has_mounted_at()
                                             ? std::optional(rpc::ToTime(active.mounted_at()))
                                             : std::nullopt,
                           .mount_point = active.mount_point(),
                           .mount_data = rpc::FromProto(active.data())});
  }
  return info;
}

void InfoToProto(const ActivationInfo& info, types::ActivationInfo* proto) {
  proto->set_name(info.name);
  for (const ActiveMount& active : info.active) {
    types::ActiveMount* to = proto->add_active();
    *to->mutable_mount() = ToProto(active.mount);
    if (active.mounted_at.has_value()) *to->mutable_mounted_at() = rpc::ToProto(*active.mounted_at);
    to->set_mount_point(active.mount_point);
    rpc::ToProto(active.mount_data, to->mutable_data());
  }
  ToProto(info.system, proto->mutable_system());
  rpc::ToProto(info.labels, proto->mutable_labels());
}

class ProxyMounts final : public Manager {
 public:
  template <typename ConnectionOrStub>
  explicit ProxyMounts(std::shared_ptr<ConnectionOrStub> to) : stubs_(std::move(to)) {}

  absl::StatusOr<ActivationInfo> Activate(const Context& ctx, std::string_view name,
                                          const std::vector<Mount>& mounts,
                                          const std::vector<ActivateOpt>& opts) override {
    ActivateOptions options;
    if (absl::Status s = base::Apply(opts, options); !s.ok()) return s;
    pb::ActivateRequest request;
    request.set_name(std::string(name));
    ToProto(mounts, request.mutable_mounts());
    rpc::ToProto(options.labels, request.mutable_labels());
    request.set_temporary(options.temporary);
    pb::ActivateResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::Activate, request, &response); !s.ok()) {
      return rpc::Describe(s, "activate mounts", name);
    }
    return InfoFromProto(response.info());
  }

  absl::Status Deactivate(const Context& ctx, std::string_view name) override {
    pb::DeactivateRequest request;
    request.set_name(std::string(name));
    google::protobuf::Empty response;
    return rpc::Describe(rpc::Call(ctx, stubs_, &Stub::Deactivate, request, &response),
                         "deactivate mounts", name);
  }

  absl::StatusOr<ActivationInfo> Info(const Context& ctx, std::string_view name) override {
    pb::InfoRequest request;
    request.set_name(std::string(name));
    pb::InfoResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::Info, request, &response); !s.ok()) {
      return rpc::Describe(s, "get mounts", name);
    }
    return InfoFromProto(response.info());
  }

  absl::StatusOr<ActivationInfo> Update(const Context& ctx, const ActivationInfo& info,
                                        const std::vector<std::string>& fieldpaths) override {
    pb::UpdateRequest request;
    InfoToProto(info, request.mutable_info());
    for (const std::string& path : fieldpaths) request.mutable_update_mask()->add_paths(path);
    pb::UpdateResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::Update, request, &response); !s.ok()) {
      return rpc::Describe(s, "update mounts", info.name);
    }
    return InfoFromProto(response.info());
  }

  absl::StatusOr<std::vector<ActivationInfo>> List(
      const Context& ctx, const std::vector<std::string>& filters) override {
    pb::ListRequest request;
    request.mutable_filters()->Assign(filters.begin(), filters.end());
    std::vector<ActivationInfo> infos;
    absl::Status s = rpc::CallServerStream<pb::Mounts, pb::ListRequest, pb::ListMessage>(
        ctx, stubs_, &Stub::List, request, [&](pb::ListMessage& message) {
          infos.push_back(InfoFromProto(message.info()));
          return absl::OkStatus();
        });
    if (!s.ok()) return errdefs::Annotate(s, "list mounts");
    return infos;
  }

 private:
  using Stub = pb::Mounts::StubInterface;

  const rpc::Stubs<pb::Mounts> stubs_;
};

}  // namespace

constinit const option::Plain<ActivateOpt> WithTemporary([](ActivateOptions& options) {
  options.temporary = true;
});

ActivateOpt WithLabels(Labels labels) {
  return [labels = std::move(labels)](ActivateOptions& options) { options.labels = labels; };
}

ActivateOpt WithAllowMountType(std::string mount_type) {
  return [mount_type = std::move(mount_type)](ActivateOptions& options) {
    options.allow_mount_types.push_back(mount_type);
  };
}

std::shared_ptr<Manager> NewMountManager(std::shared_ptr<rpc::Connection> conn) {
  return std::make_shared<ProxyMounts>(std::move(conn));
}

std::shared_ptr<Manager> NewMountManager(std::shared_ptr<pb::Mounts::StubInterface> stub) {
  return std::make_shared<ProxyMounts>(std::move(stub));
}

}  // namespace containerd::mount
