// SPDX-License-Identifier: Apache-2.0
#include "changes.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <map>
#include <memory>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/io/io.h"

#include "attributes.h"
#include "src/base/fd.h"

namespace containerd::archive {
namespace {

absl::StatusOr<std::vector<std::string>> Names(const std::string& dir) {
  base::Fd fd(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(fd ? ::fdopendir(fd.get()) : nullptr,
                                                   ::closedir);
  if (stream == nullptr) {
    return errdefs::FromErrno(errno, fmt::format("reading the directory \"{}\"", dir));
  }
  fd.Release();  // the stream's now
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0)
    return errdefs::FromErrno(errno, fmt::format("reading the directory \"{}\"", dir));
  return names;
}

absl::StatusOr<struct stat> Stat(const std::string& path) {
  struct stat st = {};
  if (::lstat(path.c_str(), &st) == 0) return st;
  return errdefs::FromErrno(errno, fmt::format("\"{}\"", path));
}

absl::StatusOr<bool> SameContent(const Context& ctx, const std::string& a, const std::string& b) {
  std::array<base::Fd, 2> fds;
  for (std::size_t i = 0; i < fds.size(); ++i) {
    const std::string& path = i == 0 ? a : b;
    fds.at(i).Reset(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!fds.at(i)) return errdefs::FromErrno(errno, fmt::format("opening \"{}\"", path));
  }
  io::FileReader one(fds[0].get());
  io::FileReader other(fds[1].get());
  std::string left(std::size_t{64} << 10, '\0');
  std::string right(left.size(), '\0');
  for (;;) {
    auto n = io::ReadFull(ctx, one, left);
    if (!n.ok()) return n.status();
    auto m = io::ReadFull(ctx, other, right);
    if (!m.ok()) return m.status();
    if (*n != *m ||
        !std::equal(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(*n), right.begin())) {
      return false;
    }
    if (*n < left.size()) return true;
  }
}

// Source: continuity's sameFile.
absl::StatusOr<bool> Same(const Context& ctx, const std::string& a, const struct stat& one,
                          const std::string& b, const struct stat& other) {
  if (one.st_dev == other.st_dev && one.st_ino == other.st_ino) return true;
  if (one.st_mode != other.st_mode || one.st_uid != other.st_uid || one.st_gid != other.st_gid ||
      one.st_rdev != other.st_rdev) {
    return false;
  }
  auto capability = ReadCapability(a);
  if (!capability.ok()) return capability.status();
  auto other_capability = ReadCapability(b);
  if (!other_capability.ok()) return other_capability.status();
  if (*capability != *other_capability) return false;
  if (S_ISDIR(one.st_mode)) return true;
  if (one.st_size != other.st_size || one.st_mtim.tv_sec != other.st_mtim.tv_sec) return false;
  if (one.st_mtim.tv_nsec != 0 || other.st_mtim.tv_nsec != 0) {
    return one.st_mtim.tv_nsec == other.st_mtim.tv_nsec;
  }
  // Both times may have been cut off, so that they do not tell.
  if (S_ISLNK(one.st_mode)) {
    auto target = ReadLink(a);
    if (!target.ok()) return target.status();
    auto other_target = ReadLink(b);
    if (!other_target.ok()) return other_target.status();
    return *target == *other_target;
  }
  if (!S_ISREG(one.st_mode) || one.st_size == 0) return true;
  return SameContent(ctx, a, b);
}

}  // namespace

absl::Status Changes::Enter(const std::string& path, bool lower) {
  std::map<std::string, Entry> entries;
  const auto add = [&](const std::string& root, bool Entry::*side) -> absl::Status {
    auto names = Names(root + path);
    if (!names.ok()) return names.status();
    for (std::string& name : *names) {
      Entry& entry = entries[name];
      entry.name = std::move(name);
      entry.*side = true;
    }
    return absl::OkStatus();
  };
  if (absl::Status s = add(upper_, &Entry::upper); !s.ok()) return s;
  if (lower) {
    if (absl::Status s = add(lower_, &Entry::lower); !s.ok()) return s;
  }
  Frame frame{.path = path};
  for (auto& [name, entry] : entries) frame.entries.push_back(std::move(entry));
  frames_.push_back(std::move(frame));
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Change>> Changes::Next(const Context& ctx) {
  if (absl::Status s = ctx.Err(); !s.ok()) return s;
  if (!std::exchange(begun_, true)) {
    if (absl::Status s = Enter("", !lower_.empty()); !s.ok()) return s;
  }
  while (!frames_.empty() && frames_.back().next == frames_.back().entries.size()) {
    frames_.pop_back();
  }
  if (frames_.empty()) return std::nullopt;
  Frame& frame = frames_.back();
  const Entry entry = frame.entries[frame.next++];
  Change change{.path = frame.path + "/" + entry.name};
  if (!entry.upper) {
    change.kind = ChangeKind::kDelete;
    return change;
  }
  auto st = Stat(upper_ + change.path);
  if (!st.ok()) return st.status();
  bool both_dirs = false;
  if (entry.lower) {
    auto before = Stat(lower_ + change.path);
    if (!before.ok()) return before.status();
    auto same = Same(ctx, lower_ + change.path, *before, upper_ + change.path, *st);
    if (!same.ok()) return same.status();
    change.kind = *same ? ChangeKind::kUnmodified : ChangeKind::kModify;
    both_dirs = S_ISDIR(before->st_mode) && S_ISDIR(st->st_mode);
  } else {
    change.kind = ChangeKind::kAdd;
  }
  if (S_ISDIR(st->st_mode)) {
    if (absl::Status s = Enter(change.path, both_dirs); !s.ok()) return s;
  }
  return change;
}

}  // namespace containerd::archive
