// SPDX-License-Identifier: Apache-2.0
#include "src/mount/options.h"

#include <sys/mount.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::mount {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Options, LongestCommonPrefix) {
  const struct {
    std::vector<std::string> texts;
    std::string want;
  } kCases[] = {
      {{}, ""},
      {{"foo"}, "foo"},
      {{"foo", "bar"}, ""},
      {{"foo", "foo"}, "foo"},
      {{"foo", "foobar"}, "foo"},
      {{"foo", "", "foobar"}, ""},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(LongestCommonPrefix(c.texts), c.want) << testing::PrintToString(c.texts);
  }
}

TEST(Options, CompactLowerDirs) {
  const struct {
    Options options;
    std::string dir;
    Options want;
  } kCases[] = {
      {{"workdir=a"}, "", {"workdir=a"}},
      {{"workdir=a", "lowerdir=b"}, "", {"workdir=a", "lowerdir=b"}},
      {{"lowerdir=/snapshots/1/fs:/snapshots/10/fs"}, "/snapshots/", {"lowerdir=1/fs:10/fs"}},
      {{"lowerdir=/snapshots/1/fs:/snapshots/10/fs:/snapshots/2/fs", "index=off"},
       "/snapshots/",
       {"index=off", "lowerdir=1/fs:10/fs:2/fs"}},
      {{"lowerdir=/snapshots/1/fs:/other_snapshots/1/fs"},
       "",
       {"lowerdir=/snapshots/1/fs:/other_snapshots/1/fs"}},
      {{"lowerdir=a:aaa"}, "", {"lowerdir=a:aaa"}},
      {{"lowerdir=/a/b/:/a/b/c"}, "", {"lowerdir=/a/b/:/a/b/c"}},
  };
  for (const auto& c : kCases) {
    const Compacted got = CompactLowerDirs(c.options);
    EXPECT_EQ(got.dir, c.dir) << c.options[0];
    EXPECT_EQ(got.options, c.want) << c.options[0];
  }
}

