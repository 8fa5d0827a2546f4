// SPDX-License-Identifier: Apache-2.0
#include "containerd/labels/labels.h"

#include <cstddef>
#include <string>

#include <absl/status/status.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::labels {
namespace {

using ::testing::HasSubstr;

TEST(LabelsTest, ValidateBoundsKeyAndValueTogether) {
  const struct {
    std::size_t key;
    std::size_t value;
    bool valid;
  } kCases[] = {
      {4, 5, true},     {1, 4095, true},  {4096, 0, true},  {0, 4096, true},
      {0, 0, true},     {4096, 1, false}, {65, 4031, true}, {76, 4021, false},
      {63, 4033, true}, {63, 4032, true}, {1, 4096, false},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(testing::Message() << c.key << "+" << c.value);
    const absl::Status status = Validate(std::string(c.key, 's'), std::string(c.value, 'v'));
    EXPECT_EQ(status.ok(), c.valid) << status;
    EXPECT_EQ(errdefs::IsInvalidArgument(status), !c.valid) << status;
  }
}

TEST(LabelsTest, ErrorClipsTheKey) {
  const absl::Status status = Validate(std::string(5000, 'k'), "v");
  EXPECT_EQ(
      status.message(),
      "label key and value length (5001 bytes) greater than maximum size (4096 bytes), key: " +
          std::string(64, 'k'));
}

TEST(LabelsTest, ValidateMapNamesTheOffender) {
  Labels labels = {{"a", "1"}, {"big", std::string(4096, 'x')}, {"c", "3"}};
  const absl::Status status = Validate(labels);
  EXPECT_TRUE(errdefs::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("key: big"));
  labels["big"].resize(4093);
  EXPECT_TRUE(Validate(labels).ok());
}

TEST(LabelsTest, IsReserved) {
  const struct {
    const char* key;
    bool reserved;
  } kCases[] = {
      {"containerd.io/", true},
      {"containerd.io/restart.status", true},
      {"containerd.io/gc.ref.content", true},
      {"io.cri-containerd", true},
      {"io.cri-containerd.kind", true},
      {"io.cri-containerd.image", true},
      {"io.cri-containerdfoo", true},
      {"containerd.io", false},
      {"io.containerd.something", false},
      {"com.example.app", false},
      {"", false},
  };
  for (const auto& c : kCases) EXPECT_EQ(IsReserved(c.key), c.reserved) << c.key;
}

}  // namespace
}  // namespace containerd::labels
