// SPDX-License-Identifier: Apache-2.0
#include "../../../src/supervisor/config.h"

#include <cstdlib>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/supervisor/supervisor.h"

namespace containerd::supervisor {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

Config Make(const std::vector<DaemonOpt>& opts = {}) {
  Config config;
  config.root_dir = "/r";
  config.state_dir = "/s";
  config.address = "/s/containerd.sock";
  for (const DaemonOpt& opt : opts) EXPECT_TRUE(opt(config).ok());
  return config;
}

TEST(Toml, QuotesWhatABasicStringCannotHold) {
  EXPECT_EQ(QuoteToml("/plain path"), "\"/plain path\"");
  EXPECT_EQ(QuoteToml("a\"b\\c"), "\"a\\\"b\\\\c\"");
  EXPECT_EQ(QuoteToml("a\nb\x7f"), "\"a\\u000Ab\\u007F\"");
  EXPECT_EQ(QuoteToml("gr\xc3\xbc\xc3\x9f"), "\"gr\xc3\xbc\xc3\x9f\"");
}

TEST(Toml, HoldsOnlyWhatWasSet) {
  EXPECT_EQ(RenderToml(Make()),
            "version = 2\n"
            "root = \"/r/daemon\"\n"
            "state = \"/s/daemon\"\n"
            "\n"
            "[grpc]\n"
            "  address = \"/s/containerd.sock\"\n"
            "\n"
            "[plugins.\"io.containerd.internal.v1.opt\"]\n"
            "  path = \"/r/opt\"\n");
}

TEST(Toml, HoldsEveryOption) {
  const std::string toml = RenderToml(
      Make({WithOOMScore(-999), WithCRIDisabled(), WithDisabledPlugins({"a.b", "c"}),
            WithLogLevel("debug"), WithLogFormat("json"), WithConfig("[metrics]\n  x = 1")}));
  EXPECT_THAT(toml, HasSubstr("oom_score = -999\n"
                              "disabled_plugins = [\"io.containerd.grpc.v1.cri\", \"a.b\", \"c\"]\n"
                              "\n[grpc]"));
  EXPECT_THAT(toml, HasSubstr("[debug]\n  level = \"debug\"\n  format = \"json\"\n"));
  EXPECT_THAT(toml, HasSubstr("\n[metrics]\n  x = 1\n"));
}

TEST(Options, RefuseWhatCannotBe) {
  Config config;
  const struct {
    DaemonOpt opt;
    std::string message;
  } cases[] = {
      {WithBinDir("bin"), "invalid binary folder \"bin\": not absolute"},
      {WithLogFile(""), "invalid log file \"\": not absolute"},
      {WithLogLevel("loud"), "invalid log level \"loud\": not one of trace, debug, info"},
      {WithLogFormat("xml"), "invalid log format \"xml\""},
      {WithEnv("A=B", ""), "invalid environment variable name \"A=B\""},
      {WithEnv("", "x"), "invalid environment variable name \"\""},
      {WithOOMScore(1001), "invalid OOM score 1001"},
      {WithOOMScore(-1001), "invalid OOM score -1001"},
      {WithStartupTimeout(absl::ZeroDuration()), "invalid startup timeout 0: not positive"},
      {WithShutdownTimeout(-absl::Seconds(1)), "invalid shutdown timeout -1s: not positive"},
      {WithRestartBackoff(absl::Seconds(2), absl::Seconds(1)), "invalid restart backoff"},
      {WithRestartBackoff(absl::ZeroDuration(), absl::Seconds(1)), "invalid restart backoff 0"},
      {WithParentDeathSignal(0), "invalid parent death signal 0"},
      {WithParentDeathSignal(1000), "invalid parent death signal 1000"},
  };
  for (const auto& c : cases) {
    const absl::Status status = c.opt(config);
    EXPECT_TRUE(errdefs::IsInvalidArgument(status)) << status;
    EXPECT_THAT(errdefs::Message(status), StartsWith(c.message));
  }
}

TEST(Options, EnvironmentPutsTheBinDirFirst) {
  ASSERT_EQ(setenv("NOTIFY_SOCKET", "/run/notify", 1), 0);  // NOLINT(concurrency-mt-unsafe)
  const std::vector<std::string> env = Environment(
      Make({WithBinDir("/opt/bin"), WithEnv("PATH", "/usr/bin"), WithEnv("GOGC", "off")}));
  EXPECT_THAT(env, Contains("PATH=/opt/bin:/usr/bin"));
  EXPECT_THAT(env, Contains("GOGC=off"));
  EXPECT_THAT(env, Not(Contains(StartsWith("NOTIFY_SOCKET="))));
}

TEST(Options, BinaryIsOnlyLookedForInTheBinDir) {
  const absl::Status status = FindBinary(Make({WithBinDir("/nonexistent")})).status();
  EXPECT_TRUE(errdefs::IsNotFound(status)) << status;
  EXPECT_EQ(errdefs::Message(status), "no containerd binary in /nonexistent");
}

TEST(Validate, PathsThatCannotBe) {
  const std::string long_path = "/" + std::string(101, 'x');
  const struct {
    std::string root, state, address, message;
  } cases[] = {
      {"r", "/s", "/s/c.sock", "invalid root folder \"r\": not absolute"},
      {"/r", "", "/s/c.sock", "invalid state folder \"\": not absolute"},
      {"/r", "/s", "c.sock", "invalid socket \"c.sock\": not absolute"},
      {"//", "/s", "/s/c.sock", "invalid root folder \"//\""},
      {"/r", "/s", long_path, "invalid socket \"" + long_path + "\": 102 bytes, limit 101"},
      {"/r", "/s", std::string("/s\0x", 4), "invalid socket: has a NUL byte"},
  };
  for (const auto& c : cases) {
    Config config;
    config.root_dir = c.root;
    config.state_dir = c.state;
    config.address = c.address;
    const absl::Status status = Validate(config);
    EXPECT_TRUE(errdefs::IsInvalidArgument(status)) << status;
    EXPECT_EQ(errdefs::Message(status), c.message);
  }
  Config config = Make();
  config.address = long_path.substr(0, 101);
  EXPECT_TRUE(Validate(config).ok());
}

}  // namespace
}  // namespace containerd::supervisor
