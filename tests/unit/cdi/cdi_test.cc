// SPDX-License-Identifier: Apache-2.0
#include "containerd/cdi/cdi.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/context/context.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/specs/json.h"

namespace containerd::cdi {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

namespace fs = std::filesystem;

std::string Text(const absl::Status& status) { return std::string(errdefs::Message(status)); }

// A valid spec with one device, whose edits are given in YAML's flow style.
std::string WithEdits(std::string_view edits, std::string_view version = "1.1.0") {
  return fmt::format("cdiVersion: {}\nkind: v.com/c\ndevices:\n- name: d\n  containerEdits: {}\n",
                     version, edits);
}

TEST(QualifiedName, Valid) {
  const struct {
    const char* device;
    QualifiedName want;
  } kRows[] = {
      {"vendor.com/class=dev", {"vendor.com", "class", "dev"}},
      {"v/c=0", {"v", "c", "0"}},
      {"v/c=1:2.3-4_5", {"v", "c", "1:2.3-4_5"}},
      {"V-1_a.b/C.d=A", {"V-1_a.b", "C.d", "A"}},
  };
  for (const auto& row : kRows) {
    const auto name = ParseQualifiedName(row.device);
    ASSERT_TRUE(name.ok()) << name.status();
    EXPECT_EQ(*name, row.want) << row.device;
    EXPECT_TRUE(IsQualifiedName(row.device));
  }
}

TEST(QualifiedName, Invalid) {
  for (const char* device :
       {"",           "/dev/null",  "dev",         "vendor/class", "=dev",    "vendor/class=",
        "vendor=dev", "/class=dev", "vendor/=dev", "1v/c=d",       "v/1c=d",  "-v/c=d",
        "v-/c=d",     "v/c_=d",     "v/c=_d",      "v/c=d:",       "v/c=d=e", "v/c/e=d",
        "v!/c=d",     "v/c=d d",    "v/c=\xc3\xa4"}) {
    const auto name = ParseQualifiedName(device);
    EXPECT_TRUE(errdefs::IsInvalidArgument(name.status())) << device;
    EXPECT_THAT(Text(name.status()), HasSubstr(device));
    EXPECT_FALSE(IsQualifiedName(device));
  }
}

constexpr char kFull[] = R"(---
# All that there is.
cdiVersion: "1.1.0"
kind: "vendor.com/device.x"
annotations: {vendor.com/one: "1", two: yes}
devices:
  - name: one
    annotations:
      of: one
    containerEdits:
      env:
        - A=1
        - "B=two words"
      deviceNodes:
        - path: /dev/in
          hostPath: /dev/null
          type: c
          major: 0x1
          minor: 3
          fileMode: 0660
          permissions: rw
          uid: 7
          gid: 8
      netDevices: [{hostInterfaceName: eth7, name: net0}]
      hooks:
        - hookName: createContainer
          path: /bin/hook
          args: [hook, 12, true]
          env: [C=3]
          timeout: 5
      mounts:
        - {hostPath: /usr/lib/x, containerPath: /usr/lib/x, options: [ro, rbind], type: bind}
      intelRdt:
        closID: clos
        l3CacheSchema: "L3:0=f"
        memBwSchema: "MB:0=70"
        schemata: ["L2:0=f"]
        enableMonitoring: true
      additionalGids: [0, 20, 21, 20]
containerEdits:
  env: [ALL=1]
)";

