// SPDX-License-Identifier: Apache-2.0
//
// Slash-separated paths as Go's package path treats them.
#ifndef CONTAINERD_SRC_REFERENCE_PATH_H_
#define CONTAINERD_SRC_REFERENCE_PATH_H_

#include <optional>
#include <string>
#include <string_view>

namespace containerd::reference {

// Whether the whole of `name` matches a shell pattern of "*" and "?" (neither of which matches
// "/"), "[a-z]", "[^a-z]" and "\c"; nullopt if the pattern is malformed. Source: path.Match.
std::optional<bool> MatchPath(std::string_view pattern, std::string_view name);

}  // namespace containerd::reference

#endif  // CONTAINERD_SRC_REFERENCE_PATH_H_
