// SPDX-License-Identifier: Apache-2.0
//
// What any snapshotter has to do, after core/snapshots/testsuite, through the proxy.
#include "containerd/snapshots/snapshots.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include <absl/time/clock.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/mount/mount.h"

#include "harness.h"

namespace containerd {
namespace {

namespace fs = std::filesystem;
using snapshots::Info;
using snapshots::Kind;
using ::testing::AllOf;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::UnorderedElementsAreArray;

// A change to the files below a root.
using Change = std::function<void(const fs::path& root)>;

Change All(std::vector<Change> changes) {
  return [changes = std::move(changes)](const fs::path& root) {
    for (const Change& change : changes) change(root);
  };
}

Change CreateFile(std::string name, std::string content, mode_t mode) {
  return [=](const fs::path& root) {
    std::ofstream(root / name) << content;
    ASSERT_EQ(::chmod((root / name).c_str(), mode), 0) << name;
  };
}

Change CreateDir(std::string name, mode_t mode) {
  return [=](const fs::path& root) {
    fs::create_directories(root / name);
    ASSERT_EQ(::chmod((root / name).c_str(), mode), 0) << name;
  };
}

Change RemoveAll(std::string name) {
  return [=](const fs::path& root) { fs::remove_all(root / name); };
}

Change Rename(std::string from, std::string to) {
  return [=](const fs::path& root) { fs::rename(root / from, root / to); };
}

Change Link(std::string from, std::string to) {
  return [=](const fs::path& root) { fs::create_hard_link(root / from, root / to); };
}

Change Chown(std::string name, uid_t uid, gid_t gid) {
  return [=](const fs::path& root) {
    ASSERT_EQ(::lchown((root / name).c_str(), uid, gid), 0) << name;
  };
}

// What there is below a root: of each path its mode, owners and content.
std::map<std::string, std::string> Listing(const fs::path& root) {
  std::map<std::string, std::string> listing;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root)) {
    struct stat st {};
    EXPECT_EQ(::lstat(entry.path().c_str(), &st), 0) << entry.path();
    std::string content;
    if (S_ISREG(st.st_mode)) {
      std::ifstream file(entry.path(), std::ios::binary);
      content.assign(std::istreambuf_iterator<char>(file), {});
    }
    listing[entry.path().lexically_relative(root)] =
        fmt::format("{:o} {}:{} {}", st.st_mode, st.st_uid, st.st_gid, content);
  }
  return listing;
}

class SnapshotterClient : public ::testing::TestWithParam<const char*> {
 protected:
  // The tests mean the modes that they give.
  SnapshotterClient() : umask_(::umask(0)) {}
  ~SnapshotterClient() override { ::umask(umask_); }

  const Context& ctx() const { return ns_.ctx(); }

  // Mounted while it lives.
  class Mounted {
   public:
    Mounted(const std::vector<mount::Mount>& mounts, fs::path dir) : dir_(std::move(dir)) {
      fs::create_directories(dir_);
      EXPECT_OK(mount::All(mounts, dir_.string()));
    }
    Mounted(const Mounted&) = delete;
    Mounted& operator=(const Mounted&) = delete;
    ~Mounted() { EXPECT_OK(mount::UnmountAll(dir_.string(), 0)); }

    const fs::path& dir() const { return dir_; }

   private:
    fs::path dir_;
  };

  fs::path NewDir(const std::string& prefix) {
    const fs::path dir = fs::path(dir_.path()) / fmt::format("{}-{}", prefix, next_++);
    fs::create_directories(dir);
    return dir;
  }

  absl::Status Prepare(const std::string& key, const std::string& parent) {
    return snapshotter_->Prepare(ctx(), key, parent, {root_}).status();
  }
  absl::Status View(const std::string& key, const std::string& parent) {
    return snapshotter_->View(ctx(), key, parent, {root_}).status();
  }
  absl::Status Commit(const std::string& name, const std::string& key) {
    return snapshotter_->Commit(ctx(), name, key, {root_});
  }
  absl::Status Remove(const std::string& key) { return snapshotter_->Remove(ctx(), key); }

