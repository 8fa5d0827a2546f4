// SPDX-License-Identifier: Apache-2.0
//
// Layers unpacked by this process look as those that the daemon unpacked do: file for file, for
// layers as they should be and as they should not.
#include "containerd/apply/apply.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <string>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <tuple>
#include <unistd.h>
#include <vector>

#include <absl/time/clock.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/apply/ahead_applier.h"
#include "containerd/apply/stream_applier.h"
#include "containerd/compression/compression.h"
#include "containerd/content/helpers.h"
#include "containerd/digest/digest.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/mount/mount.h"
#include "containerd/mount/temp.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/remotes/handlers.h"
#include "containerd/remotes/remotes.h"
#include "containerd/rootfs/rootfs.h"
#include "containerd/snapshots/snapshots.h"
#include "containerd/tar/tar.h"

#include "harness.h"

namespace containerd {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

const absl::Time kThen = absl::FromUnixSeconds(1234567890);

struct Entry {
  tar::Header header;
  std::string content{};
};

Entry Make(char type, std::string name, std::int64_t mode, std::string link = "") {
  Entry entry;
  entry.header.typeflag = type;
  entry.header.name = std::move(name);
  entry.header.linkname = std::move(link);
  entry.header.mode = mode;
  entry.header.mod_time = kThen;
  return entry;
}

Entry File(std::string name, std::string content, std::int64_t mode = 0644) {
  Entry entry = Make(tar::kTypeReg, std::move(name), mode);
  entry.header.size = static_cast<std::int64_t>(content.size());
  entry.content = std::move(content);
  return entry;
}

std::string Archive(const std::vector<Entry>& entries) {
  const Context ctx = Context::Background();
  std::string out;
  io::StringWriter output(&out);
  tar::Writer writer(output);
  for (const Entry& entry : entries) {
    EXPECT_TRUE(writer.WriteHeader(ctx, entry.header).ok()) << entry.header.name;
    EXPECT_TRUE(writer.Write(ctx, entry.content).ok());
  }
  EXPECT_TRUE(writer.Close(ctx).ok());
  return out;
}

std::string Compress(const std::string& data, compression::Compression how) {
  const Context ctx = Context::Background();
  std::string out;
  io::StringWriter output(&out);
  auto writer = compression::CompressStream(output, how);
  EXPECT_TRUE(writer.ok());
  EXPECT_TRUE((*writer)->Write(ctx, data).ok() && (*writer)->Close(ctx).ok());
  return out;
}

std::string Xattrs(const fs::path& path) {
  std::map<std::string, std::string> all;
  char names[4096];
  const ssize_t length = llistxattr(path.c_str(), names, sizeof names);
  for (const char* name = names; name < names + length; name += std::string_view(name).size() + 1) {
    if (std::string_view(name).starts_with("trusted.overlay.")) continue;
    char value[4096];
    const ssize_t n = lgetxattr(path.c_str(), name, value, sizeof value);
    all[name] = n < 0 ? "?" : std::string(value, static_cast<std::size_t>(n));
  }
  return fmt::format("{}", all);
}

// Everything below a root, one text a path.
std::map<std::string, std::string> Tree(const fs::path& root) {
  std::map<ino_t, std::string> first;  // Names of one inode.
  std::map<std::string, std::string> tree;
  std::map<std::string, fs::path> sorted;
  for (const auto& item : fs::recursive_directory_iterator(root)) {
    sorted[item.path().lexically_relative(root).string()] = item.path();
  }
  for (const auto& [name, path] : sorted) {
    struct stat st {};
    if (lstat(path.c_str(), &st) != 0) {
      tree[name] = "listed only";  // What overlayfs does with a whiteout of nothing.
      continue;
    }
    std::string content;
    if (S_ISREG(st.st_mode)) {
      std::ifstream file(path, std::ios::binary);
      content.assign(std::istreambuf_iterator<char>(file), {});
    } else if (S_ISLNK(st.st_mode)) {
      content = fs::read_symlink(path).string();
    } else if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
      content = fmt::format("{}:{}", major(st.st_rdev), minor(st.st_rdev));
    }
    // What no archive describes has the time of its unpacking.
    const absl::Time time = absl::TimeFromTimespec(st.st_mtim);
    const bool recent = time > absl::Now() - absl::Hours(1);
    const auto link = first.emplace(st.st_ino, name);
    tree[name] = fmt::format("{:o} {}:{} {} =\"{}\" {} {}", st.st_mode, st.st_uid, st.st_gid,
                             recent ? "now" : absl::FormatTime(time), link.first->second,
                             Xattrs(path), content);
  }
  return tree;
}

