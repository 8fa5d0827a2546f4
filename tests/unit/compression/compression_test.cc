// SPDX-License-Identifier: Apache-2.0
#include "containerd/compression/compression.h"

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::compression {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// Random, zeros, random.
std::string SomeData(std::size_t size) {
  std::mt19937 random(7);
  std::string data(size, '\0');
  for (std::size_t i = 0; i < size / 3; ++i) data[i] = static_cast<char>(random());
  for (std::size_t i = size - size / 3; i < size; ++i) data[i] = static_cast<char>(random());
  return data;
}

std::string Compress(std::string_view data, Compression compression, std::size_t step = 10'000) {
  std::string out;
  io::StringWriter output(&out);
  auto writer = CompressStream(output, compression);
  EXPECT_TRUE(writer.ok()) << writer.status();
  while (!data.empty()) {
    EXPECT_TRUE((*writer)->Write({}, data.substr(0, step)).ok());
    data.remove_prefix(std::min(step, data.size()));
  }
  EXPECT_TRUE((*writer)->Close({}).ok());
  EXPECT_TRUE((*writer)->Close({}).ok());
  return out;
}

// Gives at most so many bytes at a time, and counts what it gave.
class Trickle final : public io::Reader {
 public:
  Trickle(std::string data, std::size_t step) : data_(std::move(data)), step_(step) {}
  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    return data_.Read(ctx, buf.first(std::min(buf.size(), step_)));
  }

 private:
  io::StringReader data_;
  const std::size_t step_;
};

absl::StatusOr<std::string> Decompress(const std::string& data, std::size_t step = 1 << 20,
                                       Compression* found = nullptr) {
  Trickle input(data, step);
  auto reader = DecompressStream({}, input);
  if (!reader.ok()) return reader.status();
  if (found != nullptr) *found = (*reader)->GetCompression();
  return io::ReadAll({}, **reader, std::size_t{64} << 20);
}

const std::vector<Compression>& All() {
  static const std::vector<Compression> all = {Compression::kUncompressed, Compression::kGzip,
                                               Compression::kZstd};
  return all;
}

TEST(Compression, Extension) {
  EXPECT_EQ(Extension(Compression::kUncompressed), "");
  EXPECT_EQ(Extension(Compression::kGzip), "gz");
  EXPECT_EQ(Extension(Compression::kZstd), "zst");
  EXPECT_EQ(Extension(Compression::kUnknown), "unknown");
}

TEST(DetectCompression, Table) {
  const auto bytes = [](std::initializer_list<int> list) {
    std::string out;
    for (int c : list) out.push_back(static_cast<char>(c));
    return out;
  };
  struct Case {
    std::string source;
    Compression want;
  };
  for (const auto& [source, want] : std::vector<Case>{
           // A zstd frame of "docker", and the same behind a skippable one.
           {bytes({0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x00, 0x31, 0x00, 0x00, 0x64, 0x6f, 0x63, 0x6b,
                   0x65, 0x72, 0x16, 0x0e, 0x21, 0xc3}),
            Compression::kZstd},
           {bytes({0x50, 0x2a, 0x4d, 0x18, 0x04, 0x00, 0x00, 0x00, 0x5d, 0x00, 0x00,
                   0x00, 0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x00, 0x31, 0x00, 0x00, 0x64,
                   0x6f, 0x63, 0x6b, 0x65, 0x72, 0x16, 0x0e, 0x21, 0xc3}),
            Compression::kZstd},
           {bytes({0x5f, 0x2a, 0x4d, 0x18, 0, 0, 0, 0}), Compression::kZstd},
           {bytes({0x60, 0x2a, 0x4d, 0x18, 0, 0, 0, 0}), Compression::kUncompressed},
           {bytes({0x50, 0x2a, 0x4d, 0x18, 0, 0, 0}), Compression::kUncompressed},
           {bytes({0x1f, 0x8b, 0x08}), Compression::kGzip},
           {bytes({0x1f, 0x8b}), Compression::kUncompressed},
           {bytes({0x1f, 0x8b, 0x07}), Compression::kUncompressed},
           {"", Compression::kUncompressed},
           {"hello, world", Compression::kUncompressed},
       }) {
    EXPECT_EQ(DetectCompression(source), want) << ::testing::PrintToString(source);
  }
  EXPECT_EQ(*Decompress(bytes({0x50, 0x2a, 0x4d, 0x18, 0x04, 0x00, 0x00, 0x00, 0x5d, 0x00, 0x00,
                               0x00, 0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x00, 0x31, 0x00, 0x00, 0x64,
                               0x6f, 0x63, 0x6b, 0x65, 0x72, 0x16, 0x0e, 0x21, 0xc3})),
            "docker");
}

