// SPDX-License-Identifier: Apache-2.0
//
// The two messages that carry a blob's bytes, Read's answer and Write's request, with the bytes in
// slices of gRPC's: nobody copies them between the socket and the reader, or the writer and the
// socket. Generated messages would keep them in a string of their own. On the wire both are the
// same.
#ifndef CONTAINERD_SRC_CONTENT_WIRE_H_
#define CONTAINERD_SRC_CONTENT_WIRE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <grpcpp/channel.h>
#include <grpcpp/impl/serialization_traits.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>
#include <grpcpp/support/sync_stream.h>

#include "containerd/services/content/v1/content.pb.h"
#include "containerd/tracing/call_observer.h"

namespace containerd::content {

// A WriteContentRequest.
struct WriteRequest {
  services::content::v1::WriteContentRequest head;  // all but `data`
  grpc::Slice data;
};

// A ReadContentResponse.
struct ReadResponse {
  std::int64_t offset = 0;
  std::vector<grpc::Slice> data;  // one after the other, none of them empty
};

// As rpc::CheckText, which streams ask of their messages.
absl::Status CheckText(const WriteRequest& request);

// As rpc::WireSize, for observers: exact for the data, and without the few bytes that say so.
std::int64_t WireSize(const WriteRequest& request);
std::int64_t WireSize(const ReadResponse& response);

// The calls with these messages, in the shape of the service that is generated, so that rpc::Stubs
// and what stands on it take it for one.
class BlobCalls {
 public:
  using WriteResponse = services::content::v1::WriteContentResponse;
  using ReadRequest = services::content::v1::ReadContentRequest;

  class StubInterface {
   public:
    virtual ~StubInterface() = default;
    virtual std::unique_ptr<grpc::ClientReaderInterface<ReadResponse>> Read(
        grpc::ClientContext* ctx, const ReadRequest& request) = 0;
  };

  static std::unique_ptr<StubInterface> NewStub(const std::shared_ptr<grpc::Channel>& channel);

  // As rpc::MethodName.
  static std::string_view MethodName(tracing::CallKind kind);
};

}  // namespace containerd::content

template <>
class grpc::SerializationTraits<containerd::content::WriteRequest> {
 public:
  static Status Serialize(const containerd::content::WriteRequest& request, ByteBuffer* buffer,
                          bool* own_buffer);
};

template <>
class grpc::SerializationTraits<containerd::content::ReadResponse> {
 public:
  // Takes slices of `buffer`, which is empty afterwards.
  static Status Deserialize(ByteBuffer* buffer, containerd::content::ReadResponse* response);
};

#endif  // CONTAINERD_SRC_CONTENT_WIRE_H_
