// SPDX-License-Identifier: Apache-2.0
#include "containerd/future/async.h"

#include "containerd/errdefs/errdefs.h"

#include "src/errdefs/internal/guard.h"

namespace containerd::internal {

absl::Status CallAsync(absl::FunctionRef<void()> fn) {
  return errdefs::Guard("a function of Async", fn);
}

absl::Status NeverRan() {
  return errdefs::Canceled("the executor dropped the function before it ran");
}

}  // namespace containerd::internal
