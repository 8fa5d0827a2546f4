// SPDX-License-Identifier: Apache-2.0
#include "fd.h"

#include <algorithm>
#include <array>
#include <errno.h>
#include <fcntl.h>
#include <memory>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::cio::internal {
namespace {

// What a blocking pipe or terminal takes without blocking once poll says that it is writable.
constexpr std::size_t kPipeRoom = 4096;
constexpr std::size_t kTerminalRoom = 256;

Moved Result(ssize_t n) { return n < 0 ? Moved{-1, errno} : Moved{n, 0}; }

}  // namespace

std::span<char> ThreadBuffer() {
  static thread_local const auto buffer = std::make_unique<std::array<char, kChunk>>();
  return *buffer;
}

int Reopen(int path_fd, int flags) {
  return open(fmt::format("/proc/self/fd/{}", path_fd).c_str(), flags | O_CLOEXEC | O_NOCTTY);
}

Moved Splice(int from, int to) {
  return Result(splice(from, nullptr, to, nullptr, kChunk, SPLICE_F_MOVE | SPLICE_F_NONBLOCK));
}

bool Ready(int fd, short events) {
  pollfd p{.fd = fd, .events = events, .revents = 0};
  return poll(&p, 1, 0) > 0;
}

bool AtEnd(int fd) {
  pollfd p{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&p, 1, 0) > 0 && (p.revents & POLLIN) == 0;
}

absl::StatusOr<UserFd> UserFd::Open(int fd, bool for_writing) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0) {
    return errdefs::InvalidArgument(fmt::format("descriptor {} is not open", fd));
  }
  const int mode = flags & O_ACCMODE;
  if ((flags & O_PATH) != 0 || mode == (for_writing ? O_RDONLY : O_WRONLY)) {
    return errdefs::InvalidArgument(
        fmt::format("descriptor {} is not open for {}", fd, for_writing ? "writing" : "reading"));
  }
  UserFd user;
  user.fd_ = base::Fd(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!user.fd_) return errdefs::FromErrno(errno, fmt::format("duplicating descriptor {}", fd));

  struct stat st {};
  if (fstat(fd, &st) < 0) return errdefs::FromErrno(errno, fmt::format("descriptor {}", fd));
  int pty = 0;
  if (S_ISFIFO(st.st_mode)) {
    user.kind_ = Kind::kPipe;
  } else if (S_ISSOCK(st.st_mode)) {
    user.kind_ = Kind::kSocket;
  } else if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)) {
    user.kind_ = Kind::kFile;
  } else if (isatty(fd) != 0 || ioctl(fd, TIOCGPTN, &pty) == 0) {
    user.kind_ = Kind::kTerminal;
  }
  user.blocking_ = (flags & O_NONBLOCK) == 0;

  // The mode belongs to the open file description, which other programs may share, so it is not
  // ours to change; but we may have one of our own. Not of a pseudo-terminal's master: opening that
  // makes another pseudo-terminal. Nor of a pipe's reading end: a new one does not know that a
  // writer has been there, and so would never see the end.
  const bool can_reopen = user.kind_ == Kind::kPipe
                              ? for_writing
                              : user.kind_ == Kind::kTerminal && ioctl(fd, TIOCGPTN, &pty) != 0;
  if (user.blocking_ && can_reopen) {
    base::Fd own(Reopen(user.get(), (for_writing ? O_WRONLY : O_RDONLY) | O_NONBLOCK));
    if (own) {
      user.fd_ = std::move(own);
      user.blocking_ = false;
    }
  }
  return user;
}

bool UserFd::can_splice() const {
  switch (kind_) {
    case Kind::kPipe:
    case Kind::kFile:
      return true;
    case Kind::kSocket:
    case Kind::kOther:
      return !blocking_;
    case Kind::kTerminal:
      return false;
  }
  return false;
}

Moved UserFd::Read(char* buffer, std::size_t size) const {
  if (kind_ == Kind::kSocket) return Result(recv(get(), buffer, size, MSG_DONTWAIT));
  if (blocking_ && kind_ != Kind::kFile && !Ready(get(), POLLIN)) return {-1, EAGAIN};
  return Result(read(get(), buffer, size));
}

Moved UserFd::Write(std::string_view bytes) const {
  if (kind_ == Kind::kSocket) {
    return Result(send(get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
  }
  if (blocking_ && kind_ != Kind::kFile) {
    if (!Ready(get(), POLLOUT)) return {-1, EAGAIN};
    if (kind_ == Kind::kPipe) bytes = bytes.substr(0, kPipeRoom);
    if (kind_ == Kind::kTerminal) bytes = bytes.substr(0, kTerminalRoom);
  }
  return Result(write(get(), bytes.data(), bytes.size()));
}

}  // namespace containerd::cio::internal
