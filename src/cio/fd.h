// SPDX-License-Identifier: Apache-2.0
//
// Descriptors of all kinds, used without ever blocking.
#ifndef CONTAINERD_SRC_CIO_FD_H_
#define CONTAINERD_SRC_CIO_FD_H_

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <sys/types.h>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "src/base/fd.h"

namespace containerd::cio::internal {

// Most bytes that one step of a stream moves, so that busy streams take turns.
inline constexpr std::size_t kChunk = std::size_t{64} << 10;

// kChunk bytes of the thread, for one step of a pump. They are made when they are first asked for:
// an array that is thread_local would be part of every thread of the program.
std::span<char> ThreadBuffer();

// Opens what `path_fd`, an O_PATH or other descriptor, stands for, as a new open file description.
// -1 and errno on failure.
int Reopen(int path_fd, int flags);

// The outcome of a read or write.
struct Moved {
  ssize_t n = 0;  // bytes; 0 is the end when reading
  int err = 0;    // EAGAIN, EINVAL, ...

  bool ok() const { return err == 0; }
};

// splice(2) without blocking on a pipe.
Moved Splice(int from, int to);

// Whether poll(2) reports any of `events` now, or a hang-up or error.
bool Ready(int fd, short events);

// For the reading end of a pipe from which read gave 0: whether that is the end. It is not when no
// writer has come yet, or a new one has.
bool AtEnd(int fd);

// A descriptor of the caller's, which may be of any kind and in blocking mode.
class UserFd {
 public:
  // Duplicates `fd`. ErrInvalidArgument when it is not open, or not for what it is wanted for.
  static absl::StatusOr<UserFd> Open(int fd, bool for_writing);

  int get() const { return fd_.get(); }
  bool is_pipe() const { return kind_ == Kind::kPipe; }

  // Whether Splice may be tried on it.
  bool can_splice() const;

  Moved Read(char* buffer, std::size_t size) const;
  Moved Write(std::string_view bytes) const;

 private:
  enum class Kind { kPipe, kSocket, kTerminal, kFile, kOther };

  base::Fd fd_;
  Kind kind_ = Kind::kOther;
  bool blocking_ = false;
};

}  // namespace containerd::cio::internal

#endif  // CONTAINERD_SRC_CIO_FD_H_
