// SPDX-License-Identifier: Apache-2.0
//
// Slash-separated paths as Go's package path treats them, without looking at any file.
#ifndef CONTAINERD_SRC_BASE_PATH_H_
#define CONTAINERD_SRC_BASE_PATH_H_

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace containerd::base {

// The shortest equal path: no ".", no "//", no trailing "/", and ".." only at the start of a
// relative path. An empty path is ".". Source: path.Clean.
std::string CleanPath(std::string_view path);

// CleanPath of the parts with "/" between them; empty parts are left out. Source: path.Join.
std::string JoinPath(std::initializer_list<std::string_view> parts);

// Whether the whole of `name` matches a shell pattern of "*" and "?" (neither of which matches
// "/"), "[a-z]", "[^a-z]" and "\c"; nullopt if the pattern is malformed. Source: path.Match.
std::optional<bool> MatchPath(std::string_view pattern, std::string_view name);

}  // namespace containerd::base

#endif  // CONTAINERD_SRC_BASE_PATH_H_
