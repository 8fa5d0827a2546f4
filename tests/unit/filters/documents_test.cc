// SPDX-License-Identifier: Apache-2.0
//
// The filters that the documents, the examples and the comments of the public headers show, in Go
// or in C++, are ones that a daemon takes.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <vector>

#include <absl/strings/str_replace.h>
#include <gtest/gtest.h>

#include "containerd/filters/filters.h"

namespace containerd::filters {
namespace {

namespace fs = std::filesystem;

// The literals in a line that look like filters: a field and an operator, and at once what follows.
std::vector<std::string> FiltersIn(const std::string& line) {
  // C++'s raw literal, both languages' plain one, and Go's raw one.
  static const std::regex literal(R"re(R"\((.*?)\)"|"((?:[^"\\]|\\.)*)"|`([^`]*)`)re");
  static const std::regex filter(R"re([\w.]+(\."[^"]*")*(==|!=|~=)\S*)re");
  std::vector<std::string> found;
  if (line.find("==") == std::string::npos && line.find("!=") == std::string::npos &&
      line.find("~=") == std::string::npos) {
    return found;
  }
  // Literals lie within others: `f("a==b")`, R"(labels."a"==b)".
  for (auto at = line.cbegin(); at != line.cend(); ++at) {
    if (*at != 'R' && *at != '"' && *at != '`') continue;
    std::smatch match;
    if (!std::regex_search(at, line.cend(), match, literal,
                           std::regex_constants::match_continuous)) {
      continue;
    }
    std::string text = match[1].str() + match[3].str();
    if (match[2].matched) {
      text = absl::StrReplaceAll(match[2].str(), {{"\\\"", "\""}, {"\\\\", "\\"}});
    }
    if (!std::regex_match(text, filter)) continue;
    if (text.ends_with('=')) text += "value";  // the program's own
    found.push_back(text);
    at += match.length() - 1;
  }
  return found;
}

TEST(DocumentsTest, FiltersAreFound) {
  using Found = std::vector<std::string>;
  EXPECT_EQ(FiltersIn(R"re(f(`topic=="/a"`), {R"(labels."b.c"~=d)"}, "e==" + f, "\"g\"==h")re"),
            (Found{R"(topic=="/a")", R"(labels."b.c"~=d)", "e==value"}));
  EXPECT_EQ(FiltersIn("`c.Subscribe(ctx, \"topic==/tasks/exit\")`, ``d(`id!=\"x\"`)``"),
            (Found{"topic==/tasks/exit", "id!=\"x\""}));
  EXPECT_EQ(FiltersIn(R"(x("topic==\"{}\"", "a == b"); if (a=="b") return;)"),
            (Found{"topic==\"{}\""}));
}

TEST(DocumentsTest, FiltersAreTaken) {
  int filters = 0;
  for (const char* root : {"README.md", "docs", "examples", "include/containerd"}) {
    const std::string path = std::string(CONTAINERD_TEST_DATA "/../../") + root;
    std::vector<fs::path> files;
    if (fs::is_directory(path)) {
      for (const auto& entry : fs::recursive_directory_iterator(path)) {
        if (entry.is_regular_file()) files.push_back(entry.path());
      }
    } else {
      files.emplace_back(path);
    }
    for (const fs::path& file : files) {
      std::ifstream in(file);
      int number = 0;
      for (std::string line; std::getline(in, line);) {
        ++number;
        for (const std::string& filter : FiltersIn(line)) {
          ++filters;
          const auto parsed = Parse(filter);
          EXPECT_TRUE(parsed.ok())
              << file.lexically_normal() << ":" << number << ": " << parsed.status();
        }
      }
    }
  }
  EXPECT_GE(filters, 8);
}

}  // namespace
}  // namespace containerd::filters
