// SPDX-License-Identifier: Apache-2.0
//
// The cases are those of the Go package's TestParseSelector, TestFormatAllEncoding and siblings.
#include "containerd/platforms/platforms.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

#include "../../../src/platforms/cpuinfo.h"
#include "../../../src/platforms/database.h"

namespace containerd::platforms {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct ParseCase {
  std::string input;
  Platform want;
  std::vector<Platform> matches;
  std::string formatted;
  bool all = false;  // Format with FormatAll.
};

std::string HostSuffix() {
  const std::string variant = HostArch() == "arm" && HostVariant() != "v7" ? HostVariant() : "";
  return "/" + std::string(HostArch()) + (variant.empty() ? "" : "/" + variant);
}

Platform Of(std::string os, std::string arch, std::string variant = "") {
  return {.architecture = std::move(arch), .os = std::move(os), .variant = std::move(variant)};
}

// A platform of the host's architecture.
Platform OnHost(std::string os, std::string version = "", std::vector<std::string> features = {}) {
  Platform platform = Of(std::move(os), std::string(HostArch()));
  if (HostArch() == "arm" && HostVariant() != "v7") platform.variant = HostVariant();
  platform.os_version = std::move(version);
  platform.os_features = std::move(features);
  return platform;
}

TEST(Parse, Selector) {
  const std::string host(HostOS());
  const std::string suffix = HostSuffix();
  const std::vector<ParseCase> cases = {
      {"linux/arm64",
       Of("linux", "arm64"),
       {Of("linux", "aarch64"), Of("linux", "aarch64", "v8"), Of("linux", "arm64", "v8")},
       "linux/arm64"},
      {"linux/arm64/v8",
       Of("linux", "arm64", "v8"),
       {Of("linux", "aarch64"), Of("linux", "aarch64", "v8"), Of("linux", "arm64")},
       "linux/arm64/v8"},
      {"linux/arm",
       Of("linux", "arm"),
       {Of("linux", "arm", "v7"), Of("linux", "armhf"), Of("linux", "arm", "7")},
       "linux/arm"},
      {"linux/arm/v6", Of("linux", "arm", "v6"), {Of("linux", "armel")}, "linux/arm/v6"},
      {"linux/arm/v7",
       Of("linux", "arm", "v7"),
       {Of("linux", "arm"), Of("linux", "armhf")},
       "linux/arm/v7"},
      {"arm", Of(host, "arm"), {}, host + "/arm"},
      {"armel", Of(host, "arm", "v6"), {}, host + "/arm/v6"},
      {"armhf", Of(host, "arm"), {}, host + "/arm"},
      {"Aarch64", Of(host, "arm64"), {}, host + "/arm64"},
      {"x86_64", Of(host, "amd64"), {}, host + "/amd64"},
      {"x86-64", Of(host, "amd64"), {}, host + "/amd64"},
      {"Linux/x86_64", Of("linux", "amd64"), {}, "linux/amd64"},
      {"i386", Of(host, "386"), {}, host + "/386"},
      {"linux", OnHost("linux"), {}, "linux" + suffix},
      {"s390x", Of(host, "s390x"), {}, host + "/s390x"},
      {"linux/s390x", Of("linux", "s390x"), {}, "linux/s390x"},
      {"linux/amd64/v3", Of("linux", "amd64", "v3"), {}, "linux/amd64/v3"},
      {"linux/amd64/v1", Of("linux", "amd64"), {Of("linux", "x86_64", "v1")}, "linux/amd64"},
      {"anything/goes.here", Of("anything", "goes.here"), {}, "anything/goes.here"},
      {"macOS", OnHost("darwin"), {}, "darwin" + suffix},
      {"windows", OnHost("windows"), {}, "windows" + suffix},
      {"windows()", OnHost("windows"), {}, "windows" + suffix, true},
      {"windows(10.0.17763)",
       OnHost("windows", "10.0.17763"),
       {},
       "windows(10.0.17763)" + suffix,
       true},
      {"windows(10.0.17763+win32k)",
       OnHost("windows", "10.0.17763", {"win32k"}),
       {},
       "windows(10.0.17763+win32k)" + suffix,
       true},
      {"linux(+gpu)", OnHost("linux", "", {"gpu"}), {}, "linux(+gpu)" + suffix, true},
      {"linux(+gpu+simd)",
       OnHost("linux", "", {"gpu", "simd"}),
       {},
       "linux(+gpu+simd)" + suffix,
       true},
      {"linux(+unsorted+erofs)",
       OnHost("linux", "", {"unsorted", "erofs"}),
       {},
       "linux(+erofs+unsorted)" + suffix,
       true},
      {"windows(10.0.17763%2Bbuild.42)",
       OnHost("windows", "10.0.17763+build.42"),
       {},
       "windows(10.0.17763%2Bbuild.42)" + suffix,
       true},
      {"windows(10.0.17763%2bbuild.42+win32k)",
       OnHost("windows", "10.0.17763+build.42", {"win32k"}),
       {},
       "windows(10.0.17763%2Bbuild.42+win32k)" + suffix,
       true},
      {"windows(50%25done)", OnHost("windows", "50%done"), {}, "windows(50%25done)" + suffix, true},
  };
  for (const ParseCase& test : cases) {
    SCOPED_TRACE(test.input);
    const absl::StatusOr<Platform> platform = Parse(test.input);
    ASSERT_TRUE(platform.ok()) << platform.status();
    EXPECT_EQ(*platform, test.want);

    const MatcherPtr matcher = NewMatcher(*platform);
    EXPECT_TRUE(matcher->Match(test.want));
    for (const Platform& match : test.matches) EXPECT_TRUE(matcher->Match(match)) << Format(match);

    const auto format = test.all ? FormatAll : Format;
    EXPECT_EQ(format(*platform), test.formatted);
    const absl::StatusOr<Platform> again = Parse(test.formatted);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(format(*again), test.formatted);
  }
}

TEST(Parse, Invalid) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "\"\" is no operating system"},
      {"/linux/arm", "\"\" is no operating system"},
      {"linux/arm/", "\"\" is no component"},
      {"linux /arm", "\"linux \" is no operating system"},
      {"linux/&arm", "\"&arm\" is no component"},
      {"linux/arm/foo/bar", "more than <os>/<arch>/<variant>"},
      {"*", "wildcards are not supported"},
      {"linux/*", "wildcards are not supported"},
      {"nonsense", "unknown operating system or architecture"},
      {"linux(", "\"linux(\" has no \")\""},
      {"linux(7", "has no \")\""},
      {"linux(+)", "empty OS feature"},
      {"linux(++a)", "empty OS feature"},
      {"linux(+a b)", "invalid OS feature \"a b\""},
      {"linux(7 )", "invalid OS version \"7 \""},
      {"linux(%2)", "invalid OS version \"%2\""},
      {"linux(%zz)", "invalid OS version \"%zz\""},
      {"linux(+a))", "invalid OS feature \"a)\""},
      {"linux)", "\"linux)\" is no operating system"},
      {"amd64(1)", "unknown operating system or architecture"},
      {std::string("linux\0", 6), "\"linux\\x00\" is no operating system"},
  };
  for (const auto& [input, want] : cases) {
    const absl::StatusOr<Platform> platform = Parse(input);
    EXPECT_TRUE(errdefs::IsInvalidArgument(platform.status())) << input;
    EXPECT_THAT(std::string(platform.status().message()), HasSubstr(want)) << input;
  }
  const absl::StatusOr<Platform> huge = Parse("linux(" + std::string(1 << 20, '+') + ")/amd64");
  EXPECT_LT(huge.status().message().size(), 300U);
}

