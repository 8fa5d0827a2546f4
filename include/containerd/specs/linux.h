// SPDX-License-Identifier: Apache-2.0
//
// What is particular to Linux: namespaces, cgroup resources, devices, seccomp and the rest
// (runtime-spec config-linux.md). Fields are those of the Go struct of the same name.
#ifndef CONTAINERD_SPECS_LINUX_H_
#define CONTAINERD_SPECS_LINUX_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "containerd/export/export.h"
#include "containerd/gojson/value.h"

namespace containerd::specs {

// Kinds of namespaces (namespaces(7)).
using LinuxNamespaceType = std::string;
inline constexpr char kPIDNamespace[] = "pid";
inline constexpr char kNetworkNamespace[] = "network";
inline constexpr char kMountNamespace[] = "mount";
inline constexpr char kIPCNamespace[] = "ipc";
inline constexpr char kUTSNamespace[] = "uts";
inline constexpr char kUserNamespace[] = "user";
inline constexpr char kCgroupNamespace[] = "cgroup";
inline constexpr char kTimeNamespace[] = "time";

// A namespace to create, or to join if it has a path.
struct LinuxNamespace {
  LinuxNamespaceType type{};
  std::string path{};
  gojson::Extra extra{};

  friend bool operator==(const LinuxNamespace&, const LinuxNamespace&) = default;
};

// A range of user or group ids, in the container and outside.
struct LinuxIDMapping {
  std::uint32_t container_id = 0;
  std::uint32_t host_id = 0;
  std::uint32_t size = 0;
  gojson::Extra extra{};

  friend bool operator==(const LinuxIDMapping&, const LinuxIDMapping&) = default;
};

// The offset of a clock in a time namespace.
struct LinuxTimeOffset {
  std::int64_t secs = 0;
  std::uint32_t nanosecs = 0;
  gojson::Extra extra{};

  friend bool operator==(const LinuxTimeOffset&, const LinuxTimeOffset&) = default;
};

// A limit on huge pages of one size.
struct LinuxHugepageLimit {
  std::string pagesize{};   // "2MB"
  std::uint64_t limit = 0;  // Bytes.
  gojson::Extra extra{};

  friend bool operator==(const LinuxHugepageLimit&, const LinuxHugepageLimit&) = default;
};

// The priority of the traffic of one network interface.
struct LinuxInterfacePriority {
  std::string name{};
  std::uint32_t priority = 0;
  gojson::Extra extra{};

  friend bool operator==(const LinuxInterfacePriority&, const LinuxInterfacePriority&) = default;
};

// A block device.
struct LinuxBlockIODevice {
  std::int64_t major = 0;
  std::int64_t minor = 0;
  gojson::Extra extra{};

  friend bool operator==(const LinuxBlockIODevice&, const LinuxBlockIODevice&) = default;
};

// A block device's weight. Holds the fields of Go's embedded LinuxBlockIODevice.
struct LinuxWeightDevice {
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::optional<std::uint16_t> weight{};  // 10 to 1000.
  std::optional<std::uint16_t> leaf_weight{};
  gojson::Extra extra{};

  friend bool operator==(const LinuxWeightDevice&, const LinuxWeightDevice&) = default;
};

// A block device's rate limit. Holds the fields of Go's embedded LinuxBlockIODevice.
struct LinuxThrottleDevice {
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::uint64_t rate = 0;  // Bytes or operations a second.
  gojson::Extra extra{};

  friend bool operator==(const LinuxThrottleDevice&, const LinuxThrottleDevice&) = default;
};

// The "blkio" or "io" controller.
struct LinuxBlockIO {
  std::optional<std::uint16_t> weight{};
  std::optional<std::uint16_t> leaf_weight{};
  std::vector<LinuxWeightDevice> weight_device{};
  std::vector<LinuxThrottleDevice> throttle_read_bps_device{};
  std::vector<LinuxThrottleDevice> throttle_write_bps_device{};
  std::vector<LinuxThrottleDevice> throttle_read_iops_device{};
  std::vector<LinuxThrottleDevice> throttle_write_iops_device{};
  gojson::Extra extra{};