  // A committed snapshot on `parent` with `change` made.
  void Layer(const std::string& name, const std::string& parent, const Change& change) {
    const auto mounts = snapshotter_->Prepare(ctx(), name + "-prepare", parent, {root_});
    ASSERT_OK(mounts);
    {
      const Mounted mounted(*mounts, NewDir("prepare"));
      change(mounted.dir());
    }
    ASSERT_OK(Commit(name, name + "-prepare"));
  }

  std::map<std::string, std::string> ListSnapshot(const std::string& name) {
    const auto mounts = snapshotter_->View(ctx(), name + "-view", name, {root_});
    EXPECT_OK(mounts);
    if (!mounts.ok()) return {};
    std::map<std::string, std::string> listing;
    {
      const Mounted mounted(*mounts, NewDir("view"));
      listing = Listing(mounted.dir());
    }
    EXPECT_OK(Remove(name + "-view"));
    return listing;
  }

  // Each layer's snapshot looks as a directory with the same changes does.
  void CheckLayers(const std::vector<Change>& layers) {
    const fs::path flat = NewDir("flat");
    std::string parent;
    for (const Change& change : layers) {
      const std::string name = fmt::format("layer-{}", next_++);
      ASSERT_NO_FATAL_FAILURE(Layer(name, parent, change));
      change(flat);
      EXPECT_EQ(ListSnapshot(name), Listing(flat));
      parent = name;
    }
  }

  const snapshots::Opt root_ =
      snapshots::WithLabels({{"containerd.io/gc.root", "2022-01-23T12:34:56Z"}});
  const mode_t umask_;
  const testing::TestDir dir_;
  const std::shared_ptr<Client> client_ = testing::SharedClient();
  const testing::TestNamespace ns_{*client_};
  const std::shared_ptr<snapshots::Snapshotter> snapshotter_ = client_->SnapshotService(GetParam());
  int next_ = 0;
};

