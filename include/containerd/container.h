// SPDX-License-Identifier: Apache-2.0
//
// A container: the record of what to run. What runs is its Task.
//
//   absl::StatusOr<Container> web = client.NewContainer(
//       ctx, "web",
//       {WithNewSnapshot("web", image), WithNewSpec({oci::WithImageConfig(image)})});
//   if (!web.ok()) return web.status();
//   absl::StatusOr<Task> task = web->NewTask(ctx, cio::NewCreator({cio::WithStdio()}));
//
// Source: client/container.go.
#ifndef CONTAINERD_CONTAINER_H_
#define CONTAINERD_CONTAINER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/base/attributes.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/cio/cio.h"
#include "containerd/client.h"
#include "containerd/container_opts_fwd.h"
#include "containerd/containers/containers.h"
#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/labels/labels.h"
#include "containerd/option/option.h"
#include "containerd/specs/spec.h"
#include "containerd/task.h"
#include "containerd/typeurl/any.h"

namespace containerd {

class Image;
struct CheckpointOptions;
namespace ocispec {
struct Index;
}

// Adds a part of the container to the index of a checkpoint, or changes how its task is
// checkpointed by options after it. See containerd/checkpoint.h.
using CheckpointOpt = option::Option<const Context&, Client&, const containers::Container&,
                                     ocispec::Index&, CheckpointOptions&>;
using CheckpointOpts = CheckpointOpt;  // as Go calls it

// How Container::Info does it. Source: client.InfoConfig.
struct InfoConfig {
  bool refresh = true;  // ask the daemon
};

using InfoOpt = option::Option<InfoConfig&>;
using InfoOpts = InfoOpt;  // as Go calls it

// Is an option: returns the record that the handle has, without asking the daemon.
CONTAINERD_EXPORT extern const option::Plain<InfoOpt> WithoutRefreshedMetadata;

// Runs before a container's record is deleted.
using DeleteOpt = option::Option<const Context&, Client&, const containers::Container&>;
using DeleteOpts = DeleteOpt;  // as Go calls it

// Is an option: removes the container's snapshot too.
CONTAINERD_EXPORT extern const option::Plain<DeleteOpt> WithSnapshotCleanup;

// Changes a container's record.
using UpdateContainerOpt = option::Option<const Context&, Client&, containers::Container&>;
using UpdateContainerOpts = UpdateContainerOpt;  // as Go calls it

// A handle: copies are the same container. All functions are safe from any thread, and ErrNotFound
// once the container has been deleted. A container that goes out of scope stays where it is.
class CONTAINERD_EXPORT Container {
 public:
  // A move is a copy, so that there is no moved-from handle to trip over.
  Container(const Container&) = default;
  Container& operator=(const Container&) = default;

  const std::string& ID() const ABSL_ATTRIBUTE_LIFETIME_BOUND;

  // The container's record, from the daemon unless WithoutRefreshedMetadata.
  absl::StatusOr<containers::Container> Info(const Context& ctx,
                                             const std::vector<InfoOpt>& opts = {});

  // The labels, asked from the daemon. Source: Container.Labels.
  absl::StatusOr<containerd::Labels> Labels(const Context& ctx);

  // Sets these labels and leaves others alone; an empty value removes a label. Returns all.
  // ErrInvalidArgument names a label that is too long.
  absl::StatusOr<containerd::Labels> SetLabels(const Context& ctx,
                                               const containerd::Labels& labels);

  // The runtime spec, asked from the daemon. ErrInvalidArgument if the record's spec cannot be
  // read. Source: Container.Spec.
  absl::StatusOr<specs::Spec> Spec(const Context& ctx);

  // The clients' own metadata, asked from the daemon. Source: Container.Extensions.
  absl::StatusOr<std::map<std::string, typeurl::Any>> Extensions(const Context& ctx);

  // The image that the container was made from; ErrNotFound if it was made from none, or it is
  // gone.
  absl::StatusOr<containerd::Image> Image(const Context& ctx);

  // Gets the record, lets the options change it, and stores it.
  absl::Status Update(const Context& ctx, const std::vector<UpdateContainerOpt>& opts);

  // Creates the container's task, with the streams that `creator` makes; Start runs it. On failure
  // the streams are closed. ErrAlreadyExists if the container has a task.
  absl::StatusOr<containerd::Task> NewTask(const Context& ctx, const cio::Creator& creator,
                                           const std::vector<NewTaskOpt>& opts = {});

  // The container's task, attached to its streams if `attach` is given. ErrNotFound if it has none.
  absl::StatusOr<containerd::Task> Task(const Context& ctx, const cio::Attach& attach = nullptr);

  // Makes an image named `ref` of the parts of the container that the options add (see
  // containerd/checkpoint.h); its task is not paused. ErrNotFound for a container that was made
  // from no image, ErrAlreadyExists if there is an image of that name.
  absl::StatusOr<containerd::Image> Checkpoint(const Context& ctx, std::string_view ref,
                                               const std::vector<CheckpointOpt>& opts = {});

  // Creates the container's task of a checkpoint in a folder of the daemon's machine, as CRI does,
  // and returns the process's pid. Since daemon 2.1; older ones know no such checkpoint. The
  // streams live as long as this handle and its copies; on failure they are closed.
  absl::StatusOr<std::uint32_t> Restore(const Context& ctx, const cio::Creator& creator,
                                        std::string_view root_dir);

  // Deletes the record. ErrFailedPrecondition while there is a task.
  absl::Status Delete(const Context& ctx, const std::vector<DeleteOpt>& opts = {});

 private:
  friend class Client;
  struct State;
  Container(const Client& client, containers::Container record);

  absl::StatusOr<containers::Container> Get(const Context& ctx);
  absl::StatusOr<std::vector<mount::Mount>> RootFS(const Context& ctx,
                                                   const containers::Container& record);

  std::shared_ptr<State> state_;
};

}  // namespace containerd

#endif  // CONTAINERD_CONTAINER_H_
