// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <set>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/userns/userns.h"

#include "src/base/fd.h"

namespace containerd::userns {
namespace {

constexpr mode_t kSpecialBits = S_ISUID | S_ISGID | S_ISVTX;
constexpr char kCapabilities[] = "security.capability";

absl::Status Errno(std::string_view what, const std::string& path) {
  return errdefs::FromErrno(errno, fmt::format("{} \"/{}\"", what, path));
}

// A directory that is held open.
struct Anchor {
  base::Fd fd;
  std::size_t depth;
  std::size_t path_size;  // of its path, with the slash after it
};

// A directory whose entries are to be moved.
struct Pending {
  std::string path;  // from the root; "" is the root itself
  std::size_t depth;
  std::shared_ptr<const Anchor> anchor;  // above it, or itself
};

// Moves the owners of one tree. Directories are opened one name at a time from the nearest anchor
// above them, without following a link. There is an anchor every few levels of the branch that is
// being walked, so neither the descriptors nor the time for deep trees get out of hand.
class Remapper {
 public:
  explicit Remapper(const IDMap& map) : map_(map) {}

  absl::Status Run(const Context& ctx, base::Fd root) {
    if (auto moved = Move(root.get(), ".", ""); !moved.ok()) return moved.status();
    std::vector<Pending> pending;
    pending.push_back({.path = "",
                       .depth = 0,
                       .anchor = std::make_shared<const Anchor>(
                           Anchor{.fd = std::move(root), .depth = 0, .path_size = 0})});
    while (!pending.empty()) {
      if (absl::Status s = ctx.Err(); !s.ok()) return s;
      Pending dir = std::move(pending.back());
      pending.pop_back();
      if (absl::Status s = MoveEntries(std::move(dir), pending); !s.ok()) return s;
    }
    return absl::OkStatus();
  }

 private:
  static constexpr int kOpenDir = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  static constexpr std::size_t kLevelsPerAnchor = 16;

  static absl::StatusOr<base::Fd> OpenDir(const Pending& target) {
    const std::string& path = target.path;
    base::Fd dir(::openat(target.anchor->fd.get(), ".", kOpenDir));
    std::string_view rest =
        std::string_view(path).substr(std::min(target.anchor->path_size, path.size()));
    while (dir.get() >= 0 && !rest.empty()) {
      const std::size_t slash = rest.find('/');
      const std::string name(rest.substr(0, slash));
      rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
      dir = base::Fd(::openat(dir.get(), name.c_str(), kOpenDir));
    }
    if (dir.get() < 0) return Errno("opening", path);
    return dir;
  }

  // Moves what is in a directory, and adds the directories in it to `pending`.
  absl::Status MoveEntries(Pending target, std::vector<Pending>& pending) {
    auto opened = OpenDir(target);
    if (!opened.ok()) return opened.status();
    const std::string& path = target.path;
    if (target.depth - target.anchor->depth == kLevelsPerAnchor) {
      base::Fd held(::openat(opened->get(), ".", kOpenDir));
      if (held.get() < 0) return Errno("opening", path);
      target.anchor = std::make_shared<const Anchor>(
          Anchor{.fd = std::move(held), .depth = target.depth, .path_size = path.size() + 1});
    }
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::fdopendir(opened->get()), ::closedir);
    if (dir == nullptr) return Errno("reading", path);
    opened->Release();
    // The directory is read to its end first, because moving an entry may change the order of the
    // directory.
    std::vector<std::string> names;
    for (;;) {
      errno = 0;
      // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is this function's own.
      const dirent* entry = ::readdir(dir.get());
      if (entry == nullptr) break;
      const std::string_view name = &entry->d_name[0];
      if (name != "." && name != "..") names.emplace_back(name);
    }
    if (errno != 0) return Errno("reading", path);
    for (const std::string& name : names) {
      std::string child = path.empty() ? name : fmt::format("{}/{}", path, name);
      auto is_dir = Move(::dirfd(dir.get()), name, child);
      if (!is_dir.ok()) return is_dir.status();
      if (*is_dir) {
        pending.push_back(
            {.path = std::move(child), .depth = target.depth + 1, .anchor = target.anchor});
      }
    }
    return absl::OkStatus();
  }

  // Moves one entry; whether it is a directory.
  absl::StatusOr<bool> Move(int dir, const std::string& name, const std::string& path) {
    const base::Fd entry(::openat(dir, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat st {};
    if (entry.get() < 0 || ::fstat(entry.get(), &st) != 0) return Errno("opening", path);
    const bool is_dir = S_ISDIR(st.st_mode);
    const bool linked = !is_dir && st.st_nlink > 1;
    if (linked && moved_.contains({st.st_dev, st.st_ino})) return is_dir;

    auto host = map_.ToHost({st.st_uid, st.st_gid});
    if (!host.ok()) return errdefs::Annotate(host.status(), fmt::format("\"/{}\"", path));
    if (host->uid != st.st_uid || host->gid != st.st_gid) {
      if (absl::Status s = ChangeOwner(entry.get(), st, *host, path); !s.ok()) return s;
    }
    if (linked) {
      // An overlay may just have made a file of its own of this name; the others are then still to
      // be moved. So it counts what the name stands for now.
      if (::fstatat(dir, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return Errno("looking at", path);
      }
      moved_.insert({st.st_dev, st.st_ino});
    }
    return is_dir;
  }

  static absl::Status ChangeOwner(int entry, const struct stat& st, const User& owner,
                                  const std::string& path) {
    // What chmod(2) and the calls for extended attributes do not take of such a descriptor, they
    // take of its name; the kernel resolves it to the entry that is held open.
    const std::string self = fmt::format("/proc/self/fd/{}", entry);
    std::array<char, 64> capabilities{};
    const ssize_t size = S_ISREG(st.st_mode) ? ::getxattr(self.c_str(), kCapabilities,
                                                          capabilities.data(), capabilities.size())
                                             : -1;
    if (::fchownat(entry, "", owner.uid, owner.gid, AT_EMPTY_PATH) != 0) {
      return Errno(fmt::format("changing the owner to {}:{} of", owner.uid, owner.gid), path);
    }
    if (!S_ISLNK(st.st_mode) && (st.st_mode & kSpecialBits) != 0 &&
        ::chmod(self.c_str(), st.st_mode & ~static_cast<mode_t>(S_IFMT)) != 0) {
      return Errno("restoring the mode of", path);
    }
    if (size > 0 && ::setxattr(self.c_str(), kCapabilities, capabilities.data(),
                               static_cast<std::size_t>(size), 0) != 0) {
      return Errno("restoring the capabilities of", path);
    }
    return absl::OkStatus();
  }

  const IDMap& map_;
  // Files with several names that have been moved.
  std::set<std::pair<dev_t, ino_t>> moved_;
};

}  // namespace

absl::Status Remap(const Context& ctx, const std::string& root, const IDMap& map) {
  base::Fd dir(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (dir.get() < 0) return errdefs::FromErrno(errno, fmt::format("opening \"{}\"", root));
  return errdefs::Annotate(Remapper(map).Run(ctx, std::move(dir)),
                           fmt::format("moving the owners of \"{}\"", root));
}

}  // namespace containerd::userns