TEST_P(SnapshotterClient, Basic) {
  const Change initial = All({CreateFile("foo", "foo\n", 0777), CreateDir("a", 0755),
                              CreateDir("a/b", 0755), CreateDir("a/b/c", 0755)});
  const Change next =
      All({CreateFile("bar", "bar\n", 0777), CreateFile("foo", "bar\n", 0777), RemoveAll("a/b")});
  ASSERT_NO_FATAL_FAILURE(Layer("committed", "", initial));
  const auto committed = snapshotter_->Stat(ctx(), "committed");
  ASSERT_OK(committed);
  EXPECT_EQ(committed->parent, "");
  EXPECT_EQ(committed->kind, Kind::kCommitted);
  const absl::Status gone = snapshotter_->Stat(ctx(), "committed-prepare").status();
  EXPECT_TRUE(errdefs::IsNotFound(gone)) << gone;

  const fs::path flat = NewDir("flat");
  initial(flat);
  const auto mounts = snapshotter_->Prepare(ctx(), "next", "committed", {root_});
  ASSERT_OK(mounts);
  EXPECT_EQ(*snapshotter_->Mounts(ctx(), "next"), *mounts);
  {
    const Mounted mounted(*mounts, NewDir("next"));
    EXPECT_EQ(Listing(mounted.dir()), Listing(flat));
    next(mounted.dir());
  }
  const auto active = snapshotter_->Stat(ctx(), "next");
  ASSERT_OK(active);
  EXPECT_EQ(active->parent, "committed");
  EXPECT_EQ(active->kind, Kind::kActive);
  ASSERT_OK(Commit("committed-next", "next"));
  const auto committed_next = snapshotter_->Stat(ctx(), "committed-next");
  ASSERT_OK(committed_next);
  EXPECT_EQ(committed_next->parent, "committed");
  EXPECT_EQ(committed_next->kind, Kind::kCommitted);

  std::map<std::string, Info> walked;
  ASSERT_OK(snapshotter_->Walk(ctx(), [&](const Context&, const Info& info) {
    walked[info.name] = info;
    return absl::OkStatus();
  }));
  EXPECT_EQ(walked, (std::map<std::string, Info>{{"committed", *committed},
                                                 {"committed-next", *committed_next}}));

  next(flat);
  EXPECT_EQ(ListSnapshot("committed-next"), Listing(flat));

  const absl::Status s = Remove("committed");
  EXPECT_TRUE(errdefs::IsFailedPrecondition(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("remove"));
  EXPECT_OK(Remove("committed-next"));
  EXPECT_OK(Remove("committed"));
}

TEST_P(SnapshotterClient, StatActive) {
  ASSERT_OK(Prepare("preparing", ""));
  const auto info = snapshotter_->Stat(ctx(), "preparing");
  ASSERT_OK(info);
  EXPECT_EQ(info->name, "preparing");
  EXPECT_EQ(info->kind, Kind::kActive);
  EXPECT_EQ(info->parent, "");
}

TEST_P(SnapshotterClient, StatComitted) {
  ASSERT_OK(Prepare("preparing", ""));
  ASSERT_OK(Commit("committed", "preparing"));
  const auto info = snapshotter_->Stat(ctx(), "committed");
  ASSERT_OK(info);
  EXPECT_EQ(info->name, "committed");
  EXPECT_EQ(info->kind, Kind::kCommitted);
  EXPECT_EQ(info->parent, "");
}

TEST_P(SnapshotterClient, Usage) {
  ASSERT_NO_FATAL_FAILURE(
      Layer("a", "", CreateFile("file", std::string(std::size_t{1} << 20, 'x'), 0644)));
  const auto usage = snapshotter_->Usage(ctx(), "a");
  ASSERT_OK(usage);
  EXPECT_GE(usage->size, 1 << 20);
  EXPECT_GE(usage->inodes, 1);
  const absl::Status s = snapshotter_->Usage(ctx(), "missing").status();
  EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
}

TEST_P(SnapshotterClient, TransitivityTest) {
  ASSERT_NO_FATAL_FAILURE(Layer("a", "", CreateFile("foo", "foo\n", 0777)));
  ASSERT_NO_FATAL_FAILURE(Layer("b", "a", CreateFile("foo", "foo bar\n", 0777)));
  const std::string parent = snapshotter_->Stat(ctx(), "b")->parent;
  EXPECT_EQ(parent, "a");
  EXPECT_EQ(snapshotter_->Stat(ctx(), parent)->parent, "");
}

TEST_P(SnapshotterClient, PreareViewFailingtest) {
  ASSERT_OK(Prepare("preparing", ""));
  ASSERT_OK(Commit("a", "preparing"));
  ASSERT_OK(Prepare("active", "a"));
  ASSERT_OK(View("view", "a"));
  for (const absl::Status& s : {View("active", "a"), Prepare("active", "a"), View("view", "a"),
                                Prepare("view", "a"), Prepare("a", "a")}) {
    EXPECT_TRUE(errdefs::IsAlreadyExists(s)) << s;
  }
  const absl::Status no_parent = Prepare("orphan", "missing");
  EXPECT_TRUE(errdefs::IsNotFound(no_parent)) << no_parent;
  const absl::Status twice = Commit("a", "active");
  EXPECT_TRUE(errdefs::IsAlreadyExists(twice)) << twice;
  EXPECT_FALSE(Commit("c", "view").ok());
}

TEST_P(SnapshotterClient, Update) {
  struct Case {
    std::string name;
    Kind kind;
    std::string parent;
  };
  const absl::Time t1 = absl::Now();
  ASSERT_OK(Prepare("c1-a", ""));
  ASSERT_OK(Commit("c1", "c1-a"));
  ASSERT_OK(Prepare("c2-a", "c1"));
  ASSERT_OK(Commit("c2", "c2-a"));
  ASSERT_OK(Prepare("a1", "c2"));
  ASSERT_OK(Prepare("a2", ""));
  ASSERT_OK(View("v1", "c2"));
  ASSERT_OK(View("v2", ""));
  const absl::Time t2 = absl::Now();
  for (const Case& c : {Case{"c1", Kind::kCommitted, ""}, Case{"c2", Kind::kCommitted, "c1"},
                        Case{"a1", Kind::kActive, "c2"}, Case{"a2", Kind::kActive, ""},
                        Case{"v1", Kind::kView, "c2"}, Case{"v2", Kind::kView, ""}}) {
    SCOPED_TRACE(c.name);
    auto info = snapshotter_->Stat(ctx(), c.name);
    ASSERT_OK(info);
    EXPECT_THAT(info->created, AllOf(Ge(t1), Le(t2)));
    EXPECT_EQ(info->created, info->updated);
    EXPECT_EQ(info->kind, c.kind);
    EXPECT_EQ(info->parent, c.parent);
    EXPECT_EQ(info->name, c.name);

    const absl::Time created = info->created;
    const std::string root = "2023-01-01T00:00:00Z";
    info->parent = "doesnotexist";
    info->labels = {{"l1", "v1"}, {"l2", "v2"}, {"l3", "v3"}, {"containerd.io/gc.root", root}};
    const Labels labels = info->labels;
    const absl::Time u1 = absl::Now();
    info = snapshotter_->Update(ctx(), *info);
    ASSERT_OK(info);
    EXPECT_EQ(info->created, created);
    EXPECT_THAT(info->updated, AllOf(Ge(u1), Le(absl::Now())));
    EXPECT_EQ(info->kind, c.kind);
    EXPECT_EQ(info->parent, c.parent);
    EXPECT_EQ(info->name, c.name);
    EXPECT_EQ(info->labels, labels);

    info->labels = {{"l1", "updated"}, {"l4", "v4"}};
    info = snapshotter_->Update(ctx(), *info, {"labels.l1", "labels.l2"});
    ASSERT_OK(info);
    EXPECT_EQ(info->labels,
              (Labels{{"l1", "updated"}, {"l3", "v3"}, {"containerd.io/gc.root", root}}));

    info->labels = {{"l4", "v4"}, {"containerd.io/gc.root", root}};
    const Labels replaced = info->labels;
    info = snapshotter_->Update(ctx(), *info, {"labels"});
    ASSERT_OK(info);
    EXPECT_EQ(info->labels, replaced);

    info->parent = "doesnotexist";
    const absl::Status s = snapshotter_->Update(ctx(), *info, {"parent"}).status();
    EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << s;
  }
}

TEST_P(SnapshotterClient, Remove) {
  ASSERT_OK(Prepare("committed-a", ""));
  ASSERT_OK(Commit("committed-1", "committed-a"));
  ASSERT_OK(Prepare("reuse-1", "committed-1"));
  ASSERT_OK(Remove("reuse-1"));
  ASSERT_OK(View("reuse-1", "committed-1"));
  ASSERT_OK(Remove("reuse-1"));
  ASSERT_OK(Prepare("reuse-1", ""));
  ASSERT_OK(Remove("committed-1"));
  ASSERT_OK(Commit("committed-1", "reuse-1"));
  const absl::Status s = Remove("reuse-1");
  EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
}

TEST_P(SnapshotterClient, Walk) {
  const Labels root = {{"containerd.io/gc.root", "check-walk"}};
  const auto with = [&](const Labels& more) {
    return std::vector<snapshots::Opt>{snapshots::WithLabels(root), snapshots::WithLabels(more)};
  };
  ASSERT_OK(snapshotter_->Prepare(ctx(), "a-np", "", with({})));
  ASSERT_OK(snapshotter_->Prepare(ctx(), "p-tmp", "", with({})));
  ASSERT_OK(snapshotter_->Commit(ctx(), "p", "p-tmp", with({})));
  ASSERT_OK(snapshotter_->Prepare(ctx(), "a", "p", with({})));
  ASSERT_OK(snapshotter_->View(ctx(), "v", "p", with({})));
  ASSERT_OK(snapshotter_->Prepare(ctx(), "p-wl-tmp", "", with({})));
  ASSERT_OK(snapshotter_->Commit(ctx(), "p-wl", "p-wl-tmp", with({{"l", "1"}})));
  ASSERT_OK(snapshotter_->Prepare(ctx(), "a-wl", "p-wl", with({{"l", "2"}})));
  ASSERT_OK(snapshotter_->View(ctx(), "v-wl", "p-wl", with({{"l", "3"}})));
  ASSERT_OK(snapshotter_->Prepare(ctx(), "a-np-wl", "", with({{"l", "2"}})));

  const std::string in_root = R"(labels."containerd.io/gc.root"==check-walk)";
  const std::pair<std::vector<std::string>, std::vector<std::string>> cases[] = {
      {{in_root}, {"a-np", "p", "a", "v", "p-wl", "a-wl", "v-wl", "a-np-wl"}},
      {{"kind==active," + in_root}, {"a-np", "a", "a-wl", "a-np-wl"}},
      {{"kind==view," + in_root}, {"v", "v-wl"}},
      {{"kind==committed," + in_root}, {"p", "p-wl"}},
      {{"name==p", "name==a-np-wl"}, {"p", "a-np-wl"}},
      {{"name==a-wl,labels.l"}, {"a-wl"}},
      {{"parent==p"}, {"a", "v"}},
      {{R"(parent!="",)" + in_root}, {"a", "v", "a-wl", "v-wl"}},
      {{"labels.l"}, {"p-wl", "a-wl", "v-wl", "a-np-wl"}},
      {{"labels.l==2"}, {"a-wl", "a-np-wl"}},
      {{"name==missing"}, {}},
  };
  for (const auto& [filters, want] : cases) {
    std::vector<std::string> names;
    ASSERT_OK(snapshotter_->Walk(
        ctx(),
        [&](const Context&, const Info& info) {
          names.push_back(info.name);
          return absl::OkStatus();
        },
        filters));
    EXPECT_THAT(names, UnorderedElementsAreArray(want)) << filters[0];
  }

  int calls = 0;
  EXPECT_EQ(snapshotter_->Walk(ctx(),
                               [&](const Context&, const Info&) {
                                 ++calls;
                                 return errdefs::Aborted("enough");
                               }),
            errdefs::Aborted("enough"));
  EXPECT_EQ(calls, 1);
  const absl::Status s = snapshotter_->Walk(
      ctx(), [](const Context&, const Info&) { return absl::OkStatus(); }, {"name==="});
  EXPECT_FALSE(s.ok());  // Daemons up to 2.1 do not class it.
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr(R"(unsupported operator "===")"));
}

