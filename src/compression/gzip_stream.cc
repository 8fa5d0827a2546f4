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

// Of a header.
constexpr unsigned char kHeaderCRCFlag = 1U << 1U;
constexpr unsigned char kExtraFlag = 1U << 2U;
constexpr unsigned char kNameFlag = 1U << 3U;
constexpr unsigned char kCommentFlag = 1U << 4U;

std::string_view Describe(int error) {
  switch (error) {
    case ISAL_INVALID_BLOCK:
      return "invalid block";
    case ISAL_INVALID_SYMBOL:
      return "invalid symbol";
    case ISAL_INVALID_LOOKBACK:
      return "invalid distance";
    case ISAL_INCORRECT_CHECKSUM:
      return "wrong checksum";
    default:
      return "invalid data";
  }
}

class GzipReader final : public DecompressReadCloser {
 public:
  explicit GzipReader(Input input)
      : input_(std::move(input)), state_(std::make_unique<inflate_state>()) {}

  Compression GetCompression() const override { return Compression::kGzip; }

  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    if (!status_.ok()) return status_;
    if (buf.empty()) return std::size_t{0};
    absl::StatusOr<std::size_t> n = Inflate(ctx, buf.first(std::min(buf.size(), kMaxStep)));
    if (!n.ok()) status_ = n.status();
    return n;
  }

 private:
  enum class State { kHeader, kBody };

  absl::Status Damaged(std::string_view what) const {
    return errdefs::DataLoss(fmt::format("gzip: {} near byte {}", what, input_.consumed()));
  }

  absl::Status TooShort() const {
    return errdefs::DataLoss(
        fmt::format("gzip: the input ends too early, after {} bytes", input_.consumed()));
  }

  // Takes bytes of a header.
  void TakeHeader(std::string_view bytes) {
    header_crc_ = static_cast<std::uint32_t>(
        crc32_z(header_crc_, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
    input_.Consume(bytes.size());
  }

  // Takes that many bytes of a header, which are not looked at.
  absl::Status SkipHeader(const Context& ctx, std::size_t count) {
    while (count > 0) {
      absl::StatusOr<std::string_view> in = input_.Peek(ctx, 1);
      if (!in.ok()) return in.status();
      if (in->empty()) return TooShort();
      const std::string_view some = in->substr(0, count);
      TakeHeader(some);
      count -= some.size();
    }
    return absl::OkStatus();
  }

  // Takes a text of a header with the NUL at its end.
  absl::Status SkipText(const Context& ctx) {
    for (;;) {
      absl::StatusOr<std::string_view> in = input_.Peek(ctx, 1);
      if (!in.ok()) return in.status();
      if (in->empty()) return TooShort();
      const std::size_t end = in->find('\0');
      TakeHeader(in->substr(0, end == std::string_view::npos ? end : end + 1));
      if (end != std::string_view::npos) return absl::OkStatus();
    }
  }

  // Takes the header of a member (RFC 1952, 2.3). ISA-L loses its place in a header that comes in
  // pieces, so it gets none.
  absl::Status ReadHeader(const Context& ctx) {
    constexpr std::size_t kFixed = 10;
    absl::StatusOr<std::string_view> in = input_.Peek(ctx, kFixed);
    if (!in.ok()) return in.status();
    if (!in->starts_with(std::string_view("\x1f\x8b").substr(0, in->size()))) {
      return Damaged(members_ == 0 ? "invalid header" : "trailing garbage");
    }
    if (in->size() < kFixed) return TooShort();
    if ((*in)[2] != Z_DEFLATED) return Damaged("unsupported method");
    const auto flags = static_cast<unsigned char>((*in)[3]);
    header_crc_ = 0;
    TakeHeader(in->substr(0, kFixed));
    if ((flags & kExtraFlag) != 0) {
      absl::StatusOr<std::size_t> size = ReadTwo(ctx);
      if (!size.ok()) return size.status();
      if (absl::Status s = SkipHeader(ctx, *size); !s.ok()) return s;
    }
    for (const unsigned char text : {kNameFlag, kCommentFlag}) {
      if ((flags & text) == 0) continue;
      if (absl::Status s = SkipText(ctx); !s.ok()) return s;
    }
    if ((flags & kHeaderCRCFlag) != 0) {
      const std::uint32_t want = header_crc_ & 0xFFFFU;
      absl::StatusOr<std::size_t> crc = ReadTwo(ctx);
      if (!crc.ok()) return crc.status();
      if (*crc != want) return Damaged("wrong checksum of a header");
    }
    isal_inflate_init(state_.get());
    state_->crc_flag = ISAL_GZIP_NO_HDR_VER;
    ++members_;
    return absl::OkStatus();
  }

  // Takes a number of two bytes.
  absl::StatusOr<std::size_t> ReadTwo(const Context& ctx) {
    absl::StatusOr<std::string_view> in = input_.Peek(ctx, 2);
    if (!in.ok()) return in.status();
    if (in->size() < 2) return TooShort();
    const std::size_t value = static_cast<unsigned char>((*in)[0]) +
                              static_cast<std::size_t>(static_cast<unsigned char>((*in)[1])) * 256;
    TakeHeader(in->substr(0, 2));
    return value;
  }

  absl::StatusOr<std::size_t> Inflate(const Context& ctx, std::span<char> buf) {
    for (;;) {
      if (where_ == State::kHeader) {
        if (members_ > 0) {
          absl::StatusOr<std::string_view> more = input_.Peek(ctx, 1);
          if (!more.ok()) return more.status();
          if (more->empty()) return std::size_t{0};
        }
        if (absl::Status s = ReadHeader(ctx); !s.ok()) return s;
        where_ = State::kBody;
      }
      absl::StatusOr<std::string_view> in = input_.Peek(ctx, 1);
      if (!in.ok()) return in.status();
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
      const bool finished = state_->block_state == ISAL_BLOCK_FINISH;
      if (finished) where_ = State::kHeader;
      if (made > 0) return made;
      if (finished) continue;
      if (in->empty()) return TooShort();
      if (taken == 0) return Damaged("invalid data");
    }
  }

  Input input_;
  std::unique_ptr<inflate_state> state_;
  State where_ = State::kHeader;
  std::int64_t members_ = 0;  // Whose headers have been read.
  std::uint32_t header_crc_ = 0;
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
