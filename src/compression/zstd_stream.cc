// SPDX-License-Identifier: Apache-2.0
#include "zstd_stream.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>
#include <zstd.h>
#include <zstd_errors.h>

#include <absl/status/status.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::compression {
namespace {

// The largest window of a frame that is accepted, as a power of two: the daemon's limit.
constexpr int kMaxWindowLog = 29;

struct Free {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

class ZstdReader final : public DecompressReadCloser {
 public:
  ZstdReader(Input input, std::unique_ptr<ZSTD_DCtx, Free> context)
      : input_(std::move(input)), context_(std::move(context)) {}

  Compression GetCompression() const override { return Compression::kZstd; }

  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    if (!status_.ok()) return status_;
    if (buf.empty()) return std::size_t{0};
    absl::StatusOr<std::size_t> n = Inflate(ctx, buf);
    if (!n.ok()) status_ = n.status();
    return n;
  }

 private:
  absl::StatusOr<std::size_t> Inflate(const Context& ctx, std::span<char> buf) {
    ZSTD_outBuffer out{buf.data(), buf.size(), 0};
    for (;;) {
      absl::StatusOr<std::string_view> bytes = input_.Peek(ctx, 1);
      if (!bytes.ok()) return bytes.status();
      if (bytes->empty() && between_frames_) return std::size_t{0};
      ZSTD_inBuffer in{bytes->data(), bytes->size(), 0};
      const std::size_t result = ZSTD_decompressStream(context_.get(), &out, &in);
      input_.Consume(in.pos);
      if (ZSTD_isError(result) != 0) {
        if (ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge) {
          return errdefs::ResourceExhausted(
              fmt::format("zstd: the frame near byte {} needs a window of more than {} bytes",
                          input_.consumed(), std::int64_t{1} << kMaxWindowLog));
        }
        return errdefs::DataLoss(
            fmt::format("zstd: {} near byte {}", ZSTD_getErrorName(result), input_.consumed()));
      }
      between_frames_ = result == 0;
      if (out.pos > 0) return out.pos;
      if (bytes->empty() && !between_frames_) {
        return errdefs::DataLoss(
            fmt::format("zstd: the input ends too early, after {} bytes", input_.consumed()));
      }
    }
  }

  Input input_;
  std::unique_ptr<ZSTD_DCtx, Free> context_;
  bool between_frames_ = true;
  absl::Status status_;
};

class ZstdWriter final : public WriteCloser {
 public:
  ZstdWriter(io::Writer& dest, std::unique_ptr<ZSTD_CCtx, Free> context)
      : dest_(dest), context_(std::move(context)), out_(ZSTD_CStreamOutSize()) {}

  absl::Status Write(const Context& ctx, std::string_view data) override {
    if (closed_) return errdefs::FailedPrecondition("zstd: the stream has been closed");
    return Deflate(ctx, data, ZSTD_e_continue);
  }

  absl::Status Close(const Context& ctx) override {
    if (closed_) return absl::OkStatus();
    closed_ = true;
    return Deflate(ctx, {}, ZSTD_e_end);
  }

 private:
  absl::Status Deflate(const Context& ctx, std::string_view data, ZSTD_EndDirective directive) {
    ZSTD_inBuffer in{data.data(), data.size(), 0};
    for (;;) {
      ZSTD_outBuffer out{out_.data(), out_.size(), 0};
      const std::size_t left = ZSTD_compressStream2(context_.get(), &out, &in, directive);
      if (ZSTD_isError(left) != 0) {
        return errdefs::Internal(fmt::format("zstd: {}", ZSTD_getErrorName(left)));
      }
      if (out.pos > 0) {
        if (absl::Status s = dest_.Write(ctx, {out_.data(), out.pos}); !s.ok()) return s;
      }
      if (directive == ZSTD_e_end ? left == 0 : in.pos == in.size) return absl::OkStatus();
    }
  }

  io::Writer& dest_;
  std::unique_ptr<ZSTD_CCtx, Free> context_;
  std::vector<char> out_;
  bool closed_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<DecompressReadCloser>> NewZstdReader(Input input) {
  std::unique_ptr<ZSTD_DCtx, Free> context(ZSTD_createDCtx());
  if (context == nullptr || ZSTD_isError(ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax,
                                                                kMaxWindowLog)) != 0) {
    return errdefs::ResourceExhausted("zstd: no memory for a stream");
  }
  return std::make_unique<ZstdReader>(std::move(input), std::move(context));
}

absl::StatusOr<std::unique_ptr<WriteCloser>> NewZstdWriter(io::Writer& dest) {
  std::unique_ptr<ZSTD_CCtx, Free> context(ZSTD_createCCtx());
  if (context == nullptr ||
      ZSTD_isError(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1)) != 0) {
    return errdefs::ResourceExhausted("zstd: no memory for a stream");
  }
  return std::make_unique<ZstdWriter>(dest, std::move(context));
}

}  // namespace containerd::compression
