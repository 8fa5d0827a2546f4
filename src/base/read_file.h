// SPDX-License-Identifier: Apache-2.0
//
// A file's bytes, with what failed as an error: an std::ifstream that is read by iterators throws
// for a directory, or for a process's file in /proc when the process ends meanwhile.
#ifndef CONTAINERD_SRC_BASE_READ_FILE_H_
#define CONTAINERD_SRC_BASE_READ_FILE_H_

#include <array>
#include <cerrno>
#include <cstddef>
#include <fcntl.h>
#include <string>
#include <system_error>
#include <unistd.h>

#include "src/base/fd.h"

namespace containerd::base {

// Appends what the file has from `offset` on to `out`. std::errc::file_too_large if that is more
// than `max` bytes: a size asked for before says nothing of a device or a file that grows.
inline std::error_code ReadFile(const std::string& path, std::string& out, off_t offset = 0,
                                std::size_t max = std::string::npos) {
  const auto failed = [] { return std::error_code(errno, std::generic_category()); };
  const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (file.get() < 0 || (offset > 0 && lseek(file.get(), offset, SEEK_SET) < 0)) return failed();
  std::array<char, std::size_t{16} << 10> chunk;
  for (;;) {
    const ssize_t n = read(file.get(), chunk.data(), chunk.size());
    if (n == 0) return {};
    if (n > 0) {
      if (static_cast<std::size_t>(n) > max) return make_error_code(std::errc::file_too_large);
      max -= static_cast<std::size_t>(n);
      out.append(chunk.data(), static_cast<std::size_t>(n));
    } else if (errno != EINTR) {
      return failed();
    }
  }
}

}  // namespace containerd::base

#endif  // CONTAINERD_SRC_BASE_READ_FILE_H_
