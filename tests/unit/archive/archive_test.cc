// SPDX-License-Identifier: Apache-2.0
#include "containerd/archive/archive.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::archive {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

const Context kCtx = Context::Background();

struct Entry {
  tar::Header header;
  std::string content{};
};

Entry Named(char type, std::string name, std::int64_t mode) {
  Entry entry;
  entry.header.typeflag = type;
  entry.header.name = std::move(name);
  entry.header.mode = mode;
  entry.header.uid = getuid();
  entry.header.gid = getgid();
  entry.header.mod_time = absl::FromUnixSeconds(1000000000);
  return entry;
}

Entry File(std::string name, std::string content = "x", std::int64_t mode = 0644) {
  Entry entry = Named(tar::kTypeReg, std::move(name), mode);
  entry.header.size = static_cast<std::int64_t>(content.size());
  entry.content = std::move(content);
  return entry;
}

Entry Dir(std::string name, std::int64_t mode = 0755) {
  return Named(tar::kTypeDir, std::move(name), mode);
}

Entry Link(char type, std::string name, std::string target) {
  Entry entry = Named(type, std::move(name), 0777);
  entry.header.linkname = std::move(target);
  return entry;
}

Entry Symlink(std::string name, std::string target) {
  return Link(tar::kTypeSymlink, std::move(name), std::move(target));
}

Entry HardLink(std::string name, std::string target) {
  return Link(tar::kTypeLink, std::move(name), std::move(target));
}

std::string Archive(const std::vector<Entry>& entries) {
  std::string out;
  io::StringWriter output(&out);
  tar::Writer writer(output);
  for (const Entry& entry : entries) {
    EXPECT_TRUE(writer.WriteHeader(kCtx, entry.header).ok()) << entry.header.name;
    EXPECT_TRUE(writer.Write(kCtx, entry.content).ok());
  }
  EXPECT_TRUE(writer.Close(kCtx).ok());
  return out;
}

// The archive with another field in its first header.
std::string WithField(std::string archive, std::size_t offset, const std::string& field) {
  constexpr std::size_t kChecksum = 148;
  archive.replace(offset, field.size(), field);
  archive.replace(kChecksum, 8, "        ");
  unsigned sum = 0;
  for (std::size_t i = 0; i < tar::kBlockSize; ++i) sum += static_cast<unsigned char>(archive[i]);
  return archive.replace(kChecksum, 8, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
}

// A root, and beside it what must not be touched.
class ArchiveTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char dir[] = "/tmp/archive-test-XXXXXX";
    ASSERT_NE(mkdtemp(dir), nullptr);
    base_ = dir;
    fs::create_directory(root());
    fs::create_directory(base_ / "outside");
    Write("outside/file", "untouched");
    outside_ = List("outside");
  }

  void TearDown() override {
    EXPECT_EQ(List("outside"), outside_);
    EXPECT_THAT(List("."), ::testing::Contains(::testing::Key("outside/file")));
    fs::remove_all(base_);
  }

  fs::path root() const { return base_ / "root"; }

  void Write(const std::string& name, std::string_view text) const {
    std::ofstream(base_ / name) << text;
  }

  // Name to content, or to what it is.
  std::map<std::string, std::string> List(const std::string& dir = "root") const {
    std::map<std::string, std::string> all;
    for (const auto& item : fs::recursive_directory_iterator(base_ / dir)) {
      std::string& what = all[item.path().lexically_relative(base_ / dir).string()];
      if (item.is_symlink()) {
        what = "-> " + fs::read_symlink(item.path()).string();
      } else if (item.symlink_status().type() == fs::file_type::directory) {
        what = "dir";
      } else if (item.is_regular_file()) {
        std::ifstream in(item.path());
        what.assign(std::istreambuf_iterator<char>(in), {});
      } else {
        what = "special";
      }
    }
    return all;
  }

  absl::StatusOr<std::int64_t> Apply(const std::vector<Entry>& entries,
                                     const std::vector<ApplyOpt>& opts = {}) const {
    io::StringReader reader(Archive(entries));
    return archive::Apply(kCtx, root().string(), reader, opts);
  }

  struct stat Stat(const std::string& name) const {
    struct stat st {};
    EXPECT_EQ(lstat((root() / name).c_str(), &st), 0) << name;
    return st;
  }

  fs::path base_;
  std::map<std::string, std::string> outside_;
};

using Tree = std::map<std::string, std::string>;

