// SPDX-License-Identifier: Apache-2.0
//
// Package tar: tar archives as streams, read and written entry by entry.
//
//   tar::Reader archive(input);
//   for (;;) {
//     auto header = archive.Next(ctx);
//     if (!header.ok()) return header.status();
//     if (!header->has_value()) break;                         // The end.
//     auto text = io::ReadAll(ctx, archive, 1 << 20);          // The entry's content.
//   }
//
// Understood are the formats V7, USTAR, PAX, GNU (long names, base-256 numbers) and STAR, and the
// sparse files of GNU and PAX, whose holes are read as NULs. What is written is USTAR, or PAX where
// USTAR has no room, and equals Go's output byte for byte. Names are bytes, and nobody resolves or
// checks them here: whoever extracts an archive has to.
//
// Source: Go's package archive/tar, as far as the client needs it.
#ifndef CONTAINERD_TAR_TAR_H_
#define CONTAINERD_TAR_TAR_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/io/io.h"

namespace containerd::tar {

// Header::typeflag.
inline constexpr char kTypeReg = '0';
inline constexpr char kTypeLink = '1';
inline constexpr char kTypeSymlink = '2';
inline constexpr char kTypeChar = '3';
inline constexpr char kTypeBlock = '4';
inline constexpr char kTypeDir = '5';
inline constexpr char kTypeFifo = '6';
inline constexpr char kTypeGNUSparse = 'S';  // A regular file of the old GNU sparse format.

inline constexpr std::size_t kBlockSize = 512;

// Most bytes of the extended header or the long name that stands before an entry.
inline constexpr std::int64_t kMaxSpecialFileSize = std::int64_t{1} << 20;

// Most regions that the map of a sparse file may have.
inline constexpr std::size_t kMaxSparseRegions = std::size_t{1} << 20;

// Bytes of a file that an archive has; what lies between two of them is a hole.
struct SparseRegion {
  std::int64_t offset = 0;
  std::int64_t size = 0;
};

// What an archive says of one entry. Source: tar.Header.
struct Header {
  // A kType… constant, or a vendor's own type with content that can be read or skipped.
  char typeflag = kTypeReg;
  std::string name{};
  std::string linkname{};  // Of links.
  std::int64_t size = 0;   // Bytes of content.
  std::int64_t mode = 0;   // Permissions and S_ISUID, S_ISGID, S_ISVTX.
  std::int64_t uid = 0;
  std::int64_t gid = 0;
  std::string uname{};
  std::string gname{};
  absl::Time mod_time = absl::UnixEpoch();
  std::optional<absl::Time> access_time{};
  std::optional<absl::Time> change_time{};
  std::int64_t devmajor = 0;
  std::int64_t devminor = 0;

  // The PAX records as they stand there, also those that are fields above. When writing only the
  // others count, as "SCHILY.xattr.user.name" does.
  std::map<std::string, std::string> pax_records{};

  friend bool operator==(const Header&, const Header&) = default;
};

// Reads an archive from front to back, in constant memory, from a reader that outlives this object.
// Belongs to one thread at a time. After an error all further calls return that error.
//
// ErrDataLoss, naming the entry and the place, for an archive that is truncated or damaged;
// ErrInvalidArgument if the input does not begin as a tar archive does; ErrResourceExhausted for
// headers and sparse maps beyond kMaxSpecialFileSize and kMaxSparseRegions.
class CONTAINERD_EXPORT Reader final : public io::Reader {
 public:
  explicit Reader(io::Reader& input) : input_(input) {}

  // Goes to the next entry, over what was not read of the current one; nullopt at the archive's
  // end. Global PAX headers are skipped. Source: Reader.Next.
  absl::StatusOr<std::optional<Header>> Next(const Context& ctx);

  // Reads the current entry's content; 0 at its end. Source: Reader.Read.
  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override;

 private:
  using Block = std::array<char, kBlockSize>;

  absl::Status Fail(absl::Status status);
  absl::StatusOr<bool> ReadBlock(const Context& ctx, Block& block);
  absl::Status Skip(const Context& ctx, std::int64_t count);
  absl::StatusOr<std::string> ReadSpecial(const Context& ctx, std::int64_t size);
  absl::StatusOr<std::optional<Header>> ReadNext(const Context& ctx);
  absl::Status BeginContent(const Context& ctx, Block& block, Header& header);
  absl::StatusOr<bool> ReadSparseMap(const Context& ctx, Block& block, Header& header);
  absl::Status ReadOldGNUMap(const Context& ctx, Block& block);
  absl::Status ReadPax10Map(const Context& ctx);
  absl::StatusOr<std::size_t> ReadStored(const Context& ctx, std::span<char> buf);

  io::Reader& input_;
  std::int64_t offset_ = 0;  // In the input.
  std::int64_t left_ = 0;    // Of the current entry's bytes in the archive.
  std::int64_t padding_ = 0;

  // The current entry's content: how much there is, what of it the archive has, and how far it has
  // been read.
  std::int64_t size_ = 0;
  std::vector<SparseRegion> regions_;
  std::size_t region_ = 0;
  std::int64_t position_ = 0;
  std::string name_;  // Of the current entry.
  bool at_end_ = false;
  absl::Status status_;
};

// Writes an archive to a writer that outlives this object. Belongs to one thread at a time.
class CONTAINERD_EXPORT Writer final : public io::Writer {
 public:
  explicit Writer(io::Writer& output) : output_(output) {}

  // Begins an entry; of a kTypeReg one `size` bytes of content have to follow. Times are rounded to
  // seconds, and access and change times left out, as Go does unless told a format.
  // ErrInvalidArgument for a header that neither format can hold, ErrFailedPrecondition if content
  // of the previous entry is missing. Source: Writer.WriteHeader.
  absl::Status WriteHeader(const Context& ctx, const Header& header);

  // Content of the current entry. ErrOutOfRange if that is more than its size. Source:
  // Writer.Write.
  absl::Status Write(const Context& ctx, std::string_view data) override;

  // Ends the archive; does not close the output. Source: Writer.Close.
  absl::Status Close(const Context& ctx);

 private:
  absl::Status Flush(const Context& ctx);

  io::Writer& output_;
  std::int64_t left_ = 0;
  std::int64_t padding_ = 0;
  std::string name_;
  bool closed_ = false;
};

}  // namespace containerd::tar

#endif  // CONTAINERD_TAR_TAR_H_
