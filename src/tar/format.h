// SPDX-License-Identifier: Apache-2.0
//
// The fields of a tar header block (POSIX.1-2017, pax, "ustar Interchange Format"; GNU and STAR
// differ behind `magic`).
#ifndef CONTAINERD_SRC_TAR_FORMAT_H_
#define CONTAINERD_SRC_TAR_FORMAT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace containerd::tar {

struct Field {
  std::size_t offset;
  std::size_t size;
};

inline constexpr Field kName{0, 100};
inline constexpr Field kMode{100, 8};
inline constexpr Field kUid{108, 8};
inline constexpr Field kGid{116, 8};
inline constexpr Field kSize{124, 12};
inline constexpr Field kModTime{136, 12};
inline constexpr Field kChecksum{148, 8};
inline constexpr Field kTypeflag{156, 1};
inline constexpr Field kLinkname{157, 100};
inline constexpr Field kMagic{257, 8};  // With the version.
inline constexpr Field kUname{265, 32};
inline constexpr Field kGname{297, 32};
inline constexpr Field kDevMajor{329, 8};
inline constexpr Field kDevMinor{337, 8};
inline constexpr Field kPrefix{345, 155};
inline constexpr Field kStarPrefix{345, 131};
inline constexpr Field kStarAccessTime{476, 12};
inline constexpr Field kStarChangeTime{488, 12};
inline constexpr Field kStarTrailer{508, 4};
inline constexpr Field kGNUAccessTime{345, 12};
inline constexpr Field kGNUChangeTime{357, 12};
// The map of an old GNU sparse file, and whether more of it follows in blocks of its own.
inline constexpr Field kGNUSparseMap{386, 96};
inline constexpr Field kGNUSparseMore{482, 1};
inline constexpr Field kGNURealSize{483, 12};
inline constexpr Field kBlockSparseMap{0, 504};
inline constexpr Field kBlockSparseMore{504, 1};
inline constexpr std::size_t kSparseEntrySize = 24;

inline constexpr std::string_view kMagicUSTAR{"ustar\00000", 8};
inline constexpr std::string_view kMagicGNU{"ustar  \0", 8};
inline constexpr std::string_view kTrailerSTAR{"tar\0", 4};

inline constexpr char kTypeRegA = '\0';
inline constexpr char kTypeCont = '7';
inline constexpr char kTypeXHeader = 'x';
inline constexpr char kTypeXGlobalHeader = 'g';
inline constexpr char kTypeGNULongName = 'L';
inline constexpr char kTypeGNULongLink = 'K';

inline constexpr std::string_view kPaxPath = "path";
inline constexpr std::string_view kPaxLinkpath = "linkpath";
inline constexpr std::string_view kPaxSize = "size";
inline constexpr std::string_view kPaxUid = "uid";
inline constexpr std::string_view kPaxGid = "gid";
inline constexpr std::string_view kPaxUname = "uname";
inline constexpr std::string_view kPaxGname = "gname";
inline constexpr std::string_view kPaxMtime = "mtime";
inline constexpr std::string_view kPaxAtime = "atime";
inline constexpr std::string_view kPaxCtime = "ctime";
inline constexpr std::string_view kPaxGNUSparse = "GNU.sparse.";
inline constexpr std::string_view kPaxSparseMajor = "GNU.sparse.major";
inline constexpr std::string_view kPaxSparseMinor = "GNU.sparse.minor";
inline constexpr std::string_view kPaxSparseMap = "GNU.sparse.map";
inline constexpr std::string_view kPaxSparseName = "GNU.sparse.name";
inline constexpr std::string_view kPaxSparseSize = "GNU.sparse.size";
inline constexpr std::string_view kPaxSparseRealSize = "GNU.sparse.realsize";
inline constexpr std::string_view kPaxSparseNumBlocks = "GNU.sparse.numblocks";
inline constexpr std::string_view kPaxSparseOffset = "GNU.sparse.offset";
inline constexpr std::string_view kPaxSparseNumBytes = "GNU.sparse.numbytes";

// Entries of these types have no content, whatever their size field says.
inline constexpr bool IsHeaderOnly(char typeflag) { return typeflag >= '1' && typeflag <= '6'; }

inline constexpr std::int64_t Padding(std::int64_t size) { return -size & 511; }

// The sum of a header's bytes, its checksum field taken as spaces; with bytes as unsigned, and as
// signed as some old programs did.
struct Checksums {
  std::int64_t unsigned_sum = 0;
  std::int64_t signed_sum = 0;
};
inline Checksums Sum(std::span<const char> block) {
  Checksums sums;
  for (std::size_t i = 0; i < block.size(); ++i) {
    const bool checksum = i >= kChecksum.offset && i < kChecksum.offset + kChecksum.size;
    const char c = checksum ? ' ' : block[i];
    sums.unsigned_sum += static_cast<unsigned char>(c);
    sums.signed_sum += static_cast<signed char>(c);
  }
  return sums;
}

}  // namespace containerd::tar

#endif  // CONTAINERD_SRC_TAR_FORMAT_H_
