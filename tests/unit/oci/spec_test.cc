// SPDX-License-Identifier: Apache-2.0
#include "containerd/oci/spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/oci/proto.h"
#include "containerd/specs/json.h"
#include "containerd/types/descriptor.pb.h"

#include "tests/support/oci.h"

namespace containerd::oci {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What Go's client 2.x generates for container "c1" of namespace "testing".
constexpr char kDefaultSpec[] =
    R"({"ociVersion":"1.3.0",)"
    R"("process":{"user":{"uid":0,"gid":0},"cwd":"/","capabilities":{)"
    R"("bounding":["CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_FSETID","CAP_FOWNER","CAP_MKNOD",)"
    R"("CAP_NET_RAW","CAP_SETGID","CAP_SETUID","CAP_SETFCAP","CAP_SETPCAP",)"
    R"("CAP_NET_BIND_SERVICE","CAP_SYS_CHROOT","CAP_KILL","CAP_AUDIT_WRITE"],)"
    R"("effective":["CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_FSETID","CAP_FOWNER","CAP_MKNOD",)"
    R"("CAP_NET_RAW","CAP_SETGID","CAP_SETUID","CAP_SETFCAP","CAP_SETPCAP",)"
    R"("CAP_NET_BIND_SERVICE","CAP_SYS_CHROOT","CAP_KILL","CAP_AUDIT_WRITE"],)"
    R"("permitted":["CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_FSETID","CAP_FOWNER","CAP_MKNOD",)"
    R"("CAP_NET_RAW","CAP_SETGID","CAP_SETUID","CAP_SETFCAP","CAP_SETPCAP",)"
    R"("CAP_NET_BIND_SERVICE","CAP_SYS_CHROOT","CAP_KILL","CAP_AUDIT_WRITE"]},)"
    R"("rlimits":[{"type":"RLIMIT_NOFILE","hard":1024,"soft":1024}],"noNewPrivileges":true},)"
    R"("root":{"path":"rootfs"},"mounts":[)"
    R"({"destination":"/proc","type":"proc","source":"proc",)"
    R"("options":["nosuid","noexec","nodev"]},)"
    R"({"destination":"/dev","type":"tmpfs","source":"tmpfs",)"
    R"("options":["nosuid","strictatime","mode=755","size=65536k"]},)"
    R"({"destination":"/dev/pts","type":"devpts","source":"devpts",)"
    R"("options":["nosuid","noexec","newinstance","ptmxmode=0666","mode=0620","gid=5"]},)"
    R"({"destination":"/dev/shm","type":"tmpfs","source":"shm",)"
    R"("options":["nosuid","noexec","nodev","mode=1777","size=65536k"]},)"
    R"({"destination":"/dev/mqueue","type":"mqueue","source":"mqueue",)"
    R"("options":["nosuid","noexec","nodev"]},)"
    R"({"destination":"/sys","type":"sysfs","source":"sysfs",)"
    R"("options":["nosuid","noexec","nodev","ro"]},)"
    R"({"destination":"/run","type":"tmpfs","source":"tmpfs",)"
    R"("options":["nosuid","strictatime","mode=755","size=65536k"]}],)"
    R"("linux":{"resources":{"devices":[{"allow":false,"access":"rwm"}]},)"
    R"("cgroupsPath":"/testing/c1","namespaces":[{"type":"pid"},{"type":"ipc"},{"type":"uts"},)"
    R"({"type":"mount"},{"type":"network"}],)"
    R"("maskedPaths":["/proc/acpi","/proc/asound","/proc/kcore","/proc/keys",)"
    R"("/proc/latency_stats","/proc/timer_list","/proc/timer_stats","/proc/sched_debug",)"
    R"("/sys/firmware","/sys/devices/virtual/powercap","/proc/scsi"],)"
    R"("readonlyPaths":["/proc/bus","/proc/fs","/proc/irq","/proc/sys",)"
    R"("/proc/sysrq-trigger"]}})";

TEST(GenerateSpec, DefaultSpecEqualsGos) {
  containers::Container container{.id = "c1"};
  auto spec = GenerateSpec(TestContext(), nullptr, &container);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(specs::Marshal(*spec), kDefaultSpec);
}

TEST(GenerateSpec, TakesANamespace) {
  containers::Container container{.id = "c1"};
  EXPECT_TRUE(errdefs::IsFailedPrecondition(
      GenerateSpec(Context::Background(), nullptr, &container).status()));
  EXPECT_TRUE(errdefs::IsInvalidArgument(
      GenerateSpec(WithNamespace(Context::Background(), "a b"), nullptr, &container).status()));
  EXPECT_TRUE(errdefs::IsInvalidArgument(GenerateSpec(TestContext(), nullptr, nullptr).status()));
}

TEST(GenerateSpec, StopsAtTheFirstError) {
  containers::Container container{.id = "c1"};
  bool reached = false;
  const SpecOpts fail = [](auto&&...) { return errdefs::Aborted("enough"); };
  const SpecOpts after = [&](auto&&...) {
    reached = true;
    return absl::OkStatus();
  };
  EXPECT_TRUE(
      errdefs::IsAborted(GenerateSpec(TestContext(), nullptr, &container, {fail, after}).status()));
  EXPECT_FALSE(reached);
}

TEST(GenerateSpec, OptionsSeeAndChangeTheContainer) {
  containers::Container container{.id = "c1"};
  const SpecOpts label = [](const Context&, Client*, containers::Container* c, Spec* spec) {
    c->labels["seen"] = c->id;
    spec->annotations["id"] = c->id;
    return absl::OkStatus();
  };
  auto spec = GenerateSpec(TestContext(), nullptr, &container, {Compose({label, label})});
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(container.labels.at("seen"), "c1");
  EXPECT_EQ(spec->annotations.at("id"), "c1");
}

TEST(GenerateSpecWithPlatform, HasThePlatformsSections) {
  containers::Container container{.id = "c1"};
  struct Case {
    std::string platform;
    bool linux_section;
    bool windows_section;
    std::string cwd;
  };
  for (const Case& c :
       {Case{"linux/amd64", true, false, "/"}, Case{"linux/arm64", true, false, "/"},
        Case{"freebsd/amd64", true, false, "/"}, Case{"windows/amd64", false, true, "C:\\"},
        Case{"darwin/arm64", false, false, "/"}}) {
    auto spec = GenerateSpecWithPlatform(TestContext(), nullptr, c.platform, &container);
    ASSERT_TRUE(spec.ok()) << c.platform << spec.status();
    EXPECT_TRUE(spec->root.has_value()) << c.platform;
    EXPECT_EQ(spec->linux_.has_value(), c.linux_section) << c.platform;
    EXPECT_EQ(spec->windows.has_value(), c.windows_section) << c.platform;
    EXPECT_EQ(spec->process->cwd, c.cwd) << c.platform;

    Spec replaced{.hostname = "gone"};
    ASSERT_TRUE(ApplyOpts(TestContext(), nullptr, &container, &replaced,
                          {WithDefaultSpecForPlatform(c.platform)})
                    .ok());
    EXPECT_EQ(replaced, *spec);
  }
  auto bad = GenerateSpecWithPlatform(TestContext(), nullptr, "a/b/c/d/e", &container);
  EXPECT_TRUE(errdefs::IsInvalidArgument(bad.status())) << bad.status();
}

TEST(WithDefaultSpec, Replaces) {
  containers::Container container{.id = "c1"};
  Spec spec{.hostname = "gone"};
  ASSERT_TRUE(ApplyOpts(TestContext(), nullptr, &container, &spec, {WithDefaultSpec()}).ok());
  EXPECT_EQ(specs::Marshal(spec), kDefaultSpec);
}

TEST(WithSpecFromFile, ReadsWhatGenerateSpecMade) {
  const TempDir dir;
  dir.Write("config.json", kDefaultSpec);
  Spec spec{.hostname = "gone"};
  ASSERT_TRUE(Apply(WithSpecFromFile(dir / kConfigFilename), &spec).ok());
  EXPECT_EQ(specs::Marshal(spec), kDefaultSpec);
  auto read = ReadSpec(dir / kConfigFilename);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, spec);
}

