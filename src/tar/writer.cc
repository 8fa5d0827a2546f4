// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/tar/tar.h"

#include "format.h"
#include "src/errdefs/internal/guard.h"

namespace containerd::tar {
namespace {

using Block = std::array<char, kBlockSize>;
using Records = std::map<std::string, std::string>;

bool IsASCII(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80 && c != '\0'; });
}

// What is left of a text in a field of a PAX archive, whose records hold the whole of it.
std::string ToASCII(std::string_view text) {
  std::string out;
  std::copy_if(text.begin(), text.end(), std::back_inserter(out),
               [](char c) { return static_cast<unsigned char>(c) < 0x80 && c != '\0'; });
  return out;
}

bool FitsInOctal(std::size_t size, std::int64_t value) {
  const std::size_t bits = (size - 1) * 3;
  return value >= 0 && (bits >= 63 || value < (std::int64_t{1} << bits));
}

void PutText(Block& block, Field field, std::string_view text) {
  text = text.substr(0, field.size);
  std::copy(text.begin(), text.end(), block.begin() + static_cast<std::ptrdiff_t>(field.offset));
}

// A number that does not fit stands in the PAX records, and as 0 in the field.
void PutNumber(Block& block, Field field, std::int64_t value) {
  if (!FitsInOctal(field.size, value)) value = 0;
  PutText(block, field, fmt::format("{:0{}o}", value, field.size - 1));
}

void PutChecksum(Block& block) {
  PutText(block, kMagic, kMagicUSTAR);
  // Six digits, NUL, space.
  const std::string sum = fmt::format("{:06o}", Sum(block).unsigned_sum);
  std::fill_n(block.begin() + static_cast<std::ptrdiff_t>(kChecksum.offset), kChecksum.size, ' ');
  PutText(block, kChecksum, sum);
  block[kChecksum.offset + 6] = '\0';
}

// Prefix and name of a long path, cut at a slash; false if there is no fitting one.
bool SplitPath(std::string_view path, std::string_view& prefix, std::string_view& name) {
  std::size_t length = path.size();
  if (length <= kName.size || !IsASCII(path)) return false;
  if (length > kPrefix.size + 1) {
    length = kPrefix.size + 1;
  } else if (path.ends_with('/')) {
    --length;
  }
  const std::size_t slash = path.substr(0, length).rfind('/');
  if (slash == std::string_view::npos || slash == 0) return false;
  const std::size_t rest = path.size() - slash - 1;
  if (rest == 0 || rest > kName.size || slash > kPrefix.size) return false;
  prefix = path.substr(0, slash);
  name = path.substr(slash + 1);
  return true;
}

// Finds what of a header needs PAX records.
class Formats {
 public:
  void Text(std::string_view text, Field field, std::string_view key) {
    if (IsASCII(text) && text.size() <= field.size) return;
    std::string_view prefix;
    std::string_view name;
    if (key != kPaxPath || !SplitPath(text, prefix, name)) needs_pax_ = true;
    if (text.find('\0') != std::string_view::npos && error_.empty()) {
      error_ = fmt::format("{} has a NUL byte", key);
    }
    records_[std::string(key)] = std::string(text);
  }

  void Number(std::int64_t value, Field field, std::string_view what, std::string_view key) {
    if (FitsInOctal(field.size, value)) return;
    needs_pax_ = true;
    if (key.empty()) {
      if (error_.empty()) error_ = fmt::format("{} {} is out of range", what, value);
      return;
    }
    records_[std::string(key)] = fmt::format("{}", value);
  }

  void Record(std::string_view key, std::string_view value) {
    for (std::string_view field : {kPaxPath, kPaxLinkpath, kPaxSize, kPaxUid, kPaxGid, kPaxUname,
                                   kPaxGname, kPaxMtime, kPaxAtime, kPaxCtime}) {
      if (key == field) return;
    }
    if (key.starts_with(kPaxGNUSparse)) return;
    if (key.empty() || key.find('=') != std::string_view::npos ||
        key.find('\0') != std::string_view::npos) {
      if (error_.empty()) error_ = "a PAX record's key is empty or has '=' or NUL";
      return;
    }
    needs_pax_ = true;
    records_[std::string(key)] = std::string(value);
  }

  const std::string& error() const { return error_; }
  bool needs_pax() const { return needs_pax_; }
  const Records& records() const { return records_; }

 private:
  bool needs_pax_ = false;
  std::string error_;
  Records records_;
};

std::string FormatRecord(std::string_view key, std::string_view value) {
  const std::size_t rest = key.size() + value.size() + 3;  // ' ', '=', '\n'
  std::size_t size = rest + fmt::formatted_size("{}", rest);
  std::string record = fmt::format("{} {}={}\n", size, key, value);
  if (record.size() != size) record = fmt::format("{} {}={}\n", record.size(), key, value);
  return record;
}

// "<dir>/PaxHeaders.0/<file>".
std::string PaxName(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const std::size_t slash = path.rfind('/');
  std::string name =
      slash == std::string_view::npos
          ? fmt::format("PaxHeaders.0/{}", path)
          : fmt::format("{}PaxHeaders.0/{}", path.substr(0, slash + 1), path.substr(slash + 1));
  name = ToASCII(name);
  name.resize(std::min(name.size(), kName.size));
  while (name.ends_with('/')) name.pop_back();
  return name;
}

