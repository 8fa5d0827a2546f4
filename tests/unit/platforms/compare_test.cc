// SPDX-License-Identifier: Apache-2.0
//
// The cases are those of the Go package's TestOnly, TestOnlyStrict, TestOnlyOS, TestOnlyOSLess,
// TestCompareOSFeatures, TestMatchComparerMatch_ABICheckWCOW and Test_PlatformCompat.
#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/platforms/platforms.h"

#include "../../../src/platforms/windows.h"

namespace containerd::platforms {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

struct MatchCase {
  std::string platform;
  std::vector<std::string> matches;
  std::vector<std::string> differs;
};

void Check(MatchComparerPtr (*make)(const Platform&), const std::vector<MatchCase>& cases) {
  for (const MatchCase& test : cases) {
    SCOPED_TRACE(test.platform);
    const MatchComparerPtr comparer = make(MustParse(test.platform));
    for (const std::string& other : test.matches) {
      EXPECT_TRUE(comparer->Match(MustParse(other))) << other;
    }
    for (const std::string& other : test.differs) {
      EXPECT_FALSE(comparer->Match(MustParse(other))) << other;
    }
  }
}

std::vector<std::string> Sorted(const MatchComparerPtr& comparer,
                                const std::vector<std::string>& specifiers) {
  std::vector<Platform> platforms = *ParseAll(specifiers);
  std::stable_sort(platforms.begin(), platforms.end(),
                   [&](const Platform& a, const Platform& b) { return comparer->Less(a, b); });
  std::vector<std::string> out;
  out.reserve(platforms.size());
  for (const Platform& platform : platforms) out.push_back(FormatAll(platform));
  return out;
}

struct OrderCase {
  std::string platform;
  std::vector<std::string> platforms;
  std::vector<std::string> want;
};

TEST(Only, Matches) {
  const std::vector<MatchCase> cases = {
      {"linux/amd64",
       {"linux/amd64", "linux/386"},
       {"linux/amd64/v2", "linux/arm/v7", "linux/arm64", "windows/amd64", "windows/arm"}},
      {"linux/amd64/v2",
       {"linux/amd64", "linux/amd64/v1", "linux/amd64/v2", "linux/386"},
       {"linux/amd64/v3", "linux/amd64/v4", "linux/arm/v7", "linux/arm64", "windows/amd64",
        "windows/arm"}},
      {"linux/386",
       {"linux/386"},
       {"linux/amd64", "linux/arm/v7", "linux/arm64", "windows/amd64", "windows/arm"}},
      {"windows/amd64",
       {"windows/amd64", "windows(10.0.17763)/amd64"},
       {"linux/amd64", "linux/arm/v7", "linux/arm64", "windows/arm"}},
      {"linux/arm/v8",
       {"linux/arm", "linux/arm/v5", "linux/arm/v6", "linux/arm/v7", "linux/arm/v8"},
       {"linux/amd64", "linux/arm/v4", "linux/arm64", "windows/amd64", "windows/arm"}},
      {"linux/arm/v7",
       {"linux/arm", "linux/arm/v5", "linux/arm/v6", "linux/arm/v7"},
       {"linux/amd64", "linux/arm/v4", "linux/arm/v8", "linux/arm64", "windows/amd64",
        "windows/arm"}},
      {"linux/arm/v6",
       {"linux/arm/v5", "linux/arm/v6"},
       {"linux/amd64", "linux/arm", "linux/arm/v4", "linux/arm/v7", "linux/arm/v8", "linux/arm64",
        "windows/amd64", "windows/arm"}},
      {"linux/arm/v5",
       {"linux/arm/v5"},
       {"linux/amd64", "linux/arm", "linux/arm/v4", "linux/arm/v6", "linux/arm/v7", "linux/arm/v8",
        "linux/arm64", "windows/amd64", "windows/arm"}},
      {"linux/arm/v4",
       {"linux/arm/v4"},
       {"linux/amd64", "linux/arm", "linux/arm/v5", "linux/arm/v6", "linux/arm/v7", "linux/arm/v8",
        "linux/arm64", "windows/amd64", "windows/arm"}},
      {"linux/arm64/v9.6",
       {"linux/arm",        "linux/arm/v5",     "linux/arm/v6",     "linux/arm/v7",
        "linux/arm/v8",     "linux/arm64",      "linux/arm64/v8",   "linux/arm64/v8.1",
        "linux/arm64/v8.2", "linux/arm64/v8.3", "linux/arm64/v8.4", "linux/arm64/v8.5",
        "linux/arm64/v8.6", "linux/arm64/v8.7", "linux/arm64/v8.8", "linux/arm64/v8.9",
        "linux/arm64/v9",   "linux/arm64/v9.0", "linux/arm64/v9.1", "linux/arm64/v9.2",
        "linux/arm64/v9.3", "linux/arm64/v9.4", "linux/arm64/v9.5", "linux/arm64/v9.6"},
       {"linux/amd64", "linux/arm/v4", "windows/amd64", "windows/arm", "linux/arm64/v8.10"}},
      {"linux/arm64/v9",
       {"linux/arm", "linux/arm/v5", "linux/arm/v6", "linux/arm/v7", "linux/arm/v8", "linux/arm64",
        "linux/arm64/v8", "linux/arm64/v8.1", "linux/arm64/v8.2", "linux/arm64/v8.3",
        "linux/arm64/v8.4", "linux/arm64/v8.5", "linux/arm64/v9", "linux/arm64/v9.0"},
       {"linux/amd64", "linux/arm/v4", "windows/amd64", "windows/arm", "linux/arm64/v8.6"}},
      {"linux/arm64/v8.1",
       {"linux/arm", "linux/arm/v5", "linux/arm/v6", "linux/arm/v7", "linux/arm/v8", "linux/arm64",
        "linux/arm64/v8", "linux/arm64/v8.1"},
       {"linux/amd64", "linux/arm/v4", "linux/arm/v9", "linux/arm64/v9", "windows/amd64",
        "windows/arm"}},
      {"linux/arm64",
       {"linux/arm", "linux/arm/v5", "linux/arm/v6", "linux/arm/v7", "linux/arm/v8", "linux/arm64",
        "linux/arm64/v8"},
       {"linux/amd64", "linux/arm/v4", "linux/arm/v9", "linux/arm64/v9", "windows/amd64",
        "windows/arm"}},
      // Not in Go's table.
      {"linux/amd64/v999999999", {"linux/amd64/v999999999", "linux/386"}, {"linux/amd64/v2"}},
      {"linux/arm64/v8.77", {}, {"linux/arm64/v8.77", "linux/arm64", "linux/arm/v7"}},
  };
  Check(Only, cases);
}

TEST(Only, PrefersTheClosest) {
  EXPECT_THAT(Sorted(Only(MustParse("linux/amd64/v3")),
                     {"windows/amd64", "linux/386", "linux/amd64", "linux/amd64/v4",
                      "linux/amd64/v2", "linux/amd64/v3"}),
              ElementsAre("linux/amd64/v3", "linux/amd64/v2", "linux/amd64", "linux/386",
                          "windows/amd64", "linux/amd64/v4"));
  EXPECT_THAT(Sorted(Only(MustParse("linux/arm64/v9.1")),
                     {"linux/arm/v6", "linux/arm", "linux/arm64", "linux/arm64/v8.6",
                      "linux/arm64/v9", "linux/arm64/v9.1"}),
              ElementsAre("linux/arm64/v9.1", "linux/arm64/v9", "linux/arm64/v8.6", "linux/arm64",
                          "linux/arm", "linux/arm/v6"));
  EXPECT_THAT(Sorted(Only(MustParse("linux/arm/v7")),
                     {"linux/arm/v5", "linux/amd64", "linux/arm/v6", "linux/arm"}),
              ElementsAre("linux/arm", "linux/arm/v6", "linux/arm/v5", "linux/amd64"));
}

TEST(OnlyStrict, Matches) {
  const std::vector<MatchCase> cases = {
      {"linux/amd64",
       {"linux/amd64"},
       {"linux/386", "linux/arm/v7", "linux/arm64", "windows/amd64", "windows/arm"}},
      {"linux/386",
       {"linux/386"},
       {"linux/amd64", "linux/arm/v7", "linux/arm64", "windows/amd64", "windows/arm"}},
      {"windows/amd64",
       {"windows/amd64", "windows(10.0.17763)/amd64"},
       {"linux/amd64", "linux/arm/v7", "linux/arm64", "windows/arm"}},
      {"windows(10.0.17763)/amd64",
       {"windows/amd64", "windows(10.0.17763)/amd64"},
       {"linux/amd64", "linux/arm/v7", "linux/arm64", "windows/arm"}},
      {"linux/arm/v8",
       {"linux/arm/v8"},
       {"linux/arm", "linux/arm/v5", "linux/arm/v6", "linux/arm/v7", "linux/amd64", "linux/arm/v4",
        "linux/arm64", "windows/amd64", "windows/arm"}},
      {"linux/arm/v7",
       {"linux/arm", "linux/arm/v7"},
       {"linux/arm/v5", "linux/arm/v6", "linux/amd64", "linux/arm/v4", "linux/arm/v8",
        "linux/arm64", "windows/amd64", "windows/arm"}},
      {"linux/arm/v6",
       {"linux/arm/v6"},
       {"linux/arm/v5", "linux/amd64", "linux/arm", "linux/arm/v4", "linux/arm/v7", "linux/arm/v8",
        "linux/arm64", "windows/amd64", "windows/arm"}},
      {"linux/arm/v5",
       {"linux/arm/v5"},
       {"linux/amd64", "linux/arm", "linux/arm/v4", "linux/arm/v6", "linux/arm/v7", "linux/arm/v8",
        "linux/arm64", "windows/amd64", "windows/arm"}},
      {"linux/arm/v4",
       {"linux/arm/v4"},
       {"linux/amd64", "linux/arm", "linux/arm/v5", "linux/arm/v6", "linux/arm/v7", "linux/arm/v8",
        "linux/arm64", "windows/amd64", "windows/arm"}},
      {"linux/arm64/v9.5",
       {"linux/arm64/v9.5"},
       {"linux/arm", "linux/arm/v5", "linux/arm/v6", "linux/arm/v7", "linux/arm/v8", "linux/amd64",
        "linux/arm/v4", "linux/arm64/v8", "linux/arm64/v8.1", "linux/arm64/v9", "linux/arm64/v9.1",
        "linux/arm64/v9.4", "windows/amd64", "windows/arm"}},
      {"linux/arm64/v9",
       {"linux/arm64/v9", "linux/arm64/v9.0"},
       {"linux/arm", "linux/arm/v5", "linux/arm/v6", "linux/arm/v7", "linux/arm/v8", "linux/amd64",
        "linux/arm/v4", "linux/arm/v9", "linux/arm64/v8", "linux/arm64/v8.1", "windows/amd64",
        "windows/arm"}},
      {"linux/arm64/v8.1",
       {"linux/arm64/v8.1"},
       {"linux/arm", "linux/arm/v5", "linux/arm/v6", "linux/arm/v7", "linux/arm/v8", "linux/amd64",
        "linux/arm/v4", "linux/arm/v9", "linux/arm64/v8", "linux/arm64/v9", "windows/amd64",
        "windows/arm"}},
      {"linux/arm64",
       {"linux/arm64", "linux/arm64/v8"},
       {"linux/arm", "linux/arm/v5", "linux/arm/v6", "linux/arm/v7", "linux/arm/v8", "linux/amd64",
        "linux/arm/v4", "linux/arm/v9", "linux/arm64/v9", "windows/amd64", "windows/arm"}},
  };
  Check(OnlyStrict, cases);
}

TEST(OnlyOS, Matches) {
  const std::vector<MatchCase> cases = {
      {"linux/amd64",
       {"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/386"},
       {"windows/amd64", "darwin/arm64"}},
      {"windows(10.0.17763)/amd64",
       {"windows/amd64", "windows/arm64", "windows(10.0.17763)/amd64", "windows(10.0.17763)/arm64"},
       {"linux/amd64"}},
      {"linux(+gpu)/amd64",
       {"linux/arm64", "linux(+gpu)/amd64"},
       {"windows/amd64", "linux(+gpu+simd)/amd64"}},
  };
  Check(OnlyOS, cases);
}

TEST(OnlyOS, PrefersTheArchitecture) {
  const std::vector<OrderCase> cases = {
      {"linux/amd64",
       {"linux/arm64", "linux/386", "linux/amd64", "windows/amd64"},
       {"linux/amd64", "linux/arm64", "linux/386", "windows/amd64"}},
      {"linux/arm64",
       {"linux/amd64", "linux/arm/v7", "linux/arm64", "windows/arm64"},
       {"linux/arm64", "linux/amd64", "linux/arm/v7", "windows/arm64"}},
      {"linux/amd64",
       {"windows/amd64", "darwin/amd64", "linux/arm64", "linux/amd64"},
       {"linux/amd64", "linux/arm64", "windows/amd64", "darwin/amd64"}},
  };
  for (const OrderCase& test : cases) {
    EXPECT_THAT(Sorted(OnlyOS(MustParse(test.platform)), test.platforms),
                ElementsAreArray(test.want))
        << test.platform;
  }
}

TEST(Less, PrefersMoreOSFeatures) {
  const std::vector<OrderCase> cases = {
      {"linux/amd64",
       {"windows/amd64", "linux/amd64", "linux(+other)/amd64", "linux/arm64"},
       {"linux/amd64", "linux(+other)/amd64", "windows/amd64", "linux/arm64"}},
      {"linux(+none)/amd64",
       {"windows/amd64", "linux/amd64", "linux/arm64", "linux(+other)/amd64"},
       {"linux/amd64", "linux(+other)/amd64", "windows/amd64", "linux/arm64"}},
      {"linux(+other)/amd64",
       {"windows/amd64", "linux/amd64", "linux/arm64", "linux(+other)/amd64"},
       {"linux(+other)/amd64", "linux/amd64", "windows/amd64", "linux/arm64"}},
      {"linux(+af+other+zf)/amd64",
       {"windows/amd64", "linux/amd64", "linux/arm64", "linux(+other)/amd64"},
       {"linux(+other)/amd64", "linux/amd64", "windows/amd64", "linux/arm64"}},
      {"linux(+f1+f2)/amd64",
       {"linux/amd64", "linux(+f2)/amd64", "linux(+f1)/amd64", "linux(+f1+f2)/amd64"},
       {"linux(+f1+f2)/amd64", "linux(+f2)/amd64", "linux(+f1)/amd64", "linux/amd64"}},
      {"linux(7.2+other)/amd64",
       {"linux/amd64", "linux(+other)/amd64", "linux(7.1)/amd64", "linux(7.2+other)/amd64"},
       {"linux(+other)/amd64", "linux(7.2+other)/amd64", "linux/amd64", "linux(7.1)/amd64"}},
  };
  for (const OrderCase& test : cases) {
    const Platform platform = MustParse(test.platform);
    for (const MatchComparerPtr& comparer :
         {Only(platform), OnlyStrict(platform), Ordered({platform}), Any({platform})}) {
      EXPECT_THAT(Sorted(comparer, test.platforms), ElementsAreArray(test.want)) << test.platform;
    }
  }
}

TEST(Ordered, PrefersTheEarlierOne) {
  const std::vector<Platform> platforms = *ParseAll({"linux/s390x", "linux/amd64"});
  const std::vector<std::string> in = {"linux/arm", "linux/amd64", "linux/s390x"};
  EXPECT_THAT(Sorted(Ordered(platforms), in),
              ElementsAre("linux/s390x", "linux/amd64", "linux/arm"));
  EXPECT_THAT(Sorted(Any(platforms), in), ElementsAre("linux/amd64", "linux/s390x", "linux/arm"));
  EXPECT_FALSE(Ordered(platforms)->Match(MustParse("linux/arm")));
  EXPECT_TRUE(Any(platforms)->Match(MustParse("linux/amd64")));
  EXPECT_FALSE(Ordered({})->Match(Platform()));
}

TEST(All, MatchesWithoutPreference) {
  EXPECT_TRUE(All()->Match(Platform()));
  EXPECT_TRUE(All()->Match(MustParse("plan9/mips")));
  EXPECT_FALSE(All()->Less(MustParse("linux/amd64"), Platform()));
}

TEST(Windows, MatchesVersionsThatTheHostCanRun) {
  const auto windows = [](std::string version, std::vector<std::string> features = {}) {
    return Platform{.architecture = "amd64",
                    .os = "windows",
                    .os_version = std::move(version),
                    .os_features = std::move(features)};
  };
  const std::string ws2019 = "10.0.17763";
  const std::string ws2022 = "10.0.20348";
  const std::string windows11 = "10.0.22621";
  const std::vector<std::tuple<std::string, std::string, bool>> cases = {
      {ws2019, ws2019, true},
      {ws2019, ws2022, false},
      {ws2022, ws2019, false},
      {ws2022, ws2022, true},
      {windows11, ws2019, false},
      {windows11, ws2022, true},
      {"", ws2019, true},
      {"", "", true},
      {"", windows11, true},
      {ws2022, "", true},
      {ws2022, "10.0.20348.3091", true},
      {ws2022, "nonsense", false},
  };
  for (const auto& [host, container, want] : cases) {
    EXPECT_EQ(NewMatcher(windows(host))->Match(windows(container)), want)
        << host << " " << container;
  }
  EXPECT_TRUE(NewMatcher(windows(ws2022))->Match(windows(ws2022, {"win32k"})));
  EXPECT_FALSE(NewMatcher(windows(ws2022))->Match(windows(ws2022, {"win32k", "more"})));
}

TEST(Windows, Compatibility) {
  constexpr std::uint16_t kLtsc2019 = 17763;
  constexpr std::uint16_t kLtsc2022 = 20348;
  constexpr std::uint16_t kWin11 = 22621;
  constexpr std::uint16_t k23H2 = 25398;
  constexpr std::uint16_t kLtsc2025 = 26100;
  constexpr std::uint16_t kAfter2025 = 26200;
  const std::vector<std::tuple<std::uint16_t, std::uint16_t, bool>> cases = {
      {kLtsc2019, kLtsc2019, true},  {kLtsc2019, kLtsc2022, false},  {kLtsc2022, kLtsc2019, false},
      {kLtsc2022, kLtsc2022, true},  {kWin11, kLtsc2019, false},     {kWin11, kLtsc2022, true},
      {k23H2, kLtsc2019, false},     {k23H2, kLtsc2022, true},       {kLtsc2025, kLtsc2022, true},
      {kLtsc2022, kLtsc2025, false}, {kLtsc2022, kWin11, false},     {kLtsc2025, kWin11, true},
      {kAfter2025, kLtsc2022, true}, {kAfter2025, kLtsc2019, false},
  };
  for (const auto& [host, container, want] : cases) {
    EXPECT_EQ(IsWindowsCompatible({10, 0, host}, {10, 0, container}), want)
        << host << " " << container;
  }
  EXPECT_FALSE(IsWindowsCompatible({10, 0, kLtsc2022}, {11, 0, kLtsc2022}));
}

TEST(Windows, VersionsAreParsedWholeOrNotAtAll) {
  EXPECT_EQ(GetWindowsOSVersion("10.1.20348.1").build, 20348);
  EXPECT_EQ(GetWindowsOSVersion("10.1.20348").minor_version, 1);
  for (const char* text : {"", "10", "10.0", "10.0.", "a.b.c", "256.0.1", "10.0.65536", "10.0.1x",
                           "-1.0.1", "10..1"}) {
    EXPECT_TRUE(GetWindowsOSVersion(text).empty()) << text;
  }
}

}  // namespace
}  // namespace containerd::platforms