  friend bool operator==(const LinuxBlockIO&, const LinuxBlockIO&) = default;
};

// The "memory" controller. Bytes; -1 is no limit.
struct LinuxMemory {
  std::optional<std::int64_t> limit{};
  std::optional<std::int64_t> reservation{};
  std::optional<std::int64_t> swap{};    // Of memory and swap together.
  std::optional<std::int64_t> kernel{};  // Deprecated by the spec.
  std::optional<std::int64_t> kernel_tcp{};
  std::optional<std::uint64_t> swappiness{};  // 0 to 100.
  std::optional<bool> disable_oom_killer{};
  std::optional<bool> use_hierarchy{};
  std::optional<bool> check_before_update{};
  gojson::Extra extra{};

  friend bool operator==(const LinuxMemory&, const LinuxMemory&) = default;
};

// The "cpu" and "cpuset" controllers.
struct LinuxCPU {
  std::optional<std::uint64_t> shares{};
  std::optional<std::int64_t> quota{};  // Microseconds, as all times here.
  std::optional<std::uint64_t> burst{};
  std::optional<std::uint64_t> period{};
  std::optional<std::int64_t> realtime_runtime{};
  std::optional<std::uint64_t> realtime_period{};
  std::string cpus{};  // "0-3,7"
  std::string mems{};  // "0-3,7"
  std::optional<std::int64_t> idle{};
  gojson::Extra extra{};

  friend bool operator==(const LinuxCPU&, const LinuxCPU&) = default;
};

// The "pids" controller.
struct LinuxPids {
  std::optional<std::int64_t> limit{};
  gojson::Extra extra{};

  friend bool operator==(const LinuxPids&, const LinuxPids&) = default;
};

// The "net_cls" and "net_prio" controllers.
struct LinuxNetwork {
  std::optional<std::uint32_t> class_id{};
  std::vector<LinuxInterfacePriority> priorities{};
  gojson::Extra extra{};

  friend bool operator==(const LinuxNetwork&, const LinuxNetwork&) = default;
};

// Limits on one RDMA device.
struct LinuxRdma {
  std::optional<std::uint32_t> hca_handles{};
  std::optional<std::uint32_t> hca_objects{};
  gojson::Extra extra{};

  friend bool operator==(const LinuxRdma&, const LinuxRdma&) = default;
};

// A rule of the device controller. An absent number means all.
struct LinuxDeviceCgroup {
  bool allow = false;
  std::string type{};  // "a" (all), "c" or "b".
  std::optional<std::int64_t> major{};
  std::optional<std::int64_t> minor{};
  std::string access{};  // Of "r", "w" and "m".
  gojson::Extra extra{};

  friend bool operator==(const LinuxDeviceCgroup&, const LinuxDeviceCgroup&) = default;
};

// The container's cgroup limits; also what Task::Update takes.
struct CONTAINERD_EXPORT LinuxResources {
  std::vector<LinuxDeviceCgroup> devices{};
  std::optional<LinuxMemory> memory{};
  std::optional<LinuxCPU> cpu{};
  std::optional<LinuxPids> pids{};
  std::optional<LinuxBlockIO> block_io{};
  std::vector<LinuxHugepageLimit> hugepage_limits{};
  std::optional<LinuxNetwork> network{};
  std::map<std::string, LinuxRdma> rdma{};       // By device.
  std::map<std::string, std::string> unified{};  // cgroup v2 files by name.
  gojson::Extra extra{};

  friend bool operator==(const LinuxResources&, const LinuxResources&) = default;
};

// A device node to make in the container.
struct LinuxDevice {
  std::string path{};
  std::string type{};  // "c", "b", "u" or "p".
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::optional<std::uint32_t> file_mode{};
  std::optional<std::uint32_t> uid{};
  std::optional<std::uint32_t> gid{};
  gojson::Extra extra{};

  friend bool operator==(const LinuxDevice&, const LinuxDevice&) = default;
};

// A network device to move into the container; `name` renames it.
struct LinuxNetDevice {
  std::string name{};
  gojson::Extra extra{};

