// SPDX-License-Identifier: Apache-2.0
#include "containerd/seccomp/seccomp.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

#include "src/seccomp/default_profile.h"

namespace containerd::seccomp {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr KernelVersion kNew{6, 1};

std::set<std::string> Allowed(const specs::LinuxSeccomp& profile) {
  std::set<std::string> names;
  for (const auto& syscall : profile.syscalls) {
    if (syscall.action == specs::kActAllow)
      names.insert(syscall.names.begin(), syscall.names.end());
  }
  return names;
}

TEST(DefaultProfile, IOUringIsNotAllowed) {
  const std::set<std::string> allowed = Allowed(DefaultProfile({}));
  for (const char* name : {"io_uring_enter", "io_uring_register", "io_uring_setup"}) {
    EXPECT_THAT(allowed, Not(Contains(name)));
  }
  EXPECT_THAT(allowed, Contains("openat2"));
  EXPECT_THAT(allowed, Contains("uretprobe"));
}

TEST(DefaultProfile, Shape) {
  const specs::LinuxSeccomp profile = MakeDefaultProfile({}, "amd64", kNew);
  EXPECT_EQ(profile.default_action, specs::kActErrno);
  EXPECT_FALSE(profile.default_errno_ret.has_value());
  EXPECT_THAT(profile.architectures,
              ElementsAre("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"));
  // The long list, 3 for sockets, 5 personalities, tracing, the architecture's, clone and clone3.
  ASSERT_THAT(profile.syscalls, SizeIs(13));
  EXPECT_THAT(profile.syscalls[0].names, SizeIs(363));
  EXPECT_EQ(profile.syscalls[0].names.front(), "accept");
  EXPECT_EQ(profile.syscalls[0].names.back(), "writev");
  EXPECT_EQ(profile.syscalls[2],
            (specs::LinuxSyscall{.names = {"socket"},
                                 .action = "SCMP_ACT_ALLOW",
                                 .args = {{.index = 0, .value = 39, .op = "SCMP_CMP_EQ"}}}));
  EXPECT_EQ(profile.syscalls[1].args[0].value, 38U);
  EXPECT_EQ(profile.syscalls[3].args[0].value, 40U);
  EXPECT_THAT(profile.syscalls[9].names,
              ElementsAre("process_vm_readv", "process_vm_writev", "ptrace"));
  EXPECT_THAT(profile.syscalls[10].names, ElementsAre("arch_prctl", "modify_ldt"));
  EXPECT_EQ(profile.syscalls[11],
            (specs::LinuxSyscall{
                .names = {"clone"},
                .action = "SCMP_ACT_ALLOW",
                .args = {{.index = 0, .value = 2114060288, .op = "SCMP_CMP_MASKED_EQ"}}}));
  EXPECT_EQ(
      profile.syscalls[12],
      (specs::LinuxSyscall{.names = {"clone3"}, .action = "SCMP_ACT_ERRNO", .errno_ret = ENOSYS}));
}

TEST(DefaultProfile, KernelVersion) {
  EXPECT_THAT(Allowed(MakeDefaultProfile({}, "amd64", KernelVersion{4, 7})),
              Not(Contains("ptrace")));
  EXPECT_THAT(Allowed(MakeDefaultProfile({}, "amd64", std::nullopt)), Not(Contains("ptrace")));
  EXPECT_THAT(Allowed(MakeDefaultProfile({}, "amd64", KernelVersion{4, 8})), Contains("ptrace"));
  EXPECT_THAT(Allowed(MakeDefaultProfile({}, "amd64", KernelVersion{5, 0})), Contains("ptrace"));
  EXPECT_EQ(ParseRelease("6.1.0-13-amd64"), (KernelVersion{6, 1}));
  EXPECT_EQ(ParseRelease("3.12-1-amd64"), (KernelVersion{3, 12}));
  EXPECT_EQ(ParseRelease("4.8"), (KernelVersion{4, 8}));
  for (const char* bad : {"", "6", "6.", "x.1", "6-1", ".1", "99999999999.1"}) {
    EXPECT_EQ(ParseRelease(bad), std::nullopt) << bad;
  }
}

TEST(DefaultProfile, Architectures) {
  struct Case {
    const char* arch;
    std::vector<std::string> archs;
    const char* name;
  };
  for (const Case& c :
       {Case{"arm64", {"SCMP_ARCH_ARM", "SCMP_ARCH_AARCH64"}, "arm_fadvise64_64"},
        Case{"arm", {}, "set_tls"}, Case{"ppc64le", {}, "swapcontext"},
        Case{"386", {}, "modify_ldt"},
        Case{"s390x", {"SCMP_ARCH_S390", "SCMP_ARCH_S390X"}, "s390_pci_mmio_read"},
        Case{"riscv64", {"SCMP_ARCH_RISCV64"}, "riscv_hwprobe"},
        Case{"loong64", {"SCMP_ARCH_LOONGARCH64"}, "write"},
        Case{"mips64", {"SCMP_ARCH_MIPS", "SCMP_ARCH_MIPS64", "SCMP_ARCH_MIPS64N32"}, "write"},
        Case{"mipsel64n32",
             {"SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32"},
             "write"}}) {
    const specs::LinuxSeccomp profile = MakeDefaultProfile({}, c.arch, kNew);
    EXPECT_EQ(profile.architectures, c.archs) << c.arch;
    EXPECT_THAT(Allowed(profile), Contains(c.name)) << c.arch;
  }
  EXPECT_EQ(MakeDefaultProfile({}, "s390x", kNew).syscalls[11].args[0].index, 1U);
}

TEST(DefaultProfile, Capabilities) {
  struct Case {
    const char* capability;
    const char* name;
  };
  for (const Case& c :
       {Case{"CAP_DAC_READ_SEARCH", "open_by_handle_at"}, Case{"CAP_SYS_ADMIN", "mount"},
        Case{"CAP_SYS_BOOT", "reboot"}, Case{"CAP_SYS_CHROOT", "chroot"},
        Case{"CAP_SYS_MODULE", "finit_module"}, Case{"CAP_SYS_PACCT", "acct"},
        Case{"CAP_SYS_PTRACE", "kcmp"}, Case{"CAP_SYS_RAWIO", "iopl"},
        Case{"CAP_SYS_TIME", "clock_settime64"}, Case{"CAP_SYS_TTY_CONFIG", "vhangup"},
        Case{"CAP_SYS_NICE", "set_mempolicy_home_node"}, Case{"CAP_SYSLOG", "syslog"},
        Case{"CAP_BPF", "bpf"}, Case{"CAP_PERFMON", "perf_event_open"}}) {
    EXPECT_THAT(Allowed(MakeDefaultProfile({"CAP_CHOWN"}, "amd64", kNew)), Not(Contains(c.name)));
    EXPECT_THAT(Allowed(MakeDefaultProfile({"CAP_CHOWN", c.capability}, "amd64", kNew)),
                Contains(c.name));
  }
  const specs::LinuxSeccomp admin = MakeDefaultProfile({"CAP_SYS_ADMIN"}, "amd64", kNew);
  EXPECT_THAT(Allowed(admin), Contains("clone3"));
  EXPECT_THAT(admin.syscalls.back().args, IsEmpty());
}

TEST(WithDefaultProfile, IsForTheSpecsCapabilities) {
  oci::Spec spec{.process = specs::Process{
                     .capabilities = specs::LinuxCapabilities{.bounding = {"CAP_SYS_BOOT"}}}};
  ASSERT_TRUE(WithDefaultProfile()(Context::Background(), nullptr, nullptr, &spec).ok());
  EXPECT_EQ(spec.linux_->seccomp, DefaultProfile(spec));
  EXPECT_THAT(Allowed(*spec.linux_->seccomp), Contains("reboot"));
}

TEST(WithProfile, ReadsAFile) {
  std::string dir = ::testing::TempDir() + "seccomp-XXXXXX";
  ASSERT_NE(mkdtemp(dir.data()), nullptr);
  const std::string path = dir + "/profile.json";
  std::ofstream(path) << R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[)"
                         R"({"names":["chmod"],"action":"SCMP_ACT_ERRNO","errnoRet":1}],"x":1})";
  oci::Spec spec;
  ASSERT_TRUE(WithProfile(path)(Context::Background(), nullptr, nullptr, &spec).ok());
  EXPECT_EQ(spec.linux_->seccomp->default_action, "SCMP_ACT_ALLOW");
  EXPECT_THAT(spec.linux_->seccomp->syscalls[0].names, ElementsAre("chmod"));

  std::ofstream(path) << "{";
  oci::Spec untouched;
  absl::Status s = WithProfile(path)(Context::Background(), nullptr, nullptr, &untouched);
  EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr(path));
  s = WithProfile(dir + "/none")(Context::Background(), nullptr, nullptr, &untouched);
  EXPECT_TRUE(errdefs::IsNotFound(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr(dir + "/none"));
  EXPECT_EQ(untouched, oci::Spec{});
  std::remove(path.c_str());
  std::remove(dir.c_str());
}

}  // namespace
}  // namespace containerd::seccomp
