// SPDX-License-Identifier: Apache-2.0
#include "src/base/path.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace containerd::base {
namespace {

TEST(PathTest, CleanIsGos) {
  for (const auto& [path, clean] :
       std::vector<std::pair<std::string, std::string>>{{"", "."},
                                                        {"/", "/"},
                                                        {"//", "/"},
                                                        {"a/", "a"},
                                                        {"a//b/./c", "a/b/c"},
                                                        {"/a/../../b", "/b"},
                                                        {"../a", "../a"},
                                                        {"a/../..", ".."},
                                                        {"a/..", "."},
                                                        {"/..", "/"},
                                                        {"./a", "a"},
                                                        {"/a/b/../c/", "/a/c"}}) {
    EXPECT_EQ(CleanPath(path), clean) << path;
  }
}

TEST(PathTest, JoinIsGos) {
  EXPECT_EQ(JoinPath({"/", "ns", "id"}), "/ns/id");
  EXPECT_EQ(JoinPath({"/", "ns", "../../id"}), "/id");
  EXPECT_EQ(JoinPath({"a", "", "b"}), "a/b");
  EXPECT_EQ(JoinPath({"", ""}), "");
}

}  // namespace
}  // namespace containerd::base