TEST(WithSpecFromBytes, KeepsUnknownFields) {
  constexpr char kJson[] =
      R"({"ociVersion":"9.9","process":{"user":{"uid":0,"gid":0},"cwd":"/","new":[1]},"x":{"y":1}})";
  Spec spec;
  ASSERT_TRUE(Apply(WithSpecFromBytes(kJson), &spec).ok());
  ASSERT_TRUE(Apply(WithHostname("h"), &spec).ok());
  const std::string json = specs::Marshal(spec);
  EXPECT_THAT(json, HasSubstr(R"("new":[1])"));
  EXPECT_THAT(json, HasSubstr(R"("x":{"y":1})"));
  EXPECT_THAT(json, HasSubstr(R"("hostname":"h")"));
}

TEST(WithSpecFromFile, BadFilesAreNamedAndChangeNothing) {
  const TempDir dir;
  dir.Write("bad.json", R"({"ociVersion":)");
  dir.Write("list.json", "[]");
  dir.Write("field.json", R"({"process":{"user":{"uid":"root"}}})");
  dir.Write("empty.json", "");
  dir.Write("huge.json", std::string(kMaxSpecSize + 1, ' '));
  dir.Dir("dir.json");
  for (const char* name : {"bad.json", "list.json", "field.json", "empty.json", "huge.json",
                           "dir.json", "none.json"}) {
    Spec spec{.hostname = "kept"};
    const absl::Status s = Apply(WithSpecFromFile(dir / name), &spec);
    EXPECT_FALSE(s.ok()) << name;
    EXPECT_THAT(MessageOf(s), HasSubstr(dir / name));
    EXPECT_EQ(spec, Spec{.hostname = "kept"}) << name;
  }
  EXPECT_TRUE(errdefs::IsNotFound(ReadSpec(dir / "none.json").status()));
  EXPECT_TRUE(errdefs::IsInvalidArgument(ReadSpec(dir / "bad.json").status()));
  EXPECT_TRUE(errdefs::IsResourceExhausted(ReadSpec(dir / "huge.json").status()));
  EXPECT_THAT(MessageOf(ReadSpec(dir / "field.json").status()), HasSubstr("process.user.uid"));
  Spec spec;
  EXPECT_THAT(MessageOf(Apply(WithSpecFromBytes("nope"), &spec)), HasSubstr("1.3.0"));
}

