// SPDX-License-Identifier: Apache-2.0
#include "src/images/internal/put.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::images {
namespace {

using ::testing::_;
using ::testing::Return;

class MockStore : public Store {
 public:
  MOCK_METHOD(absl::StatusOr<Image>, Get, (const Context&, std::string_view), (override));
  MOCK_METHOD(absl::StatusOr<std::vector<Image>>, List,
              (const Context&, const std::vector<std::string>&), (override));
  MOCK_METHOD(absl::StatusOr<Image>, Create, (const Context&, const Image&), (override));
  MOCK_METHOD(absl::StatusOr<Image>, Update,
              (const Context&, const Image&, const std::vector<std::string>&), (override));
  MOCK_METHOD(absl::Status, Delete,
              (const Context&, std::string_view, const std::vector<DeleteOpt>&), (override));
};

const absl::Status kExists = errdefs::AlreadyExists("image \"a\": already exists");
const absl::Status kMissing = errdefs::NotFound("image \"a\": not found");

TEST(PutImage, CreatesTheImage) {
  MockStore store;
  EXPECT_CALL(store, Create).WillOnce(Return(Image{.name = "a", .labels = {{"new", ""}}}));
  EXPECT_CALL(store, Update).Times(0);
  bool created = false;
  auto put = PutImage(Context::Background(), store, {.name = "a"}, {}, &created);
  ASSERT_TRUE(put.ok()) << put.status();
  EXPECT_TRUE(put->labels.contains("new"));
  EXPECT_TRUE(created);
}

TEST(PutImage, UpdatesTheOneThatExists) {
  MockStore store;
  const std::vector<std::string> fieldpaths = {"target"};
  EXPECT_CALL(store, Create).WillOnce(Return(kExists));
  EXPECT_CALL(store, Update(_, _, fieldpaths)).WillOnce(Return(Image{.name = "a"}));
  bool created = true;
  EXPECT_TRUE(PutImage(Context::Background(), store, {.name = "a"}, fieldpaths, &created).ok());
  EXPECT_FALSE(created);
}

TEST(PutImage, TriesAgainWhenAnotherClientIsInBetween) {
  MockStore store;
  EXPECT_CALL(store, Create).WillOnce(Return(kExists)).WillOnce(Return(Image{.name = "a"}));
  EXPECT_CALL(store, Update).WillOnce(Return(kMissing));
  bool created = false;
  EXPECT_TRUE(PutImage(Context::Background(), store, {.name = "a"}, {}, &created).ok());
  EXPECT_TRUE(created);
}

TEST(PutImage, GivesUpInTheEnd) {
  MockStore store;
  EXPECT_CALL(store, Create).Times(10).WillRepeatedly(Return(kExists));
  EXPECT_CALL(store, Update).Times(10).WillRepeatedly(Return(kMissing));
  EXPECT_EQ(PutImage(Context::Background(), store, {.name = "a"}).status(), kMissing);
}

TEST(PutImage, ReturnsOtherErrorsAtOnce) {
  MockStore store;
  EXPECT_CALL(store, Create).WillOnce(Return(errdefs::Unavailable("gone")));
  EXPECT_TRUE(
      errdefs::IsUnavailable(PutImage(Context::Background(), store, {.name = "a"}).status()));
}

}  // namespace
}  // namespace containerd::images