TEST(CompressDecompress, RoundTrips) {
  for (const Compression how : All()) {
    for (const std::size_t size : {0U, 1U, 9U, 10U, 11U, 1000U, 1U << 20, 5'000'000U}) {
      SCOPED_TRACE(::testing::Message() << Extension(how) << " " << size);
      const std::string data = SomeData(size);
      const std::string compressed = Compress(data, how);
      EXPECT_EQ(compressed == data, how == Compression::kUncompressed);
      Compression found = Compression::kUnknown;
      absl::StatusOr<std::string> back = Decompress(compressed, 1 << 20, &found);
      ASSERT_TRUE(back.ok()) << back.status();
      EXPECT_TRUE(*back == data);
      EXPECT_EQ(found, how);
      if (size <= 1000) {
        EXPECT_TRUE(*Decompress(compressed, 1) == data);
      }
    }
  }
}

TEST(CompressDecompress, IsDeterministic) {
  const std::string data = SomeData(300'000);
  for (const Compression how : All()) EXPECT_EQ(Compress(data, how), Compress(data, how));
}

TEST(CompressDecompress, ManyMembersAreOneStream) {
  for (const Compression how : {Compression::kGzip, Compression::kZstd}) {
    const std::string data = SomeData(200'000);
    const std::string archive =
        Compress(data, how) + Compress("", how) + Compress("tail", how) + Compress("", how);
    for (const std::size_t step : {std::size_t{1} << 20, std::size_t{333}}) {
      absl::StatusOr<std::string> back = Decompress(archive, step);
      ASSERT_TRUE(back.ok()) << back.status();
      EXPECT_TRUE(*back == data + "tail");
    }
  }
}

TEST(DecompressStream, TakesOver) {
  auto reader = DecompressStream(
      {}, std::make_unique<io::StringReader>(Compress("mine", Compression::kZstd)));
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ(*io::ReadAll({}, **reader, 100), "mine");
  char byte = 0;
  EXPECT_EQ(*(*reader)->Read({}, {&byte, 1}), 0U);
}

TEST(DecompressStream, SmallReads) {
  for (const Compression how : All()) {
    io::StringReader input(Compress("a few words", how));
    auto reader = DecompressStream({}, input);
    std::string all;
    for (char byte = 0; *(*reader)->Read({}, {&byte, 1}) == 1;) all += byte;
    EXPECT_EQ(all, "a few words");
    EXPECT_EQ(*(*reader)->Read({}, {}), 0U);
  }
}

TEST(DecompressStream, TruncatedInput) {
  const std::string data = SomeData(1000);
  for (const Compression how : {Compression::kGzip, Compression::kZstd}) {
    const std::string whole = Compress(data, how);
    for (std::size_t size = 4; size < whole.size(); ++size) {
      absl::StatusOr<std::string> back = Decompress(whole.substr(0, size));
      ASSERT_TRUE(errdefs::IsDataLoss(back.status())) << size << ": " << back.status();
      EXPECT_THAT(std::string(errdefs::Message(back.status())),
                  HasSubstr(how == Compression::kGzip ? "gzip: the input ends too early"
                                                      : "zstd: the input ends too early"));
    }
  }
}

TEST(DecompressStream, DamagedInput) {
  const std::string data = SomeData(3000);
  for (const Compression how : {Compression::kGzip, Compression::kZstd}) {
    const std::string whole = Compress(data, how);
    int errors = 0;
    for (std::size_t i = 4; i < whole.size(); ++i) {
      std::string flipped = whole;
      flipped[i] = static_cast<char>(flipped[i] ^ 0x10);
      absl::StatusOr<std::string> back = Decompress(flipped);
      if (back.ok()) continue;  // Not all bits of headers mean anything.
      ++errors;
      EXPECT_TRUE(errdefs::IsDataLoss(back.status())) << back.status();
      EXPECT_THAT(std::string(errdefs::Message(back.status())),
                  StartsWith(how == Compression::kGzip ? "gzip: " : "zstd: "));
    }
    // What is left are a header's hints.
    EXPECT_GT(errors, static_cast<int>(whole.size()) - 20);
  }
}

TEST(DecompressStream, GarbageBehindTheEnd) {
  for (const Compression how : {Compression::kGzip, Compression::kZstd}) {
    absl::StatusOr<std::string> back = Decompress(Compress("data", how) + "garbage");
    EXPECT_TRUE(errdefs::IsDataLoss(back.status())) << back.status();
  }
}

TEST(DecompressStream, KeepsItsError) {
  std::string damaged = Compress(SomeData(1000), Compression::kGzip);
  damaged.resize(100);
  io::StringReader input(damaged);
  auto reader = DecompressStream({}, input);
  absl::Status first;
  std::string buf(4096, '\0');
  for (;;) {
    auto n = (*reader)->Read({}, buf);
    if (n.ok()) continue;
    first = n.status();
    break;
  }
  EXPECT_EQ((*reader)->Read({}, buf).status(), first);
}

// A window that a hostile frame asks for is not granted: 2 GiB here.
TEST(DecompressStream, HugeWindow) {
  const std::string frame("\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00", 9);
  absl::StatusOr<std::string> back = Decompress(frame);
  EXPECT_TRUE(errdefs::IsResourceExhausted(back.status())) << back.status();
  EXPECT_THAT(std::string(errdefs::Message(back.status())), HasSubstr("536870912"));
}

// As large as the daemon accepts, of a frame that uses little of it.
TEST(DecompressStream, ALargeWindow) {
  const std::string frame("\x28\xb5\x2f\xfd\x00\x98\x19\x00\x00\x61\x62\x63", 12);
  absl::StatusOr<std::string> back = Decompress(frame);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, "abc");
}

std::uint32_t CRC32(std::string_view data) {
  std::uint32_t crc = ~0U;
  for (const char c : data) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0);
  }
  return ~crc;
}

