// SPDX-License-Identifier: Apache-2.0
//
// Whether the public headers have what the Go client has. tests/data/go-api.tsv lists its exported
// names; one that makes no sense here stands in tests/parity/absent.tsv with the reason.
//
// A name is there when its last part ("NewTask" of Container.NewTask) is a word of a header outside
// of comments, in Go's spelling or ours: "CreatedAt" may be created_at, "DefaultRuntime"
// kDefaultRuntime.
#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace containerd {
namespace {

namespace fs = std::filesystem;

// The packages that are whole.
constexpr auto kPackages = std::to_array<std::string_view>({
    "client",
    "contrib/apparmor",
    "contrib/seccomp",
    "core/containers",
    "core/content",
    "core/content/proxy",
    "core/diff",
    "core/diff/proxy",
    "core/events",
    "core/events/proxy",
    "core/images",
    "core/images/archive",
    "core/images/converter",
    "core/images/usage",
    "core/introspection",
    "core/introspection/proxy",
    "core/leases",
    "core/leases/proxy",
    "core/mount",
    "core/mount/manager",
    "core/remotes",
    "core/remotes/docker",
    "core/remotes/docker/auth",
    "core/remotes/docker/config",
    "core/sandbox",
    "core/sandbox/proxy",
    "core/snapshots",
    "core/snapshots/proxy",
    "core/streaming",
    "core/streaming/proxy",
    "core/transfer",
    "core/transfer/archive",
    "core/transfer/image",
    "core/transfer/proxy",
    "core/transfer/registry",
    "core/transfer/streaming",
    "core/unpack",
    "github.com/containerd/errdefs",
    "github.com/containerd/platforms",
    "github.com/containerd/typeurl/v2",
    "github.com/distribution/reference",
    "pkg/archive/compression",
    "pkg/cio",
    "pkg/dialer",
    "pkg/display",
    "pkg/epoch",
    "pkg/filters",
    "pkg/identifiers",
    "pkg/labels",
    "pkg/namespaces",
    "pkg/oci",
    "pkg/protobuf",
    "pkg/reference",
    "pkg/rootfs",
    "pkg/snapshotters",
});

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::vector<std::string>> ReadTable(const fs::path& path) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream text(ReadFile(path));
  for (std::string line; std::getline(text, line);) {
    std::vector<std::string> row;
    std::istringstream fields(line);
    for (std::string field; std::getline(fields, field, '\t');) row.push_back(field);
    rows.push_back(std::move(row));
  }
  return rows;
}

// A name without what the two languages write differently.
std::string Folded(std::string_view name) {
  std::string folded;
  for (const char c : name) {
    if (c != '_') folded += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return folded;
}

std::string WithoutComments(std::string_view text) {
  std::string code;
  while (!text.empty()) {
    const std::size_t start = std::min(text.find("//"), text.find("/*"));
    code += text.substr(0, start);
    if (start == std::string_view::npos) break;
    const bool line = text[start + 1] == '/';
    const std::size_t end = text.find(line ? "\n" : "*/", start);
    code += ' ';
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + (line ? 0 : 2));
  }
  return code;
}

// The folded words of all public headers.
std::set<std::string> HeaderWords() {
  std::set<std::string> words;
  for (const auto& entry :
       fs::recursive_directory_iterator(fs::path(CONTAINERD_SOURCE_DIR) / "include")) {
    if (entry.path().extension() != ".h") continue;
    const std::string code = WithoutComments(ReadFile(entry.path()));
    std::string word;
    const auto add = [&] {
      if (word.empty()) return;
      words.insert(Folded(word));
      // kName is a constant's.
      if (word.size() > 1 && word[0] == 'k' && std::isupper(static_cast<unsigned char>(word[1]))) {
        words.insert(Folded(std::string_view(word).substr(1)));
      }
      word.clear();
    };
    for (const char c : code) {
      if (std::isalnum(static_cast<unsigned char>(c)) || c == '_') {
        word += c;
      } else {
        add();
      }
    }
    add();
  }
  return words;
}

// Reasons by package and name.
std::map<std::pair<std::string, std::string>, std::string> Absent() {
  std::map<std::pair<std::string, std::string>, std::string> absent;
  for (const auto& row : ReadTable(fs::path(CONTAINERD_SOURCE_DIR) / "tests/parity/absent.tsv")) {
    EXPECT_EQ(row.size(), 3U) << "a row has a package, a name and a reason, between tabs: "
                              << (row.empty() ? "" : row.front());
    if (row.size() == 3) absent[{row[0], row[1]}] = row[2];
  }
  return absent;
}

std::vector<std::vector<std::string>> GoNames() {
  auto rows = ReadTable(fs::path(CONTAINERD_TEST_DATA) / "go-api.tsv");
  EXPECT_GT(rows.size(), 1000U);
  if (!rows.empty()) rows.erase(rows.begin());  // what the columns are: package, kind, name
  return rows;
}

TEST(Parity, PublicHeadersHaveWhatGoHas) {
  const std::set<std::string> words = HeaderWords();
  const auto absent = Absent();
  int names = 0;
  for (const auto& row : GoNames()) {
    ASSERT_EQ(row.size(), 3U);
    const auto& [package, kind, name] = std::tie(row[0], row[1], row[2]);
    if (std::find(kPackages.begin(), kPackages.end(), package) == kPackages.end()) continue;
    ++names;
    const std::string last = name.substr(name.rfind('.') + 1);
    EXPECT_TRUE(words.contains(Folded(last)) || absent.contains({package, name}))
        << package << ": no header has the " << kind << " " << name;
  }
  EXPECT_GT(names, 800);
}

TEST(Parity, WhatIsAbsentIsGos) {
  std::set<std::pair<std::string, std::string>> go;
  for (const auto& row : GoNames()) go.insert({row[0], row[2]});
  for (const auto& [name, reason] : Absent()) {
    EXPECT_TRUE(go.contains(name)) << name.first << ": Go has no " << name.second;
    EXPECT_FALSE(reason.empty()) << name.second;
  }
}

}  // namespace
}  // namespace containerd
