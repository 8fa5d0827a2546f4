// SPDX-License-Identifier: Apache-2.0
#include "src/rpc/internal/until_answered.h"

#include <algorithm>
#include <string_view>

#include "containerd/errdefs/errdefs.h"

namespace containerd::rpc {
namespace {

constexpr absl::Duration kFirstRetry = absl::Milliseconds(50);
constexpr absl::Duration kLastRetry = absl::Seconds(2);

}  // namespace

bool IsCutOff(const absl::Status& status) {
  return errdefs::IsUnavailable(status) || errdefs::IsCanceled(status) ||
         // A daemon that is stopping has hung up on its shims.
         (errdefs::IsUnknown(status) &&
          errdefs::Message(status).find("ttrpc: closed") != std::string_view::npos);
}

absl::Duration NextRetryDelay(absl::Duration last) {
  return std::clamp(last * 2, kFirstRetry, kLastRetry);
}

}  // namespace containerd::rpc
