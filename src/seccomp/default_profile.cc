// SPDX-License-Identifier: Apache-2.0
#include "default_profile.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <map>
#include <sched.h>
#include <sys/socket.h>
#include <utility>

namespace containerd::seccomp {
namespace {

using Names = std::vector<std::string>;

// What any process may call.
constexpr std::string_view kAllowed =
    "accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown "
    "chown32 clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime "
    "clock_gettime64 clock_nanosleep clock_nanosleep_time64 close close_range connect "
    "copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old "
    "epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit "
    "exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir "
    "fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr "
    "flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 "
    "fsync ftruncate ftruncate64 futex futex_requeue futex_time64 futex_wait futex_waitv "
    "futex_wake futimesat getcpu getcwd getdents getdents64 getegid getegid32 geteuid "
    "geteuid32 getgid getgid32 getgroups getgroups32 getitimer getpeername getpgid getpgrp "
    "getpid getppid getpriority getrandom getresgid getresgid32 getresuid getresuid32 "
    "getrlimit get_robust_list getrusage getsid getsockname getsockopt get_thread_area gettid "
    "gettimeofday getuid getuid32 getxattr getxattrat inotify_add_watch inotify_init "
    "inotify_init1 inotify_rm_watch io_cancel ioctl io_destroy io_getevents io_pgetevents "
    "io_pgetevents_time64 ioprio_get ioprio_set io_setup io_submit ipc kill landlock_add_rule "
    "landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link linkat "
    "listen listmount listxattr listxattrat llistxattr _llseek lremovexattr lseek lsetxattr "
    "lsm_get_self_attr lsm_list_modules lsm_set_self_attr lstat lstat64 madvise membarrier "
    "memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall "
    "map_shadow_stack mmap mmap2 mprotect mq_getsetattr mq_notify mq_open mq_timedreceive "
    "mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal msgctl "
    "msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep "
    "newfstatat _newselect open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 "
    "pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv preadv2 "
    "prlimit64 process_mrelease pselect6 pselect6_time64 pwrite64 pwritev pwritev2 read "
    "readahead readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg "
    "remap_file_pages removexattr removexattrat rename renameat renameat2 restart_syscall "
    "rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn "
    "rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_getaffinity "
    "sched_getattr sched_getparam sched_get_priority_max sched_get_priority_min "
    "sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity "
    "sched_setattr sched_setparam sched_setscheduler sched_yield seccomp select semctl semget "
    "semop semtimedop semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg sendto "
    "setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer "
    "setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32 "
    "setreuid setreuid32 setrlimit set_robust_list setsid setsockopt set_thread_area "
    "set_tid_address setuid setuid32 setxattr setxattrat shmat shmctl shmdt shmget shutdown "
    "sigaltstack signalfd signalfd4 sigprocmask sigreturn socketcall socketpair splice stat "
    "stat64 statfs statfs64 statmount statx symlink symlinkat sync sync_file_range syncfs "
    "sysinfo tee tgkill time timer_create timer_delete timer_getoverrun timer_gettime "
    "timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime "
    "timerfd_gettime64 timerfd_settime timerfd_settime64 times tkill truncate truncate64 "
    "ugetrlimit umask uname unlink unlinkat uretprobe utime utimensat utimensat_time64 utimes "
    "vfork vmsplice wait4 waitid waitpid write writev";

// Domains of personality(2): Linux, Linux with 32 bits, each also with UNAME26, and asking.
constexpr std::uint64_t kPersonalities[] = {0x0, 0x0008, 0x20000, 0x20008, 0xffffffff};

// Namespaces that clone(2) makes for those with CAP_SYS_ADMIN only.
constexpr std::uint64_t kCloneNamespaces = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC |
                                           CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET |
                                           CLONE_NEWCGROUP;

Names Split(std::string_view text) {
  Names names;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    names.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return names;
}

std::vector<specs::Arch> Architectures(std::string_view arch) {
  if (arch == "amd64") return {specs::kArchX86_64, specs::kArchX86, specs::kArchX32};
  if (arch == "arm64") return {specs::kArchARM, specs::kArchAARCH64};
  if (arch == "mips64" || arch == "mips64n32") {
    return {specs::kArchMIPS, specs::kArchMIPS64, specs::kArchMIPS64N32};
  }
  if (arch == "mipsel64" || arch == "mipsel64n32") {
    return {specs::kArchMIPSEL, specs::kArchMIPSEL64, specs::kArchMIPSEL64N32};
  }
  if (arch == "s390x") return {specs::kArchS390, specs::kArchS390X};
  if (arch == "riscv64") return {specs::kArchRISCV64};
  if (arch == "loong64") return {specs::kArchLOONGARCH64};
  return {};
}

// What an architecture has beyond the others.
Names OfArchitecture(std::string_view arch) {
  if (arch == "ppc64le") return {"sync_file_range2", "swapcontext"};
  if (arch == "arm" || arch == "arm64") {
    return {"arm_fadvise64_64", "arm_sync_file_range", "sync_file_range2",
            "breakpoint",       "cacheflush",          "set_tls"};
  }
  if (arch == "amd64") return {"arch_prctl", "modify_ldt"};
  if (arch == "386") return {"modify_ldt"};
  if (arch == "s390" || arch == "s390x") {
    return {"s390_pci_mmio_read", "s390_pci_mmio_write", "s390_runtime_instr"};
  }
  if (arch == "riscv64") return {"riscv_flush_icache", "riscv_hwprobe"};
  return {};
}

// What a capability is needed for.
Names OfCapability(std::string_view capability) {
  static const auto& names = *new std::map<std::string_view, Names>{
      {"CAP_DAC_READ_SEARCH", {"open_by_handle_at"}},
      {"CAP_SYS_ADMIN",
       {"bpf",           "clone",         "clone3",      "fanotify_init",   "fsconfig",
        "fsmount",       "fsopen",        "fspick",      "lookup_dcookie",  "mount",
        "mount_setattr", "move_mount",    "open_tree",   "perf_event_open", "quotactl",
        "quotactl_fd",   "setdomainname", "sethostname", "setns",           "syslog",
        "umount",        "umount2",       "unshare"}},
      {"CAP_SYS_BOOT", {"reboot"}},
      {"CAP_SYS_CHROOT", {"chroot"}},
      {"CAP_SYS_MODULE", {"delete_module", "init_module", "finit_module"}},
      {"CAP_SYS_PACCT", {"acct"}},
      {"CAP_SYS_PTRACE",
       {"kcmp", "pidfd_getfd", "process_madvise", "process_vm_readv", "process_vm_writev",
        "ptrace"}},
      {"CAP_SYS_RAWIO", {"iopl", "ioperm"}},
      {"CAP_SYS_TIME", {"settimeofday", "stime", "clock_settime", "clock_settime64"}},
      {"CAP_SYS_TTY_CONFIG", {"vhangup"}},
      {"CAP_SYS_NICE", {"get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"}},
      {"CAP_SYSLOG", {"syslog"}},
      {"CAP_BPF", {"bpf"}},
      {"CAP_PERFMON", {"perf_event_open"}},
  };
  const auto found = names.find(capability);
  return found == names.end() ? Names() : found->second;
}

specs::LinuxSyscall Allow(Names names) {
  return {.names = std::move(names), .action = specs::kActAllow};
}

specs::LinuxSyscall AllowIf(std::string name, specs::LinuxSeccompArg argument) {
  return {.names = {std::move(name)}, .action = specs::kActAllow, .args = {std::move(argument)}};
}

// Any address family but AF_ALG and AF_VSOCK: below the one, between them, and above the other. One
// rule with two conditions would not do, since runc makes two rules of it.
void AllowSockets(std::vector<specs::LinuxSyscall>* syscalls) {
  static_assert(AF_ALG + 2 == AF_VSOCK);
  for (const auto& [value, op] :
       {std::pair{AF_ALG, specs::kOpLessThan}, std::pair{AF_ALG + 1, specs::kOpEqualTo},
        std::pair{AF_VSOCK, specs::kOpGreaterThan}}) {
    syscalls->push_back(
        AllowIf("socket", {.index = 0, .value = static_cast<std::uint64_t>(value), .op = op}));
  }
}

}  // namespace

std::optional<KernelVersion> ParseRelease(std::string_view release) {
  KernelVersion version;
  const char* const end = release.data() + release.size();
  const auto [dot, error] = std::from_chars(release.data(), end, version.kernel);
  if (error != std::errc() || dot == end || *dot != '.') return std::nullopt;
  if (std::from_chars(dot + 1, end, version.major).ec != std::errc()) return std::nullopt;
  return version;
}

specs::LinuxSeccomp MakeDefaultProfile(const std::vector<std::string>& bounding,
                                       std::string_view arch, std::optional<KernelVersion> kernel) {
  specs::LinuxSeccomp profile{.default_action = specs::kActErrno,
                              .architectures = Architectures(arch)};
  std::vector<specs::LinuxSyscall>& syscalls = profile.syscalls;
  syscalls.push_back(Allow(Split(kAllowed)));
  AllowSockets(&syscalls);
  for (const std::uint64_t value : kPersonalities) {
    syscalls.push_back(
        AllowIf("personality", {.index = 0, .value = value, .op = specs::kOpEqualTo}));
  }
  // Since 4.8 a process that is traced cannot get around seccomp by it.
  if (kernel.has_value() && *kernel >= KernelVersion{4, 8}) {
    syscalls.push_back(Allow({"process_vm_readv", "process_vm_writev", "ptrace"}));
  }
  if (Names names = OfArchitecture(arch); !names.empty()) {
    syscalls.push_back(Allow(std::move(names)));
  }
  for (const std::string& capability : bounding) {
    if (Names names = OfCapability(capability); !names.empty()) {
      syscalls.push_back(Allow(std::move(names)));
    }
  }
  if (std::find(bounding.begin(), bounding.end(), "CAP_SYS_ADMIN") == bounding.end()) {
    // On s390 the flags are the second argument.
    const std::uint64_t flags = arch == "s390" || arch == "s390x" ? 1 : 0;
    syscalls.push_back(AllowIf(
        "clone",
        {.index = flags, .value = kCloneNamespaces, .value_two = 0, .op = specs::kOpMaskedEqual}));
    // Its flags lie in memory. Told that there is no such call, the C library takes clone.
    syscalls.push_back({.names = {"clone3"}, .action = specs::kActErrno, .errno_ret = ENOSYS});
  }
  return profile;
}

}  // namespace containerd::seccomp
