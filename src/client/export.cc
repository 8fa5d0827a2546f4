// SPDX-License-Identifier: Apache-2.0
#include "containerd/client.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/archive.h"
#include "containerd/rpc/connection.h"

#include "src/client/internal/state.h"
#include "src/errdefs/internal/guard.h"

namespace containerd {

absl::Status Client::Export(const Context& ctx, io::Writer& writer,
                            const std::vector<images::archive::ExportOpt>& opts) {
  if (absl::Status s = internal::CheckOpen(*Connection()); !s.ok()) return s;
  return errdefs::Annotate(
      errdefs::Guard("what Export calls",
                     [&] { return images::archive::Export(ctx, *ContentStore(), writer, opts); }),
      "export");
}

}  // namespace containerd
