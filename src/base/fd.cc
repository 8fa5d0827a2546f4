// SPDX-License-Identifier: Apache-2.0
#include "src/base/fd.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::base {

void Fd::Reset(int fd) {
  const int old = std::exchange(fd_, fd);
  if (old < 0) return;
  const int err = errno;
  ::close(old);
  errno = err;
}

absl::StatusOr<Pipe> MakePipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) return errdefs::FromErrno(errno, "making a pipe");
  return Pipe{.read_end = Fd(fds[0]), .write_end = Fd(fds[1])};
}

absl::StatusOr<Fd> MemoryFile(const char* name, std::string_view content) {
  Fd file(::memfd_create(name, MFD_CLOEXEC));
  if (!file) return errdefs::FromErrno(errno, "making a file in memory");
  while (!content.empty()) {
    const ssize_t n = ::write(file.get(), content.data(), content.size());
    if (n < 0) return errdefs::FromErrno(errno, "writing a file in memory");
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

Fd OpenPidfd(pid_t pid) { return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

}  // namespace containerd::base
