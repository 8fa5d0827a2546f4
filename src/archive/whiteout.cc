// SPDX-License-Identifier: Apache-2.0
#include "whiteout.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <fmt/format.h>

#include "containerd/archive/archive.h"
#include "containerd/errdefs/errdefs.h"

#include "root_dir.h"
#include "src/base/escape.h"

namespace containerd::archive {

absl::StatusOr<bool> OverlayConvertWhiteout(const tar::Header& header, const std::string& path) {
  const auto [dir, base] = Split(path);
  if (base == kWhiteoutOpaqueDir) {
    if (setxattr(std::string(dir).c_str(), "trusted.overlay.opaque", "y", 1, 0) != 0) {
      return errdefs::FromErrno(errno,
                                fmt::format("making the directory {} opaque", base::Quote(dir)));
    }
    return false;
  }
  if (!base.starts_with(kWhiteoutPrefix)) return true;
  const std::string removed = fmt::format("{}{}", dir, base.substr(kWhiteoutPrefix.size()));
  if (mknod(removed.c_str(), S_IFCHR, 0) != 0 ||
      lchown(removed.c_str(), static_cast<uid_t>(header.uid), static_cast<gid_t>(header.gid)) !=
          0) {
    return errdefs::FromErrno(errno, fmt::format("making the whiteout {}", base::Quote(removed)));
  }
  return false;
}

}  // namespace containerd::archive
