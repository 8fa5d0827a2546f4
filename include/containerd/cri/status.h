// SPDX-License-Identifier: Apache-2.0
//
// How sandboxes and containers are doing, and the checkpoint on disk that a container's status has.
//
// Source: pkg/cri/store/container/status.go, pkg/cri/store/sandbox/status.go.
#ifndef CONTAINERD_CRI_STATUS_H_
#define CONTAINERD_CRI_STATUS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/cri/types.h"
#include "containerd/export/export.h"
#include "containerd/gojson/value.h"

namespace containerd::cri {

// Of CRI. Source: runtime.ContainerState.
enum class ContainerState : std::int32_t { kCreated = 0, kRunning = 1, kExited = 2, kUnknown = 3 };

// "CONTAINER_RUNNING" and its siblings; empty for a number that is none of them. Source:
// criContainerStateToString.
CONTAINERD_EXPORT std::string_view ToString(ContainerState state);
CONTAINERD_EXPORT std::string_view CRIContainerStateToString(ContainerState state);

// Source: runtime.ContainerResources, as far as Linux goes.
struct ContainerResources {
  std::optional<LinuxContainerResources> linux_resources{};  // `linux`
  gojson::Extra extra{};
  friend bool operator==(const ContainerResources&, const ContainerResources&) = default;
};

// A container's. Times are nanoseconds since 1970, 0 if that has not happened. Source:
// containerstore.Status.
struct CONTAINERD_EXPORT ContainerStatus {
  std::uint32_t pid = 0;
  std::int64_t created_at = 0;
  std::int64_t started_at = 0;
  std::int64_t finished_at = 0;
  std::int32_t exit_code = 0;
  std::string reason{};                           // CamelCase, one word
  std::string message{};                          // for people
  std::optional<ContainerResources> resources{};  // since 1.7
  gojson::Extra extra{};                          // of a checkpoint of a later release

  // Not in checkpoints: being started or removed just now, or nothing certain is known.
  bool starting = false;
  bool removing = false;
  bool unknown = false;

  // What follows from the above: unknown first, then the latest thing that happened. Source:
  // Status.State.
  ContainerState State() const;

  friend bool operator==(const ContainerStatus&, const ContainerStatus&) = default;
};

// The status of a container of which nothing is known: exit code 255, reason "Unknown". Source:
// unknownContainerStatus.
CONTAINERD_EXPORT ContainerStatus UnknownContainerStatus();

// Why a container that exited did, for CRI: its reason, or, as the plugin fills in, "Completed" or
// "Error" by its code. Empty if it has not exited. Source: toCRIContainerStatus.
CONTAINERD_EXPORT std::string ExitReason(const ContainerStatus& status);

// Of a sandbox. CRI knows the first two only; what is unknown is SANDBOX_NOTREADY there.
enum class SandboxState : std::int32_t { kReady = 0, kNotReady = 1, kUnknown = 2 };

// "SANDBOX_READY" and its siblings. Source: State.String.
CONTAINERD_EXPORT std::string_view ToString(SandboxState state);

// The state of a sandbox, as the plugin keeps it.
struct SandboxStatus {
  std::uint32_t pid = 0;
  absl::Time created_at = absl::UnixEpoch();
  SandboxState state = SandboxState::kUnknown;
  friend bool operator==(const SandboxStatus&, const SandboxStatus&) = default;
};

// Source: unknownSandboxStatus.
CONTAINERD_EXPORT SandboxStatus UnknownSandboxStatus();

// A status as its checkpoint has it: JSON with the version "v1". DecodeContainerStatus gives
// ErrInvalidArgument for what is no such JSON, and ErrNotImplemented for another version. Source:
// Status.encode, Status.decode.
CONTAINERD_EXPORT std::string EncodeContainerStatus(const ContainerStatus& status);
CONTAINERD_EXPORT absl::StatusOr<ContainerStatus> DecodeContainerStatus(std::string_view json);

// The checkpoint in a container's root folder, a file "status" of mode 0600. ErrNotFound if there
// is none; errors name the file. Source: containerstore.LoadStatus.
CONTAINERD_EXPORT absl::StatusOr<ContainerStatus> LoadContainerStatus(const std::string& root);

// A container's status, which several threads may read and change; with a root folder it has a
// checkpoint there. Copies are the same status.
//
// A checkpoint is replaced at once: whatever happens to the process or the machine while it is
// written, afterwards there is the old one or the new one, and both are whole. The only thing that
// may be left is the file "status.new", which the next write uses up. One process at a time may
// write into a folder. Source: containerstore.StatusStorage.
class CONTAINERD_EXPORT StatusStorage {
 public:
  // Changes a status, or says why not. It may read the storage, but not change it.
  using UpdateFunc = std::function<absl::Status(ContainerStatus& status)>;

  // A status without a checkpoint.
  explicit StatusStorage(ContainerStatus status = {});

  // Writes the first checkpoint. Source: StoreStatus.
  static absl::StatusOr<StatusStorage> Store(const std::string& root, ContainerStatus status);

  // A status that has a checkpoint in `root`, which is not written now.
  static StatusStorage At(std::string root, ContainerStatus status);

  ContainerStatus Get() const;

  // Changes the status in memory. An error of `update` leaves it as it was, and is returned.
  absl::Status Update(const UpdateFunc& update);

  // The same, and writes the checkpoint first: if that fails the status is as it was. Without a
  // root folder ErrFailedPrecondition.
  absl::Status UpdateSync(const UpdateFunc& update);

  // Removes the checkpoint; the status in memory stays. It is no error if there is none.
  absl::Status Delete();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace containerd::cri

#endif  // CONTAINERD_CRI_STATUS_H_
