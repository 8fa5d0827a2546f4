// SPDX-License-Identifier: Apache-2.0
#include "file.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::oci {

absl::StatusOr<std::string> ReadAll(int fd, std::string_view name, std::size_t limit) {
  constexpr std::size_t kChunk = std::size_t{64} << 10;
  std::string content;
  for (;;) {
    const std::size_t have = content.size();
    content.resize(have + std::min(kChunk, limit + 1 - have));
    const ssize_t n = read(fd, content.data() + have, content.size() - have);
    const int err = errno;
    content.resize(have + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    if (n < 0 && err == EINTR) continue;
    if (n < 0) return errdefs::FromErrno(err, fmt::format("reading \"{}\"", name));
    if (n == 0) return content;
    if (content.size() > limit) {
      return errdefs::ResourceExhausted(fmt::format("\"{}\" exceeds {} bytes", name, limit));
    }
  }
}

absl::StatusOr<std::string> ReadFile(const std::string& path, std::size_t limit) {
  const File file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!file.ok()) return errdefs::FromErrno(errno, fmt::format("opening \"{}\"", path));
  return ReadAll(file.fd(), path, limit);
}

}  // namespace containerd::oci