TEST_P(SnapshotterClient, StatInWalk) {
  ASSERT_OK(Prepare("c1-a", ""));
  ASSERT_OK(Commit("c1", "c1-a"));
  ASSERT_OK(Prepare("a1", "c1"));
  ASSERT_OK(View("v1", "c1"));
  int calls = 0;
  EXPECT_OK(snapshotter_->Walk(ctx(), [&](const Context& ctx, const Info& info) {
    ++calls;
    const auto stat = snapshotter_->Stat(ctx, info.name);
    if (!stat.ok()) return stat.status();
    EXPECT_EQ(*stat, info);
    return absl::OkStatus();
  }));
  EXPECT_EQ(calls, 3);
}

TEST_P(SnapshotterClient, LayerFileupdate) {
  CheckLayers({All({CreateDir("etc", 0700), CreateFile("etc/hosts", "mydomain 10.0.0.1", 0644),
                    CreateFile("etc/profile", "PATH=/usr/bin", 0644)}),
               All({CreateFile("etc/hosts", "mydomain 10.0.0.2", 0644),
                    CreateFile("etc/profile", "PATH=/usr/bin", 0666), CreateDir("root", 0700),
                    CreateFile("root/.bashrc", "PATH=/usr/sbin:/usr/bin", 0644)})});
}

