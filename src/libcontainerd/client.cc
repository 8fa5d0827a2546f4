// SPDX-License-Identifier: Apache-2.0
#include "containerd/libcontainerd/client.h"

#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "containerd/container_opts.h"
#include "containerd/containers/containers.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/identifiers/identifiers.h"
#include "containerd/libcontainerd/bundle.h"

#include "bundle_dir.h"
#include "core.h"
#include "monitor.h"
#include "src/base/cleanup.h"
#include "src/base/path.h"
#include "wrap_error.h"

namespace containerd::libcontainerd {
namespace {

// What a call has made of a container's bundle, which no other call is at work on meanwhile.
struct Making {
  std::optional<Claims::Claim> claim{};
  Bundle bundle{};
};

// WithBundle, which tells what it made.
NewContainerOpt MakeBundleInto(Core& core, std::string dir, const specs::Spec& spec,
                               Making& making) {
  return
      [&core, dir = std::move(dir), &spec, &making](const Context& ctx, containerd::Client&,
                                                    containers::Container& record) -> absl::Status {
        auto claim = core.claims.Await(ctx, dir);
        if (!claim.ok()) return claim.status();
        making.claim.emplace(*std::move(claim));
        auto owner = HostRoot(spec);
        if (!owner.ok()) return owner.status();
        auto made = MakeBundle(dir, *owner);
        if (!made.ok()) return made.status();
        making.bundle = *std::move(made);
        record.labels[kBundlePathLabel] = making.bundle.path;
        return absl::OkStatus();
      };
}

// Removes the bundle of a container that was not made, unless it is another's: of the same id, made
// elsewhere, or of this call, which nobody heard of.
void UnmakeUnlessUsed(const absl::StatusOr<containers::Container>& found, const Bundle& bundle) {
  if (found.ok()) {
    const auto label = found->labels.find(kBundlePathLabel);
    if (label != found->labels.end() && label->second == bundle.path) return;
  } else if (!errdefs::IsNotFound(found.status())) {
    return;
  }
  UnmakeBundle(bundle);
}

}  // namespace

Client::Client(std::shared_ptr<Core> core, std::shared_ptr<Monitor> monitor)
    : core_(std::move(core)), monitor_(std::move(monitor)) {}

absl::StatusOr<Client> Client::New(const Context& ctx, containerd::Client daemon,
                                   std::string_view state_dir, std::string_view ns,
                                   std::shared_ptr<Backend> backend) {
  if (!state_dir.starts_with('/') || base::CleanPath(state_dir) == "/" ||
      state_dir.find('\0') != std::string_view::npos) {
    return errdefs::InvalidArgument(fmt::format(
        "state folder \"{}\" of a libcontainerd client is no absolute path below the root",
        state_dir));
  }
  if (absl::Status s = identifiers::Validate(ns); !s.ok()) {
    return errdefs::Annotate(s, "namespace of a libcontainerd client");
  }
  if (backend == nullptr) {
    return errdefs::InvalidArgument("a libcontainerd client needs a backend");
  }
  auto core =
      std::make_shared<Core>(std::move(daemon), base::CleanPath(state_dir), std::string(ns));
  auto monitor = std::make_shared<Monitor>(ctx, core, std::move(backend));
  if (absl::Status s = monitor->WaitReady(ctx); !s.ok()) {
    return errdefs::Annotate(s, fmt::format("events of namespace \"{}\"", ns));
  }
  return Client(std::move(core), std::move(monitor));
}

absl::StatusOr<containerd::Version> Client::Version(const Context& ctx) {
  return core_->client.Version(ctx);
}

absl::StatusOr<Container> Client::NewContainer(const Context& ctx, std::string_view id,
                                               const specs::Spec& spec, std::string_view shim,
                                               const typeurl::Any& runtime_options,
                                               const std::vector<NewContainerOpt>& opts) {
  if (absl::Status s = identifiers::Validate(id); !s.ok()) {
    return errdefs::Annotate(s, "container's id");
  }
  const Context in = core_->In(ctx);
  Making making;
  std::vector<NewContainerOpt> all = opts;
  all.push_back(WithSpec(spec));
  all.push_back(WithRuntime(std::string(shim), runtime_options));
  all.push_back(MakeBundleInto(*core_, core_->BundleDir(id), spec, making));
  auto created = core_->client.NewContainer(in, id, all);
  if (created.ok()) return Container(core_, *std::move(created));

  const absl::Status& why = created.status();
  if (making.bundle.made.empty() && !errdefs::IsAlreadyExists(why)) return WrapError(why);
  const auto found = core_->client.ContainerService()->Get(base::CleanUpContext(in), id);
  UnmakeUnlessUsed(found, making.bundle);
  // What an option was to make may be there already, without a container of this id.
  if (errdefs::IsAlreadyExists(why) && !errdefs::IsNotFound(found.status())) {
    return errdefs::Conflict(fmt::format("id already in use: {}", errdefs::Message(why)));
  }
  return WrapError(why);
}

absl::StatusOr<Container> Client::LoadContainer(const Context& ctx, std::string_view id) {
  if (absl::Status s = identifiers::Validate(id); !s.ok()) {
    return errdefs::Annotate(s, "container's id");
  }
  auto loaded = core_->client.LoadContainer(core_->In(ctx), id);
  if (loaded.ok()) return Container(core_, *std::move(loaded));
  if (errdefs::IsNotFound(loaded.status())) {
    return errdefs::Annotate(loaded.status(), "no such container");
  }
  return WrapError(loaded.status());
}

absl::StatusOr<Container> Client::ReplaceContainer(const Context& ctx, std::string_view id,
                                                   const specs::Spec& spec, std::string_view shim,
                                                   const typeurl::Any& runtime_options,
                                                   const std::vector<NewContainerOpt>& opts) {
  auto created = NewContainer(ctx, id, spec, shim, runtime_options, opts);
  if (!errdefs::IsConflict(created.status())) return created;

  // Whatever of the old one is gone already need not be removed.
  const auto failed = [](const absl::Status& s) { return !s.ok() && !errdefs::IsNotFound(s); };
  auto old = LoadContainer(ctx, id);
  if (failed(old.status())) return errdefs::Annotate(old.status(), "replacing a container");
  if (old.ok()) {
    auto task = old->Task(ctx);
    if (failed(task.status())) return errdefs::Annotate(task.status(), "replacing a container");
    if (task.ok()) {
      if (absl::Status s = task->ForceDelete(ctx); failed(s)) {
        return errdefs::Annotate(s, "replacing a container");
      }
    }
    if (absl::Status s = old->Delete(ctx); failed(s)) {
      return errdefs::Annotate(s, "replacing a container");
    }
  }
  return NewContainer(ctx, id, spec, shim, runtime_options, opts);
}

}  // namespace containerd::libcontainerd
