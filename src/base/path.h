// SPDX-License-Identifier: Apache-2.0
//
// Slash-separated paths as Go's package path treats them, without looking at any file.
#ifndef CONTAINERD_SRC_BASE_PATH_H_
#define CONTAINERD_SRC_BASE_PATH_H_

#include <initializer_list>
#include <string>
#include <string_view>

namespace containerd::base {

// The shortest equal path: no ".", no "//", no trailing "/", and ".." only at the start of a
// relative path. An empty path is ".". Source: path.Clean.
std::string CleanPath(std::string_view path);

// CleanPath of the parts with "/" between them; empty parts are left out. Source: path.Join.
std::string JoinPath(std::initializer_list<std::string_view> parts);

}  // namespace containerd::base

#endif  // CONTAINERD_SRC_BASE_PATH_H_