TEST(ParseSpec, AllFields) {
  const auto spec = ParseSpec(kFull);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_TRUE(ValidateSpec(*spec).ok()) << ValidateSpec(*spec);
  EXPECT_EQ(spec->version, "1.1.0");
  EXPECT_EQ(spec->kind, "vendor.com/device.x");
  EXPECT_THAT(spec->annotations, ElementsAre(Pair("two", "true"), Pair("vendor.com/one", "1")));
  EXPECT_THAT(spec->container_edits.env, ElementsAre("ALL=1"));
  ASSERT_EQ(spec->devices.size(), 1U);
  EXPECT_EQ(spec->devices[0].name, "one");
  EXPECT_THAT(spec->devices[0].annotations, ElementsAre(Pair("of", "one")));
  const ContainerEdits& edits = spec->devices[0].container_edits;
  EXPECT_THAT(edits.env, ElementsAre("A=1", "B=two words"));
  ASSERT_EQ(edits.device_nodes.size(), 1U);
  const DeviceNode& node = edits.device_nodes[0];
  EXPECT_EQ(node.path, "/dev/in");
  EXPECT_EQ(node.host_path, "/dev/null");
  EXPECT_EQ(node.type, "c");
  EXPECT_EQ(node.major, 1);
  EXPECT_EQ(node.minor, 3);
  EXPECT_EQ(node.file_mode, 0660U);
  EXPECT_EQ(node.permissions, "rw");
  EXPECT_EQ(node.uid, 7U);
  EXPECT_EQ(node.gid, 8U);
  EXPECT_EQ(edits.net_devices.at(0).host_interface_name, "eth7");
  EXPECT_EQ(edits.net_devices.at(0).name, "net0");
  EXPECT_EQ(edits.hooks.at(0).hook_name, "createContainer");
  EXPECT_THAT(edits.hooks.at(0).args, ElementsAre("hook", "12", "true"));
  EXPECT_EQ(edits.hooks.at(0).timeout, 5);
  EXPECT_THAT(edits.mounts.at(0).options, ElementsAre("ro", "rbind"));
  ASSERT_TRUE(edits.intel_rdt.has_value());
  EXPECT_EQ(edits.intel_rdt->clos_id, "clos");
  EXPECT_THAT(*edits.intel_rdt->schemata, ElementsAre("L2:0=f"));
  EXPECT_TRUE(edits.intel_rdt->enable_monitoring);
  EXPECT_THAT(edits.additional_gids, ElementsAre(0U, 20U, 21U, 20U));
}

TEST(ParseSpec, JSON) {
  const auto spec = ParseSpec(
      "{\n\t\"cdiVersion\": \"0.5.0\",\n\t\"kind\": \"v.com/c\",\n"
      "\t\"devices\": [{\"name\": \"0\", \"containerEdits\": "
      "{\"env\": [\"A=\\u00e4\"], \"deviceNodes\": null}}]\n}\n");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_TRUE(ValidateSpec(*spec).ok()) << ValidateSpec(*spec);
  EXPECT_EQ(spec->devices.at(0).name, "0");
  EXPECT_THAT(spec->devices[0].container_edits.env, ElementsAre("A=\xc3\xa4"));
}

TEST(ParseSpec, AnchorsAndMerges) {
  const auto spec = ParseSpec(R"(
cdiVersion: 0.6.0
kind: v.com/c
devices:
- name: a
  containerEdits: &edits
    env: [A=1]
    deviceNodes: [&node {path: /dev/a, major: 5, minor: 6, type: c}]
- name: b
  containerEdits: *edits
- name: c
  containerEdits:
    deviceNodes:
    - <<: *node
      path: /dev/c
    - {<<: [*node, {uid: 3, path: /no}], type: b}
)");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_THAT(spec->devices.at(1).container_edits.env, ElementsAre("A=1"));
  const auto& nodes = spec->devices.at(2).container_edits.device_nodes;
  EXPECT_EQ(nodes.at(0).path, "/dev/c");
  EXPECT_EQ(nodes.at(0).major, 5);
  EXPECT_EQ(nodes.at(1).path, "/dev/a");
  EXPECT_EQ(nodes.at(1).type, "b");
  EXPECT_EQ(nodes.at(1).uid, 3U);
}

