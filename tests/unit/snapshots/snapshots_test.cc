// SPDX-License-Identifier: Apache-2.0
#include "containerd/snapshots/snapshots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::snapshots {
namespace {

TEST(Kind, ParseAndString) {
  const std::pair<std::string, Kind> cases[] = {
      {"view", Kind::kView},       {"View", Kind::kView},           {"VIEW", Kind::kView},
      {"active", Kind::kActive},   {"Active", Kind::kActive},       {"committed", Kind::kCommitted},
      {"", Kind::kUnknown},        {"COMMITTED", Kind::kCommitted}, {"unknown", Kind::kUnknown},
      {"actives", Kind::kUnknown}, {"activ", Kind::kUnknown},
  };
  for (const auto& [text, kind] : cases) EXPECT_EQ(ParseKind(text), kind) << text;
  EXPECT_EQ(String(Kind::kView), "View");
  EXPECT_EQ(String(Kind::kActive), "Active");
  EXPECT_EQ(String(Kind::kCommitted), "Committed");
  EXPECT_EQ(String(Kind::kUnknown), "Unknown");
  EXPECT_EQ(String(static_cast<Kind>(77)), "Unknown");
}

TEST(Info, JSON) {
  const Info full{.kind = Kind::kActive,
                  .name = "work",
                  .parent = "base",
                  .labels = {{"a", "<1>"}, {"b", ""}},
                  .created = absl::FromUnixSeconds(1642941296) + absl::Milliseconds(250),
                  .updated = absl::FromUnixSeconds(1642941297)};
  const std::string full_json =
      R"({"Kind":"Active","Name":"work","Parent":"base","Labels":{"a":"\u003c1\u003e","b":""},)"
      R"("Created":"2022-01-23T12:34:56.25Z","Updated":"2022-01-23T12:34:57Z"})";
  const Info empty;
  const std::string empty_json = R"({"Kind":"Unknown","Name":"","Created":"0001-01-01T00:00:00Z",)"
                                 R"("Updated":"0001-01-01T00:00:00Z"})";
  EXPECT_EQ(MarshalJSON(full), full_json);
  EXPECT_EQ(MarshalJSON(empty), empty_json);
  EXPECT_EQ(*UnmarshalJSON(full_json), full);
  EXPECT_EQ(*UnmarshalJSON(empty_json), empty);
  EXPECT_EQ(UnmarshalJSON(R"({"Kind":"committed","Created":"2022-01-23T14:34:57+02:00"})")->kind,
            Kind::kCommitted);
  EXPECT_EQ(UnmarshalJSON(R"({"Created":"2022-01-23T14:34:57+02:00"})")->created, full.updated);
  EXPECT_EQ(UnmarshalJSON(R"({"Kind":"other"})")->kind, Kind::kUnknown);
  for (const char* bad : {"", "[]", "{", R"({"Kind":1})", R"({"Created":"yesterday"})", "\xff"}) {
    EXPECT_TRUE(errdefs::IsInvalidArgument(UnmarshalJSON(bad).status())) << bad;
  }
}

TEST(Usage, Add) {
  Usage usage{.inodes = 1, .size = 10};
  usage.Add({.inodes = 2, .size = 20});
  EXPECT_EQ(usage, (Usage{.inodes = 3, .size = 30}));
}

TEST(Opts, SetLabelsAndParent) {
  Info info{.labels = {{"a", "1"}, {"b", "2"}}};
  ASSERT_TRUE(WithLabels({{"b", "3"}, {"c", "4"}})(&info).ok());
  ASSERT_TRUE(WithParent("p")(&info).ok());
  EXPECT_EQ(info, (Info{.parent = "p", .labels = {{"a", "1"}, {"b", "3"}, {"c", "4"}}}));
}

TEST(FilterInheritedLabels, KeepsSnapshotLabels) {
  EXPECT_EQ(FilterInheritedLabels({}), Labels());
  EXPECT_EQ(FilterInheritedLabels({{"containerd.io/snapshot.ref", "a"},
                                   {"containerd.io/snapshot/", "b"},
                                   {kLabelSnapshotUIDMapping, "0:1:2"},
                                   {"containerd.io/snapshot.reference", "c"},
                                   {"containerd.io/snapshot", "d"},
                                   {"containerd.io/gc.root", "e"},
                                   {"x", "f"}}),
            (Labels{{"containerd.io/snapshot.ref", "a"},
                    {"containerd.io/snapshot/", "b"},
                    {kLabelSnapshotUIDMapping, "0:1:2"}}));
}

}  // namespace
}  // namespace containerd::snapshots
