// SPDX-License-Identifier: Apache-2.0
#include "containerd/diff/diff.h"
#include "containerd/services/diff/v1/diff.grpc.pb.h"
#include "containerd/typeurl/proto.h"

#include "src/base/options.h"
#include "src/diff/internal/report.h"
#include "src/mount/internal/proto.h"
#include "src/rpc/internal/call.h"
#include "src/rpc/internal/describe.h"
#include "src/rpc/internal/proto_descriptor.h"
#include "src/rpc/internal/proto_time.h"

namespace containerd::diff {
namespace {

namespace pb = ::containerd::services::diff::v1;

class DiffRemote final : public DiffService {
 public:
  template <typename ConnectionOrStub>
  explicit DiffRemote(std::shared_ptr<ConnectionOrStub> to) : stubs_(std::move(to)) {}

  absl::StatusOr<ocispec::Descriptor> Apply(const Context& ctx, const ocispec::Descriptor& desc,
                                            const std::vector<mount::Mount>& mounts,
                                            const std::vector<ApplyOpt>& opts) override {
    ApplyConfig config;
    if (absl::Status s = base::Apply(opts, ctx, desc, config); !s.ok()) return s;
    pb::ApplyRequest request;
    *request.mutable_diff() = rpc::ToProto(desc);
    mount::ToProto(mounts, request.mutable_mounts());
    for (const auto& [id, payload] : config.processor_payloads) {
      (*request.mutable_payloads())[id] = typeurl::ToProto(payload);
    }
    request.set_sync_fs(config.sync_fs);
    if (absl::Status s = diff::Report(config, 0); !s.ok()) return s;
    pb::ApplyResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::Apply, request, &response); !s.ok()) {
      return rpc::Describe(s, "apply layer", desc.digest);
    }
    if (absl::Status s = diff::Report(config, desc.size); !s.ok()) return s;
    return rpc::FromProto(response.applied());
  }

  absl::StatusOr<ocispec::Descriptor> Compare(const Context& ctx,
                                              const std::vector<mount::Mount>& lower,
                                              const std::vector<mount::Mount>& upper,
                                              const std::vector<Opt>& opts) override {
    Config config;
    if (absl::Status s = base::Apply(opts, config); !s.ok()) return s;
    if (!config.source_date_epoch) config.source_date_epoch = ctx.SourceDateEpoch();
    pb::DiffRequest request;
    mount::ToProto(lower, request.mutable_left());
    mount::ToProto(upper, request.mutable_right());
    request.set_media_type(config.media_type);
    request.set_ref(config.reference);
    rpc::ToProto(config.labels, request.mutable_labels());
    if (config.source_date_epoch) {
      *request.mutable_source_date_epoch() = rpc::ToProto(*config.source_date_epoch);
    }
    pb::DiffResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::Diff, request, &response); !s.ok()) {
      return errdefs::Annotate(s, "compare mounts");
    }
    return rpc::FromProto(response.diff());
  }

 private:
  using Stub = pb::Diff::StubInterface;

  const rpc::Stubs<pb::Diff> stubs_;
};

}  // namespace

std::shared_ptr<DiffService> NewDiffService(std::shared_ptr<rpc::Connection> conn) {
  return std::make_shared<DiffRemote>(std::move(conn));
}

std::shared_ptr<DiffService> NewDiffService(std::shared_ptr<pb::Diff::StubInterface> stub) {
  return std::make_shared<DiffRemote>(std::move(stub));
}

}  // namespace containerd::diff
