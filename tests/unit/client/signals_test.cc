// SPDX-License-Identifier: Apache-2.0
#include "containerd/signals.h"

#include <csignal>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/task_opts.h"

namespace containerd {
namespace {

using ::testing::HasSubstr;

TEST(ParseSignal, ReadsNamesAndNumbers) {
  const struct {
    const char* text;
    int want;
  } kRows[] = {
      {"SIGTERM", SIGTERM},
      {"TERM", SIGTERM},
      {"sigterm", SIGTERM},
      {"kill", SIGKILL},
      {"9", 9},
      {"64", 64},
      {"+9", 9},
      {"009", 9},
      {"SIGRTMIN", 34},
      {"RTMIN+3", 37},
      {"sigrtmin+15", 49},
      {"SIGRTMAX-14", 50},
      {"RTMAX", 64},
      {"WINCH", SIGWINCH},
      {"SIGCLD", SIGCHLD},
      {"SIGIOT", SIGABRT},
  };
  for (const auto& row : kRows) {
    const auto got = ParseSignal(row.text);
    ASSERT_TRUE(got.ok()) << row.text << ": " << got.status();
    EXPECT_EQ(*got, row.want) << row.text;
  }
}

TEST(ParseSignal, NamesWhatIsNoSignal) {
  for (const char* text : {"",         "SIG",     "SIGNOPE",  "0",
                           "-1",       "65",      "9x",       "99999999999999999999",
                           "RTMIN+16", "RTMIN-1", "RTMIN+",   "RTMIN++1",
                           "RTMIN+01", "RTMIN+0", "RTMIN+00", "RTMAX-01",
                           "RTMAX-00", "++9",     "+-9",      "+",
                           "RTMAX-15", "RTMAX+1"}) {
    const auto got = ParseSignal(text);
    EXPECT_TRUE(errdefs::IsInvalidArgument(got.status())) << text;
    EXPECT_THAT(std::string(errdefs::Message(got.status())), HasSubstr(text));
  }
}

TEST(CheckRuntime, ComparesPartByPart) {
  EXPECT_TRUE(CheckRuntime("io.containerd.runc.v2", "io.containerd.runc.v2"));
  EXPECT_TRUE(CheckRuntime("io.containerd.runc.v2", "io.containerd.runc"));
  EXPECT_TRUE(CheckRuntime("io.containerd.runc.v2", "io"));
  EXPECT_FALSE(CheckRuntime("io.containerd.runc.v2", "io.containerd.runc.v1"));
  EXPECT_FALSE(CheckRuntime("io.containerd.runcat.v2", "io.containerd.runc"));
  EXPECT_FALSE(CheckRuntime("io.containerd.runc", "io.containerd.runc.v2"));
  EXPECT_FALSE(CheckRuntime("io.containerd", "io.containerd.runc.v2"));
}

}  // namespace
}  // namespace containerd
