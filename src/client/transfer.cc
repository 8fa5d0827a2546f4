// SPDX-License-Identifier: Apache-2.0
#include "containerd/transfer/transfer.h"

#include "containerd/client.h"
#include "containerd/rpc/connection.h"

#include "src/client/internal/state.h"
#include "src/errdefs/internal/guard.h"

namespace containerd {

absl::Status Client::Transfer(const Context& ctx, const transfer::Object& source,
                              const transfer::Object& destination,
                              const std::vector<transfer::Opt>& opts) {
  if (absl::Status s = internal::CheckOpen(*Connection()); !s.ok()) return s;
  auto lease = WithLease(ctx);
  if (!lease.ok()) return lease.status();
  return errdefs::Guard("what Transfer calls", [&] {
    return TransferService()->Transfer(lease->context(), source, destination, opts);
  });
}

}  // namespace containerd