absl::Status Put(io::Writer& output, const Context& ctx, std::string_view data) {
  return errdefs::Guard("a writer", &io::Writer::Write, output, ctx, data);
}

}  // namespace

absl::Status Writer::WriteHeader(const Context& ctx, const Header& header) {
  if (closed_) return errdefs::FailedPrecondition("tar: the archive has been closed");
  if (absl::Status s = Flush(ctx); !s.ok()) return s;

  const std::int64_t size = IsHeaderOnly(header.typeflag) ? 0 : header.size;
  const std::int64_t mod_time =
      absl::ToUnixSeconds(header.mod_time + absl::Milliseconds(500));  // Rounded.
  if (size < 0) {
    return errdefs::InvalidArgument(
        fmt::format("tar: \"{}\" can't have {} bytes", header.name, size));
  }
  Formats formats;
  formats.Text(header.name, kName, kPaxPath);
  formats.Text(header.linkname, kLinkname, kPaxLinkpath);
  formats.Text(header.uname, kUname, kPaxUname);
  formats.Text(header.gname, kGname, kPaxGname);
  formats.Number(header.mode, kMode, "mode", "");
  formats.Number(header.uid, kUid, "uid", kPaxUid);
  formats.Number(header.gid, kGid, "gid", kPaxGid);
  formats.Number(size, kSize, "size", kPaxSize);
  formats.Number(header.devmajor, kDevMajor, "major number", "");
  formats.Number(header.devminor, kDevMinor, "minor number", "");
  formats.Number(mod_time, kModTime, "modification time", kPaxMtime);
  for (const auto& [key, value] : header.pax_records) formats.Record(key, value);
  if (!formats.error().empty()) {
    return errdefs::InvalidArgument(
        fmt::format("tar: can't write \"{}\": {}", header.name, formats.error()));
  }

  std::string out;
  if (formats.needs_pax()) {
    std::string records;
    for (const auto& [key, value] : formats.records()) records += FormatRecord(key, value);
    Block block{};
    PutText(block, kName, PaxName(header.name));
    PutNumber(block, kMode, 0);
    PutNumber(block, kUid, 0);
    PutNumber(block, kGid, 0);
    PutNumber(block, kSize, static_cast<std::int64_t>(records.size()));
    PutNumber(block, kModTime, 0);
    block[kTypeflag.offset] = kTypeXHeader;
    PutChecksum(block);
    out.append(block.data(), block.size());
    records.resize(records.size() +
                   static_cast<std::size_t>(Padding(static_cast<std::int64_t>(records.size()))));
    out += records;
  }

  Block block{};
  std::string_view prefix;
  std::string_view name = header.name;
  const std::string ascii_name = formats.needs_pax() ? ToASCII(header.name) : std::string();
  if (formats.needs_pax()) {
    name = ascii_name;
    // A regular file must not look like a directory when its name is cut.
    if (name.size() > kName.size && name[kName.size - 1] == '/') {
      name = name.substr(0, kName.size);
      while (name.ends_with('/')) name.remove_suffix(1);
    }
  } else {
    SplitPath(header.name, prefix, name);
  }
  PutText(block, kName, name);
  PutText(block, kPrefix, prefix);
  PutText(block, kLinkname, ToASCII(header.linkname));
  PutText(block, kUname, ToASCII(header.uname));
  PutText(block, kGname, ToASCII(header.gname));
  PutNumber(block, kMode, header.mode);
  PutNumber(block, kUid, header.uid);
  PutNumber(block, kGid, header.gid);
  PutNumber(block, kSize, size);
  PutNumber(block, kModTime, mod_time);
  PutNumber(block, kDevMajor, header.devmajor);
  PutNumber(block, kDevMinor, header.devminor);
  block[kTypeflag.offset] = header.typeflag;
  PutChecksum(block);
  out.append(block.data(), block.size());

  if (absl::Status s = Put(output_, ctx, out); !s.ok()) return s;
  left_ = size;
  padding_ = Padding(size);
  name_ = header.name;
  return absl::OkStatus();
}

absl::Status Writer::Write(const Context& ctx, std::string_view data) {
  if (static_cast<std::int64_t>(data.size()) > left_) {
    return errdefs::OutOfRange(fmt::format("tar: {} bytes of \"{}\" are more than its header said",
                                           static_cast<std::int64_t>(data.size()) - left_, name_));
  }
  if (absl::Status s = Put(output_, ctx, data); !s.ok()) return s;
  left_ -= static_cast<std::int64_t>(data.size());
  return absl::OkStatus();
}

absl::Status Writer::Flush(const Context& ctx) {
  if (left_ > 0) {
    return errdefs::FailedPrecondition(
        fmt::format("tar: {} bytes of \"{}\" are missing", left_, name_));
  }
  const Block zeros{};
  const std::string_view pad(zeros.data(), static_cast<std::size_t>(padding_));
  padding_ = 0;
  return pad.empty() ? absl::OkStatus() : Put(output_, ctx, pad);
}

absl::Status Writer::Close(const Context& ctx) {
  if (closed_) return absl::OkStatus();
  if (absl::Status s = Flush(ctx); !s.ok()) return s;
  closed_ = true;
  return Put(output_, ctx, std::string(2 * kBlockSize, '\0'));
}

}  // namespace containerd::tar
