// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_TESTS_SUPPORT_TEMP_DIR_H_
#define CONTAINERD_TESTS_SUPPORT_TEMP_DIR_H_

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include <gtest/gtest.h>

namespace containerd::testing {

// A folder of a test's own, removed with all that is in it.
class TempDir {
 public:
  TempDir() : path_(::testing::TempDir() + "containerd-cpp-XXXXXX") {
    EXPECT_NE(::mkdtemp(path_.data()), nullptr);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTS_SUPPORT_TEMP_DIR_H_
