// SPDX-License-Identifier: Apache-2.0
#include "attributes.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::archive {
namespace {

// The file system knows no attributes, or this one is gone.
bool IsNone(int err) { return err == ENOTSUP || err == ENODATA; }

absl::Status CopyXattrs(const std::string& from, const std::string& to) {
  std::vector<char> names(64 << 10);  // What the kernel gives at most.
  const ssize_t length = llistxattr(from.c_str(), names.data(), names.size());
  if (length < 0) {
    if (IsNone(errno)) return absl::OkStatus();
    return errdefs::FromErrno(errno, fmt::format("listing the attributes of \"{}\"", from));
  }
  std::vector<char> value(64 << 10);
  for (const char* name = names.data(); name < names.data() + length;
       name += std::string_view(name).size() + 1) {
    if (std::string_view(name).starts_with("trusted.")) continue;
    const ssize_t size = lgetxattr(from.c_str(), name, value.data(), value.size());
    if (size < 0) {
      if (IsNone(errno)) continue;
      return errdefs::FromErrno(errno,
                                fmt::format("reading the attribute \"{}\" of \"{}\"", name, from));
    }
    if (lsetxattr(to.c_str(), name, value.data(), static_cast<std::size_t>(size), XATTR_CREATE) !=
            0 &&
        !IsNone(errno) && errno != EEXIST) {
      return errdefs::FromErrno(errno,
                                fmt::format("setting the attribute \"{}\" of \"{}\"", name, to));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CopyDirInfo(const struct stat& st, const std::string& from, const std::string& to,
                         Times times) {
  const char* path = to.c_str();
  if (lchown(path, st.st_uid, st.st_gid) != 0) {
    // Some file systems refuse the call even if nothing would change.
    const int err = errno;
    struct stat now {};
    if (err != EPERM || lstat(path, &now) != 0 || now.st_uid != st.st_uid ||
        now.st_gid != st.st_gid) {
      return errdefs::FromErrno(err, fmt::format("changing the owner of \"{}\"", to));
    }
  }
  if (chmod(path, st.st_mode & 07777) != 0) {
    return errdefs::FromErrno(errno, fmt::format("changing the mode of \"{}\"", to));
  }
  const timespec both[2] = {st.st_atim, st.st_mtim};
  if (times == Times::kCopy && utimensat(AT_FDCWD, path, both, AT_SYMLINK_NOFOLLOW) != 0) {
    return errdefs::FromErrno(errno, fmt::format("setting the times of \"{}\"", to));
  }
  return CopyXattrs(from, to);
}

absl::StatusOr<std::string> ReadCapability(const std::string& path) {
  std::string value(1024, '\0');  // far more than the kernel lets it have
  const ssize_t size = lgetxattr(path.c_str(), "security.capability", value.data(), value.size());
  if (size < 0) {
    if (IsNone(errno)) return std::string();
    return errdefs::FromErrno(
        errno, fmt::format("reading the attribute \"security.capability\" of \"{}\"", path));
  }
  value.resize(static_cast<std::size_t>(size));
  return value;
}

absl::StatusOr<std::string> ReadLink(const std::string& path) {
  std::string target(4096, '\0');
  const ssize_t size = readlink(path.c_str(), target.data(), target.size());
  if (size < 0) return errdefs::FromErrno(errno, fmt::format("reading the link \"{}\"", path));
  target.resize(static_cast<std::size_t>(size));
  return target;
}

}  // namespace containerd::archive
