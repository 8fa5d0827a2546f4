// SPDX-License-Identifier: Apache-2.0
//
// What is particular to the platforms that containerd seldom meets: Solaris, virtual machines, z/OS
// and FreeBSD (runtime-spec config-solaris.md, config-vm.md, config-zos.md, config-freebsd.md).
#ifndef CONTAINERD_SPECS_OTHER_PLATFORMS_H_
#define CONTAINERD_SPECS_OTHER_PLATFORMS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "containerd/gojson/value.h"

namespace containerd::specs {

// How many CPUs may be used.
struct SolarisCappedCPU {
  std::string ncpus{};
  gojson::Extra extra{};

  friend bool operator==(const SolarisCappedCPU&, const SolarisCappedCPU&) = default;
};

// Caps on physical memory and swap.
struct SolarisCappedMemory {
  std::string physical{};
  std::string swap{};
  gojson::Extra extra{};

  friend bool operator==(const SolarisCappedMemory&, const SolarisCappedMemory&) = default;
};

// A network of the container's zone.
struct SolarisAnet {
  std::string linkname{};
  std::string lowerlink{};
  std::string allowedaddr{};
  std::string configallowedaddr{};
  std::string defrouter{};
  std::string linkprotection{};
  std::string macaddress{};
  gojson::Extra extra{};

  friend bool operator==(const SolarisAnet&, const SolarisAnet&) = default;
};

// The Solaris part of a Spec.
struct Solaris {
  std::string milestone{};
  std::string limit_priv{};
  std::string max_shm_memory{};
  std::vector<SolarisAnet> anet{};
  std::optional<SolarisCappedCPU> capped_cpu{};
  std::optional<SolarisCappedMemory> capped_memory{};
  gojson::Extra extra{};

  friend bool operator==(const Solaris&, const Solaris&) = default;
};

// The hypervisor that runs the container.
struct VMHypervisor {
  std::string path{};
  std::vector<std::string> parameters{};
  gojson::Extra extra{};

  friend bool operator==(const VMHypervisor&, const VMHypervisor&) = default;
};

// The kernel of the virtual machine.
struct VMKernel {
  std::string path{};
  std::vector<std::string> parameters{};
  std::string initrd{};
  gojson::Extra extra{};

  friend bool operator==(const VMKernel&, const VMKernel&) = default;
};

// The root image of the virtual machine.
struct VMImage {
  std::string path{};
  std::string format{};
  gojson::Extra extra{};

  friend bool operator==(const VMImage&, const VMImage&) = default;
};

// Memory-mapped I/O to pass through to a guest.
struct IOMems {
  std::optional<std::uint64_t> first_gfn{};
  std::optional<std::uint64_t> first_mfn{};  // Required: absent is written as null, as is the next.
  std::optional<std::uint64_t> nr_mfns{};
  gojson::Extra extra{};

  friend bool operator==(const IOMems&, const IOMems&) = default;
};

// The hardware of the virtual machine.
struct HWConfig {
  std::string device_tree{};
  std::optional<std::uint32_t> vcpus{};
  std::optional<std::uint64_t> memory{};
  std::vector<std::string> dt_devs{};
  std::vector<IOMems> io_mems{};
  std::vector<std::uint32_t> irqs{};
  gojson::Extra extra{};

  friend bool operator==(const HWConfig&, const HWConfig&) = default;
};

// The part of a Spec for containers in virtual machines.
struct VM {
  VMHypervisor hypervisor{};
  VMKernel kernel{};
  VMImage image{};
  std::optional<HWConfig> hw_config{};
  gojson::Extra extra{};

  friend bool operator==(const VM&, const VM&) = default;
};

// Kinds of namespaces of z/OS.
using ZOSNamespaceType = std::string;
inline constexpr char kZOSPIDNamespace[] = "pid";
inline constexpr char kZOSMountNamespace[] = "mount";
inline constexpr char kZOSIPCNamespace[] = "ipc";
inline constexpr char kZOSUTSNamespace[] = "uts";

// A namespace to create, or to join if it has a path.
struct ZOSNamespace {
  ZOSNamespaceType type{};
  std::string path{};
  gojson::Extra extra{};

  friend bool operator==(const ZOSNamespace&, const ZOSNamespace&) = default;
};

// The z/OS part of a Spec.
struct ZOS {
  std::vector<ZOSNamespace> namespaces{};
  gojson::Extra extra{};

  friend bool operator==(const ZOS&, const ZOS&) = default;
};

// What a jail shares with its parent.
using FreeBSDSharing = std::string;
inline constexpr char kFreeBSDShareDisable[] = "disable";
inline constexpr char kFreeBSDShareNew[] = "new";
inline constexpr char kFreeBSDShareInherit[] = "inherit";

// A device node to make visible.
struct FreeBSDDevice {
  std::string path{};
  std::optional<std::uint32_t> mode{};
  gojson::Extra extra{};

  friend bool operator==(const FreeBSDDevice&, const FreeBSDDevice&) = default;
};

// What the jail's processes may do.
struct FreeBSDJailAllow {
  bool set_hostname = false;
  bool raw_sockets = false;
  bool chflags = false;
  std::vector<std::string> mount{};
  bool quotas = false;
  bool socket_af = false;
  bool mlock = false;
  bool reserved_ports = false;
  bool suser = false;
  gojson::Extra extra{};

  friend bool operator==(const FreeBSDJailAllow&, const FreeBSDJailAllow&) = default;
};

// The jail that the container runs in (jail(8)).
struct FreeBSDJail {
  std::string parent{};
  FreeBSDSharing host{};
  FreeBSDSharing ip4{};
  std::vector<std::string> ip4_addr{};
  FreeBSDSharing ip6{};
  std::vector<std::string> ip6_addr{};
  FreeBSDSharing vnet{};
  std::string interface {};
  std::vector<std::string> vnet_interfaces{};
  FreeBSDSharing sysv_msg{};
  FreeBSDSharing sysv_sem{};
  FreeBSDSharing sysv_shm{};
  std::optional<std::int64_t> enforce_statfs{};
  std::optional<FreeBSDJailAllow> allow{};
  gojson::Extra extra{};

  friend bool operator==(const FreeBSDJail&, const FreeBSDJail&) = default;
};

// The FreeBSD part of a Spec.
struct FreeBSD {
  std::vector<FreeBSDDevice> devices{};
  std::optional<FreeBSDJail> jail{};
  gojson::Extra extra{};

  friend bool operator==(const FreeBSD&, const FreeBSD&) = default;
};

}  // namespace containerd::specs

#endif  // CONTAINERD_SPECS_OTHER_PLATFORMS_H_
