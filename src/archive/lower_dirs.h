// SPDX-License-Identifier: Apache-2.0
//
// The layers below one that is extracted, for directories that it does not describe.
#ifndef CONTAINERD_SRC_ARCHIVE_LOWER_DIRS_H_
#define CONTAINERD_SRC_ARCHIVE_LOWER_DIRS_H_

#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "attributes.h"
#include "root_dir.h"

namespace containerd::archive {

class LowerDirs {
 public:
  // The nearest one first.
  static absl::StatusOr<LowerDirs> Open(const std::vector<std::string>& paths);

  LowerDirs(LowerDirs&& other) noexcept;
  LowerDirs& operator=(LowerDirs&& other) noexcept;
  ~LowerDirs();

  // Makes a directory of `root` like that of the first layer that has it. No effect if it is none
  // any more.
  absl::Status Inherit(const RootDir& root, const Place& dir, Times times);

 private:
  struct Layer;

  LowerDirs();

  std::vector<std::unique_ptr<Layer>> layers_;
};

}  // namespace containerd::archive

#endif  // CONTAINERD_SRC_ARCHIVE_LOWER_DIRS_H_
