// SPDX-License-Identifier: Apache-2.0
#include "containerd/archive/diff.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <vector>

#include <absl/time/clock.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/archive/archive.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/io/io.h"
#include "containerd/tar/tar.h"

namespace containerd::archive {
namespace {

namespace fs = std::filesystem;

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// VFS_CAP_REVISION_2 with CAP_NET_RAW permitted and effective.
constexpr std::array<char, 20> kCapability = {1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0,
                                              0, 0, 0, 0, 0, 0,    0, 0, 0, 0};

class DiffTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string dir = (fs::temp_directory_path() / "diffXXXXXX").string();
    ASSERT_NE(::mkdtemp(dir.data()), nullptr);
    dir_ = dir;
    fs::create_directories(In("a"));
    fs::create_directories(In("b"));
  }
  void TearDown() override { fs::remove_all(dir_); }

  std::string In(const std::string& path) const { return dir_ + "/" + path; }

  void Write(const std::string& path, const std::string& text, time_t time = 1'000'000'000,
             long nanoseconds = 0) const {
    fs::create_directories(fs::path(In(path)).parent_path());
    std::ofstream(In(path)) << text;
    SetTime(path, time, nanoseconds);
  }

  void SetTime(const std::string& path, time_t time, long nanoseconds = 0) const {
    const timespec times[2] = {{time, nanoseconds}, {time, nanoseconds}};
    ASSERT_EQ(::utimensat(AT_FDCWD, In(path).c_str(), times, AT_SYMLINK_NOFOLLOW), 0);
  }

  static std::string Layer(const std::string& a, const std::string& b,
                           const std::vector<ChangeWriterOpt>& opts = {}) {
    std::string layer;
    io::StringWriter writer(&layer);
    const absl::Status s = WriteDiff({}, writer, a, b, opts);
    EXPECT_TRUE(s.ok()) << s;
    return layer;
  }

  static std::vector<tar::Header> Headers(const std::string& layer) {
    io::StringReader input(layer);
    tar::Reader reader(input);
    std::vector<tar::Header> headers;
    for (;;) {
      auto header = reader.Next({});
      EXPECT_TRUE(header.ok()) << header.status();
      if (!header.ok() || !header->has_value()) return headers;
      headers.push_back(**header);
    }
  }

  static std::vector<std::string> Names(const std::string& layer) {
    std::vector<std::string> names;
    for (const tar::Header& header : Headers(layer)) {
      names.push_back(header.typeflag == tar::kTypeLink
                          ? fmt::format("{} = {}", header.name, header.linkname)
                          : header.name);
    }
    return names;
  }

  std::string dir_;
};

// What can be seen of a file; the inode's number stands for its names.
std::string Look(const fs::path& path) {
  struct stat st = {};
  if (::lstat(path.c_str(), &st) != 0) return "missing";
  std::string what = fmt::format("{:o} {}:{} {}", st.st_mode, st.st_uid, st.st_gid, st.st_mtime);
  if (S_ISREG(st.st_mode)) {
    std::ifstream file(path);
    what += fmt::format(" {} {}", st.st_nlink,
                        std::hash<std::string>{}(std::string(std::istreambuf_iterator(file), {})));
  }
  if (S_ISLNK(st.st_mode)) what += " -> " + fs::read_symlink(path).string();
  if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
    what += fmt::format(" {},{}", major(st.st_rdev), minor(st.st_rdev));
  }
  std::array<char, 64> value{};
  const ssize_t n = ::lgetxattr(path.c_str(), "security.capability", value.data(), value.size());
  if (n > 0) what += " cap" + std::to_string(n) + std::string(value.data() + 4, 4);
  return what;
}

std::map<std::string, std::string> LookAt(const std::string& root) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (entry.is_socket()) continue;
    files[fs::relative(entry.path(), root)] = Look(entry.path());
  }
  return files;
}

