// SPDX-License-Identifier: Apache-2.0
#include "sandboxes.h"

#include <optional>
#include <string_view>

#include <absl/time/clock.h>
#include <fmt/format.h>

#include "containerd/defaults/defaults.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/events/sandbox.pb.h"
#include "containerd/namespaces/namespaces.h"
#include "containerd/services/sandbox/v1/sandbox.pb.h"

#include "services.h"
#include "src/rpc/internal/proto_descriptor.h"
#include "src/rpc/internal/proto_time.h"
#include "src/sandbox/internal/proto.h"
#include "tasks.h"

namespace containerd::testing::fake {
namespace {

namespace pb = ::containerd::services::sandbox::v1;

// As the CRI plugin's and the runtime API's.
constexpr char kReady[] = "SANDBOX_READY";
constexpr char kNotReady[] = "SANDBOX_NOTREADY";
constexpr std::uint32_t kTaskAPIVersion = 3;

}  // namespace

absl::Status Sandboxes::Create(const Context& ctx, const std::string& id, Labels info) {
  absl::StatusOr<std::string> ns = namespaces::NamespaceRequired(ctx);
  if (!ns.ok()) return ns.status();
  const base::MutexLock lock(mu_);
  Entry made;
  made.status.sandbox_id = id;
  made.status.state = kNotReady;
  made.status.info = std::move(info);
  if (!entries_.try_emplace({*ns, id}, std::move(made)).second) {
    return errdefs::AlreadyExists(fmt::format("sandbox {} already running: already exists", id));
  }
  return absl::OkStatus();
}

absl::StatusOr<sandbox::ControllerStatus> Sandboxes::Start(const Context& ctx,
                                                           const std::string& id) {
  const base::MutexLock lock(mu_);
  absl::StatusOr<Entry*> entry = Find(ctx, id);
  if (errdefs::IsNotFound(entry.status())) {
    // The daemon gives this error no class.
    return errdefs::Unknown(fmt::format("unable to find sandbox \"{}\"", id));
  }
  if (!entry.ok()) return entry.status();
  sandbox::ControllerStatus& status = (*entry)->status;
  if (status.pid != 0) {
    return errdefs::FailedPrecondition(fmt::format("sandbox \"{}\" was started before", id));
  }
  status.pid = next_pid_++;
  status.state = kReady;
  status.created_at = absl::Now();
  return status;
}

absl::Status Sandboxes::Exit(const Context& ctx, const std::string& id, std::uint32_t code) {
  std::vector<OnExit> on_exit;
  sandbox::ExitStatus exit;
  {
    const base::MutexLock lock(mu_);
    absl::StatusOr<Entry*> entry = Find(ctx, id);
    if (!entry.ok()) return entry.status();
    sandbox::ControllerStatus& status = (*entry)->status;
    if (status.exited_at != absl::InfinitePast()) {
      return errdefs::NotFound(fmt::format("sandbox {} has exited before", id));
    }
    status.state = kNotReady;
    status.exited_at = absl::Now();
    (*entry)->exit_status = code;
    exit = {.exit_status = code, .exited_at = status.exited_at};
    on_exit.swap((*entry)->on_exit);
  }
  for (const OnExit& fn : on_exit) fn(exit);
  return absl::OkStatus();
}

absl::Status Sandboxes::Remove(const Context& ctx, const std::string& id) {
  // It may have exited before.
  if (absl::Status s = Exit(ctx, id, 0); !s.ok() && !errdefs::IsNotFound(s)) return s;
  const base::MutexLock lock(mu_);
  if (absl::StatusOr<Entry*> entry = Find(ctx, id); !entry.ok()) return entry.status();
  entries_.erase({*ctx.Namespace(), id});
  return absl::OkStatus();
}

absl::StatusOr<sandbox::ControllerStatus> Sandboxes::Get(const Context& ctx,
                                                         const std::string& id) {
  const base::MutexLock lock(mu_);
  absl::StatusOr<Entry*> entry = Find(ctx, id);
  if (!entry.ok()) return entry.status();
  return (*entry)->status;
}

absl::Status Sandboxes::WhenExited(const Context& ctx, const std::string& id, OnExit fn) {
  sandbox::ExitStatus exit;
  {
    const base::MutexLock lock(mu_);
    absl::StatusOr<Entry*> entry = Find(ctx, id);
    if (!entry.ok()) return entry.status();
    if ((*entry)->status.exited_at == absl::InfinitePast()) {
      (*entry)->on_exit.push_back(std::move(fn));
      return absl::OkStatus();
    }
    exit = {.exit_status = (*entry)->exit_status, .exited_at = (*entry)->status.exited_at};
  }
  fn(exit);
  return absl::OkStatus();
}

void Sandboxes::Forget() {
  std::map<Key, Entry> dropped;
  const base::MutexLock lock(mu_);
  dropped.swap(entries_);
}

absl::StatusOr<Sandboxes::Entry*> Sandboxes::Find(const Context& ctx, const std::string& id) {
  absl::StatusOr<std::string> ns = namespaces::NamespaceRequired(ctx);
  if (!ns.ok()) return ns.status();
  const auto found = entries_.find({*ns, id});
  if (found == entries_.end()) {
    return errdefs::NotFound(fmt::format("sandbox {}: not found", id));
  }
  return &found->second;
}

namespace {

void ServeRecords(Server& server, sandbox::Store& store) {
  const std::string at = "/containerd.services.sandbox.v1.Store/";
  const auto fill = [](const absl::StatusOr<sandbox::Sandbox>& record, auto& response) {
    return Fill(record, [&](const auto& r) { *response.mutable_sandbox() = sandbox::ToProto(r); });
  };
  server.Unary<pb::StoreCreateRequest, pb::StoreCreateResponse>(
      at + "Create", [&store, fill](const Context& ctx, const auto& request, auto& response) {
        return fill(store.Create(ctx, sandbox::FromProto(request.sandbox())), response);
      });
  server.Unary<pb::StoreUpdateRequest, pb::StoreUpdateResponse>(
      at + "Update", [&store, fill](const Context& ctx, const auto& request, auto& response) {
        return fill(
            store.Update(ctx, sandbox::FromProto(request.sandbox()), Texts(request.fields())),
            response);
      });
  server.Unary<pb::StoreGetRequest, pb::StoreGetResponse>(
      at + "Get", [&store, fill](const Context& ctx, const auto& request, auto& response) {
        return fill(store.Get(ctx, request.sandbox_id()), response);
      });
  server.Unary<pb::StoreListRequest, pb::StoreListResponse>(
      at + "List", [&store](const Context& ctx, const auto& request, auto& response) {
        return Fill(store.List(ctx, Texts(request.filters())), [&](const auto& all) {
          for (const auto& record : all) *response.add_list() = sandbox::ToProto(record);
        });
      });
  server.Unary<pb::StoreDeleteRequest, pb::StoreDeleteResponse>(
      at + "Delete", [&store](const Context& ctx, const auto& request, auto&) {
        return store.Delete(ctx, request.sandbox_id());
      });
}

// Whether a request is for the controller that there is.
template <typename Request>
absl::Status Check(const Request& request) {
  const std::string& name = request.sandboxer();
  if (name.empty()) {
    return errdefs::InvalidArgument("sandbox controller name can not be empty");
  }
  if (name == defaults::kDefaultSandboxer) return absl::OkStatus();
  return errdefs::NotFound(fmt::format("failed to get sandbox controller by {}", name));
}

template <typename Event>
Event EventOf(const std::string& id) {
  Event event;
  event.set_sandbox_id(id);
  return event;
}

}  // namespace

void ServeSandboxes(Server& server, sandbox::Store& store, Sandboxes& sandboxes, Tasks& tasks,
                    const std::string& dir, Exchange& exchange) {
  ServeRecords(server, store);
  const std::string at = "/containerd.services.sandbox.v1.Controller/";
  const auto address = [dir](const std::string& id) {
    return fmt::format("ttrpc+unix://{}/sandbox-{}.sock", dir, id);
  };
  server.Unary<pb::ControllerCreateRequest, pb::ControllerCreateResponse>(
      at + "Create", [&](const Context& ctx, const auto& request, auto& response) -> absl::Status {
        if (absl::Status s = Check(request); !s.ok()) return s;
        Labels info = rpc::FromProto(request.annotations());
        info["runtime"] = request.sandbox().runtime().name();
        info["netns"] = request.netns_path();
        const std::string& id = request.sandbox_id();
        if (absl::Status s = sandboxes.Create(ctx, id, std::move(info)); !s.ok()) return s;
        response.set_sandbox_id(id);
        exchange.Tell(ctx, "/sandboxes/create", EventOf<events::SandboxCreate>(id));
        return absl::OkStatus();
      });
  server.Unary<pb::ControllerStartRequest, pb::ControllerStartResponse>(
      at + "Start", [&, address](const Context& ctx, const auto& request, auto& response) {
        if (absl::Status s = Check(request); !s.ok()) return s;
        const std::string& id = request.sandbox_id();
        return Fill(sandboxes.Start(ctx, id), [&](const sandbox::ControllerStatus& status) {
          response.set_sandbox_id(id);
          response.set_pid(status.pid);
          *response.mutable_created_at() = rpc::ToProto(status.created_at);
          response.set_address(address(id));
          response.set_version(kTaskAPIVersion);
          exchange.Tell(ctx, "/sandboxes/start", EventOf<events::SandboxStart>(id));
        });
      });
  // No daemon serves Platform.
  server.Unary<pb::ControllerStopRequest, pb::ControllerStopResponse>(
      at + "Stop", [&](const Context& ctx, const auto& request, auto&) {
        if (absl::Status s = Check(request); !s.ok()) return s;
        // Its tasks go on, as runc's do; one that is gone or has exited is as it is to be.
        absl::Status s = sandboxes.Exit(ctx, request.sandbox_id(), 0);
        return errdefs::IsNotFound(s) ? absl::OkStatus() : s;
      });
  server.Streaming<pb::ControllerWaitRequest>(
      at + "Wait",
      [&](const Context& ctx, const auto& request,
          const StreamPtr& stream) -> std::optional<absl::Status> {
        if (absl::Status s = Check(request); !s.ok()) return s;
        absl::Status s = sandboxes.WhenExited(
            ctx, request.sandbox_id(),
            [&exchange, id = request.sandbox_id(), stream](const sandbox::ExitStatus& exit) {
              // As the daemon does: it is told of because somebody waits.
              if (stream->finished()) return;
              auto event = EventOf<events::SandboxExit>(id);
              event.set_exit_status(exit.exit_status);
              *event.mutable_exited_at() = rpc::ToProto(exit.exited_at);
              exchange.Tell(stream->ctx(), "/sandboxes/exit", event);
              pb::ControllerWaitResponse response;
              response.set_exit_status(exit.exit_status);
              *response.mutable_exited_at() = rpc::ToProto(exit.exited_at);
              stream->Send(Pack(response));
              stream->Finish(absl::OkStatus());
            });
        if (!s.ok()) return s;
        return std::nullopt;
      });
  server.Unary<pb::ControllerStatusRequest, pb::ControllerStatusResponse>(
      at + "Status",
      [&, address](const Context& ctx, const auto& request, auto& response) -> absl::Status {
        if (absl::Status s = Check(request); !s.ok()) return s;
        const std::string& id = request.sandbox_id();
        response.set_sandbox_id(id);
        absl::StatusOr<sandbox::ControllerStatus> status = sandboxes.Get(ctx, id);
        if (errdefs::IsNotFound(status.status())) {
          *response.mutable_exited_at() = rpc::ToProto(absl::Now());
          return absl::OkStatus();
        }
        if (!status.ok()) return status.status();
        using P = pb::ControllerStatusResponse;
        response.set_pid(status->pid);
        response.set_state(status->state);
        rpc::SetTime(status->created_at, &response, &P::mutable_created_at);
        rpc::SetTime(status->exited_at, &response, &P::mutable_exited_at);
        response.set_address(address(id));
        response.set_version(kTaskAPIVersion);
        if (request.verbose()) rpc::ToProto(status->info, response.mutable_info());
        return absl::OkStatus();
      });
  server.Unary<pb::ControllerShutdownRequest, pb::ControllerShutdownResponse>(
      at + "Shutdown", [&](const Context& ctx, const auto& request, auto&) {
        absl::Status s = Check(request);
        if (s.ok()) s = sandboxes.Remove(ctx, request.sandbox_id());
        if (s.ok()) tasks.EndIn(ctx, request.sandbox_id());
        return s;
      });
  // There is nothing to measure.
  server.Unary<pb::ControllerMetricsRequest, pb::ControllerMetricsResponse>(
      at + "Metrics", [&](const Context& ctx, const auto& request, auto& response) {
        if (absl::Status s = Check(request); !s.ok()) return s;
        return Fill(sandboxes.Get(ctx, request.sandbox_id()), [&](const auto& status) {
          response.mutable_metrics()->set_id(status.sandbox_id);
          *response.mutable_metrics()->mutable_timestamp() = rpc::ToProto(absl::Now());
        });
      });
  // As the shim's controller, which does nothing with it.
  server.Unary<pb::ControllerUpdateRequest, pb::ControllerUpdateResponse>(
      at + "Update", [](const Context&, const auto& request, auto&) { return Check(request); });
}

}  // namespace containerd::testing::fake
