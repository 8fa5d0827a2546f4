// SPDX-License-Identifier: Apache-2.0
#include "containerd/io/io.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/errdefs/internal/guard.h"
#include "src/threads/internal/callback.h"

namespace containerd::io {
namespace {

// Waits until `fd` is ready for `events` or the context ends. `*wake` is an eventfd that is made
// when it is first needed.
absl::Status WaitReady(const Context& ctx, int fd, short events, int* wake) {
  if (fd < 0) return errdefs::FromErrno(EBADF, "waiting for a file descriptor");
  if (*wake < 0) {
    *wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (*wake < 0) return errdefs::FromErrno(errno, "making an eventfd");
  }
  eventfd_t drained = 0;
  static_cast<void>(eventfd_read(*wake, &drained));  // of an earlier context
  const int wake_fd = *wake;
  const CancelRegistration on_cancel =
      ctx.OnCancel([wake_fd] { static_cast<void>(eventfd_write(wake_fd, 1)); });
  for (;;) {
    if (absl::Status err = ctx.Err(); !err.ok()) return err;
    int timeout = -1;
    if (ctx.Deadline() != absl::InfiniteFuture()) {
      const absl::Duration left = ctx.Deadline() - absl::Now();
      timeout = static_cast<int>(std::clamp<std::int64_t>(
          absl::ToInt64Milliseconds(absl::Ceil(left, absl::Milliseconds(1))), 0, 1'000'000));
    }
    pollfd fds[] = {{fd, events, 0}, {wake_fd, POLLIN, 0}};
    const int n = poll(fds, 2, threads::MustNotBlock() ? 0 : timeout);
    if (n < 0 && errno != EINTR) return errdefs::FromErrno(errno, "polling a file descriptor");
    if (n > 0 && fds[0].revents != 0) return absl::OkStatus();
    if (absl::Status s = threads::CheckMayBlock("waiting for a descriptor"); !s.ok()) return s;
  }
}

absl::StatusOr<std::size_t> ReadSome(const Context& ctx, Reader& reader, std::span<char> buf) {
  return errdefs::Guard("a reader", &Reader::Read, reader, ctx, buf);
}

// As many bytes as the kernel copies between these two by itself: what is left, to be read and
// written, is all if it cannot do that with these file systems, and mostly nothing.
absl::StatusOr<std::int64_t> CopyInKernel(const Context& ctx, int from, std::int64_t pos, int to) {
  off_t next = pos;
  for (;;) {
    if (absl::Status err = ctx.Err(); !err.ok()) return err;
    const ssize_t n = copy_file_range(from, &next, to, nullptr, std::size_t{64} << 20, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG || errno == EIO)) {
      return errdefs::FromErrno(errno, "copying a file");
    }
    if (n <= 0) return next - pos;
  }
}

}  // namespace

absl::Status Reader::Seek(const Context& /*ctx*/, std::int64_t /*offset*/) {
  return errdefs::NotImplemented("the input cannot seek");
}

absl::StatusOr<std::optional<std::int64_t>> Reader::WriteTo(const Context& /*ctx*/,
                                                            Writer& /*writer*/) {
  return std::nullopt;
}

absl::StatusOr<std::size_t> StringReader::Read(const Context& ctx, std::span<char> buf) {
  if (absl::Status err = ctx.Err(); !err.ok()) return err;
  const std::size_t n = std::min(buf.size(), data_.size() - pos_);
  if (n > 0) std::memcpy(buf.data(), data_.data() + pos_, n);
  pos_ += n;
  return n;
}

absl::Status StringReader::Seek(const Context& /*ctx*/, std::int64_t offset) {
  if (offset < 0)
    return errdefs::InvalidArgument(fmt::format("seek to negative offset {}", offset));
  pos_ = std::min(data_.size(), static_cast<std::size_t>(offset));
  return absl::OkStatus();
}

absl::Status StringWriter::Write(const Context& ctx, std::string_view data) {
  if (absl::Status err = ctx.Err(); !err.ok()) return err;
  out_->append(data);
  return absl::OkStatus();
}

FileReader::FileReader(int fd) : fd_(fd) {
  struct stat st = {};
  if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) pos_ = lseek(fd, 0, SEEK_CUR);
}

FileReader::~FileReader() {
  if (wake_ >= 0) close(wake_);
}