  friend bool operator==(const LinuxNetDevice&, const LinuxNetDevice&) = default;
};

// What seccomp does on a match (seccomp(2)).
using LinuxSeccompAction = std::string;
inline constexpr char kActKill[] = "SCMP_ACT_KILL";
inline constexpr char kActKillProcess[] = "SCMP_ACT_KILL_PROCESS";
inline constexpr char kActKillThread[] = "SCMP_ACT_KILL_THREAD";
inline constexpr char kActTrap[] = "SCMP_ACT_TRAP";
inline constexpr char kActErrno[] = "SCMP_ACT_ERRNO";
inline constexpr char kActTrace[] = "SCMP_ACT_TRACE";
inline constexpr char kActAllow[] = "SCMP_ACT_ALLOW";
inline constexpr char kActLog[] = "SCMP_ACT_LOG";
inline constexpr char kActNotify[] = "SCMP_ACT_NOTIFY";

// How seccomp compares an argument.
using LinuxSeccompOperator = std::string;
inline constexpr char kOpNotEqual[] = "SCMP_CMP_NE";
inline constexpr char kOpLessThan[] = "SCMP_CMP_LT";
inline constexpr char kOpLessEqual[] = "SCMP_CMP_LE";
inline constexpr char kOpEqualTo[] = "SCMP_CMP_EQ";
inline constexpr char kOpGreaterEqual[] = "SCMP_CMP_GE";
inline constexpr char kOpGreaterThan[] = "SCMP_CMP_GT";
inline constexpr char kOpMaskedEqual[] = "SCMP_CMP_MASKED_EQ";

// Flags for loading a seccomp filter.
using LinuxSeccompFlag = std::string;
inline constexpr char kLinuxSeccompFlagLog[] = "SECCOMP_FILTER_FLAG_LOG";
inline constexpr char kLinuxSeccompFlagSpecAllow[] = "SECCOMP_FILTER_FLAG_SPEC_ALLOW";
inline constexpr char kLinuxSeccompFlagWaitKillableRecv[] =
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV";

// Architectures, as libseccomp names them.
using Arch = std::string;
inline constexpr char kArchX86[] = "SCMP_ARCH_X86";
inline constexpr char kArchX86_64[] = "SCMP_ARCH_X86_64";
inline constexpr char kArchX32[] = "SCMP_ARCH_X32";
inline constexpr char kArchARM[] = "SCMP_ARCH_ARM";
inline constexpr char kArchAARCH64[] = "SCMP_ARCH_AARCH64";
inline constexpr char kArchMIPS[] = "SCMP_ARCH_MIPS";
inline constexpr char kArchMIPS64[] = "SCMP_ARCH_MIPS64";
inline constexpr char kArchMIPS64N32[] = "SCMP_ARCH_MIPS64N32";
inline constexpr char kArchMIPSEL[] = "SCMP_ARCH_MIPSEL";
inline constexpr char kArchMIPSEL64[] = "SCMP_ARCH_MIPSEL64";
inline constexpr char kArchMIPSEL64N32[] = "SCMP_ARCH_MIPSEL64N32";
inline constexpr char kArchPPC[] = "SCMP_ARCH_PPC";
inline constexpr char kArchPPC64[] = "SCMP_ARCH_PPC64";
inline constexpr char kArchPPC64LE[] = "SCMP_ARCH_PPC64LE";
inline constexpr char kArchS390[] = "SCMP_ARCH_S390";
inline constexpr char kArchS390X[] = "SCMP_ARCH_S390X";
inline constexpr char kArchPARISC[] = "SCMP_ARCH_PARISC";
inline constexpr char kArchPARISC64[] = "SCMP_ARCH_PARISC64";
inline constexpr char kArchRISCV64[] = "SCMP_ARCH_RISCV64";
inline constexpr char kArchLOONGARCH64[] = "SCMP_ARCH_LOONGARCH64";
inline constexpr char kArchM68K[] = "SCMP_ARCH_M68K";
inline constexpr char kArchSH[] = "SCMP_ARCH_SH";
inline constexpr char kArchSHEB[] = "SCMP_ARCH_SHEB";

// A condition on one argument of a system call.
struct LinuxSeccompArg {
  std::uint64_t index = 0;
  std::uint64_t value = 0;
  std::uint64_t value_two = 0;  // For kOpMaskedEqual: (argument & value) == value_two.
  LinuxSeccompOperator op{};
  gojson::Extra extra{};

  friend bool operator==(const LinuxSeccompArg&, const LinuxSeccompArg&) = default;
};

// What to do on some system calls.
struct LinuxSyscall {
  gojson::Slice<std::string> names{};
  LinuxSeccompAction action{};
  std::optional<std::uint64_t> errno_ret{};
  std::vector<LinuxSeccompArg> args{};
  gojson::Extra extra{};

