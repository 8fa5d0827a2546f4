// SPDX-License-Identifier: Apache-2.0
#include "entry_attributes.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <fcntl.h>
#include <limits>
#include <string_view>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <system_error>
#include <unistd.h>

#include <absl/time/time.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"

#include "src/base/escape.h"

namespace containerd::archive {
namespace {

constexpr std::string_view kXattrRecord = "SCHILY.xattr.";

// The time used for files whose time in the archive cannot be represented.
timespec Bound(absl::Time time) {
  static const absl::Time kMax = absl::FromUnixNanos(std::numeric_limits<std::int64_t>::max());
  if (time < absl::UnixEpoch() || time > kMax) time = absl::UnixEpoch();
  return absl::ToTimespec(time);
}

absl::Status Errno(const tar::Header& header, std::string_view doing) {
  return errdefs::FromErrno(errno, fmt::format("entry {}: {}", base::Quote(header.name), doing));
}

mode_t ModeOf(const tar::Header& header) { return static_cast<mode_t>(header.mode & 07777); }

bool HasXattrs(const tar::Header& header) {
  return std::any_of(header.pax_records.begin(), header.pax_records.end(),
                     [](const auto& record) { return record.first.starts_with(kXattrRecord); });
}

template <typename Set>
absl::Status SetXattrs(const tar::Header& header, Set set) {
  for (const auto& [record, value] : header.pax_records) {
    if (!record.starts_with(kXattrRecord)) continue;
    const std::string key = record.substr(kXattrRecord.size());
    if (!key.starts_with("trusted.") && set(key.c_str(), value) == 0) continue;
    const int err = key.starts_with("trusted.") ? ENOTSUP : errno;
    const bool of_no_use = err == EPERM && key.starts_with("user.") &&
                           header.typeflag != tar::kTypeReg && header.typeflag != tar::kTypeDir;
    if (err != ENOTSUP && !of_no_use) {
      return errdefs::FromErrno(err, fmt::format("entry {}: setting the attribute {}",
                                                 base::Quote(header.name), base::Quote(key)));
    }
    log::Warn(fmt::format("attribute {} of {} left out: {}", base::Quote(key),
                          base::Quote(header.name), std::generic_category().message(err)));
  }
  return absl::OkStatus();
}

// How owner, attributes and mode of one kind of file are changed.
template <typename Stat, typename Chown, typename SetXattr, typename Chmod>
absl::Status Set(const tar::Header& header, bool no_same_owner, Stat stat, Chown chown,
                 SetXattr set_xattr, Chmod chmod) {
  struct stat st {};
  if (stat(&st) != 0) return Errno(header, "looking at it");
  const auto uid = static_cast<uid_t>(header.uid);
  const auto gid = static_cast<gid_t>(header.gid);
  // A change takes a file's capabilities away, even one to the same owner. The second name of a
  // file has no say in them, but with the daemon they are gone then, and so they are here.
  const bool owned =
      no_same_owner || (header.typeflag != tar::kTypeLink && st.st_uid == uid && st.st_gid == gid);
  if (!owned && chown(uid, gid) != 0) {
    return Errno(header, fmt::format("changing the owner to {}:{}", uid, gid));
  }
  const bool has_xattrs = HasXattrs(header);
  if (has_xattrs) {
    if (absl::Status s = SetXattrs(header, set_xattr); !s.ok()) return s;
  }
  // Last, and whatever it was: a change of the owner takes bits of it away, an access list changes
  // it. A link has none.
  const bool as_it_was = owned && !has_xattrs && (st.st_mode & 07777) == ModeOf(header);
  if (!as_it_was && !S_ISLNK(st.st_mode) && chmod(ModeOf(header)) != 0) {
    return Errno(header, "changing the mode");
  }
  return absl::OkStatus();
}

}  // namespace

std::array<timespec, 2> TimesOf(const tar::Header& header) {
  const absl::Time accessed = header.access_time.value_or(header.mod_time);
  return {Bound(std::max(accessed, header.mod_time)), Bound(header.mod_time)};
}

absl::Status SetFileAttributes(int file, const tar::Header& header, bool no_same_owner) {
  absl::Status set = Set(
      header, no_same_owner, [&](struct stat* st) { return fstat(file, st); },
      [&](uid_t uid, gid_t gid) { return fchown(file, uid, gid); },
      [&](const char* key, const std::string& value) {
        return fsetxattr(file, key, value.data(), value.size(), 0);
      },
      [&](mode_t mode) { return fchmod(file, mode); });
  if (set.ok() && futimens(file, TimesOf(header).data()) != 0) {
    return Errno(header, "setting the times");
  }
  return set;
}

absl::Status SetNodeAttributes(int parent, const std::string& base, const std::string& path,
                               const tar::Header& header, bool no_same_owner) {
  const char* name = base.c_str();
  absl::Status set = Set(
      header, no_same_owner,
      [&](struct stat* st) { return fstatat(parent, name, st, AT_SYMLINK_NOFOLLOW); },
      [&](uid_t uid, gid_t gid) { return fchownat(parent, name, uid, gid, AT_SYMLINK_NOFOLLOW); },
      [&](const char* key, const std::string& value) {
        return lsetxattr(path.c_str(), key, value.data(), value.size(), 0);
      },
      [&](mode_t mode) { return fchmodat(parent, name, mode, 0); });
  if (set.ok() && header.typeflag != tar::kTypeDir &&
      utimensat(parent, name, TimesOf(header).data(), AT_SYMLINK_NOFOLLOW) != 0) {
    return Errno(header, "setting the times");
  }
  return set;
}

}  // namespace containerd::archive
