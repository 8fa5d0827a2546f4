// SPDX-License-Identifier: Apache-2.0
//
// What a test is told by its environment.
#ifndef CONTAINERD_SRC_TESTING_INTERNAL_ENVIRONMENT_H_
#define CONTAINERD_SRC_TESTING_INTERNAL_ENVIRONMENT_H_

#include <cstdlib>
#include <string>

namespace containerd::testing::internal {

// "" if there is no such variable.
inline std::string Env(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): tests set none
  return value != nullptr ? value : "";
}

}  // namespace containerd::testing::internal

#endif  // CONTAINERD_SRC_TESTING_INTERNAL_ENVIRONMENT_H_
