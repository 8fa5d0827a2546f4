// SPDX-License-Identifier: Apache-2.0
#include "containerd/libcontainerd/bundle.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <fcntl.h>
#include <filesystem>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <system_error>
#include <tuple>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "containerd/containers/containers.h"
#include "containerd/errdefs/errdefs.h"

#include "bundle_dir.h"
#include "src/base/fd.h"
#include "src/base/path.h"

namespace containerd::libcontainerd {
namespace {

constexpr std::uint32_t kRootsMode = 0755;
constexpr std::uint32_t kUsersMode = 0700;

std::vector<std::string> Components(std::string_view path) {
  std::vector<std::string> components;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    if (end > 0) components.emplace_back(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return components;
}

// Whether anybody may pass through the folder; what is not there lets nobody.
bool IsPassable(const std::string& path) {
  struct stat st = {};
  return ::stat(path.c_str(), &st) == 0 && (st.st_mode & S_IXOTH) != 0;
}

// A folder of the user's own may have been made by an earlier call, and by nobody else.
absl::Status MakeUsersDir(const std::string& path, const userns::User& owner, Bundle& bundle) {
  auto made = userns::MkdirAllAndChown(path, kUsersMode, owner);
  if (!made.ok()) return made.status();
  bundle.made.insert(bundle.made.end(), made->begin(), made->end());
  struct stat st = {};
  if (::lstat(path.c_str(), &st) != 0) {
    return errdefs::FromErrno(errno, fmt::format("bundle folder \"{}\"", path));
  }
  if (st.st_uid != owner.uid || st.st_gid != owner.gid) {
    return errdefs::FailedPrecondition(
        fmt::format("bundle folder \"{}\" belongs to {}:{}, not to {}:{}", path, st.st_uid,
                    st.st_gid, owner.uid, owner.gid));
  }
  return absl::OkStatus();
}

absl::Status MakeUsersDirs(const std::string& dir, const userns::User& owner, Bundle& bundle) {
  bool users = false;  // in a folder of the user, who may put there what they like
  for (const std::string& component : Components(dir)) {
    bundle.path += "/" + component;
    if (!users && IsPassable(bundle.path)) continue;
    users = true;
    bundle.path += fmt::format(".{}.{}", owner.uid, owner.gid);
    if (absl::Status s = MakeUsersDir(bundle.path, owner, bundle); !s.ok()) return s;
  }
  if (users) return absl::OkStatus();
  // All was there. What anybody may pass through may still be a program, or lead elsewhere.
  struct stat st = {};
  if (::lstat(bundle.path.c_str(), &st) != 0) {
    return errdefs::FromErrno(errno, fmt::format("bundle folder \"{}\"", bundle.path));
  }
  if (S_ISDIR(st.st_mode)) return absl::OkStatus();
  return errdefs::FailedPrecondition(
      fmt::format("bundle folder \"{}\": it is {}", bundle.path,
                  S_ISLNK(st.st_mode) ? "a symbolic link" : "no directory"));
}

absl::Status MakeDirs(const std::string& dir, const userns::User& owner, Bundle& bundle) {
  if (owner != userns::User{}) {
    if (absl::Status s = MakeUsersDirs(dir, owner, bundle); !s.ok()) return s;
  } else {
    bundle.path = dir;
    auto made = userns::MkdirAllAndChown(dir, kRootsMode, owner);
    if (!made.ok()) return made.status();
    bundle.made = *std::move(made);
  }
  // FIFOs have to be made in it, which an earlier call may have left on what is read-only now.
  if (::access(bundle.path.c_str(), W_OK | X_OK) != 0) {
    return errdefs::FromErrno(errno, fmt::format("bundle folder \"{}\"", bundle.path));
  }
  return absl::OkStatus();
}

// Whether `text` is `<name>.<uid>.<gid>`.
bool IsUsers(std::string_view text, std::string_view name) {
  if (!text.starts_with(name)) return false;
  text.remove_prefix(name.size());
  const std::size_t second = text.find('.', 1);
  if (!text.starts_with('.') || second == std::string_view::npos) return false;
  const auto is_number = [](std::string_view id) {
    return !id.empty() && id.find_first_not_of("0123456789") == std::string_view::npos;
  };
  return is_number(text.substr(1, second - 1)) && is_number(text.substr(second + 1));
}

// The folder that holds `path`, which the owner of a folder on the way cannot turn into another:
// links are followed in `trusted` only, the part that no such folder is in.
absl::StatusOr<base::Fd> OpenParent(std::string_view trusted, std::string_view rest) {
  base::Fd start(::open(std::string(trusted).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (start && !rest.empty()) {
    open_how how = {};
    how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
    start.Reset(static_cast<int>(
        ::syscall(SYS_openat2, start.get(), std::string(rest).c_str(), &how, sizeof how)));
  }
  if (start) return start;
  return errdefs::FromErrno(errno, fmt::format("opening \"{}/{}\"", trusted, rest));
}

}  // namespace

absl::StatusOr<userns::User> HostRoot(const specs::Spec& spec) {
  if (!spec.linux_.has_value()) return userns::User{};
  const auto& namespaces = spec.linux_->namespaces;
  if (std::none_of(namespaces.begin(), namespaces.end(),
                   [](const auto& ns) { return ns.type == specs::kUserNamespace; })) {
    return userns::User{};
  }
  const auto& [uids, gids] = std::tie(spec.linux_->uid_mappings, spec.linux_->gid_mappings);
  // A namespace that is joined brings mappings of its own, which nobody here knows.
  if (uids.empty() && gids.empty()) return userns::User{};
  auto root = userns::IDMap{uids, gids}.RootPair();
  if (!root.ok()) return errdefs::Annotate(root.status(), "the spec's user namespace");
  return root;
}

absl::StatusOr<Bundle> MakeBundle(const std::string& dir, const userns::User& owner) {
  if (!dir.starts_with('/')) {
    return errdefs::InvalidArgument(fmt::format("bundle folder \"{}\" is no absolute path", dir));
  }
  Bundle bundle;
  if (absl::Status s = MakeDirs(base::CleanPath(dir), owner, bundle); !s.ok()) {
    UnmakeBundle(bundle);
    return s;
  }
  return bundle;
}

void UnmakeBundle(const Bundle& bundle) {
  for (auto dir = bundle.made.rbegin(); dir != bundle.made.rend(); ++dir) ::rmdir(dir->c_str());
}

bool IsBundleOf(std::string_view path, std::string_view dir) {
  const std::vector<std::string> have = Components(path);
  const std::vector<std::string> want = Components(dir);
  if (want.empty() || have.size() != want.size() || !path.starts_with('/') ||
      base::CleanPath(path) != path) {
    return false;
  }
  return std::equal(have.begin(), have.end(), want.begin(), [](const auto& one, const auto& other) {
    return one == other || IsUsers(one, other);
  });
}

absl::Status RemoveBundle(const std::string& path, const std::string& dir) {
  if (!IsBundleOf(path, dir)) {
    return errdefs::InvalidArgument(
        fmt::format("\"{}\" is no bundle of \"{}\": it is left alone", path, dir));
  }
  const std::vector<std::string> want = Components(dir);
  const std::vector<std::string> have = Components(path);
  const auto users = static_cast<std::size_t>(
      std::mismatch(have.begin(), have.end(), want.begin()).first - have.begin());
  std::string trusted = "/";
  std::string rest;
  for (std::size_t i = 0; i + 1 < have.size(); ++i) {
    (i < users ? trusted : rest) += have[i] + "/";
  }
  auto parent = OpenParent(trusted, rest);
  if (errdefs::IsNotFound(parent.status())) return absl::OkStatus();
  if (!parent.ok()) return parent.status();
  std::error_code err;
  std::filesystem::remove_all(fmt::format("/proc/self/fd/{}/{}", parent->get(), have.back()), err);
  if (!err) return absl::OkStatus();
  return errdefs::FromErrno(err.value(), fmt::format("removing \"{}\"", path));
}

NewContainerOpt WithBundle(std::string dir, const specs::Spec& spec) {
  return [dir = std::move(dir), owner = HostRoot(spec)](
             const Context&, containerd::Client&, containers::Container& record) -> absl::Status {
    if (!owner.ok()) return owner.status();
    auto bundle = MakeBundle(dir, *owner);
    if (!bundle.ok()) return bundle.status();
    record.labels[kBundlePathLabel] = bundle->path;
    return absl::OkStatus();
  };
}

}  // namespace containerd::libcontainerd
