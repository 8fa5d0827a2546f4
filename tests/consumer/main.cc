// SPDX-License-Identifier: Apache-2.0
//
// Uses something of each layer, so that headers are found, symbols linked and libraries loaded.
#include <iostream>
#include <string>

#include "containerd/context/context.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/filters/filters.h"
#include "containerd/reference/reference.h"
#include "containerd/services/version/v1/version.grpc.pb.h"
#include "containerd/supervisor/supervisor.h"

int main() {
  const containerd::Context ctx =
      containerd::WithNamespace(containerd::Context::Background(), "consumer");
  if (ctx.Namespace() != "consumer") return 1;
  if (!containerd::errdefs::IsNotFound(containerd::errdefs::NotFound("nothing"))) return 2;
  if (containerd::filters::Parse("name=").ok()) return 3;
  containerd::services::version::v1::VersionResponse version;
  version.set_version("1");
  if (version.SerializeAsString().empty()) return 4;

  // Without a binary there is nothing to start, and nothing is made.
  const auto daemon =
      containerd::supervisor::Start(ctx, "/nonexistent/root", "/nonexistent/state",
                                    {containerd::supervisor::WithBinDir("/nonexistent")});
  if (!containerd::errdefs::IsNotFound(daemon.status())) return 5;

  std::cout << "linked\n";
  return 0;
}