TEST(ParseSpec, WhatIsNoSpecSaysWhere) {
  std::string bomb = "cdiVersion: &a0 [x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 20; ++i) {
    bomb +=
        fmt::format("a{0}: &a{0} [*a{1},*a{1},*a{1},*a{1},*a{1},*a{1},*a{1},*a{1}]\n", i, i - 1);
  }
  std::string anchors = "devices: [";
  for (int i = 0; i < 5000; ++i) anchors += fmt::format("&a{} {{}}, ", i);
  anchors += "]";
  std::string merges = "annotations: &m0 {k: v}\n";
  for (int i = 1; i < 30; ++i) {
    merges += fmt::format("containerEdits: &m{} {{<<: [*m{}, *m{}]}}\n", i, i - 1, i - 1);
  }
  std::string huge = "devices:\n- name: d\n  containerEdits: {additionalGids: &g [";
  for (int i = 0; i < 1000; ++i) huge += "1,";
  huge += "]}\n";
  for (int i = 0; i < 1000; ++i) huge += "- {name: d, containerEdits: {additionalGids: *g}}\n";
  std::string indented;
  for (int i = 0; i < 500; ++i) indented += std::string(static_cast<std::size_t>(i), ' ') + "-\n";
  const struct {
    std::string text;
    const char* want;
  } kRows[] = {
      {indented, "nested"},
      {"", "empty"},
      {"---\n", "empty"},
      {"null", "empty"},
      {"# only a comment\n", "empty"},
      {"text", "line 1: want a mapping"},
      {"[]", "want a mapping, found a sequence"},
      {"kind: [", "no YAML"},
      {"kind: \"unclosed", "no YAML"},
      {"kind: \xff\xfe", "no YAML"},
      {"kind: *unknown", "no YAML"},
      {"\tkind: x", "no YAML"},
      {"kind: a\nkind: b\n", "line 2: \"kind\" is there twice"},
      {"kind: a\nKind: b\n", "line 2: unknown field \"Kind\""},
      {"kind: a\nextra: 1\n", "unknown field \"extra\""},
      {"kind: {}", "kind: line 1: want a string, found a mapping"},
      {"cdiVersion: 1.0\n", "want a string, or an integer that stands for one, found 1.0"},
      {"devices: {}", "want a sequence, found a mapping"},
      {"devices: [text]", "want a mapping, found text"},
      {"devices:\n- name: d\n  containerEdits:\n    deviceNodes: [{major: 1.5}]", "line 4"},
      {"devices: [{containerEdits: {deviceNodes: [{major: \"1\"}]}}]", "found a string"},
      {"devices: [{containerEdits: {deviceNodes: [{uid: -1}]}}]", "from 0 to 4294967295"},
      {"devices: [{containerEdits: {deviceNodes: [{uid: 4294967296}]}}]", "found 4294967296"},
      {"devices: [{containerEdits: {deviceNodes: [{major: 99999999999999999999}]}}]", "major"},
      {"devices: [{containerEdits: {deviceNodes: [{bogus: 1}]}}]", "\"bogus\""},
      {"containerEdits: {intelRdt: {enableMonitoring: 1}}", "want true or false"},
      {"containerEdits: &a {<<: *a}", ""},
      {bomb, ""},
      {anchors, "anchors"},
      {merges, ""},
      {huge, "nodes"},
      {std::string(100000, '['), "nested"},
      {std::string(100000, '{'), "nested"},
      {std::string(5 << 20, '#'), "limit"},
  };
  for (const auto& row : kRows) {
    const auto spec = ParseSpec(row.text);
    EXPECT_TRUE(errdefs::IsInvalidArgument(spec.status()))
        << row.text.substr(0, 100) << ": " << spec.status();
    EXPECT_THAT(Text(spec.status()), HasSubstr(row.want)) << row.text.substr(0, 100);
  }
}

// Any bytes give a value or an error.
TEST(ParseSpec, IsTotal) {
  const std::string full = kFull;
  for (std::size_t i = 0; i < full.size(); ++i) {
    static_cast<void>(ParseSpec(full.substr(0, i)));
    std::string broken = full;
    broken[i] = static_cast<char>(i * 31);
    static_cast<void>(ParseSpec(broken));
    broken[i] = "[]{}&*!|>'\"%@`-:,#\n\t"[i % 20];
    static_cast<void>(ParseSpec(broken));
  }
}

