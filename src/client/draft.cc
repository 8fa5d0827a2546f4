// SPDX-License-Identifier: Apache-2.0
#include "draft.h"

#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"

namespace containerd::internal {
namespace {

struct Made {
  std::shared_ptr<snapshots::Snapshotter> snapshotter;
  std::string key;
};

struct Drafts {
  std::mutex mu;
  std::map<const containers::Container*, std::vector<Made>> made;
};

// Never destroyed: threads may outlive main.
Drafts& All() {
  static auto* const drafts = new Drafts;
  return *drafts;
}

}  // namespace

ContainerDraft::ContainerDraft(const containers::Container* record) : record_(record) {
  const std::lock_guard lock(All().mu);
  All().made[record_];
}

ContainerDraft::~ContainerDraft() {
  const std::lock_guard lock(All().mu);
  All().made.erase(record_);
}

void ContainerDraft::RemoveSnapshots(const Context& ctx) {
  std::vector<Made> made;
  {
    const std::lock_guard lock(All().mu);
    made = std::exchange(All().made[record_], {});
  }
  for (auto it = made.rbegin(); it != made.rend(); ++it) {
    absl::Status removed = it->snapshotter->Remove(ctx, it->key);
    if (!removed.ok() && !errdefs::IsNotFound(removed)) {
      log::Warn(fmt::format("removing snapshot \"{}\" of a container that was not made: {}",
                            it->key, errdefs::Message(removed)));
    }
  }
}

void NoteSnapshot(const containers::Container* record,
                  const std::shared_ptr<snapshots::Snapshotter>& snapshotter,
                  const std::string& key) {
  const std::lock_guard lock(All().mu);
  if (auto found = All().made.find(record); found != All().made.end()) {
    found->second.push_back({snapshotter, key});
  }
}

}  // namespace containerd::internal
