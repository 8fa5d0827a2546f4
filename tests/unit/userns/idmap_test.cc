// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/userns/userns.h"

namespace containerd::userns {
namespace {

using ::testing::HasSubstr;
using ::testing::Pair;

constexpr std::uint32_t kMax = 0xffffffff;

specs::LinuxIDMapping Mapping(std::uint32_t container_id, std::uint32_t host_id,
                              std::uint32_t size) {
  return {.container_id = container_id, .host_id = host_id, .size = size};
}

TEST(IDMap, RootPair) {
  const IDMap map{{Mapping(0, 100, 1)}, {Mapping(0, 200, 1)}};
  ASSERT_TRUE(map.RootPair().ok());
  EXPECT_EQ(*map.RootPair(), (User{100, 200}));

  const IDMap without{{Mapping(1, 100, 1)}, {}};
  EXPECT_TRUE(errdefs::IsInvalidArgument(without.RootPair().status()));
}

TEST(IDMap, ToHost) {
  const IDMap map{{Mapping(0, 1, 2), Mapping(2, 4, 1000)}, {Mapping(0, 2, 4), Mapping(4, 8, 1000)}};
  const struct {
    User container;
    User host;
  } kRows[] = {
      {{0, 0}, {1, 2}},
      {{1, 1}, {2, 3}},
      {{2, 4}, {4, 8}},
      {{100, 200}, {102, 204}},
      {{1001, 1003}, {1003, 1007}},
  };
  for (const auto& row : kRows) {
    const auto host = map.ToHost(row.container);
    ASSERT_TRUE(host.ok()) << host.status();
    EXPECT_EQ(*host, row.host) << row.container.uid;
  }
  for (const User outside : {User{1004, 1008}, User{2000, 2000}, User{0, 2000}, User{2000, 0}}) {
    const auto host = map.ToHost(outside);
    EXPECT_TRUE(errdefs::IsInvalidArgument(host.status())) << outside.uid;
  }
  EXPECT_THAT(std::string(errdefs::Message(map.ToHost({0, 2000}).status())), HasSubstr("gid 2000"));
}

TEST(IDMap, NoMappingsMapAnIDToItself) {
  const auto host = IDMap{}.ToHost({7, 8});
  ASSERT_TRUE(host.ok());
  EXPECT_EQ(*host, (User{7, 8}));
}

TEST(IDMap, ToHostOverflow) {
  const struct {
    IDMap map;
    User user;
  } kRows[] = {
      {{{Mapping(kMax - 999, 1000, 10000)}, {Mapping(0, 1000, 10000)}}, {kMax - 99, 0}},
      {{{Mapping(0, 1000, 10000)}, {Mapping(kMax - 999, 1000, 10000)}}, {0, kMax - 99}},
      {{{Mapping(0, 1000, kMax)}, {Mapping(0, 1000, kMax)}}, {kMax - 1, 0}},
      {{{Mapping(0, 1000, kMax)}, {Mapping(0, 1000, kMax)}}, {0, kMax - 1}},
      {{{Mapping(0, 1, kMax)}, {Mapping(0, 1, kMax)}}, {kMax - 1, kMax - 1}},
  };
  for (const auto& row : kRows) {
    EXPECT_TRUE(errdefs::IsInvalidArgument(row.map.ToHost(row.user).status())) << row.user.uid;
  }
}

TEST(IDMap, MarshalsAndUnmarshals) {
  const struct {
    IDMap map;
    std::string uids;
    std::string gids;
  } kRows[] = {
      {{{Mapping(0, 1000, 10000), Mapping(1000, 20000, 10000)},
        {Mapping(0, 1000, 1000), Mapping(1000, 1000, 10000)}},
       "0:1000:10000,1000:20000:10000",
       "0:1000:1000,1000:1000:10000"},
      {{{}, {Mapping(0, 1000, 10000)}}, "", "0:1000:10000"},
      {{{Mapping(0, 1000, 10000)}, {}}, "0:1000:10000", ""},
      {{}, "", ""},
  };
  for (const auto& row : kRows) {
    EXPECT_THAT(row.map.Marshal(), Pair(row.uids, row.gids));
    const auto map = IDMap::Unmarshal(row.uids, row.gids);
    ASSERT_TRUE(map.ok()) << map.status();
    EXPECT_EQ(*map, row.map);
  }
}

TEST(IDMap, UnmarshalNamesWhatIsNoMapping) {
  for (const std::string text :
       {"0-0-0", "-1:1000:10000", "0:1000:", "0:1000", "1:4294967295:10000", "1:1:4294967295",
        "0:1:2:3", "0:1:2,", ",0:1:2", ",", "0:1:2x", " 0:1:2", "0::2", "0:99999999999999999999:1",
        "0:1:2,,3:4:5"}) {
    EXPECT_TRUE(errdefs::IsInvalidArgument(IDMap::Unmarshal(text, "").status())) << text;
    EXPECT_TRUE(errdefs::IsInvalidArgument(IDMap::Unmarshal("", text).status())) << text;
  }
  EXPECT_THAT(std::string(errdefs::Message(IDMap::Unmarshal("0:1:2,7:x:9", "").status())),
              HasSubstr("\"7:x:9\""));
}

}  // namespace
}  // namespace containerd::userns
