// SPDX-License-Identifier: Apache-2.0
#include "containerd/sandbox/sandbox.h"

#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

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

}  // namespace containerd::sandbox
