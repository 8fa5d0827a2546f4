// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_THREADS_INTERNAL_ABANDON_H_
#define CONTAINERD_SRC_THREADS_INTERNAL_ABANDON_H_

#include <thread>

#include "containerd/export/export.h"

namespace containerd::threads {

// Forgets a thread that a forked child has inherited the handle of, and not the thread: its number
// may be another's by now, so it can be neither joined nor detached.
CONTAINERD_SIBLING void Abandon(std::thread thread);

}  // namespace containerd::threads

#endif  // CONTAINERD_SRC_THREADS_INTERNAL_ABANDON_H_
