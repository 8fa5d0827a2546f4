// SPDX-License-Identifier: Apache-2.0
//
// Content and diff.
#include "containerd/content/content.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "containerd/compression/compression.h"
#include "containerd/content/helpers.h"
#include "containerd/digest/digest.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/events/content.pb.h"
#include "containerd/io/io.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/services/content/v1/content.pb.h"
#include "containerd/services/diff/v1/diff.pb.h"
#include "containerd/testing/image_builder.h"

#include "services.h"
#include "src/rpc/internal/proto_descriptor.h"
#include "src/rpc/internal/proto_time.h"

namespace containerd::testing::fake {
namespace {

namespace pb_content = ::containerd::services::content::v1;
namespace pb_diff = ::containerd::services::diff::v1;
using google::protobuf::Empty;

constexpr std::int64_t kChunk = 1 << 20;
constexpr std::size_t kMaxLayer = std::size_t{1} << 30;

pb_content::Info ToProto(const content::Info& info) {
  pb_content::Info proto;
  proto.set_digest(info.digest);
  proto.set_size(info.size);
  rpc::SetTime(info.created_at, &proto, &pb_content::Info::mutable_created_at);
  rpc::SetTime(info.updated_at, &proto, &pb_content::Info::mutable_updated_at);
  rpc::ToProto(info.labels, proto.mutable_labels());
  return proto;
}

pb_content::Status ToProto(const content::Status& status) {
  pb_content::Status proto;
  rpc::SetTime(status.started_at, &proto, &pb_content::Status::mutable_started_at);
  rpc::SetTime(status.updated_at, &proto, &pb_content::Status::mutable_updated_at);
  proto.set_ref(status.ref);
  proto.set_offset(status.offset);
  proto.set_total(status.total);
  proto.set_expected(status.expected);
  return proto;
}

absl::Status Read(const Context& ctx, content::Store& store,
                  const pb_content::ReadContentRequest& request, Stream& stream) {
  auto reader = store.ReaderAt(ctx, {.digest = request.digest()});
  if (!reader.ok()) return reader.status();
  const std::int64_t size = (*reader)->Size();
  if (request.offset() < 0 || request.offset() > size) {
    return errdefs::OutOfRange(
        fmt::format("read past object length {}: offset {}", size, request.offset()));
  }
  const std::int64_t asked = request.size() <= 0 ? size - request.offset() : request.size();
  if (asked > size - request.offset()) {
    return errdefs::OutOfRange(fmt::format("read past object length {}: {} bytes at offset {}",
                                           size, asked, request.offset()));
  }
  for (std::int64_t done = 0; done < asked;) {
    pb_content::ReadContentResponse response;
    response.set_offset(request.offset() + done);
    std::string& data = *response.mutable_data();
    data.resize(static_cast<std::size_t>(std::min(kChunk, asked - done)));
    absl::StatusOr<std::size_t> n = (*reader)->ReadAt(ctx, data, response.offset());
    if (!n.ok()) return n.status();
    data.resize(*n);
    done += static_cast<std::int64_t>(*n);
    stream.Send(Pack(response));
  }
  return absl::OkStatus();
}

// One call of Write, which has a writer once it has said of what.
class Writing {
 public:
  Writing(content::Store& store, Exchange& exchange, StreamPtr stream)
      : store_(store), exchange_(exchange), stream_(std::move(stream)) {}

  void Take(grpc::ByteBuffer* message) {
    if (message == nullptr) {
      writer_ = nullptr;  // so that the next one can go on with it
      return stream_->Finish(absl::OkStatus());
    }
    absl::StatusOr<pb_content::WriteContentRequest> request =
        Unpack<pb_content::WriteContentRequest>(message);
    const absl::Status s = request.ok() ? Serve(*request) : request.status();
    if (s.ok()) return;
    writer_ = nullptr;
    stream_->Finish(s);
  }

 private:
  absl::Status Open(const pb_content::WriteContentRequest& request) {
    total_ = request.total();
    expected_ = request.expected();
    auto writer = store_.Writer(stream_->ctx(),
                                {content::WithRef(request.ref()),
                                 content::WithDescriptor({.digest = expected_, .size = total_})});
    if (!writer.ok()) return writer.status();
    writer_ = *std::move(writer);
    return absl::OkStatus();
  }

  absl::Status Serve(const pb_content::WriteContentRequest& request) {
    const Context& ctx = stream_->ctx();
    if (writer_ == nullptr) {
      if (absl::Status s = Open(request); !s.ok()) return s;
    }
    if (request.total() > 0) total_ = request.total();
    if (!request.expected().empty()) expected_ = request.expected();
    absl::StatusOr<content::Status> status = writer_->Status(ctx);
    if (!status.ok()) return status.status();
    pb_content::WriteContentResponse response;
    response.set_action(request.action());
    response.set_offset(status->offset);
    if (request.action() == pb_content::STAT) {
      rpc::SetTime(status->started_at, &response,
                   &pb_content::WriteContentResponse::mutable_started_at);
      rpc::SetTime(status->updated_at, &response,
                   &pb_content::WriteContentResponse::mutable_updated_at);
      response.set_total(total_);
    } else {
      if (request.offset() > 0 && request.offset() != status->offset) {
        return errdefs::OutOfRange(fmt::format("write @{} must occur at current offset {}",
                                               request.offset(), status->offset));
      }
      if (request.offset() == 0 && status->offset > 0) {
        if (absl::Status s = writer_->Truncate(ctx, 0); !s.ok()) return s;
        response.set_offset(0);
      }
      if (!request.data().empty()) {
        if (absl::Status s = writer_->Write(ctx, request.data()); !s.ok()) return s;
        response.set_offset(response.offset() + static_cast<std::int64_t>(request.data().size()));
      }
      if (request.action() == pb_content::COMMIT) {
        absl::Status s = writer_->Commit(ctx, total_, digest::Digest(expected_),
                                         {content::WithLabels(rpc::FromProto(request.labels()))});
        if (!s.ok()) return s;
        events::ContentCreate event;
        event.set_digest(writer_->Digest().String());
        event.set_size(response.offset());
        exchange_.Tell(ctx, "/content/create", event);
      }
    }
    response.set_digest(writer_->Digest().String());
    stream_->Send(Pack(response));
    return absl::OkStatus();
  }

