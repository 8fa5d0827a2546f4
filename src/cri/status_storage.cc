// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include <fmt/format.h>

#include "containerd/cri/status.h"
#include "containerd/errdefs/errdefs.h"

#include "atomic_file.h"
#include "src/base/mutex.h"
#include "src/errdefs/internal/guard.h"

namespace containerd::cri {
namespace {

constexpr char kStatusFile[] = "status";

absl::Status WriteCheckpoint(const std::string& root, const ContainerStatus& status) {
  return errdefs::Annotate(WriteFileAtomically(root, kStatusFile, EncodeContainerStatus(status)),
                           "checkpoint of a container's status");
}

}  // namespace

struct StatusStorage::State {
  State(std::string folder, ContainerStatus first)
      : root(std::move(folder)), status(std::move(first)) {}

  const std::string root;  // empty: no checkpoint
  // Held while a change is made, checkpoint and all, so that changes come one after the other.
  base::Mutex changing;
  base::Mutex mu;
  ContainerStatus status ABSL_GUARDED_BY(mu);

  // Has `update` change a copy, `keep` keep it, and then makes it the status.
  template <typename Keep>
  absl::Status Change(const UpdateFunc& update, const Keep& keep) {
    const base::MutexLock one_at_a_time(changing);
    ContainerStatus changed;
    {
      const base::MutexLock lock(mu);
      changed = status;
    }
    if (absl::Status s = errdefs::Guard("an update of a container's status", update, changed);
        !s.ok()) {
      return s;
    }
    if (absl::Status s = keep(changed); !s.ok()) return s;
    const base::MutexLock lock(mu);
    status = std::move(changed);
    return absl::OkStatus();
  }
};

absl::StatusOr<ContainerStatus> LoadContainerStatus(const std::string& root) {
  const std::string path = fmt::format("{}/{}", root, kStatusFile);
  absl::StatusOr<std::string> json = ReadSmallFile(path);
  if (!json.ok()) return json.status();
  absl::StatusOr<ContainerStatus> status = DecodeContainerStatus(*json);
  if (!status.ok()) return errdefs::Annotate(status.status(), path);
  return status;
}

StatusStorage::StatusStorage(ContainerStatus status)
    : state_(std::make_shared<State>("", std::move(status))) {}

absl::StatusOr<StatusStorage> StatusStorage::Store(const std::string& root,
                                                   ContainerStatus status) {
  if (absl::Status s = WriteCheckpoint(root, status); !s.ok()) return s;
  return At(root, std::move(status));
}

StatusStorage StatusStorage::At(std::string root, ContainerStatus status) {
  StatusStorage storage;
  storage.state_ = std::make_shared<State>(std::move(root), std::move(status));
  return storage;
}

ContainerStatus StatusStorage::Get() const {
  const base::MutexLock lock(state_->mu);
  return state_->status;
}

absl::Status StatusStorage::Update(const UpdateFunc& update) {
  return state_->Change(update, [](const ContainerStatus&) { return absl::OkStatus(); });
}

absl::Status StatusStorage::UpdateSync(const UpdateFunc& update) {
  if (state_->root.empty()) {
    return errdefs::FailedPrecondition("the container's status has no checkpoint");
  }
  return state_->Change(update, [this](const ContainerStatus& status) {
    return WriteCheckpoint(state_->root, status);
  });
}

absl::Status StatusStorage::Delete() {
  if (state_->root.empty()) return absl::OkStatus();
  const base::MutexLock one_at_a_time(state_->changing);
  return RemoveAtomicFile(state_->root, kStatusFile);
}

}  // namespace containerd::cri
