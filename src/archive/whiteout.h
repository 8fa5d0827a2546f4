// SPDX-License-Identifier: Apache-2.0
//
// The names that stand for something that a layer removes.
#ifndef CONTAINERD_SRC_ARCHIVE_WHITEOUT_H_
#define CONTAINERD_SRC_ARCHIVE_WHITEOUT_H_

#include <string_view>

namespace containerd::archive {

inline constexpr std::string_view kWhiteoutPrefix = ".wh.";
// Everything that lower layers have in the directory.
inline constexpr std::string_view kWhiteoutOpaqueDir = ".wh..wh..opq";

}  // namespace containerd::archive

#endif  // CONTAINERD_SRC_ARCHIVE_WHITEOUT_H_