TEST_F(ArchiveTest, ExtractsWhatIsThere) {
  const auto size = Apply({Dir("./", 0700), Dir("etc/", 0750), File("etc/passwd", "root", 0640),
                           File("etc/suid", "", 04755), Symlink("etc/link", "/etc/passwd"),
                           HardLink("etc/hard", "/etc/passwd"), HardLink("soft", "etc/link"),
                           Named(tar::kTypeFifo, "fifo", 0600), File("deep/down/here", "abc")});
  ASSERT_TRUE(size.ok()) << size.status();
  EXPECT_EQ(*size, 7);
  EXPECT_EQ(List(), (Tree{{"etc", "dir"},
                          {"etc/passwd", "root"},
                          {"etc/suid", ""},
                          {"etc/link", "-> /etc/passwd"},
                          {"etc/hard", "root"},
                          {"soft", "-> /etc/passwd"},
                          {"fifo", "special"},
                          {"deep", "dir"},
                          {"deep/down", "dir"},
                          {"deep/down/here", "abc"}}));
  EXPECT_EQ(Stat("etc").st_mode, S_IFDIR | 0750u);
  EXPECT_EQ(Stat("etc").st_mtim.tv_sec, 1000000000);
  EXPECT_EQ(Stat("etc/passwd").st_mode, S_IFREG | 0777u);  // The hard link said so last.
  EXPECT_EQ(Stat("etc/passwd").st_nlink, 2u);
  EXPECT_EQ(Stat("etc/suid").st_mode, S_IFREG | 04755u);
  EXPECT_EQ(Stat("etc/suid").st_mtim.tv_sec, 1000000000);
  EXPECT_EQ(Stat("etc/link").st_mtim.tv_sec, 1000000000);
  EXPECT_EQ(Stat("soft").st_ino, Stat("etc/link").st_ino);
  EXPECT_EQ(Stat("fifo").st_mode, S_IFIFO | 0600u);
  EXPECT_EQ(Stat("deep/down").st_mode, S_IFDIR | 0755u);
}

TEST_F(ArchiveTest, ReplacesAndMerges) {
  ASSERT_TRUE(Apply({File("a", "file"), Dir("b"), File("b/kept"), Dir("c"), File("c/gone"),
                     Symlink("d", "b")})
                  .ok());
  ASSERT_TRUE(
      Apply({Dir("a"), File("a/in"), Dir("b", 0711), File("c", "now a file"), Dir("d")}).ok());
  EXPECT_EQ(List(), (Tree{{"a", "dir"},
                          {"a/in", "x"},
                          {"b", "dir"},
                          {"b/kept", "x"},
                          {"c", "now a file"},
                          {"d", "dir"}}));
  EXPECT_EQ(Stat("b").st_mode, S_IFDIR | 0711u);
}

TEST_F(ArchiveTest, NothingLeavesTheRoot) {
  const auto size = Apply(
      {File("../../above", "1"), File("/absolute", "2"), Symlink("up", "../outside"),
       File("up/file", "3"), Symlink("abs", (base_ / "outside").string()), File("abs/file", "4"),
       Symlink("chain", "up/../../outside/.."), File("chain/five", "5"),
       Symlink("target", "../outside/file"), File("target", "6"), File(".wh...", "")});
  EXPECT_TRUE(errdefs::IsInvalidArgument(size.status())) << size.status();
  EXPECT_THAT(std::string(errdefs::Message(size.status())), HasSubstr(".wh..."));
  Tree tree = List();
  EXPECT_EQ(tree["above"], "1");
  EXPECT_EQ(tree["absolute"], "2");
  EXPECT_EQ(tree["outside/file"], "3");
  EXPECT_EQ(tree[base_.string().substr(1) + "/outside/file"], "4");
  EXPECT_EQ(tree["five"], "5");
  EXPECT_EQ(tree["target"], "6");
}

TEST_F(ArchiveTest, HardLinksStayInTheRoot) {
  for (const std::string& target :
       {std::string("../outside/file"), (base_ / "outside/file").string(), std::string(".."),
        std::string("."), std::string(""), std::string("missing")}) {
    const absl::Status s = Apply({HardLink("link", target)}).status();
    EXPECT_FALSE(s.ok()) << target;
    EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("\"link\"")) << target;
  }
  EXPECT_FALSE(Apply({Symlink("out", "../outside"), HardLink("link", "out/file")}).ok());
  EXPECT_EQ(List().count("link"), 0u);
}

