// SPDX-License-Identifier: Apache-2.0
#include "containerd/client.h"

#include <utility>

#include <absl/time/time.h>
#include <fmt/format.h>
#include <grpcpp/channel.h>

#include "containerd/containers/containers.h"
#include "containerd/content/content.h"
#include "containerd/defaults/defaults.h"
#include "containerd/diff/diff.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/events/events.h"
#include "containerd/health/health.h"
#include "containerd/images/store.h"
#include "containerd/introspection/introspection.h"
#include "containerd/leases/leases.h"
#include "containerd/mount/manager.h"
#include "containerd/namespaces/namespaces.h"
#include "containerd/namespaces/store.h"
#include "containerd/platforms/platforms.h"
#include "containerd/sandbox/sandbox.h"
#include "containerd/snapshots/snapshots.h"
#include "containerd/streaming/streaming.h"
#include "containerd/tasks/tasks.h"
#include "containerd/transfer/transfer.h"
#include "containerd/types/introspection.pb.h"
#include "containerd/typeurl/proto.h"
#include "containerd/version/version.h"

#include "dial.h"
#include "src/base/mutex.h"
#include "src/base/options.h"
#include "src/client/internal/state.h"
#include "src/rpc/internal/process.h"

namespace containerd {
namespace {

absl::StatusOr<ClientOptions> Collect(const std::vector<Opt>& opts) {
  ClientOptions options;
  if (absl::Status s = base::Apply(opts, options); !s.ok()) return s;
  if (options.default_platform == nullptr) options.default_platform = platforms::Default();
  return options;
}

// The service that was given, or else the daemon's.
template <typename T>
std::shared_ptr<T> Service(internal::ClientState& state, std::shared_ptr<T> Services::*service,
                           std::shared_ptr<T> (*make)(std::shared_ptr<rpc::Connection>)) {
  if (const auto& given = state.given.*service) return given;
  const base::MutexLock lock(state.mu);
  std::shared_ptr<T>& made = state.made.*service;
  if (made == nullptr) made = make(state.conn);
  return made;
}

std::shared_ptr<transfer::Transferrer> NewTransferrer(std::shared_ptr<rpc::Connection> conn) {
  auto streams = streaming::NewStreamCreator(conn);
  return transfer::NewTransferrer(std::move(conn), std::move(streams));
}

std::shared_ptr<internal::ClientState> MakeState(ClientOptions options,
                                                 std::shared_ptr<grpc::Channel> channel) {
  auto state = std::make_shared<internal::ClientState>();
  state->conn = std::make_shared<rpc::Connection>(std::move(channel), options.default_namespace,
                                                  options.call_observer);
  state->given = std::move(options.services);
  {
    base::MutexLock lock(state->mu);
    state->runtime = options.default_runtime;
    state->sandboxer = options.default_sandboxer;
  }
  state->options = std::move(options);
  return state;
}

absl::Status NoConnection() { return errdefs::Unavailable("no grpc connection available"); }

}  // namespace

absl::Status internal::CheckOpen(const rpc::Connection& conn) {
  if (conn.closing().Done()) {
    return errdefs::Unavailable("no grpc connection available: it was closed");
  }
  return absl::OkStatus();
}

absl::StatusOr<Client> Client::New(const Context& ctx, std::string_view address,
                                   const std::vector<Opt>& opts) {
  absl::StatusOr<ClientOptions> options = Collect(opts);
  if (!options.ok()) return options.status();
  if (address.empty()) {
    if (!options->services_given) {
      return errdefs::Unavailable("no grpc connection or services is available");
    }
    return Client(MakeState(*std::move(options), nullptr));
  }
  absl::StatusOr<internal::Address> target = internal::ParseAddress(address);
  if (!target.ok()) return target.status();
  auto channel = internal::Dial(ctx, *target, *options);
  if (!channel.ok()) return channel.status();

  auto state = MakeState(*std::move(options), *std::move(channel));
  state->connector = [raw = state.get(), target = *std::move(target)](const Context& dial_ctx) {
    return internal::Dial(dial_ctx, target, raw->options);
  };
  return Client(std::move(state));
}

absl::StatusOr<Client> Client::NewWithConn(std::shared_ptr<grpc::Channel> conn,
                                           const std::vector<Opt>& opts) {
  if (conn == nullptr) return errdefs::InvalidArgument("NewWithConn: the connection is null");
  if (absl::Status s = rpc::ClaimGrpc(); !s.ok()) return s;
  absl::StatusOr<ClientOptions> options = Collect(opts);
  if (!options.ok()) return options.status();
  return Client(MakeState(*std::move(options), std::move(conn)));
}

absl::Status Client::Reconnect(const Context& ctx) {
  if (absl::Status s = state_->conn->CheckProcess(); !s.ok()) return s;
  const auto closed = [] {
    return errdefs::FailedPrecondition("unable to reconnect to containerd: the client was closed");
  };
  if (state_->conn->closing().Done()) return closed();
  if (!state_->connector) {
    return errdefs::Unavailable("unable to reconnect to containerd, no connector available");
  }
  auto channel = state_->connector(ctx);
  if (!channel.ok()) return channel.status();
  return state_->conn->Replace(*std::move(channel)) ? absl::OkStatus() : closed();
}

absl::Status Client::Close() {
  state_->conn->Close();
  return absl::OkStatus();
}

absl::StatusOr<bool> Client::IsServing(const Context& ctx) {
  if (absl::Status s = state_->conn->CheckProcess(); !s.ok()) return s;
  if (Conn() == nullptr && state_->given.health_service == nullptr) return NoConnection();
  auto status = HealthService()->Check(ctx, {.wait_for_ready = true});
  if (!status.ok()) return status.status();
  return *status == health::ServingStatus::kServing;
}

absl::StatusOr<Version> Client::Version(const Context& ctx) {
  if (absl::Status s = state_->conn->CheckProcess(); !s.ok()) return s;
  if (Conn() == nullptr && state_->given.version_service == nullptr) return NoConnection();
  auto info = VersionService()->Version(ctx);
  if (!info.ok()) return info.status();
  return containerd::Version{std::move(info->version), std::move(info->revision)};
}

absl::StatusOr<ServerInfo> Client::Server(const Context& ctx) {
  auto response = IntrospectionService()->Server(ctx);
  if (!response.ok()) return response.status();
  return ServerInfo{std::move(response->uuid)};
}

absl::StatusOr<RuntimeInfo> Client::RuntimeInfo(const Context& ctx, std::string_view runtime_path,
                                                const typeurl::Any& runtime_options) {
  types::RuntimeRequest request;
  if (runtime_path.empty()) {
    auto runtime = DefaultRuntime(ctx);
    if (!runtime.ok()) return runtime.status();
    request.set_runtime_path(*std::move(runtime));
  } else {
    request.set_runtime_path(std::string(runtime_path));
  }
  if (!runtime_options.type_url.empty()) {
    *request.mutable_options() = typeurl::ToProto(runtime_options);
  }
  auto any = typeurl::MarshalAny(request);
  if (!any.ok()) return any.status();
  auto response = IntrospectionService()->PluginInfo(ctx, "io.containerd.runtime.v2", "task", *any);
  if (!response.ok()) return response.status();

  types::RuntimeInfo info;
  if (absl::Status s = typeurl::UnmarshalTo(response->extra, info); !s.ok()) {
    return errdefs::Annotate(s, "failed to get runtime info from plugin info");
  }
  containerd::RuntimeInfo result{
      .name = info.name(),
      .version = {info.version().version(), info.version().revision()},
      .options = typeurl::FromProto(info.options()),
      .features = typeurl::FromProto(info.features()),
      .annotations = {info.annotations().begin(), info.annotations().end()}};
  return result;
}

const std::string& Client::DefaultNamespace() const { return state_->options.default_namespace; }

std::shared_ptr<const platforms::MatchComparer> Client::Platform() const {
  return state_->options.default_platform;
}

std::string Client::Runtime() {
  auto runtime = DefaultRuntime(Context::Background());
  return runtime.ok() ? *std::move(runtime) : defaults::kDefaultRuntime;
}

namespace {

// Returns what is cached in `member`, else the label of the default namespace, else the built-in
// value. The first answer of the daemon is kept. The lock is not held while it is asked.
absl::StatusOr<std::string> CachedDefault(const Context& ctx, Client& client,
                                          internal::ClientState& state,
                                          std::string internal::ClientState::*member,
                                          const char* label, const char* built_in) {
  if (absl::Status s = internal::CheckOpen(*state.conn); !s.ok()) return s;
  {
    base::MutexLock lock(state.mu);
    if (!(state.*member).empty()) return state.*member;
  }
  std::string value = built_in;
  if (const std::string& ns = client.DefaultNamespace(); !ns.empty()) {
    auto labelled = client.GetLabel(WithNamespace(ctx, ns), label);
    if (!labelled.ok() && !errdefs::IsNotFound(labelled.status())) {
      return errdefs::Annotate(
          labelled.status(),
          fmt::format("failed to read label \"{}\" of namespace \"{}\"", label, ns));
    }
    if (labelled.ok() && !labelled->empty()) value = *std::move(labelled);
  }
  base::MutexLock lock(state.mu);
  if ((state.*member).empty()) state.*member = std::move(value);
  return state.*member;
}

}  // namespace

absl::StatusOr<std::string> Client::DefaultRuntime(const Context& ctx) {
  return CachedDefault(ctx, *this, *state_, &internal::ClientState::runtime,
                       defaults::kDefaultRuntimeNSLabel, defaults::kDefaultRuntime);
}

absl::StatusOr<std::string> Client::DefaultSandboxer(const Context& ctx) {
  return CachedDefault(ctx, *this, *state_, &internal::ClientState::sandboxer,
                       defaults::kDefaultSandboxerNSLabel, defaults::kDefaultSandboxer);
}

absl::StatusOr<std::string> Client::GetLabel(const Context& ctx, std::string_view label) {
  auto ns = namespaces::NamespaceRequired(ctx);
  if (!ns.ok()) {
    if (DefaultNamespace().empty()) return ns.status();
    ns = DefaultNamespace();
  }
  auto labels = NamespaceService()->Labels(ctx, *ns);
  if (!labels.ok()) return labels.status();
  const auto found = labels->find(std::string(label));
  return found == labels->end() ? std::string() : found->second;
}

absl::StatusOr<leases::LeaseGuard> Client::WithLease(const Context& ctx,
                                                     const std::vector<leases::Opt>& opts) {
  return leases::AcquireLease(ctx, LeasesService(), opts);
}

std::unique_ptr<events::Subscription> Client::Subscribe(
    const Context& ctx, const std::vector<std::string>& filters,
    const std::vector<events::SubscribeOpt>& opts) {
  return EventService()->Subscribe(ctx, filters, opts);
}

std::shared_ptr<containers::Store> Client::ContainerService() const {
  return Service(*state_, &Services::container_store, containers::NewContainerStore);
}
std::shared_ptr<content::Store> Client::ContentStore() const {
  return Service(*state_, &Services::content_store, content::NewContentStore);
}
std::shared_ptr<images::Store> Client::ImageService() const {
  return Service(*state_, &Services::image_store, images::NewImageStore);
}
std::shared_ptr<namespaces::Store> Client::NamespaceService() const {
  return Service(*state_, &Services::namespace_store, namespaces::NewNamespaceStore);
}
std::shared_ptr<tasks::Service> Client::TaskService() const {
  return Service(*state_, &Services::task_service, tasks::NewTaskService);
}
std::shared_ptr<diff::DiffService> Client::DiffService() const {
  return Service(*state_, &Services::diff_service, diff::NewDiffService);
}
std::shared_ptr<events::EventService> Client::EventService() const {
  return Service(*state_, &Services::event_service, events::NewEventService);
}
std::shared_ptr<leases::Manager> Client::LeasesService() const {
  return Service(*state_, &Services::leases_service, leases::NewLeaseManager);
}
std::shared_ptr<introspection::Service> Client::IntrospectionService() const {
  return Service(*state_, &Services::introspection_service, introspection::NewIntrospectionService);
}
std::shared_ptr<sandbox::Store> Client::SandboxStore() const {
  return Service(*state_, &Services::sandbox_store, sandbox::NewSandboxStore);
}
std::shared_ptr<transfer::Transferrer> Client::TransferService() const {
  return Service(*state_, &Services::transfer_service, NewTransferrer);
}
std::shared_ptr<mount::Manager> Client::MountManager() const {
  return Service(*state_, &Services::mount_manager, mount::NewMountManager);
}
std::shared_ptr<health::Service> Client::HealthService() const {
  return Service(*state_, &Services::health_service, health::NewHealthService);
}
std::shared_ptr<version::Service> Client::VersionService() const {
  return Service(*state_, &Services::version_service, version::NewVersionService);
}

std::shared_ptr<sandbox::Controller> Client::SandboxController(std::string_view name) const {
  const auto& given = state_->given.sandboxers;
  if (given.empty()) return sandbox::NewSandboxController(state_->conn, std::string(name));
  const auto found = given.find(std::string(name));
  return found == given.end() ? nullptr : found->second;
}

std::shared_ptr<snapshots::Snapshotter> Client::SnapshotService(
    std::string_view snapshotter_name) const {
  auto name = ResolveSnapshotterName(Context::Background(), snapshotter_name);
  if (!name.ok()) name = defaults::kDefaultSnapshotter;
  const auto& given = state_->given.snapshotters;
  if (given.empty()) return snapshots::NewSnapshotter(state_->conn, *std::move(name));
  const auto found = given.find(*name);
  return found == given.end() ? nullptr : found->second;
}

absl::StatusOr<std::string> Client::ResolveSnapshotterName(const Context& ctx,
                                                           std::string_view name) const {
  if (!name.empty()) return std::string(name);
  auto label = Client(*this).GetLabel(ctx, defaults::kDefaultSnapshotterNSLabel);
  // A namespace that does not exist yet has no labels.
  if (!label.ok() && !errdefs::IsNotFound(label.status())) return label.status();
  if (label.ok() && !label->empty()) return *std::move(label);
  return defaults::kDefaultSnapshotter;
}

absl::StatusOr<std::shared_ptr<snapshots::Snapshotter>> Client::GetSnapshotter(
    const Context& ctx, std::string_view name) const {
  auto resolved = ResolveSnapshotterName(ctx, name);
  if (!resolved.ok()) return resolved.status();
  auto snapshotter = SnapshotService(*resolved);
  if (snapshotter == nullptr) {
    return errdefs::NotFound(fmt::format("snapshotter \"{}\"", *resolved));
  }
  return snapshotter;
}

namespace {

absl::StatusOr<introspection::Plugin> SnapshotPlugin(const Context& ctx,
                                                     introspection::Service& service,
                                                     std::string_view name) {
  auto plugins =
      service.Plugins(ctx, {fmt::format("type==io.containerd.snapshotter.v1,id==\"{}\"", name)});
  if (!plugins.ok()) return plugins.status();
  if (plugins->empty()) {
    return errdefs::NotFound(fmt::format("snapshotter plugin \"{}\"", name));
  }
  return std::move(plugins->front());
}

}  // namespace

absl::StatusOr<std::shared_ptr<const platforms::MatchComparer>>
Client::GetSnapshotterSupportedPlatforms(const Context& ctx,
                                         std::string_view snapshotter_name) const {
  auto plugin = SnapshotPlugin(ctx, *IntrospectionService(), snapshotter_name);
  if (!plugin.ok()) return plugin.status();
  return platforms::Any(plugin->platforms);
}

absl::StatusOr<std::vector<std::string>> Client::GetSnapshotterCapabilities(
    const Context& ctx, std::string_view snapshotter_name) const {
  auto plugin = SnapshotPlugin(ctx, *IntrospectionService(), snapshotter_name);
  if (!plugin.ok()) return plugin.status();
  return std::move(plugin->capabilities);
}

std::shared_ptr<grpc::Channel> Client::Conn() const { return state_->conn->channel(); }

std::shared_ptr<rpc::Connection> Client::Connection() const { return state_->conn; }

}  // namespace containerd
