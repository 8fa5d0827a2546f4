// SPDX-License-Identifier: Apache-2.0
//
// What options make on the way to a container, to be taken back if there will be none.
#ifndef CONTAINERD_SRC_CLIENT_DRAFT_H_
#define CONTAINERD_SRC_CLIENT_DRAFT_H_

#include <memory>
#include <string>

#include "containerd/context/context.h"
#include "containerd/snapshots/snapshots.h"

namespace containerd::internal {

// Collects the snapshots that NoteSnapshot names. One thread at a time may use the draft itself.
class ContainerDraft {
 public:
  ContainerDraft();

  // `ctx` for the options: NoteSnapshot under it notes the snapshot here.
  Context In(const Context& ctx) const;

  // Removes those snapshots, so that their names are free at once. What cannot be removed is logged
  // and goes to the daemon's collector. The lease does not tell which snapshots these are: the
  // daemon also adds a snapshot to it that existed before, when its name was asked for.
  void RemoveSnapshots(const Context& ctx);

 private:
  friend void NoteSnapshot(const Context& ctx,
                           const std::shared_ptr<snapshots::Snapshotter>& snapshotter,
                           const std::string& key);
  struct Notes;

  const std::shared_ptr<Notes> notes_;
};

// Says that an option has made the snapshot `key`, as opposed to having found it. `ctx` is the
// option's; does nothing when there is no draft in it.
void NoteSnapshot(const Context& ctx, const std::shared_ptr<snapshots::Snapshotter>& snapshotter,
                  const std::string& key);

}  // namespace containerd::internal

#endif  // CONTAINERD_SRC_CLIENT_DRAFT_H_