TEST(WithAnnotations, AddsAndReplaces) {
  Spec spec{.annotations = {{"a", "1"}, {"b", "2"}}};
  ASSERT_TRUE(Apply(WithAnnotations({{"b", "3"}, {"c", "4"}}), &spec).ok());
  EXPECT_EQ(spec.annotations,
            (std::map<std::string, std::string>{{"a", "1"}, {"b", "3"}, {"c", "4"}}));
}

TEST(Descriptors, ToAndFromTheWire) {
  const ocispec::Descriptor desc{.media_type = "a/b",
                                 .digest = "sha256:00",
                                 .size = 7,
                                 .urls = {"not on the wire"},
                                 .annotations = {{"k", "v"}}};
  const types::Descriptor proto = DescriptorToProto<types::Descriptor>(desc);
  EXPECT_EQ(proto.media_type(), "a/b");
  EXPECT_EQ(proto.digest(), "sha256:00");
  EXPECT_EQ(proto.size(), 7);
  EXPECT_EQ(proto.annotations().at("k"), "v");
  ocispec::Descriptor back = DescriptorFromProto(proto);
  EXPECT_THAT(back.urls, IsEmpty());
  back.urls = desc.urls;
  EXPECT_EQ(back, desc);
}

}  // namespace
}  // namespace containerd::oci
