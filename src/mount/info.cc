// SPDX-License-Identifier: Apache-2.0
#include "containerd/mount/info.h"

#include <charconv>
#include <cstddef>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/mount/mount.h"

#include "src/base/escape.h"
#include "src/base/read_file.h"

namespace containerd::mount {
namespace {

bool ParseInt(std::string_view text, int& value) {
  const auto [end, err] = std::from_chars(text.data(), text.data() + text.size(), value);
  return err == std::errc() && end == text.data() + text.size();
}

std::optional<Info> ParseLine(std::string_view line) {
  std::vector<std::string_view> fields;
  for (std::string_view rest = line;;) {
    const std::size_t blank = rest.find(' ');
    fields.push_back(rest.substr(0, blank));
    if (blank == std::string_view::npos) break;
    rest.remove_prefix(blank + 1);
  }
  // id parent major:minor root mountpoint options [optional…] - type source super-options
  std::size_t dash = 6;
  while (dash < fields.size() && fields[dash] != "-") ++dash;
  if (dash + 3 >= fields.size()) return std::nullopt;

  Info info;
  const std::size_t colon = fields[2].find(':');
  if (colon == std::string_view::npos || !ParseInt(fields[0], info.id) ||
      !ParseInt(fields[1], info.parent) || !ParseInt(fields[2].substr(0, colon), info.major) ||
      !ParseInt(fields[2].substr(colon + 1), info.minor)) {
    return std::nullopt;
  }
  info.root = base::DecodeOctal(fields[3]);
  info.mountpoint = base::DecodeOctal(fields[4]);
  info.options = fields[5];
  for (std::size_t i = 6; i < dash; ++i) {
    if (!info.optional.empty()) info.optional += ' ';
    info.optional += fields[i];
  }
  info.fs_type = base::DecodeOctal(fields[dash + 1]);
  info.source = base::DecodeOctal(fields[dash + 2]);
  info.vfs_options = fields[dash + 3];
  return info;
}

// Whether `path` is `dir` or below it.
bool IsBelow(std::string_view path, std::string_view dir) {
  if (dir == "/") return true;
  return path.starts_with(dir) && (path.size() == dir.size() || path[dir.size()] == '/');
}

}  // namespace

absl::StatusOr<std::vector<Info>> ParseMountInfo(std::string_view text) {
  std::vector<Info> infos;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty()) continue;
    auto info = ParseLine(line);
    if (!info.has_value()) {
      return errdefs::InvalidArgument(fmt::format("not a line of mountinfo: \"{}\"", line));
    }
    infos.push_back(*std::move(info));
  }
  return infos;
}

absl::StatusOr<std::vector<Info>> GetMounts() {
  constexpr char kPath[] = "/proc/thread-self/mountinfo";
  std::string text;
  if (base::ReadFile(kPath, text) || text.empty())
    return errdefs::Unavailable(fmt::format("cannot read {}", kPath));
  return ParseMountInfo(text);
}

absl::StatusOr<Info> Lookup(std::string_view path) {
  auto resolved = CanonicalizePath(path);
  if (!resolved.ok()) return resolved.status();
  auto mounts = GetMounts();
  if (!mounts.ok()) {
    return errdefs::Annotate(mounts.status(),
                             fmt::format("looking for the mount that \"{}\" is on", *resolved));
  }
  const Info* found = nullptr;
  for (const Info& info : *mounts) {
    // Of several mounts at one place the last covers the others.
    if (IsBelow(*resolved, info.mountpoint) &&
        (found == nullptr || info.mountpoint.size() >= found->mountpoint.size())) {
      found = &info;
    }
  }
  if (found == nullptr) {
    return errdefs::NotFound(fmt::format("no mount found that \"{}\" is on", *resolved));
  }
  return *found;
}

}  // namespace containerd::mount
