// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <cstddef>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/userns/userns.h"

#include "src/base/fd.h"

namespace containerd::userns {
namespace {

// What stands at `path` has to be a directory; `link_too`: or a link to one.
absl::Status CheckDirectory(const std::string& path, bool link_too) {
  struct stat st = {};
  const int found = link_too ? ::stat(path.c_str(), &st) : ::lstat(path.c_str(), &st);
  if (found != 0) return errdefs::FromErrno(errno, fmt::format("directory \"{}\"", path));
  if (S_ISDIR(st.st_mode)) return absl::OkStatus();
  return errdefs::FailedPrecondition(
      fmt::format("directory \"{}\": it is {}", path,
                  S_ISLNK(st.st_mode) ? "a symbolic link" : "no directory"));
}

absl::Status Give(const std::string& path, std::uint32_t mode, const User& owner) {
  const base::Fd dir(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!dir || ::fchown(dir.get(), owner.uid, owner.gid) != 0 || ::fchmod(dir.get(), mode) != 0) {
    return errdefs::FromErrno(
        errno, fmt::format("giving directory \"{}\" to {}:{}", path, owner.uid, owner.gid));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<std::string>> MkdirAllAndChown(const std::string& path,
                                                          std::uint32_t mode, const User& owner) {
  if (!path.starts_with('/') || path.find('\0') != std::string::npos) {
    return errdefs::InvalidArgument(fmt::format("directory \"{}\" is no absolute path", path));
  }
  std::vector<std::string> made;
  const auto make = [&]() -> absl::Status {
    for (std::size_t end = 0; end != std::string::npos;) {
      end = path.find('/', end + 1);
      const std::string dir = path.substr(0, end);
      if (dir.ends_with('/')) continue;  // "//", or the last one
      if (::mkdir(dir.c_str(), mode) == 0) {
        made.push_back(dir);
        if (absl::Status s = Give(dir, mode, owner); !s.ok()) return s;
      } else if (errno == EEXIST) {
        if (absl::Status s = CheckDirectory(dir, end != std::string::npos); !s.ok()) return s;
      } else {
        return errdefs::FromErrno(errno, fmt::format("making directory \"{}\"", dir));
      }
    }
    return absl::OkStatus();
  };
  if (absl::Status s = make(); !s.ok()) {
    for (auto dir = made.rbegin(); dir != made.rend(); ++dir) ::rmdir(dir->c_str());
    return s;
  }
  return made;
}

}  // namespace containerd::userns
