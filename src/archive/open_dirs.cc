// SPDX-License-Identifier: Apache-2.0
#include "open_dirs.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/base/escape.h"

namespace containerd::archive {
namespace {

bool IsAbove(std::string_view above, std::string_view dir) {
  return above.empty() || (dir.starts_with(above) && dir.substr(above.size()).starts_with('/'));
}

}  // namespace

absl::StatusOr<const OpenDirs::Directory*> OpenDirs::Reach(std::string_view dir, Step step) {
  while (dir.starts_with('/')) dir.remove_prefix(1);
  while (dir.ends_with('/')) dir.remove_suffix(1);
  if (std::exchange(outdated_, false)) open_.clear();
  const Directory* at = nullptr;
  std::string_view known = dir;
  for (;;) {
    if (const auto found = open_.find(known); found != open_.end()) {
      at = &found->second;
      break;
    }
    if (known.empty()) {
      base::Fd fd = root_.OpenDir("");
      if (!fd) {
        return errdefs::FromErrno(
            errno, fmt::format("opening the directory {}", base::Quote(root_.path())));
      }
      at = &Add("", {.place = "", .fd = std::move(fd)});
      break;
    }
    const std::size_t slash = known.rfind('/');
    known = known.substr(0, slash == std::string_view::npos ? 0 : slash);
  }
  for (std::size_t end = known.size(); end < dir.size();) {
    const std::size_t begin = end == 0 ? 0 : end + 1;
    end = std::min(dir.find('/', begin), dir.size());
    const std::string name(dir.substr(begin, end - begin));
    Directory next;
    if (name != "..") next = {.place = Join(at->place, name), .fd = OpenDirAt(at->fd.get(), name)};
    if (!next.fd) {
      absl::StatusOr<Directory> found = step(*at, name, name == ".." ? EINVAL : errno);
      if (!found.ok()) return found.status();
      next = *std::move(found);
    }
    at = &Add(std::string(dir.substr(0, end)), std::move(next));
  }
  return at;
}

// An archive comes back to the directories above the one that it is in; others can be opened again.
const OpenDirs::Directory& OpenDirs::Add(std::string name, Directory dir) {
  if (open_.size() >= most_) {
    std::erase_if(open_, [&](const auto& open) { return !IsAbove(open.first, name); });
  }
  if (open_.size() >= most_) open_.clear();
  return open_.insert_or_assign(std::move(name), std::move(dir)).first->second;
}

}  // namespace containerd::archive