TEST_F(ArchiveTest, WhiteoutsStayInTheRoot) {
  for (const char* name : {".wh.", ".wh..", ".wh...", "a/.wh...", "../.wh..."}) {
    EXPECT_TRUE(errdefs::IsInvalidArgument(Apply({File(name, "")}).status())) << name;
    const auto overlay = Apply({File(name, "")}, {WithConvertWhiteout(OverlayConvertWhiteout)});
    EXPECT_TRUE(errdefs::IsInvalidArgument(overlay.status())) << name;
  }
  ASSERT_TRUE(Apply({Symlink("out", "../outside"), File("../outside/.wh.file", ""),
                     File("out/.wh.file", ""), File("out/.wh..wh..opq", "")})
                  .ok());
}

TEST_F(ArchiveTest, WhiteoutsRemove) {
  ASSERT_TRUE(
      Apply({Dir("a"), File("a/1"), Dir("a/b"), File("a/b/2"), File("c"), Symlink("l", "a")}).ok());
  ASSERT_TRUE(Apply({File("a/.wh.1", ""), File(".wh.l", ""), File(".wh.missing", "")}).ok());
  EXPECT_EQ(List(), (Tree{{"a", "dir"}, {"a/b", "dir"}, {"a/b/2", "x"}, {"c", "x"}}));
  ASSERT_TRUE(Apply({File(".wh.a", "")}).ok());
  EXPECT_EQ(List(), (Tree{{"c", "x"}}));
}

TEST_F(ArchiveTest, AnOpaqueDirectoryKeepsWhatTheArchivePutThere) {
  ASSERT_TRUE(Apply({Dir("a"), File("a/old"), Dir("a/sub"), File("a/sub/old"), Dir("a/gone"),
                     File("a/gone/old"), File("b")})
                  .ok());
  ASSERT_TRUE(
      Apply({Dir("a"), File("a/new"), Dir("a/sub"), File("a/sub/new"), File("a/.wh..wh..opq", "")})
          .ok());
  EXPECT_EQ(List(),
            (Tree{{"a", "dir"}, {"a/new", "x"}, {"a/sub", "dir"}, {"a/sub/new", "x"}, {"b", "x"}}));
}

// Also in directories that no entry describes.
TEST_F(ArchiveTest, ALateOpaqueWhiteoutKeepsWhatTheArchivePutThere) {
  ASSERT_TRUE(Apply({Dir("a"), Dir("a/sub"), File("a/sub/old"), Dir("a/sub/gone")}).ok());
  ASSERT_TRUE(Apply({File("a/sub/new"), File("a/.wh..wh..opq", "")}).ok());
  EXPECT_EQ(List(), (Tree{{"a", "dir"}, {"a/sub", "dir"}, {"a/sub/new", "x"}}));
}

TEST_F(ArchiveTest, ADirectoryAfterItsWhiteoutIsMadeAnewForOverlayfs) {
  if (mknod((base_ / "probe").c_str(), S_IFCHR, 0) != 0) GTEST_SKIP() << "needs CAP_MKNOD";
  const auto size =
      Apply({File(".wh.a", ""), Dir("a", 0700), File("a/new"), File(".wh.b", ""), File("b/new"),
             File(".wh.c", ""), File("c"), Dir("c"), File(".wh.d", ""), File("d"), Dir("e")},
            {WithConvertWhiteout(OverlayConvertWhiteout)});
  if (errdefs::IsNotImplemented(size.status())) GTEST_SKIP() << size.status();
  ASSERT_TRUE(size.ok()) << size.status();
  const auto opaque = [&](const char* name) {
    char value[8] = {};
    return getxattr((root() / name).c_str(), "trusted.overlay.opaque", value, sizeof value) == 1;
  };
  EXPECT_TRUE(opaque("a"));
  EXPECT_TRUE(opaque("b"));
  EXPECT_TRUE(opaque("c"));
  EXPECT_FALSE(opaque("e"));
  EXPECT_EQ(List(), (Tree{{"a", "dir"},
                          {"a/new", "x"},
                          {"b", "dir"},
                          {"b/new", "x"},
                          {"c", "dir"},
                          {"d", "x"},
                          {"e", "dir"}}));
  EXPECT_EQ(Stat("a").st_mode & 07777, 0700u);
}

