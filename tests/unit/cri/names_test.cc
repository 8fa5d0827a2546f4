// SPDX-License-Identifier: Apache-2.0
#include "containerd/cri/names.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "containerd/cri/auth.h"
#include "containerd/cri/image_names.h"
#include "containerd/cri/labels.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/filters/filters.h"
#include "containerd/log/log.h"

namespace containerd::cri {
namespace {

TEST(NamesTest, MakeSandboxAndContainerName) {
  const PodSandboxMetadata sandbox{.name = "pod", .uid = "uid", .ns = "ns", .attempt = 4294967295};
  EXPECT_EQ(MakeSandboxName(sandbox), "pod_ns_uid_4294967295");
  EXPECT_EQ(MakeContainerName({.name = "c", .attempt = 3}, sandbox), "c_pod_ns_uid_3");
  EXPECT_EQ(MakeSandboxName({}), "___0");
  EXPECT_EQ(MakeContainerName({}, {}), "____0");
}

TEST(NamesTest, FoldersAreBelowTheirParents) {
  const Config config{.root_dir = "/var/lib/cri/", .state_dir = "/run/cri"};
  EXPECT_EQ(*GetSandboxRootDir(config, "ab"), "/var/lib/cri/sandboxes/ab");
  EXPECT_EQ(*GetVolatileSandboxRootDir(config, "ab"), "/run/cri/sandboxes/ab");
  EXPECT_EQ(*GetContainerRootDir(config, "ab"), "/var/lib/cri/containers/ab");
  EXPECT_EQ(*GetVolatileContainerRootDir(config, "ab"), "/run/cri/containers/ab");
}

TEST(NamesTest, FoldersOfWhatIsNoIdentifierAreRefused) {
  const Config config{.root_dir = "/var/lib/cri", .state_dir = "/run/cri"};
  for (const std::string id : {"../x", "..", ".", "", "a/b", "/a", "a b", "a\n", "-a"}) {
    for (const auto& dir :
         {GetSandboxRootDir(config, id), GetVolatileSandboxRootDir(config, id),
          GetContainerRootDir(config, id), GetVolatileContainerRootDir(config, id)}) {
      EXPECT_TRUE(errdefs::IsInvalidArgument(dir.status())) << id << dir.status();
    }
  }
  EXPECT_TRUE(errdefs::IsInvalidArgument(GetSandboxRootDir({}, "ab").status()));
  EXPECT_TRUE(errdefs::IsInvalidArgument(GetVolatileContainerRootDir({}, "ab").status()));
}

TEST(NamesTest, IsInCRIMounts) {
  const std::vector<Mount> mounts = {{.container_path = "/etc/hosts"},
                                     {.container_path = "/dev/../data/"},
                                     {.container_path = "x"}};
  for (const char* in : {"/etc/hosts", "/etc//hosts/", "/etc/./hosts", "/data", "x", "./x"}) {
    EXPECT_TRUE(IsInCRIMounts(in, mounts)) << in;
  }
  for (const char* out : {"/etc", "/dev/data", "/x", "", "."}) {
    EXPECT_FALSE(IsInCRIMounts(out, mounts)) << out;
  }
  EXPECT_TRUE(IsInCRIMounts("", {{.container_path = "."}}));
  EXPECT_TRUE(IsInCRIMounts(".", {Mount{}}));
  EXPECT_FALSE(IsInCRIMounts("/etc/hosts", {}));
}

TEST(ImageNamesTest, GetRepoDigestAndTag) {
  const digest::Digest target = digest::FromString("manifest");
  const std::string other = digest::FromString("another").String();
  struct Case {
    std::string ref;
    bool schema1;
    RepoNames want;
  };
  const std::vector<Case> cases = {
      {"gcr.io/library/busybox:latest",
       false,
       {"gcr.io/library/busybox@" + target.String(), "gcr.io/library/busybox:latest"}},
      {"gcr.io/library/busybox@" + other, false, {"gcr.io/library/busybox@" + other, ""}},
      {"gcr.io/library/busybox@" + other, true, {"gcr.io/library/busybox@" + other, ""}},
      {"gcr.io/library/busybox:latest", true, {"", "gcr.io/library/busybox:latest"}},
      {"busybox", false, {"docker.io/library/busybox@" + target.String(), ""}},
      {"busybox:1@" + other,
       false,
       {"docker.io/library/busybox:1@" + other, "docker.io/library/busybox:1@" + other}},
  };
  for (const Case& c : cases) {
    const auto named = distribution::reference::ParseNormalizedNamed(c.ref);
    ASSERT_TRUE(named.ok()) << named.status();
    EXPECT_EQ(GetRepoDigestAndTag(*named, target, c.schema1), c.want) << c.ref;
  }
}

TEST(ImageNamesTest, ParseImageReferences) {
  const std::string dgst = digest::FromString("x").String();
  EXPECT_EQ(
      ParseImageReferences({
          "gcr.io/library/busybox@" + dgst,
          "gcr.io/library/busybox:1.2",
          dgst,
          std::string(dgst.substr(7)),
          "arbitrary-ref",
          "Not A Reference",
          "",
          "busybox:1@" + dgst,
      }),
      (ImageReferences{{"gcr.io/library/busybox:1.2"},
                       {"gcr.io/library/busybox@" + dgst, "docker.io/library/busybox:1@" + dgst}}));
  EXPECT_EQ(ParseImageReferences({}), ImageReferences{});
}

TEST(ImageNamesTest, GetUserFromImage) {
  const std::vector<std::pair<std::string, ImageUser>> cases = {
      {"", {}},
      {"0", {.uid = 0}},
      {"0:1", {.uid = 0}},
      {"0:1:2", {.uid = 0}},
      {"root", {.username = "root"}},
      {"root:1", {.username = "root"}},
      {"+5", {.uid = 5}},
      {"-1", {.uid = -1}},
      {"007", {.uid = 7}},
      {"+-5", {.username = "+-5"}},
      {"++5", {.username = "++5"}},
      {"+", {.username = "+"}},
      {"1_0", {.username = "1_0"}},
      {" 1", {.username = " 1"}},
      {"1 ", {.username = "1 "}},
      {"0x1", {.username = "0x1"}},
      {"9223372036854775807", {.uid = 9223372036854775807}},
      {"9223372036854775808", {.username = "9223372036854775808"}},
      {":1000", {}},
      {std::string("1\0", 2), {.username = std::string("1\0", 2)}},
  };
  for (const auto& [user, want] : cases) EXPECT_EQ(GetUserFromImage(user), want) << user;
}

TEST(LabelsTest, FilterLabelIsQuotedAsGoDoes) {
  EXPECT_EQ(FilterLabel("key", "value"), R"(labels."key"=="value")");
  EXPECT_EQ(FilterLabel("a.b/c", "\"\\\n\x01\xff\u00e9"),
            "labels.\"a.b/c\"==\"\\\"\\\\\\n\\x01\\xff\u00e9\"");
}

TEST(LabelsTest, BuildLabels) {
  std::vector<std::string> logged;
  log::SetSink([&](log::Level, std::string_view text) { logged.emplace_back(text); });
  const Labels built =
      BuildLabels({{"a", "request"}, {"b", "request"}, {"containerd.io/mine", "request"}},
                  {{"b", "image"},
                   {"c", "image"},
                   {"long", std::string(4093, 'x')},
                   {"containerd.io/gc.root", "image"},
                   {"io.cri-containerd.kind", "sandbox"},
                   {"fits", std::string(4092, 'x')}},
                  "container");
  log::SetSink(nullptr);
  EXPECT_EQ(built, (Labels{{"a", "request"},
                           {"b", "request"},
                           {"c", "image"},
                           {"containerd.io/mine", "request"},
                           {"fits", std::string(4092, 'x')},
                           {"io.cri-containerd.kind", "container"}}));
  EXPECT_EQ(logged.size(), 3);
  EXPECT_EQ(BuildLabels({{"io.cri-containerd.kind", "mine"}}, {}, "sandbox"),
            (Labels{{"io.cri-containerd.kind", "sandbox"}}));
}

TEST(LabelsTest, GetPassthroughAnnotations) {
  const std::map<std::string, std::string> pod = {{"c", "1"},     {"d", "2"},   {"d/e", "3"},
                                                  {"d/e/f", "4"}, {"z[a", "5"}, {"q?", "6"}};
  const std::vector<std::pair<std::vector<std::string>, std::vector<std::string>>> cases = {
      {{}, {}},
      {{"c"}, {"c"}},
      {{"c", "c"}, {"c"}},
      {{"c*"}, {"c"}},
      {{"*"}, {"c", "d", "q?", "z[a"}},
      {{"d/*"}, {"d/e"}},
      {{"d*"}, {"d"}},
      {{"*/*/*"}, {"d/e/f"}},
      {{"[cd]"}, {"c", "d"}},
      {{"[^c]"}, {"d"}},
      {{"?"}, {"c", "d"}},
      {{"q\\?"}, {"q?"}},
      {{"z[a", "["}, {}},
      {{"nothing"}, {}},
      {{""}, {}},
  };
  const std::map<std::string, std::string> of_upstream = {
      {"t.f", "j"},        {"z.g", "o"},           {"z", "o"},          {"y.ca", "b"},
      {"y", "b"},          {"m.com/end", "1"},     {"m.com/end1", "2"}, {"m.com/1end", "3"},
      {"m.com/mi1d", "4"}, {"m.com/1head", "5"},   {"end1/m", "6"},     {"1end/m", "7"},
      {"abc/all", "8"},    {"match1/match2", "9"}, {"no/no", "10"}};
  std::vector<std::string> passed;
  for (const auto& [key, value] : GetPassthroughAnnotations(
           of_upstream, {"*.f", "z*g", "y.c*", "m.com/end*", "m.com/mi*d", "m.com/*head", "end*/m",
                         "*/all", "match*/match*"})) {
    passed.push_back(key);
  }
  EXPECT_EQ(passed,
            (std::vector<std::string>{"abc/all", "end1/m", "m.com/1head", "m.com/end", "m.com/end1",
                                      "m.com/mi1d", "match1/match2", "t.f", "y.ca", "z.g"}));
  for (const auto& [patterns, want] : cases) {
    std::vector<std::string> keys;
    for (const auto& [key, value] : GetPassthroughAnnotations(pod, patterns)) {
      EXPECT_EQ(value, pod.at(key));
      keys.push_back(key);
    }
    EXPECT_EQ(keys, want) << (patterns.empty() ? "" : patterns[0]);
  }
}

TEST(AuthTest, ToRuntimeAuthConfig) {
  const RuntimeAuthConfig auth =
      ToRuntimeAuthConfig({.username = "u", .password = "p", .auth = "a", .identity_token = "i"});
  EXPECT_EQ(auth, (RuntimeAuthConfig{
                      .username = "u", .password = "p", .auth = "a", .identity_token = "i"}));
  EXPECT_EQ(auth.server_address, "");
  EXPECT_EQ(auth.registry_token, "");
}

TEST(AuthTest, ParseAuth) {
  using remotes::docker::Credentials;
  struct Case {
    RuntimeAuthConfig auth;
    std::string host;
    Credentials want;
  };
  const std::vector<Case> cases = {
      {{}, "host", {}},
      {{.username = "u", .password = "p"}, "host", {"u", "p"}},
      {{.username = "u", .password = "p", .identity_token = "i"}, "host", {"u", "p"}},
      {{.identity_token = "i"}, "host", {"", "i"}},
      {{.auth = "dTpwOnE="}, "host", {"u", "p:q"}},
      {{.auth = "dTpwAAA="}, "host", {"u", "p"}},
      {{.registry_token = "t"}, "host", {}},
      {{.username = "u", .server_address = "https://host/v1/"}, "host", {"u", ""}},
      {{.username = "u", .server_address = "https://other"}, "host", {}},
      {{.username = "u", .server_address = "http://host:5000"}, "host:5000", {"u", ""}},
      {{.username = "u", .server_address = "host:5000"}, "host:5001", {}},
      {{.username = "u", .server_address = "Host"}, "host", {"u", ""}},
      {{.username = "u", .server_address = "https://host:443"}, "host", {"u", ""}},
      {{.username = "u", .server_address = "https://index.docker.io/v1/"},
       "registry-1.docker.io",
       {"u", ""}},
  };
  for (const Case& c : cases) {
    const auto got = ParseAuth(c.auth, c.host);
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(*got, c.want) << c.auth.server_address << c.auth.auth;
  }
}

TEST(AuthTest, ErrorsTellNoSecret) {
  for (const RuntimeAuthConfig& auth :
       {RuntimeAuthConfig{.auth = "c2VjcmV0"}, RuntimeAuthConfig{.auth = "secret!"},
        RuntimeAuthConfig{.username = "u", .server_address = "https://me:secret@ host"}}) {
    const auto got = ParseAuth(auth, "host");
    EXPECT_TRUE(errdefs::IsInvalidArgument(got.status())) << got.status();
    EXPECT_EQ(got.status().message().find("secret"), std::string_view::npos) << got.status();
    EXPECT_EQ(got.status().message().find("c2Vj"), std::string_view::npos) << got.status();
  }
}

}  // namespace
}  // namespace containerd::cri
