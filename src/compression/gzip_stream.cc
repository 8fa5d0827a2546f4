// SPDX-License-Identifier: Apache-2.0
//
// gzip, inflated by ISA-L and deflated by zlib.
#include "gzip_stream.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <utility>
#include <vector>
#include <zlib.h>

#include <absl/status/status.h>
#include <fmt/format.h>
#include <isa-l.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::compression {
namespace {

// For the 32-bit counts of both libraries.
constexpr std::size_t kMaxStep = std::size_t{1} << 30;

std::string_view Describe(int error) {
  switch (error) {
    case ISAL_INVALID_BLOCK:
      return "invalid block";
    case ISAL_INVALID_SYMBOL:
      return "invalid symbol";
    case ISAL_INVALID_LOOKBACK:
      return "invalid distance";
    case ISAL_INVALID_WRAPPER:
      return "invalid header";
    case ISAL_UNSUPPORTED_METHOD:
      return "unsupported method";
    case ISAL_INCORRECT_CHECKSUM:
      return "wrong checksum";
    default:
      return "invalid data";
  }
}

class GzipReader final : public DecompressReadCloser {
 public:
  explicit GzipReader(Input input)
      : input_(std::move(input)), state_(std::make_unique<inflate_state>()) {
    StartMember();
  }

  Compression GetCompression() const override { return Compression::kGzip; }

  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    if (!status_.ok()) return status_;
    if (buf.empty()) return std::size_t{0};
    absl::StatusOr<std::size_t> n = Inflate(ctx, buf.first(std::min(buf.size(), kMaxStep)));
    if (!n.ok()) status_ = n.status();
    return n;
  }

 private:
  void StartMember() {
    isal_inflate_init(state_.get());
    state_->crc_flag = ISAL_GZIP;
  }

  absl::Status Damaged(std::string_view what) const {
    return errdefs::DataLoss(fmt::format("gzip: {} near byte {}", what, input_.consumed()));
  }

  absl::StatusOr<std::size_t> Inflate(const Context& ctx, std::span<char> buf) {
    for (;;) {
      absl::StatusOr<std::string_view> in = input_.Peek(ctx, 1);
      if (!in.ok()) return in.status();
      if (state_->block_state == ISAL_BLOCK_FINISH) {
        if (in->empty()) return std::size_t{0};
        if (in->front() != '\x1f') return Damaged("trailing garbage");
        StartMember();
      }
      auto* const bytes = reinterpret_cast<std::uint8_t*>(const_cast<char*>(in->data()));
      state_->next_in = bytes;
      state_->avail_in = static_cast<std::uint32_t>(in->size());
      state_->next_out = reinterpret_cast<std::uint8_t*>(buf.data());
      state_->avail_out = static_cast<std::uint32_t>(buf.size());
      const int error = isal_inflate(state_.get());
      const std::size_t taken = in->size() - state_->avail_in;
      const std::size_t made = buf.size() - state_->avail_out;
      input_.Consume(taken);
      if (error != ISAL_DECOMP_OK && error != ISAL_END_INPUT) return Damaged(Describe(error));
      if (made > 0) return made;
      if (in->empty() && state_->block_state != ISAL_BLOCK_FINISH) {
        return errdefs::DataLoss(
            fmt::format("gzip: the input ends too early, after {} bytes", input_.consumed()));
      }
      if (taken == 0 && state_->block_state != ISAL_BLOCK_FINISH) return Damaged("invalid data");
    }
  }

  Input input_;
  std::unique_ptr<inflate_state> state_;
  absl::Status status_;
};

class GzipWriter final : public WriteCloser {
 public:
  explicit GzipWriter(io::Writer& dest) : dest_(dest), out_(kInputBufferSize) {}
  ~GzipWriter() override { deflateEnd(&stream_); }

  bool Init() {
    constexpr int kGzipWindow = 15 + 16;
    constexpr int kMemLevel = 8;
    return deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow, kMemLevel,
                        Z_DEFAULT_STRATEGY) == Z_OK;
  }

  absl::Status Write(const Context& ctx, std::string_view data) override {
    if (closed_) return errdefs::FailedPrecondition("gzip: the stream has been closed");
    while (!data.empty()) {
      const std::string_view step = data.substr(0, kMaxStep);
      if (absl::Status s = Deflate(ctx, step, Z_NO_FLUSH); !s.ok()) return s;
      data.remove_prefix(step.size());
    }
    return absl::OkStatus();
  }

  absl::Status Close(const Context& ctx) override {
    if (closed_) return absl::OkStatus();
    closed_ = true;
    return Deflate(ctx, {}, Z_FINISH);
  }

 private:
  absl::Status Deflate(const Context& ctx, std::string_view data, int flush) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
    stream_.avail_in = static_cast<uInt>(data.size());
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(out_.data());
      stream_.avail_out = static_cast<uInt>(out_.size());
      if (deflate(&stream_, flush) == Z_STREAM_ERROR) {
        return errdefs::Internal("gzip: inconsistent stream");
      }
      const std::size_t made = out_.size() - stream_.avail_out;
      if (made == 0) break;
      if (absl::Status s = dest_.Write(ctx, {out_.data(), made}); !s.ok()) return s;
    } while (stream_.avail_out == 0);
    return absl::OkStatus();
  }

  io::Writer& dest_;
  z_stream stream_{};
  std::vector<char> out_;
  bool closed_ = false;
};

}  // namespace

std::unique_ptr<DecompressReadCloser> NewGzipReader(Input input) {
  return std::make_unique<GzipReader>(std::move(input));
}

absl::StatusOr<std::unique_ptr<WriteCloser>> NewGzipWriter(io::Writer& dest) {
  auto writer = std::make_unique<GzipWriter>(dest);
  if (!writer->Init()) return errdefs::ResourceExhausted("gzip: no memory for a stream");
  return writer;
}

}  // namespace containerd::compression
