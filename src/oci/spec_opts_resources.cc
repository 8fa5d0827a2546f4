// SPDX-License-Identifier: Apache-2.0
#include "containerd/oci/spec_opts_resources.h"

#include <utility>

#include "sections.h"

namespace containerd::oci {
namespace {

// An option that changes the resources of a spec that has a Linux section.
template <class F>
SpecOpt ForLinux(F change) {
  return [change = std::move(change)](const Context&, Client*, containers::Container*, Spec* spec) {
    if (spec->linux_.has_value()) change(EnsureResources(spec));
    return absl::OkStatus();
  };
}

}  // namespace

SpecOpt WithMemoryLimit(std::uint64_t limit) {
  return [limit](const Context&, Client*, containers::Container*, Spec* spec) {
    if (spec->linux_.has_value()) {
      Ensure(EnsureResources(spec).memory).limit = static_cast<std::int64_t>(limit);
    }
    if (spec->windows.has_value()) {
      Ensure(Ensure(spec->windows->resources).memory).limit = limit;
    }
    return absl::OkStatus();
  };
}

SpecOpt WithMemorySwap(std::int64_t swap) {
  return ForLinux([swap](specs::LinuxResources& r) { Ensure(r.memory).swap = swap; });
}

SpecOpt WithPidsLimit(std::int64_t limit) {
  return ForLinux([limit](specs::LinuxResources& r) { Ensure(r.pids).limit = limit; });
}

SpecOpt WithBlockIO(std::optional<specs::LinuxBlockIO> blockio) {
  return ForLinux(
      [blockio = std::move(blockio)](specs::LinuxResources& r) { r.block_io = blockio; });
}

SpecOpt WithCPUShares(std::uint64_t shares) {
  return ForLinux([shares](specs::LinuxResources& r) { Ensure(r.cpu).shares = shares; });
}

SpecOpt WithCPUs(std::string cpus) {
  return ForLinux(
      [cpus = std::move(cpus)](specs::LinuxResources& r) { Ensure(r.cpu).cpus = cpus; });
}

SpecOpt WithCPUsMems(std::string mems) {
  return ForLinux(
      [mems = std::move(mems)](specs::LinuxResources& r) { Ensure(r.cpu).mems = mems; });
}

SpecOpt WithCPUCFS(std::int64_t quota, std::uint64_t period) {
  return ForLinux([quota, period](specs::LinuxResources& r) {
    specs::LinuxCPU& cpu = Ensure(r.cpu);
    cpu.quota = quota;
    cpu.period = period;
  });
}

SpecOpt WithCPUBurst(std::uint64_t burst) {
  return ForLinux([burst](specs::LinuxResources& r) { Ensure(r.cpu).burst = burst; });
}

SpecOpt WithCPURT(std::int64_t runtime, std::uint64_t period) {
  return ForLinux([runtime, period](specs::LinuxResources& r) {
    specs::LinuxCPU& cpu = Ensure(r.cpu);
    cpu.realtime_runtime = runtime;
    cpu.realtime_period = period;
  });
}

SpecOpt WithRdt(std::string clos_id, std::string l3_cache_schema, std::string mem_bw_schema) {
  specs::LinuxIntelRdt rdt{.clos_id = std::move(clos_id),
                           .l3_cache_schema = std::move(l3_cache_schema),
                           .mem_bw_schema = std::move(mem_bw_schema)};
  return [rdt = std::move(rdt)](const Context&, Client*, containers::Container*, Spec* spec) {
    EnsureLinux(spec).intel_rdt = rdt;
    return absl::OkStatus();
  };
}

}  // namespace containerd::oci
