// SPDX-License-Identifier: Apache-2.0
//
// A file descriptor and its owner.
#ifndef CONTAINERD_SRC_BASE_FD_H_
#define CONTAINERD_SRC_BASE_FD_H_

#include <string_view>
#include <sys/types.h>
#include <utility>

#include <absl/status/statusor.h>

namespace containerd::base {

// Owns a descriptor, and closes it with the object. Closing leaves errno as it is.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.Release()) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) Reset(other.Release());
    return *this;
  }
  ~Fd() { Reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

  // Gives the descriptor away, without closing it.
  int Release() { return std::exchange(fd_, -1); }

  // Closes the descriptor, and owns `fd` from now on.
  void Reset(int fd = -1);

 private:
  int fd_ = -1;
};

struct Pipe {
  Fd read_end;
  Fd write_end;
};

// A pipe that no program inherits.
absl::StatusOr<Pipe> MakePipe();

// A file in memory, of this content and read from its beginning, that no program inherits.
absl::StatusOr<Fd> MemoryFile(const char* name, std::string_view content);

// A descriptor of the process: it is readable once the process has ended. None, and errno, on
// failure. glibc 2.36, the first to have this call, forgot extern "C" in its header.
Fd OpenPidfd(pid_t pid);

}  // namespace containerd::base

#endif  // CONTAINERD_SRC_BASE_FD_H_
