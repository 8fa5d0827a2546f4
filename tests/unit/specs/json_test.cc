// SPDX-License-Identifier: Apache-2.0
//
// The fixtures in tests/data/specs were written by Go's json.Marshal: <Type>.zero.json from the
// zero value, <Type>.full.json from a value with every field set.
#include "containerd/specs/json.h"

#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace containerd::specs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string ReadFixture(const std::string& name) {
  const std::ifstream file(std::string(CONTAINERD_TEST_DATA) + "/specs/" + name);
  EXPECT_TRUE(file.is_open()) << name;
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

// Adds an unknown member to every object that is a struct: in front of the known ones for the text
// to read, behind them for the text that must be written.
nlohmann::ordered_json WithUnknown(const nlohmann::ordered_json& in, bool front,
                                   const std::string& name = "") {
  // Maps of strings, and free JSON.
  static const std::set<std::string> kPlain = {"annotations", "sysctl", "unified",
                                               "credentialSpec"};
  static const std::set<std::string> kMapsOfStructs = {"rdma", "netDevices", "timeOffsets"};
  if (in.is_array()) {
    nlohmann::ordered_json out = nlohmann::ordered_json::array();
    for (const auto& item : in) out.push_back(WithUnknown(item, front));
    return out;
  }
  if (!in.is_object() || kPlain.contains(name)) return in;
  nlohmann::ordered_json out = nlohmann::ordered_json::object();
  const bool is_struct = !kMapsOfStructs.contains(name);
  if (is_struct && front) out["unknown"] = {{"z", 1}};
  for (const auto& [key, value] : in.items()) out[key] = WithUnknown(value, front, key);
  if (is_struct && !front) out["unknown"] = {{"z", 1}};
  return out;
}

template <class T>
struct Name;
#define CONTAINERD_NAME(type)              \
  template <>                              \
  struct Name<type> {                      \
    static constexpr char kText[] = #type; \
  }
CONTAINERD_NAME(Spec);
CONTAINERD_NAME(Process);
CONTAINERD_NAME(Mount);
CONTAINERD_NAME(Hooks);
CONTAINERD_NAME(Linux);
CONTAINERD_NAME(LinuxResources);
CONTAINERD_NAME(LinuxSeccomp);
CONTAINERD_NAME(Windows);
CONTAINERD_NAME(WindowsResources);
CONTAINERD_NAME(State);
CONTAINERD_NAME(ContainerProcessState);
using features::Features;
CONTAINERD_NAME(Features);
#undef CONTAINERD_NAME

template <class T>
class DocumentTest : public ::testing::Test {
 protected:
  static std::string Full() { return ReadFixture(std::string(Name<T>::kText) + ".full.json"); }
  static std::string Zero() { return ReadFixture(std::string(Name<T>::kText) + ".zero.json"); }
};

using Documents =
    ::testing::Types<Spec, Process, Mount, Hooks, Linux, LinuxResources, LinuxSeccomp, Windows,
                     WindowsResources, State, ContainerProcessState, Features>;
TYPED_TEST_SUITE(DocumentTest, Documents);

TYPED_TEST(DocumentTest, ZeroValueIsWrittenAsGoDoes) {
  EXPECT_EQ(Marshal(TypeParam()), this->Zero());
}

TYPED_TEST(DocumentTest, EveryFieldSurvivesByteForByte) {
  const std::string text = this->Full();
  const absl::StatusOr<TypeParam> value = Unmarshal<TypeParam>(text);
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_EQ(Marshal(*value), text);
  EXPECT_EQ(*Unmarshal<TypeParam>(Marshal(*value)), *value);
}

TYPED_TEST(DocumentTest, UnknownMembersComeAfterTheKnownOnes) {
  const auto full = nlohmann::ordered_json::parse(this->Full());
  const absl::StatusOr<TypeParam> value = Unmarshal<TypeParam>(WithUnknown(full, true).dump(1));
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_EQ(Marshal(*value), WithUnknown(full, false).dump());
}

TEST(Spec, IsReadIntoItsFields) {
  const absl::StatusOr<Spec> spec = Unmarshal<Spec>(R"({
    "ociVersion": "1.2.0",
    "process": {"user": {"uid": 1000, "gid": 4294967295, "additionalGids": [5]}, "args": ["sh", "-c"],
                "cwd": "/", "oomScoreAdj": -1000, "noNewPrivileges": true,
                "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 18446744073709551615, "soft": 1}]},
    "mounts": [{"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid"]}],
    "linux": {"resources": {"memory": {"limit": -1}, "devices": [{"allow": false, "access": "rwm"}],
                            "unified": {"memory.high": "1"}},
              "namespaces": [{"type": "pid"}, {"type": "network", "path": "/proc/1/ns/net"}]}
  })");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->process->user, (User{.uid = 1000, .gid = 4294967295, .additional_gids = {5}}));
  EXPECT_THAT(spec->process->args, ElementsAre("sh", "-c"));
  EXPECT_EQ(spec->process->oom_score_adj, -1000);
  EXPECT_EQ(spec->process->rlimits.at(0).hard, UINT64_MAX);
  EXPECT_EQ(spec->linux_->resources->memory->limit, -1);
  EXPECT_FALSE(spec->linux_->resources->devices.at(0).major.has_value());
  EXPECT_EQ(spec->linux_->resources->unified.at("memory.high"), "1");
  EXPECT_THAT(spec->linux_->namespaces,
              ElementsAre(LinuxNamespace{.type = kPIDNamespace},
                          LinuxNamespace{.type = kNetworkNamespace, .path = "/proc/1/ns/net"}));
}

TEST(Spec, ValuesThatGoPointsToAreKeptWhenZero) {
  const std::string text =
      R"({"devices":[{"allow":true,"major":0,"minor":0}],"memory":{"limit":0,"disableOOMKiller":false},)"
      R"("cpu":{"shares":0},"pids":{"limit":0}})";
  const absl::StatusOr<LinuxResources> resources = Unmarshal<LinuxResources>(text);
  ASSERT_TRUE(resources.ok()) << resources.status();
  EXPECT_EQ(Marshal(*resources), text);
  EXPECT_EQ(Marshal(*Unmarshal<LinuxResources>(R"({"memory":{},"cpu":null,"devices":[]})")),
            R"({"memory":{}})");
}

TEST(Spec, ErrorsNameTheField) {
  const auto message = [](std::string_view text) {
    return std::string(Unmarshal<Spec>(text).status().message());
  };
  EXPECT_THAT(message(R"({"process":{"user":{"uid":-1}}})"),
              HasSubstr("process.user.uid: integer out of range, want 0 to 4294967295"));
  EXPECT_THAT(message(R"({"linux":{"timeOffsets":{"boottime":{"secs":"1"}}}})"),
              HasSubstr(R"(linux.timeOffsets["boottime"].secs: want an integer)"));
  EXPECT_THAT(message(R"({"mounts":{}})"), HasSubstr("mounts: want an array, found an object"));
  EXPECT_THAT(message(R"({"process":{"env":["A=b",1]}})"), HasSubstr("process.env[1]"));
}

TEST(Windows, CredentialSpecIsOpaque) {
  const std::string text =
      R"({"layerFolders":["C:\\l"],"credentialSpec":{"Sid":1.50,"a":["\u003cx\u003e"]}})";
  const absl::StatusOr<Windows> windows = Unmarshal<Windows>(text);
  ASSERT_TRUE(windows.ok()) << windows.status();
  EXPECT_EQ(Marshal(*windows), text);
}

}  // namespace
}  // namespace containerd::specs
