// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_TESTING_INTERNAL_TEMP_FOLDER_H_
#define CONTAINERD_SRC_TESTING_INTERNAL_TEMP_FOLDER_H_

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <system_error>

#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::testing::internal {

// A folder that goes with the object, and with it all that is in it; what can't be removed fails
// the test. Only its owner may enter it, unless `mode` says otherwise. Ends the process if it can't
// be made, since no test could go on.
class TempFolder {
 public:
  explicit TempFolder(std::string_view name = "test", mode_t mode = 0700)
      : path_(std::filesystem::temp_directory_path() / (std::string(name) + "-XXXXXX")) {
    if (::mkdtemp(path_.data()) != nullptr && ::chmod(path_.c_str(), mode) == 0) return;
    std::cerr << errdefs::FromErrno(errno, path_) << '\n';
    std::abort();
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
    EXPECT_FALSE(error) << "removing " << path_ << ": " << error.message();
  }

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace containerd::testing::internal

#endif  // CONTAINERD_SRC_TESTING_INTERNAL_TEMP_FOLDER_H_