class ApplyTest : public ::testing::TestWithParam<const char*> {
 protected:
  const Context& ctx() const { return ns_.ctx(); }

  ocispec::Descriptor Blob(const std::string& data, const std::string& media_type) {
    ocispec::Descriptor desc;
    desc.media_type = media_type;
    desc.digest = digest::FromString(data).String();
    desc.size = static_cast<std::int64_t>(data.size());
    io::StringReader reader(data);
    const absl::Status s = content::WriteBlob(
        ctx(), *client_->ContentStore(), desc.digest, reader, desc,
        {content::WithLabels({{"containerd.io/gc.root", "2022-01-23T12:34:56Z"}})});
    EXPECT_TRUE(s.ok()) << s;
    return desc;
  }

  struct Outcome {
    absl::StatusOr<ocispec::Descriptor> applied;
    std::map<std::string, std::string> tree{};
  };

  // On a new snapshot of `parent`, which is committed as `name` if that is not empty.
  Outcome Unpack(diff::Applier& applier, const ocispec::Descriptor& layer,
                 const std::string& parent, const std::string& name = "") {
    const std::string key = fmt::format("unpack-{}", next_++);
    const auto mounts = snapshotter_->Prepare(ctx(), key, parent, {root_});
    EXPECT_TRUE(mounts.ok()) << mounts.status();
    if (!mounts.ok()) return {mounts.status()};
    Outcome outcome{applier.Apply(ctx(), layer, *mounts)};
    if (outcome.applied.ok()) {
      const absl::Status s =
          mount::WithReadonlyTempMount(ctx(), *mounts, [&](const std::string& root) {
            outcome.tree = Tree(root);
            return absl::OkStatus();
          });
      EXPECT_TRUE(s.ok()) << s;
    }
    if (!name.empty()) {
      const absl::Status s = snapshotter_->Commit(ctx(), name, key, {root_});
      EXPECT_TRUE(s.ok()) << s;
    } else {
      EXPECT_TRUE(snapshotter_->Remove(ctx(), key).ok());
    }
    return outcome;
  }

  // Unpacks a layer both ways; the daemon's becomes the snapshot `name`.
  void Compare(const ocispec::Descriptor& layer, const std::string& parent,
               const std::string& name) {
    const Outcome daemon = Unpack(*client_->DiffService(), layer, parent, name);
    const Outcome here = Unpack(*local_, layer, parent);
    ASSERT_TRUE(daemon.applied.ok()) << daemon.applied.status();
    ASSERT_TRUE(here.applied.ok()) << here.applied.status();
    EXPECT_EQ(here.applied->digest, daemon.applied->digest);
    EXPECT_EQ(here.applied->size, daemon.applied->size);
    EXPECT_EQ(here.applied->media_type, daemon.applied->media_type);
    EXPECT_EQ(here.tree, daemon.tree);
  }

  const snapshots::Opt root_ =
      snapshots::WithLabels({{"containerd.io/gc.root", "2022-01-23T12:34:56Z"}});
  const std::shared_ptr<Client> client_ = testing::SharedClient();
  const testing::TestNamespace ns_{*client_};
  const std::shared_ptr<snapshots::Snapshotter> snapshotter_ = client_->SnapshotService(GetParam());
  const std::shared_ptr<diff::Applier> local_ =
      apply::NewFileSystemApplier(client_->ContentStore(), {.max_layer_size = 64 << 20});
  int next_ = 0;
};