// A gzip member whose header has the parts that the flags name.
std::string Member(std::string_view data, unsigned flags, std::string_view extra,
                   std::string_view text) {
  const auto two = [](std::size_t value) {
    return std::string{static_cast<char>(value & 0xffU), static_cast<char>(value >> 8U & 0xffU)};
  };
  std::string member("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
  member[3] = static_cast<char>(flags);
  if ((flags & 4U) != 0) member += two(extra.size()) + std::string(extra);
  if ((flags & 8U) != 0) member += std::string(text) + '\0';
  if ((flags & 16U) != 0) member += std::string(text) + '\0';
  if ((flags & 2U) != 0) member += two(CRC32(member) & 0xffffU);
  return member + Compress(data, Compression::kGzip).substr(10);
}

TEST(DecompressStream, GzipHeadersInPieces) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::string data;
    std::string want;
    for (unsigned members = 1 + random() % 4; members > 0; --members) {
      const std::string part = SomeData(random() % 3000);
      want += part;
      data += Member(part, static_cast<unsigned>(random() % 16) << 1U,
                     std::string(random() % 40, 'e'), std::string(random() % 40, 't'));
    }
    const std::size_t step = 1 + random() % 100;
    absl::StatusOr<std::string> back = Decompress(data, step);
    ASSERT_TRUE(back.ok()) << back.status() << ", round " << round;
    ASSERT_EQ(*back, want) << round;
  }
  // Beyond what is buffered at a time.
  const std::string large =
      Member("first", 0, "", "") +
      Member("data", 4 | 8 | 16 | 2, std::string(65535, 'e'), std::string(300'000, 't'));
  absl::StatusOr<std::string> back = Decompress(large, 1000);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, "firstdata");

  std::string damaged = Member("data", 4 | 2, "extra", "");
  damaged[13] = 'X';
  back = Decompress(damaged);
  EXPECT_TRUE(errdefs::IsDataLoss(back.status())) << back.status();
  EXPECT_THAT(std::string(errdefs::Message(back.status())), HasSubstr("checksum of a header"));
  for (std::size_t size = 3; size < 20; ++size) {
    back = Decompress(Member("data", 4 | 8 | 16 | 2, "extra", "t").substr(0, size));
    EXPECT_TRUE(errdefs::IsDataLoss(back.status())) << size << ": " << back.status();
  }
}

TEST(CompressStream, Errors) {
  std::string out;
  io::StringWriter output(&out);
  EXPECT_TRUE(errdefs::IsNotImplemented(CompressStream(output, Compression::kUnknown).status()));

  class Full final : public io::Writer {
   public:
    absl::Status Write(const Context&, std::string_view) override {
      return errdefs::ResourceExhausted("disk full");
    }
  };
  Full full;
  for (const Compression how : All()) {
    auto writer = CompressStream(full, how);
    absl::Status s = (*writer)->Write({}, SomeData(1'000'000));
    if (s.ok()) s = (*writer)->Close({});
    EXPECT_EQ(s, errdefs::ResourceExhausted("disk full"));

    writer = CompressStream(output, how);
    ASSERT_TRUE((*writer)->Close({}).ok());
    EXPECT_TRUE(errdefs::IsFailedPrecondition((*writer)->Write({}, "late")));
  }
}

}  // namespace
}  // namespace containerd::compression
