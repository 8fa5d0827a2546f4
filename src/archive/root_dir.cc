// SPDX-License-Identifier: Apache-2.0
#include "root_dir.h"

#include <cerrno>
#include <climits>
#include <deque>
#include <fcntl.h>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/base/escape.h"
#include "src/base/fd.h"
#include "src/base/path.h"

namespace containerd::archive {
namespace {

constexpr int kMaxLinks = 255;

std::vector<std::string> Parts(std::string_view name) {
  std::vector<std::string> parts;
  while (!name.empty()) {
    const std::size_t slash = name.find('/');
    if (const std::string_view part = name.substr(0, slash); !part.empty() && part != ".") {
      parts.emplace_back(part);
    }
    name.remove_prefix(slash == std::string_view::npos ? name.size() : slash + 1);
  }
  return parts;
}

}  // namespace

Place Join(std::string_view place, std::string_view name) {
  if (name.empty()) return Place(place);
  return place.empty() ? Place(name) : fmt::format("{}/{}", place, name);
}

std::pair<std::string_view, std::string_view> Split(std::string_view name) {
  const std::size_t slash = name.rfind('/');
  const std::size_t base = slash == std::string_view::npos ? 0 : slash + 1;
  return {name.substr(0, base), name.substr(base)};
}

base::Fd OpenDirAt(int parent, const std::string& name) {
  return base::Fd(openat(parent, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

absl::StatusOr<RootDir> RootDir::Open(const std::string& path) {
  base::Fd fd(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd)
    return errdefs::FromErrno(errno, fmt::format("opening the directory {}", base::Quote(path)));
  return RootDir(path, std::move(fd));
}

absl::StatusOr<Place> RootDir::Resolve(std::string_view name) const {
  std::deque<std::string> left;
  const auto put_back = [&](std::string_view target) {
    std::vector<std::string> parts = Parts(target);
    left.insert(left.begin(), std::make_move_iterator(parts.begin()),
                std::make_move_iterator(parts.end()));
  };
  put_back(name);
  Place place;
  int links = 0;
  while (!left.empty()) {
    const std::string part = std::move(left.front());
    left.pop_front();
    if (part == "..") {
      const std::size_t slash = place.rfind('/');
      place.resize(slash == Place::npos ? 0 : slash);
      continue;
    }
    Place next = Join(place, part);
    char target[PATH_MAX];
    const ssize_t n = readlinkat(fd(), next.c_str(), target, sizeof target);
    if (n < 0) {
      // EINVAL: it exists, and is no link. ENOTDIR: nothing can be there.
      if (errno != EINVAL && errno != ENOENT && errno != ENOTDIR) {
        return errdefs::FromErrno(errno, fmt::format("resolving {}", base::Quote(next)));
      }
      place = std::move(next);
      continue;
    }
    if (++links > kMaxLinks) {
      return errdefs::InvalidArgument(
          fmt::format("resolving {}: more than {} symbolic links", base::Quote(name), kMaxLinks));
    }
    if (target[0] == '/') place.clear();
    // Cleaned, as the daemon does it: "b -> b/../a" is "a", where the kernel would run in circles.
    put_back(base::CleanPath({target, static_cast<std::size_t>(n)}));
  }
  return place;
}

int RootDir::Stat(const Place& place, struct stat* st) const {
  const char* path = place.empty() ? "." : place.c_str();
  return fstatat(fd(), path, st, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : errno;
}

base::Fd RootDir::OpenDir(const Place& place) const {
  base::Fd dir = OpenDirAt(fd(), ".");
  for (const std::string& part : Parts(place)) {
    if (!dir) break;
    dir = OpenDirAt(dir.get(), part);
  }
  return dir;
}

std::string RootDir::PathOf(const Place& place) const { return Join(path_, place); }

}  // namespace containerd::archive