TEST_F(ArchiveTest, BelowADirectoryThatALowerLayerDeleted) {
  fs::create_directories(base_ / "lower2/gone/deep");
  fs::create_directories(base_ / "lower1");
  if (mknod((base_ / "lower1/gone").c_str(), S_IFCHR, 0) != 0) GTEST_SKIP() << "needs CAP_MKNOD";
  ASSERT_EQ(chmod((base_ / "lower2/gone/deep").c_str(), 0701), 0);
  const auto size =
      Apply({File("gone/deep/new"), File("gone/deep/.wh.old", "")},
            {WithParents({(base_ / "lower1").string(), (base_ / "lower2").string()})});
  ASSERT_TRUE(size.ok()) << size.status();
  EXPECT_EQ(Stat("gone/deep").st_mode & 07777, 0755u);  // Not the deleted one's.
  EXPECT_EQ(List().at("gone/deep/new"), "x");

  Write("lower1/file", "no whiteout");
  EXPECT_FALSE(Apply({File("file/deep/new")}, {WithParents({(base_ / "lower1").string()})}).ok());
}

TEST_F(ArchiveTest, AHardLinksTargetMayEndInASlashOrADot) {
  const auto size = Apply({File("file", "1"), Symlink("soft", "file"), HardLink("a", "file/"),
                           HardLink("b", "file/."), HardLink("c", "soft/"), HardLink("d", "soft")});
  ASSERT_TRUE(size.ok()) << size.status();
  for (const char* name : {"a", "b", "c"}) {
    EXPECT_EQ(Stat(name).st_ino, Stat("file").st_ino) << name;
  }
  EXPECT_EQ(List().at("d"), "-> file");
}

TEST_F(ArchiveTest, NamesAreReadableInMessages) {
  const absl::Status s = Apply({HardLink("größe\xff", "日本")}).status();
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("\"größe\\xff\""));
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("\"日本\""));
}

// The directory of the last entry is remembered; not after it may have become another.
TEST_F(ArchiveTest, AParentThatChangesIsLookedUpAgain) {
  const auto size = Apply({Dir("one"), Dir("two"), Symlink("one/self", "."), File("one/self/a"),
                           Symlink("one/self/self", "../two"), File("one/self/b")});
  ASSERT_TRUE(size.ok()) << size.status();
  EXPECT_EQ(List(), (Tree{{"one", "dir"},
                          {"one/a", "x"},
                          {"one/self", "-> ../two"},
                          {"two", "dir"},
                          {"two/b", "x"}}));
}

TEST_F(ArchiveTest, ADirectoryThatIsRemovedAgainIsAnError) {
  const absl::Status s = Apply({Dir("made"), File(".wh.made", "")}).status();
  EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("\"made\""));
}

TEST_F(ArchiveTest, LinksThatGoInCirclesAreRefused) {
  const absl::Status s = Apply({Symlink("a", "b"), Symlink("b", "a"), File("a/file")}).status();
  EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("a/file"));
  EXPECT_FALSE(Apply({File("file"), File("file/below")}).ok());
}

TEST_F(ArchiveTest, ADanglingLinkLeadsToANewDirectory) {
  ASSERT_TRUE(Apply({Symlink("a", "x/y"), File("a/file")}).ok());
  EXPECT_EQ(List(), (Tree{{"a", "-> x/y"}, {"x", "dir"}, {"x/y", "dir"}, {"x/y/file", "x"}}));
}

TEST_F(ArchiveTest, WhatMakesNoSenseIsNamed) {
  Entry owner = File("stranger");
  owner.header.uid = std::int64_t{1} << 32;  // 0, if it were cut to 32 bits.
  Entry kind = Named('Y', "kind", 0600);
  for (const Entry& entry : {owner, kind}) {
    const absl::Status s = Apply({entry}).status();
    EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << s;
    EXPECT_THAT(std::string(errdefs::Message(s)),
                HasSubstr(fmt::format("\"{}\"", entry.header.name)));
  }
}

TEST_F(ArchiveTest, ADeviceNumberIsNotCut) {
  // Beyond 32 bits, in base 256, which tar::Writer does not write there.
  constexpr std::size_t kMajor = 329;
  io::StringReader reader(WithField(Archive({Named(tar::kTypeChar, "odd", 0600)}), kMajor,
                                    std::string("\x80\0\0\x02\0\0\0\x05", 8)));
  const absl::Status s = archive::Apply(kCtx, root().string(), reader).status();
  EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("\"odd\""));
  EXPECT_THAT(List(), ::testing::IsEmpty());
}

