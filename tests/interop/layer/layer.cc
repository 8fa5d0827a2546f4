// SPDX-License-Identifier: Apache-2.0
//
// Writes what folder B has over folder A, or all of B, to standard output as a layer.
//
//   layer A B        layer "" B
#include <iostream>
#include <string>
#include <unistd.h>

#include "containerd/archive/diff.h"
#include "containerd/context/context.h"
#include "containerd/io/io.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: layer A B\n";
    return 2;
  }
  containerd::io::FileWriter output(STDOUT_FILENO);
  const absl::Status s = containerd::archive::WriteDiff(containerd::Context::Background(), output,
                                                        argv[1], argv[2]);  // NOLINT: as they are
  if (s.ok()) return 0;
  std::cerr << s << "\n";
  return 1;
}