std::vector<Entry> Base() {
  std::vector<Entry> entries = {
      Make(tar::kTypeDir, "etc/", 0755),
      File("etc/passwd", "root:x:0:0::/:/bin/sh\n"),
      File("etc/shadow", "secret", 0640),
      Make(tar::kTypeDir, "tmp/", 01777),
      Make(tar::kTypeDir, "usr/", 0755),
      Make(tar::kTypeDir, "usr/bin/", 0711),
      File("usr/bin/su", "#!", 04755),
      Make(tar::kTypeSymlink, "bin", 0777, "usr/bin"),
      Make(tar::kTypeLink, "usr/bin/su2", 04755, "usr/bin/su"),
      Make(tar::kTypeLink, "bin2", 0777, "bin"),
      Make(tar::kTypeFifo, "tmp/fifo", 0622),
      Make(tar::kTypeChar, "tmp/null", 0666),
      Make(tar::kTypeBlock, "tmp/disk", 0660),
      File("bin/through-a-link", "x"),
      File("not/described/file", "y"),
      Make(tar::kTypeDir, "opaque/", 0750),
      File("opaque/old", "z"),
  };
  entries[2].header.gid = 42;
  entries[11].header.devmajor = 1;
  entries[11].header.devminor = 3;
  entries[12].header.devmajor = 7;
  entries[12].header.devminor = 300;
  entries[5].header.uid = 1000;
  entries[6].header.pax_records["SCHILY.xattr.security.capability"] =
      std::string("\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
  entries[4].header.mod_time = absl::FromUnixSeconds(1) + absl::Nanoseconds(5);
  return entries;
}

std::vector<Entry> Upper() {
  return {
      File("etc/.wh.shadow", ""),
      File("etc/passwd", "changed\n", 0600),
      File("usr/bin/new", "n", 02755),  // usr/bin is not described here.
      File("not/described/either/file", "e"),
      Make(tar::kTypeDir, "opaque/", 0700),
      File("opaque/.wh..wh..opq", ""),
      File("opaque/new", "o"),
      Make(tar::kTypeDir, "bin", 0700),  // Was a link.
      File("tmp", "now a file"),
      File(".wh.bin2", ""),
  };
}

TEST_P(ApplyTest, LayersLookAsTheDaemonsDo) {
  const std::string base = Archive(Base());
  const std::string upper = Archive(Upper());
  Compare(Blob(base, ocispec::kMediaTypeImageLayer), "", "plain");
  Compare(Blob(Compress(base, compression::Compression::kGzip), ocispec::kMediaTypeImageLayerGzip),
          "", "base");
  Compare(Blob(Compress(upper, compression::Compression::kGzip),
               "application/vnd.docker.image.rootfs.diff.tar.gzip"),
          "base", "upper");
  Compare(Blob(Compress(upper, compression::Compression::kZstd), ocispec::kMediaTypeImageLayerZstd),
          "base", "upper-zstd");
  Compare(Blob(Compress(base, compression::Compression::kGzip), ocispec::kMediaTypeImageLayerGzip),
          "upper", "again");
}

// Small trees, from few names, so that everything meets everything: links through links,
// directories in place of files, whiteouts of what the same layer has.
std::vector<Entry> Random(std::mt19937& random) {
  const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  const auto name = [&] {
    static constexpr std::array kParts = {"a", "b", "c", "..", ".", "a", "b", "/"};
    std::string text;
    for (unsigned parts = 1 + below(4); parts > 0; --parts) {
      if (!text.empty()) text += '/';
      text += kParts[below(kParts.size())];
    }
    switch (below(16)) {
      case 0:
        return text + "/";
      case 1:
        return text + "/" + std::string(110 + below(100), 'n');  // More than USTAR has room for.
      case 2:
        return text + "/größe";
      default:
        return text;
    }
  };
  std::vector<Entry> entries;
  for (unsigned n = 1 + below(8); n > 0; --n) {
    // Drawn in order, as each compiler evaluates arguments in an order of its own.
    const unsigned kind = below(16);
    const std::string path = name();
    const std::string target = name();
    const unsigned more = below(64);
    switch (kind) {
      case 0:
      case 1:
        entries.push_back(Make(tar::kTypeDir, path + "/", 0700 + more));
        break;
      case 2:
        entries.push_back(Make(tar::kTypeSymlink, path, 0777, target));
        break;
      case 3:
        entries.push_back(Make(tar::kTypeLink, path, 0644, target));
        break;
      case 4:
        entries.push_back(File(fmt::format("{}/.wh.{}", path, "abc"[more % 3]), ""));
        break;
      case 5:
        entries.push_back(File(path + "/.wh..wh..opq", ""));
        break;
      case 6:
        entries.push_back(Make(tar::kTypeFifo, path, 0600 + more));
        break;
      case 7:
        entries.push_back(Make(more % 2 == 0 ? tar::kTypeChar : tar::kTypeBlock, path, 0600));
        entries.back().header.devmajor = 1;
        entries.back().header.devminor = 3 + more;
        break;
      case 8:
        // What this archive has, or hard links to links.
        entries.push_back(Make(tar::kTypeLink, path, 0644,
                               entries.empty() ? target : entries.front().header.name));
        break;
      case 9:
        // A whiteout of what this archive has.
        entries.push_back(File(
            entries.empty()
                ? ".wh.a"
                : fmt::format(
                      "{}/../.wh.{}", entries.back().header.name,
                      fs::path(entries.back().header.name).lexically_normal().filename().string()),
            ""));
        break;
      case 10:
        entries.push_back(File(path, target, 04600 + more));
        entries.back().header.pax_records = {{"SCHILY.xattr.user.a", target},
                                             {"SCHILY.xattr.trusted.b", "no"},
                                             {"atime", "1234567999.5"},
                                             {"comment", "none"}};
        break;
      case 11:
        entries.push_back(File(path, target, 0600 + more));
        entries.back().header.mod_time =
            kThen + absl::Nanoseconds(500) * static_cast<std::int64_t>(more) - absl::Hours(more);
        break;
      default:
        entries.push_back(File(path, target, 0600 + more));
    }
    entries.back().header.uid = below(3);
  }
  return entries;
}

// Whether whiteouts and other entries are mixed: see WhiteoutsConcernTheLayersBelowOnly.
bool HasLateWhiteouts(const std::vector<Entry>& entries) {
  bool whiteout = false;
  bool mixed = false;
  for (const Entry& entry : entries) {
    const bool opaque = entry.header.name.ends_with("/.wh..wh..opq");
    mixed = mixed || (opaque && &entry != &entries.front()) || whiteout;
    whiteout = whiteout || entry.header.name.find("/.wh.") != std::string::npos;
  }
  return mixed;
}

TEST_P(ApplyTest, RandomLayersEndAsTheDaemonsDo) {
  const std::vector<Entry> base = {Make(tar::kTypeDir, "a/", 0750),           File("a/a", "1"),
                                   Make(tar::kTypeDir, "a/b/", 0700),         File("a/b/c", "2"),
                                   Make(tar::kTypeSymlink, "b", 0777, "a/b"), File("c", "3")};
  ASSERT_TRUE(Unpack(*client_->DiffService(), Blob(Archive(base), ocispec::kMediaTypeImageLayer),
                     "", "base")
                  .applied.ok());
  int both = 0;
  for (unsigned seed = 0; seed < 100; ++seed) {
    std::mt19937 random(seed);
    const std::vector<Entry> entries = Random(random);
    std::string names;
    for (const Entry& entry : entries) {
      names += fmt::format("\n  {} {} -> {}", entry.header.typeflag, entry.header.name,
                           entry.header.linkname);
    }
    SCOPED_TRACE(fmt::format("seed {}:{}", seed, names));
    const ocispec::Descriptor layer = Blob(Archive(entries), ocispec::kMediaTypeImageLayer);
    const Outcome daemon = Unpack(*client_->DiffService(), layer, "base");
    const Outcome here = Unpack(*local_, layer, "base");
    if (HasLateWhiteouts(entries) && here.tree != daemon.tree) continue;
    EXPECT_EQ(here.applied.ok(), daemon.applied.ok()) << here.applied.status() << "\n"
                                                      << daemon.applied.status();
    if (!here.applied.ok() || !daemon.applied.ok()) continue;
    ++both;
    EXPECT_EQ(here.applied->digest, daemon.applied->digest);
    EXPECT_EQ(here.tree, daemon.tree);
  }
  EXPECT_GT(both, 20);
}

// Of the same, what is no matter of chance.
TEST_P(ApplyTest, OddLayersEndAsTheDaemonsDo) {
  const auto dir = [](std::string name) { return Make(tar::kTypeDir, std::move(name), 0711); };
  const auto link = [](std::string target) {
    return Make(tar::kTypeLink, "link", 0644, std::move(target));
  };
  const std::vector<Entry> base = {dir("gone/"),     dir("gone/deep/"), File("gone/deep/f", "1"),
                                   dir("dir/"),      dir("dir/sub/"),   File("dir/sub/old", "1"),
                                   File("file", "1")};
  ASSERT_TRUE(Unpack(*client_->DiffService(), Blob(Archive(base), ocispec::kMediaTypeImageLayer),
                     "", "base")
                  .applied.ok());
  ASSERT_TRUE(Unpack(*client_->DiffService(),
                     Blob(Archive({File(".wh.gone", "")}), ocispec::kMediaTypeImageLayer), "base",
                     "upper")
                  .applied.ok());
  const std::vector<std::vector<Entry>> layers = {
      {File("gone/new", "n")},
      {dir("gone/deep/"), File("gone/deep/new", "n")},
      {File("gone/.wh.x", "")},
      {File("gone/.wh..wh..opq", "")},
      {File("file", "n"), File(".wh.file", "")},
      {File(".wh.file", ""), File("file", "n")},
      {File(".wh.file", ""), File(".wh.file", "")},
      {dir("dir/"), File(".wh.dir", "")},
      {File(".wh.missing", "")},
      {dir("dir/"), dir("dir/sub/"), File("dir/sub/new", "n"), File("dir/.wh..wh..opq", "")},
      {File("dir/.wh..wh..opq", ""), File("dir/.wh.sub", "")},
      {File("file", "n"), link("file/")},
      {File("file", "n"), link("file/.")},
      {File("file", "n"), link("../../file")},
      {File("file", "n"), link("file/../file")},
      {link("dir")},
      {link("dir/sub/..")},
      {link("dir/sub/old")},
      {File("link", "n"), link("link")},
      {Make(tar::kTypeSymlink, "soft", 0777, "file"), link("soft")},
  };
  for (std::size_t i = 0; i < layers.size(); ++i) {
    SCOPED_TRACE(i);
    const ocispec::Descriptor layer = Blob(Archive(layers[i]), ocispec::kMediaTypeImageLayer);
    const Outcome daemon = Unpack(*client_->DiffService(), layer, "upper");
    const Outcome here = Unpack(*local_, layer, "upper");
    EXPECT_EQ(here.applied.ok(), daemon.applied.ok()) << here.applied.status() << "\n"
                                                      << daemon.applied.status();
    EXPECT_EQ(here.tree, daemon.tree);
    // What a file lacks is not what the daemon lacks.
    EXPECT_FALSE(errdefs::IsNotFound(here.applied.status())) << here.applied.status();
    EXPECT_FALSE(errdefs::IsAlreadyExists(here.applied.status())) << here.applied.status();
  }
}

// Where the daemon fails, or shows or loses what it should not.
TEST_P(ApplyTest, WhiteoutsConcernTheLayersBelowOnly) {
  const auto dir = [](std::string name) { return Make(tar::kTypeDir, std::move(name), 0711); };
  const std::vector<Entry> base = {dir("gone/"), dir("gone/deep/"), File("gone/deep/f", "1"),
                                   dir("dir/"),  dir("dir/sub/"),   File("dir/sub/old", "1")};
  ASSERT_TRUE(Unpack(*client_->DiffService(), Blob(Archive(base), ocispec::kMediaTypeImageLayer),
                     "", "base")
                  .applied.ok());
  ASSERT_TRUE(Unpack(*client_->DiffService(),
                     Blob(Archive({File(".wh.gone", "")}), ocispec::kMediaTypeImageLayer), "base",
                     "upper")
                  .applied.ok());
  const auto names = [&](const std::vector<Entry>& entries) {
    const Outcome here =
        Unpack(*local_, Blob(Archive(entries), ocispec::kMediaTypeImageLayer), "upper");
    EXPECT_TRUE(here.applied.ok()) << here.applied.status();
    std::vector<std::string> all;
    for (const auto& [name, text] : here.tree) {
      if (text != "listed only") all.push_back(name);
    }
    return all;
  };
  using ::testing::ElementsAre;
  EXPECT_THAT(names({File("gone/deep/new", "n")}),
              ElementsAre("dir", "dir/sub", "dir/sub/old", "gone", "gone/deep", "gone/deep/new"));
  EXPECT_THAT(names({File("gone/deep/.wh.f", "")}),
              ElementsAre("dir", "dir/sub", "dir/sub/old", "gone", "gone/deep"));
  EXPECT_THAT(names({File(".wh.dir", ""), dir("dir/"), File("dir/new", "n")}),
              ElementsAre("dir", "dir/new"));
  EXPECT_THAT(names({File(".wh.dir", ""), File("dir/new", "n")}), ElementsAre("dir", "dir/new"));
  EXPECT_THAT(names({File("dir/sub/new", "n"), File("dir/.wh..wh..opq", "")}),
              ElementsAre("dir", "dir/sub", "dir/sub/new"));
}

TEST_P(ApplyTest, EncryptedLayersAreNamed) {
  for (const char* type : {"application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
                           "application/vnd.oci.image.layer.v1.tar+encrypted"}) {
    const absl::Status s = Unpack(*local_, Blob("secret", type), "").applied.status();
    EXPECT_TRUE(errdefs::IsNotImplemented(s)) << s;
    EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr(type));
  }
}

