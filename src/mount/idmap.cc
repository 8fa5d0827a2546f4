// SPDX-License-Identifier: Apache-2.0
#include "containerd/mount/idmap.h"

#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <limits>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/base/fd.h"

namespace containerd::mount {
namespace {

// One number of a mapping. The kernel's ids have 32 bits.
bool ParseID(std::string_view text, std::uint32_t& value) {
  const auto [end, err] = std::from_chars(text.data(), text.data() + text.size(), value);
  return !text.empty() && err == std::errc() && end == text.data() + text.size();
}

absl::StatusOr<IDMapping> ParseIDMapping(std::string_view mapping) {
  IDMapping parsed;
  const std::size_t first = mapping.find(':');
  const std::size_t second = first == std::string_view::npos ? first : mapping.find(':', first + 1);
  if (second == std::string_view::npos || !ParseID(mapping.substr(0, first), parsed.container_id) ||
      !ParseID(mapping.substr(first + 1, second - first - 1), parsed.host_id) ||
      !ParseID(mapping.substr(second + 1), parsed.size)) {
    return errdefs::InvalidArgument(fmt::format(
        "invalid id mapping \"{}\": want container-id:host-id:size, none negative", mapping));
  }
  return parsed;
}

absl::Status WriteFile(const std::string& path, std::string_view text) {
  const base::Fd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (fd && write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size())) {
    return absl::OkStatus();
  }
  return errdefs::FromErrno(errno, fmt::format("writing \"{}\" to {}", text, path));
}

std::string Format(const std::vector<IDMapping>& mappings) {
  std::string text;
  for (const IDMapping& m : mappings) {
    text += fmt::format("{} {} {}\n", m.container_id, m.host_id, m.size);
  }
  return text;
}

absl::StatusOr<UsernsFD> MapAndOpen(pid_t pid, const std::vector<IDMapping>& uids,
                                    const std::vector<IDMapping>& gids) {
  const std::string proc = fmt::format("/proc/{}", pid);
  absl::Status s = WriteFile(proc + "/uid_map", Format(uids));
  if (s.ok()) s = WriteFile(proc + "/setgroups", "deny");
  if (s.ok()) s = WriteFile(proc + "/gid_map", Format(gids));
  if (!s.ok()) return s;
  const std::string path = proc + "/ns/user";
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errdefs::FromErrno(errno, fmt::format("opening {}", path));
  return UsernsFD(fd);
}

}  // namespace

UsernsFD::UsernsFD(UsernsFD&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

UsernsFD& UsernsFD::operator=(UsernsFD&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

UsernsFD::~UsernsFD() {
  if (fd_ >= 0) close(fd_);
}

absl::StatusOr<std::vector<IDMapping>> ParseIDMappings(std::string_view mappings) {
  std::vector<IDMapping> parsed;
  for (;;) {
    const std::size_t comma = mappings.find(',');
    auto mapping = ParseIDMapping(mappings.substr(0, comma));
    if (!mapping.ok()) return mapping.status();
    parsed.push_back(*mapping);
    if (comma == std::string_view::npos) return parsed;
    mappings.remove_prefix(comma + 1);
  }
}

absl::StatusOr<UsernsFD> GetUsernsFD(std::string_view uidmap, std::string_view gidmap) {
  auto uids = ParseIDMappings(uidmap);
  if (!uids.ok()) return uids.status();
  auto gids = ParseIDMappings(gidmap);
  if (!gids.ok()) return gids.status();

  // The child owns the namespace until it is opened. It does nothing but system calls, because
  // another thread may hold any lock of this process at the moment. Without an exit signal it stays
  // invisible to code in this process that waits for its own children.
  int pidfd = -1;
  const pid_t parent = getpid();
  const long pid =
      syscall(SYS_clone, CLONE_NEWUSER | CLONE_PIDFD, nullptr, &pidfd, nullptr, nullptr);
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (syscall(SYS_getppid) != parent) syscall(SYS_exit_group, 0);
    for (;;) syscall(SYS_ppoll, nullptr, 0, nullptr, nullptr, 0);
  }
  if (pid < 0) return errdefs::FromErrno(errno, "making a user namespace");

  auto userns = MapAndOpen(static_cast<pid_t>(pid), *uids, *gids);
  // While the child lives its pid is not another's, so what was opened above is its namespace.
  const bool alive = syscall(SYS_pidfd_send_signal, pidfd, 0, nullptr, 0) == 0;
  syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0);
  siginfo_t info;
  while (waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd), &info,
                WEXITED | __WALL) != 0 &&
         errno == EINTR) {
  }
  close(pidfd);
  if (userns.ok() && !alive) {
    return errdefs::Aborted("making a user namespace: its first process was killed; try again");
  }
  return userns;
}

absl::Status IDMapMount(std::string_view source, std::string_view target, int userns_fd) {
  return IDMapMountWithAttrs(source, target, userns_fd, 0, 0);
}

absl::Status IDMapMountWithAttrs(std::string_view source, std::string_view target, int userns_fd,
                                 std::uint64_t attr_set, std::uint64_t attr_clear) {
  const std::string from(source);
  const std::string to(target);
  const base::Fd tree(open_tree(
      AT_FDCWD, from.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE));
  if (!tree) return errdefs::FromErrno(errno, fmt::format("cloning the mount at \"{}\"", from));

  mount_attr attr{};
  attr.attr_set = MOUNT_ATTR_IDMAP | attr_set;
  attr.attr_clr = attr_clear;
  attr.propagation = MS_PRIVATE;
  attr.userns_fd = static_cast<unsigned>(userns_fd);
  if (mount_setattr(tree.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) != 0) {
    return errdefs::FromErrno(errno, fmt::format("mapping the ids of the mount of \"{}\"", from));
  }
  if (move_mount(tree.get(), "", AT_FDCWD, to.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    return errdefs::FromErrno(errno, fmt::format("mounting \"{}\" at \"{}\"", from, to));
  }
  return absl::OkStatus();
}

}  // namespace containerd::mount
