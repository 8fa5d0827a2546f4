// SPDX-License-Identifier: Apache-2.0
//
// The fields of each runtime-spec struct, in the order of the Go structs.
#include "containerd/specs/json.h"

#include "src/gojson/internal/codec.h"

namespace containerd::specs {

using gojson::kOmitEmpty;
using gojson::Of;

template <class V, Of<Box> T>
void Bind(V& v, T& box) {
  v.Field("height", box.height);
  v.Field("width", box.width);
}

template <class V, Of<User> T>
void Bind(V& v, T& user) {
  v.Field("uid", user.uid);
  v.Field("gid", user.gid);
  v.Field("umask", user.umask, kOmitEmpty);
  v.Field("additionalGids", user.additional_gids, kOmitEmpty);
  v.Field("username", user.username, kOmitEmpty);
}

template <class V, Of<LinuxCapabilities> T>
void Bind(V& v, T& capabilities) {
  v.Field("bounding", capabilities.bounding, kOmitEmpty);
  v.Field("effective", capabilities.effective, kOmitEmpty);
  v.Field("inheritable", capabilities.inheritable, kOmitEmpty);
  v.Field("permitted", capabilities.permitted, kOmitEmpty);
  v.Field("ambient", capabilities.ambient, kOmitEmpty);
}

template <class V, Of<POSIXRlimit> T>
void Bind(V& v, T& rlimit) {
  v.Field("type", rlimit.type);
  v.Field("hard", rlimit.hard);
  v.Field("soft", rlimit.soft);
}

template <class V, Of<Scheduler> T>
void Bind(V& v, T& scheduler) {
  v.Field("policy", scheduler.policy);
  v.Field("nice", scheduler.nice, kOmitEmpty);
  v.Field("priority", scheduler.priority, kOmitEmpty);
  v.Field("flags", scheduler.flags, kOmitEmpty);
  v.Field("runtime", scheduler.runtime, kOmitEmpty);
  v.Field("deadline", scheduler.deadline, kOmitEmpty);
  v.Field("period", scheduler.period, kOmitEmpty);
}

template <class V, Of<LinuxIOPriority> T>
void Bind(V& v, T& io_priority) {
  v.Field("class", io_priority.class_);
  v.Field("priority", io_priority.priority);
}

template <class V, Of<CPUAffinity> T>
void Bind(V& v, T& affinity) {
  v.Field("initial", affinity.initial, kOmitEmpty);
  v.Field("final", affinity.final, kOmitEmpty);
}

template <class V, Of<Process> T>
void Bind(V& v, T& process) {
  v.Field("terminal", process.terminal, kOmitEmpty);
  v.Field("consoleSize", process.console_size, kOmitEmpty);
  v.Field("user", process.user);
  v.Field("args", process.args, kOmitEmpty);
  v.Field("commandLine", process.command_line, kOmitEmpty);
  v.Field("env", process.env, kOmitEmpty);
  v.Field("cwd", process.cwd);
  v.Field("capabilities", process.capabilities, kOmitEmpty);
  v.Field("rlimits", process.rlimits, kOmitEmpty);
  v.Field("noNewPrivileges", process.no_new_privileges, kOmitEmpty);
  v.Field("apparmorProfile", process.apparmor_profile, kOmitEmpty);
  v.Field("oomScoreAdj", process.oom_score_adj, kOmitEmpty);
  v.Field("scheduler", process.scheduler, kOmitEmpty);
  v.Field("selinuxLabel", process.selinux_label, kOmitEmpty);
  v.Field("ioPriority", process.io_priority, kOmitEmpty);
  v.Field("execCPUAffinity", process.exec_cpu_affinity, kOmitEmpty);
}

template <class V, Of<LinuxNamespace> T>
void Bind(V& v, T& ns) {
  v.Field("type", ns.type);
  v.Field("path", ns.path, kOmitEmpty);
}

template <class V, Of<LinuxIDMapping> T>
void Bind(V& v, T& mapping) {
  v.Field("containerID", mapping.container_id);
  v.Field("hostID", mapping.host_id);
  v.Field("size", mapping.size);
}

template <class V, Of<LinuxTimeOffset> T>
void Bind(V& v, T& offset) {
  v.Field("secs", offset.secs, kOmitEmpty);
  v.Field("nanosecs", offset.nanosecs, kOmitEmpty);
}

template <class V, Of<LinuxHugepageLimit> T>
void Bind(V& v, T& limit) {
  v.Field("pageSize", limit.pagesize);
  v.Field("limit", limit.limit);
}

template <class V, Of<LinuxInterfacePriority> T>
void Bind(V& v, T& priority) {
  v.Field("name", priority.name);
  v.Field("priority", priority.priority);
}

template <class V, Of<LinuxBlockIODevice> T>
void Bind(V& v, T& device) {
  v.Field("major", device.major);
  v.Field("minor", device.minor);
}

template <class V, Of<LinuxWeightDevice> T>
void Bind(V& v, T& device) {
  v.Field("major", device.major);
  v.Field("minor", device.minor);
  v.Field("weight", device.weight, kOmitEmpty);
  v.Field("leafWeight", device.leaf_weight, kOmitEmpty);
}

template <class V, Of<LinuxThrottleDevice> T>
void Bind(V& v, T& device) {
  v.Field("major", device.major);
  v.Field("minor", device.minor);
  v.Field("rate", device.rate);
}

template <class V, Of<LinuxBlockIO> T>
void Bind(V& v, T& io) {
  v.Field("weight", io.weight, kOmitEmpty);
  v.Field("leafWeight", io.leaf_weight, kOmitEmpty);
  v.Field("weightDevice", io.weight_device, kOmitEmpty);
  v.Field("throttleReadBpsDevice", io.throttle_read_bps_device, kOmitEmpty);
  v.Field("throttleWriteBpsDevice", io.throttle_write_bps_device, kOmitEmpty);
  v.Field("throttleReadIOPSDevice", io.throttle_read_iops_device, kOmitEmpty);
  v.Field("throttleWriteIOPSDevice", io.throttle_write_iops_device, kOmitEmpty);
}

template <class V, Of<LinuxMemory> T>
void Bind(V& v, T& memory) {
  v.Field("limit", memory.limit, kOmitEmpty);
  v.Field("reservation", memory.reservation, kOmitEmpty);
  v.Field("swap", memory.swap, kOmitEmpty);
  v.Field("kernel", memory.kernel, kOmitEmpty);
  v.Field("kernelTCP", memory.kernel_tcp, kOmitEmpty);
  v.Field("swappiness", memory.swappiness, kOmitEmpty);
  v.Field("disableOOMKiller", memory.disable_oom_killer, kOmitEmpty);
  v.Field("useHierarchy", memory.use_hierarchy, kOmitEmpty);
  v.Field("checkBeforeUpdate", memory.check_before_update, kOmitEmpty);
}

template <class V, Of<LinuxCPU> T>
void Bind(V& v, T& cpu) {
  v.Field("shares", cpu.shares, kOmitEmpty);
  v.Field("quota", cpu.quota, kOmitEmpty);
  v.Field("burst", cpu.burst, kOmitEmpty);
  v.Field("period", cpu.period, kOmitEmpty);
  v.Field("realtimeRuntime", cpu.realtime_runtime, kOmitEmpty);
  v.Field("realtimePeriod", cpu.realtime_period, kOmitEmpty);
  v.Field("cpus", cpu.cpus, kOmitEmpty);
  v.Field("mems", cpu.mems, kOmitEmpty);
  v.Field("idle", cpu.idle, kOmitEmpty);
}

template <class V, Of<LinuxPids> T>
void Bind(V& v, T& pids) {
  v.Field("limit", pids.limit, kOmitEmpty);
}

template <class V, Of<LinuxNetwork> T>
void Bind(V& v, T& network) {
  v.Field("classID", network.class_id, kOmitEmpty);
  v.Field("priorities", network.priorities, kOmitEmpty);
}

template <class V, Of<LinuxRdma> T>
void Bind(V& v, T& rdma) {
  v.Field("hcaHandles", rdma.hca_handles, kOmitEmpty);
  v.Field("hcaObjects", rdma.hca_objects, kOmitEmpty);
}

template <class V, Of<LinuxDeviceCgroup> T>
void Bind(V& v, T& rule) {
  v.Field("allow", rule.allow);
  v.Field("type", rule.type, kOmitEmpty);
  v.Field("major", rule.major, kOmitEmpty);
  v.Field("minor", rule.minor, kOmitEmpty);
  v.Field("access", rule.access, kOmitEmpty);
}

template <class V, Of<LinuxResources> T>
void Bind(V& v, T& resources) {
  v.Field("devices", resources.devices, kOmitEmpty);
  v.Field("memory", resources.memory, kOmitEmpty);
  v.Field("cpu", resources.cpu, kOmitEmpty);
  v.Field("pids", resources.pids, kOmitEmpty);
  v.Field("blockIO", resources.block_io, kOmitEmpty);
  v.Field("hugepageLimits", resources.hugepage_limits, kOmitEmpty);
  v.Field("network", resources.network, kOmitEmpty);
  v.Field("rdma", resources.rdma, kOmitEmpty);
  v.Field("unified", resources.unified, kOmitEmpty);
}

template <class V, Of<LinuxDevice> T>
void Bind(V& v, T& device) {
  v.Field("path", device.path);
  v.Field("type", device.type);
  v.Field("major", device.major);
  v.Field("minor", device.minor);
  v.Field("fileMode", device.file_mode, kOmitEmpty);
  v.Field("uid", device.uid, kOmitEmpty);
  v.Field("gid", device.gid, kOmitEmpty);
}

template <class V, Of<LinuxNetDevice> T>
void Bind(V& v, T& device) {
  v.Field("name", device.name, kOmitEmpty);
}

template <class V, Of<LinuxSeccompArg> T>
void Bind(V& v, T& arg) {
  v.Field("index", arg.index);
  v.Field("value", arg.value);
  v.Field("valueTwo", arg.value_two, kOmitEmpty);
  v.Field("op", arg.op);
}

template <class V, Of<LinuxSyscall> T>
void Bind(V& v, T& syscall) {
  v.Field("names", syscall.names);
  v.Field("action", syscall.action);
  v.Field("errnoRet", syscall.errno_ret, kOmitEmpty);
  v.Field("args", syscall.args, kOmitEmpty);
}

template <class V, Of<LinuxSeccomp> T>
void Bind(V& v, T& seccomp) {
  v.Field("defaultAction", seccomp.default_action);
  v.Field("defaultErrnoRet", seccomp.default_errno_ret, kOmitEmpty);
  v.Field("architectures", seccomp.architectures, kOmitEmpty);
  v.Field("flags", seccomp.flags, kOmitEmpty);
  v.Field("listenerPath", seccomp.listener_path, kOmitEmpty);
  v.Field("listenerMetadata", seccomp.listener_metadata, kOmitEmpty);
  v.Field("syscalls", seccomp.syscalls, kOmitEmpty);
}

template <class V, Of<LinuxIntelRdt> T>
void Bind(V& v, T& rdt) {
  v.Field("closID", rdt.clos_id, kOmitEmpty);
  v.Field("schemata", rdt.schemata, kOmitEmpty);
  v.Field("l3CacheSchema", rdt.l3_cache_schema, kOmitEmpty);
  v.Field("memBwSchema", rdt.mem_bw_schema, kOmitEmpty);
  v.Field("enableMonitoring", rdt.enable_monitoring, kOmitEmpty);
}

template <class V, Of<LinuxMemoryPolicy> T>
void Bind(V& v, T& policy) {
  v.Field("mode", policy.mode);
  v.Field("nodes", policy.nodes);
  v.Field("flags", policy.flags, kOmitEmpty);
}

template <class V, Of<LinuxPersonality> T>
void Bind(V& v, T& personality) {
  v.Field("domain", personality.domain);
  v.Field("flags", personality.flags, kOmitEmpty);
}

template <class V, Of<Linux> T>
void Bind(V& v, T& platform) {
  v.Field("uidMappings", platform.uid_mappings, kOmitEmpty);
  v.Field("gidMappings", platform.gid_mappings, kOmitEmpty);
  v.Field("sysctl", platform.sysctl, kOmitEmpty);
  v.Field("resources", platform.resources, kOmitEmpty);
  v.Field("cgroupsPath", platform.cgroups_path, kOmitEmpty);
  v.Field("namespaces", platform.namespaces, kOmitEmpty);
  v.Field("devices", platform.devices, kOmitEmpty);
  v.Field("netDevices", platform.net_devices, kOmitEmpty);
  v.Field("seccomp", platform.seccomp, kOmitEmpty);
  v.Field("rootfsPropagation", platform.rootfs_propagation, kOmitEmpty);
  v.Field("maskedPaths", platform.masked_paths, kOmitEmpty);
  v.Field("readonlyPaths", platform.readonly_paths, kOmitEmpty);
  v.Field("mountLabel", platform.mount_label, kOmitEmpty);
  v.Field("intelRdt", platform.intel_rdt, kOmitEmpty);
  v.Field("memoryPolicy", platform.memory_policy, kOmitEmpty);
  v.Field("personality", platform.personality, kOmitEmpty);
  v.Field("timeOffsets", platform.time_offsets, kOmitEmpty);
}

template <class V, Of<WindowsDevice> T>
void Bind(V& v, T& device) {
  v.Field("id", device.id);
  v.Field("idType", device.id_type);
}

template <class V, Of<WindowsMemoryResources> T>
void Bind(V& v, T& memory) {
  v.Field("limit", memory.limit, kOmitEmpty);
}

template <class V, Of<WindowsCPUGroupAffinity> T>
void Bind(V& v, T& affinity) {
  v.Field("mask", affinity.mask, kOmitEmpty);
  v.Field("group", affinity.group, kOmitEmpty);
}

template <class V, Of<WindowsCPUResources> T>
void Bind(V& v, T& cpu) {
  v.Field("count", cpu.count, kOmitEmpty);
  v.Field("shares", cpu.shares, kOmitEmpty);
  v.Field("maximum", cpu.maximum, kOmitEmpty);
  v.Field("affinity", cpu.affinity, kOmitEmpty);
}

template <class V, Of<WindowsStorageResources> T>
void Bind(V& v, T& storage) {
  v.Field("iops", storage.iops, kOmitEmpty);
  v.Field("bps", storage.bps, kOmitEmpty);
  v.Field("sandboxSize", storage.sandbox_size, kOmitEmpty);
}

template <class V, Of<WindowsResources> T>
void Bind(V& v, T& resources) {
  v.Field("memory", resources.memory, kOmitEmpty);
  v.Field("cpu", resources.cpu, kOmitEmpty);
  v.Field("storage", resources.storage, kOmitEmpty);
}

template <class V, Of<WindowsNetwork> T>
void Bind(V& v, T& network) {
  v.Field("endpointList", network.endpoint_list, kOmitEmpty);
  v.Field("allowUnqualifiedDNSQuery", network.allow_unqualified_dns_query, kOmitEmpty);
  v.Field("DNSSearchList", network.dns_search_list, kOmitEmpty);
  v.Field("networkSharedContainerName", network.network_shared_container_name, kOmitEmpty);
  v.Field("networkNamespace", network.network_namespace, kOmitEmpty);
}

template <class V, Of<WindowsHyperV> T>
void Bind(V& v, T& hyperv) {
  v.Field("utilityVMPath", hyperv.utility_vm_path, kOmitEmpty);
}

template <class V, Of<Windows> T>
void Bind(V& v, T& platform) {
  v.Field("layerFolders", platform.layer_folders);
  v.Field("devices", platform.devices, kOmitEmpty);
  v.Field("resources", platform.resources, kOmitEmpty);
  v.Field("credentialSpec", platform.credential_spec, kOmitEmpty);
  v.Field("servicing", platform.servicing, kOmitEmpty);
  v.Field("ignoreFlushesDuringBoot", platform.ignore_flushes_during_boot, kOmitEmpty);
  v.Field("hyperv", platform.hyper_v, kOmitEmpty);
  v.Field("network", platform.network, kOmitEmpty);
}

template <class V, Of<SolarisCappedCPU> T>
void Bind(V& v, T& cpu) {
  v.Field("ncpus", cpu.ncpus, kOmitEmpty);
}

template <class V, Of<SolarisCappedMemory> T>
void Bind(V& v, T& memory) {
  v.Field("physical", memory.physical, kOmitEmpty);
  v.Field("swap", memory.swap, kOmitEmpty);
}

template <class V, Of<SolarisAnet> T>
void Bind(V& v, T& anet) {
  v.Field("linkname", anet.linkname, kOmitEmpty);
  v.Field("lowerLink", anet.lowerlink, kOmitEmpty);
  v.Field("allowedAddress", anet.allowedaddr, kOmitEmpty);
  v.Field("configureAllowedAddress", anet.configallowedaddr, kOmitEmpty);
  v.Field("defrouter", anet.defrouter, kOmitEmpty);
  v.Field("linkProtection", anet.linkprotection, kOmitEmpty);
  v.Field("macAddress", anet.macaddress, kOmitEmpty);
}

template <class V, Of<Solaris> T>
void Bind(V& v, T& platform) {
  v.Field("milestone", platform.milestone, kOmitEmpty);
  v.Field("limitpriv", platform.limit_priv, kOmitEmpty);
  v.Field("maxShmMemory", platform.max_shm_memory, kOmitEmpty);
  v.Field("anet", platform.anet, kOmitEmpty);
  v.Field("cappedCPU", platform.capped_cpu, kOmitEmpty);
  v.Field("cappedMemory", platform.capped_memory, kOmitEmpty);
}

template <class V, Of<VMHypervisor> T>
void Bind(V& v, T& hypervisor) {
  v.Field("path", hypervisor.path);
  v.Field("parameters", hypervisor.parameters, kOmitEmpty);
}

template <class V, Of<VMKernel> T>
void Bind(V& v, T& kernel) {
  v.Field("path", kernel.path);
  v.Field("parameters", kernel.parameters, kOmitEmpty);
  v.Field("initrd", kernel.initrd, kOmitEmpty);
}

template <class V, Of<VMImage> T>
void Bind(V& v, T& image) {
  v.Field("path", image.path);
  v.Field("format", image.format);
}

template <class V, Of<IOMems> T>
void Bind(V& v, T& mems) {
  v.Field("firstGFN", mems.first_gfn, kOmitEmpty);
  v.Field("firstMFN", mems.first_mfn);
  v.Field("nrMFNs", mems.nr_mfns);
}

template <class V, Of<HWConfig> T>
void Bind(V& v, T& hardware) {
  v.Field("deviceTree", hardware.device_tree, kOmitEmpty);
  v.Field("vcpus", hardware.vcpus, kOmitEmpty);
  v.Field("memory", hardware.memory, kOmitEmpty);
  v.Field("dtdevs", hardware.dt_devs, kOmitEmpty);
  v.Field("iomems", hardware.io_mems, kOmitEmpty);
  v.Field("irqs", hardware.irqs, kOmitEmpty);
}

template <class V, Of<VM> T>
void Bind(V& v, T& vm) {
  v.Field("hypervisor", vm.hypervisor, kOmitEmpty);
  v.Field("kernel", vm.kernel);
  v.Field("image", vm.image, kOmitEmpty);
  v.Field("hwconfig", vm.hw_config, kOmitEmpty);
}

template <class V, Of<ZOSNamespace> T>
void Bind(V& v, T& ns) {
  v.Field("type", ns.type);
  v.Field("path", ns.path, kOmitEmpty);
}

template <class V, Of<ZOS> T>
void Bind(V& v, T& platform) {
  v.Field("namespaces", platform.namespaces, kOmitEmpty);
}

template <class V, Of<FreeBSDDevice> T>
void Bind(V& v, T& device) {
  v.Field("path", device.path);
  v.Field("mode", device.mode, kOmitEmpty);
}

template <class V, Of<FreeBSDJailAllow> T>
void Bind(V& v, T& allow) {
  v.Field("setHostname", allow.set_hostname, kOmitEmpty);
  v.Field("rawSockets", allow.raw_sockets, kOmitEmpty);
  v.Field("chflags", allow.chflags, kOmitEmpty);
  v.Field("mount", allow.mount, kOmitEmpty);
  v.Field("quotas", allow.quotas, kOmitEmpty);
  v.Field("socketAf", allow.socket_af, kOmitEmpty);
  v.Field("mlock", allow.mlock, kOmitEmpty);
  v.Field("reservedPorts", allow.reserved_ports, kOmitEmpty);
  v.Field("suser", allow.suser, kOmitEmpty);
}

template <class V, Of<FreeBSDJail> T>
void Bind(V& v, T& jail) {
  v.Field("parent", jail.parent, kOmitEmpty);
  v.Field("host", jail.host, kOmitEmpty);
  v.Field("ip4", jail.ip4, kOmitEmpty);
  v.Field("ip4Addr", jail.ip4_addr, kOmitEmpty);
  v.Field("ip6", jail.ip6, kOmitEmpty);
  v.Field("ip6Addr", jail.ip6_addr, kOmitEmpty);
  v.Field("vnet", jail.vnet, kOmitEmpty);
  v.Field("interface", jail.interface, kOmitEmpty);
  v.Field("vnetInterfaces", jail.vnet_interfaces, kOmitEmpty);
  v.Field("sysvmsg", jail.sysv_msg, kOmitEmpty);
  v.Field("sysvsem", jail.sysv_sem, kOmitEmpty);
  v.Field("sysvshm", jail.sysv_shm, kOmitEmpty);
  v.Field("enforceStatfs", jail.enforce_statfs, kOmitEmpty);
  v.Field("allow", jail.allow, kOmitEmpty);
}

template <class V, Of<FreeBSD> T>
void Bind(V& v, T& platform) {
  v.Field("devices", platform.devices, kOmitEmpty);
  v.Field("jail", platform.jail, kOmitEmpty);
}

template <class V, Of<Root> T>
void Bind(V& v, T& root) {
  v.Field("path", root.path);
  v.Field("readonly", root.readonly, kOmitEmpty);
}

template <class V, Of<Mount> T>
void Bind(V& v, T& mount) {
  v.Field("destination", mount.destination);
  v.Field("type", mount.type, kOmitEmpty);
  v.Field("source", mount.source, kOmitEmpty);
  v.Field("options", mount.options, kOmitEmpty);
  v.Field("uidMappings", mount.uid_mappings, kOmitEmpty);
  v.Field("gidMappings", mount.gid_mappings, kOmitEmpty);
}

template <class V, Of<Hook> T>
void Bind(V& v, T& hook) {
  v.Field("path", hook.path);
  v.Field("args", hook.args, kOmitEmpty);
  v.Field("env", hook.env, kOmitEmpty);
  v.Field("timeout", hook.timeout, kOmitEmpty);
}

template <class V, Of<Hooks> T>
void Bind(V& v, T& hooks) {
  v.Field("prestart", hooks.prestart, kOmitEmpty);
  v.Field("createRuntime", hooks.create_runtime, kOmitEmpty);
  v.Field("createContainer", hooks.create_container, kOmitEmpty);
  v.Field("startContainer", hooks.start_container, kOmitEmpty);
  v.Field("poststart", hooks.poststart, kOmitEmpty);
  v.Field("poststop", hooks.poststop, kOmitEmpty);
}

template <class V, Of<Spec> T>
void Bind(V& v, T& spec) {
  v.Field("ociVersion", spec.version);
  v.Field("process", spec.process, kOmitEmpty);
  v.Field("root", spec.root, kOmitEmpty);
  v.Field("hostname", spec.hostname, kOmitEmpty);
  v.Field("domainname", spec.domainname, kOmitEmpty);
  v.Field("mounts", spec.mounts, kOmitEmpty);
  v.Field("hooks", spec.hooks, kOmitEmpty);
  v.Field("annotations", spec.annotations, kOmitEmpty);
  v.Field("linux", spec.linux_, kOmitEmpty);
  v.Field("solaris", spec.solaris, kOmitEmpty);
  v.Field("windows", spec.windows, kOmitEmpty);
  v.Field("vm", spec.vm, kOmitEmpty);
  v.Field("zos", spec.zos, kOmitEmpty);
  v.Field("freebsd", spec.freebsd, kOmitEmpty);
}

template <class V, Of<State> T>
void Bind(V& v, T& state) {
  v.Field("ociVersion", state.version);
  v.Field("id", state.id);
  v.Field("status", state.status);
  v.Field("pid", state.pid, kOmitEmpty);
  v.Field("bundle", state.bundle);
  v.Field("annotations", state.annotations, kOmitEmpty);
}

template <class V, Of<ContainerProcessState> T>
void Bind(V& v, T& process) {
  v.Field("ociVersion", process.version);
  v.Field("fds", process.fds);
  v.Field("pid", process.pid);
  v.Field("metadata", process.metadata, kOmitEmpty);
  v.Field("state", process.state);
}

namespace features {

template <class V, Of<Cgroup> T>
void Bind(V& v, T& cgroup) {
  v.Field("v1", cgroup.v1, kOmitEmpty);
  v.Field("v2", cgroup.v2, kOmitEmpty);
  v.Field("systemd", cgroup.systemd, kOmitEmpty);
  v.Field("systemdUser", cgroup.systemd_user, kOmitEmpty);
  v.Field("rdma", cgroup.rdma, kOmitEmpty);
}

template <class V, Of<Seccomp> T>
void Bind(V& v, T& seccomp) {
  v.Field("enabled", seccomp.enabled, kOmitEmpty);
  v.Field("actions", seccomp.actions, kOmitEmpty);
  v.Field("operators", seccomp.operators, kOmitEmpty);
  v.Field("archs", seccomp.archs, kOmitEmpty);
  v.Field("knownFlags", seccomp.known_flags, kOmitEmpty);
  v.Field("supportedFlags", seccomp.supported_flags, kOmitEmpty);
}

template <class V, Of<Apparmor> T>
void Bind(V& v, T& apparmor) {
  v.Field("enabled", apparmor.enabled, kOmitEmpty);
}

template <class V, Of<Selinux> T>
void Bind(V& v, T& selinux) {
  v.Field("enabled", selinux.enabled, kOmitEmpty);
}

template <class V, Of<IntelRdt> T>
void Bind(V& v, T& intel_rdt) {
  v.Field("enabled", intel_rdt.enabled, kOmitEmpty);
  v.Field("schemata", intel_rdt.schemata, kOmitEmpty);
  v.Field("monitoring", intel_rdt.monitoring, kOmitEmpty);
}

template <class V, Of<MemoryPolicy> T>
void Bind(V& v, T& memory_policy) {
  v.Field("modes", memory_policy.modes, kOmitEmpty);
  v.Field("flags", memory_policy.flags, kOmitEmpty);
}

template <class V, Of<IDMap> T>
void Bind(V& v, T& idmap) {
  v.Field("enabled", idmap.enabled, kOmitEmpty);
}

template <class V, Of<MountExtensions> T>
void Bind(V& v, T& mount_extensions) {
  v.Field("idmap", mount_extensions.idmap, kOmitEmpty);
}

template <class V, Of<NetDevices> T>
void Bind(V& v, T& net_devices) {
  v.Field("enabled", net_devices.enabled, kOmitEmpty);
}

template <class V, Of<Linux> T>
void Bind(V& v, T& platform) {
  v.Field("namespaces", platform.namespaces, kOmitEmpty);
  v.Field("capabilities", platform.capabilities, kOmitEmpty);
  v.Field("cgroup", platform.cgroup, kOmitEmpty);
  v.Field("seccomp", platform.seccomp, kOmitEmpty);
  v.Field("apparmor", platform.apparmor, kOmitEmpty);
  v.Field("selinux", platform.selinux, kOmitEmpty);
  v.Field("intelRdt", platform.intel_rdt, kOmitEmpty);
  v.Field("memoryPolicy", platform.memory_policy, kOmitEmpty);
  v.Field("mountExtensions", platform.mount_extensions, kOmitEmpty);
  v.Field("netDevices", platform.net_devices, kOmitEmpty);
}

template <class V, Of<Features> T>
void Bind(V& v, T& features) {
  v.Field("ociVersionMin", features.oci_version_min, kOmitEmpty);
  v.Field("ociVersionMax", features.oci_version_max, kOmitEmpty);
  v.Field("hooks", features.hooks, kOmitEmpty);
  v.Field("mountOptions", features.mount_options, kOmitEmpty);
  v.Field("linux", features.linux_, kOmitEmpty);
  v.Field("annotations", features.annotations, kOmitEmpty);
  v.Field("potentiallyUnsafeConfigAnnotations", features.potentially_unsafe_config_annotations,
          kOmitEmpty);
}

}  // namespace features

template <class T>
absl::StatusOr<T> Unmarshal(std::string_view json) {
  return gojson::Unmarshal<T>(json);
}

template <class T>
std::string Marshal(const T& value) {
  return gojson::Marshal(value);
}

template absl::StatusOr<Spec> Unmarshal(std::string_view);
template absl::StatusOr<Process> Unmarshal(std::string_view);
template absl::StatusOr<Mount> Unmarshal(std::string_view);
template absl::StatusOr<Hooks> Unmarshal(std::string_view);
template absl::StatusOr<Linux> Unmarshal(std::string_view);
template absl::StatusOr<LinuxResources> Unmarshal(std::string_view);
template absl::StatusOr<LinuxSeccomp> Unmarshal(std::string_view);
template absl::StatusOr<Windows> Unmarshal(std::string_view);
template absl::StatusOr<WindowsResources> Unmarshal(std::string_view);
template absl::StatusOr<State> Unmarshal(std::string_view);
template absl::StatusOr<ContainerProcessState> Unmarshal(std::string_view);
template absl::StatusOr<features::Features> Unmarshal(std::string_view);

template std::string Marshal(const Spec&);
template std::string Marshal(const Process&);
template std::string Marshal(const Mount&);
template std::string Marshal(const Hooks&);
template std::string Marshal(const Linux&);
template std::string Marshal(const LinuxResources&);
template std::string Marshal(const LinuxSeccomp&);
template std::string Marshal(const Windows&);
template std::string Marshal(const WindowsResources&);
template std::string Marshal(const State&);
template std::string Marshal(const ContainerProcessState&);
template std::string Marshal(const features::Features&);

}  // namespace containerd::specs