TEST_P(ApplyTest, AFailedLayerMakesNoSnapshot) {
  const std::string data =
      Archive({File("a", "1"), Make(tar::kTypeLink, "b", 0644, "missing/file")});
  rootfs::Layer layer{.blob = Blob(data, ocispec::kMediaTypeImageLayer)};
  layer.diff.digest = digest::FromString(data).String();
  const auto applied = rootfs::ApplyLayer(ctx(), layer, {}, *snapshotter_, *local_, {root_});
  EXPECT_FALSE(applied.ok());
  EXPECT_FALSE(errdefs::IsNotFound(applied.status())) << applied.status();
  EXPECT_TRUE(errdefs::IsNotFound(snapshotter_->Stat(ctx(), layer.diff.digest).status()));
}

TEST_P(ApplyTest, AnEmptyBlobIsAnEmptyLayer) {
  for (const char* type : {ocispec::kMediaTypeImageLayer, ocispec::kMediaTypeImageLayerGzip}) {
    Compare(Blob("", type), "", fmt::format("empty-{}", next_));
  }
}

// Without a limit of the caller's, the disk is one before it is full.
TEST(Apply, ALayerLeavesRoomOnTheDisk) {
  const testing::TestDir dir;
  const std::vector<mount::Mount> small = {
      {.type = "tmpfs", .source = "tmpfs", .options = {"size=16m"}}};
  ASSERT_TRUE(mount::All(small, dir.path()).ok());
  const std::string bomb = Compress(Archive({File("bomb", std::string(100 << 20, '\0'))}),
                                    compression::Compression::kGzip);
  ocispec::Descriptor desc;
  desc.media_type = ocispec::kMediaTypeImageLayerGzip;
  desc.digest = digest::FromString(bomb).String();
  io::StringReader blob(bomb);
  const absl::Status s =
      apply::ApplyStream(Context::Background(), desc, blob,
                         {{.type = "bind", .source = dir.path(), .options = {"rbind", "rw"}}})
          .status();
  EXPECT_TRUE(errdefs::IsResourceExhausted(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr(desc.digest));
  std::error_code error;
  EXPECT_GT(fs::space(dir.path(), error).available, 0U);
  EXPECT_TRUE(mount::UnmountAll(dir.path(), 0).ok());
}

TEST_P(ApplyTest, WhatIsWrongIsNamed) {
  const std::string data = Archive(Base());
  const std::string gzip = Compress(data, compression::Compression::kGzip);

  const Outcome type = Unpack(*local_, Blob(data, "text/plain"), "");
  EXPECT_TRUE(errdefs::IsNotImplemented(type.applied.status())) << type.applied.status();
  const Outcome cut =
      Unpack(*local_, Blob(gzip.substr(0, gzip.size() / 2), ocispec::kMediaTypeImageLayerGzip), "");
  EXPECT_TRUE(errdefs::IsDataLoss(cut.applied.status())) << cut.applied.status();

  // 100 MiB in some hundred kilobytes; 64 are allowed.
  const std::string bomb = Compress(Archive({File("bomb", std::string(100 << 20, '\0'))}),
                                    compression::Compression::kGzip);
  const ocispec::Descriptor layer = Blob(bomb, ocispec::kMediaTypeImageLayerGzip);
  const Outcome blown = Unpack(*local_, layer, "");
  EXPECT_TRUE(errdefs::IsResourceExhausted(blown.applied.status())) << blown.applied.status();
  EXPECT_THAT(std::string(errdefs::Message(blown.applied.status())), HasSubstr(layer.digest));

  ocispec::Descriptor missing = layer;
  missing.digest = digest::FromString("missing").String();
  EXPECT_TRUE(errdefs::IsNotFound(Unpack(*local_, missing, "").applied.status()));

  const absl::Status elsewhere =
      local_->Apply(ctx(), layer, {{.type = "bind", .source = "/none", .options = {"rw"}}})
          .status();
  EXPECT_TRUE(errdefs::IsFailedPrecondition(elsewhere)) << elsewhere;
  EXPECT_THAT(std::string(errdefs::Message(elsewhere)), HasSubstr("/none"));
}

class StreamTest : public ApplyTest {
 protected:
  // What a registry has.
  std::shared_ptr<remotes::Fetcher> Registry() {
    return std::make_shared<remotes::FetcherFunc>(
        [this](const Context&,
               const ocispec::Descriptor& desc) -> absl::StatusOr<std::unique_ptr<io::Reader>> {
          return std::make_unique<io::StringReader>(blobs_[desc.digest]);
        });
  }

  ocispec::Descriptor Offer(const std::string& data, const std::string& media_type) {
    ocispec::Descriptor desc;
    desc.media_type = media_type;
    desc.digest = digest::FromString(data).String();
    desc.size = static_cast<std::int64_t>(data.size());
    blobs_[desc.digest] = data;
    return desc;
  }

  std::set<std::string> Snapshots() {
    std::set<std::string> names;
    const absl::Status s =
        snapshotter_->Walk(ctx(), [&](const Context&, const snapshots::Info& info) {
          names.insert(info.name);
          return absl::OkStatus();
        });
    EXPECT_TRUE(s.ok()) << s;
    return names;
  }

  std::map<std::string, std::string> blobs_;
};

TEST_P(StreamTest, LayersThatComeInAnyOrder) {
  const auto lease = client_->WithLease(ctx());
  ASSERT_TRUE(lease.ok()) << lease.status();
  const Context& leased = lease->context();
  const ocispec::Descriptor base = Offer(Compress(Archive(Base()), compression::Compression::kGzip),
                                         ocispec::kMediaTypeImageLayerGzip);
  const ocispec::Descriptor upper = Offer(Archive(Upper()), ocispec::kMediaTypeImageLayer);
  const auto streamed =
      apply::NewStreamApplier(leased, client_->ContentStore(), snapshotter_, {.min_size = 0});
  const auto fetcher = streamed->Wrap(Registry());
  // The one above comes first.
  for (const ocispec::Descriptor& desc : {upper, base}) {
    const absl::Status s = remotes::Fetch(leased, *client_->ContentStore(), *fetcher, desc);
    ASSERT_TRUE(s.ok()) << s;
  }
  for (const auto& [layer, parent, name] :
       {std::tuple(base, "", "base"), std::tuple(upper, "base", "upper")}) {
    const Outcome daemon = Unpack(*client_->DiffService(), layer, parent);
    const Outcome here = Unpack(*streamed, layer, parent, name);
    ASSERT_TRUE(daemon.applied.ok()) << daemon.applied.status();
    ASSERT_TRUE(here.applied.ok()) << here.applied.status();
    EXPECT_EQ(here.applied->digest, daemon.applied->digest);
    EXPECT_EQ(here.applied->size, daemon.applied->size);
    EXPECT_EQ(here.tree, daemon.tree);
  }
  // What was extracted has been moved, once.
  EXPECT_EQ(Snapshots(), (std::set<std::string>{"base", "upper"}));
  const Outcome again = Unpack(*streamed, upper, "base");
  EXPECT_TRUE(again.applied.ok()) << again.applied.status();
}

TEST_P(StreamTest, FailuresLeaveNothing) {
  const auto lease = client_->WithLease(ctx());
  ASSERT_TRUE(lease.ok()) << lease.status();
  const Context& leased = lease->context();
  {
    const auto streamed =
        apply::NewStreamApplier(leased, client_->ContentStore(), snapshotter_, {.min_size = 0});
    const auto fetcher = streamed->Wrap(Registry());
    // Of this test alone: what another namespace has is not fetched.
    const ocispec::Descriptor wrong =
        Offer(Archive({File("of", testing::UniqueName("wrong"))}), ocispec::kMediaTypeImageLayer);
    blobs_[wrong.digest].back() = 'x';
    EXPECT_FALSE(remotes::Fetch(leased, *client_->ContentStore(), *fetcher, wrong).ok());

    const ocispec::Descriptor broken =
        Offer(Compress(Archive({File("a/.wh...", "")}), compression::Compression::kGzip),
              ocispec::kMediaTypeImageLayerGzip);
    EXPECT_TRUE(remotes::Fetch(leased, *client_->ContentStore(), *fetcher, broken).ok());
    const Outcome refused = Unpack(*streamed, broken, "");
    EXPECT_TRUE(errdefs::IsInvalidArgument(refused.applied.status())) << refused.applied.status();

    // Never asked for.
    const ocispec::Descriptor unused = Offer(Archive(Upper()), ocispec::kMediaTypeImageLayer);
    EXPECT_TRUE(remotes::Fetch(leased, *client_->ContentStore(), *fetcher, unused).ok());

    // Half read.
    const ocispec::Descriptor half =
        Offer(Archive({File("large", std::string(10 << 20, 'x'))}), ocispec::kMediaTypeImageLayer);
    auto reader = fetcher->Fetch(leased, half);
    ASSERT_TRUE(reader.ok());
    std::vector<char> buf(1 << 20);
    EXPECT_TRUE((*reader)->Read(leased, buf).ok());
  }
  EXPECT_EQ(Snapshots(), std::set<std::string>());
}

TEST_P(StreamTest, LayersAheadOfTheirTurn) {
  const auto lease = client_->WithLease(ctx());
  ASSERT_TRUE(lease.ok()) << lease.status();
  const Context& leased = lease->context();
  const ocispec::Descriptor base = Offer(Compress(Archive(Base()), compression::Compression::kGzip),
                                         ocispec::kMediaTypeImageLayerGzip);
  const ocispec::Descriptor upper = Offer(Archive(Upper()), ocispec::kMediaTypeImageLayer);
  const ocispec::Descriptor broken =
      Offer(Archive({File("a/.wh...", "")}), ocispec::kMediaTypeImageLayer);
  for (const ocispec::Descriptor& desc : {base, upper, broken}) {
    const absl::Status s = remotes::Fetch(leased, *client_->ContentStore(), *Registry(), desc);
    ASSERT_TRUE(s.ok()) << s;
  }
  // The same layer twice, one that is none, and one that is never asked for.
  {
    const auto ahead = apply::NewAheadApplier(leased, client_->ContentStore(), snapshotter_,
                                              {base, upper, base, broken, upper}, {.min_size = 0});
    for (const auto& [layer, parent, name] :
         {std::tuple(base, "", "base"), std::tuple(upper, "base", "upper"),
          std::tuple(base, "upper", "again")}) {
      const Outcome daemon = Unpack(*client_->DiffService(), layer, parent);
      const Outcome here = Unpack(*ahead, layer, parent, name);
      ASSERT_TRUE(daemon.applied.ok()) << daemon.applied.status();
      ASSERT_TRUE(here.applied.ok()) << here.applied.status();
      EXPECT_EQ(here.applied->digest, daemon.applied->digest);
      EXPECT_EQ(here.applied->size, daemon.applied->size);
      EXPECT_EQ(here.tree, daemon.tree);
    }
    const Outcome refused = Unpack(*ahead, broken, "");
    EXPECT_TRUE(errdefs::IsInvalidArgument(refused.applied.status())) << refused.applied.status();
  }
  EXPECT_EQ(Snapshots(), (std::set<std::string>{"again", "base", "upper"}));
  {
    const auto unused = apply::NewAheadApplier(leased, client_->ContentStore(), snapshotter_,
                                               {base, upper}, {.min_size = 0});
  }
  EXPECT_EQ(Snapshots(), (std::set<std::string>{"again", "base", "upper"}));
}

constexpr auto kName = [](const auto& test) { return std::string(test.param); };
INSTANTIATE_TEST_SUITE_P(, StreamTest, ::testing::Values("overlayfs", "native"), kName);
INSTANTIATE_TEST_SUITE_P(, ApplyTest, ::testing::Values("overlayfs", "native"), kName);

}  // namespace
}  // namespace containerd
