// SPDX-License-Identifier: Apache-2.0
#include "src/base/read_file.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <unistd.h>

#include <gtest/gtest.h>

namespace containerd::base {
namespace {

TEST(ReadFile, GivesAllFromTheOffsetOn) {
  const std::string path = ::testing::TempDir() + "read_file_test." + std::to_string(getpid());
  std::ofstream(path, std::ios::binary) << std::string(100'000, 'x') << "end";
  std::string text = "before ";
  EXPECT_FALSE(ReadFile(path, text));
  EXPECT_EQ(text, "before " + std::string(100'000, 'x') + "end");
  text.clear();
  EXPECT_FALSE(ReadFile(path, text, 100'000));
  EXPECT_EQ(text, "end");
  std::filesystem::remove(path);
}

// Where a stream throws.
TEST(ReadFile, WhatCannotBeReadIsAnError) {
  std::string text;
  EXPECT_EQ(ReadFile("/proc", text), std::errc::is_a_directory);
  EXPECT_EQ(ReadFile("/proc/none", text), std::errc::no_such_file_or_directory);
  EXPECT_EQ(text, "");
}

TEST(ReadFile, NoMoreThanTheMost) {
  std::string text;
  EXPECT_EQ(ReadFile("/dev/zero", text, 0, 100'000), std::errc::file_too_large);
  EXPECT_LE(text.size(), 100'000U);
  const std::string path = ::testing::TempDir() + "read_file_most." + std::to_string(getpid());
  std::ofstream(path) << "four";
  text.clear();
  EXPECT_FALSE(ReadFile(path, text, 0, 4));
  EXPECT_EQ(text, "four");
  EXPECT_EQ(ReadFile(path, text, 0, 3), std::errc::file_too_large);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace containerd::base
