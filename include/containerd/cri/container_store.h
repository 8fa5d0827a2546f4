// SPDX-License-Identifier: Apache-2.0
//
// The containers and sandboxes that are known, found by their ids, which may be cut short.
//
// Source: pkg/cri/store/container, pkg/cri/store/sandbox.
#ifndef CONTAINERD_CRI_CONTAINER_STORE_H_
#define CONTAINERD_CRI_CONTAINER_STORE_H_

#include <memory>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/cri/metadata.h"
#include "containerd/cri/status.h"
#include "containerd/export/export.h"

namespace containerd::cri {

// A container: what does not change, and its status, which all copies share.
struct ContainerEntry {
  ContainerInfo info{};
  StatusStorage status{};
};

// A sandbox.
struct SandboxEntry {
  SandboxInfo info{};
  SandboxStatus status{};
};

// Entries by id. Copies are the same store; all functions are safe from any thread.
template <typename Entry>
class CONTAINERD_EXPORT EntryStore {
 public:
  EntryStore();

  // ErrAlreadyExists if the id is there, ErrInvalidArgument if it can't be one.
  absl::Status Add(Entry entry);

  // Adds the entry, or replaces the one of its id.
  absl::Status Put(Entry entry);

  // The entry of this id or, if there is none, the only one whose id begins so. ErrNotFound if
  // there is none, ErrInvalidArgument if there are several, or the id is empty.
  absl::StatusOr<Entry> Get(std::string_view id_or_prefix) const;

  // All, by their ids.
  std::vector<Entry> List() const;

  // Removes the one of this very id; it is no error if there is none.
  void Delete(std::string_view id);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

extern template class EntryStore<ContainerEntry>;
extern template class EntryStore<SandboxEntry>;

// Source: containerstore.Store, sandboxstore.Store.
using ContainerStore = EntryStore<ContainerEntry>;
using SandboxStore = EntryStore<SandboxEntry>;

// The container whose PID namespace another container of the sandbox may join
// (NamespaceMode::kTarget). Its id may be cut short. ErrNotFound if there is none;
// ErrFailedPrecondition, where Go has no class, if it is of another sandbox or not running. It may
// end at any time after this. Source: criService.validateTargetContainer.
CONTAINERD_EXPORT absl::StatusOr<ContainerEntry> ValidateTargetContainer(
    const ContainerStore& containers, std::string_view sandbox_id,
    std::string_view target_container_id);

}  // namespace containerd::cri

#endif  // CONTAINERD_CRI_CONTAINER_STORE_H_
