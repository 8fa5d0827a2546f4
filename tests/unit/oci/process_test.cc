// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/oci/spec_opts_process.h"

#include "src/oci/capabilities.h"
#include "src/oci/env.h"
#include "tests/support/oci.h"

namespace containerd::oci {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

TEST(ReplaceOrAppendEnvValues, KeepsPlacesAndRemovesNamesWithoutValue) {
  EXPECT_THAT(ReplaceOrAppendEnvValues({"o=ups", "p=$e", "x=foo", "y=boo", "z", "t="},
                                       {"x=bar", "y", "a=42", "o=", "e", "s="}),
              ElementsAre("o=", "p=$e", "x=bar", "z", "t=", "a=42", "s="));
}

TEST(ReplaceOrAppendEnvValues, Corners) {
  // The last of several of a name is the one that is changed, and what is added is not looked at
  // again.
  EXPECT_THAT(ReplaceOrAppendEnvValues({"a=1", "a=2"}, {"a=3"}), ElementsAre("a=1", "a=3"));
  EXPECT_THAT(ReplaceOrAppendEnvValues({}, {"a=1", "a=2"}), ElementsAre("a=1", "a=2"));
  EXPECT_THAT(ReplaceOrAppendEnvValues({"a=1"}, {"a", "a=2"}), ElementsAre("a=2"));
  EXPECT_THAT(ReplaceOrAppendEnvValues({"", "a=b=c"}, {"a=d=e"}), ElementsAre("a=d=e"));
}

TEST(WithEnv, AppendsUpdatesAndRemoves) {
  Spec spec{.process = specs::Process{.env = {"DEFAULT=test"}}};
  ASSERT_TRUE(Apply(WithEnv({"env=1"}), &spec).ok());
  EXPECT_THAT(spec.process->env, ElementsAre("DEFAULT=test", "env=1"));
  ASSERT_TRUE(Apply(WithEnv({"env2=1"}), &spec).ok());
  EXPECT_THAT(spec.process->env, ElementsAre("DEFAULT=test", "env=1", "env2=1"));
  ASSERT_TRUE(Apply(WithEnv({"env2=2"}), &spec).ok());
  EXPECT_THAT(spec.process->env, ElementsAre("DEFAULT=test", "env=1", "env2=2"));
  ASSERT_TRUE(Apply(WithEnv({"env2"}), &spec).ok());
  EXPECT_THAT(spec.process->env, ElementsAre("DEFAULT=test", "env=1"));
  Spec empty;
  ASSERT_TRUE(Apply(WithEnv({}), &empty).ok());
  EXPECT_FALSE(empty.process.has_value());
}

TEST(WithEnvFile, TakesLines) {
  const TempDir dir;
  dir.Write("env", "A=1\nB=2\r\nC=\nD\n\nlast=x");
  Spec spec{.process = specs::Process{.env = {"D=gone"}}};
  ASSERT_TRUE(Apply(WithEnvFile(dir / "env"), &spec).ok());
  EXPECT_THAT(spec.process->env, ElementsAre("A=1", "B=2", "C=", "last=x"));

  EXPECT_TRUE(errdefs::IsNotFound(Apply(WithEnvFile(dir / "none"), &spec)));
  dir.Write("long", "A=1\nB=" + std::string(64 << 10, 'x'));
  const absl::Status s = Apply(WithEnvFile(dir / "long"), &spec);
  EXPECT_TRUE(errdefs::IsInvalidArgument(s));
  EXPECT_THAT(MessageOf(s), HasSubstr("line 2"));
}

TEST(WithDefaultPathEnv, SetsPath) {
  Spec spec{.process = specs::Process{.env = {"PATH=/x", "A=b"}}};
  ASSERT_TRUE(Apply(WithDefaultPathEnv, &spec).ok());
  EXPECT_THAT(
      spec.process->env,
      ElementsAre("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "A=b"));
}

TEST(Process, ArgsAndCwd) {
  Spec spec;
  ASSERT_TRUE(Apply(WithProcessCwd("testCwd"), &spec).ok());
  EXPECT_EQ(spec.process->cwd, "testCwd");
  spec.process->command_line = "x";
  ASSERT_TRUE(Apply(WithProcessArgs({"sh", "-c", "true"}), &spec).ok());
  EXPECT_THAT(spec.process->args, ElementsAre("sh", "-c", "true"));
  EXPECT_EQ(spec.process->command_line, "");
}

TEST(Process, Terminal) {
  Spec spec{.linux_ = specs::Linux{}};
  ASSERT_TRUE(Apply(WithTTY, &spec).ok());
  EXPECT_TRUE(spec.process->terminal);
  EXPECT_THAT(spec.process->env, ElementsAre("TERM=xterm"));
  ASSERT_TRUE(Apply(WithTTYSize(10, 20), &spec).ok());
  EXPECT_EQ(spec.process->console_size->width, 10U);
  EXPECT_EQ(spec.process->console_size->height, 20U);

  Spec windows{.windows = specs::Windows{}};
  ASSERT_TRUE(Apply(WithTTY, &windows).ok());
  EXPECT_TRUE(windows.process->terminal);
  EXPECT_THAT(windows.process->env, IsEmpty());
}

TEST(Process, Privileges) {
  Spec spec;
  ASSERT_TRUE(Apply(WithNoNewPrivileges, &spec).ok());
  EXPECT_TRUE(spec.process->no_new_privileges);
  ASSERT_TRUE(Apply(WithNewPrivileges, &spec).ok());
  EXPECT_FALSE(spec.process->no_new_privileges);
  ASSERT_TRUE(Apply(WithSelinuxLabel("l"), &spec).ok());
  ASSERT_TRUE(Apply(WithApparmorProfile("p"), &spec).ok());
  EXPECT_EQ(spec.process->selinux_label, "l");
  EXPECT_EQ(spec.process->apparmor_profile, "p");
}

TEST(Process, RlimitsAreReplacedByType) {
  Spec spec;
  ASSERT_TRUE(Apply(WithRlimit({.type = "RLIMIT_CORE", .hard = 1, .soft = 1}), &spec).ok());
  ASSERT_TRUE(Apply(WithRlimit({.type = "RLIMIT_NOFILE", .hard = 2, .soft = 2}), &spec).ok());
  ASSERT_TRUE(Apply(WithRlimit({.type = "RLIMIT_CORE", .hard = 4, .soft = 3}), &spec).ok());
  EXPECT_THAT(spec.process->rlimits,
              ElementsAre(specs::POSIXRlimit{.type = "RLIMIT_CORE", .hard = 4, .soft = 3},
                          specs::POSIXRlimit{.type = "RLIMIT_NOFILE", .hard = 2, .soft = 2}));
}

// The sets of a spec's capabilities, in the order bounding, effective, permitted, inheritable.
std::vector<std::vector<std::string>> Sets(const Spec& spec) {
  const specs::LinuxCapabilities& caps = *spec.process->capabilities;
  return {caps.bounding, caps.effective, caps.permitted, caps.inheritable};
}

void WithAllSets(Spec* spec) {
  ASSERT_TRUE(Apply(WithAllKnownCapabilities, spec).ok());
  spec->process->capabilities->inheritable = KnownCapabilities();
}

TEST(Capabilities, Set) {
  Spec spec;
  ASSERT_TRUE(Apply(WithCapabilities({"CAP_CHOWN"}), &spec).ok());
  EXPECT_THAT(Sets(spec), ElementsAre(ElementsAre("CAP_CHOWN"), ElementsAre("CAP_CHOWN"),
                                      ElementsAre("CAP_CHOWN"), IsEmpty()));
  WithAllSets(&spec);
  ASSERT_TRUE(Apply(WithCapabilities({"CAP_CHOWN"}), &spec).ok());
  EXPECT_THAT(Sets(spec), Each(ElementsAre("CAP_CHOWN")));

  WithAllSets(&spec);
  ASSERT_TRUE(Apply(WithDroppedCapabilities({"CAP_CHOWN"}), &spec).ok());
  ASSERT_TRUE(Apply(WithCapabilities({"CAP_CHOWN"}), &spec).ok());
  EXPECT_THAT(Sets(spec), ElementsAre(ElementsAre("CAP_CHOWN"), ElementsAre("CAP_CHOWN"),
                                      ElementsAre("CAP_CHOWN"), IsEmpty()));

  WithAllSets(&spec);
  ASSERT_TRUE(Apply(WithCapabilities({}), &spec).ok());
  EXPECT_THAT(Sets(spec), Each(IsEmpty()));
}

TEST(Capabilities, Add) {
  Spec spec;
  ASSERT_TRUE(Apply(WithAddedCapabilities({"CAP_CHOWN", "CAP_CHOWN", "CAP_KILL"}), &spec).ok());
  ASSERT_TRUE(Apply(WithAddedCapabilities({"CAP_KILL"}), &spec).ok());
  EXPECT_THAT(Sets(spec), ElementsAre(ElementsAre("CAP_CHOWN", "CAP_KILL"),
                                      ElementsAre("CAP_CHOWN", "CAP_KILL"),
                                      ElementsAre("CAP_CHOWN", "CAP_KILL"), IsEmpty()));
}

TEST(Capabilities, Drop) {
  Spec spec;
  WithAllSets(&spec);
  ASSERT_TRUE(Apply(WithDroppedCapabilities({"CAP_FOWNER"}), &spec).ok());
  EXPECT_THAT(Sets(spec), Each(Contains("CAP_CHOWN")));
  EXPECT_THAT(Sets(spec), Each(Not(Contains("CAP_FOWNER"))));
  ASSERT_TRUE(Apply(WithCapabilities({"CAP_CHOWN", "CAP_CHOWN"}), &spec).ok());
  ASSERT_TRUE(Apply(WithDroppedCapabilities({"CAP_CHOWN"}), &spec).ok());
  EXPECT_THAT(Sets(spec), Each(IsEmpty()));
}

TEST(Capabilities, Ambient) {
  Spec spec;
  ASSERT_TRUE(Apply(WithAmbientCapabilities({"CAP_KILL"}), &spec).ok());
  EXPECT_THAT(spec.process->capabilities->ambient, ElementsAre("CAP_KILL"));
  EXPECT_THAT(spec.process->capabilities->inheritable, ElementsAre("CAP_KILL"));
  EXPECT_THAT(spec.process->capabilities->bounding, IsEmpty());
}

TEST(Capabilities, NamesByNumber) {
  EXPECT_THAT(KnownCapabilities(), SizeIs(41));
  EXPECT_EQ(KnownCapabilities()[21], "CAP_SYS_ADMIN");
  EXPECT_EQ(KnownCapabilities()[40], "CAP_CHECKPOINT_RESTORE");
  EXPECT_THAT(NamesOfCapabilities(0), IsEmpty());
  EXPECT_THAT(NamesOfCapabilities(0x00000000a80425fb), SizeIs(14));
  EXPECT_THAT(NamesOfCapabilities((1ULL << 63) | 1), ElementsAre("CAP_CHOWN"));
  EXPECT_THAT(NamesOfCapabilities(~0ULL), SizeIs(41));
}

TEST(Capabilities, FromProcStatus) {
  auto bitmap = EffectiveCapabilities(
      "Name:\tcat\nCapInh:\t0000000000000000\nCapPrm:\t0000003fffffffff\n"
      "CapEff:\t0000003fffffffff\nCapBnd:\t0000003fffffffff\n");
  ASSERT_TRUE(bitmap.ok()) << bitmap.status();
  EXPECT_EQ(*bitmap, 0x3fffffffffULL);
  for (const char* bad : {"", "CapEff:", "CapEff:\tzz\n", "CapEff:\t1ffffffffffffffff\n",
                          "CapEff:\t1 2\n", "CapPrm:\t1\n"}) {
    EXPECT_TRUE(errdefs::IsInvalidArgument(EffectiveCapabilities(bad).status())) << bad;
  }
}

}  // namespace
}  // namespace containerd::oci