TEST(ValidateSpec, Versions) {
  const struct {
    const char* edits;
    const char* needed;
  } kRows[] = {
      {"{env: [A=1]}", "0.3.0"},
      {"{mounts: [{hostPath: /a, containerPath: /b}]}", "0.3.0"},
      {"{mounts: [{hostPath: /a, containerPath: /b, type: bind}]}", "0.4.0"},
      {"{deviceNodes: [{path: /dev/a, hostPath: /dev/b}]}", "0.5.0"},
      {"{additionalGids: [1]}", "0.7.0"},
      {"{intelRdt: {closID: x}}", "0.7.0"},
      {"{intelRdt: {closID: x, schemata: []}}", "1.1.0"},
      {"{intelRdt: {closID: x, enableMonitoring: true}}", "1.1.0"},
      {"{netDevices: [{hostInterfaceName: a, name: b}]}", "1.1.0"},
  };
  const std::vector<std::string> versions = {"0.1.0", "0.2.0", "0.3.0", "0.4.0", "0.5.0",
                                             "0.6.0", "0.7.0", "0.8.0", "1.0.0", "1.1.0"};
  for (const auto& row : kRows) {
    bool enough = false;
    for (const std::string& version : versions) {
      enough = enough || version == row.needed;
      const auto spec = ParseSpec(WithEdits(row.edits, version));
      ASSERT_TRUE(spec.ok()) << spec.status();
      EXPECT_EQ(MinimumRequiredVersion(*spec), row.needed);
      EXPECT_EQ(ValidateSpec(*spec).ok(), enough) << row.edits << " " << version;
      // The same edits for all devices.
      const auto global =
          ParseSpec(fmt::format("cdiVersion: v{}\nkind: v.com/c\ncontainerEdits: {}\n"
                                "devices: [{{name: d, containerEdits: {{env: [A=1]}}}}]\n",
                                version, row.edits));
      ASSERT_TRUE(global.ok()) << global.status();
      EXPECT_EQ(ValidateSpec(*global).ok(), enough) << row.edits << " " << version;
    }
  }
  Spec spec = *ParseSpec(WithEdits("{env: [A=1]}", "0.3.0"));
  spec.devices[0].name = "0";
  EXPECT_EQ(MinimumRequiredVersion(spec), "0.5.0");
  spec.kind = "v.com/c.d";
  EXPECT_EQ(MinimumRequiredVersion(spec), "0.6.0");
  spec.kind = "v.com/c";
  spec.devices[0].annotations = {{"a", "b"}};
  EXPECT_EQ(MinimumRequiredVersion(spec), "0.6.0");
}

TEST(ValidateSpec, WhatIsWrongIsNamed) {
  const auto device = [](std::string_view edits) { return WithEdits(edits); };
  const struct {
    std::string text;
    const char* want;
  } kRows[] = {
      {"kind: v/c", "invalid version \"\""},
      {"cdiVersion: 2.0.0\nkind: v/c", "2.0.0"},
      {"cdiVersion: 1.1.0\nkind: v", "kind \"v\""},
      {"cdiVersion: 1.1.0\nkind: 1v/c", "vendor \"1v\""},
      {"cdiVersion: 1.1.0\nkind: v/c-", "class \"c-\""},
      {"cdiVersion: 1.1.0\nkind: v/c", "no devices"},
      {"cdiVersion: 1.1.0\nkind: v/c\ndevices: [{name: \"\"}]", "device name is empty"},
      {"cdiVersion: 1.1.0\nkind: v/c\ndevices: [{name: a b}]", "a b"},
      {device("{}"), "device \"d\" has no edits"},
      {device("{env: [A]}"), "\"A\""},
      {device("{env: [\"=A\"]}"), "\"=A\""},
      {device("{deviceNodes: [{}]}"), "path of a device node"},
      {device("{deviceNodes: [null]}"), "path of a device node"},
      {device("{deviceNodes: [{path: /dev/a, type: x}]}"), "invalid type \"x\""},
      {device("{deviceNodes: [{path: /dev/a, permissions: rwx}]}"), "permissions \"rwx\""},
      {device("{hooks: [{hookName: never, path: /a}]}"), "hook name \"never\""},
      {device("{hooks: [{hookName: prestart}]}"), "path of a prestart hook"},
      {device("{hooks: [{hookName: prestart, path: /a, env: [x]}]}"), "\"x\""},
      {device("{mounts: [{containerPath: /a}]}"), "mount on \"/a\""},
      {device("{mounts: [{hostPath: /a}]}"), "mount of \"/a\""},
      {device("{intelRdt: {closID: a/b}}"), "closID"},
      {device("{intelRdt: {closID: ..}}"), "closID"},
      {device("{netDevices: [{name: a}]}"), "hostInterfaceName"},
      {device("{netDevices: [{hostInterfaceName: a}]}"), "\"a\": no name"},
      {device("{netDevices: [{hostInterfaceName: a, name: b}, {hostInterfaceName: a, name: c}]}"),
       "\"a\" is there twice"},
      {device("{netDevices: [{hostInterfaceName: a, name: b}, {hostInterfaceName: c, name: b}]}"),
       "name \"b\""},
      {device("{env: [A=1]}") + "- {name: d, containerEdits: {env: [A=1]}}\n",
       "device \"d\" is there twice"},
  };
  for (const auto& row : kRows) {
    const auto spec = ParseSpec(row.text);
    ASSERT_TRUE(spec.ok()) << row.text << spec.status();
    const absl::Status valid = ValidateSpec(*spec);
    EXPECT_TRUE(errdefs::IsInvalidArgument(valid)) << row.text;
    EXPECT_THAT(Text(valid), HasSubstr(row.want)) << row.text;
  }
}

