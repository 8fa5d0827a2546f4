// SPDX-License-Identifier: Apache-2.0
#include "containerd/tar/tar.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/digest/digest.h"
#include "containerd/errdefs/errdefs.h"

#include "src/tar/format.h"

namespace containerd::tar {
namespace {

using ::testing::HasSubstr;

std::string Repeat(std::string_view text, int times) {
  std::string out;
  while (times-- > 0) out += text;
  return out;
}

struct Entry {
  Header header;
  std::string data;
};

absl::StatusOr<std::vector<Entry>> ReadEntries(io::Reader& input) {
  Reader reader(input);
  std::vector<Entry> entries;
  for (;;) {
    auto header = reader.Next({});
    if (!header.ok()) return header.status();
    if (!header->has_value()) return entries;
    auto data = io::ReadAll({}, reader, 1 << 20);
    if (!data.ok()) return data.status();
    entries.push_back({**header, *std::move(data)});
  }
}

absl::StatusOr<std::vector<Entry>> ReadEntries(const std::string& archive) {
  io::StringReader input(archive);
  return ReadEntries(input);
}

absl::StatusOr<std::string> WriteEntry(const Header& header, std::string_view data) {
  std::string out;
  io::StringWriter output(&out);
  Writer writer(output);
  if (absl::Status s = writer.WriteHeader({}, header); !s.ok()) return s;
  if (absl::Status s = writer.Write({}, data); !s.ok()) return s;
  if (absl::Status s = writer.Close({}); !s.ok()) return s;
  return out;
}

// Parts of archives that the writer does not make.
class Raw {
 public:
  explicit Raw(char typeflag, std::string_view name, std::string_view data = {})
      : block_(kBlockSize, '\0'), data_(data) {
    Put(kName, name);
    Put(kMode, "0000644");
    Put(kSize, fmt::format("{:011o}", data.size()));
    block_[kTypeflag.offset] = typeflag;
  }
  Raw& Put(Field field, std::string_view text) {
    block_.replace(field.offset, std::min(text.size(), field.size), text.substr(0, field.size));
    return *this;
  }
  Raw& USTAR() { return Put(kMagic, kMagicUSTAR); }
  Raw& GNU() { return Put(kMagic, kMagicGNU); }

  std::string String(bool signed_sum = false) const {
    std::string block = block_;
    const Checksums sums = Sum(block);
    const std::string sum =
        fmt::format("{:06o}", signed_sum ? sums.signed_sum : sums.unsigned_sum) +
        std::string("\0 ", 2);
    block.replace(kChecksum.offset, kChecksum.size, sum);
    std::string data = data_;
    data.resize((data.size() + 511) / 512 * 512);
    return block + data;
  }

