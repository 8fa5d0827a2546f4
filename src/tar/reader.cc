// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>
#include <vector>

#include <absl/strings/escaping.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/tar/tar.h"

#include "format.h"
#include "src/base/escape.h"

namespace containerd::tar {
namespace {

// Bytes that are skipped at a time, and the first allocation for a special file.
constexpr std::int64_t kChunk = std::int64_t{64} << 10;

std::string_view Raw(std::span<const char> block, Field field) {
  return {block.data() + field.offset, field.size};
}

// Up to the first NUL.
std::string Text(std::span<const char> block, Field field) {
  const std::string_view raw = Raw(block, field);
  return std::string(raw.substr(0, raw.find('\0')));
}

// Base 8, padded with spaces and NULs; nothing is 0.
bool ParseOctal(std::string_view text, std::int64_t& out) {
  constexpr std::string_view kPad{" \0", 2};
  const std::size_t first = text.find_first_not_of(kPad);
  out = 0;
  if (first == std::string_view::npos) return true;
  text = text.substr(first, text.find_last_not_of(kPad) - first + 1);
  text = text.substr(0, text.find('\0'));
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, 8);
  return error == std::errc() && end == text.data() + text.size() && out >= 0;
}

// GNU's big-endian two's complement behind a set bit, or octal.
bool ParseNumber(std::string_view raw, std::int64_t& out) {
  if ((static_cast<unsigned char>(raw[0]) & 0x80U) == 0) return ParseOctal(raw, out);
  const bool negative = (static_cast<unsigned char>(raw[0]) & 0x40U) != 0;
  const unsigned char invert = negative ? 0xff : 0;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    auto c = static_cast<unsigned char>(static_cast<unsigned char>(raw[i]) ^ invert);
    if (i == 0) c &= 0x7fU;
    if ((value >> 56U) != 0) return false;
    value = value << 8U | c;
  }
  if ((value >> 63U) != 0) return false;
  out = negative ? ~static_cast<std::int64_t>(value) : static_cast<std::int64_t>(value);
  return true;
}

bool ParseDecimal(std::string_view text, std::int64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

// "<seconds>[.<fraction>]"; digits beyond nanoseconds are dropped.
bool ParsePaxTime(std::string_view text, absl::Time& out) {
  const std::size_t dot = text.find('.');
  std::int64_t seconds = 0;
  if (!ParseDecimal(text.substr(0, dot), seconds)) return false;
  std::int64_t nanos = 0;
  if (dot != std::string_view::npos) {
    const std::string_view fraction = text.substr(dot + 1);
    if (!std::all_of(fraction.begin(), fraction.end(),
                     [](char c) { return c >= '0' && c <= '9'; })) {
      return false;
    }
    std::string digits(fraction.substr(0, 9));
    digits.resize(9, '0');
    if (!ParseDecimal(digits, nanos)) return false;
  }
  if (text.starts_with('-')) nanos = -nanos;
  out = absl::FromUnixSeconds(seconds) + absl::Nanoseconds(nanos);
  return true;
}

// Records "<length> <key>=<value>\n", the length being that of the whole record.
bool ParsePax(std::string_view text, std::map<std::string, std::string>& records) {
  while (!text.empty()) {
    const std::size_t space = text.find(' ');
    std::int64_t length = 0;
    if (space == std::string_view::npos || !ParseDecimal(text.substr(0, space), length) ||
        length < static_cast<std::int64_t>(space) + 2 ||
        length > static_cast<std::int64_t>(text.size())) {
      return false;
    }
    const auto size = static_cast<std::size_t>(length);
    std::string_view record = text.substr(space + 1, size - space - 1);
    if (!record.ends_with('\n')) return false;
    record.remove_suffix(1);
    const std::size_t equals = record.find('=');
    if (equals == std::string_view::npos || equals == 0) return false;
    const std::string_view key = record.substr(0, equals);
    const std::string_view value = record.substr(equals + 1);
    const bool is_text =
        key == kPaxPath || key == kPaxLinkpath || key == kPaxUname || key == kPaxGname;
    if ((is_text ? value : key).find('\0') != std::string_view::npos) return false;
    records[std::string(key)] = std::string(value);
    text.remove_prefix(size);
  }
  return true;
}

// Puts records in the place of the fields that they are about. Returns the key of one that cannot
// be read.
std::string_view MergePax(const std::map<std::string, std::string>& records, Header& header) {
  for (const auto& [key, value] : records) {
    if (value.empty()) continue;  // The field counts.
    bool ok = true;
    if (key == kPaxPath) {
      header.name = value;
    } else if (key == kPaxLinkpath) {
      header.linkname = value;
    } else if (key == kPaxUname) {
      header.uname = value;
    } else if (key == kPaxGname) {
      header.gname = value;
    } else if (key == kPaxUid) {
      ok = ParseDecimal(value, header.uid);
    } else if (key == kPaxGid) {
      ok = ParseDecimal(value, header.gid);
    } else if (key == kPaxSize) {
      ok = ParseDecimal(value, header.size);
    } else if (key == kPaxMtime) {
      ok = ParsePaxTime(value, header.mod_time);
    } else if (key == kPaxAtime) {
      ok = ParsePaxTime(value, header.access_time.emplace());
    } else if (key == kPaxCtime) {
      ok = ParsePaxTime(value, header.change_time.emplace());
    }
    if (!ok) return key;
  }
  header.pax_records = records;
  return {};
}

bool IsZero(std::span<const char> block) {
  return std::all_of(block.begin(), block.end(), [](char c) { return c == '\0'; });
}

// Reads the fields of a header block whose checksum is right. Returns the name of one that cannot
// be read.
std::string_view ParseHeader(std::span<const char> block, Header& header) {
  header.typeflag = block[kTypeflag.offset];
  header.name = Text(block, kName);
  header.linkname = Text(block, kLinkname);
  std::int64_t mod_time = 0;
  if (!ParseNumber(Raw(block, kMode), header.mode)) return "mode";
  if (!ParseNumber(Raw(block, kUid), header.uid)) return "uid";
  if (!ParseNumber(Raw(block, kGid), header.gid)) return "gid";
  if (!ParseNumber(Raw(block, kSize), header.size)) return "size";
  if (!ParseNumber(Raw(block, kModTime), mod_time)) return "modification time";
  header.mod_time = absl::FromUnixSeconds(mod_time);

  const std::string_view magic = Raw(block, kMagic);
  const bool ustar = magic.starts_with(kMagicUSTAR.substr(0, 6));
  if (!ustar && magic != kMagicGNU) return {};
  header.uname = Text(block, kUname);
  header.gname = Text(block, kGname);
  if (!ParseNumber(Raw(block, kDevMajor), header.devmajor)) return "major number";
  if (!ParseNumber(Raw(block, kDevMinor), header.devminor)) return "minor number";
  if (ustar) {
    const bool star = Raw(block, kStarTrailer) == kTrailerSTAR;
    const std::string prefix = Text(block, star ? kStarPrefix : kPrefix);
    if (!prefix.empty()) header.name = prefix + "/" + header.name;
  }
  return {};
}

}  // namespace

