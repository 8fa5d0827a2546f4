// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_BASE_LOOK_PATH_H_
#define CONTAINERD_SRC_BASE_LOOK_PATH_H_

#include <string>
#include <string_view>

#include <absl/status/statusor.h>

namespace containerd::base {

// Which folders of a PATH are looked into; empty ones never are.
enum class Folders { kAll, kAbsolute };

// The path of the first file of that name that may be executed, in folders with colons between
// them; "" if there is none.
std::string FindProgram(std::string_view folders, std::string_view name,
                        Folders which = Folders::kAll);

// The path of a program: `name` itself if it has a slash, else what PATH finds in its absolute
// directories. ErrNotFound, which names it, if there is no such file that may be executed. Source:
// exec.LookPath.
absl::StatusOr<std::string> LookPath(std::string_view name);

}  // namespace containerd::base

#endif  // CONTAINERD_SRC_BASE_LOOK_PATH_H_