TEST(ParseAll, StopsAtTheFirstBadOne) {
  const absl::StatusOr<std::vector<Platform>> good = ParseAll({"linux/amd64", "linux/arm"});
  ASSERT_TRUE(good.ok());
  EXPECT_THAT(*good, ElementsAre(Of("linux", "amd64"), Of("linux", "arm")));
  const absl::StatusOr<std::vector<Platform>> bad = ParseAll({"linux/amd64", "linux/", "x"});
  EXPECT_THAT(std::string(bad.status().message()), HasSubstr("platform \"linux/\""));
}

TEST(MustParse, AbortsOnABadSpecifier) {
  EXPECT_EQ(MustParse("linux/amd64"), Of("linux", "amd64"));
  EXPECT_DEATH(MustParse("linux/"), "platforms::MustParse: platform \"linux/\"");
}

TEST(FormatAll, EscapesWhatIsReserved) {
  const auto with = [](std::string os, std::string version, std::vector<std::string> features) {
    return Platform{.architecture = "amd64",
                    .os = std::move(os),
                    .os_version = std::move(version),
                    .os_features = std::move(features)};
  };
  const std::vector<std::pair<Platform, std::string>> cases = {
      {with("windows", "10.0.17763+build.42", {}), "windows(10.0.17763%2Bbuild.42)/amd64"},
      {with("windows", "10.0.17763+build.42", {"win32k"}),
       "windows(10.0.17763%2Bbuild.42+win32k)/amd64"},
      {with("windows", "50%done", {}), "windows(50%25done)/amd64"},
      {with("windows", "1.0(beta)", {}), "windows(1.0%28beta%29)/amd64"},
      {with("windows", "a/b", {}), "windows(a%2Fb)/amd64"},
      {with("windows", "10.0.17763", {}), "windows(10.0.17763)/amd64"},
      {with("linux", "", {"feat+v2"}), "linux(+feat%2Bv2)/amd64"},
      {with("linux", "", {"100%gpu"}), "linux(+100%25gpu)/amd64"},
      {with("windows", "10.0+build", {"feat+1"}), "windows(10.0%2Bbuild+feat%2B1)/amd64"},
  };
  for (const auto& [platform, want] : cases) {
    EXPECT_EQ(FormatAll(platform), want);
    const absl::StatusOr<Platform> again = Parse(want);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(*again, platform);
  }
  EXPECT_EQ(FormatAll(with("linux", "", {"", "simd", "gpu", "", "gpu"})), "linux(+gpu+simd)/amd64");
  EXPECT_EQ(FormatAll(with("linux", "", {""})), "linux/amd64");
  EXPECT_EQ(FormatAll(with("", "1", {"a"})), "unknown");
  EXPECT_EQ(Format(Platform()), "unknown");
}

