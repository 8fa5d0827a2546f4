// SPDX-License-Identifier: Apache-2.0
//
// What the small examples share: which daemon, which namespace, and how a failure ends them.
#ifndef CONTAINERD_EXAMPLES_EXAMPLE_H_
#define CONTAINERD_EXAMPLES_EXAMPLE_H_

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "containerd/containerd.h"

namespace example {

using Args = std::vector<std::string>;
using RunFunc = absl::Status (*)(const containerd::Context&, containerd::Client, const Args&);

inline std::string Env(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr || *value == '\0' ? otherwise : value;
}

// Runs an example on the daemon $CONTAINERD_ADDRESS, by default the system's, in the namespace
// $CONTAINERD_NAMESPACE, by default "default".
inline int Main(int argc, char** argv, std::size_t least, const char* usage, RunFunc run) {
  const Args args(argv + 1, argv + argc);
  if (args.size() < least) {
    std::cerr << "usage: " << usage << "\n";
    return 2;
  }
  const containerd::Context ctx =
      containerd::namespaces::NamespaceFromEnv(containerd::Context::Background());
  absl::StatusOr<containerd::Client> client =
      containerd::Client::New(ctx, Env("CONTAINERD_ADDRESS", "/run/containerd/containerd.sock"));
  const absl::Status s = client.ok() ? run(ctx, *client, args) : client.status();
  if (!s.ok()) std::cerr << s << "\n";
  return s.ok() ? 0 : 1;
}

}  // namespace example

#endif  // CONTAINERD_EXAMPLES_EXAMPLE_H_
