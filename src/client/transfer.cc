// SPDX-License-Identifier: Apache-2.0
#include "containerd/transfer/transfer.h"

#include "containerd/client.h"

namespace containerd {

absl::Status Client::Transfer(const Context& ctx, const transfer::Object& source,
                              const transfer::Object& destination,
                              const std::vector<transfer::Opt>& opts) {
  auto lease = WithLease(ctx);
  if (!lease.ok()) return lease.status();
  return TransferService()->Transfer(lease->context(), source, destination, opts);
}

}  // namespace containerd
