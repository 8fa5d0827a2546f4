// SPDX-License-Identifier: Apache-2.0
#include "root_view.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <deque>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/base/fd.h"
#include "src/base/overlay.h"

namespace containerd::oci {
namespace {

// As many as the kernel follows in one path.
constexpr int kMaxSymlinks = 40;

constexpr int kOpenFile = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW;
constexpr int kOpenDirectory = O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW;

// An extended attribute that overlay keeps, in either of its two places; empty if there is none.
std::string OverlayAttribute(int fd, std::string_view name) {
  for (const char* prefix : {"trusted.overlay.", "user.overlay."}) {
    char value[256];
    const ssize_t n = fgetxattr(fd, fmt::format("{}{}", prefix, name).c_str(), value, sizeof value);
    if (n > 0) return {value, static_cast<std::size_t>(n)};
    if (n == 0 || errno == ERANGE) return "?";
  }
  return {};
}

// What a name stands for: a file, a symbolic link, or a directory, which may be one of several
// layers together.
struct Node {
  enum class Kind { kMissing, kFile, kSymlink, kDirectory } kind = Kind::kMissing;
  base::Fd file;               // Of kFile.
  std::string link;            // Of kSymlink.
  std::vector<base::Fd> dirs;  // Of kDirectory, the uppermost first.
};

// Looks for one name in layers, the uppermost first, and stops where what was found covers the
// rest.
class Lookup {
 public:
  Lookup(std::string_view name, bool overlay) : name_(name), overlay_(overlay) {}

  absl::StatusOr<Node> In(const std::vector<base::Fd>& layers) {
    for (const base::Fd& layer : layers) {
      bool covered = false;
      if (absl::Status s = InLayer(layer.get(), &covered); !s.ok()) return s;
      if (covered) break;
    }
    return std::move(node_);
  }

 private:
  absl::Status InLayer(int dir, bool* covered) {
    struct stat st;
    if (fstatat(dir, name_.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
      return errno == ENOENT ? absl::OkStatus() : Failed();
    }
    *covered = !S_ISDIR(st.st_mode);
    // An entry that is not a directory hides the layers below it; a whiteout hides the name.
    if (*covered && node_.kind == Node::Kind::kDirectory) return absl::OkStatus();
    if (overlay_ && S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0)) return absl::OkStatus();
    if (S_ISDIR(st.st_mode)) return AddDirectory(dir, covered);
    if (S_ISLNK(st.st_mode)) return ReadLink(dir);
    if (S_ISREG(st.st_mode)) return OpenFile(dir);
    return errdefs::InvalidArgument(fmt::format("\"{}\" is not a regular file", name_));
  }

  absl::Status AddDirectory(int dir, bool* covered) {
    base::Fd opened(openat(dir, name_.c_str(), kOpenDirectory));
    if (!opened) return Failed();
    if (overlay_) {
      if (!OverlayAttribute(opened.get(), "redirect").empty()) return TakesTheKernel();
      *covered = OverlayAttribute(opened.get(), "opaque") == "y";
    }
    node_.kind = Node::Kind::kDirectory;
    node_.dirs.push_back(std::move(opened));
    return absl::OkStatus();
  }

  absl::Status ReadLink(int dir) {
    std::string target(PATH_MAX, '\0');
    const ssize_t n = readlinkat(dir, name_.c_str(), target.data(), target.size());
    if (n < 0) return Failed();
    target.resize(static_cast<std::size_t>(n));
    node_.kind = Node::Kind::kSymlink;
    node_.link = std::move(target);
    return absl::OkStatus();
  }

  absl::Status OpenFile(int dir) {
    base::Fd opened(openat(dir, name_.c_str(), kOpenFile));
    if (!opened) return Failed();
    struct stat st;
    if (fstat(opened.get(), &st) != 0) return Failed();
    if (!S_ISREG(st.st_mode)) {
      return errdefs::InvalidArgument(fmt::format("\"{}\" is not a regular file", name_));
    }
    if (overlay_) {
      if (!OverlayAttribute(opened.get(), "metacopy").empty()) return TakesTheKernel();
      if (st.st_size == 0 && !OverlayAttribute(opened.get(), "whiteout").empty()) {
        return absl::OkStatus();
      }
    }
    node_.kind = Node::Kind::kFile;
    node_.file = std::move(opened);
    return absl::OkStatus();
  }

  absl::Status Failed() const {
    return errdefs::FromErrno(errno, fmt::format("looking up \"{}\"", name_));
  }

  absl::Status TakesTheKernel() const {
    return errdefs::NotImplemented(
        fmt::format("\"{}\" has a part in another place of the overlay", name_));
  }

