// SPDX-License-Identifier: Apache-2.0
//
// The messages that carry a blob's bytes against protobuf's own of them.
#include "src/content/wire.h"

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/content/chunks.h"

namespace containerd::content {
namespace {

namespace pb = ::containerd::services::content::v1;

using ::testing::IsEmpty;

std::string Joined(const std::vector<grpc::Slice>& slices) {
  std::string all;
  for (const grpc::Slice& slice : slices) all.append(slice.begin(), slice.end());
  return all;
}

std::string Serialized(const WriteRequest& request) {
  grpc::ByteBuffer buffer;
  bool own = false;
  EXPECT_TRUE(grpc::SerializationTraits<WriteRequest>::Serialize(request, &buffer, &own).ok());
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(buffer.Dump(&slices).ok());
  return Joined(slices);
}

// `text` in slices that end at each of `cuts`.
grpc::ByteBuffer Sliced(std::string_view text, const std::vector<std::size_t>& cuts) {
  std::vector<grpc::Slice> slices;
  std::size_t begin = 0;
  for (const std::size_t cut : cuts) {
    slices.emplace_back(text.data() + begin, cut - begin);
    begin = cut;
  }
  slices.emplace_back(text.data() + begin, text.size() - begin);
  return {slices.data(), slices.size()};
}

struct Parsed {
  bool ok = false;
  ReadResponse response;
};

Parsed Parse(std::string_view text, const std::vector<std::size_t>& cuts = {}) {
  Parsed parsed;
  grpc::ByteBuffer buffer = Sliced(text, cuts);
  parsed.ok = grpc::SerializationTraits<ReadResponse>::Deserialize(&buffer, &parsed.response).ok();
  return parsed;
}

TEST(WireTest, AWriteRequestIsProtobufs) {
  std::mt19937 random(1);
  for (const std::size_t size : {0U, 1U, 127U, 128U, 16383U, 16384U, 100000U, 3U << 20}) {
    for (int fields = 0; fields < 8; ++fields) {
      pb::WriteContentRequest expected;
      expected.set_action(pb::WRITE);
      expected.set_offset(static_cast<std::int64_t>(random()) << (fields * 4));
      if ((fields & 1) != 0) expected.set_ref("a ref");
      if ((fields & 2) != 0) (*expected.mutable_labels())["key"] = "value";
      if ((fields & 4) != 0) expected.set_total(-1);
      WriteRequest request{.head = expected, .data = {}};
      std::string data(size, '\0');
      for (char& c : data) c = static_cast<char>(random());
      request.data = grpc::Slice(data);
      expected.set_data(data);

      pb::WriteContentRequest got;
      ASSERT_TRUE(got.ParseFromString(Serialized(request)));
      EXPECT_EQ(got.SerializeAsString(), expected.SerializeAsString()) << size << " " << fields;
      EXPECT_EQ(Serialized(request).size(), expected.ByteSizeLong());
    }
  }
}

TEST(WireTest, AReadResponseIsProtobufs) {
  std::mt19937 random(2);
  for (const std::size_t size : {0U, 1U, 127U, 128U, 5000U, 1U << 20}) {
    pb::ReadContentResponse response;
    response.set_offset(static_cast<std::int64_t>(random()) << 20);
    std::string data(size, '\0');
    for (char& c : data) c = static_cast<char>(random());
    response.set_data(data);
    const std::string text = response.SerializeAsString();
    for (int round = 0; round < 20; ++round) {
      std::vector<std::size_t> cuts(static_cast<std::size_t>(round));
      for (std::size_t& cut : cuts) cut = random() % (text.size() + 1);
      std::sort(cuts.begin(), cuts.end());
      const Parsed got = Parse(text, cuts);
      ASSERT_TRUE(got.ok);
      EXPECT_EQ(got.response.offset, response.offset());
      EXPECT_EQ(Joined(got.response.data), data);
      for (const grpc::Slice& slice : got.response.data) EXPECT_GT(slice.size(), 0U);
    }
  }
}

TEST(WireTest, NothingIsAReadResponseOfNothing) {
  const Parsed got = Parse("");
  EXPECT_TRUE(got.ok);
  EXPECT_EQ(got.response.offset, 0);
  EXPECT_THAT(got.response.data, IsEmpty());
}

TEST(WireTest, UnknownFieldsAreSkippedAndTheLastDataIsTheOne) {
  pb::ReadContentResponse first;
  first.set_data("first");
  pb::ReadContentResponse second;
  second.set_data("second");
  second.set_offset(7);
  // Field 9 as a number, field 10 as bytes, field 11 as a group with a number in it.
  const std::string unknown("\x48\x05\x52\x03xyz\x5b\x08\x01\x5c", 11);
  const std::string text =
      unknown + first.SerializeAsString() + unknown + second.SerializeAsString() + unknown;
  ASSERT_TRUE(pb::ReadContentResponse().ParseFromString(text));
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const Parsed got = Parse(text, {cut});
    ASSERT_TRUE(got.ok) << cut;
    EXPECT_EQ(Joined(got.response.data), "second");
    EXPECT_EQ(got.response.offset, 7);
  }
}

// Whatever protobuf refuses is refused, and nothing else.
TEST(WireTest, BrokenReadResponsesAreRefused) {
  pb::ReadContentResponse response;
  response.set_offset(123456);
  response.set_data("some bytes of a blob");
  const std::string text = response.SerializeAsString();
  for (std::size_t size = 0; size <= text.size(); ++size) {
    const std::string part = text.substr(0, size);
    EXPECT_EQ(Parse(part).ok, pb::ReadContentResponse().ParseFromString(part)) << size;
  }
  std::mt19937 random(3);
  for (int i = 0; i < 20000; ++i) {
    std::string bent = text;
    for (auto n = 1 + random() % 3; n > 0; --n) {
      bent[random() % bent.size()] = static_cast<char>(random());
    }
    pb::ReadContentResponse expected;
    const bool ok = expected.ParseFromString(bent);
    const Parsed got = Parse(bent);
    ASSERT_EQ(got.ok, ok) << ::testing::PrintToString(bent);
    if (ok) {
      EXPECT_EQ(Joined(got.response.data), expected.data());
      EXPECT_EQ(got.response.offset, expected.offset());
    }
  }
}

TEST(WireTest, ATextThatIsNotUTF8IsRefused) {
  WriteRequest request;
  request.data = grpc::Slice("\xff\xfe", 2);
  EXPECT_TRUE(CheckText(request).ok());
  request.head.set_ref("\xff");
  EXPECT_TRUE(absl::IsInvalidArgument(CheckText(request)));
}

TEST(ChunksTest, AChunkIsUsedAgainAfterItsLastSlice) {
  Chunks chunks(1 << 20);
  const std::string data(1 << 20, 'a');
  grpc::Slice first = chunks.Copy(data);
  const void* const memory = first.begin();
  grpc::Slice shared = first.sub(10, 5000);
  first = grpc::Slice();
  const grpc::Slice second = chunks.Copy(std::string(1 << 20, 'b'));
  EXPECT_NE(second.begin(), memory);
  EXPECT_EQ(Joined({shared}), std::string(4990, 'a'));
  shared = grpc::Slice();
  {
    const grpc::Slice third = chunks.Copy(data);
    EXPECT_EQ(third.begin(), memory);
  }
  EXPECT_EQ(Joined({second}), std::string(1 << 20, 'b'));
}

TEST(ChunksTest, RoomIsTheSameUntilItIsTaken) {
  Chunks chunks(100000);
  char* const room = chunks.Room().data();
  EXPECT_EQ(chunks.Room().data(), room);
  EXPECT_EQ(chunks.Room().size(), 100000U);
  std::fill_n(room, 50000, 'x');
  const grpc::Slice slice = chunks.Take(50000);
  EXPECT_EQ(Joined({slice}), std::string(50000, 'x'));
  EXPECT_NE(static_cast<const void*>(chunks.Room().data()), slice.begin());
}

TEST(ChunksTest, SlicesOutliveTheirChunksAndEndOnAnyThread) {
  std::vector<grpc::Slice> slices;
  {
    Chunks chunks(1 << 20);
    for (int i = 0; i < 4; ++i) slices.push_back(chunks.Copy(std::string(1 << 20, 'a')));
    std::thread([last = std::move(slices.back())]() mutable { last = grpc::Slice(); }).join();
    slices.pop_back();
  }
  for (const grpc::Slice& slice : slices) EXPECT_EQ(Joined({slice}), std::string(1 << 20, 'a'));
}

}  // namespace
}  // namespace containerd::content
