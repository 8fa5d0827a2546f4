// SPDX-License-Identifier: Apache-2.0
#include "containerd/sandbox.h"

#include <utility>

#include <absl/time/clock.h>
#include <fmt/format.h>
#include <google/protobuf/empty.pb.h>

#include "containerd/container_opts.h"
#include "containerd/containers/containers.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/future/executor.h"
#include "containerd/log/log.h"
#include "containerd/typeurl/typeurl.h"

#include "oci_client.h"
#include "src/base/cleanup.h"
#include "src/base/options.h"
#include "src/rpc/internal/outcome.h"

namespace containerd {
namespace {

absl::StatusOr<std::shared_ptr<sandbox::Controller>> ControllerOf(
    const Context& ctx, Client& client, const sandbox::Sandbox& metadata) {
  std::string sandboxer = metadata.sandboxer;
  // Daemon 1.7 does not record the sandboxer; it has only one.
  if (sandboxer.empty()) {
    auto by_default = client.DefaultSandboxer(ctx);
    if (!by_default.ok()) {
      return errdefs::Annotate(by_default.status(), "failed to get default sandboxer");
    }
    sandboxer = *std::move(by_default);
  }
  auto controller = client.SandboxController(sandboxer);
  if (controller == nullptr) return errdefs::NotFound(fmt::format("sandboxer \"{}\"", sandboxer));
  return controller;
}

}  // namespace

absl::StatusOr<Sandbox> Client::NewSandbox(const Context& ctx, std::string_view sandbox_id,
                                           const std::vector<NewSandboxOpt>& opts) {
  if (sandbox_id.empty()) return errdefs::InvalidArgument("sandbox ID must be specified");
  const std::string what = fmt::format("sandbox \"{}\"", sandbox_id);
  auto sandboxer = DefaultSandboxer(ctx);
  if (!sandboxer.ok()) {
    return errdefs::Annotate(sandboxer.status(), "failed to get default sandboxer");
  }
  const absl::Time now = absl::Now();
  sandbox::Sandbox record{.id = std::string(sandbox_id),
                          .sandboxer = *std::move(sandboxer),
                          .created_at = now,
                          .updated_at = now};
  if (absl::Status s = base::Apply(opts, ctx, *this, record); !s.ok()) {
    return errdefs::Annotate(s, what);
  }
  auto controller = ControllerOf(ctx, *this, record);
  if (!controller.ok()) return errdefs::Annotate(controller.status(), what);
  auto stored = SandboxStore()->Create(ctx, record);
  if (!stored.ok()) return stored.status();
  if (absl::Status created = (*controller)->Create(ctx, record); !created.ok()) {
    const Context last = base::CleanUpContext(ctx);
    absl::Status removed;
    // It may be there all the same. While it is, its record has to stay, or nobody finds it.
    if (rpc::OutcomeOpen(created)) removed = (*controller)->Shutdown(last, record.id);
    if (removed.ok() || errdefs::IsNotFound(removed)) {
      removed = SandboxStore()->Delete(last, record.id);
    }
    if (!removed.ok() && !errdefs::IsNotFound(removed)) {
      log::Warn(fmt::format("{} stays in the store: {}", what, errdefs::Message(removed)));
    }
    return errdefs::Annotate(
        created, fmt::format("failed to create {} with sandboxer {}", what, record.sandboxer));
  }
  return Sandbox(*this, *std::move(stored));
}

absl::StatusOr<Sandbox> Client::LoadSandbox(const Context& ctx, std::string_view id) {
  auto record = SandboxStore()->Get(ctx, id);
  if (!record.ok()) return record.status();
  return Sandbox(*this, *std::move(record));
}

absl::StatusOr<std::shared_ptr<sandbox::Controller>> Sandbox::Controller(const Context& ctx) {
  return ControllerOf(ctx, client_, *metadata_);
}

absl::StatusOr<Labels> Sandbox::Labels(const Context& ctx) {
  auto record = client_.SandboxStore()->Get(ctx, ID());
  if (!record.ok()) return record.status();
  return std::move(record->labels);
}

absl::StatusOr<Container> Sandbox::NewContainer(const Context& ctx, std::string_view id,
                                                std::vector<NewContainerOpt> opts) {
  opts.push_back(WithSandbox(ID()));
  return client_.NewContainer(ctx, id, opts);
}

absl::Status Sandbox::Start(const Context& ctx) {
  auto controller = Controller(ctx);
  if (!controller.ok()) return controller.status();
  return (*controller)->Start(ctx, ID()).status();
}

absl::Status Sandbox::Stop(const Context& ctx) {
  auto controller = Controller(ctx);
  if (!controller.ok()) return controller.status();
  return (*controller)->Stop(ctx, ID());
}

Future<ExitStatus> Sandbox::Wait(const Context& ctx) {
  auto controller = Controller(ctx);
  if (!controller.ok()) return Future<ExitStatus>::Ready(controller.status());
  return (*controller)
      ->Wait(ctx, ID())
      .Map<ExitStatus>(
          [metadata = metadata_](
              const absl::StatusOr<sandbox::ExitStatus>& exit) -> absl::StatusOr<ExitStatus> {
            if (!exit.ok()) {
              return errdefs::Annotate(exit.status(),
                                       fmt::format("waiting for sandbox \"{}\"", metadata->id));
            }
            return ExitStatus(exit->exit_status, exit->exited_at);
          },
          InlineExecutor());
}

absl::Status Sandbox::Shutdown(const Context& ctx) {
  auto controller = Controller(ctx);
  if (!controller.ok()) return controller.status();
  absl::Status ended = (*controller)->Shutdown(ctx, ID());
  if (!ended.ok() && !errdefs::IsNotFound(ended)) {
    return errdefs::Annotate(ended, "failed to shutdown sandbox");
  }
  absl::Status deleted = client_.SandboxStore()->Delete(ctx, ID());
  if (!deleted.ok() && !errdefs::IsNotFound(deleted)) {
    return errdefs::Annotate(deleted, "failed to delete sandbox from store");
  }
  return absl::OkStatus();
}

NewSandboxOpt WithSandboxRuntime(std::string name, typeurl::Any options) {
  // Daemons expect an Any that says what it holds.
  if (options.empty()) {
    return WithSandboxRuntime(std::move(name), google::protobuf::Empty::default_instance());
  }
  return [name = std::move(name), options = std::move(options)](const Context&, Client&,
                                                                sandbox::Sandbox* sandbox) {
    sandbox->runtime = {.name = name, .options = options};
    return absl::OkStatus();
  };
}

NewSandboxOpt WithSandboxRuntime(std::string name, const google::protobuf::Message& options) {
  auto any = typeurl::internal::MarshalMessage(options);
  if (any.ok()) return WithSandboxRuntime(std::move(name), *std::move(any));
  return [status = errdefs::Annotate(any.status(), "failed to marshal sandbox runtime options")](
             const Context&, Client&, sandbox::Sandbox*) { return status; };
}

NewSandboxOpt WithSandboxSpec(specs::Spec spec, std::vector<oci::SpecOpt> opts) {
  return [spec = std::move(spec), opts = std::move(opts)](const Context& ctx, Client& client,
                                                          sandbox::Sandbox* sandbox) {
    specs::Spec changed = spec;
    containers::Container container{.id = sandbox->id};
    internal::OciClient oci_client(client);
    absl::Status applied = oci::ApplyOpts(ctx, &oci_client, &container, &changed, opts);
    if (!applied.ok()) return applied;
    auto any = typeurl::MarshalAny(changed);
    if (!any.ok()) return errdefs::Annotate(any.status(), "failed to marshal spec");
    sandbox->spec = *std::move(any);
    return absl::OkStatus();
  };
}

NewSandboxOpt WithSandboxExtension(std::string name, typeurl::Any extension) {
  return [name = std::move(name), extension = std::move(extension)](const Context&, Client&,
                                                                    sandbox::Sandbox* sandbox) {
    sandbox->extensions[name] = extension;
    return absl::OkStatus();
  };
}

NewSandboxOpt WithSandboxExtension(std::string name, const google::protobuf::Message& extension) {
  auto any = typeurl::internal::MarshalMessage(extension);
  if (any.ok()) return WithSandboxExtension(std::move(name), *std::move(any));
  return [status = errdefs::Annotate(any.status(), "failed to marshal sandbox extension")](
             const Context&, Client&, sandbox::Sandbox*) { return status; };
}

NewSandboxOpt WithSandboxLabels(Labels labels) {
  return [labels = std::move(labels)](const Context&, Client&, sandbox::Sandbox* sandbox) {
    sandbox->labels = labels;
    return absl::OkStatus();
  };
}

}  // namespace containerd