  friend bool operator==(const LinuxSyscall&, const LinuxSyscall&) = default;
};

// The seccomp filter.
struct CONTAINERD_EXPORT LinuxSeccomp {
  LinuxSeccompAction default_action{};
  std::optional<std::uint64_t> default_errno_ret{};
  std::vector<Arch> architectures{};
  std::vector<LinuxSeccompFlag> flags{};
  std::string listener_path{};
  std::string listener_metadata{};
  std::vector<LinuxSyscall> syscalls{};
  gojson::Extra extra{};

  friend bool operator==(const LinuxSeccomp&, const LinuxSeccomp&) = default;
};

// Cache and memory bandwidth allocation (resctrl).
struct LinuxIntelRdt {
  std::string clos_id{};
  std::vector<std::string> schemata{};
  std::string l3_cache_schema{};
  std::string mem_bw_schema{};
  bool enable_monitoring = false;
  gojson::Extra extra{};

  friend bool operator==(const LinuxIntelRdt&, const LinuxIntelRdt&) = default;
};

// NUMA policies (set_mempolicy(2)).
using MemoryPolicyModeType = std::string;
inline constexpr char kMpolDefault[] = "MPOL_DEFAULT";
inline constexpr char kMpolBind[] = "MPOL_BIND";
inline constexpr char kMpolInterleave[] = "MPOL_INTERLEAVE";
inline constexpr char kMpolWeightedInterleave[] = "MPOL_WEIGHTED_INTERLEAVE";
inline constexpr char kMpolPreferred[] = "MPOL_PREFERRED";
inline constexpr char kMpolPreferredMany[] = "MPOL_PREFERRED_MANY";
inline constexpr char kMpolLocal[] = "MPOL_LOCAL";

// Their flags.
using MemoryPolicyFlagType = std::string;
inline constexpr char kMpolFNumaBalancing[] = "MPOL_F_NUMA_BALANCING";
inline constexpr char kMpolFRelativeNodes[] = "MPOL_F_RELATIVE_NODES";
inline constexpr char kMpolFStaticNodes[] = "MPOL_F_STATIC_NODES";

// The NUMA policy of the container's memory.
struct LinuxMemoryPolicy {
  MemoryPolicyModeType mode{};
  std::string nodes{};  // "0-3,7"
  std::vector<MemoryPolicyFlagType> flags{};
  gojson::Extra extra{};

  friend bool operator==(const LinuxMemoryPolicy&, const LinuxMemoryPolicy&) = default;
};

// Execution domains (personality(2)).
using LinuxPersonalityDomain = std::string;
inline constexpr char kPerLinux[] = "LINUX";
inline constexpr char kPerLinux32[] = "LINUX32";

// None are defined so far.
using LinuxPersonalityFlag = std::string;

// The execution domain of the container.
struct LinuxPersonality {
  LinuxPersonalityDomain domain{};
  std::vector<LinuxPersonalityFlag> flags{};
  gojson::Extra extra{};

  friend bool operator==(const LinuxPersonality&, const LinuxPersonality&) = default;
};

// The Linux part of a Spec.
struct CONTAINERD_EXPORT Linux {
  std::vector<LinuxIDMapping> uid_mappings{};
  std::vector<LinuxIDMapping> gid_mappings{};
  std::map<std::string, std::string> sysctl{};
  std::optional<LinuxResources> resources{};
  std::string cgroups_path{};  // "/parent/name", or "slice:prefix:name" for systemd.
  std::vector<LinuxNamespace> namespaces{};
  std::vector<LinuxDevice> devices{};
  std::map<std::string, LinuxNetDevice> net_devices{};  // By the name on the host.
  std::optional<LinuxSeccomp> seccomp{};
  std::string rootfs_propagation{};  // "private", "rslave", …
  std::vector<std::string> masked_paths{};
  std::vector<std::string> readonly_paths{};
  std::string mount_label{};  // SELinux.
  std::optional<LinuxIntelRdt> intel_rdt{};
  std::optional<LinuxMemoryPolicy> memory_policy{};
  std::optional<LinuxPersonality> personality{};
  std::map<std::string, LinuxTimeOffset> time_offsets{};  // By clock: "monotonic", "boottime".
  gojson::Extra extra{};

  friend bool operator==(const Linux&, const Linux&) = default;
};

}  // namespace containerd::specs

#endif  // CONTAINERD_SPECS_LINUX_H_
