// SPDX-License-Identifier: Apache-2.0
//
// Options that limit what a container uses (cgroups). Except for WithMemoryLimit and WithRdt they
// do nothing to a spec without a Linux section.
//
// Source: pkg/oci/spec_opts.go.
#ifndef CONTAINERD_OCI_SPEC_OPTS_RESOURCES_H_
#define CONTAINERD_OCI_SPEC_OPTS_RESOURCES_H_

#include <cstdint>
#include <optional>
#include <string>

#include "containerd/export/export.h"
#include "containerd/oci/spec.h"
#include "containerd/specs/linux.h"

namespace containerd::oci {

// Bytes, in the Linux and Windows sections, whichever are there.
CONTAINERD_EXPORT SpecOpt WithMemoryLimit(std::uint64_t limit);

// Bytes of memory and swap together; -1 is no limit.
CONTAINERD_EXPORT SpecOpt WithMemorySwap(std::int64_t swap);

// Processes and threads; -1 is no limit.
CONTAINERD_EXPORT SpecOpt WithPidsLimit(std::int64_t limit);

// Replaces the limits on block I/O.
CONTAINERD_EXPORT SpecOpt WithBlockIO(std::optional<specs::LinuxBlockIO> blockio);

// The share of CPU time among siblings, 1024 being the usual one.
CONTAINERD_EXPORT SpecOpt WithCPUShares(std::uint64_t shares);

// CPUs and memory nodes to use, as lists: "0-3,7".
CONTAINERD_EXPORT SpecOpt WithCPUs(std::string cpus);
CONTAINERD_EXPORT SpecOpt WithCPUsMems(std::string mems);

// `quota` microseconds of CPU time in each `period` of microseconds.
CONTAINERD_EXPORT SpecOpt WithCPUCFS(std::int64_t quota, std::uint64_t period);

// Microseconds that may be used beyond the quota, saved from earlier periods.
CONTAINERD_EXPORT SpecOpt WithCPUBurst(std::uint64_t burst);

// The same for real-time scheduling.
CONTAINERD_EXPORT SpecOpt WithCPURT(std::int64_t runtime, std::uint64_t period);

// Cache and memory bandwidth (resctrl); the schemas are as the kernel's "schemata" files have them.
CONTAINERD_EXPORT SpecOpt WithRdt(std::string clos_id, std::string l3_cache_schema,
                                  std::string mem_bw_schema);

}  // namespace containerd::oci

#endif  // CONTAINERD_OCI_SPEC_OPTS_RESOURCES_H_
