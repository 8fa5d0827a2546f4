// SPDX-License-Identifier: Apache-2.0
//
// The compressed side of a decompressor: a buffer over a reader.
#ifndef CONTAINERD_SRC_COMPRESSION_INPUT_H_
#define CONTAINERD_SRC_COMPRESSION_INPUT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

#include "containerd/context/context.h"
#include "containerd/io/io.h"

#include "src/errdefs/internal/guard.h"

namespace containerd::compression {

inline constexpr std::size_t kInputBufferSize = std::size_t{128} << 10;

class Input {
 public:
  explicit Input(io::Reader& reader) : reader_(&reader) {}
  explicit Input(std::unique_ptr<io::Reader> owned)
      : owned_(std::move(owned)), reader_(owned_.get()) {}

  // What is buffered, at least `want` bytes unless the input ends before.
  absl::StatusOr<std::string_view> Peek(const Context& ctx, std::size_t want) {
    while (!at_end_ && end_ - begin_ < want) {
      if (buffer_.empty()) buffer_.resize(kInputBufferSize);
      if (begin_ > 0) {
        std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
                  buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
        end_ -= begin_;
        begin_ = 0;
      }
      absl::StatusOr<std::size_t> n = ReadSome(ctx, std::span(buffer_).subspan(end_));
      if (!n.ok()) return n.status();
      if (*n == 0) at_end_ = true;
      end_ += *n;
    }
    return std::string_view(buffer_.data() + begin_, end_ - begin_);
  }

  // Takes `count` of the bytes that Peek gave.
  void Consume(std::size_t count) {
    begin_ += count;
    consumed_ += static_cast<std::int64_t>(count);
  }

  // What is buffered, then straight from the reader.
  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) {
    if (begin_ == end_) return at_end_ ? std::size_t{0} : ReadSome(ctx, buf);
    const std::size_t n = std::min(buf.size(), end_ - begin_);
    std::copy_n(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_), n, buf.begin());
    Consume(n);
    return n;
  }

  // Bytes taken so far.
  std::int64_t consumed() const { return consumed_; }

 private:
  absl::StatusOr<std::size_t> ReadSome(const Context& ctx, std::span<char> buf) {
    return errdefs::Guard("a reader", &io::Reader::Read, *reader_, ctx, buf);
  }

  std::unique_ptr<io::Reader> owned_;
  io::Reader* reader_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::int64_t consumed_ = 0;
  bool at_end_ = false;
};

}  // namespace containerd::compression

#endif  // CONTAINERD_SRC_COMPRESSION_INPUT_H_