TEST_F(ArchiveTest, SizesAreBounded) {
  const auto bounded = Apply({File("a", std::string(600, 'a')), File("b", std::string(600, 'b'))},
                             {WithMaxSize(1000)});
  EXPECT_TRUE(errdefs::IsResourceExhausted(bounded.status())) << bounded.status();
  EXPECT_THAT(std::string(errdefs::Message(bounded.status())), HasSubstr("\"b\""));

  Entry huge = File("huge");
  huge.header.size = std::int64_t{1} << 62;
  std::string text;
  io::StringWriter output(&text);
  tar::Writer writer(output);
  ASSERT_TRUE(writer.WriteHeader(kCtx, huge.header).ok());
  io::StringReader reader(text + "some bytes");
  const auto cut = archive::Apply(kCtx, root().string(), reader);
  EXPECT_TRUE(errdefs::IsDataLoss(cut.status())) << cut.status();
  EXPECT_LE(Stat("huge").st_size, 10);
}

TEST_F(ArchiveTest, AnEntryOfEightExbibytesIsRefused) {
  constexpr std::size_t kSize = 124;
  io::StringReader reader(WithField(Archive({File("huge", "some bytes")}), kSize,
                                    std::string("\x80\0\0\0\x80\0\0\0\0\0\0\0", 12)));
  EXPECT_FALSE(archive::Apply(kCtx, root().string(), reader).ok());
  EXPECT_THAT(List(), ::testing::IsEmpty());
}

TEST_F(ArchiveTest, EndsWithItsContext) {
  const auto [ctx, cancel] = WithCancel(kCtx);
  int seen = 0;
  io::StringReader reader(Archive({File("a"), File("b"), File("c")}));
  const auto size = archive::Apply(ctx, root().string(), reader,
                                   {WithFilter([&, cancel = cancel](const tar::Header&) {
                                     if (++seen == 2) cancel();
                                     return true;
                                   })});
  EXPECT_TRUE(errdefs::IsCanceled(size.status())) << size.status();
  EXPECT_EQ(seen, 2);
}

TEST_F(ArchiveTest, TheFilterSeesCleanNames) {
  std::vector<std::string> names;
  const auto size = Apply({File("./a//b"), File("/c/./d"), File("e/../f"), File("../g"), Dir("h/")},
                          {WithFilter([&](const tar::Header& header) {
                            names.push_back(header.name);
                            return header.name == "f";
                          })});
  ASSERT_TRUE(size.ok()) << size.status();
  EXPECT_THAT(names, ElementsAre("a/b", "/c/d", "f", "../g", "h"));
  EXPECT_EQ(List(), (Tree{{"f", "x"}}));
}

TEST_F(ArchiveTest, TimesThatAFileCannotHave) {
  Entry before = File("before");
  before.header.mod_time = absl::FromUnixSeconds(-100);
  Entry after = File("after");
  after.header.mod_time = absl::FromUnixSeconds(std::int64_t{1} << 40);
  Entry read = File("read");
  read.header.pax_records["atime"] = "1000000500";
  ASSERT_TRUE(Apply({before, after, read}).ok());
  EXPECT_EQ(Stat("before").st_mtim.tv_sec, 0);
  EXPECT_EQ(Stat("after").st_mtim.tv_sec, 0);
  EXPECT_EQ(Stat("read").st_mtim.tv_sec, 1000000000);
}

TEST_F(ArchiveTest, ParentsInherit) {
  fs::create_directories(base_ / "lower1/shared");
  fs::create_directories(base_ / "lower2/shared");
  fs::create_directories(base_ / "lower2/only/deep");
  fs::create_directories(base_ / "lower2/covered");
  Write("lower1/covered", "a file");
  ASSERT_EQ(chmod((base_ / "lower1/shared").c_str(), 0701), 0);
  ASSERT_EQ(chmod((base_ / "lower2/shared").c_str(), 0702), 0);
  ASSERT_EQ(chmod((base_ / "lower2/only/deep").c_str(), 01733), 0);
  ASSERT_EQ(chmod((base_ / "lower2/covered").c_str(), 0700), 0);
  const bool attributes = setxattr((base_ / "lower2/only").c_str(), "user.note", "kept", 4, 0) == 0;
  const auto size =
      Apply({File("shared/a"), File("only/deep/b"), File("covered/c"), File("new/d")},
            {WithParents({(base_ / "lower1").string(), (base_ / "lower2").string()})});
  ASSERT_TRUE(size.ok()) << size.status();
  EXPECT_EQ(Stat("shared").st_mode & 07777, 0701u);
  EXPECT_EQ(Stat("only/deep").st_mode & 07777, 01733u);
  EXPECT_EQ(Stat("covered").st_mode & 07777, 0755u);
  EXPECT_EQ(Stat("new").st_mode & 07777, 0755u);
  if (attributes) {
    char value[8] = {};
    EXPECT_EQ(getxattr((root() / "only").c_str(), "user.note", value, sizeof value), 4);
  }
}

