// SPDX-License-Identifier: Apache-2.0
#include "content_encoding.h"

#include <algorithm>
#include <array>
#include <utility>
#include <zlib.h>

#include <fmt/format.h>

#include "containerd/compression/compression.h"
#include "containerd/errdefs/errdefs.h"

#include "src/base/ascii.h"

namespace containerd::remotes::docker {
namespace {

// Inflates raw DEFLATE, which is what Go takes Content-Encoding "deflate" for, or zlib's format,
// which is what RFC 9110 does.
class DeflateReader final : public io::Reader {
 public:
  explicit DeflateReader(std::unique_ptr<io::Reader> input) : input_(std::move(input)) {}
  ~DeflateReader() override {
    if (begun_) inflateEnd(&stream_);
  }

  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    if (buf.empty()) return std::size_t{0};
    while (!ended_) {
      if (stream_.avail_in == 0) {
        absl::StatusOr<std::size_t> n = input_->Read(ctx, in_);
        if (!n.ok()) return n;
        if (*n == 0) return errdefs::DataLoss("deflate: the data ends too early");
        if (!begun_) {
          // A zlib header has 8 in its low half byte, and is divisible by 31; raw data never both.
          const auto first = static_cast<unsigned char>(in_[0]);
          const bool zlib = *n > 1 && (first & 0x0f) == 8 &&
                            (first * 256 + static_cast<unsigned char>(in_[1])) % 31 == 0;
          if (inflateInit2(&stream_, zlib ? MAX_WBITS : -MAX_WBITS) != Z_OK) {
            return errdefs::ResourceExhausted("deflate: out of memory");
          }
          begun_ = true;
        }
        stream_.next_in = reinterpret_cast<Bytef*>(in_.data());
        stream_.avail_in = static_cast<uInt>(*n);
      }
      stream_.next_out = reinterpret_cast<Bytef*>(buf.data());
      stream_.avail_out = static_cast<uInt>(std::min<std::size_t>(buf.size(), 1U << 30));
      const auto room = stream_.avail_out;
      const int result = inflate(&stream_, Z_NO_FLUSH);
      if (result == Z_STREAM_END) {
        ended_ = true;
      } else if (result != Z_OK && result != Z_BUF_ERROR) {
        return errdefs::DataLoss("deflate: the data is damaged");
      }
      if (stream_.avail_out < room) return std::size_t{room - stream_.avail_out};
    }
    return std::size_t{0};
  }

 private:
  const std::unique_ptr<io::Reader> input_;
  std::array<char, 32 << 10> in_{};
  z_stream stream_{};
  bool begun_ = false;
  bool ended_ = false;
};

}  // namespace

std::vector<std::string> Encodings(const http::Header& header) {
  std::vector<std::string> out;
  for (const std::string& field : header.Values("Content-Encoding")) {
    std::string word;
    for (const char c : base::Lower(field) + ",") {
      if (c != ' ' && c != '\t' && c != ',') {
        word.push_back(c);
        continue;
      }
      // What S3 noted of an upload says nothing about the content.
      if (!word.empty() && word != "identity" && word != "aws-chunked") {
        out.push_back(word == "x-gzip" ? "gzip" : word);
      }
      word.clear();
    }
  }
  return out;
}

absl::StatusOr<std::unique_ptr<io::Reader>> Decode(const Context& ctx,
                                                   std::unique_ptr<io::Reader> reader,
                                                   const std::vector<std::string>& encodings) {
  if (encodings.size() > 4) return errdefs::InvalidArgument("too many Content-Encodings");
  for (auto encoding = encodings.rbegin(); encoding != encodings.rend(); ++encoding) {
    if (*encoding == "deflate") {
      reader = std::make_unique<DeflateReader>(std::move(reader));
      continue;
    }
    if (*encoding != "zstd" && *encoding != "gzip") {
      return errdefs::NotImplemented("unsupported Content-Encoding algorithm: " + *encoding);
    }
    absl::StatusOr<std::unique_ptr<compression::DecompressReadCloser>> inflated =
        compression::DecompressStream(ctx, std::move(reader));
    if (!inflated.ok()) return inflated.status();
    const auto want =
        *encoding == "zstd" ? compression::Compression::kZstd : compression::Compression::kGzip;
    if ((*inflated)->GetCompression() != want) {
      return errdefs::DataLoss(fmt::format("the data is not {}, as its header says", *encoding));
    }
    reader = *std::move(inflated);
  }
  return reader;
}

}  // namespace containerd::remotes::docker
