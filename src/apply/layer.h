// SPDX-License-Identifier: Apache-2.0
//
// Inflating a layer's blob, and finding the directories that mounts refer to.
#ifndef CONTAINERD_SRC_APPLY_LAYER_H_
#define CONTAINERD_SRC_APPLY_LAYER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/apply/apply.h"
#include "containerd/context/context.h"
#include "containerd/io/io.h"
#include "containerd/mount/mount.h"
#include "containerd/ocispec/descriptor.h"

namespace containerd::apply {

struct Overlay {
  std::string upper;
  std::vector<std::string> lower;
};

// The directories of an overlay mount that has an upper directory and no options that change
// whiteouts or owners.
std::optional<Overlay> OverlayOf(const std::vector<mount::Mount>& mounts);

// The directory of a single bind mount that may be written to.
std::optional<std::string> BindOf(const std::vector<mount::Mount>& mounts);

// The directory that a layer for such mounts is extracted to, if they are one of these two.
std::optional<std::string> DirectoryOf(const std::vector<mount::Mount>& mounts);

// An error of local files, as it leaves this package: ErrNotFound and ErrAlreadyExists, which say
// something of the daemon's objects, become ErrUnknown, as the daemon itself answers.
absl::Status OfLocalFiles(const absl::Status& status);

// syncfs(2) of the file system that has the directory.
absl::Status SyncFs(const std::string& dir);

// Most bytes that a layer may unpack to in the directory.
std::int64_t MaxSize(const Options& options, const std::string& dir);

// Inflates and digests `blob` while `extract` reads it, and returns the descriptor of what came
// out. Errors name the layer; ErrResourceExhausted if that is more than `max_size` bytes.
absl::StatusOr<ocispec::Descriptor> Inflate(
    const Context& ctx, const ocispec::Descriptor& desc, io::Reader& blob, std::int64_t max_size,
    const std::function<absl::Status(io::Reader& layer)>& extract);

}  // namespace containerd::apply

#endif  // CONTAINERD_SRC_APPLY_LAYER_H_