  content::Store& store_;
  Exchange& exchange_;
  const StreamPtr stream_;
  std::unique_ptr<content::Writer> writer_;
  std::int64_t total_ = 0;
  std::string expected_;
};

// What the layer is without its compression.
absl::StatusOr<ocispec::Descriptor> Apply(const Context& ctx, content::Store& store,
                                          const ocispec::Descriptor& layer) {
  auto reader = store.ReaderAt(ctx, layer);
  if (!reader.ok()) return reader.status();
  auto compressed = content::NewReader(*std::move(reader));
  auto plain = compression::DecompressStream(ctx, *compressed);
  if (!plain.ok()) return plain.status();
  absl::StatusOr<std::string> data = io::ReadAll(ctx, **plain, kMaxLayer);
  if (!data.ok()) return data.status();
  return Describe(ocispec::kMediaTypeImageLayer, *data);
}

}  // namespace

void ServeContent(Server& server, const MemoryStores& stores, Exchange& exchange) {
  content::Store& store = *stores.content;
  const std::string at = "/containerd.services.content.v1.Content/";
  server.Unary<pb_content::InfoRequest, pb_content::InfoResponse>(
      at + "Info",
      [&store](const Context& ctx, const auto& request, auto& response) -> absl::Status {
        auto info = store.Info(ctx, digest::Digest(request.digest()));
        if (info.ok()) *response.mutable_info() = ToProto(*info);
        return info.status();
      });
  server.Unary<pb_content::UpdateRequest, pb_content::UpdateResponse>(
      at + "Update",
      [&store](const Context& ctx, const auto& request, auto& response) -> absl::Status {
        const auto& paths = request.update_mask().paths();
        auto info = store.Update(
            ctx,
            {.digest = request.info().digest(), .labels = rpc::FromProto(request.info().labels())},
            {paths.begin(), paths.end()});
        if (info.ok()) *response.mutable_info() = ToProto(*info);
        return info.status();
      });
  server.Streaming<pb_content::ListContentRequest>(
      at + "List",
      [&store](const Context& ctx, const auto& request,
               const StreamPtr& stream) -> std::optional<absl::Status> {
        return store.Walk(ctx,
                          [&stream](const content::Info& info) {
                            pb_content::ListContentResponse response;
                            *response.add_info() = ToProto(info);
                            stream->Send(Pack(response));
                            return absl::OkStatus();
                          },
                          {request.filters().begin(), request.filters().end()});
      });
  server.Unary<pb_content::DeleteContentRequest, Empty>(
      at + "Delete", [&store](const Context& ctx, const auto& request, Empty&) {
        return store.Delete(ctx, digest::Digest(request.digest()));
      });
  server.Streaming<pb_content::ReadContentRequest>(
      at + "Read",
      [&store](const Context& ctx, const auto& request, const StreamPtr& stream)
          -> std::optional<absl::Status> { return Read(ctx, store, request, *stream); });
  server.Unary<pb_content::StatusRequest, pb_content::StatusResponse>(
      at + "Status",
      [&store](const Context& ctx, const auto& request, auto& response) -> absl::Status {
        auto status = store.Status(ctx, request.ref());
        if (status.ok()) *response.mutable_status() = ToProto(*status);
        return status.status();
      });
  server.Unary<pb_content::ListStatusesRequest, pb_content::ListStatusesResponse>(
      at + "ListStatuses",
      [&store](const Context& ctx, const auto& request, auto& response) -> absl::Status {
        auto all = store.ListStatuses(ctx, {request.filters().begin(), request.filters().end()});
        if (!all.ok()) return all.status();
        for (const content::Status& status : *all) *response.add_statuses() = ToProto(status);
        return absl::OkStatus();
      });
  server.Unary<pb_content::AbortRequest, Empty>(
      at + "Abort", [&store](const Context& ctx, const auto& request, Empty&) {
        return store.Abort(ctx, request.ref());
      });
  server.Handle(at + "Write", [&store, &exchange](const StreamPtr& stream) -> Server::OnMessage {
    const auto writing = std::make_shared<Writing>(store, exchange, stream);
    return [writing](grpc::ByteBuffer* message) { writing->Take(message); };
  });
  server.Unary<pb_diff::ApplyRequest, pb_diff::ApplyResponse>(
      "/containerd.services.diff.v1.Diff/Apply",
      [&store](const Context& ctx, const auto& request, auto& response) -> absl::Status {
        auto applied = Apply(ctx, store, rpc::FromProto(request.diff()));
        if (applied.ok()) *response.mutable_applied() = rpc::ToProto(*applied);
        return applied.status();
      });
}

}  // namespace containerd::testing::fake