TEST_P(SnapshotterClient, RemoveDirectoryInLowerLayer) {
  CheckLayers(
      {All({CreateDir("lib", 0700), CreateFile("lib/hidden", "", 0644)}),
       All({RemoveAll("lib"), CreateDir("lib", 0700), CreateFile("lib/not-hidden", "", 0644)}),
       CreateFile("lib/newfile", "", 0644)});
}

TEST_P(SnapshotterClient, Chown) {
  CheckLayers({All({CreateDir("opt", 0700), CreateDir("opt/a", 0700), CreateDir("opt/a/b", 0700),
                    CreateFile("opt/a/b/file.txt", "hello", 0644)}),
               All({Chown("opt", 1, 1), Chown("opt/a", 1, 1), Chown("opt/a/b", 1, 1),
                    Chown("opt/a/b/file.txt", 1, 1)})});
}

TEST_P(SnapshotterClient, DirectoryPermissionOnCommit) {
  CheckLayers(
      {All({CreateDir("dir1", 0700), CreateDir("dir2", 0700), CreateDir("dir3", 0700),
            CreateDir("dir4", 0700), CreateFile("dir4/f1", "...", 0644), CreateDir("dir5", 0700),
            CreateFile("dir5/f1", "...", 0644), Chown("dir1", 1, 1), Chown("dir2", 1, 1),
            Chown("dir3", 1, 1), Chown("dir5", 1, 1), Chown("dir5/f1", 1, 1)}),
       All({Chown("dir2", 0, 0), RemoveAll("dir3"), Chown("dir4", 1, 1), Chown("dir4/f1", 1, 1)}),
       All({CreateDir("dir3", 0700), Chown("dir3", 1, 1), RemoveAll("dir5"),
            CreateDir("dir5", 0700), Chown("dir5", 1, 1)})});
}

