// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <algorithm>
#include <sys/mount.h>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "containerd/errdefs/errdefs.h"

#include "src/base/overlay.h"
#include "src/base/path.h"

namespace containerd::mount {
namespace {

constexpr std::string_view kLowerDir = "lowerdir=";

struct Flag {
  std::string_view name;
  bool clear;
  unsigned long bits;
};

constexpr Flag kFlags[] = {
    {"async", true, MS_SYNCHRONOUS},
    {"atime", true, MS_NOATIME},
    {"bind", false, MS_BIND},
    {"dev", true, MS_NODEV},
    {"diratime", true, MS_NODIRATIME},
    {"dirsync", false, MS_DIRSYNC},
    {"exec", true, MS_NOEXEC},
    {"mand", false, MS_MANDLOCK},
    {"noatime", false, MS_NOATIME},
    {"nodev", false, MS_NODEV},
    {"nodiratime", false, MS_NODIRATIME},
    {"noexec", false, MS_NOEXEC},
    {"nomand", true, MS_MANDLOCK},
    {"norelatime", true, MS_RELATIME},
    {"nostrictatime", true, MS_STRICTATIME},
    {"nosuid", false, MS_NOSUID},
    {"private", false, MS_PRIVATE},
    {"rbind", false, MS_BIND | MS_REC},
    {"relatime", false, MS_RELATIME},
    {"remount", false, MS_REMOUNT},
    {"ro", false, MS_RDONLY},
    {"rprivate", false, MS_PRIVATE | MS_REC},
    {"rshared", false, MS_SHARED | MS_REC},
    {"rslave", false, MS_SLAVE | MS_REC},
    {"runbindable", false, MS_UNBINDABLE | MS_REC},
    {"rw", true, MS_RDONLY},
    {"shared", false, MS_SHARED},
    {"slave", false, MS_SLAVE},
    {"strictatime", false, MS_STRICTATIME},
    {"suid", true, MS_NOSUID},
    {"sync", false, MS_SYNCHRONOUS},
    {"unbindable", false, MS_UNBINDABLE},
};

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// Go's path.Dir of a path without "." and ".." elements.
std::string_view Directory(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  path = path.substr(0, slash);
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return path.empty() ? "/" : path;
}

Options ReadonlyOverlay(const Options& options) {
  Options readonly;
  std::string_view upper;
  for (const std::string& option : options) {
    if (option.starts_with("upperdir=")) {
      upper = std::string_view(option).substr(9);
    } else if (!option.starts_with("workdir=") && !option.starts_with("uidmap=") &&
               !option.starts_with("gidmap=")) {
      readonly.push_back(option);
    }
  }
  if (upper.empty()) return readonly;
  for (std::string& option : readonly) {
    if (option.starts_with(kLowerDir)) {
      option = fmt::format("{}{}:{}", kLowerDir, upper, option.substr(kLowerDir.size()));
    }
  }
  return readonly;
}

}  // namespace

absl::StatusOr<ParsedOptions> ParseOptions(const Options& options) {
  ParsedOptions parsed;
  for (const std::string& option : options) {
    if (option.starts_with("X-containerd.")) {
      return errdefs::InvalidArgument(fmt::format(
          "mount option \"{}\" is for the mount manager, which has not seen it", option));
    }
    const auto* flag = std::find_if(std::begin(kFlags), std::end(kFlags),
                                    [&](const Flag& f) { return f.name == option; });
    if (flag != std::end(kFlags)) {
      if (flag->clear) {
        parsed.flags &= ~flag->bits;
      } else {
        parsed.flags |= flag->bits;
      }
    } else if (option == "loop") {
      parsed.loop = true;
    } else if (option.starts_with("uidmap=")) {
      parsed.uidmap = option.substr(7);
    } else if (option.starts_with("gidmap=")) {
      parsed.gidmap = option.substr(7);
    } else if (option != "defaults") {
      parsed.data.push_back(option);
    }
  }
  return parsed;
}

bool TakeDirectIO(Options& data) {
  const auto it = std::find(data.begin(), data.end(), "direct-io");
  if (it == data.end()) return false;
  data.erase(it);
  return true;
}

std::optional<LowerDirs> FindLowerDirs(const Options& options) {
  base::OverlayDirs dirs = base::ParseOverlay(options);
  if (!dirs.lower_option) return std::nullopt;
  return LowerDirs{.index = *dirs.lower_option, .dirs = std::move(dirs.lower)};
}

std::size_t Size(const Options& options) {
  std::size_t size = 0;
  for (const std::string& option : options) size += option.size();
  return size;
}

std::string LongestCommonPrefix(const std::vector<std::string>& texts) {
  if (texts.empty()) return "";
  // What the first and the last in order share, all between them share too.
  const auto [min, max] = std::minmax_element(texts.begin(), texts.end());
  const auto end = std::mismatch(min->begin(), min->end(), max->begin(), max->end()).first;
  return {min->begin(), end};
}

Compacted CompactLowerDirs(const Options& options) {
  Compacted unchanged{.dir = "", .options = options};
  const auto lower = FindLowerDirs(options);
  if (!lower.has_value() || lower->dirs.size() == 1) return unchanged;

  const std::string prefix = LongestCommonPrefix(lower->dirs);
  if (prefix.empty()) return unchanged;
  // The prefix may end inside a name (the 1 of snapshots/1 and snapshots/10).
  std::string common(Directory(prefix));
  if (common == "/" || common == ".") return unchanged;
  common += '/';

  std::vector<std::string> relative;
  for (const std::string& dir : lower->dirs) {
    if (dir.size() <= common.size()) return unchanged;
    relative.push_back(dir.substr(common.size()));
  }
  Options compact = options;
  compact.erase(compact.begin() + static_cast<std::ptrdiff_t>(lower->index));
  compact.push_back(fmt::format("{}{}", kLowerDir, fmt::join(relative, ":")));
  return {.dir = std::move(common), .options = std::move(compact)};
}

absl::StatusOr<std::string> CommonDirectory(const std::vector<std::string>& dirs) {
  const std::string prefix = LongestCommonPrefix(dirs);
  const std::string_view dir = prefix.empty() ? std::string_view() : Directory(prefix);
  if (dir.empty() || dir == "/" || dir == ".") {
    return errdefs::InvalidArgument(fmt::format(
        "lower directories are in no common directory but \"{}\": {}", dir, fmt::join(dirs, ":")));
  }
  return std::string(dir);
}

std::vector<std::string> BuildIDMappedPaths(const std::vector<std::string>& dirs,
                                            std::string_view common, std::string_view mapped) {
  std::vector<std::string> paths;
  for (const std::string& dir : dirs) {
    std::string_view rest = dir;
    if (rest.starts_with(common)) rest.remove_prefix(common.size());
    paths.push_back(base::JoinPath({mapped, rest}));
  }
  return paths;
}

std::vector<Mount> ReadonlyMounts(std::vector<Mount> mounts) {
  for (Mount& mount : mounts) {
    if (mount.type == "overlay") {
      mount.options = ReadonlyOverlay(mount.options);
    } else {
      std::erase_if(mount.options, [](const std::string& o) { return o == "ro" || o == "rw"; });
      mount.options.emplace_back("ro");
    }
  }
  return mounts;
}

bool ReadOnly(const Mount& mount) {
  // A type may carry words for the mount manager in front, as in "format/mkdir/overlay".
  const std::string_view type = Split(mount.type, '/').back();
  if (type == "erofs") return true;
  if (type == "overlay") {
    bool upper = false;
    for (const std::string& joined : mount.options) {
      for (const std::string_view option : Split(joined, ',')) {
        if (option == "ro") return true;
        if (option.starts_with("upperdir=")) upper = true;
      }
    }
    return !upper;
  }
  return std::find(mount.options.begin(), mount.options.end(), "ro") != mount.options.end();
}

std::vector<Mount> RemoveVolatileOption(std::vector<Mount> mounts) {
  for (Mount& mount : mounts) {
    if (mount.type != "overlay") continue;
    std::erase_if(mount.options,
                  [](const std::string& o) { return o == "volatile" || o == "fsync=volatile"; });
  }
  return mounts;
}

std::vector<Mount> RemoveIDMapOption(std::vector<Mount> mounts) {
  for (Mount& mount : mounts) {
    std::erase_if(mount.options, [](const std::string& o) {
      return o.starts_with("uidmap") || o.starts_with("gidmap");
    });
  }
  return mounts;
}

}  // namespace containerd::mount
