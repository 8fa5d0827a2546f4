// SPDX-License-Identifier: Apache-2.0
//
// Package io: where bytes come from and where they go, as seen by whoever copies them.
//
//   io::FileReader archive(fd);
//   absl::StatusOr<std::string> text = io::ReadAll(ctx, archive, 4 << 20);
//
// A Reader or Writer belongs to one thread at a time. Those of this package end a blocked call when
// its context ends.
//
// Source: Go's package io, as far as the client needs it.
#ifndef CONTAINERD_IO_IO_H_
#define CONTAINERD_IO_IO_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"

namespace containerd::io {

// Bytes per step of the copies here and in the packages that build on this one.
inline constexpr std::size_t kCopyBufferSize = std::size_t{1} << 20;

class Writer;

// Where bytes come from. One thread at a time uses it.
class CONTAINERD_EXPORT Reader {
 public:
  Reader() = default;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  virtual ~Reader() = default;

  // Reads at least one byte and at most buf.size(), and returns how many; 0 means the end of the
  // input (or an empty `buf`).
  virtual absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) = 0;

  // Goes on at `offset` bytes from the start of the input. ErrNotImplemented if this input cannot
  // do that, such as a pipe; it then stands where it stood.
  virtual absl::Status Seek(const Context& ctx, std::int64_t offset);

  // Writes what is left of the input and returns how many bytes that were, without a buffer of the
  // caller's between: for Copy, and for inputs that have their bytes in memory already. nullopt,
  // with nothing read, if this input has no such way. Source: io.WriterTo.
  virtual absl::StatusOr<std::optional<std::int64_t>> WriteTo(const Context& ctx, Writer& writer);
};

// Where bytes go. One thread at a time uses it.
class CONTAINERD_EXPORT Writer {
 public:
  Writer() = default;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  virtual ~Writer() = default;

  // Writes all of `data`, or fails.
  virtual absl::Status Write(const Context& ctx, std::string_view data) = 0;
};

// Reads from a string of its own.
class CONTAINERD_EXPORT StringReader final : public Reader {
 public:
  explicit StringReader(std::string data) : data_(std::move(data)) {}

  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override;
  absl::Status Seek(const Context& ctx, std::int64_t offset) override;

 private:
  const std::string data_;
  std::size_t pos_ = 0;
};

// Appends to a string that outlives it.
class CONTAINERD_EXPORT StringWriter final : public Writer {
 public:
  explicit StringWriter(std::string* out) : out_(out) {}

  absl::Status Write(const Context& ctx, std::string_view data) override;

 private:
  std::string* const out_;
};

// Reads from a file descriptor that outlives it: a file, from the descriptor's position on and
// without moving that, or a pipe, socket or terminal.
class CONTAINERD_EXPORT FileReader final : public Reader {
 public:
  explicit FileReader(int fd);
  ~FileReader() override;

  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override;
  absl::Status Seek(const Context& ctx, std::int64_t offset) override;

 private:
  friend absl::StatusOr<std::int64_t> Copy(const Context&, Writer&, Reader&);

  const int fd_;
  std::int64_t pos_ = -1;  // of a regular file; -1: cannot seek
  int wake_ = -1;          // eventfd that ends a wait
};

// Writes to a file descriptor that outlives it.
class CONTAINERD_EXPORT FileWriter final : public Writer {
 public:
  explicit FileWriter(int fd);
  ~FileWriter() override;

  absl::Status Write(const Context& ctx, std::string_view data) override;

 private:
  friend absl::StatusOr<std::int64_t> Copy(const Context&, Writer&, Reader&);

  const int fd_;
  bool regular_ = false;  // never to be waited for
  int wake_ = -1;
};

// Reads until `buf` is full or the input ends; returns how many bytes that were.
CONTAINERD_EXPORT absl::StatusOr<std::size_t> ReadFull(const Context& ctx, Reader& reader,
                                                       std::span<char> buf);

// Everything up to the end; ErrResourceExhausted if that is more than `max` bytes.
CONTAINERD_EXPORT absl::StatusOr<std::string> ReadAll(const Context& ctx, Reader& reader,
                                                      std::size_t max);

// Copies up to the end and returns the count of bytes; from one regular file to another without
// taking the bytes out of the kernel, and by WriteTo where the reader has it. Source: io.Copy.
CONTAINERD_EXPORT absl::StatusOr<std::int64_t> Copy(const Context& ctx, Writer& writer,
                                                    Reader& reader);

}  // namespace containerd::io

#endif  // CONTAINERD_IO_IO_H_
