// SPDX-License-Identifier: Apache-2.0
#include "src/rpc/internal/method.h"

#include <utility>
#include <vector>

#include <absl/functional/function_ref.h>
#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message_lite.h>

namespace containerd::rpc {

namespace {

// Calls `found` with the path of each method of that kind with these messages, until it returns
// false.
void ForEachMethod(std::string_view service, tracing::CallKind kind,
                   const google::protobuf::Descriptor* request,
                   const google::protobuf::Descriptor* response,
                   absl::FunctionRef<bool(std::string path)> found) {
  const google::protobuf::ServiceDescriptor* descriptor =
      google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(std::string(service));
  for (int i = 0; descriptor != nullptr && i < descriptor->method_count(); ++i) {
    const google::protobuf::MethodDescriptor& method = *descriptor->method(i);
    if (method.server_streaming() == (kind != tracing::CallKind::kUnary) &&
        method.client_streaming() == (kind == tracing::CallKind::kBidiStream) &&
        method.input_type() == request && method.output_type() == response &&
        !found(fmt::format("/{}/{}", service, method.name()))) {
      return;
    }
  }
}

}  // namespace

std::string FindMethod(std::string_view service, tracing::CallKind kind,
                       const google::protobuf::Descriptor* request,
                       const google::protobuf::Descriptor* response) {
  std::string first = fmt::format("/{}/", service);
  ForEachMethod(service, kind, request, response, [&first](std::string path) {
    first = std::move(path);
    return false;
  });
  return first;
}

std::string UnaryPath(std::string_view service, const google::protobuf::Descriptor* request,
                      const google::protobuf::Descriptor* response) {
  std::vector<std::string> paths;
  ForEachMethod(service, tracing::CallKind::kUnary, request, response, [&paths](std::string path) {
    paths.push_back(std::move(path));
    return true;
  });
  return paths.size() == 1 ? paths.front() : "";
}

std::int64_t WireSize(const google::protobuf::MessageLite& message) {
  return static_cast<std::int64_t>(message.ByteSizeLong());
}

}  // namespace containerd::rpc