absl::StatusOr<specs::Spec> Applied(std::string_view edits, specs::Spec spec = {}) {
  const auto parsed = ParseSpec(WithEdits(edits));
  if (!parsed.ok()) return parsed.status();
  absl::Status s = ApplyEdits(parsed->devices[0].container_edits, &spec);
  if (!s.ok()) return s;
  return spec;
}

TEST(ApplyEdits, AllOfThem) {
  const auto parsed = ParseSpec(kFull);
  ASSERT_TRUE(parsed.ok());
  specs::Spec spec;
  spec.process.emplace();
  spec.process->env = {"A=0", "PATH=/bin"};
  spec.process->user.additional_gids = {21};
  spec.mounts = {{.destination = "/usr/lib/x", .source = "/old"},
                 {.destination = "/usr/lib/x/y"},
                 {.destination = "/proc"}};
  spec.linux_.emplace();
  spec.linux_->devices = {{.path = "/dev/in", .type = "b"}, {.path = "/dev/other"}};
  ASSERT_TRUE(ApplyEdits(parsed->devices[0].container_edits, &spec).ok());
  EXPECT_THAT(spec.process->env, ElementsAre("A=1", "PATH=/bin", "B=two words"));
  EXPECT_THAT(spec.process->user.additional_gids, ElementsAre(21U, 20U));
  ASSERT_EQ(spec.linux_->devices.size(), 2U);
  EXPECT_EQ(spec.linux_->devices[0].path, "/dev/other");
  const specs::LinuxDevice& node = spec.linux_->devices[1];
  EXPECT_EQ(node, (specs::LinuxDevice{.path = "/dev/in",
                                      .type = "c",
                                      .major = 1,
                                      .minor = 3,
                                      .file_mode = 0660,
                                      .uid = 7,
                                      .gid = 8}));
  ASSERT_EQ(spec.linux_->resources->devices.size(), 1U);
  EXPECT_EQ(spec.linux_->resources->devices[0],
            (specs::LinuxDeviceCgroup{
                .allow = true, .type = "c", .major = 1, .minor = 3, .access = "rw"}));
  EXPECT_EQ(spec.linux_->net_devices["eth7"].name, "net0");
  ASSERT_EQ(spec.hooks->create_container.size(), 1U);
  EXPECT_EQ(spec.hooks->create_container[0].path, "/bin/hook");
  EXPECT_EQ(spec.linux_->intel_rdt->l3_cache_schema, "L3:0=f");
  ASSERT_EQ(spec.mounts.size(), 3U);
  EXPECT_EQ(spec.mounts[0].destination, "/proc");
  EXPECT_EQ(spec.mounts[1].destination, "/usr/lib/x");
  EXPECT_EQ(spec.mounts[1].source, "/usr/lib/x");
  EXPECT_EQ(spec.mounts[2].destination, "/usr/lib/x/y");
}

TEST(ApplyEdits, TakesFromTheHostWhatIsNotGiven) {
  struct stat st;
  ASSERT_EQ(stat("/dev/null", &st), 0);
  auto spec = Applied("{deviceNodes: [{path: /dev/x, hostPath: /dev/null}, {path: /dev/null}]}");
  ASSERT_TRUE(spec.ok()) << spec.status();
  for (const specs::LinuxDevice& device : spec->linux_->devices) {
    EXPECT_EQ(device.type, "c");
    EXPECT_EQ(device.major, static_cast<std::int64_t>(major(st.st_rdev)));
    EXPECT_EQ(device.minor, static_cast<std::int64_t>(minor(st.st_rdev)));
    EXPECT_EQ(device.file_mode, st.st_mode & 07777U);
    EXPECT_FALSE(device.uid.has_value());
  }
  EXPECT_EQ(spec->linux_->resources->devices[0].access, "rwm");

  // A device that the host lacks, when it is described; nothing is lent to it.
  spec = Applied("{deviceNodes: [{path: /dev/none-such, type: c, major: 9, permissions: none}]}");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_FALSE(spec->linux_->devices[0].file_mode.has_value());
  EXPECT_EQ(spec->linux_->resources->devices[0].access, "");

  // The process's user owns it.
  specs::Spec user;
  user.process.emplace();
  user.process->user = {.uid = 33, .gid = 44};
  spec = Applied("{deviceNodes: [{path: /dev/null}, {path: /dev/zero, uid: 0, gid: 1}]}", user);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->linux_->devices[0].uid, 33U);
  EXPECT_EQ(spec->linux_->devices[0].gid, 44U);
  EXPECT_EQ(spec->linux_->devices[1].uid, 0U);
  EXPECT_EQ(spec->linux_->devices[1].gid, 1U);
}

