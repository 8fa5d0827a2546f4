// SPDX-License-Identifier: Apache-2.0
//
// What options make on the way to a container, to be taken back if there will be none.
#ifndef CONTAINERD_SRC_CLIENT_DRAFT_H_
#define CONTAINERD_SRC_CLIENT_DRAFT_H_

#include <memory>
#include <string>

#include "containerd/containers/containers.h"
#include "containerd/context/context.h"
#include "containerd/snapshots/snapshots.h"

namespace containerd::internal {

// While it lives, NoteSnapshot collects the snapshots made for the record that it was given.
class ContainerDraft {
 public:
  explicit ContainerDraft(const containers::Container* record);
  ContainerDraft(const ContainerDraft&) = delete;
  ContainerDraft& operator=(const ContainerDraft&) = delete;
  ~ContainerDraft();

  // Removes those snapshots, so that their names are free at once. What cannot be removed is logged
  // and goes to the daemon's collector. The lease does not tell which snapshots these are: the
  // daemon also adds a snapshot to it that existed before, when its name was asked for.
  void RemoveSnapshots(const Context& ctx);

 private:
  const containers::Container* const record_;
};

// Says that an option for `record` has made the snapshot `key`, as opposed to having found it. Does
// nothing when there is no draft of that record.
void NoteSnapshot(const containers::Container* record,
                  const std::shared_ptr<snapshots::Snapshotter>& snapshotter,
                  const std::string& key);

}  // namespace containerd::internal

#endif  // CONTAINERD_SRC_CLIENT_DRAFT_H_
