// SPDX-License-Identifier: Apache-2.0
#include "fifo.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/base/mutex.h"

namespace containerd::cio::internal {
namespace {

std::string_view KindOf(mode_t mode) {
  if (S_ISREG(mode)) return "a regular file";
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISLNK(mode)) return "a symbolic link";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

// Without /proc the path has to do; then what it leads to is checked again.
base::Fd OpenHandle(int handle, const std::string& path, int flags) {
  base::Fd fd(Reopen(handle, flags));
  if (fd || errno != ENOENT) return fd;
  fd = base::Fd(open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW));
  struct stat wanted {};
  struct stat opened {};
  if (fd && (fstat(handle, &wanted) < 0 || fstat(fd.get(), &opened) < 0 ||
             wanted.st_dev != opened.st_dev || wanted.st_ino != opened.st_ino)) {
    fd.Reset();
    errno = ESTALE;
  }
  return fd;
}

}  // namespace

absl::StatusOr<Fifo> Fifo::Open(std::string path,
                                const std::optional<std::pair<uid_t, gid_t>>& owner) {
  const auto error = [&](int err, std::string_view what) {
    return errdefs::FromErrno(err, fmt::format("{} FIFO \"{}\"", what, path));
  };
  if (path.find('\0') != std::string::npos) return error(EINVAL, "opening");
  const bool made = mkfifo(path.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) return error(errno, "making");

  Fifo fifo;
  fifo.handle_ = base::Fd(open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!fifo.handle_) {
    const absl::Status status = error(errno, "opening");
    if (made) unlink(path.c_str());
    return status;
  }
  struct stat st {};
  if (fstat(fifo.handle_.get(), &st) < 0) return error(errno, "opening");
  if (!S_ISFIFO(st.st_mode)) {
    return errdefs::FailedPrecondition(
        fmt::format("opening FIFO \"{}\": it is {}", path, KindOf(st.st_mode)));
  }
  if (made && owner.has_value() &&
      fchownat(fifo.handle_.get(), "", owner->first, owner->second, AT_EMPTY_PATH) < 0) {
    const absl::Status status = error(errno, "changing the owner of");
    unlink(path.c_str());
    return status;
  }
  fifo.path_ = std::move(path);
  return fifo;
}

absl::StatusOr<base::Fd> Fifo::OpenReader() const {
  base::Fd fd = OpenHandle(handle_.get(), path_, O_RDONLY | O_NONBLOCK);
  if (!fd) return errdefs::FromErrno(errno, fmt::format("opening FIFO \"{}\" for reading", path_));
  return fd;
}

absl::StatusOr<base::Fd> Fifo::TryOpenWriter() const {
  base::Fd fd = OpenHandle(handle_.get(), path_, O_WRONLY | O_NONBLOCK);
  if (!fd && errno != ENXIO) {
    return errdefs::FromErrno(errno, fmt::format("opening FIFO \"{}\" for writing", path_));
  }
  return fd;
}

absl::StatusOr<base::Fd> Fifo::OpenWriter() const {
  absl::StatusOr<base::Fd> writer = TryOpenWriter();
  if (!writer.ok() || *writer) return writer;
  // The kernel lets in no writer without a reader, but does not mind when that one leaves.
  absl::StatusOr<base::Fd> reader = OpenReader();
  if (!reader.ok()) return reader.status();
  return TryOpenWriter();
}

bool Fifo::HasReader(int writer) {
  pollfd p{.fd = writer, .events = 0, .revents = 0};
  return poll(&p, 1, 0) == 0;
}

absl::StatusOr<base::Fd> OpenOutput(std::string path,
                                    const std::optional<std::pair<uid_t, gid_t>>& owner,
                                    std::string_view name) {
  absl::StatusOr<Fifo> fifo = Fifo::Open(std::move(path), owner);
  if (!fifo.ok()) return errdefs::Annotate(fifo.status(), name);
  absl::StatusOr<base::Fd> reader = fifo->OpenReader();
  if (!reader.ok()) return errdefs::Annotate(reader.status(), name);
  return reader;
}

absl::Status CloseOnce::Close(const FIFOSet& fifos) {
  const base::MutexLock lock(mu_);
  if (closed_) return absl::OkStatus();
  absl::Status status = fifos.Close();
  closed_ = status.ok();
  return status;
}

}  // namespace containerd::cio::internal