TEST_P(SnapshotterClient, RemoveIntermediateSnapshot) {
  ASSERT_OK(Prepare("base", ""));
  ASSERT_OK(Commit("committed-base", "base"));
  ASSERT_OK(Prepare("intermediate", "committed-base"));
  ASSERT_OK(Commit("committed-inter", "intermediate"));
  ASSERT_OK(Prepare("toplayer", "committed-inter"));
  const absl::Status s = Remove("committed-inter");
  EXPECT_TRUE(errdefs::IsFailedPrecondition(s)) << s;
  EXPECT_OK(Remove("toplayer"));
  EXPECT_OK(Remove("committed-inter"));
  EXPECT_OK(Remove("committed-base"));
}

TEST_P(SnapshotterClient, DeletedFilesInChildSnapshot) {
  CheckLayers({All({CreateFile("foo", "foo\n", 0777), CreateFile("foobar", "foobar\n", 0777)}),
               RemoveAll("foobar"), All({})});
}

TEST_P(SnapshotterClient, MoveFileFromLowerLayer) {
  CheckLayers({All({CreateDir("dir1", 0700), CreateFile("dir1/f1", "Hello", 0644),
                    CreateDir("dir2", 0700), CreateFile("dir2/f2", "...", 0644)}),
               All({CreateDir("dir3", 0700), CreateFile("dir3/f1", "Hello", 0644),
                    RemoveAll("dir1"), Link("dir2/f2", "dir3/f2"), RemoveAll("dir2/f2")})});
}

TEST_P(SnapshotterClient, Rename) {
  // Overlay cannot rename a directory of a lower layer.
  const bool overlay = GetParam() == std::string("overlayfs");
  CheckLayers({All({CreateDir("dir1", 0700), CreateDir("somefiles", 0700),
                    CreateFile("somefiles/f1", "was here first!", 0644),
                    CreateFile("somefiles/f2", "nothing interesting", 0644)}),
               All({overlay ? All({}) : Rename("dir1", "dir2"),
                    CreateFile("somefiles/f1-overwrite", "new content 1", 0644),
                    Rename("somefiles/f1-overwrite", "somefiles/f1"),
                    Rename("somefiles/f2", "somefiles/f3")})});
}

