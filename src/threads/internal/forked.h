// SPDX-License-Identifier: Apache-2.0
//
// A fork takes along the memory of a process and none of its threads. What needs threads, or shares
// a connection with the parent, is of no use in the child: calls fail there, and destructors leave
// alone what is the parent's.
#ifndef CONTAINERD_SRC_THREADS_INTERNAL_FORKED_H_
#define CONTAINERD_SRC_THREADS_INTERNAL_FORKED_H_

#include <string_view>

#include <absl/status/status.h>

#include "containerd/export/export.h"

namespace containerd::threads {

// How many forks lie between this process and the one that loaded the library. Costs no system
// call.
CONTAINERD_SIBLING unsigned Forks();

// Remembers which process made it.
class Owner {
 public:
  // Whether this is a child of that process.
  bool Forked() const { return forks_ != Forks(); }

  // ErrFailedPrecondition in a child; `what` names what is the parent's.
  absl::Status Check(std::string_view what) const {
    return Forked() ? Refuse(what) : absl::OkStatus();
  }

  CONTAINERD_SIBLING static absl::Status Refuse(std::string_view what);

 private:
  unsigned forks_ = Forks();
};

}  // namespace containerd::threads

#endif  // CONTAINERD_SRC_THREADS_INTERNAL_FORKED_H_
