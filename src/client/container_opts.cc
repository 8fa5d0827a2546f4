// SPDX-License-Identifier: Apache-2.0
#include "containerd/container_opts.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "containerd/digest/identity.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"
#include "containerd/namespaces/namespaces.h"
#include "containerd/signals.h"
#include "containerd/typeurl/typeurl.h"

#include "draft.h"
#include "oci_client.h"
#include "remap.h"

namespace containerd {
namespace {

// A runtime would mount its own working directory in place of a missing source, which is never
// meant.
absl::Status CheckMounts(const specs::Spec& spec) {
  for (const specs::Mount& mount : spec.mounts) {
    const bool bind = mount.type == "bind" ||
                      std::any_of(mount.options.begin(), mount.options.end(),
                                  [](const auto& o) { return o == "bind" || o == "rbind"; });
    if (bind && mount.source.empty()) {
      return errdefs::InvalidArgument(
          fmt::format("the bind mount on \"{}\" has no source", mount.destination));
    }
  }
  return absl::OkStatus();
}

absl::Status SetSpec(const specs::Spec& spec, containers::Container* container) {
  if (absl::Status s = CheckMounts(spec); !s.ok()) return s;
  auto any = typeurl::MarshalAny(spec);
  if (!any.ok()) return any.status();
  container->spec = *std::move(any);
  return absl::OkStatus();
}

NewContainerOpt NewSnapshot(std::string id, const Image& image, bool readonly,
                            std::vector<snapshots::Opt> opts) {
  return [id = std::move(id), image, readonly, opts = std::move(opts)](
             const Context& ctx, Client& client, containers::Container* container) {
    auto diff_ids = image.RootFS(ctx);
    if (!diff_ids.ok()) return diff_ids.status();
    auto snapshotter = internal::ResolveSnapshotter(ctx, client, container);
    if (!snapshotter.ok()) return snapshotter.status();
    const std::string parent = identity::ChainID(*diff_ids).String();
    auto map = internal::MappingToApply(ctx, client, container->snapshotter, opts);
    if (!map.ok()) return map.status();
    const internal::SnapshotRequest request{
        .key = id, .parent = parent, .readonly = readonly, .opts = opts};
    absl::Status made = map->has_value()
                            ? internal::MakeRemappedSnapshot(ctx, **snapshotter, request, **map)
                            : internal::MakeSnapshot(ctx, **snapshotter, request, parent);
    if (!made.ok()) {
      return errdefs::Annotate(made, fmt::format("snapshot \"{}\" of image \"{}\" with {}", id,
                                                 image.Name(), container->snapshotter));
    }
    internal::NoteSnapshot(ctx, *snapshotter, id);
    container->snapshot_key = id;
    container->image = image.Name();
    return absl::OkStatus();
  };
}

}  // namespace

NewContainerOpt WithRuntime(std::string name, typeurl::Any options) {
  return [name = std::move(name), options = std::move(options)](const Context&, Client&,
                                                                containers::Container* c) {
    c->runtime = {.name = name, .options = options};
    return absl::OkStatus();
  };
}

NewContainerOpt WithRuntime(std::string name, const google::protobuf::Message& options) {
  return [name = std::move(name), any = typeurl::internal::MarshalMessage(options)](
             const Context&, Client&, containers::Container* c) {
    if (!any.ok()) return any.status();
    c->runtime = {.name = name, .options = *any};
    return absl::OkStatus();
  };
}

NewContainerOpt WithSandbox(std::string sandbox_id) {
  return [sandbox_id = std::move(sandbox_id)](const Context&, Client&, containers::Container* c) {
    c->sandbox_id = sandbox_id;
    return absl::OkStatus();
  };
}

NewContainerOpt WithImage(const Image& image) { return WithImageName(image.Name()); }

NewContainerOpt WithImageName(std::string name) {
  return [name = std::move(name)](const Context&, Client&, containers::Container* c) {
    c->image = name;
    return absl::OkStatus();
  };
}

NewContainerOpt WithContainerLabels(Labels labels) {
  return [labels = std::move(labels)](const Context&, Client&, containers::Container* c) {
    c->labels = labels;
    return absl::OkStatus();
  };
}

NewContainerOpt WithAdditionalContainerLabels(Labels labels) {
  return [labels = std::move(labels)](const Context&, Client&, containers::Container* c) {
    for (const auto& [key, value] : labels) c->labels[key] = value;
    return absl::OkStatus();
  };
}

NewContainerOpt WithImageConfigLabels(const Image& image) {
  return [image](const Context& ctx, Client&, containers::Container* c) {
    auto spec = image.Spec(ctx);
    if (!spec.ok()) return spec.status();
    c->labels.clear();
    for (const auto& [key, value] : spec->config.labels) {
      if (labels::IsReserved(key)) {
        log::Warn(
            fmt::format("image \"{}\": its label \"{}\" is reserved for containerd and is not "
                        "taken over",
                        image.Name(), key));
      } else {
        c->labels[key] = value;
      }
    }
    return absl::OkStatus();
  };
}

NewContainerOpt WithImageStopSignal(const Image& image, std::string default_signal) {
  return [image, default_signal = std::move(default_signal)](const Context& ctx, Client&,
                                                             containers::Container* c) {
    auto signal = GetOCIStopSignal(ctx, image, default_signal);
    if (!signal.ok()) return signal.status();
    c->labels[kStopSignalLabel] = *std::move(signal);
    return absl::OkStatus();
  };
}

NewContainerOpt WithSnapshotter(std::string name) {
  return [name = std::move(name)](const Context&, Client&, containers::Container* c) {
    c->snapshotter = name;
    return absl::OkStatus();
  };
}

NewContainerOpt WithSnapshot(std::string id) {
  return [id = std::move(id)](const Context& ctx, Client& client, containers::Container* c) {
    auto snapshotter = internal::ResolveSnapshotter(ctx, client, c);
    if (!snapshotter.ok()) return snapshotter.status();
    if (auto mounts = (*snapshotter)->Mounts(ctx, id); !mounts.ok()) return mounts.status();
    c->snapshot_key = id;
    return absl::OkStatus();
  };
}

NewContainerOpt WithNewSnapshot(std::string id, const Image& image,
                                std::vector<snapshots::Opt> opts) {
  return NewSnapshot(std::move(id), image, false, std::move(opts));
}

NewContainerOpt WithNewSnapshotView(std::string id, const Image& image,
                                    std::vector<snapshots::Opt> opts) {
  return NewSnapshot(std::move(id), image, true, std::move(opts));
}

NewContainerOpt WithContainerExtension(std::string name, typeurl::Any extension) {
  return [name = std::move(name), extension = std::move(extension)](
             const Context&, Client&, containers::Container* c) -> absl::Status {
    if (name.empty()) return errdefs::InvalidArgument("the key of an extension must not be empty");
    c->extensions[name] = extension;
    return absl::OkStatus();
  };
}

NewContainerOpt WithContainerExtension(std::string name,
                                       const google::protobuf::Message& extension) {
  auto any = typeurl::internal::MarshalMessage(extension);
  if (any.ok()) return WithContainerExtension(std::move(name), *std::move(any));
  return [status = errdefs::Annotate(any.status(), fmt::format("extension \"{}\"", name))](
             const Context&, Client&, containers::Container*) { return status; };
}

NewContainerOpt WithNewSpec(std::vector<oci::SpecOpt> opts) {
  return [opts = std::move(opts)](const Context& ctx, Client& client, containers::Container* c) {
    // The default spec's cgroup path contains the namespace's name, so the context must name one.
    const Context spec_ctx =
        ctx.Namespace().has_value() ? ctx : WithNamespace(ctx, client.DefaultNamespace());
    internal::OciClient oci_client(client);
    auto spec = oci::GenerateSpec(spec_ctx, &oci_client, c, opts);
    if (!spec.ok()) return spec.status();
    return SetSpec(*spec, c);
  };
}

NewContainerOpt WithSpec(specs::Spec spec, std::vector<oci::SpecOpt> opts) {
  return [spec = std::move(spec), opts = std::move(opts)](const Context& ctx, Client& client,
                                                          containers::Container* c) {
    specs::Spec changed = spec;
    internal::OciClient oci_client(client);
    if (absl::Status s = oci::ApplyOpts(ctx, &oci_client, c, &changed, opts); !s.ok()) return s;
    return SetSpec(changed, c);
  };
}

}  // namespace containerd