  const std::string name_;
  const bool overlay_;
  Node node_;
};

// Puts the parts of `path` before those that are left to walk. A path that ends in "/" has a last
// part ".", so that only a directory will do.
void PushParts(std::string_view path, std::deque<std::string>* parts) {
  std::vector<std::string> pushed;
  const bool directory = path.ends_with('/');
  while (!path.empty()) {
    const std::size_t end = path.find('/');
    if (end != 0) pushed.emplace_back(path.substr(0, end));
    path.remove_prefix(end == std::string_view::npos ? path.size() : end + 1);
  }
  if (directory) pushed.emplace_back(".");
  parts->insert(parts->begin(), pushed.begin(), pushed.end());
}

// Follows a path through the layers, part by part.
absl::StatusOr<base::Fd> Walk(const std::vector<base::Fd>& root, bool overlay,
                              std::string_view path) {
  std::deque<std::string> parts;
  PushParts(path, &parts);
  std::vector<std::vector<base::Fd>> above;  // The directories from the root down to where we are.
  int followed = 0;
  while (!parts.empty()) {
    const std::string part = std::move(parts.front());
    parts.pop_front();
    if (part == ".") continue;
    if (part == "..") {
      if (!above.empty()) above.pop_back();
      continue;
    }
    auto node = Lookup(part, overlay).In(above.empty() ? root : above.back());
    if (!node.ok()) return node.status();
    switch (node->kind) {
      case Node::Kind::kMissing:
        return errdefs::FromErrno(ENOENT, fmt::format("looking up \"{}\"", part));
      case Node::Kind::kFile:
        if (parts.empty()) return std::move(node->file);
        return errdefs::FromErrno(ENOTDIR, fmt::format("looking up \"{}\"", part));
      case Node::Kind::kSymlink:
        if (++followed > kMaxSymlinks) {
          return errdefs::FromErrno(ELOOP, fmt::format("following \"{}\"", part));
        }
        if (node->link.starts_with('/')) above.clear();
        PushParts(node->link, &parts);
        break;
      case Node::Kind::kDirectory:
        above.push_back(std::move(node->dirs));
        break;
    }
  }
  return errdefs::InvalidArgument("it is a directory, not a regular file");
}

// openat2(2) does the same for one directory in one call; not every kernel and sandbox has it. The
// file is opened for reading only after a check that it is not a device: opening one may have
// effects.
base::Fd OpenInRoot(int root, const std::string& path) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  base::Fd found(static_cast<int>(syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)));
  struct stat st;
  if (!found || fstat(found.get(), &st) != 0 || !S_ISREG(st.st_mode)) return found;
  return base::Fd(
      open(fmt::format("/proc/self/fd/{}", found.get()).c_str(), kOpenFile & ~O_NOFOLLOW));
}

absl::StatusOr<base::Fd> OpenDirectory(const std::string& path) {
  base::Fd opened(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY));
  if (opened) return opened;
  return errdefs::FromErrno(errno, fmt::format("opening the root file system \"{}\"", path));
}

// The directories of an overlay, the uppermost first.
absl::StatusOr<std::vector<std::string>> OverlayDirectories(
    const std::vector<std::string>& options) {
  base::OverlayDirs overlay = base::ParseOverlay(options);
  std::vector<std::string> dirs = std::move(overlay.lower);
  if (!overlay.upper.empty()) dirs.insert(dirs.begin(), std::move(overlay.upper));
  // Only the kernel can resolve lower directories that are relative, escaped or data-only.
  const bool plain = std::all_of(dirs.begin(), dirs.end(), [](const std::string& dir) {
    return dir.starts_with('/') && dir.find('\\') == std::string::npos;
  });
  if (dirs.empty() || overlay.more || !plain) {
    return errdefs::NotImplemented("an overlay whose layers are not plain paths");
  }
  return dirs;
}

}  // namespace

absl::StatusOr<RootView> RootView::OfDirectory(const std::string& path) {
  auto opened = OpenDirectory(path);
  if (!opened.ok()) return opened.status();
  RootView view;
  view.layers_.push_back(*std::move(opened));
  return view;
}

absl::StatusOr<RootView> RootView::OfDescriptor(int fd) {
  base::Fd copy(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy) return errdefs::FromErrno(errno, "the root file system's descriptor");
  RootView view;
  view.layers_.push_back(std::move(copy));
  return view;
}

absl::StatusOr<RootView> RootView::OfMounts(const std::vector<mount::Mount>& mounts) {
  if (mounts.size() != 1 || !mounts.front().target.empty()) {
    return errdefs::NotImplemented("several mounts take mounting");
  }
  const mount::Mount& mount = mounts.front();
  if (mount.type == "bind" || mount.type == "rbind") return OfDirectory(mount.source);
  if (mount.type != "overlay") {
    return errdefs::NotImplemented(fmt::format("type \"{}\" takes mounting", mount.type));
  }
  auto dirs = OverlayDirectories(mount.options);
  if (!dirs.ok()) return dirs.status();
  RootView view;
  view.overlay_ = true;
  for (const std::string& dir : *dirs) {
    auto opened = OpenDirectory(dir);
    if (!opened.ok()) return opened.status();
    view.layers_.push_back(*std::move(opened));
  }
  return view;
}

absl::StatusOr<base::Fd> RootView::Open(std::string_view path) const {
  if (!overlay_) {
    base::Fd opened = OpenInRoot(layers_.front().get(), std::string(path));
    if (opened) return opened;
    // EPERM and ENOSYS: there is no such call here. EAGAIN: somebody is moving directories.
    if (errno != ENOSYS && errno != EPERM && errno != EAGAIN) {
      return errdefs::FromErrno(errno, "opening it");
    }
  }
  return Walk(layers_, overlay_, path);
}

absl::StatusOr<std::string> RootView::ReadFile(std::string_view path, std::size_t limit) const {
  auto opened = Open(path);
  if (!opened.ok()) return errdefs::Annotate(opened.status(), fmt::format("\"{}\"", path));
  struct stat st;
  if (fstat(opened->get(), &st) != 0) {
    return errdefs::FromErrno(errno, fmt::format("\"{}\"", path));
  }
  if (!S_ISREG(st.st_mode)) {
    return errdefs::InvalidArgument(fmt::format("\"{}\" is not a regular file", path));
  }
  return ReadAll(opened->get(), path, limit);
}

}  // namespace containerd::oci
