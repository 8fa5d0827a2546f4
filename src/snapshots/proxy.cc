// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "containerd/services/snapshots/v1/snapshots.grpc.pb.h"
#include "containerd/snapshots/snapshots.h"

#include "src/base/options.h"
#include "src/errdefs/internal/guard.h"
#include "src/mount/internal/proto.h"
#include "src/rpc/internal/call.h"
#include "src/rpc/internal/describe.h"
#include "src/snapshots/internal/proto.h"

namespace containerd::snapshots {
namespace {

namespace pb = ::containerd::services::snapshots::v1;

absl::StatusOr<Info> Apply(const std::vector<Opt>& opts) {
  Info info;
  if (absl::Status s = base::Apply(opts, info); !s.ok()) return s;
  return info;
}

class ProxySnapshotter final : public Snapshotter, public Cleaner {
 public:
  template <typename ConnectionOrStub>
  ProxySnapshotter(std::shared_ptr<ConnectionOrStub> to, std::string name)
      : stubs_(std::move(to)), name_(std::move(name)) {}

  absl::StatusOr<Info> Stat(const Context& ctx, std::string_view key) override {
    auto request = Request<pb::StatSnapshotRequest>(key);
    pb::StatSnapshotResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::Stat, request, &response); !s.ok()) {
      return rpc::Describe(s, "stat snapshot", key);
    }
    return FromProto(response.info());
  }

  absl::StatusOr<Info> Update(const Context& ctx, const Info& info,
                              const std::vector<std::string>& fieldpaths) override {
    pb::UpdateSnapshotRequest request;
    request.set_snapshotter(name_);
    *request.mutable_info() = ToProto(info);
    request.mutable_update_mask()->mutable_paths()->Assign(fieldpaths.begin(), fieldpaths.end());
    pb::UpdateSnapshotResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::Update, request, &response); !s.ok()) {
      return rpc::Describe(s, "update snapshot", info.name);
    }
    return FromProto(response.info());
  }

  absl::StatusOr<snapshots::Usage> Usage(const Context& ctx, std::string_view key) override {
    auto request = Request<pb::UsageRequest>(key);
    pb::UsageResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::Usage, request, &response); !s.ok()) {
      return rpc::Describe(s, "usage of snapshot", key);
    }
    return snapshots::Usage{.inodes = response.inodes(), .size = response.size()};
  }

  absl::StatusOr<std::vector<mount::Mount>> Mounts(const Context& ctx,
                                                   std::string_view key) override {
    auto request = Request<pb::MountsRequest>(key);
    pb::MountsResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::Mounts, request, &response); !s.ok()) {
      return rpc::Describe(s, "mounts of snapshot", key);
    }
    return mount::FromProto(response.mounts());
  }

  absl::StatusOr<std::vector<mount::Mount>> Prepare(const Context& ctx, std::string_view key,
                                                    std::string_view parent,
                                                    const std::vector<Opt>& opts) override {
    absl::StatusOr<Info> info = Apply(opts);
    if (!info.ok()) return info.status();
    auto request = Request<pb::PrepareSnapshotRequest>(key);
    request.set_parent(std::string(parent));
    rpc::ToProto(info->labels, request.mutable_labels());
    pb::PrepareSnapshotResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::Prepare, request, &response); !s.ok()) {
      return rpc::Describe(s, "prepare snapshot", key);
    }
    return mount::FromProto(response.mounts());
  }

  absl::StatusOr<std::vector<mount::Mount>> View(const Context& ctx, std::string_view key,
                                                 std::string_view parent,
                                                 const std::vector<Opt>& opts) override {
    absl::StatusOr<Info> info = Apply(opts);
    if (!info.ok()) return info.status();
    auto request = Request<pb::ViewSnapshotRequest>(key);
    request.set_parent(std::string(parent));
    rpc::ToProto(info->labels, request.mutable_labels());
    pb::ViewSnapshotResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::View, request, &response); !s.ok()) {
      return rpc::Describe(s, "view snapshot", key);
    }
    return mount::FromProto(response.mounts());
  }

  absl::Status Commit(const Context& ctx, std::string_view name, std::string_view key,
                      const std::vector<Opt>& opts) override {
    absl::StatusOr<Info> info = Apply(opts);
    if (!info.ok()) return info.status();
    auto request = Request<pb::CommitSnapshotRequest>(key);
    request.set_name(std::string(name));
    request.set_parent(info->parent);
    rpc::ToProto(info->labels, request.mutable_labels());
    google::protobuf::Empty response;
    return rpc::Describe(rpc::Call(ctx, stubs_, &Stub::Commit, request, &response),
                         "commit snapshot", key);
  }

  absl::Status Remove(const Context& ctx, std::string_view key) override {
    auto request = Request<pb::RemoveSnapshotRequest>(key);
    google::protobuf::Empty response;
    return rpc::Describe(rpc::Call(ctx, stubs_, &Stub::Remove, request, &response),
                         "remove snapshot", key);
  }

  absl::Status Walk(const Context& ctx, const WalkFunc& fn,
                    const std::vector<std::string>& filters) override {
    pb::ListSnapshotsRequest request;
    request.set_snapshotter(name_);
    request.mutable_filters()->Assign(filters.begin(), filters.end());
    absl::Status stopped;  // by `fn`, whose errors are not ours to describe
    absl::Status s =
        rpc::CallServerStream<pb::Snapshots, pb::ListSnapshotsRequest, pb::ListSnapshotsResponse>(
            ctx, stubs_, &Stub::List, request, [&](pb::ListSnapshotsResponse& response) {
              for (const auto& info : response.info()) {
                stopped = errdefs::Guard("a walk's function", fn, ctx, FromProto(info));
                if (!stopped.ok()) return stopped;
              }
              return absl::OkStatus();
            });
    if (!stopped.ok()) return stopped;
    return rpc::Describe(s, "walk snapshots of", name_);
  }

  absl::Status Close() override { return absl::OkStatus(); }

  absl::Status Cleanup(const Context& ctx) override {
    pb::CleanupRequest request;
    request.set_snapshotter(name_);
    google::protobuf::Empty response;
    return rpc::Describe(rpc::Call(ctx, stubs_, &Stub::Cleanup, request, &response),
                         "clean up snapshotter", name_);
  }

 private:
  using Stub = pb::Snapshots::StubInterface;

  template <typename T>
  T Request(std::string_view key) const {
    T request;
    request.set_snapshotter(name_);
    request.set_key(std::string(key));
    return request;
  }

  const rpc::Stubs<pb::Snapshots> stubs_;
  const std::string name_;
};

}  // namespace

std::shared_ptr<Snapshotter> NewSnapshotter(std::shared_ptr<rpc::Connection> conn,
                                            std::string name) {
  return std::make_shared<ProxySnapshotter>(std::move(conn), std::move(name));
}

std::shared_ptr<Snapshotter> NewSnapshotter(std::shared_ptr<pb::Snapshots::StubInterface> stub,
                                            std::string name) {
  return std::make_shared<ProxySnapshotter>(std::move(stub), std::move(name));
}

}  // namespace containerd::snapshots
