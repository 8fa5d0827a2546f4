// SPDX-License-Identifier: Apache-2.0
#include "containerd/sandbox/sandbox.h"

#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "convert.h"
#include "src/rpc/internal/proto_descriptor.h"
#include "src/rpc/internal/proto_time.h"

namespace containerd::sandbox {

void Sandbox::AddExtension(std::string_view name, typeurl::Any value) {
  extensions[std::string(name)] = std::move(value);
}

absl::StatusOr<typeurl::Any> Sandbox::GetExtension(std::string_view name) const {
  const auto it = extensions.find(std::string(name));
  if (it == extensions.end()) {
    return errdefs::NotFound(fmt::format("sandbox \"{}\" has no extension \"{}\"", id, name));
  }
  return it->second;
}

void Sandbox::AddLabel(std::string_view name, std::string_view value) {
  labels[std::string(name)] = value;
}

absl::StatusOr<std::string> Sandbox::GetLabel(std::string_view name) const {
  const auto it = labels.find(std::string(name));
  if (it == labels.end()) {
    return errdefs::NotFound(fmt::format("sandbox \"{}\" has no label \"{}\"", id, name));
  }
  return it->second;
}

CreateOpt WithRootFS(std::vector<mount::Mount> mounts) {
  return [mounts = std::move(mounts)](CreateOptions& options) {
    options.rootfs = mounts;
    return absl::OkStatus();
  };
}

CreateOpt WithOptions(typeurl::Any options) {
  return [any = std::move(options)](CreateOptions& create) {
    create.options = any;
    return absl::OkStatus();
  };
}

CreateOpt WithNetNSPath(std::string path) {
  return [path = std::move(path)](CreateOptions& options) {
    options.netns_path = path;
    return absl::OkStatus();
  };
}

CreateOpt WithAnnotations(Labels annotations) {
  return [annotations = std::move(annotations)](CreateOptions& options) {
    options.annotations = annotations;
    return absl::OkStatus();
  };
}

StopOpt WithTimeout(absl::Duration timeout) {
  return [timeout](StopOptions& options) { options.timeout = timeout; };
}

types::Sandbox ToProto(const Sandbox& sandbox) {
  using P = types::Sandbox;
  P proto;
  proto.set_sandbox_id(sandbox.id);
  proto.mutable_runtime()->set_name(sandbox.runtime.name);
  SetAny(sandbox.runtime.options, proto.mutable_runtime(), &P::Runtime::mutable_options);
  SetAny(sandbox.spec, &proto, &P::mutable_spec);
  rpc::ToProto(sandbox.labels, proto.mutable_labels());
  rpc::SetTime(sandbox.created_at, &proto, &P::mutable_created_at);
  rpc::SetTime(sandbox.updated_at, &proto, &P::mutable_updated_at);
  for (const auto& [name, any] : sandbox.extensions) {
    (*proto.mutable_extensions())[name] = typeurl::ToProto(any);
  }
  proto.set_sandboxer(sandbox.sandboxer);
  return proto;
}

Sandbox FromProto(const types::Sandbox& proto) {
  using P = types::Sandbox;
  Sandbox sandbox{.id = proto.sandbox_id(),
                  .labels = rpc::FromProto(proto.labels()),
                  .runtime = {.name = proto.runtime().name(),
                              .options = typeurl::FromProto(proto.runtime().options())},
                  .spec = typeurl::FromProto(proto.spec()),
                  .sandboxer = proto.sandboxer(),
                  .created_at = rpc::TimeOf(proto, &P::has_created_at, &P::created_at),
                  .updated_at = rpc::TimeOf(proto, &P::has_updated_at, &P::updated_at),
                  .extensions = {}};
  for (const auto& [name, any] : proto.extensions()) {
    sandbox.extensions[name] = typeurl::FromProto(any);
  }
  return sandbox;
}

}  // namespace containerd::sandbox