TEST(ApplyEdits, FailsAsAWhole) {
  const struct {
    const char* edits;
    const char* want;
  } kRows[] = {
      {"{env: [A=1], deviceNodes: [{path: /dev/none-such}]}", "/dev/none-such"},
      {"{env: [A=1], deviceNodes: [{path: /dev/none-such, type: c}]}", "/dev/none-such"},
      {"{deviceNodes: [{path: /dev/zero}, {path: /dev/null, type: b}]}", "/dev/null"},
      {"{deviceNodes: [{path: /dev}]}", "\"/dev\": not a device node"},
  };
  for (const auto& row : kRows) {
    const auto parsed = ParseSpec(WithEdits(row.edits));
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    specs::Spec spec;
    const absl::Status applied = ApplyEdits(parsed->devices[0].container_edits, &spec);
    EXPECT_FALSE(applied.ok()) << row.edits;
    EXPECT_THAT(Text(applied), HasSubstr(row.want));
    EXPECT_EQ(spec, specs::Spec()) << row.edits;
  }
}

TEST(ApplyEdits, BindMountsInAUserNamespaceKeepTheirOwners) {
  specs::Spec user;
  user.linux_.emplace();
  user.linux_->namespaces = {{.type = "user"}};
  const struct {
    const char* mount;
    std::vector<std::string> want;
  } kRows[] = {
      {"type: bind", {"idmap"}},
      {"options: [ro, bind]", {"ro", "bind", "idmap"}},
      {"options: [rbind]", {"rbind", "ridmap"}},
      {"options: [rbind, idmap]", {"rbind", "idmap"}},
      {"type: tmpfs", {}},
  };
  for (const auto& row : kRows) {
    const auto spec = Applied(
        fmt::format("{{mounts: [{{hostPath: /a, containerPath: /b, {}}}]}}", row.mount), user);
    ASSERT_TRUE(spec.ok()) << spec.status();
    EXPECT_EQ(spec->mounts.at(0).options, row.want);
  }
}

class CacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(mkdtemp(root_.data()), nullptr);
    fs::create_directories(root_ + "/etc");
    fs::create_directories(root_ + "/run");
  }
  void TearDown() override { fs::remove_all(root_); }

  void Write(const std::string& name, std::string_view text) {
    std::ofstream(root_ + "/" + name) << text;
  }
  void WriteSpec(const std::string& name, std::string_view kind, std::string_view device,
                 std::string_view variable) {
    Write(name, fmt::format("cdiVersion: 0.5.0\nkind: {}\ncontainerEdits: {{env: [ALL=1]}}\n"
                            "devices: [{{name: {}, containerEdits: {{env: [{}]}}}}]\n",
                            kind, device, variable));
  }
  std::vector<std::string> Dirs() const { return {root_ + "/etc", root_ + "/run"}; }

  std::string root_ = "/tmp/cdi-XXXXXX";
};

TEST_F(CacheTest, LaterDirectoriesCount) {
  WriteSpec("etc/a.yaml", "v.com/c", "d", "FROM=etc");
  WriteSpec("etc/b.json", "v.com/c", "e", "FROM=etc");
  WriteSpec("run/a.yaml", "v.com/c", "d", "FROM=run");
  Write("run/readme.txt", "no spec");
  Write("run/.yaml.swp", "no spec");
  fs::create_directories(root_ + "/run/folder.yaml");
  Cache cache(Dirs());
  EXPECT_THAT(cache.ListDevices(), IsEmpty());
  ASSERT_TRUE(cache.Refresh().ok()) << cache.Refresh();
  EXPECT_THAT(cache.ListDevices(), ElementsAre("v.com/c=d", "v.com/c=e"));
  specs::Spec spec;
  ASSERT_TRUE(cache.InjectDevices(&spec, {"v.com/c=d"}).ok());
  EXPECT_THAT(spec.process->env, ElementsAre("ALL=1", "FROM=run"));
  spec = {};
  ASSERT_TRUE(cache.InjectDevices(&spec, {"v.com/c=e", "v.com/c=e"}).ok());
  EXPECT_THAT(spec.process->env, ElementsAre("ALL=1", "FROM=etc"));

  fs::remove(root_ + "/run/a.yaml");
  ASSERT_TRUE(cache.Refresh().ok());
  spec = {};
  ASSERT_TRUE(cache.InjectDevices(&spec, {"v.com/c=d"}).ok());
  EXPECT_THAT(spec.process->env, ElementsAre("ALL=1", "FROM=etc"));
}

