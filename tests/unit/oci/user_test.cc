// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <limits>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/oci/spec_opts_user.h"

#include "src/oci/user_files.h"
#include "tests/support/fake_snapshotter.h"
#include "tests/support/oci.h"

namespace containerd::oci {
namespace {

using containerd::testing::FakeSnapshotter;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kPasswd[] =
    "root:x:0:0:root:/root:/bin/ash\n"
    "bin:x:1:1:bin:/bin:/sbin/nologin\n"
    "daemon:x:2:2:daemon:/sbin:/sbin/nologin\n"
    "guest:x:405:100:guest:/dev/null:/sbin/nologin\n";
constexpr char kGroup[] =
    "root:x:0:root\n"
    "bin:x:1:root,bin,daemon\n"
    "daemon:x:2:root,bin,daemon\n"
    "sys:x:3:root,bin,adm\n"
    "guest:x:100:guest\n";

class UserTest : public ::testing::Test {
 protected:
  UserTest() {
    dir_.Write("etc/passwd", kPasswd);
    dir_.Write("etc/group", kGroup);
  }

  Spec MakeSpec() const {
    return {.root = specs::Root{.path = dir_.path()}, .linux_ = specs::Linux{}};
  }

  const TempDir dir_;
};

TEST_F(UserTest, WithUser) {
  struct Case {
    const char* user;
    std::uint32_t uid;
    std::uint32_t gid;
    const char* error = "";
  };
  for (const Case& c : {
           Case{"0", 0, 0},
           Case{"root:root", 0, 0},
           Case{"guest", 405, 100},
           Case{"guest:guest", 405, 100},
           Case{"guest:0", 405, 0},
           Case{"405", 405, 100},
           Case{"405:100", 405, 100},
           Case{"405:guest", 405, 100},
           Case{"7:8", 7, 8},
           Case{"+7:+8", 7, 8},
           Case{":", 0, 0},
           Case{"7:", 7, 0},
           Case{"2147483647:2147483647", 2147483647, 2147483647},
           Case{"guest:nobody", 0, 0, "group \"nobody\": no groups found"},
           Case{"nobody:guest", 0, 0, "user \"nobody\": no users found"},
           Case{"nobody", 0, 0, "user \"nobody\": no users found"},
           Case{"405:2147483648", 0, 0, "invalid USER value \"405:2147483648\": gid out of range"},
           Case{"-1000", 0, 0, "invalid USER value \"-1000\": uid out of range"},
           Case{"-1000:0", 0, 0, "invalid USER value \"-1000:0\": uid out of range"},
           Case{"2147483648", 0, 0, "invalid USER value \"2147483648\": uid out of range"},
           Case{"999999999999999999999999999999999999", 0, 0,
                "invalid USER value \"999999999999999999999999999999999999\": uid out of range"},
           Case{"0:999999999999999999999999999999999999", 0, 0,
                "invalid USER value \"0:999999999999999999999999999999999999\": gid out of range"},
           Case{"a:b:c", 0, 0, "invalid USER value \"a:b:c\": more than one colon"},
       }) {
    Spec spec = MakeSpec();
    const absl::Status s = Apply(WithUser(c.user), &spec);
    EXPECT_EQ(MessageOf(s), c.error) << c.user;
    EXPECT_EQ(spec.process->user.uid, c.uid) << c.user;
    EXPECT_EQ(spec.process->user.gid, c.gid) << c.user;
    EXPECT_THAT(spec.process->user.additional_gids, ElementsAre(c.gid)) << c.user;
  }
}

TEST_F(UserTest, WithUserID) {
  for (const auto& [uid, gid] : {std::pair{0U, 0U}, {405U, 100U}, {1000U, 0U}}) {
    Spec spec = MakeSpec();
    ASSERT_TRUE(Apply(WithUserID(uid), &spec).ok());
    EXPECT_EQ(spec.process->user.uid, uid);
    EXPECT_EQ(spec.process->user.gid, gid);
    EXPECT_THAT(spec.process->user.additional_gids, ElementsAre(gid));
  }
}

TEST_F(UserTest, WithUserIDTakesNoFile) {
  const TempDir empty;
  Spec spec{.root = specs::Root{.path = empty.path()}};
  ASSERT_TRUE(Apply(WithUserID(5), &spec).ok());
  EXPECT_EQ(spec.process->user.uid, 5U);
  EXPECT_EQ(spec.process->user.gid, 0U);
}

TEST_F(UserTest, WithUsername) {
  for (const char* name : {"1000", "unknown"}) {
    Spec spec = MakeSpec();
    const absl::Status s = Apply(WithUsername(name), &spec);
    EXPECT_TRUE(IsErrNoUsersFound(s)) << s;
    EXPECT_TRUE(errdefs::IsNotFound(s));
    EXPECT_THAT(MessageOf(s), HasSubstr(name));
  }
  Spec spec = MakeSpec();
  ASSERT_TRUE(Apply(WithUsername("guest"), &spec).ok());
  EXPECT_EQ(spec.process->user.uid, 405U);
  EXPECT_EQ(spec.process->user.gid, 100U);

  Spec windows{.windows = specs::Windows{}};
  ASSERT_TRUE(Apply(WithUsername("ContainerUser"), &windows).ok());
  EXPECT_EQ(windows.process->user.username, "ContainerUser");
  Spec neither;
  EXPECT_TRUE(errdefs::IsInvalidArgument(Apply(WithUsername("guest"), &neither)));
  Spec both{.linux_ = specs::Linux{}, .windows = specs::Windows{}};
  ASSERT_TRUE(Apply(WithUser("a:b"), &both).ok());
  EXPECT_EQ(both.process->user.username, "a:b");
}

TEST_F(UserTest, WithAdditionalGIDs) {
  struct Case {
    const char* user;
    std::vector<std::uint32_t> gids;
  };
  for (const Case& c :
       {Case{"root", {0, 1, 2, 3}}, Case{"1000", {0}}, Case{"bin", {0, 2, 3}}, Case{"1", {0, 2, 3}},
        Case{"bin:root", {0}}, Case{"daemon", {0, 1}}, Case{"99999999999999999999", {0}}}) {
    Spec spec{.root = specs::Root{.path = dir_.path()}};
    ASSERT_TRUE(Apply(WithAdditionalGIDs(c.user), &spec).ok()) << c.user;
    EXPECT_EQ(spec.process->user.additional_gids, c.gids) << c.user;
  }
}

TEST_F(UserTest, WithAdditionalGIDsKeepsAGroupOfTheUsersName) {
  dir_.Write("etc/passwd", "mongo:x:100:65534::/:\nown:x:7:7::/:\n");
  dir_.Write("etc/group",
             "nogroup:x:65534:mongo\nmongo:x:101:mongo\nown:x:7:own\nmore:x:8:own,ghost\n"
             "ghost:x:9:ghost\n");
  const std::pair<const char*, std::vector<std::uint32_t>> kCases[] = {
      {"mongo", {65534, 101}},                            // Its primary group has another name.
      {"100", {65534, 101}},   {"own", {65534, 8}},       // Whose primary group has its name.
      {"7", {65534, 8}},       {"ghost", {65534, 8, 9}},  // Not in /etc/passwd.
  };
  for (const auto& [user, gids] : kCases) {
    Spec spec{.process = specs::Process{.user = {.uid = 100, .gid = 65534}},
              .root = specs::Root{.path = dir_.path()}};
    ASSERT_TRUE(Apply(WithAdditionalGIDs(user), &spec).ok()) << user;
    EXPECT_EQ(spec.process->user.additional_gids, gids) << user;
  }
}

TEST_F(UserTest, WithAppendAdditionalGroups) {
  struct Case {
    std::vector<std::uint32_t> before;
    std::vector<std::string> groups;
    std::vector<std::uint32_t> after;
    const char* error = "";
  };
  for (const Case& c : {
           Case{{}, {}, {0}},
           Case{{}, {"root"}, {0}},
           Case{{}, {"bin", "daemon"}, {0, 1, 2}},
           Case{{0}, {"bin", "daemon"}, {0, 1, 2}},
           Case{{}, {"999"}, {0, 999}},
           Case{{}, {"4294967295"}, {0, 4294967295}},
           Case{{5}, {"unknown"}, {0, 5}, "unable to find group \"unknown\""},
           Case{{}, {"4294967296"}, {0}, "unable to find group \"4294967296\""},
           Case{{}, {"-1"}, {0}, "unable to find group \"-1\""},
           Case{{}, {""}, {0}, "unable to find group \"\""},
       }) {
    Spec spec = MakeSpec();
    spec.process = specs::Process{.user = {.additional_gids = c.before}};
    const absl::Status s = Apply(WithAppendAdditionalGroups(c.groups), &spec);
    EXPECT_EQ(MessageOf(s), c.error);
    EXPECT_EQ(spec.process->user.additional_gids, c.after);
  }
}

TEST_F(UserTest, WithAppendAdditionalGroupsTakesNoFile) {
  const TempDir empty;
  Spec spec{.root = specs::Root{.path = empty.path()}};
  ASSERT_TRUE(Apply(WithAppendAdditionalGroups({"999"}), &spec).ok());
  EXPECT_THAT(spec.process->user.additional_gids, ElementsAre(0, 999));
  const absl::Status s = Apply(WithAppendAdditionalGroups({"root"}), &spec);
  EXPECT_TRUE(errdefs::IsNotFound(s));
  EXPECT_THAT(MessageOf(s), HasSubstr("unable to find group \"root\": \"etc/group\""));
}

TEST_F(UserTest, UIDGIDAndUmask) {
  Spec spec;
  ASSERT_TRUE(Apply(WithUIDGID(1, 2), &spec).ok());
  EXPECT_EQ(spec.process->user.uid, 1U);
  EXPECT_THAT(spec.process->user.additional_gids, ElementsAre(2));
  ASSERT_TRUE(Apply(WithUmask(0027), &spec).ok());
  EXPECT_EQ(spec.process->user.umask, 0027U);
}

TEST_F(UserTest, FromPathAndFromFS) {
  auto user = UserFromPath(dir_.path(), [](const User& u) { return u.uid == 405; });
  ASSERT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(*user, (User{.name = "guest",
                         .pass = "x",
                         .uid = 405,
                         .gid = 100,
                         .gecos = "guest",
                         .home = "/dev/null",
                         .shell = "/sbin/nologin"}));
  EXPECT_EQ(UserFromPath(dir_.path(), nullptr)->name, "root");
  EXPECT_EQ(*GIDFromPath(dir_.path(), [](const Group& g) { return g.name == "sys"; }), 3U);
  EXPECT_TRUE(
      IsErrNoGroupsFound(GIDFromPath(dir_.path(), [](const Group&) { return false; }).status()));

  const int fd = open(dir_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  EXPECT_EQ(UserFromFS(fd, nullptr)->name, "root");
  EXPECT_EQ(*GIDFromFS(fd, [](const Group& g) { return g.list.size() == 1 && g.gid > 0; }), 100U);
  close(fd);
  EXPECT_TRUE(errdefs::IsNotFound(UserFromPath(dir_ / "none", nullptr).status()));
  const absl::Status s = UserFromPath(dir_ / "etc", nullptr).status();
  EXPECT_TRUE(errdefs::IsNotFound(s));
  EXPECT_FALSE(IsErrNoUsersFound(s));
}

TEST_F(UserTest, TheRootHasToBeKnown) {
  Spec spec{.root = specs::Root{.path = "rootfs"}, .linux_ = specs::Linux{}};
  for (const SpecOpts& opt :
       {WithUser("guest"), WithUser("guest:guest"), WithUserID(1), WithUsername("guest"),
        WithAdditionalGIDs("guest"), WithAppendAdditionalGroups({"guest"})}) {
    EXPECT_THAT(MessageOf(Apply(opt, &spec)), HasSubstr("rootfs absolute path is required"));
    spec.root->path = dir_ / "none";
    EXPECT_THAT(MessageOf(Apply(opt, &spec)), HasSubstr(dir_ / "none"));
    spec.root->path = "rootfs";
  }
  containers::Container container{.id = "c1", .snapshotter = "fake"};
  absl::Status s = WithUserID(1)(Context::Background(), nullptr, &container, &spec);
  EXPECT_THAT(MessageOf(s), HasSubstr("snapshot not created for container \"c1\""));
  container = {.id = "c1", .snapshot_key = "k"};
  s = WithUserID(1)(Context::Background(), nullptr, &container, &spec);
  EXPECT_THAT(MessageOf(s), HasSubstr("no snapshotter set for container \"c1\""));
  container.snapshotter = "fake";
  s = WithUserID(1)(Context::Background(), nullptr, &container, &spec);
  EXPECT_THAT(MessageOf(s), HasSubstr("\"fake\""));
}

absl::Status ApplyIn(const std::vector<mount::Mount>& mounts, const SpecOpts& opt, Spec* spec,
                     std::string* asked_for = nullptr) {
  const auto snapshotter = std::make_shared<FakeSnapshotter>();
  snapshotter->on_mounts = [&](std::string_view key) {
    if (asked_for != nullptr) *asked_for = key;
    return mounts;
  };
  FakeClient client(snapshotter);
  containers::Container container{.id = "c1", .snapshot_key = "key", .snapshotter = "fake"};
  return opt(Context::Background(), &client, &container, spec);
}

TEST_F(UserTest, LooksIntoABoundSnapshot) {
  Spec spec{.linux_ = specs::Linux{}};
  std::string key;
  ASSERT_TRUE(ApplyIn({{.type = "bind", .source = dir_.path(), .options = {"rbind", "rw"}}},
                      WithUser("guest:sys"), &spec, &key)
                  .ok());
  EXPECT_EQ(key, "key");
  EXPECT_EQ(spec.process->user.uid, 405U);
  EXPECT_EQ(spec.process->user.gid, 3U);
}

TEST_F(UserTest, LooksIntoAnOverlay) {
  const TempDir upper;
  upper.Write("etc/group", "guest:x:7:\n");
  Spec spec{.linux_ = specs::Linux{}};
  ASSERT_TRUE(ApplyIn({{.type = "overlay",
                        .source = "overlay",
                        .options = {"workdir=/none", "upperdir=" + upper.path(),
                                    "lowerdir=" + dir_.path()}}},
                      WithUser("guest:guest"), &spec)
                  .ok());
  EXPECT_EQ(spec.process->user.uid, 405U);
  EXPECT_EQ(spec.process->user.gid, 7U);
}

TEST_F(UserTest, MountsWhatCannotBeReadInPlace) {
  if (geteuid() != 0) GTEST_SKIP() << "takes root";
  // Two mounts, one on the other; nothing that is read in place.
  const TempDir other;
  other.Write("passwd", "guest:x:9:9:::\n");
  Spec spec{.linux_ = specs::Linux{}};
  const absl::Status s = ApplyIn(
      {{.type = "bind", .source = dir_.path(), .options = {"rbind", "ro"}},
       {.type = "bind", .source = other.path(), .target = "etc", .options = {"rbind", "ro"}}},
      WithUser("guest"), &spec);
  if (errdefs::IsPermissionDenied(s)) GTEST_SKIP() << s;
  ASSERT_TRUE(s.ok()) << s;
  EXPECT_EQ(spec.process->user.uid, 9U);
  const absl::Status unknown = ApplyIn(
      {{.type = "bind", .source = dir_.path(), .options = {"rbind", "ro"}},
       {.type = "bind", .source = other.path(), .target = "etc", .options = {"rbind", "ro"}}},
      WithUser("root"), &spec);
  EXPECT_EQ(MessageOf(unknown), "user \"root\": no users found");
}

TEST_F(UserTest, SnapshotsThatFail) {
  Spec spec{.linux_ = specs::Linux{}};
  const absl::Status none = ApplyIn({}, WithUserID(1), &spec);
  EXPECT_TRUE(errdefs::IsFailedPrecondition(none)) << none;
  const auto snapshotter = std::make_shared<FakeSnapshotter>();
  snapshotter->on_mounts = [](std::string_view) { return errdefs::NotFound("no such snapshot"); };
  FakeClient client(snapshotter);
  containers::Container container{.id = "c1", .snapshot_key = "key", .snapshotter = "fake"};
  const absl::Status s = WithUserID(1)(Context::Background(), &client, &container, &spec);
  EXPECT_TRUE(errdefs::IsNotFound(s));
  EXPECT_EQ(MessageOf(s), "mounts of snapshot \"key\": no such snapshot");
  auto [ctx, cancel] = WithCancel(Context::Background());
  cancel();
  EXPECT_TRUE(errdefs::IsCanceled(WithUserID(1)(ctx, &client, &container, &spec)));
}

TEST_F(UserTest, HostileFiles) {
  const TempDir dir;
  dir.Dir("etc/passwd");
  Spec spec{.root = specs::Root{.path = dir.path()}, .linux_ = specs::Linux{}};
  absl::Status s = Apply(WithUser("guest"), &spec);
  EXPECT_TRUE(errdefs::IsInvalidArgument(s));
  EXPECT_EQ(MessageOf(s), "user \"guest\": \"etc/passwd\" is not a regular file");
  std::filesystem::remove(dir / "etc/passwd");
  // Opened for reading, a FIFO would wait for a writer.
  ASSERT_EQ(mkfifo((dir / "etc/passwd").c_str(), 0600), 0);
  EXPECT_TRUE(errdefs::IsInvalidArgument(Apply(WithUser("guest"), &spec)));
  std::filesystem::remove(dir / "etc/passwd");

  dir.Write("etc/group", std::string(kMaxUserFileSize + 1, '\n'));
  s = Apply(WithAppendAdditionalGroups({"x"}), &spec);
  EXPECT_TRUE(errdefs::IsResourceExhausted(s)) << s;
  std::string padded(kMaxUserFileSize - 13, '\n');
  padded += "beyond:x:42:\n";
  dir.Write("etc/group", padded);
  EXPECT_EQ(*GIDFromPath(dir.path(), [](const Group& g) { return g.name == "beyond"; }), 42U);
}

TEST(ParsePasswd, TakesAnyBytes) {
  auto users = ParsePasswd(
      "\n  \t\r\n a:x:1:2:g:h:s:more:fields \r\nb\nc:::\nd:x:99999999999999999999:-3\ne:x:1x:0x2\n"
      ":x:7:8\nf:x:+5:-0",
      nullptr);
  ASSERT_TRUE(users.ok()) << users.status();
  EXPECT_THAT(*users,
              ElementsAre(User{.name = "a",
                               .pass = "x",
                               .uid = 1,
                               .gid = 2,
                               .gecos = "g",
                               .home = "h",
                               .shell = "s"},
                          User{.name = "b"}, User{.name = "c"},
                          User{.name = "d", .pass = "x", .uid = -1, .gid = -1},
                          User{.name = "e", .pass = "x"}, User{.pass = "x", .uid = 7, .gid = 8},
                          User{.name = "f", .pass = "x", .uid = 5}));
  EXPECT_THAT(*ParsePasswd("", nullptr), IsEmpty());
  EXPECT_THAT(*ParsePasswd(std::string_view("\0\0:\0\n\xff", 6), nullptr), SizeIs(2));
  EXPECT_THAT(*ParsePasswd("a\nb\nc", nullptr, 2), SizeIs(2));
  EXPECT_TRUE(
      errdefs::IsInvalidArgument(ParsePasswd(std::string(64 << 10, 'a'), nullptr).status()));
  EXPECT_TRUE(ParsePasswd(std::string((64 << 10) - 1, 'a'), nullptr).ok());
}

TEST(ParseGroup, TakesAnyBytes) {
  auto groups =
      ParseGroup("a:x:1:m,n\n# b:x:2:\nc:x:4294967296:\nd:x:4\ne:x:5:,m,\nf:x:6:m,", nullptr);
  ASSERT_TRUE(groups.ok()) << groups.status();
  EXPECT_THAT(*groups, ElementsAre(Group{.name = "a", .pass = "x", .gid = 1, .list = {"m", "n"}},
                                   Group{.name = "c", .pass = "x", .gid = -1},
                                   Group{.name = "d", .pass = "x", .gid = 4},
                                   Group{.name = "e", .pass = "x", .gid = 5, .list = {"", "m", ""}},
                                   Group{.name = "f", .pass = "x", .gid = 6, .list = {"m", ""}}));
  EXPECT_TRUE(ParseGroup(std::string(100 << 10, 'a'), nullptr).ok());
  EXPECT_TRUE(errdefs::IsInvalidArgument(ParseGroup(std::string(1 << 20, 'a'), nullptr).status()));
}

TEST(ParseNumber, IsAtoi) {
  using Kind = Number::Kind;
  for (const auto& [text, kind, value] : std::vector<std::tuple<std::string, Kind, std::int64_t>>{
           {"0", Kind::kNumber, 0},
           {"-7", Kind::kNumber, -7},
           {"+7", Kind::kNumber, 7},
           {"007", Kind::kNumber, 7},
           {"9223372036854775807", Kind::kNumber, 9223372036854775807},
           {"9223372036854775808", Kind::kOutOfRange, 9223372036854775807},
           {"-99999999999999999999", Kind::kOutOfRange, std::numeric_limits<std::int64_t>::min()},
           {"", Kind::kNotANumber, 0},
           {"+", Kind::kNotANumber, 0},
           {"+-7", Kind::kNotANumber, 0},
           {" 7", Kind::kNotANumber, 0},
           {"7 ", Kind::kNotANumber, 0},
           {"0x7", Kind::kNotANumber, 0},
           {"99999999999999999999x", Kind::kNotANumber, 0}}) {
    const Number number = ParseNumber(text);
    EXPECT_EQ(number.kind, kind) << text;
    EXPECT_EQ(number.value, value) << text;
  }
}

}  // namespace
}  // namespace containerd::oci
