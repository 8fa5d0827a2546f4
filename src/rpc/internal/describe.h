// SPDX-License-Identifier: Apache-2.0
//
// What stores' proxies say about calls that failed.
#ifndef CONTAINERD_SRC_RPC_INTERNAL_DESCRIBE_H_
#define CONTAINERD_SRC_RPC_INTERNAL_DESCRIBE_H_

#include <string_view>

#include <absl/status/status.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::rpc {

// `status` as it is if its message names `id` already, as the daemon's messages mostly do; else
// `<what> "<id>": <message>`, of the same class.
inline absl::Status Describe(const absl::Status& status, std::string_view what,
                             std::string_view id) {
  if (status.ok()) return status;
  if (!id.empty() && errdefs::Message(status).find(id) != std::string_view::npos) return status;
  return errdefs::Annotate(status, fmt::format("{} \"{}\"", what, id));
}

}  // namespace containerd::rpc

#endif  // CONTAINERD_SRC_RPC_INTERNAL_DESCRIBE_H_
