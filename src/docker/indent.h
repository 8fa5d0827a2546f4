// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_DOCKER_INDENT_H_
#define CONTAINERD_SRC_DOCKER_INDENT_H_

#include <string>
#include <string_view>

namespace containerd::remotes::docker {

// Compact JSON as Go's MarshalIndent lays it out, with three spaces.
std::string Indent(std::string_view json);

}  // namespace containerd::remotes::docker

#endif  // CONTAINERD_SRC_DOCKER_INDENT_H_