 private:
  std::string block_;
  std::string data_;
};

const std::string& End() {
  static const std::string end(2 * kBlockSize, '\0');
  return end;
}

std::string PaxRecord(std::string_view key, std::string_view value) {
  std::size_t size = key.size() + value.size() + 3;
  size += fmt::format("{}", size).size();
  if (fmt::format("{} {}={}\n", size, key, value).size() != size) ++size;
  return fmt::format("{} {}={}\n", size, key, value);
}

struct GoCase {
  const char* name;
  Header header;
  std::string data;
  std::size_t size;
  const char* sha256;
};

class MatchesGo : public ::testing::TestWithParam<GoCase> {};

// The digests are those of what Go's archive/tar (1.19) writes.
TEST_P(MatchesGo, AndReadsBack) {
  auto archive = WriteEntry(GetParam().header, GetParam().data);
  ASSERT_TRUE(archive.ok()) << archive.status();
  EXPECT_EQ(archive->size(), GetParam().size);
  EXPECT_EQ(digest::FromString(*archive).Encoded(), GetParam().sha256);

  auto entries = ReadEntries(*archive);
  ASSERT_TRUE(entries.ok()) << entries.status();
  ASSERT_EQ(entries->size(), 1U);
  Header got = entries->front().header;
  Header want = GetParam().header;
  want.mod_time =
      absl::FromUnixSeconds(absl::ToUnixSeconds(want.mod_time + absl::Milliseconds(500)));
  for (const auto& [key, value] : want.pax_records) {
    EXPECT_EQ(got.pax_records[key], value) << key;
  }
  got.pax_records = want.pax_records;
  EXPECT_EQ(got, want);
  EXPECT_EQ(entries->front().data, GetParam().data);
}

INSTANTIATE_TEST_SUITE_P(
    Headers, MatchesGo,
    ::testing::Values(
        GoCase{"plain",
               {.name = "blobs/sha256/abc", .size = 5, .mode = 0444},
               "hello",
               2048,
               "5018bdf0dbfb0ff3932999794484b4b038ae4f6770d96d6df25cc68268a24add"},
        GoCase{"dir",
               {.typeflag = kTypeDir, .name = "blobs/", .mode = 0755},
               "",
               1536,
               "78a87a63bebcf98afe088bf6682be4444a4263ecf0f4e4cf76b9e182aac9b0d4"},
        GoCase{"symlink",
               {.typeflag = kTypeSymlink, .name = "a", .linkname = "b/c", .mode = 0777},
               "",
               1536,
               "0f9d48972fef7e3475e6af39a28bfbbf4da478fb57fdf11a47139c8179dfc2e6"},
        GoCase{"full",
               {.name = "f",
                .size = 1,
                .mode = 04755,
                .uid = 1000,
                .gid = 100,
                .uname = "user",
                .gname = "users",
                .mod_time = absl::FromUnixSeconds(1600000000) + absl::Milliseconds(600)},
               "x",
               2048,
               "2439d0d640d46eb8f73b8e326a05b616ea41ff98aff14f4dfe3e657d45c2fe36"},
        GoCase{
            "device",
            {.typeflag = kTypeChar, .name = "dev/null", .mode = 0666, .devmajor = 1, .devminor = 3},
            "",
            1536,
            "d0f97f96e836ba7772a0c3d3add33d6f3ca08f54f8be179b20d906de58b3d3ef"},
        GoCase{"split",
               {.name = Repeat("a", 60) + "/" + Repeat("b", 90), .mode = 0644},
               "",
               1536,
               "14465ea4ecc1a8204484c896008ff635a2f718a12e08870bb1fa6bc9063535b9"},
        GoCase{"unsplittable",
               {.name = Repeat("n", 120), .size = 3, .mode = 0644},
               "abc",
               3072,
               "fad1b43d383408e51adeaeaa6873e4637adcff7f1db2d8fdac9dc61a352727bd"},
        GoCase{"long dir",
               {.typeflag = kTypeDir, .name = Repeat("d/", 150), .mode = 0755},
               "",
               2560,
               "0cab00ac019f596252d48641edd16c7e1dd846d8c7c31906ab219173b9dcb1dd"},
        GoCase{"utf8",
               {.name = "caf\xc3\xa9", .mode = 0644},
               "",
               2560,
               "5fab48f03c1cb2711e0cb977c2ed2b44cef3fa5846d3da99de5b5c3b6e89aa96"},
        GoCase{"long link",
               {.typeflag = kTypeSymlink, .name = "l", .linkname = Repeat("t", 101), .mode = 0777},
               "",
               2560,
               "cfcbb71d0740e7ebd3c35fca66b5ba0753a91d754c5a6e4ea203cc16e564f1d2"},
        GoCase{"big uid",
               {.name = "u", .mode = 0644, .uid = 1 << 21, .gid = 1LL << 31},
               "",
               2560,
               "9a1f77e1ecf63190ad1ed31e3d2ae7068b5d261308fffb862a44bd2907b720e7"},
        GoCase{"before 1970",
               {.name = "t", .mode = 0644, .mod_time = absl::FromUnixSeconds(-1)},
               "",
               2560,
               "5f0665d987e0a31f11486ddaf1c2b5c3034a6dc4751183ff56f4ff01fac909b1"},
        GoCase{
            "xattr",
            {.name = "x",
             .mode = 0644,
             .pax_records = {{"SCHILY.xattr.user.a", "1"},
                             {"SCHILY.xattr.security.capability", std::string("\x01\0\0\x02", 4)}}},
            "",
            2560,
            "81c0ae64e417a3156d1e0a978eb1da62919c4be6a887cd1dc5dc3ef60fa5efeb"},
        GoCase{"split and xattr",
               {.name = Repeat("a", 60) + "/" + Repeat("b", 90),
                .mode = 0644,
                .pax_records = {{"SCHILY.xattr.user.a", "1"}}},
               "",
               2560,
               "6c5c17062f7c796845ad172d858bbbb057a6b3326e62c13bd8b6c84cd12c59ef"},
        GoCase{"cut at a slash",
               {.name = Repeat("a", 99) + "/" + Repeat("b", 120), .mode = 0644},
               "",
               2560,
               "ae392756de718654bd34c8d0fe673d6facb6122b3ba79faa27156246abf44390"},
        GoCase{"uname",
               {.name = "n", .mode = 0644, .uname = Repeat("u", 33)},
               "",
               2560,
               "bcf4cc86576a516ed140b9c9b1b1e9ba1b984af82a492ce31e922efc19a1269d"},
        GoCase{"record whose length grows",
               {.name = "n", .pax_records = {{"SCHILY.xattr.user.xy", Repeat("v", 74)}}},
               "",
               2560,
               "e2aef68e8236db441339fbc5ce34aff290e3ccb9333d0c9040aeaf774d969e78"}));

TEST(Writer, RefusesWhatItCannotWrite) {
  struct Case {
    Header header;
    const char* want;
  };
  for (const auto& [header, want] : {
           Case{{.name = std::string("a\0b", 3)}, "path has a NUL byte"},
           Case{{.name = "n", .mode = -1}, "mode -1 is out of range"},
           Case{{.typeflag = kTypeChar, .name = "n", .devmajor = 1 << 30},
                "major number 1073741824 is out of range"},
           Case{{.name = "n", .size = -1}, "-1 bytes"},
           Case{{.name = "n", .pax_records = {{"a=b", "1"}}}, "PAX record's key"},
       }) {
    auto archive = WriteEntry(header, "");
    EXPECT_TRUE(errdefs::IsInvalidArgument(archive.status())) << archive.status();
    EXPECT_THAT(std::string(errdefs::Message(archive.status())), HasSubstr(want));
  }
}

TEST(Writer, CountsContent) {
  std::string out;
  io::StringWriter output(&out);
  Writer writer(output);
  ASSERT_TRUE(writer.WriteHeader({}, {.name = "a", .size = 3}).ok());
  EXPECT_TRUE(errdefs::IsOutOfRange(writer.Write({}, "four")));
  ASSERT_TRUE(writer.Write({}, "ab").ok());
  EXPECT_TRUE(errdefs::IsFailedPrecondition(writer.WriteHeader({}, {.name = "b"})));
  EXPECT_TRUE(errdefs::IsFailedPrecondition(writer.Close({})));
  ASSERT_TRUE(writer.Write({}, "c").ok());
  ASSERT_TRUE(writer.Close({}).ok());
  EXPECT_TRUE(errdefs::IsFailedPrecondition(writer.WriteHeader({}, {.name = "b"})));
}

TEST(Reader, Formats) {
  struct Case {
    const char* name;
    std::string archive;
    Header want;
    std::string data;
  };
  const std::string long_name = Repeat("long/", 40) + "name";
  const std::vector<Case> cases = {
      {"V7", Raw('\0', "file", "data").String(), {.name = "file", .size = 4, .mode = 0644}, "data"},
      {"V7 directory",
       Raw('\0', "dir/").String(),
       {.typeflag = kTypeDir, .name = "dir/", .mode = 0644},
       ""},
      {"contiguous file",
       Raw('7', "f", "x").USTAR().String(),
       {.name = "f", .size = 1, .mode = 0644},
       "x"},
      {"prefix",
       Raw('0', "b").USTAR().Put(kPrefix, "a").String(),
       {.name = "a/b", .mode = 0644},
       ""},
      {"STAR prefix",
       Raw('0', "b").USTAR().Put(kStarPrefix, "a").Put(kStarTrailer, kTrailerSTAR).String(),
       {.name = "a/b", .mode = 0644},
       ""},
      {"GNU has times where others have a prefix",
       Raw('0', "b").GNU().Put(kGNUAccessTime, "12345").Put(kGNUChangeTime, "7").String(),
       {.name = "b",
        .mode = 0644,
        .access_time = absl::FromUnixSeconds(5349),
        .change_time = absl::FromUnixSeconds(7)},
       ""},
      {"GNU's magic with a prefix, as old Docker wrote it",
       Raw('0', "b", "x").GNU().Put(kPrefix, "usr/lib").String(),
       {.name = "usr/lib/b", .size = 1, .mode = 0644},
       "x"},
      {"GNU's magic with neither times nor a prefix",
       Raw('0', "b").GNU().Put(kPrefix, "\xc3\xa4").String(),
       {.name = "b", .mode = 0644},
       ""},
      {"a global header takes what was said of the next entry with it",
       Raw('x', "p", PaxRecord("path", "other")).USTAR().String() +
           Raw('g', "g", PaxRecord("comment", "c")).USTAR().String() +
           Raw('0', "n").USTAR().String(),
       {.name = "n", .mode = 0644},
       ""},
      {"a plus sign",
       Raw('x', "p", PaxRecord("uid", "+5")).USTAR().String() + Raw('0', "n").USTAR().String(),
       {.name = "n", .mode = 0644, .uid = 5},
       ""},
      {"GNU long name",
       Raw('L', "././@LongLink", long_name + '\0').GNU().String() +
           Raw('0', long_name.substr(0, 100), "x").GNU().String(),
       {.name = long_name, .size = 1, .mode = 0644},
       "x"},
      {"GNU long link",
       Raw('K', "././@LongLink", long_name + '\0').GNU().String() +
           Raw('L', "././@LongLink", std::string("n") + '\0').GNU().String() +
           Raw('2', "x").GNU().String(),
       {.typeflag = kTypeSymlink, .name = "n", .linkname = long_name, .mode = 0644},
       ""},
      {"base 256",
       Raw('0', "n").GNU().Put(kUid, std::string("\x80\0\0\0\0\x20\0\0", 8)).String(),
       {.name = "n", .mode = 0644, .uid = 0x200000},
       ""},
      {"negative base 256",
       Raw('0', "n").GNU().Put(kModTime, std::string(12, '\xff')).String(),
       {.name = "n", .mode = 0644, .mod_time = absl::FromUnixSeconds(-1)},
       ""},
      {"spaces in numbers",
       Raw('0', "n").USTAR().Put(kUid, "  17 ").String(),
       {.name = "n", .mode = 0644, .uid = 15},
       ""},
      {"global header is skipped",
       Raw('g', "pax_global_header", PaxRecord("path", "other")).USTAR().String() +
           Raw('0', "n").USTAR().String(),
       {.name = "n", .mode = 0644},
       ""},
      {"PAX times",
       Raw('x', "p",
           PaxRecord("mtime", "1350244992.023960108") + PaxRecord("atime", "-1.5") +
               PaxRecord("ctime", "7."))
               .USTAR()
               .String() +
           Raw('0', "n").USTAR().String(),
       {.name = "n",
        .mode = 0644,
        .mod_time = absl::FromUnixSeconds(1350244992) + absl::Nanoseconds(23960108),
        .access_time = absl::FromUnixMillis(-1500),
        .change_time = absl::FromUnixSeconds(7)},
       ""},
      {"PAX size",
       Raw('x', "p", PaxRecord("size", "2")).USTAR().String() +
           Raw('0', "n", "xy").USTAR().Put(kSize, "00000000000").String(),
       {.name = "n", .size = 2, .mode = 0644},
       "xy"},
      {"a link has no content",
       Raw('2', "n").USTAR().Put(kSize, "00000001000").String(),
       {.typeflag = kTypeSymlink, .name = "n", .mode = 0644},
       ""},
      {"signed checksum",
       Raw('0', "\xe4\xf6").String(true),
       {.name = "\xe4\xf6", .mode = 0644},
       ""},
      {"vendor's type",
       Raw('D', "n", "abc").GNU().String(),
       {.typeflag = 'D', .name = "n", .size = 3, .mode = 0644},
       "abc"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    for (const std::string& end : {End(), std::string(), std::string(kBlockSize, '\0'),
                                   End() + "what follows the end is not read"}) {
      auto entries = ReadEntries(c.archive + end);
      ASSERT_TRUE(entries.ok()) << entries.status();
      ASSERT_EQ(entries->size(), 1U);
      Header got = entries->front().header;
      got.pax_records.clear();
      EXPECT_EQ(got, c.want) << got.name;
      EXPECT_EQ(entries->front().data, c.data);
    }
  }
}

TEST(Reader, SkipsWhatIsNotRead) {
  io::StringReader input(Raw('0', "a", std::string(100'000, 'x')).String() +
                         Raw('0', "b", "second").String() + End());
  Reader reader(input);
  char byte = 0;
  ASSERT_EQ((*reader.Next({}))->name, "a");
  ASSERT_EQ(*reader.Read({}, {&byte, 1}), 1U);
  ASSERT_EQ((*reader.Next({}))->name, "b");
  EXPECT_EQ(*io::ReadAll({}, reader, 100), "second");
  EXPECT_EQ(*reader.Next({}), std::nullopt);
  EXPECT_EQ(*reader.Next({}), std::nullopt);
  EXPECT_EQ(*reader.Read({}, {&byte, 1}), 0U);
}

TEST(Reader, EmptyArchive) {
  EXPECT_EQ(ReadEntries(End())->size(), 0U);
  EXPECT_EQ(ReadEntries("")->size(), 0U);
}

// A sparse file "s" of the given PAX version; `map` is that of version 0.1.
std::string SparsePax(std::string_view major, std::string_view minor, std::string_view map,
                      std::string_view content, int size) {
  std::string records = PaxRecord("GNU.sparse.major", major) +
                        PaxRecord("GNU.sparse.minor", minor) + PaxRecord("GNU.sparse.name", "s") +
                        PaxRecord("GNU.sparse.realsize", fmt::format("{}", size));
  if (!map.empty()) {
    const auto commas = static_cast<std::size_t>(std::count(map.begin(), map.end(), ','));
    records += PaxRecord("GNU.sparse.map", map) +
               PaxRecord("GNU.sparse.numblocks", fmt::format("{}", (commas + 1) / 2));
  }
  return Raw('x', "p", records).USTAR().String() +
         Raw('0', "GNUSparseFile.0/s", content).USTAR().String();
}

TEST(Reader, HolesOfSparseFilesAreNULs) {
  const std::string want = std::string(4, '\0') + "ab" + std::string(2, '\0') + "cd";
  std::string map10 = "2\n4\n2\n8\n2\n";
  map10.resize(512, '\0');
  const auto number = [](int value) { return fmt::format("{:011o}", value) + '\0'; };
  const std::string old_map = number(4) + number(2) + number(8) + number(2);
  // The old format goes on in a block of its own, and that in another.
  std::string more = number(8) + number(1) + number(9) + number(1);
  more.resize(504, '\0');
  more += '\1';
  more.resize(512, '\0');
  const std::string last(512, '\0');
  struct Case {
    const char* name;
    std::string archive;
    char typeflag = kTypeReg;
  };
  const std::vector<Case> cases = {
      {"PAX 1.0", SparsePax("1", "0", "", map10 + "abcd", 10)},
      {"PAX 0.1", SparsePax("0", "1", "4,2,8,2", "abcd", 10)},
      {"PAX 0.0",
       Raw('x', "p",
           PaxRecord("GNU.sparse.size", "10") + PaxRecord("GNU.sparse.numblocks", "2") +
               PaxRecord("GNU.sparse.offset", "4") + PaxRecord("GNU.sparse.numbytes", "2") +
               PaxRecord("GNU.sparse.offset", "8") + PaxRecord("GNU.sparse.numbytes", "2"))
               .USTAR()
               .String() +
           Raw('0', "s", "abcd").USTAR().String()},
      {"GNU",
       Raw('S', "s", "abcd").GNU().Put(kGNUSparseMap, old_map).Put(kGNURealSize, "12").String(),
       kTypeGNUSparse},
      {"GNU with more",
       Raw('S', "s", more + last + "abcd")
           .GNU()
           .Put(kSize, "00000000004")
           .Put(kGNUSparseMap, number(4) + number(2))
           .Put(kGNUSparseMore, "1")
           .Put(kGNURealSize, "12")
           .String(),
       kTypeGNUSparse},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const std::string archive = c.archive + Raw('0', "next", "n").USTAR().String() + End();
    auto entries = ReadEntries(archive);
    ASSERT_TRUE(entries.ok()) << entries.status();
    ASSERT_EQ(entries->size(), 2U);
    const Entry& sparse = entries->front();
    EXPECT_EQ(sparse.header.name, "s");
    EXPECT_EQ(sparse.header.typeflag, c.typeflag);
    EXPECT_EQ(sparse.header.size, 10);
    EXPECT_EQ(sparse.data, want);
    EXPECT_EQ(entries->back().data, "n");

    // Byte by byte, and not at all.
    io::StringReader input(archive);
    Reader reader(input);
    ASSERT_TRUE(reader.Next({}).ok());
    std::string slowly;
    for (char byte = 0; reader.Read({}, {&byte, 1}).value_or(0) == 1;) slowly += byte;
    EXPECT_EQ(slowly, want);
    io::StringReader again(archive);
    Reader skipping(again);
    ASSERT_TRUE(skipping.Next({}).ok());
    auto next = skipping.Next({});
    ASSERT_TRUE(next.ok() && next->has_value()) << next.status();
    EXPECT_EQ((*next)->name, "next");

    for (std::size_t i = 0; i < archive.size(); i += 17) {
      std::string flipped = archive;
      flipped[i] = static_cast<char>(flipped[i] ^ 0x41);
      static_cast<void>(ReadEntries(flipped));
    }
  }
  // A version from the future: what stands there is the content.
  auto unknown = ReadEntries(SparsePax("2", "0", "", "abcd", 10));
  ASSERT_TRUE(unknown.ok()) << unknown.status();
  EXPECT_EQ(unknown->front().data, "abcd");
}

TEST(Reader, BadInput) {
  const std::string first = Raw('0', "first", "x").USTAR().String();
  const std::string last = Raw('0', "last").USTAR().String();
  std::string damaged = last;
  damaged[0] = 'b';
  const auto pax = [&](std::string_view records) {
    return Raw('x', "p", records).USTAR().String() + last;
  };
  struct Case {
    const char* name;
    std::string archive;
    errdefs::Class want_class;
    const char* want;
  };
  const std::vector<Case> cases = {
      {"no archive", "GIF89a" + std::string(2000, 'x'), errdefs::Class::ErrInvalidArgument,
       "not a tar archive"},
      {"damaged header", first + damaged, errdefs::Class::ErrDataLoss,
       "damaged header at byte 1024, after \"first\""},
      {"damaged end", first + std::string(512, '\0') + last, errdefs::Class::ErrDataLoss,
       "damaged end of the archive at byte 1024"},
      {"ends in a header", first + last.substr(0, 100), errdefs::Class::ErrDataLoss,
       "ends within a header, after 1124 bytes"},
      {"ends in content",
       Raw('0', "big").USTAR().Put(kSize, "00000010000").String() + std::string(1000, 'x'),
       errdefs::Class::ErrDataLoss, "ends within \"big\", after 1512 bytes"},
      {"8 EiB",
       Raw('0', "huge")
           .GNU()
           .Put(kSize, std::string("\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12))
           .String(),
       errdefs::Class::ErrDataLoss, "\"huge\" can't have 9223372036854775807 bytes"},
      {"beyond 8 EiB", Raw('0', "n").GNU().Put(kSize, "\x80" + std::string(11, '\xff')).String(),
       errdefs::Class::ErrDataLoss, "invalid size of \"n\""},
      {"negative size", Raw('0', "n").GNU().Put(kSize, std::string(12, '\xff')).String(),
       errdefs::Class::ErrDataLoss, "\"n\" can't have -1 bytes"},
      {"no number", Raw('0', "n").USTAR().Put(kSize, "0000000000x").String(),
       errdefs::Class::ErrDataLoss, "invalid size of \"n\""},
      {"huge PAX header", Raw('x', "p").USTAR().Put(kSize, "77777777777").String() + last,
       errdefs::Class::ErrResourceExhausted, "has 8589934591 bytes, limit 1048576"},
      {"huge long name", Raw('L', "p").GNU().Put(kSize, "00010000000").String() + last,
       errdefs::Class::ErrResourceExhausted, "has 2097152 bytes, limit 1048576"},
      {"PAX header ends", Raw('x', "p").USTAR().Put(kSize, "00000001000").String(),
       errdefs::Class::ErrDataLoss, "ends within an extended header"},
      {"PAX header of nothing", Raw('x', "p", PaxRecord("path", "a")).USTAR().String() + End(),
       errdefs::Class::ErrDataLoss, "ends after an extended header"},
      // As in Go's tests of parsePAXRecord.
      {"PAX 1", pax("6 k=1\n0"), errdefs::Class::ErrDataLoss, "invalid PAX header at byte 0"},
      {"PAX 2", pax("0 k=1\n"), errdefs::Class::ErrDataLoss, "invalid PAX header"},
      {"PAX 3", pax("~1 k=1\n"), errdefs::Class::ErrDataLoss, "invalid PAX header"},
      {"PAX 4", pax("5 k=1\n"), errdefs::Class::ErrDataLoss, "invalid PAX header"},
      {"PAX 5", pax("7 k=1\n"), errdefs::Class::ErrDataLoss, "invalid PAX header"},
      {"PAX 6", pax("632 k=1\n"), errdefs::Class::ErrDataLoss, "invalid PAX header"},
      {"PAX 7", pax("16 longkeyname=hahaha\n"), errdefs::Class::ErrDataLoss, "invalid PAX header"},
      {"PAX 8", pax("3 somelongkey="), errdefs::Class::ErrDataLoss, "invalid PAX header"},
      {"PAX 9", pax("50 tooshort="), errdefs::Class::ErrDataLoss, "invalid PAX header"},
      {"PAX 10", pax("-1 k=1\n"), errdefs::Class::ErrDataLoss, "invalid PAX header"},
      {"PAX 11", pax("9223372036854775808 k=1\n"), errdefs::Class::ErrDataLoss,
       "invalid PAX header"},
      {"PAX 12", pax("7 =abc\n"), errdefs::Class::ErrDataLoss, "invalid PAX header"},
      {"PAX 13", pax(PaxRecord("path", std::string("a\0b", 3))), errdefs::Class::ErrDataLoss,
       "invalid PAX header"},
      {"PAX size", pax(PaxRecord("size", "1k")), errdefs::Class::ErrDataLoss,
       "invalid PAX record \"size\" of \"last\" at byte 1024"},
      {"PAX time", pax(PaxRecord("mtime", "1.5x")), errdefs::Class::ErrDataLoss,
       "invalid PAX record \"mtime\""},
      {"PAX negative size", pax(PaxRecord("size", "-1")), errdefs::Class::ErrDataLoss,
       "can't have -1 bytes"},
      {"sparse without GNU's magic", Raw('S', "s").USTAR().String(), errdefs::Class::ErrDataLoss,
       "the sparse file \"s\": it is not in GNU's format"},
      {"sparse number", Raw('S', "s").GNU().Put(kGNUSparseMap, "x").String(),
       errdefs::Class::ErrDataLoss, "the sparse file \"s\": its map cannot be read"},
      {"sparse regions out of order", SparsePax("0", "1", "4,2,2,2", "abcd", 10),
       errdefs::Class::ErrDataLoss, "the sparse file \"s\" has an invalid map"},
      {"sparse regions beyond the end", SparsePax("0", "1", "4,2,8,3", "abcde", 10),
       errdefs::Class::ErrDataLoss, "the sparse file \"s\" has an invalid map"},
      {"sparse overflow", SparsePax("0", "1", "1,9223372036854775807,8,3", "abcde", 10),
       errdefs::Class::ErrDataLoss, "the sparse file \"s\" has an invalid map"},
      {"sparse map with less than there is", SparsePax("0", "1", "4,2,8,2", "abcde", 10),
       errdefs::Class::ErrDataLoss, "has 5 bytes in the archive, and 4 in its map"},
      {"sparse map with more than there is", SparsePax("0", "1", "4,2,8,2", "abc", 10),
       errdefs::Class::ErrDataLoss, "has 3 bytes in the archive, and 4 in its map"},
      {"sparse map without an end", SparsePax("1", "0", "", "2\n4\n2\n", 10),
       errdefs::Class::ErrDataLoss, "its content ends within its map"},
      {"sparse map of nonsense", SparsePax("1", "0", "", "x\n" + std::string(510, '\0'), 10),
       errdefs::Class::ErrDataLoss, "its map cannot be read"},
      {"sparse map without bounds",
       SparsePax("1", "0", "", "2000000\n" + std::string(504, '\0'), 10),
       errdefs::Class::ErrResourceExhausted, "its map has 2000000 regions, limit 1048576"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    auto entries = ReadEntries(c.archive);
    ASSERT_FALSE(entries.ok());
    EXPECT_EQ(errdefs::Resolve(entries.status()), c.want_class) << entries.status();
    EXPECT_THAT(std::string(errdefs::Message(entries.status())), HasSubstr(c.want));
  }
}

TEST(Reader, KeepsItsError) {
  io::StringReader input("GIF89a" + std::string(2000, 'x'));
  Reader reader(input);
  char byte = 0;
  const absl::Status first = reader.Next({}).status();
  EXPECT_EQ(reader.Next({}).status(), first);
  EXPECT_EQ(reader.Read({}, {&byte, 1}).status(), first);
}

// Any bytes give entries or an error: cuts and flips of a good archive.
TEST(Reader, IsTotal) {
  auto pax = WriteEntry({.name = Repeat("n", 120), .size = 3, .mode = 0644}, "abc");
  const std::string archive = Raw('L', "././@LongLink", Repeat("x", 200)).GNU().String() +
                              Raw('0', "x", "data").GNU().String() + *pax;
  ASSERT_TRUE(ReadEntries(archive).ok());
  for (std::size_t size = 0; size < archive.size(); ++size) {
    auto entries = ReadEntries(archive.substr(0, size));
    EXPECT_TRUE(!entries.ok() || entries->size() < 3U) << size;
  }
  for (std::size_t i = 0; i < archive.size(); ++i) {
    std::string flipped = archive;
    flipped[i] = static_cast<char>(flipped[i] ^ 0x41);
    static_cast<void>(ReadEntries(flipped));
  }
}

TEST(Reader, ErrorsOfTheInputPassThrough) {
  class Broken final : public io::Reader {
   public:
    absl::StatusOr<std::size_t> Read(const Context&, std::span<char>) override {
      return errdefs::Unavailable("the cable is out");
    }
  };
  Broken input;
  EXPECT_EQ(ReadEntries(input).status(), errdefs::Unavailable("the cable is out"));
}

}  // namespace
}  // namespace containerd::tar
