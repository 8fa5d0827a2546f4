// SPDX-License-Identifier: Apache-2.0
//
// Uses the component core alone: prints the version of the daemon whose socket is given, or finds
// out that there is none.
#include <iostream>

#include "containerd/client.h"
#include "containerd/client_opts.h"
#include "containerd/errdefs/errdefs.h"

int main(int argc, char** argv) {
  const bool daemon = argc > 1;
  const auto ctx = containerd::Context::Background();
  absl::StatusOr<containerd::Client> client = containerd::Client::New(
      ctx, daemon ? argv[1] : "/dev/null/containerd.sock",
      {containerd::WithTimeout(daemon ? absl::Seconds(10) : absl::Milliseconds(50))});
  if (!daemon) {
    if (client.ok() || !containerd::errdefs::IsUnavailable(client.status())) return 1;
    std::cout << "no daemon: " << client.status().message() << "\n";
    return 0;
  }
  if (!client.ok()) {
    std::cerr << client.status() << "\n";
    return 1;
  }
  const absl::StatusOr<containerd::Version> version = client->Version(ctx);
  if (!version.ok()) {
    std::cerr << version.status() << "\n";
    return 1;
  }
  std::cout << version->version << "\n";
  return 0;
}
