// SPDX-License-Identifier: Apache-2.0
//
// A directory and what is below it, with names resolved as if it were the root of everything.
#ifndef CONTAINERD_SRC_ARCHIVE_ROOT_DIR_H_
#define CONTAINERD_SRC_ARCHIVE_ROOT_DIR_H_

#include <string>
#include <string_view>
#include <sys/stat.h>
#include <utility>

#include <absl/status/statusor.h>

#include "src/base/fd.h"

namespace containerd::archive {

// A place in a root: the names from there on, joined by "/", without links; "" is the root itself.
using Place = std::string;

Place Join(std::string_view place, std::string_view name);

// Up to and with the last "/", and what comes after it. Source: Go's path.Split.
std::pair<std::string_view, std::string_view> Split(std::string_view name);

// Opens a directory in another (O_PATH), and errno otherwise; no link is followed.
base::Fd OpenDirAt(int parent, const std::string& name);

class RootDir {
 public:
  static absl::StatusOr<RootDir> Open(const std::string& path);

  // Where `name` leads to: links are followed inside the root, and what does not exist stands for
  // itself. ErrInvalidArgument for more than 255 links. Source: continuity's fs.RootPath.
  absl::StatusOr<Place> Resolve(std::string_view name) const;

  // lstat(2). 0, or errno.
  int Stat(const Place& place, struct stat* st) const;

  // As OpenDirAt, component by component.
  base::Fd OpenDir(const Place& place) const;

  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }
  std::string PathOf(const Place& place) const;

 private:
  RootDir(std::string path, base::Fd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  std::string path_;
  base::Fd fd_;
};

}  // namespace containerd::archive

#endif  // CONTAINERD_SRC_ARCHIVE_ROOT_DIR_H_
