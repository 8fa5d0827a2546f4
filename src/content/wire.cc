// SPDX-License-Identifier: Apache-2.0
#include "wire.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <utility>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/impl/rpc_method.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include "src/rpc/internal/call.h"

namespace containerd::content {
namespace {

namespace pb = ::containerd::services::content::v1;

using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;
using WireFormat = google::protobuf::internal::WireFormatLite;

constexpr char kRead[] = "/containerd.services.content.v1.Content/Read";
constexpr char kWrite[] = "/containerd.services.content.v1.Content/Write";

// Where the bytes of a message's `data` are.
struct Place {
  std::size_t begin = 0;
  std::size_t size = 0;
};

// Reads the fields. As with protobuf, the last of several `data` is the one, and fields that are
// not known are skipped.
bool Parse(CodedInputStream& input, std::int64_t* offset, Place* data) {
  constexpr std::uint32_t kOffset =
      WireFormat::MakeTag(pb::ReadContentResponse::kOffsetFieldNumber, WireFormat::WIRETYPE_VARINT);
  constexpr std::uint32_t kData = WireFormat::MakeTag(pb::ReadContentResponse::kDataFieldNumber,
                                                      WireFormat::WIRETYPE_LENGTH_DELIMITED);
  while (const std::uint32_t tag = input.ReadTag()) {
    if (tag == kOffset) {
      std::uint64_t value = 0;
      if (!input.ReadVarint64(&value)) return false;
      *offset = static_cast<std::int64_t>(value);
    } else if (tag == kData) {
      int size = 0;
      if (!input.ReadVarintSizeAsInt(&size)) return false;
      *data = {static_cast<std::size_t>(input.CurrentPosition()), static_cast<std::size_t>(size)};
      if (!input.Skip(size)) return false;
    } else if (!WireFormat::SkipField(&input, tag)) {
      return false;
    }
  }
  return input.ConsumedEntireMessage();
}

// The part of `slices` at that place.
std::vector<grpc::Slice> Cut(std::vector<grpc::Slice> slices, Place place) {
  std::vector<grpc::Slice> cut;
  if (place.size == 0) return cut;
  cut.reserve(slices.size());
  for (grpc::Slice& slice : slices) {
    const std::size_t size = slice.size();
    if (place.begin >= size) {
      place.begin -= size;
      continue;
    }
    const std::size_t n = std::min(size - place.begin, place.size);
    cut.push_back(n == size ? std::move(slice) : slice.sub(place.begin, place.begin + n));
    place.begin = 0;
    place.size -= n;
    if (place.size == 0) break;
  }
  return cut;
}

class BlobStub final : public BlobCalls::StubInterface {
 public:
  explicit BlobStub(const std::shared_ptr<grpc::Channel>& channel)
      : channel_(channel),
        read_(kRead, nullptr, grpc::internal::RpcMethod::SERVER_STREAMING, channel) {}

  std::unique_ptr<grpc::ClientReaderInterface<ReadResponse>> Read(
      grpc::ClientContext* ctx, const pb::ReadContentRequest& request) override {
    return std::unique_ptr<grpc::ClientReaderInterface<ReadResponse>>(
        grpc::internal::ClientReaderFactory<ReadResponse>::Create(channel_.get(), read_, ctx,
                                                                  request));
  }

 private:
  const std::shared_ptr<grpc::Channel> channel_;
  const grpc::internal::RpcMethod read_;
};

}  // namespace

absl::Status CheckText(const WriteRequest& request) { return rpc::CheckText(request.head); }

std::int64_t WireSize(const WriteRequest& request) {
  return rpc::WireSize(request.head) + static_cast<std::int64_t>(request.data.size());
}

std::int64_t WireSize(const ReadResponse& response) {
  std::size_t size = 0;
  for (const grpc::Slice& slice : response.data) size += slice.size();
  return static_cast<std::int64_t>(size);
}

std::string_view BlobCalls::MethodName(tracing::CallKind kind) {
  return kind == tracing::CallKind::kBidiStream ? kWrite : kRead;
}

std::unique_ptr<BlobCalls::StubInterface> BlobCalls::NewStub(
    const std::shared_ptr<grpc::Channel>& channel) {
  return std::make_unique<BlobStub>(channel);
}

}  // namespace containerd::content

namespace grpc {

// The fields of a message may come in any order.
Status SerializationTraits<containerd::content::WriteRequest>::Serialize(
    const containerd::content::WriteRequest& request, ByteBuffer* buffer, bool* own_buffer) {
  using containerd::content::CodedOutputStream;
  using containerd::content::WireFormat;
  using containerd::content::pb::WriteContentRequest;
  // A tag below 16 is one byte, a size at most five.
  constexpr std::size_t kTag = 6;
  const std::size_t head = request.head.ByteSizeLong();
  const std::size_t size = request.data.size();
  if (size > std::numeric_limits<std::int32_t>::max() || head > std::numeric_limits<int>::max()) {
    return {StatusCode::INTERNAL, "a message of more than 2 GiB"};
  }
  std::string start(head + (size > 0 ? kTag : 0), '\0');
  auto* const begin = reinterpret_cast<std::uint8_t*>(start.data());
  std::uint8_t* end = request.head.SerializeWithCachedSizesToArray(begin);
  if (size > 0) {
    end = WireFormat::WriteTagToArray(WriteContentRequest::kDataFieldNumber,
                                      WireFormat::WIRETYPE_LENGTH_DELIMITED, end);
    end = CodedOutputStream::WriteVarint32ToArray(static_cast<std::uint32_t>(size), end);
  }
  const std::array<Slice, 2> slices = {Slice(begin, static_cast<std::size_t>(end - begin)),
                                       request.data};
  *buffer = ByteBuffer(slices.data(), size > 0 ? 2 : 1);
  *own_buffer = true;
  return Status::OK;
}

Status SerializationTraits<containerd::content::ReadResponse>::Deserialize(
    ByteBuffer* buffer, containerd::content::ReadResponse* response) {
  *response = {};
  containerd::content::Place place;
  std::vector<Slice> slices;
  Status status = Status::OK;
  {
    ProtoBufferReader reader(buffer);
    status = reader.status();
    containerd::content::CodedInputStream input(&reader);
    if (status.ok() && !containerd::content::Parse(input, &response->offset, &place)) {
      status = Status(StatusCode::INTERNAL, "a broken message of Content.Read");
    }
  }
  if (status.ok()) status = buffer->Dump(&slices);
  buffer->Clear();
  if (status.ok()) response->data = containerd::content::Cut(std::move(slices), place);
  return status;
}

}  // namespace grpc
