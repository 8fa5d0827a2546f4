// SPDX-License-Identifier: Apache-2.0
//
// The directories that an archive is in the middle of, open, so that no entry walks a whole path.
#ifndef CONTAINERD_SRC_ARCHIVE_OPEN_DIRS_H_
#define CONTAINERD_SRC_ARCHIVE_OPEN_DIRS_H_

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include <absl/functional/function_ref.h>
#include <absl/status/statusor.h>

#include "root_dir.h"
#include "src/base/fd.h"

namespace containerd::archive {

class OpenDirs {
 public:
  struct Directory {
    Place place;
    base::Fd fd;  // O_PATH
  };

  // As many descriptors as a process has to spare for each of several layers at once.
  static constexpr std::size_t kMost = 48;

  // `root` outlives it.
  explicit OpenDirs(const RootDir& root, std::size_t most = kMost) : root_(root), most_(most) {}

  // Finds or makes what is not simply there: `name` in `above` is a link, is missing, or is no
  // directory.
  using Step = absl::FunctionRef<absl::StatusOr<Directory>(const Directory& above,
                                                           const std::string& name, int err)>;

  // The directory that the archive names so, from the nearest one above it that is open. The
  // pointer is good until the next call.
  absl::StatusOr<const Directory*> Reach(std::string_view dir, Step step);

  // Something was removed through which some of them may have been reached. What the last Reach
  // gave stays until the next.
  void Forget() { outdated_ = true; }

 private:
  const Directory& Add(std::string name, Directory dir);

  const RootDir& root_;
  const std::size_t most_;
  std::map<std::string, Directory, std::less<>>
      open_;  // by the names that the archive has for them
  bool outdated_ = false;
};

}  // namespace containerd::archive

#endif  // CONTAINERD_SRC_ARCHIVE_OPEN_DIRS_H_
