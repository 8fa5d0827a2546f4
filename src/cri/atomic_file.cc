// SPDX-License-Identifier: Apache-2.0
#include "atomic_file.h"

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/base/fd.h"

namespace containerd::cri {
namespace {

constexpr std::size_t kMaxFile = std::size_t{1} << 20;

// The error of the system call that just failed.
absl::Status Failed(std::string_view what, const std::string& path) {
  return errdefs::FromErrno(errno, fmt::format("{} {}", what, path));
}

absl::Status WriteAll(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failed("writing", path);
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return absl::OkStatus();
}

// A file that holds `content`, on disk.
absl::Status WriteNew(const std::string& path, std::string_view content) {
  const base::Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
                           S_IRUSR | S_IWUSR));
  if (!fd) return Failed("creating", path);
  // One that was left there may have been somebody else's.
  if (::fchmod(fd.get(), S_IRUSR | S_IWUSR) != 0) return Failed("setting the mode of", path);
  if (absl::Status s = WriteAll(fd.get(), content, path); !s.ok()) return s;
  if (::fsync(fd.get()) != 0) return Failed("syncing", path);
  return absl::OkStatus();
}

absl::Status Remove(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return Failed("removing", path);
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteFileAtomically(const std::string& folder, const std::string& name,
                                 std::string_view content) {
  const std::string path = fmt::format("{}/{}", folder, name);
  const std::string fresh = path + ".new";
  absl::Status written = WriteNew(fresh, content);
  if (written.ok() && std::rename(fresh.c_str(), path.c_str()) != 0) {
    written = Failed("replacing", path);
  }
  if (!written.ok()) {
    ::unlink(fresh.c_str());
    return written;
  }
  const base::Fd dir(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir || ::fsync(dir.get()) != 0) return Failed("syncing", folder);
  return absl::OkStatus();
}

absl::Status RemoveAtomicFile(const std::string& folder, const std::string& name) {
  const std::string path = fmt::format("{}/{}", folder, name);
  if (absl::Status s = Remove(path + ".new"); !s.ok()) return s;
  return Remove(path);
}

absl::StatusOr<std::string> ReadSmallFile(const std::string& path) {
  // Not to be held up by a FIFO, either.
  const base::Fd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return Failed("opening", path);
  std::string content(kMaxFile + 1, '\0');
  std::size_t size = 0;
  while (size < content.size()) {
    const ssize_t n = ::read(fd.get(), content.data() + size, content.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failed("reading", path);
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  if (size > kMaxFile) {
    return errdefs::ResourceExhausted(
        fmt::format("reading {}: it has more than {} bytes", path, kMaxFile));
  }
  content.resize(size);
  return content;
}

}  // namespace containerd::cri