absl::StatusOr<std::size_t> FileReader::Read(const Context& ctx, std::span<char> buf) {
  if (buf.empty()) return std::size_t{0};
  for (;;) {
    if (absl::Status err = ctx.Err(); !err.ok()) return err;
    if (pos_ < 0) {
      if (absl::Status s = WaitReady(ctx, fd_, POLLIN, &wake_); !s.ok()) return s;
    }
    const ssize_t n =
        pos_ >= 0 ? pread(fd_, buf.data(), buf.size(), pos_) : read(fd_, buf.data(), buf.size());
    if (n >= 0) {
      if (pos_ >= 0) pos_ += n;
      return static_cast<std::size_t>(n);
    }
    if (errno == EIO && pos_ < 0 && isatty(fd_) != 0) return std::size_t{0};  // other end closed
    if (errno != EINTR && errno != EAGAIN) return errdefs::FromErrno(errno, "reading a file");
  }
}

absl::Status FileReader::Seek(const Context& ctx, std::int64_t offset) {
  if (pos_ < 0) return Reader::Seek(ctx, offset);
  if (offset < 0)
    return errdefs::InvalidArgument(fmt::format("seek to negative offset {}", offset));
  pos_ = offset;
  return absl::OkStatus();
}

FileWriter::FileWriter(int fd) : fd_(fd) {
  struct stat st = {};
  regular_ = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

FileWriter::~FileWriter() {
  if (wake_ >= 0) close(wake_);
}

absl::Status FileWriter::Write(const Context& ctx, std::string_view data) {
  while (!data.empty()) {
    std::size_t n = data.size();
    if (regular_) {
      if (absl::Status err = ctx.Err(); !err.ok()) return err;
    } else {
      if (absl::Status s = WaitReady(ctx, fd_, POLLOUT, &wake_); !s.ok()) return s;
      // A blocking pipe takes PIPE_BUF bytes at once when it is ready, and may block on more.
      const bool may_block = (fcntl(fd_, F_GETFL) & O_NONBLOCK) == 0 && lseek(fd_, 0, SEEK_CUR) < 0;
      if (may_block) n = std::min<std::size_t>(n, 4096);
    }
    const ssize_t written = write(fd_, data.data(), n);
    if (written >= 0) {
      data.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR && errno != EAGAIN) {
      return errdefs::FromErrno(errno, "writing a file");
    }
  }
  return ctx.Err();
}

absl::StatusOr<std::size_t> ReadFull(const Context& ctx, Reader& reader, std::span<char> buf) {
  std::size_t filled = 0;
  while (filled < buf.size()) {
    absl::StatusOr<std::size_t> n = ReadSome(ctx, reader, buf.subspan(filled));
    if (!n.ok()) return n.status();
    if (*n == 0) break;
    filled += *n;
  }
  return filled;
}

absl::StatusOr<std::string> ReadAll(const Context& ctx, Reader& reader, std::size_t max) {
  std::string out;
  // One byte more than allowed tells an input of exactly `max` bytes from a longer one.
  const std::size_t limit = max < out.max_size() ? max + 1 : max;
  std::size_t filled = 0;
  for (;;) {
    if (filled == out.size()) {
      out.resize(std::min(limit, std::max<std::size_t>(std::size_t{32} << 10, filled * 2)));
    }
    absl::StatusOr<std::size_t> n =
        ReadSome(ctx, reader, std::span<char>(out.data() + filled, out.size() - filled));
    if (!n.ok()) return n.status();
    if (*n == 0) break;
    filled += *n;
    if (filled > max) {
      return errdefs::ResourceExhausted(fmt::format("the input has more than {} bytes", max));
    }
  }
  out.resize(filled);
  return out;
}

absl::StatusOr<std::int64_t> Copy(const Context& ctx, Writer& writer, Reader& reader) {
  std::int64_t copied = 0;
  auto* const from = dynamic_cast<FileReader*>(&reader);
  auto* const to = dynamic_cast<FileWriter*>(&writer);
  if (from != nullptr && to != nullptr && from->pos_ >= 0 && to->regular_) {
    auto bytes = CopyInKernel(ctx, from->fd_, from->pos_, to->fd_);
    if (!bytes.ok()) return bytes.status();
    from->pos_ += *bytes;
    copied = *bytes;
  }
  auto whole = errdefs::Guard("a reader", &Reader::WriteTo, reader, ctx, writer);
  if (!whole.ok()) return whole.status();
  if (whole->has_value()) return **whole;
  std::vector<char> buf(kCopyBufferSize);
  for (;;) {
    absl::StatusOr<std::size_t> n = ReadSome(ctx, reader, buf);
    if (!n.ok()) return n.status();
    if (*n == 0) return copied;
    absl::Status s =
        errdefs::Guard("a writer", &Writer::Write, writer, ctx, std::string_view(buf.data(), *n));
    if (!s.ok()) return s;
    copied += static_cast<std::int64_t>(*n);
  }
}

}  // namespace containerd::io
