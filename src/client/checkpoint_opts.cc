// SPDX-License-Identifier: Apache-2.0
#include "containerd/checkpoint.h"
#include "containerd/containers/containers.h"
#include "containerd/images/mediatypes.h"
#include "containerd/option/option.h"

#include "checkpoint_index.h"
#include "checkpoint_runc.h"

namespace containerd {

constinit const option::Plain<CheckpointOpt> WithCheckpointImage(
    [](const Context& ctx, Client& client, const containers::Container& container,
       ocispec::Index* index, CheckpointOptions* /*options*/) -> absl::Status {
      return internal::AddImage(ctx, client, container.image, index);
    });

constinit const option::Plain<CheckpointOpt> WithCheckpointTask(
    [](const Context& ctx, Client& client, const containers::Container& container,
       ocispec::Index* index, CheckpointOptions* options) -> absl::Status {
      auto any = internal::PackCheckpointOptions({}, *options);
      if (!any.ok()) return any.status();
      if (auto added = internal::AddTask(ctx, client, container.id, {}, *any, index); !added.ok()) {
        return added.status();
      }
      return internal::AddMessage(ctx, client, images::kMediaTypeContainerd1CheckpointOptions,
                                  container.id + "-checkpoint-options", *any, index);
    });

constinit const option::Plain<CheckpointOpt> WithCheckpointRuntime(
    [](const Context& ctx, Client& client, const containers::Container& container,
       ocispec::Index* index, CheckpointOptions* /*options*/) -> absl::Status {
      if (container.runtime.options.value.empty()) return absl::OkStatus();
      return internal::AddMessage(
          ctx, client, images::kMediaTypeContainerd1CheckpointRuntimeOptions,
          container.id + "-runtime-options", container.runtime.options, index);
    });

constinit const option::Plain<CheckpointOpt> WithCheckpointRW(
    [](const Context& ctx, Client& client, const containers::Container& container,
       ocispec::Index* index, CheckpointOptions* /*options*/) -> absl::Status {
      return internal::AddDiff(ctx, client, container.snapshotter, container.snapshot_key, index);
    });

constinit const option::Plain<CheckpointOpt> WithCheckpointTaskExit(
    [](const Context& /*ctx*/, Client& /*client*/, const containers::Container& /*container*/,
       ocispec::Index* /*index*/, CheckpointOptions* options) -> absl::Status {
      options->exit = true;
      return absl::OkStatus();
    });

}  // namespace containerd