TEST_F(ArchiveTest, ParentsInheritThroughLinksAndNotThroughWhiteouts) {
  fs::create_directories(base_ / "lower1/var");
  fs::create_directories(base_ / "lower2/run/deep");
  fs::create_directories(base_ / "lower2/gone/deep");
  fs::create_directory_symlink("../run", base_ / "lower2/var-run");
  fs::create_directories(base_ / "lower2/var");
  fs::create_directory_symlink("/run", base_ / "lower2/var/run");
  ASSERT_EQ(chmod((base_ / "lower2/run").c_str(), 0711), 0);
  ASSERT_EQ(chmod((base_ / "lower2/run/deep").c_str(), 0701), 0);
  ASSERT_EQ(chmod((base_ / "lower2/gone/deep").c_str(), 0701), 0);
  if (mknod((base_ / "lower1/gone").c_str(), S_IFCHR, 0) != 0) GTEST_SKIP() << "needs CAP_MKNOD";
  const auto size =
      Apply({File("var/run/deep/a"), File("gone/deep/b"), File("var/missing/c"), File("var/d"),
             File("var-run/deep/e")},
            {WithParents({(base_ / "lower1").string(), (base_ / "lower2").string()})});
  ASSERT_TRUE(size.ok()) << size.status();
  EXPECT_EQ(Stat("var/run").st_mode & 07777, 0711u);
  EXPECT_EQ(Stat("var/run/deep").st_mode & 07777, 0701u);
  EXPECT_EQ(Stat("var-run/deep").st_mode & 07777, 0701u);
  EXPECT_EQ(Stat("gone").st_mode & 07777, 0755u);
  EXPECT_EQ(Stat("gone/deep").st_mode & 07777, 0755u);
  EXPECT_EQ(Stat("var/missing").st_mode & 07777, 0755u);
}

// More than are kept open, in breadth and in depth, of several layers and whatever is masked.
TEST_F(ArchiveTest, ManyDirectoriesAreMadeAsTheParentsHaveThem) {
  std::vector<Entry> entries;
  std::vector<std::pair<std::string, mode_t>> wanted;
  std::string chain = "chain";
  for (int i = 0; i < 200; ++i) {
    const std::string dir = i % 2 == 0 ? chain : fmt::format("wide/{}", i);
    if (i % 2 == 0) chain += "/d";
    const bool inherits = i % 4 < 2;
    const mode_t mode = inherits ? 0700 + static_cast<mode_t>(i % 8) : 0755;
    const fs::path lower = base_ / fmt::format("lower{}", i % 3) / dir;
    fs::create_directories(lower);
    if (inherits || i % 2 == 0) {
      ASSERT_EQ(chmod(lower.c_str(), mode), 0);
    } else {
      fs::remove(lower);
    }
    wanted.emplace_back(dir, mode);
  }
  for (const auto& [dir, mode] : wanted) entries.push_back(File(dir + "/file"));
  std::reverse(entries.begin(), entries.end());
  // The chain once more from its other end, when all of it is there.
  for (std::size_t i = 0; i < 200; i += 2) entries.push_back(File(wanted[i].first + "/again"));
  const mode_t before = umask(077);
  const auto size =
      Apply(entries, {WithParents({(base_ / "lower0").string(), (base_ / "lower1").string(),
                                   (base_ / "lower2").string()})});
  umask(before);
  ASSERT_TRUE(size.ok()) << size.status();
  for (const auto& [dir, mode] : wanted) {
    mode_t first = 0;  // of the first layer that has it
    for (int layer = 2; layer >= 0; --layer) {
      struct stat st {};
      if (stat((base_ / fmt::format("lower{}", layer) / dir).c_str(), &st) == 0) {
        first = st.st_mode & 07777;
      }
    }
    EXPECT_EQ(Stat(dir).st_mode & 07777, first == 0 ? mode : first) << dir;
    EXPECT_TRUE(fs::exists(root() / dir / "file")) << dir;
  }
}

