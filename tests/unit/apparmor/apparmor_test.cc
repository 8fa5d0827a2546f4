// SPDX-License-Identifier: Apache-2.0
#include "containerd/apparmor/apparmor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

#include "src/apparmor/profile.h"

namespace containerd::apparmor {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(CleanProfileName, CutsTheMode) {
  for (const auto& [profile, name] :
       std::vector<std::pair<std::string, std::string>>{{"", "unconfined"},
                                                        {"unconfined", "unconfined"},
                                                        {"unconfined (enforce)", "unconfined"},
                                                        {"docker-default", "docker-default"},
                                                        {"foo", "foo"},
                                                        {"foo (enforce)", "foo"},
                                                        {"foo\n", "foo"}}) {
    EXPECT_EQ(CleanProfileName(profile), name) << profile;
  }
}

TEST(Generate, FollowsWhatTheMachineHas) {
  const std::string bare = Generate({.name = "p", .daemon_profile = "d"});
  EXPECT_THAT(bare, StartsWith("@{PROC}=/proc/\n"));
  EXPECT_THAT(bare, Not(HasSubstr("include")));
  EXPECT_THAT(bare, HasSubstr("profile p flags=(attach_disconnected,mediate_deleted) {\n"));
  EXPECT_THAT(bare, HasSubstr("signal (receive) peer=d,\n"));
  EXPECT_THAT(bare, HasSubstr("signal (send,receive) peer=p,\n"));
  EXPECT_THAT(bare, HasSubstr("ptrace (trace,tracedby,read,readby) peer=p,\n}\n"));
  EXPECT_THAT(bare, HasSubstr("deny mount,\n"));
  EXPECT_THAT(bare, HasSubstr("deny @{PROC}/sysrq-trigger rwklx,\n"));

  const std::string full = Generate({.name = "p",
                                     .daemon_profile = "d",
                                     .rootless_kit = "/usr/bin/rootlesskit",
                                     .has_abi = true,
                                     .has_tunables = true,
                                     .has_base = true});
  EXPECT_THAT(full, StartsWith("abi <abi/3.0>,\n#include <tunables/global>\n"));
  EXPECT_THAT(full, HasSubstr("#include <abstractions/base>\n"));
  EXPECT_THAT(full, HasSubstr("signal (receive) peer=/usr/bin/rootlesskit,\n"));
  EXPECT_THAT(full, Not(HasSubstr("@{PROC}=")));
}

TEST(DumpDefaultProfile, NamesCannotEndTheProfile) {
  auto text = DumpDefaultProfile("test-dump-default-profile");
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_THAT(*text, HasSubstr("profile test-dump-default-profile "));
  for (const char* bad :
       {"", "a b", "a{}", "a}\nprofile b {", "a\"", "a,", "#a", "@{x}", "a\x01"}) {
    EXPECT_TRUE(errdefs::IsInvalidArgument(DumpDefaultProfile(bad).status())) << bad;
    EXPECT_TRUE(errdefs::IsInvalidArgument(LoadDefaultProfile(bad))) << bad;
  }
}

TEST(WithProfile, SetsTheName) {
  oci::Spec spec;
  ASSERT_TRUE(WithProfile("p")(Context::Background(), nullptr, nullptr, &spec).ok());
  EXPECT_EQ(spec.process->apparmor_profile, "p");
}

TEST(WithDefaultProfile, FailsByName) {
  oci::Spec spec;
  const absl::Status s =
      WithDefaultProfile("containerd-cpp-test")(Context::Background(), nullptr, nullptr, &spec);
  if (s.ok()) GTEST_SKIP() << "this machine has AppArmor";
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("\"containerd-cpp-test\""));
  EXPECT_EQ(spec, oci::Spec{});
}

}  // namespace
}  // namespace containerd::apparmor
