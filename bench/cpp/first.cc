// SPDX-License-Identifier: Apache-2.0
//
//   bench_first <address>
//
// A program that asks one thing of the daemon, on component core and nothing else: what loading the
// library and connecting costs. Prints what the kernel says of its memory.
#include <fstream>
#include <iostream>

#include "containerd/client.h"

int main(int argc, char** argv) {
  const containerd::Context ctx = containerd::Context::Background();
  auto client = containerd::Client::New(ctx, argc > 1 ? argv[1] : "");
  if (!client.ok()) return 1;
  const auto version = client->Version(ctx);
  if (!version.ok()) return 1;
  std::cout << version->version << "\n" << std::ifstream("/proc/self/status").rdbuf();
  return 0;
}
