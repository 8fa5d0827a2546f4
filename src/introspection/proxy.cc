// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include <fmt/format.h>

#include "containerd/introspection/introspection.h"
#include "containerd/services/introspection/v1/introspection.grpc.pb.h"
#include "containerd/typeurl/proto.h"

#include "src/rpc/internal/call.h"
#include "src/rpc/internal/describe.h"
#include "src/rpc/internal/proto_descriptor.h"
#include "src/rpc/internal/proto_time.h"

namespace containerd::introspection {
namespace {

namespace pb = ::containerd::services::introspection::v1;

Plugin FromProto(const pb::Plugin& proto) {
  Plugin plugin{.type = proto.type(),
                .id = proto.id(),
                .requires_ = {proto.requires_().begin(), proto.requires_().end()},
                .exports = rpc::FromProto(proto.exports()),
                .capabilities = {proto.capabilities().begin(), proto.capabilities().end()}};
  for (const auto& platform : proto.platforms()) {
    plugin.platforms.push_back(rpc::FromProto(platform));
  }
  if (proto.has_init_err()) {
    plugin.init_err = errdefs::ToNative(proto.init_err().code(), proto.init_err().message());
  }
  return plugin;
}

class IntrospectionRemote final : public Service {
 public:
  template <typename ConnectionOrStub>
  explicit IntrospectionRemote(std::shared_ptr<ConnectionOrStub> to) : stubs_(std::move(to)) {}

  absl::StatusOr<std::vector<Plugin>> Plugins(const Context& ctx,
                                              const std::vector<std::string>& filters) override {
    pb::PluginsRequest request;
    request.mutable_filters()->Assign(filters.begin(), filters.end());
    pb::PluginsResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::Plugins, request, &response); !s.ok()) {
      return errdefs::Annotate(s, "list plugins");
    }
    std::vector<Plugin> plugins;
    plugins.reserve(static_cast<std::size_t>(response.plugins_size()));
    for (const auto& plugin : response.plugins()) plugins.push_back(FromProto(plugin));
    return plugins;
  }

  absl::StatusOr<ServerResponse> Server(const Context& ctx) override {
    pb::ServerResponse response;
    if (absl::Status s =
            rpc::Call(ctx, stubs_, &Stub::Server, google::protobuf::Empty(), &response);
        !s.ok()) {
      return errdefs::Annotate(s, "server information");
    }
    ServerResponse server{
        .uuid = response.uuid(), .pid = response.pid(), .pidns = response.pidns()};
    for (const auto& warning : response.deprecations()) {
      server.deprecations.push_back(
          {.id = warning.id(),
           .message = warning.message(),
           .last_occurrence = rpc::TimeOf(warning, &pb::DeprecationWarning::has_last_occurrence,
                                          &pb::DeprecationWarning::last_occurrence)});
    }
    return server;
  }

  absl::StatusOr<PluginInfoResponse> PluginInfo(const Context& ctx, std::string_view type,
                                                std::string_view id,
                                                const typeurl::Any& options) override {
    pb::PluginInfoRequest request;
    request.set_type(std::string(type));
    request.set_id(std::string(id));
    if (!options.empty()) *request.mutable_options() = typeurl::ToProto(options);
    pb::PluginInfoResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::PluginInfo, request, &response); !s.ok()) {
      return errdefs::Annotate(s, fmt::format("information on plugin \"{}.{}\"", type, id));
    }
    return PluginInfoResponse{.plugin = FromProto(response.plugin()),
                              .extra = typeurl::FromProto(response.extra())};
  }

 private:
  using Stub = pb::Introspection::StubInterface;

  const rpc::Stubs<pb::Introspection> stubs_;
};

}  // namespace

std::shared_ptr<Service> NewIntrospectionService(std::shared_ptr<rpc::Connection> conn) {
  return std::make_shared<IntrospectionRemote>(std::move(conn));
}

std::shared_ptr<Service> NewIntrospectionService(
    std::shared_ptr<pb::Introspection::StubInterface> stub) {
  return std::make_shared<IntrospectionRemote>(std::move(stub));
}

}  // namespace containerd::introspection