TEST(Options, Parse) {
  auto parsed =
      ParseOptions({"ro", "rbind", "nosuid", "suid", "defaults", "rw", "relatime", "loop",
                    "size=64k", "uidmap=0:1000:1", "gidmap=0:2000:1", "rslave", "noexec"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->flags, MS_BIND | MS_REC | MS_RELATIME | MS_SLAVE | MS_NOEXEC);
  EXPECT_THAT(parsed->data, ElementsAre("size=64k"));
  EXPECT_TRUE(parsed->loop);
  EXPECT_EQ(parsed->uidmap, "0:1000:1");
  EXPECT_EQ(parsed->gidmap, "0:2000:1");
  EXPECT_TRUE(parsed->IDMapped());

  parsed = ParseOptions({"uidmap=0:1000:1"});
  ASSERT_TRUE(parsed.ok());
  EXPECT_FALSE(parsed->IDMapped());

  parsed = ParseOptions({"X-containerd.mkdir.path=/a"});
  EXPECT_TRUE(errdefs::IsInvalidArgument(parsed.status()));
  EXPECT_THAT(std::string(errdefs::Message(parsed.status())), HasSubstr("X-containerd.mkdir"));
}

TEST(Options, DirectIO) {
  Options data = {"a", "direct-io", "b"};
  EXPECT_TRUE(TakeDirectIO(data));
  EXPECT_THAT(data, ElementsAre("a", "b"));
  EXPECT_FALSE(TakeDirectIO(data));
}

TEST(Options, CommonDirectory) {
  const struct {
    std::vector<std::string> dirs;
    std::string want;  // empty: an error
  } kCases[] = {
      {{"/snapshots/1/fs", "/snapshots/10/fs"}, "/snapshots"},
      {{"/snapshots/79/fs", "/snapshots/78/fs"}, "/snapshots"},
      {{"/snapshots/1/fs"}, "/snapshots/1"},
      {{"/a/1", "/b/1"}, ""},
      {{"/a"}, ""},
      {{"a", "b"}, ""},
      {{}, ""},
  };
  for (const auto& c : kCases) {
    const auto got = CommonDirectory(c.dirs);
    if (c.want.empty()) {
      EXPECT_TRUE(errdefs::IsInvalidArgument(got.status())) << testing::PrintToString(c.dirs);
    } else {
      ASSERT_TRUE(got.ok()) << got.status();
      EXPECT_EQ(*got, c.want);
    }
  }
}

TEST(Options, BuildIDMappedPaths) {
  EXPECT_THAT(BuildIDMappedPaths({"/s/1/fs", "/s/2/fs"}, "/s", "/tmp/m"),
              ElementsAre("/tmp/m/1/fs", "/tmp/m/2/fs"));
  EXPECT_THAT(BuildIDMappedPaths({"/s/1/fs"}, "/s/1/fs", "/tmp/m"), ElementsAre("/tmp/m"));
  EXPECT_THAT(BuildIDMappedPaths({"/s/1/fs/"}, "/s/1/fs/", "/tmp/m"), ElementsAre("/tmp/m"));
}

TEST(Options, ReadonlyMounts) {
  const std::vector<Mount> mounts = {
      {.type = "overlay",
       .source = "overlay",
       .options = {"index=off", "workdir=/s/4/work", "upperdir=/s/4/fs", "lowerdir=/s/1/fs",
                   "uidmap=0:1:1", "gidmap=0:1:1"}},
      {.type = "overlay", .source = "overlay", .options = {"index=on", "lowerdir=/s/2/fs"}},
      {.type = "other", .options = {"workdir=/w", "upperdir=/u"}},
      {.type = "other", .options = {"a=b", "rw"}},
      {.type = "other", .options = {"ro", "a=b"}},
  };
  const std::vector<Mount> readonly = ReadonlyMounts(mounts);
  ASSERT_EQ(readonly.size(), 5U);
  EXPECT_THAT(readonly[0].options, ElementsAre("index=off", "lowerdir=/s/4/fs:/s/1/fs"));
  EXPECT_THAT(readonly[1].options, ElementsAre("index=on", "lowerdir=/s/2/fs"));
  EXPECT_THAT(readonly[2].options, ElementsAre("workdir=/w", "upperdir=/u", "ro"));
  EXPECT_THAT(readonly[3].options, ElementsAre("a=b", "ro"));
  EXPECT_THAT(readonly[4].options, ElementsAre("a=b", "ro"));
  EXPECT_TRUE(ReadonlyMounts({}).empty());
}

TEST(Mount, ReadOnly) {
  const struct {
    Mount mount;
    bool want;
  } kCases[] = {
      {{.type = "erofs", .source = "/layer.erofs", .options = {"loop"}}, true},
      {{.type = "overlay", .options = {"lowerdir=/l"}}, true},
      {{.type = "overlay", .options = {"lowerdir=/l", "upperdir=/u"}}, false},
      {{.type = "overlay", .options = {"lowerdir=/l,upperdir=/u,workdir=/w"}}, false},
      {{.type = "format/mkdir/overlay", .options = {"lowerdir=/l"}}, true},
      {{.type = "format/mkdir/overlay", .options = {"upperdir=/u"}}, false},
      {{.type = "overlay", .options = {"lowerdir=/l", "upperdir=/u", "ro"}}, true},
      {{.type = "overlay", .options = {"lowerdir=/l,upperdir=/u,ro"}}, true},
      {{.type = "bind", .source = "/p", .options = {"ro", "rbind"}}, true},
      {{.type = "bind", .source = "/p", .options = {"rbind"}}, false},
      {{}, false},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(ReadOnly(c.mount), c.want)
        << c.mount.type << " " << testing::PrintToString(c.mount.options);
  }
}

TEST(Mount, RemoveVolatileOption) {
  const std::vector<Mount> mounts = {
      {.type = "overlay", .options = {"index=off", "volatile", "lowerdir=/l"}},
      {.type = "overlay", .options = {"fsync=volatile"}},
      {.type = "underlay", .options = {"volatile"}},
  };
  const auto got = RemoveVolatileOption(mounts);
  EXPECT_THAT(got[0].options, ElementsAre("index=off", "lowerdir=/l"));
  EXPECT_THAT(got[1].options, ElementsAre());
  EXPECT_THAT(got[2].options, ElementsAre("volatile"));
}

TEST(Mount, RemoveIDMapOption) {
  const auto got = RemoveIDMapOption(
      {{.type = "bind", .options = {"uidmap=0:1:1", "gidmap=0:1:1", "rbind"}}, {.type = "x"}});
  EXPECT_THAT(got[0].options, ElementsAre("rbind"));
  EXPECT_THAT(got[1].options, ElementsAre());
}

}  // namespace
}  // namespace containerd::mount
