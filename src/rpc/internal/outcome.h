// SPDX-License-Identifier: Apache-2.0
//
// What an error of a call says about its effect.
#ifndef CONTAINERD_SRC_RPC_INTERNAL_OUTCOME_H_
#define CONTAINERD_SRC_RPC_INTERNAL_OUTCOME_H_

#include <absl/status/status.h>
#include <absl/time/time.h>

#include "containerd/export/export.h"

namespace containerd::rpc {

// How long a daemon that has been asked is given to begin, and so how long to look after an open
// outcome. Requests are not carried out in the order in which they came.
inline constexpr absl::Duration kOpenOutcome = absl::Seconds(1);

// Whether a call that ended with this error may have done its work all the same, or may still do
// it: the answer was lost, or nobody waited for it. Who clears up after such a call has to look
// first. False for OK, and for the errors that a daemon refuses with.
CONTAINERD_SIBLING bool OutcomeOpen(const absl::Status& status);

}  // namespace containerd::rpc

#endif  // CONTAINERD_SRC_RPC_INTERNAL_OUTCOME_H_