TEST_F(CacheTest, AConflictIsNobodys) {
  WriteSpec("etc/a.yaml", "v.com/c", "d", "FROM=a");
  WriteSpec("etc/b.yaml", "v.com/c", "d", "FROM=b");
  WriteSpec("etc/c.yaml", "v.com/c", "e", "FROM=c");
  Cache cache(Dirs());
  EXPECT_FALSE(cache.Refresh().ok());
  EXPECT_THAT(cache.ListDevices(), ElementsAre("v.com/c=e"));
  const auto errors = cache.GetErrors();
  EXPECT_EQ(errors.size(), 2U);
  EXPECT_THAT(Text(errors.at(root_ + "/etc/a.yaml").at(0)),
              AllOf(HasSubstr("v.com/c=d"), HasSubstr("a.yaml"), HasSubstr("b.yaml")));
}

TEST_F(CacheTest, ABrokenFileHurtsOnlyItsOwnDevices) {
  WriteSpec("etc/good.yaml", "v.com/c", "d", "A=1");
  Write("etc/bad.yaml", "cdiVersion: [");
  Write("etc/invalid.yaml", "cdiVersion: 0.5.0\nkind: v.com/x\ndevices: []\n");
  ASSERT_EQ(mkfifo((root_ + "/etc/fifo.yaml").c_str(), 0600), 0);
  fs::create_symlink("/nowhere", root_ + "/etc/link.yaml");
  Cache cache(Dirs());
  const absl::Status refreshed = cache.Refresh();
  EXPECT_FALSE(refreshed.ok());
  for (const char* name : {"bad.yaml", "invalid.yaml", "fifo.yaml", "link.yaml"}) {
    EXPECT_THAT(Text(refreshed), HasSubstr(name));
  }
  specs::Spec spec;
  EXPECT_TRUE(cache.InjectDevices(&spec, {"v.com/c=d"}).ok());
  const specs::Spec before = spec;
  const absl::Status unknown = cache.InjectDevices(&spec, {"v.com/c=d", "v.com/x=1", "junk"});
  EXPECT_TRUE(errdefs::IsNotFound(unknown)) << unknown;
  EXPECT_THAT(Text(unknown), HasSubstr("v.com/x=1, junk"));
  EXPECT_EQ(spec, before);
}

TEST_F(CacheTest, IsSafeFromSeveralThreads) {
  WriteSpec("etc/a.yaml", "v.com/c", "d", "A=1");
  Cache cache(Dirs());
  ASSERT_TRUE(cache.Refresh().ok());
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&cache, i] {
      for (int n = 0; n < 50; ++n) {
        specs::Spec spec;
        EXPECT_TRUE(
            (i % 2 == 0 ? cache.Refresh() : cache.InjectDevices(&spec, {"v.com/c=d"})).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(CacheTest, WithCDIDevices) {
  WriteSpec("etc/a.yaml", "v.com/c", "d", "A=1");
  const Context ctx = Context::Background();
  specs::Spec spec;
  EXPECT_TRUE(WithCDIDevices({}, {"/nowhere"})(ctx, nullptr, nullptr, &spec).ok());
  EXPECT_EQ(spec, specs::Spec());
  EXPECT_TRUE(WithCDIDevices({"v.com/c=d"}, Dirs())(ctx, nullptr, nullptr, &spec).ok());
  EXPECT_THAT(spec.process->env, ElementsAre("ALL=1", "A=1"));
  const absl::Status unknown = WithCDIDevices({"no/such=x"}, Dirs())(ctx, nullptr, nullptr, &spec);
  EXPECT_THAT(Text(unknown),
              AllOf(HasSubstr("CDI device injection failed"), HasSubstr("no/such=x")));
}

}  // namespace
}  // namespace containerd::cdi