TEST_P(SnapshotterClient, ViewReadonly) {
  ASSERT_OK(Prepare("preparing", ""));
  ASSERT_OK(Commit("committed", "preparing"));
  const auto mounts = snapshotter_->View(ctx(), "view", "committed", {root_});
  ASSERT_OK(mounts);
  {
    const Mounted mounted(*mounts, NewDir("view"));
    EXPECT_FALSE(std::ofstream(mounted.dir() / "testfile").is_open());
  }
  EXPECT_OK(Remove("view"));
  EXPECT_OK(Remove("committed"));
}

TEST_P(SnapshotterClient, CloseTwice) {
  ASSERT_OK(Prepare("preparing", ""));
  ASSERT_OK(Commit("committed", "preparing"));
  ASSERT_OK(Remove("committed"));
  EXPECT_OK(snapshotter_->Close());
  EXPECT_OK(snapshotter_->Close());
}

TEST_P(SnapshotterClient, RootPermission) {
  const auto mounts = snapshotter_->Prepare(ctx(), "preparing", "", {root_});
  ASSERT_OK(mounts);
  const Mounted mounted(*mounts, NewDir("preparing"));
  EXPECT_EQ(fs::status(mounted.dir()).permissions(), static_cast<fs::perms>(0755));
}

TEST_P(SnapshotterClient, 128LayersMount) {
  std::string parent;
  const fs::path flat = NewDir("flat");
  for (int i = 0; i < 128; ++i) {
    const Change change =
        i == 0 ? All({CreateFile("bottom", "way at the bottom\n", 0777),
                      CreateFile("overwriteme", "FIRST!\n", 0777), CreateDir("addhere", 0755),
                      CreateDir("onlyme", 0755), CreateFile("onlyme/bottom", "bye!\n", 0777)})
               : All({CreateFile("overwriteme", fmt::format("{} WAS HERE!\n", i), 0777),
                      CreateFile(fmt::format("addhere/file-{}", i), "same\n", 0755),
                      RemoveAll("onlyme"), CreateDir("onlyme", 0755),
                      CreateFile(fmt::format("onlyme/file-{}", i), "only me!\n", 0777)});
    const std::string name = fmt::format("committed-{}", i);
    ASSERT_NO_FATAL_FAILURE(Layer(name, parent, change)) << i;
    change(flat);
    parent = name;
  }
  EXPECT_EQ(ListSnapshot(parent), Listing(flat));
}

TEST_P(SnapshotterClient, Cleanup) {
  ASSERT_OK(Prepare("preparing", ""));
  ASSERT_OK(Remove("preparing"));
  auto* cleaner = dynamic_cast<snapshots::Cleaner*>(snapshotter_.get());
  ASSERT_NE(cleaner, nullptr);
  const absl::Status s = cleaner->Cleanup(ctx());
  EXPECT_TRUE(s.ok() || errdefs::IsNotImplemented(s)) << s;
}

INSTANTIATE_TEST_SUITE_P(, SnapshotterClient, ::testing::Values("overlayfs", "native"),
                         [](const auto& test) { return std::string(test.param); });

TEST(Snapshotters, OneThatIsNotThereIsNamed) {
  const std::shared_ptr<Client> client = testing::SharedClient();
  const testing::TestNamespace ns(*client);
  const auto missing = client->SnapshotService("no-such-snapshotter");
  for (const absl::Status& s :
       {missing->Stat(ns.ctx(), "a").status(), missing->Prepare(ns.ctx(), "a", "").status(),
        missing->Remove(ns.ctx(), "a"),
        missing->Walk(ns.ctx(), [](const Context&, const Info&) { return absl::OkStatus(); })}) {
    EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << s;
    EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("no-such-snapshotter"));
  }
}

}  // namespace
}  // namespace containerd