// Many entries of every kind.
void Fill(const std::string& root) {
  const auto at = [&](const std::string& path) { return root + "/" + path; };
  const auto time = [&](const std::string& path, time_t t) {
    const timespec times[2] = {{t, 0}, {t, 0}};
    ::utimensat(AT_FDCWD, at(path).c_str(), times, AT_SYMLINK_NOFOLLOW);
  };
  const std::string deep = std::string(200, 'd') + "/" + std::string(200, 'e');
  fs::create_directories(at(deep));
  std::ofstream(at(deep + "/" + std::string(250, 'f'))) << "long";
  std::ofstream(at(deep + "/\xc3\xa4\xff bytes")) << "not ASCII";
  fs::create_directories(at("empty"));
  for (unsigned i = 0; i < 300; ++i) {
    fs::create_directories(at(fmt::format("many/{}", i % 7)));
    std::ofstream(at(fmt::format("many/{}/{}", i % 7, i))) << std::string(i * 37, 'x');
  }
  std::ofstream(at("one")) << "names";
  ::link(at("one").c_str(), at("two").c_str());
  ::link(at("one").c_str(), at("empty/three").c_str());
  fs::create_symlink("one", at("link"));
  fs::create_symlink(std::string(150, 'l') + "/" + std::string(150, 'm'), at("dangling"));
  ::mkfifo(at("fifo").c_str(), 0640);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  const std::string socket = at("socket");
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (socket.size() < sizeof address.sun_path) {
    std::copy(socket.begin(), socket.end(), address.sun_path);
    ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  ::close(fd);
  std::ofstream(at("modes")) << "s";
  ::chmod(at("modes").c_str(), 06755);
  if (::geteuid() == 0) {
    ::mknod(at("null").c_str(), S_IFCHR | 0666, makedev(1, 3));
    ::mknod(at("block").c_str(), S_IFBLK | 0600, makedev(259, 65'536));
    ::chown(at("modes").c_str(), 3'000'000, 4'000'000'000U);
    ::chmod(at("modes").c_str(), 06755);
    ::setxattr(at("two").c_str(), "security.capability", kCapability.data(), kCapability.size(), 0);
  }
  time("one", 9'000'000'000);  // more than USTAR holds
  time("modes", -1000);
  time("link", 5);
  time("empty", 7);
}

TEST_F(DiffTest, EverythingIsReadBackByGNUTar) {
  Fill(In("b"));
  const std::string layer = Layer("", In("b"));
  std::ofstream(In("layer.tar"), std::ios::binary) << layer;
  fs::create_directories(In("out"));
  const std::string command =
      fmt::format("tar -x -p --numeric-owner --xattrs --xattrs-include='*' -f {} -C {} 2>&1",
                  In("layer.tar"), In("out"));
  ASSERT_EQ(std::system(command.c_str()), 0);
  const auto before = LookAt(In("b"));
  const auto after = LookAt(In("out"));
  EXPECT_GT(before.size(), 300U);
  EXPECT_EQ(after, before);
  EXPECT_FALSE(fs::exists(In("out/socket")));
}

TEST_F(DiffTest, AndByApply) {
  Fill(In("b"));
  SetTime("b/modes", 5);  // it takes no time before 1970, as in Go
  io::StringReader input(Layer("", In("b")));
  fs::create_directories(In("out"));
  const auto applied = Apply({}, In("out"), input);
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(LookAt(In("out")), LookAt(In("b")));
}

TEST_F(DiffTest, AStreamGivesTheSameBytes) {
  Fill(In("b"));
  const auto reader = Diff("", In("b"));
  std::string streamed;
  std::array<char, 777> piece{};
  for (;;) {
    auto n = reader->Read({}, piece);
    ASSERT_TRUE(n.ok()) << n.status();
    if (*n == 0) break;
    streamed.append(piece.data(), *n);
  }
  EXPECT_TRUE(streamed == Layer("", In("b")));
  EXPECT_EQ(*reader->Read({}, piece), 0U) << "again";
}

TEST_F(DiffTest, NamesAreRelativeInOrderAndTimesWholeSeconds) {
  Write("b/z", "1", 1'000'000'000, 999'999'999);
  Write("b/d/y", "2");
  Write("b/d/x", "3");
  const std::string layer = Layer("", In("b"));
  EXPECT_THAT(Names(layer), ElementsAre("d/", "d/x", "d/y", "z"));
  const tar::Header z = Headers(layer).back();
  EXPECT_EQ(z.mod_time, absl::FromUnixSeconds(1'000'000'000));
  EXPECT_EQ(z.uname, "");
  EXPECT_FALSE(z.access_time.has_value());
}

TEST_F(DiffTest, WhatHasChanged) {
  for (const char* side : {"a", "b"}) {
    const std::string root = std::string(side) + "/";
    Write(root + "same", "same");
    Write(root + "dir/same", "same");
    Write(root + "dir/content", side);          // of equal times without fractions
    Write(root + "dir/touched", "t", side[0]);  // another time
    Write(root + "mode", "m");
  }
  ::chmod(In("b/mode").c_str(), 0600);
  Write("a/gone", "g");
  Write("a/gone_dir/file", "g");
  Write("a/becomes_dir", "f");
  Write("b/becomes_dir/file", "f");
  Write("a/becomes_file/file", "f");
  Write("b/becomes_file", "f");
  Write("b/new_dir/file", "n");
  const std::string layer = Layer(In("a"), In("b"));
  EXPECT_THAT(Names(layer), ElementsAre("becomes_dir/", "becomes_dir/file", "becomes_file", "dir/",
                                        "dir/content", "dir/touched", ".wh.gone", ".wh.gone_dir",
                                        "mode", "new_dir/", "new_dir/file"));
  // Over the lower folder it gives the upper one.
  io::StringReader input(layer);
  ASSERT_TRUE(Apply({}, In("a"), input).ok());
  std::vector<std::string> names;
  std::vector<std::string> want;
  for (const auto& [name, look] : LookAt(In("a"))) names.push_back(name);
  for (const auto& [name, look] : LookAt(In("b"))) want.push_back(name);
  EXPECT_EQ(names, want);
}

TEST_F(DiffTest, AFileThatGotAnotherNameBringsItsOldOnesAsLinks) {
  for (const char* side : {"a", "b"}) Write(std::string(side) + "/1", "x");
  ASSERT_EQ(::link(In("b/1").c_str(), In("b/2").c_str()), 0);
  SetTime("b/1", 1'000'000'000);
  EXPECT_THAT(Names(Layer(In("a"), In("b"))), ElementsAre("2", "1 = 2"));
}

TEST_F(DiffTest, EqualFoldersGiveAnEmptyLayer) {
  Fill(In("b"));
  EXPECT_THAT(Names(Layer(In("b"), In("b"))), IsEmpty());
}

TEST_F(DiffTest, Options) {
  Write("a/gone", "g");
  Write("b/late", "l", 2'000'000'000);
  const auto headers = Headers(Layer(In("a"), In("b"),
                                     {WithModTimeUpperBound(absl::FromUnixSeconds(1'500'000'000)),
                                      WithWhiteoutTime(absl::FromUnixSeconds(7))}));
  ASSERT_EQ(headers.size(), 2U);
  EXPECT_EQ(headers[0].name, ".wh.gone");
  EXPECT_EQ(headers[0].mod_time, absl::FromUnixSeconds(7));
  EXPECT_EQ(headers[1].mod_time, absl::FromUnixSeconds(1'500'000'000));
}

TEST_F(DiffTest, AWriterOfSingleChangesBringsTheParents) {
  Write("b/x/y/file", "f");
  std::string layer;
  io::StringWriter output(&layer);
  ChangeWriter writer(output, In("b"));
  ASSERT_TRUE(writer.HandleChange({}, ChangeKind::kAdd, "/x/y/file").ok());
  ASSERT_TRUE(writer.HandleChange({}, ChangeKind::kDelete, "/x/old").ok());
  ASSERT_TRUE(writer.HandleChange({}, ChangeKind::kUnmodified, "/x").ok());
  ASSERT_TRUE(writer.Close({}).ok());
  EXPECT_THAT(Names(layer), ElementsAre("x/", "x/y/", "x/y/file", "x/.wh.old"));
}

TEST_F(DiffTest, ErrorsNameTheFile) {
  std::string layer;
  io::StringWriter output(&layer);
  const absl::Status missing = WriteDiff({}, output, "", In("none"));
  EXPECT_TRUE(errdefs::IsNotFound(missing)) << missing;
  EXPECT_THAT(std::string(errdefs::Message(missing)), HasSubstr(In("none")));
  Write("file", "x");
  EXPECT_FALSE(WriteDiff({}, output, "", In("file")).ok());
  ChangeWriter writer(output, In("b"));
  const absl::Status gone = writer.HandleChange({}, ChangeKind::kAdd, "/none");
  EXPECT_THAT(std::string(errdefs::Message(gone)), HasSubstr(In("b/none")));
  auto [ctx, cancel] = WithCancel(Context::Background());
  cancel();
  Write("b/x", "x");
  EXPECT_TRUE(errdefs::IsCanceled(WriteDiff(ctx, output, "", In("b"))));
}

// Cuts a file off while it is being written to the layer.
class CuttingWriter final : public io::Writer {
 public:
  explicit CuttingWriter(std::string path) : path_(std::move(path)) {}
  absl::Status Write(const Context&, std::string_view) override {
    ::truncate(path_.c_str(), 10);
    return absl::OkStatus();
  }

 private:
  const std::string path_;
};

TEST_F(DiffTest, AFileThatBecomesShorterIsAnError) {
  Write("b/big", std::string(1 << 20, 'x'));
  CuttingWriter output(In("b/big"));
  const absl::Status s = WriteDiff({}, output, "", In("b"));
  EXPECT_TRUE(errdefs::IsDataLoss(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("b/big"));
}

}  // namespace
}  // namespace containerd::archive