TEST(Format, JoinsAsPathsAreJoined) {
  const struct {
    std::string os, architecture, variant, want;
  } kCases[] = {
      {"linux", ".", "", "linux"},          {"linux", "..", "", "."},
      {"linux", ".", "v8", "linux/v8"},     {"linux", "arm64", ".", "linux/arm64"},
      {"linux", "amd64", "..", "linux"},    {"linux", "..", "x", "x"},
      {"linux", "...", "x", "linux/.../x"}, {"..", "x", "", "../x"},
      {"linux", "a//b", "", "linux/a/b"},   {"/linux", "..", "", "/"},
      {"linux", "", "v7", "linux/v7"},
  };
  for (const auto& c : kCases) {
    const Platform platform{.architecture = c.architecture, .os = c.os, .variant = c.variant};
    EXPECT_EQ(Format(platform), c.want);
    EXPECT_EQ(FormatAll(platform), c.want);
  }
  const absl::StatusOr<Platform> parsed = Parse("linux/.");
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(Format(*parsed), "linux");
  EXPECT_EQ(FormatAll({.architecture = ".", .os = "linux", .os_version = ".."}), "linux(..)");
}

TEST(Normalize, TakesOtherNamesAndDefaults) {
  const std::vector<std::tuple<Platform, Platform>> cases = {
      {Of("macOS", "AARCH64", "V8"), Of("darwin", "arm64")},
      {Of("linux", "arm64", "v8.0"), Of("linux", "arm64")},
      {Of("linux", "arm64", "9"), Of("linux", "arm64", "v9")},
      {Of("linux", "arm64", "v9.0"), Of("linux", "arm64", "v9")},
      {Of("linux", "arm64", "v8.1"), Of("linux", "arm64", "v8.1")},
      {Of("linux", "arm"), Of("linux", "arm", "v7")},
      {Of("linux", "arm", "6"), Of("linux", "arm", "v6")},
      {Of("linux", "armhf", "v6"), Of("linux", "arm", "v7")},
      {Of("linux", "armel", "v7"), Of("linux", "arm", "v6")},
      {Of("linux", "i386", "v2"), Of("linux", "386")},
      {Of("linux", "x86_64", "v1"), Of("linux", "amd64")},
      {Of("linux", "amd64", "V2"), Of("linux", "amd64", "v2")},
      {Of("", "amd64"), Of(std::string(HostOS()), "amd64")},
  };
  for (const auto& [in, want] : cases) EXPECT_EQ(Normalize(in), want) << Format(in);
  EXPECT_THAT(Normalize({.architecture = "amd64", .os = "linux", .os_features = {"b", "a", "b"}})
                  .os_features,
              ElementsAre("a", "b"));
}

