// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_LIBCONTAINERD_RECORD_H_
#define CONTAINERD_SRC_LIBCONTAINERD_RECORD_H_

#include <string>

#include <absl/status/statusor.h>

#include "containerd/container.h"
#include "containerd/context/context.h"
#include "containerd/userns/userns.h"

namespace containerd::libcontainerd {

// What making a process needs to know of its container.
struct Record {
  std::string bundle{};
  userns::User host_root{};
  bool terminal = false;  // of the first process
  std::string runtime{};
};

// From the record that the handle has, as nothing of it changes. ErrFailedPrecondition without a
// bundle.
absl::StatusOr<Record> RecordOf(const Context& ctx, containerd::Container& container);

}  // namespace containerd::libcontainerd

#endif  // CONTAINERD_SRC_LIBCONTAINERD_RECORD_H_