absl::Status Reader::Fail(absl::Status status) {
  status_ = status;
  return status;
}

// False at the end of the input.
absl::StatusOr<bool> Reader::ReadBlock(const Context& ctx, Block& block) {
  absl::StatusOr<std::size_t> n = io::ReadFull(ctx, input_, block);
  if (!n.ok()) return n.status();
  offset_ += static_cast<std::int64_t>(*n);
  if (*n == 0) return false;
  if (*n < block.size()) {
    return errdefs::DataLoss(
        fmt::format("tar: the archive ends within a header, after {} bytes", offset_));
  }
  return true;
}

absl::Status Reader::Skip(const Context& ctx, std::int64_t count) {
  if (count == 0) return absl::OkStatus();
  std::vector<char> buf(static_cast<std::size_t>(std::min(count, kChunk)));
  while (count > 0) {
    const auto want = static_cast<std::size_t>(std::min(count, kChunk));
    absl::StatusOr<std::size_t> n = input_.Read(ctx, std::span(buf).first(want));
    if (!n.ok()) return n.status();
    if (*n == 0) {
      return errdefs::DataLoss(fmt::format("tar: the archive ends within {}, after {} bytes",
                                           base::Quote(name_), offset_));
    }
    offset_ += static_cast<std::int64_t>(*n);
    count -= static_cast<std::int64_t>(*n);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Reader::ReadSpecial(const Context& ctx, std::int64_t size) {
  if (size < 0 || size > kMaxSpecialFileSize) {
    return errdefs::ResourceExhausted(
        fmt::format("tar: the extended header at byte {} has {} bytes, limit {}", offset_ - 512,
                    size, kMaxSpecialFileSize));
  }
  std::string text;
  while (static_cast<std::int64_t>(text.size()) < size) {
    const std::size_t have = text.size();
    const auto want =
        static_cast<std::size_t>(std::min(size - static_cast<std::int64_t>(have), kChunk));
    text.resize(have + want);
    absl::StatusOr<std::size_t> n =
        io::ReadFull(ctx, input_, std::span<char>(text.data() + have, want));
    if (!n.ok()) return n.status();
    offset_ += static_cast<std::int64_t>(*n);
    if (*n < want) {
      return errdefs::DataLoss(
          fmt::format("tar: the archive ends within an extended header, after {} bytes", offset_));
    }
  }
  if (absl::Status s = Skip(ctx, Padding(size)); !s.ok()) return s;
  return text;
}

absl::StatusOr<std::optional<Header>> Reader::Next(const Context& ctx) {
  if (!status_.ok()) return status_;
  if (at_end_) return std::nullopt;
  absl::StatusOr<std::optional<Header>> header = ReadNext(ctx);
  if (!header.ok()) return Fail(header.status());
  if (!header->has_value()) at_end_ = true;
  return header;
}

absl::StatusOr<std::optional<Header>> Reader::ReadNext(const Context& ctx) {
  if (absl::Status s = Skip(ctx, left_); !s.ok()) return s;
  left_ = 0;
  // Some archives lack the padding of the last entry.
  while (padding_ > 0) {
    Block pad;
    absl::StatusOr<std::size_t> n =
        io::ReadFull(ctx, input_, std::span(pad).first(static_cast<std::size_t>(padding_)));
    if (!n.ok()) return n.status();
    offset_ += static_cast<std::int64_t>(*n);
    padding_ = 0;
  }

  std::map<std::string, std::string> records;
  std::string long_name;
  std::string long_link;
  bool special = false;
  for (;;) {
    const std::int64_t start = offset_;
    Block block;
    absl::StatusOr<bool> more = ReadBlock(ctx, block);
    if (!more.ok()) return more.status();
    if (*more && IsZero(block)) {
      more = ReadBlock(ctx, block);
      if (!more.ok()) return more.status();
      if (*more && !IsZero(block)) {
        return errdefs::DataLoss(fmt::format("tar: damaged end of the archive at byte {}", start));
      }
      more = false;
    }
    if (!*more) {
      if (special) {
        return errdefs::DataLoss(
            fmt::format("tar: the archive ends after an extended header, after {} bytes", offset_));
      }
      return std::nullopt;
    }

    const Checksums sums = Sum(block);
    std::int64_t checksum = 0;
    if (!ParseOctal(Raw(block, kChecksum), checksum) ||
        (checksum != sums.unsigned_sum && checksum != sums.signed_sum)) {
      if (start == 0) return errdefs::InvalidArgument("tar: not a tar archive");
      return errdefs::DataLoss(
          fmt::format("tar: damaged header at byte {}, after {}", start, base::Quote(name_)));
    }
    Header header;
    if (const std::string_view bad = ParseHeader(block, header); !bad.empty()) {
      return errdefs::DataLoss(
          fmt::format("tar: invalid {} of {} at byte {}", bad, base::Quote(header.name), start));
    }

    switch (header.typeflag) {
      case kTypeXHeader:
      case kTypeXGlobalHeader:
      case kTypeGNULongName:
      case kTypeGNULongLink: {
        absl::StatusOr<std::string> text = ReadSpecial(ctx, header.size);
        if (!text.ok()) return text.status();
        if (header.typeflag == kTypeXGlobalHeader) continue;
        special = true;
        if (header.typeflag == kTypeXHeader) {
          records.clear();
          if (!ParsePax(*text, records)) {
            return errdefs::DataLoss(fmt::format("tar: invalid PAX header at byte {}", start));
          }
        } else {
          text->resize(std::min(text->find('\0'), text->size()));
          (header.typeflag == kTypeGNULongName ? long_name : long_link) = *std::move(text);
        }
        continue;
      }
      default:
        break;
    }

    if (const std::string_view bad = MergePax(records, header); !bad.empty()) {
      return errdefs::DataLoss(fmt::format("tar: invalid PAX record \"{}\" of {} at byte {}", bad,
                                           base::Quote(header.name), start));
    }
    if (!long_name.empty()) header.name = std::move(long_name);
    if (!long_link.empty()) header.linkname = std::move(long_link);
    if (header.typeflag == kTypeRegA) {
      header.typeflag = header.name.ends_with('/') ? kTypeDir : kTypeReg;
    } else if (header.typeflag == kTypeCont) {
      header.typeflag = kTypeReg;
    }
    name_ = header.name;

    const auto sparse = records.lower_bound(std::string(kPaxGNUSparse));
    if (header.typeflag == kTypeGNUSparse ||
        (sparse != records.end() && sparse->first.starts_with(kPaxGNUSparse))) {
      return errdefs::NotImplemented(
          fmt::format("tar: {} is a sparse entry, which is not supported", base::Quote(name_)));
    }
    if (IsHeaderOnly(header.typeflag)) header.size = 0;
    if (header.size < 0 ||
        header.size > std::numeric_limits<std::int64_t>::max() - offset_ - 1024) {
      return errdefs::DataLoss(
          fmt::format("tar: {} can't have {} bytes", base::Quote(name_), header.size));
    }
    left_ = header.size;
    padding_ = Padding(header.size);
    return header;
  }
}

absl::StatusOr<std::size_t> Reader::Read(const Context& ctx, std::span<char> buf) {
  if (!status_.ok()) return status_;
  if (left_ == 0 || buf.empty()) return std::size_t{0};
  const auto want =
      static_cast<std::size_t>(std::min(left_, static_cast<std::int64_t>(std::min<std::size_t>(
                                                   buf.size(), std::numeric_limits<int>::max()))));
  absl::StatusOr<std::size_t> n = input_.Read(ctx, buf.first(want));
  if (!n.ok()) return Fail(n.status());
  if (*n == 0) {
    return Fail(errdefs::DataLoss(fmt::format("tar: the archive ends within {}, after {} bytes",
                                              base::Quote(name_), offset_)));
  }
  offset_ += static_cast<std::int64_t>(*n);
  left_ -= static_cast<std::int64_t>(*n);
  return n;
}

}  // namespace containerd::tar