TEST(Default, IsThisMachine) {
  const Platform want{.architecture = std::string(HostArch()),
                      .os = std::string(HostOS()),
                      .variant = HostVariant()};
  EXPECT_EQ(DefaultSpec(), want);
  EXPECT_EQ(DefaultString(), FormatAll(want));
  EXPECT_TRUE(Default()->Match(want));
  EXPECT_TRUE(DefaultStrict()->Match(want));
}

TEST(CpuVariant, OfMachine) {
  const std::vector<std::pair<std::string, std::optional<std::string>>> cases = {
      {"aarch64", "8"},       {"Armv8", "8"},           {"armv7l", "7"},
      {"armv6", "6"},         {"armv5", "5"},           {"armv4", "4"},
      {"armv3", "3"},         {"armv9", "unknown"},     {"armxxxx", std::nullopt},
      {"armv", std::nullopt}, {"x86_64", std::nullopt}, {"", std::nullopt},
  };
  for (const auto& [machine, want] : cases) EXPECT_EQ(VariantOfMachine(machine), want) << machine;
}

TEST(CpuVariant, OfCpuInfo) {
  EXPECT_EQ(FindVariant("arm64", "processor\t: 0\nCPU architecture: 8\n", "x"), "v8");
  EXPECT_EQ(FindVariant("arm", "CPU ARCHITECTURE : 5TEJ\n", "x"), "v5");
  EXPECT_EQ(FindVariant("arm", "CPU architecture: ?(13)\n", "x"), "v7");
  EXPECT_EQ(FindVariant("arm", "CPU architecture: 2\n", "armv7l"), "unknown");
  EXPECT_EQ(FindVariant("arm", "model name : ARMv7 Processor\nCPU architecture: 7", "x"), "v7");
  EXPECT_EQ(FindVariant("arm",
                        "model name\t: ARMv6-compatible processor rev 7 (v6l)\n"
                        "CPU architecture: 7\n",
                        "x"),
            "v6");
  // Without the line the machine's name counts.
  EXPECT_EQ(FindVariant("arm64", "vendor_id : GenuineIntel\n", "aarch64"), "v8");
  EXPECT_EQ(FindVariant("arm", "", "armv6l"), "v6");
  EXPECT_EQ(FindVariant("arm", "", "mystery"), "");
}

}  // namespace
}  // namespace containerd::platforms
