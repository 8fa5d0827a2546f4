// SPDX-License-Identifier: Apache-2.0
#include "src/transfer/internal/pump.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include <absl/time/time.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"
#include "containerd/tar/tar.h"
#include "containerd/transfer/byte_stream.h"

namespace containerd::transfer {
namespace {

constexpr std::size_t kPiece = 32 << 10;

// How long to wait for more bytes after the daemon has answered: kArchiveSilence for an archive
// whose end has not been seen, kSilence for other streams, such as logs.
constexpr absl::Duration kArchiveSilence = absl::Seconds(30);
constexpr absl::Duration kSilence = absl::Seconds(1);

// A number of a tar header: octal digits, or 256-based with the first bit set.
std::optional<std::int64_t> Number(std::string_view field) {
  const auto first = static_cast<unsigned char>(field[0]);
  if ((first & 0x80U) != 0) {
    std::uint64_t value = first & 0x7fU;
    for (const char c : field.substr(1)) {
      if (value > (std::numeric_limits<std::uint64_t>::max() >> 9U)) return std::nullopt;
      value = (value << 8U) | static_cast<unsigned char>(c);
    }
    return static_cast<std::int64_t>(value);
  }
  const std::size_t begin = std::min(field.find_first_not_of(' '), field.size());
  field = field.substr(begin, field.find_first_of(std::string_view(" \0", 2), begin) - begin);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value, 8);
  if (field.empty()) return 0;
  if (error != std::errc() || end != field.data() + field.size()) return std::nullopt;
  return value;
}

}  // namespace

void TarEnd::Write(std::string_view data) {
  while (!data.empty() && !lost_ && !Seen()) {
    if (skip_ > 0) {
      const auto skipped = std::min<std::int64_t>(skip_, static_cast<std::int64_t>(data.size()));
      skip_ -= skipped;
      data.remove_prefix(static_cast<std::size_t>(skipped));
      continue;
    }
    const std::size_t size = std::min(data.size(), tar::kBlockSize - block_.size());
    block_ += data.substr(0, size);
    data.remove_prefix(size);
    if (block_.size() == tar::kBlockSize) Block();
  }
}

void TarEnd::Block() {
  constexpr std::size_t kSizeAt = 124;
  constexpr std::size_t kSizeLength = 12;
  constexpr std::size_t kTypeAt = 156;
  const std::string block = std::exchange(block_, {});
  if (block.find_first_not_of('\0') == std::string::npos) {
    ++zeros_;
    return;
  }
  zeros_ = 0;
  const char type = block[kTypeAt];
  // Links, devices, directories and FIFOs have no content, whatever their size says.
  if (type >= tar::kTypeLink && type <= tar::kTypeFifo) return;
  const std::optional<std::int64_t> size =
      Number(std::string_view(block).substr(kSizeAt, kSizeLength));
  constexpr auto kBlock = static_cast<std::int64_t>(tar::kBlockSize);
  if (!size.has_value() || *size < 0 || *size > std::numeric_limits<std::int64_t>::max() - kBlock) {
    lost_ = true;
    return;
  }
  skip_ = (*size + kBlock - 1) / kBlock * kBlock;
}

Pump SendPump(std::shared_ptr<io::Reader> reader, std::shared_ptr<streaming::Stream> stream) {
  return [reader = std::move(reader), stream = std::move(stream)](
             const Context& /*ctx*/, const Context& transferring) mutable -> PumpResult {
    ByteWriter writer(std::move(stream));
    std::vector<char> buf(kPiece);
    for (;;) {
      absl::StatusOr<std::size_t> n = reader->Read(transferring, buf);
      if (!n.ok()) {
        // The daemon has answered, so it reads no more of the archive.
        if (transferring.Done()) return {};
        return {.own = errdefs::Annotate(n.status(), "reading the archive")};
      }
      const absl::Status s =
          *n == 0 ? writer.Close() : writer.Write(transferring, std::string_view(buf.data(), *n));
      if (!s.ok()) {
        // The daemon's answer tells what is wrong with the archive.
        log::Debug(fmt::format("sending an archive ended early: {}", errdefs::Message(s)));
        return {};
      }
      if (*n == 0) return {};
    }
  };
}

Pump ReceivePump(std::shared_ptr<io::Writer> writer, std::shared_ptr<streaming::Stream> stream,
                 Until until) {
  return [writer = std::move(writer), stream = std::move(stream), until](
             const Context& ctx, const Context& transferring) mutable -> PumpResult {
    ByteReader reader(std::move(stream));
    TarEnd tar;
    std::vector<char> buf(kPiece);
    for (;;) {
      absl::StatusOr<std::size_t> n = 0U;
      if (!transferring.Done()) n = reader.Read(transferring, buf);
      if (transferring.Done() && (!n.ok() || *n == 0)) {
        if (until == Until::kTarEnd && tar.Seen()) return {};
        n = reader.Read(WithTimeout(ctx, until == Until::kTarEnd ? kArchiveSilence : kSilence),
                        buf);
        if (errdefs::IsDeadlineExceeded(n.status()) && !ctx.Done()) {
          if (until == Until::kSilence) return {};
          return {.stream = errdefs::DataLoss("the daemon sent an archive without an end")};
        }
      }
      if (!n.ok()) return {.stream = n.status()};
      if (*n == 0) return {};
      const std::string_view data(buf.data(), *n);
      if (until == Until::kTarEnd) tar.Write(data);
      if (absl::Status s = writer->Write(ctx, data); !s.ok()) {
        return {.own = errdefs::Annotate(s, "writing what the daemon sends")};
      }
    }
  };
}

}  // namespace containerd::transfer
