// SPDX-License-Identifier: Apache-2.0
#include "draft.h"

#include <utility>
#include <vector>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"

#include "src/base/mutex.h"
#include "src/errdefs/internal/guard.h"

namespace containerd::internal {

struct ContainerDraft::Notes {
  struct Made {
    std::shared_ptr<snapshots::Snapshotter> snapshotter;
    std::string key;
  };

  base::Mutex mu;
  std::vector<Made> made ABSL_GUARDED_BY(mu);
};

ContainerDraft::ContainerDraft() : notes_(std::make_shared<Notes>()) {}

Context ContainerDraft::In(const Context& ctx) const { return WithValue(ctx, notes_); }

void ContainerDraft::RemoveSnapshots(const Context& ctx) {
  std::vector<Notes::Made> made;
  {
    const base::MutexLock lock(notes_->mu);
    made = std::exchange(notes_->made, {});
  }
  for (auto it = made.rbegin(); it != made.rend(); ++it) {
    absl::Status removed =
        errdefs::Guard("a snapshotter", [&] { return it->snapshotter->Remove(ctx, it->key); });
    if (!removed.ok() && !errdefs::IsNotFound(removed)) {
      log::Warn(fmt::format("removing snapshot \"{}\" of a container that was not made: {}",
                            it->key, errdefs::Message(removed)));
    }
  }
}

void NoteSnapshot(const Context& ctx, const std::shared_ptr<snapshots::Snapshotter>& snapshotter,
                  const std::string& key) {
  const auto* const notes = ctx.Value<std::shared_ptr<ContainerDraft::Notes>>();
  if (notes == nullptr) return;
  const base::MutexLock lock((*notes)->mu);
  (*notes)->made.push_back({snapshotter, key});
}

}  // namespace containerd::internal
