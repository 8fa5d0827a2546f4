// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_OCI_ENV_H_
#define CONTAINERD_SRC_OCI_ENV_H_

#include <string>
#include <vector>

namespace containerd::oci {

inline constexpr char kDefaultUnixPath[] =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// `defaults` with each "NAME=value" of `overrides` in the place of that name, or at the end, and
// without the names that `overrides` has no value for.
std::vector<std::string> ReplaceOrAppendEnvValues(const std::vector<std::string>& defaults,
                                                  const std::vector<std::string>& overrides);

}  // namespace containerd::oci

#endif  // CONTAINERD_SRC_OCI_ENV_H_
