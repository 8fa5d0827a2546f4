// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include <google/protobuf/empty.pb.h>

#include "containerd/content/content.h"
#include "containerd/services/content/v1/content.grpc.pb.h"

#include "remote_reader.h"
#include "remote_writer.h"
#include "src/base/options.h"
#include "src/errdefs/internal/guard.h"
#include "src/rpc/internal/call.h"
#include "src/rpc/internal/describe.h"
#include "src/rpc/internal/proto_time.h"
#include "wire.h"

namespace containerd::content {
namespace {

namespace pb = ::containerd::services::content::v1;

using Stub = pb::Content::StubInterface;

Info FromProto(const pb::Info& info) {
  return Info{
      .digest = info.digest(),
      .size = info.size(),
      .created_at = rpc::TimeOf(info, &pb::Info::has_created_at, &pb::Info::created_at),
      .updated_at = rpc::TimeOf(info, &pb::Info::has_updated_at, &pb::Info::updated_at),
      .labels = Labels(info.labels().begin(), info.labels().end()),
  };
}

Status FromProto(const pb::Status& status) {
  return Status{
      .ref = status.ref(),
      .offset = status.offset(),
      .total = status.total(),
      .expected = status.expected(),
      .started_at = rpc::TimeOf(status, &pb::Status::has_started_at, &pb::Status::started_at),
      .updated_at = rpc::TimeOf(status, &pb::Status::has_updated_at, &pb::Status::updated_at),
  };
}

class ProxyStore final : public Store {
 public:
  explicit ProxyStore(std::shared_ptr<rpc::Connection> conn)
      : stubs_(conn), blobs_(std::make_shared<const rpc::Stubs<BlobCalls>>(std::move(conn))) {}

  absl::StatusOr<content::Info> Info(const Context& ctx, const digest::Digest& dgst) override {
    pb::InfoRequest request;
    request.set_digest(dgst.String());
    pb::InfoResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::Info, request, &response); !s.ok()) {
      return rpc::Describe(s, "content", dgst.String());
    }
    return FromProto(response.info());
  }

  absl::StatusOr<content::Info> Update(const Context& ctx, const content::Info& info,
                                       const std::vector<std::string>& fieldpaths) override {
    pb::UpdateRequest request;
    pb::Info& proto = *request.mutable_info();
    proto.set_digest(info.digest);
    proto.set_size(info.size);
    rpc::SetTime(info.created_at, &proto, &pb::Info::mutable_created_at);
    rpc::SetTime(info.updated_at, &proto, &pb::Info::mutable_updated_at);
    proto.mutable_labels()->insert(info.labels.begin(), info.labels.end());
    request.mutable_update_mask();
    for (const std::string& path : fieldpaths) request.mutable_update_mask()->add_paths(path);
    pb::UpdateResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::Update, request, &response); !s.ok()) {
      return rpc::Describe(s, "updating content", info.digest);
    }
    return FromProto(response.info());
  }

  absl::Status Walk(const Context& ctx, const WalkFunc& fn,
                    const std::vector<std::string>& filters) override {
    pb::ListContentRequest request;
    request.mutable_filters()->Assign(filters.begin(), filters.end());
    const std::function<absl::Status(pb::ListContentResponse&)> each =
        [&fn](pb::ListContentResponse& response) {
          for (const pb::Info& info : response.info()) {
            absl::Status s = errdefs::Guard("a walk's function", fn, FromProto(info));
            if (!s.ok()) return s;
          }
          return absl::OkStatus();
        };
    return rpc::CallServerStream(ctx, stubs_, &Stub::List, request, each);
  }

  absl::Status Delete(const Context& ctx, const digest::Digest& dgst) override {
    pb::DeleteContentRequest request;
    request.set_digest(dgst.String());
    google::protobuf::Empty response;
    return rpc::Describe(rpc::Call(ctx, stubs_, &Stub::Delete, request, &response),
                         "deleting content", dgst.String());
  }

  absl::StatusOr<std::unique_ptr<content::ReaderAt>> ReaderAt(
      const Context& ctx, const ocispec::Descriptor& desc) override {
    absl::StatusOr<content::Info> info = Info(ctx, desc.digest);
    if (!info.ok()) return info.status();
    return NewRemoteReaderAt(ctx, blobs_, desc.digest, info->size);
  }

  absl::StatusOr<content::Status> Status(const Context& ctx, std::string_view ref) override {
    pb::StatusRequest request;
    request.set_ref(std::string(ref));
    pb::StatusResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::Status, request, &response); !s.ok()) {
      return rpc::Describe(s, "ingestion", ref);
    }
    return FromProto(response.status());
  }

  absl::StatusOr<std::vector<content::Status>> ListStatuses(
      const Context& ctx, const std::vector<std::string>& filters) override {
    pb::ListStatusesRequest request;
    request.mutable_filters()->Assign(filters.begin(), filters.end());
    pb::ListStatusesResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::ListStatuses, request, &response); !s.ok()) {
      return s;
    }
    std::vector<content::Status> statuses;
    statuses.reserve(static_cast<std::size_t>(response.statuses_size()));
    for (const pb::Status& status : response.statuses()) statuses.push_back(FromProto(status));
    return statuses;
  }

  absl::Status Abort(const Context& ctx, std::string_view ref) override {
    pb::AbortRequest request;
    request.set_ref(std::string(ref));
    google::protobuf::Empty response;
    return rpc::Describe(rpc::Call(ctx, stubs_, &Stub::Abort, request, &response),
                         "aborting ingestion", ref);
  }

  absl::StatusOr<std::unique_ptr<content::Writer>> Writer(
      const Context& ctx, const std::vector<WriterOpt>& opts) override {
    WriterOpts writer_opts;
    if (absl::Status s = base::Apply(opts, writer_opts); !s.ok()) return s;
    auto writer = std::make_unique<RemoteWriter>(ctx, blobs_, std::move(writer_opts));
    if (absl::Status s = writer->Open(); !s.ok()) return s;
    return writer;
  }

 private:
  const rpc::Stubs<pb::Content> stubs_;
  const std::shared_ptr<const rpc::Stubs<BlobCalls>> blobs_;  // of what is read and written
};

}  // namespace

std::shared_ptr<Store> NewContentStore(std::shared_ptr<rpc::Connection> conn) {
  return std::make_shared<ProxyStore>(std::move(conn));
}

}  // namespace containerd::content
