// SPDX-License-Identifier: Apache-2.0
#include "containerd/cri/container_store.h"

#include <functional>
#include <map>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "containerd/cri/trunc_index.h"
#include "containerd/errdefs/errdefs.h"

#include "src/base/escape.h"
#include "src/base/mutex.h"

namespace containerd::cri {

template <typename Entry>
struct EntryStore<Entry>::State {
  mutable base::Mutex mu;
  TruncIndex ids ABSL_GUARDED_BY(mu);
  std::map<std::string, Entry, std::less<>> entries ABSL_GUARDED_BY(mu);
};

template <typename Entry>
EntryStore<Entry>::EntryStore() : state_(std::make_shared<State>()) {}

template <typename Entry>
absl::Status EntryStore<Entry>::Add(Entry entry) {
  const base::MutexLock lock(state_->mu);
  if (absl::Status s = state_->ids.Add(entry.info.id); !s.ok()) return s;
  std::string id = entry.info.id;
  state_->entries.insert_or_assign(std::move(id), std::move(entry));
  return absl::OkStatus();
}

template <typename Entry>
absl::Status EntryStore<Entry>::Put(Entry entry) {
  const base::MutexLock lock(state_->mu);
  const auto found = state_->entries.find(entry.info.id);
  if (found != state_->entries.end()) {
    found->second = std::move(entry);
    return absl::OkStatus();
  }
  if (absl::Status s = state_->ids.Add(entry.info.id); !s.ok()) return s;
  std::string id = entry.info.id;
  state_->entries.insert_or_assign(std::move(id), std::move(entry));
  return absl::OkStatus();
}

template <typename Entry>
absl::StatusOr<Entry> EntryStore<Entry>::Get(std::string_view id_or_prefix) const {
  const base::MutexLock lock(state_->mu);
  absl::StatusOr<std::string> id = state_->ids.Get(id_or_prefix);
  if (!id.ok()) return id.status();
  return state_->entries.find(*id)->second;
}

template <typename Entry>
std::vector<Entry> EntryStore<Entry>::List() const {
  const base::MutexLock lock(state_->mu);
  std::vector<Entry> all;
  for (const auto& [id, entry] : state_->entries) all.push_back(entry);
  return all;
}

template <typename Entry>
void EntryStore<Entry>::Delete(std::string_view id) {
  const base::MutexLock lock(state_->mu);
  const auto found = state_->entries.find(id);
  if (found == state_->entries.end()) return;
  state_->entries.erase(found);
  static_cast<void>(state_->ids.Delete(id));
}

template class CONTAINERD_EXPORT EntryStore<ContainerEntry>;
template class CONTAINERD_EXPORT EntryStore<SandboxEntry>;

absl::StatusOr<ContainerEntry> ValidateTargetContainer(const ContainerStore& containers,
                                                       std::string_view sandbox_id,
                                                       std::string_view target_container_id) {
  const std::string target = base::Quote(target_container_id);
  absl::StatusOr<ContainerEntry> found = containers.Get(target_container_id);
  if (!found.ok()) {
    if (!errdefs::IsNotFound(found.status())) return found.status();
    return errdefs::Annotate(found.status(), fmt::format("container {} does not exist", target));
  }
  if (found->info.sandbox_id != sandbox_id) {
    return errdefs::FailedPrecondition(
        fmt::format("container {} (sandbox {}) does not belong to sandbox {}", target,
                    found->info.sandbox_id, base::Quote(sandbox_id)));
  }
  if (const ContainerState state = found->status.Get().State(); state != ContainerState::kRunning) {
    return errdefs::FailedPrecondition(fmt::format("container {} is not running - in state {}",
                                                   target, CRIContainerStateToString(state)));
  }
  return found;
}

}  // namespace containerd::cri
