// SPDX-License-Identifier: Apache-2.0
#include "containerd/mount/temp.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"
#include "containerd/mount/info.h"

#include "options.h"
#include "src/errdefs/internal/guard.h"
#include "src/threads/internal/forked.h"
#include "temp_location.h"

namespace containerd::mount {
namespace {

struct Location {
  std::mutex mu;
  std::string path;
};

Location& TheLocation() {
  // Never destroyed: mounts may be cleaned up while the process exits.
  static Location& location = *[] {
    auto* made = new Location;
    for (const char* name : {"XDG_RUNTIME_DIR", "TMPDIR"}) {
      // Read once, before threads could change the environment by rights.
      const char* dir = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
      if (dir != nullptr && *dir != '\0') {
        made->path = dir;
        return made;
      }
    }
    made->path = "/tmp";
    return made;
  }();
  return location;
}

absl::Status RemoveDir(const std::string& path) {
  if (rmdir(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return errdefs::FromErrno(errno, fmt::format("removing the directory \"{}\"", path));
}

absl::Status Run(const Context& ctx, absl::StatusOr<TempMount> mount,
                 const std::function<absl::Status(const std::string& root)>& f) {
  if (!mount.ok()) return mount.status();
  absl::Status result = ctx.Err();
  if (result.ok()) {
    result = errdefs::Annotate(errdefs::Guard("a function", f, mount->root()),
                               fmt::format("using the temporary mount {}", mount->root()));
  }
  absl::Status unmounted = mount->Unmount();
  if (result.ok()) return unmounted;
  return unmounted.ok() ? result : errdefs::Annotate(result, errdefs::Message(unmounted));
}

}  // namespace

std::string TempMountLocation() {
  Location& location = TheLocation();
  std::lock_guard lock(location.mu);
  return location.path;
}

absl::StatusOr<std::string> MakeTempDir(std::string_view prefix) {
  std::string path = fmt::format("{}/{}XXXXXX", TempMountLocation(), prefix);
  if (mkdtemp(path.data()) == nullptr) {
    return errdefs::FromErrno(errno, fmt::format("making the temporary directory \"{}\"", path));
  }
  return path;
}

TempMount::TempMount(std::vector<Mount> mounts, std::string root)
    : mounts_(std::move(mounts)), root_(std::move(root)), forks_(threads::Forks()) {}

TempMount::TempMount(TempMount&& other) noexcept
    : mounts_(std::move(other.mounts_)),
      root_(std::exchange(other.root_, {})),
      forks_(other.forks_) {}

TempMount& TempMount::operator=(TempMount&& other) noexcept {
  std::swap(mounts_, other.mounts_);
  std::swap(root_, other.root_);
  std::swap(forks_, other.forks_);
  return *this;
}

TempMount::~TempMount() {
  if (forks_ != threads::Forks()) return;  // it is the parent's
  if (absl::Status s = Unmount(); !s.ok()) {
    log::Error(fmt::format("a temporary mount is left behind: {}", errdefs::Message(s)));
  }
}

absl::StatusOr<TempMount> TempMount::New(const std::vector<Mount>& mounts) {
  auto root = MakeTempDir("containerd-mount");
  if (!root.ok()) return root.status();
  TempMount mount(RemoveVolatileOption(mounts), *std::move(root));
  if (absl::Status s = All(mount.mounts_, mount.root_); !s.ok()) {
    return errdefs::Annotate(s, fmt::format("mounting temporarily at \"{}\"", mount.root_));
  }
  return mount;
}

absl::StatusOr<TempMount> TempMount::NewReadonly(const std::vector<Mount>& mounts) {
  return New(ReadonlyMounts(mounts));
}

absl::Status TempMount::Unmount() {
  if (root_.empty()) return absl::OkStatus();
  absl::Status s = UnmountMounts(mounts_, root_, 0);
  if (s.ok()) s = RemoveDir(root_);
  if (s.ok()) root_.clear();
  return s;
}

absl::Status WithTempMount(const Context& ctx, const std::vector<Mount>& mounts,
                           const std::function<absl::Status(const std::string& root)>& f) {
  if (absl::Status err = ctx.Err(); !err.ok()) return err;
  return Run(ctx, TempMount::New(mounts), f);
}

absl::Status WithReadonlyTempMount(const Context& ctx, const std::vector<Mount>& mounts,
                                   const std::function<absl::Status(const std::string& root)>& f) {
  if (absl::Status err = ctx.Err(); !err.ok()) return err;
  return Run(ctx, TempMount::NewReadonly(mounts), f);
}

absl::Status SetTempMountLocation(std::string_view root) {
  std::error_code error;
  const std::filesystem::path path(root);
  if (!std::filesystem::is_directory(path, error)) {
    std::filesystem::create_directories(path, error);
    if (!error) {
      std::filesystem::permissions(path, std::filesystem::perms::owner_all, error);
    }
    if (error) {
      return errdefs::FromErrno(error.value(), fmt::format("making the directory \"{}\"", root));
    }
  }
  auto canonical = CanonicalizePath(root);
  if (!canonical.ok()) return canonical.status();
  Location& location = TheLocation();
  std::lock_guard lock(location.mu);
  location.path = *std::move(canonical);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<absl::Status>> CleanupTempMounts(int flags) {
  auto root = CanonicalizePath(TempMountLocation());
  if (errdefs::IsNotFound(root.status())) return std::vector<absl::Status>();
  if (!root.ok()) return root.status();
  auto mounts = GetMounts();
  if (!mounts.ok()) return mounts.status();
  // Not the location itself, which may well be a mount of its own.
  std::erase_if(*mounts,
                [&](const Info& info) { return !info.mountpoint.starts_with(*root + "/"); });
  std::stable_sort(mounts->begin(), mounts->end(), [](const Info& a, const Info& b) {
    return a.mountpoint.size() > b.mountpoint.size();
  });
  mounts->erase(
      std::unique(mounts->begin(), mounts->end(),
                  [](const Info& a, const Info& b) { return a.mountpoint == b.mountpoint; }),
      mounts->end());

  std::vector<absl::Status> warnings;
  for (const Info& info : *mounts) {
    absl::Status s = UnmountAll(info.mountpoint, flags);
    if (s.ok()) s = RemoveDir(info.mountpoint);
    if (!s.ok()) warnings.push_back(std::move(s));
  }
  return warnings;
}

}  // namespace containerd::mount
