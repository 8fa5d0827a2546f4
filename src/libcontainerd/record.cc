// SPDX-License-Identifier: Apache-2.0
#include "record.h"

#include <fmt/format.h>

#include "containerd/containers/containers.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/libcontainerd/bundle.h"
#include "containerd/specs/spec.h"
#include "containerd/typeurl/typeurl.h"

namespace containerd::libcontainerd {

absl::StatusOr<Record> RecordOf(const Context& ctx, containerd::Container& container) {
  auto info = container.Info(ctx, {WithoutRefreshedMetadata});
  if (!info.ok()) return errdefs::Annotate(info.status(), "failed to retrieve metadata");
  auto spec = typeurl::UnmarshalAny<specs::Spec>(info->spec);
  if (!spec.ok()) {
    return errdefs::Annotate(
        spec.status(), fmt::format("failed to retrieve spec of container \"{}\"", container.ID()));
  }
  auto root = HostRoot(*spec);
  if (!root.ok()) return root.status();
  Record record{.bundle = info->labels[kBundlePathLabel],
                .host_root = *root,
                .terminal = spec->process.has_value() && spec->process->terminal,
                .runtime = info->runtime.name};
  if (!record.bundle.starts_with('/')) {
    return errdefs::FailedPrecondition(
        fmt::format("container \"{}\" has no bundle: its label {} is \"{}\"", container.ID(),
                    kBundlePathLabel, record.bundle));
  }
  return record;
}

}  // namespace containerd::libcontainerd