TEST_F(ArchiveTest, DirectoriesMadeForWhatIsInThemAreNotMasked) {
  const mode_t before = umask(077);
  const auto size = Apply({File("a/b/c")});
  umask(before);
  ASSERT_TRUE(size.ok()) << size.status();
  EXPECT_EQ(Stat("a").st_mode & 07777, 0755u);
  EXPECT_EQ(Stat("a/b").st_mode & 07777, 0755u);
}

// What was open is not used any more when something else has taken its place.
TEST_F(ArchiveTest, ADirectoryThatIsReplacedIsNotWrittenToAnyMore) {
  fs::create_directory(root() / "other");
  const auto size = Apply({File("a/b/one"), File("a/b/c/two"), Symlink("a/b", "../other"),
                           File("a/b/three"), File("a/b/c/four"), Dir("late"), Dir("late/dir")});
  ASSERT_TRUE(size.ok()) << size.status();
  EXPECT_EQ(List(), (Tree{{"a", "dir"},
                          {"a/b", "-> ../other"},
                          {"other", "dir"},
                          {"other/three", "x"},
                          {"other/c", "dir"},
                          {"other/c/four", "x"},
                          {"late", "dir"},
                          {"late/dir", "dir"}}));
  EXPECT_EQ(Stat("late").st_mtim.tv_sec, 1000000000);
  EXPECT_EQ(Stat("late/dir").st_mtim.tv_sec, 1000000000);
}

TEST_F(ArchiveTest, AttributesAreKept) {
  Write("root/probe", "");
  if (setxattr((root() / "probe").c_str(), "user.probe", "", 0, 0) != 0) {
    GTEST_SKIP() << "the file system of /tmp keeps no extended attributes";
  }
  Entry file = File("file");
  file.header.pax_records = {{"SCHILY.xattr.user.a", std::string("b\0c", 3)},
                             {"SCHILY.xattr.trusted.overlay.opaque", "y"}};
  Entry link = Symlink("link", "file");
  link.header.pax_records = {{"SCHILY.xattr.user.a", "not on links"}};
  Entry dir = Dir("dir");
  dir.header.pax_records = {{"SCHILY.xattr.user.a", "d"}};
  const auto size = Apply({file, link, dir});
  ASSERT_TRUE(size.ok()) << size.status();
  char value[16] = {};
  EXPECT_EQ(getxattr((root() / "file").c_str(), "user.a", value, sizeof value), 3);
  EXPECT_EQ(std::string(value, 3), std::string("b\0c", 3));
  EXPECT_EQ(getxattr((root() / "dir").c_str(), "user.a", value, sizeof value), 1);
  EXPECT_LT(getxattr((root() / "file").c_str(), "trusted.overlay.opaque", value, sizeof value), 0);
}

TEST_F(ArchiveTest, OverlayWhiteouts) {
  if (mknod((base_ / "probe").c_str(), S_IFCHR, 0) != 0) GTEST_SKIP() << "needs CAP_MKNOD";
  const auto size = Apply({File("a/.wh.gone", ""), File("a/kept"), File("b/.wh..wh..opq", "")},
                          {WithConvertWhiteout(OverlayConvertWhiteout)});
  if (errdefs::IsNotImplemented(size.status())) GTEST_SKIP() << size.status();
  ASSERT_TRUE(size.ok()) << size.status();
  const struct stat st = Stat("a/gone");
  EXPECT_EQ(st.st_mode & S_IFMT, static_cast<mode_t>(S_IFCHR));
  EXPECT_EQ(st.st_rdev, makedev(0, 0));
  char value[8] = {};
  EXPECT_EQ(getxattr((root() / "b").c_str(), "trusted.overlay.opaque", value, sizeof value), 1);
  EXPECT_EQ(List().count("b/.wh..wh..opq"), 0u);
}

TEST_F(ArchiveTest, ARootThatIsNoneIsNamed) {
  io::StringReader reader(Archive({}));
  const auto missing = archive::Apply(kCtx, (base_ / "missing").string(), reader);
  EXPECT_TRUE(errdefs::IsNotFound(missing.status())) << missing.status();
  EXPECT_THAT(std::string(errdefs::Message(missing.status())), HasSubstr("missing"));
}

}  // namespace
}  // namespace containerd::archive
