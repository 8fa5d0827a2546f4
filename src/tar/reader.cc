// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/tar/tar.h"

#include "format.h"
#include "parse.h"
#include "src/base/escape.h"
#include "src/errdefs/internal/guard.h"

namespace containerd::tar {
namespace {

// Bytes that are skipped at a time, and the first allocation for a special file.
constexpr std::int64_t kChunk = std::int64_t{64} << 10;

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

// A field that is not filled in is no time.
bool ParseTime(std::string_view raw, std::optional<absl::Time>& out) {
  if (raw[0] == '\0') return true;
  std::int64_t seconds = 0;
  if (!ParseNumber(raw, seconds)) return false;
  out = absl::FromUnixSeconds(seconds);
  return true;
}

// GNU has times where USTAR has a prefix of the name. Old versions of Go, and so of Docker, wrote
// the prefix under GNU's magic nevertheless: what cannot be times is such a prefix, and returned.
std::string ParseGNUTimes(std::span<const char> block, Header& header) {
  if (ParseTime(Raw(block, kGNUAccessTime), header.access_time) &&
      ParseTime(Raw(block, kGNUChangeTime), header.change_time)) {
    return "";
  }
  header.access_time.reset();
  header.change_time.reset();
  std::string prefix = Text(block, kPrefix);
  const bool ascii = std::all_of(prefix.begin(), prefix.end(),
                                 [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  return ascii ? prefix : "";
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
  std::string prefix;
  if (!ustar) {
    prefix = ParseGNUTimes(block, header);
  } else if (Raw(block, kStarTrailer) == kTrailerSTAR) {
    prefix = Text(block, kStarPrefix);
    if (!ParseTime(Raw(block, kStarAccessTime), header.access_time)) return "access time";
    if (!ParseTime(Raw(block, kStarChangeTime), header.change_time)) return "change time";
  } else {
    prefix = Text(block, kPrefix);
  }
  if (!prefix.empty()) header.name = prefix + "/" + header.name;
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
    absl::StatusOr<std::size_t> n =
        errdefs::Guard("a reader", &io::Reader::Read, input_, ctx, std::span(buf).first(want));
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

    if (header.size < 0) {
      return errdefs::DataLoss(
          fmt::format("tar: {} can't have {} bytes", base::Quote(header.name), header.size));
    }

    switch (header.typeflag) {
      case kTypeXHeader:
      case kTypeXGlobalHeader:
      case kTypeGNULongName:
      case kTypeGNULongLink: {
        absl::StatusOr<std::string> text = ReadSpecial(ctx, header.size);
        if (!text.ok()) return text.status();
        if (header.typeflag == kTypeXGlobalHeader) {
          // What was said of the next entry before it is forgotten, as Go forgets it.
          if (std::map<std::string, std::string> global; !ParsePax(*text, global)) {
            return errdefs::DataLoss(fmt::format("tar: invalid PAX header at byte {}", start));
          }
          records.clear();
          long_name.clear();
          long_link.clear();
          special = false;
          continue;
        }
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
    if (absl::Status s = BeginContent(ctx, block, header); !s.ok()) return s;
    return header;
  }
}

absl::Status Reader::BeginContent(const Context& ctx, Block& block, Header& header) {
  if (IsHeaderOnly(header.typeflag)) header.size = 0;
  const auto check = [&] {
    if (header.size >= 0 &&
        header.size <= std::numeric_limits<std::int64_t>::max() - offset_ - 1024) {
      return absl::OkStatus();
    }
    return errdefs::DataLoss(
        fmt::format("tar: {} can't have {} bytes", base::Quote(name_), header.size));
  };
  if (absl::Status s = check(); !s.ok()) return s;
  left_ = header.size;
  padding_ = Padding(header.size);
  regions_.clear();
  region_ = 0;
  position_ = 0;
  absl::StatusOr<bool> sparse = ReadSparseMap(ctx, block, header);
  if (!sparse.ok()) {
    return errdefs::Annotate(sparse.status(),
                             fmt::format("tar: the sparse file {}", base::Quote(name_)));
  }
  if (absl::Status s = check(); !s.ok()) return s;
  size_ = header.size;
  if (!*sparse) {
    if (size_ > 0) regions_.push_back({.offset = 0, .size = size_});
    return absl::OkStatus();
  }
  std::int64_t stored = 0;
  if (IsHeaderOnly(header.typeflag) || !ValidSparseMap(regions_, size_)) {
    return errdefs::DataLoss(
        fmt::format("tar: the sparse file {} has an invalid map", base::Quote(name_)));
  }
  for (const SparseRegion& region : regions_) stored += region.size;
  if (stored != left_) {
    return errdefs::DataLoss(
        fmt::format("tar: the sparse file {} has {} bytes in the archive, and {} in its map",
                    base::Quote(name_), left_, stored));
  }
  return absl::OkStatus();
}

// Reads the map of a sparse file to regions_, and its name and size to the header. False if the
// entry is another one.
absl::StatusOr<bool> Reader::ReadSparseMap(const Context& ctx, Block& block, Header& header) {
  const auto record = [&](std::string_view key) {
    const auto found = header.pax_records.find(std::string(key));
    return found == header.pax_records.end() ? std::string_view() : found->second;
  };
  if (header.typeflag == kTypeGNUSparse) {
    if (Raw(block, kMagic) != kMagicGNU) {
      return errdefs::DataLoss("it is not in GNU's format");
    }
    if (!ParseNumber(Raw(block, kGNURealSize), header.size)) {
      return errdefs::DataLoss("its size cannot be read");
    }
    if (absl::Status s = ReadOldGNUMap(ctx, block); !s.ok()) return s;
    return true;
  }

  const std::string_view major = record(kPaxSparseMajor);
  const std::string_view minor = record(kPaxSparseMinor);
  const bool in_content = major == "1" && minor == "0";
  const bool in_records = major == "0" && (minor == "0" || minor == "1");
  if (!in_content && !in_records) {
    const bool unknown = !major.empty() || !minor.empty();
    // The oldest ones say no version.
    if (unknown || record(kPaxSparseMap).empty()) return false;
  }
  if (const std::string_view name = record(kPaxSparseName); !name.empty()) {
    header.name = name;
    name_ = header.name;
  }
  std::string_view size = record(kPaxSparseSize);
  if (size.empty()) size = record(kPaxSparseRealSize);
  if (!size.empty() && !ParseDecimal(size, header.size)) {
    return errdefs::DataLoss("its size cannot be read");
  }
  if (in_content) {
    if (absl::Status s = ReadPax10Map(ctx); !s.ok()) return s;
    return true;
  }
  std::int64_t count = 0;
  if (!ParseDecimal(record(kPaxSparseNumBlocks), count) || count < 0 ||
      !ParseSparseText(record(kPaxSparseMap), ',', regions_) ||
      regions_.size() != static_cast<std::uint64_t>(count)) {
    return errdefs::DataLoss("its map cannot be read");
  }
  return true;
}

// What does not fit into the header follows in blocks of its own, before the content.
absl::Status Reader::ReadOldGNUMap(const Context& ctx, Block& block) {
  Field map = kGNUSparseMap;
  Field more = kGNUSparseMore;
  for (;;) {
    if (!ParseSparseFields(Raw(block, map), regions_)) {
      return errdefs::DataLoss("its map cannot be read");
    }
    if (block[more.offset] == '\0') return absl::OkStatus();
    if (regions_.size() * kSparseEntrySize > static_cast<std::size_t>(kMaxSpecialFileSize)) {
      return errdefs::ResourceExhausted(
          fmt::format("its map has more than {} bytes", kMaxSpecialFileSize));
    }
    absl::StatusOr<bool> read = ReadBlock(ctx, block);
    if (!read.ok()) return read.status();
    if (!*read) return errdefs::DataLoss("the archive ends within its map");
    map = kBlockSparseMap;
    more = kBlockSparseMore;
  }
}

// In front of the content: the number of regions, then two numbers for each, a line each, filled up
// to whole blocks.
absl::Status Reader::ReadPax10Map(const Context& ctx) {
  std::string text;
  std::int64_t lines = 0;
  // Reads until there are so many lines.
  const auto feed = [&](std::int64_t want) -> absl::Status {
    while (lines < want) {
      if (text.size() + kBlockSize > static_cast<std::size_t>(kMaxSpecialFileSize)) {
        return errdefs::ResourceExhausted(
            fmt::format("its map has more than {} bytes", kMaxSpecialFileSize));
      }
      if (left_ < static_cast<std::int64_t>(kBlockSize)) {
        return errdefs::DataLoss("its content ends within its map");
      }
      Block block;
      absl::StatusOr<bool> read = ReadBlock(ctx, block);
      if (!read.ok()) return read.status();
      if (!*read) return errdefs::DataLoss("the archive ends within its map");
      left_ -= static_cast<std::int64_t>(kBlockSize);
      lines += std::count(block.begin(), block.end(), '\n');
      text.append(block.data(), block.size());
    }
    return absl::OkStatus();
  };
  if (absl::Status s = feed(1); !s.ok()) return s;
  const std::size_t first = text.find('\n');
  std::int64_t count = 0;
  if (!ParseDecimal(std::string_view(text).substr(0, first), count) || count < 0) {
    return errdefs::DataLoss("its map cannot be read");
  }
  if (count > static_cast<std::int64_t>(kMaxSparseRegions)) {
    return errdefs::ResourceExhausted(
        fmt::format("its map has {} regions, limit {}", count, kMaxSparseRegions));
  }
  if (absl::Status s = feed(1 + 2 * count); !s.ok()) return s;
  std::size_t end = first;
  for (std::int64_t i = 0; i < 2 * count; ++i) end = text.find('\n', end + 1);
  if (!ParseSparseText(std::string_view(text).substr(first + 1, end - first), '\n', regions_)) {
    return errdefs::DataLoss("its map cannot be read");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::size_t> Reader::Read(const Context& ctx, std::span<char> buf) {
  if (!status_.ok()) return status_;
  const auto end_of = [](const SparseRegion& region) { return region.offset + region.size; };
  while (region_ < regions_.size() && position_ >= end_of(regions_[region_])) ++region_;
  const bool tail = region_ == regions_.size();
  const bool hole = tail || position_ < regions_[region_].offset;
  const std::int64_t end = tail   ? size_
                           : hole ? regions_[region_].offset
                                  : end_of(regions_[region_]);
  if (static_cast<std::uint64_t>(end - position_) < buf.size()) {
    buf = buf.first(static_cast<std::size_t>(end - position_));
  }
  absl::StatusOr<std::size_t> n = buf.size();
  if (hole) {
    std::fill(buf.begin(), buf.end(), '\0');
  } else {
    n = ReadStored(ctx, buf);
  }
  if (n.ok()) position_ += static_cast<std::int64_t>(*n);
  return n;
}

// Reads of the current entry's bytes in the archive.
absl::StatusOr<std::size_t> Reader::ReadStored(const Context& ctx, std::span<char> buf) {
  if (left_ == 0 || buf.empty()) return std::size_t{0};
  const auto want =
      static_cast<std::size_t>(std::min(left_, static_cast<std::int64_t>(std::min<std::size_t>(
                                                   buf.size(), std::numeric_limits<int>::max()))));
  absl::StatusOr<std::size_t> n =
      errdefs::Guard("a reader", &io::Reader::Read, input_, ctx, buf.first(want));
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
