// SPDX-License-Identifier: Apache-2.0
#include "containerd/oci/spec_opts_capabilities.h"

#include <algorithm>
#include <utility>

#include "containerd/errdefs/errdefs.h"
#include "containerd/option/option.h"

#include "capabilities.h"
#include "file.h"
#include "sections.h"

namespace containerd::oci {
namespace {

bool Contains(const std::vector<std::string>& caps, const std::string& cap) {
  return std::find(caps.begin(), caps.end(), cap) != caps.end();
}

}  // namespace

SpecOpt WithCapabilities(std::vector<std::string> caps) {
  return [caps = std::move(caps)](const Context&, Client*, containers::Container*, Spec* spec) {
    specs::LinuxCapabilities& sets = EnsureCapabilities(spec);
    sets.bounding = caps;
    sets.effective = caps;
    sets.permitted = caps;
    std::erase_if(sets.inheritable, [&](const std::string& cap) { return !Contains(caps, cap); });
    return absl::OkStatus();
  };
}

SpecOpt WithAddedCapabilities(std::vector<std::string> caps) {
  return [caps = std::move(caps)](const Context&, Client*, containers::Container*, Spec* spec) {
    specs::LinuxCapabilities& sets = EnsureCapabilities(spec);
    for (const std::string& cap : caps) {
      for (auto* set : {&sets.bounding, &sets.effective, &sets.permitted}) {
        if (!Contains(*set, cap)) set->push_back(cap);
      }
    }
    return absl::OkStatus();
  };
}

SpecOpt WithDroppedCapabilities(std::vector<std::string> caps) {
  return [caps = std::move(caps)](const Context&, Client*, containers::Container*, Spec* spec) {
    specs::LinuxCapabilities& sets = EnsureCapabilities(spec);
    for (auto* set : {&sets.bounding, &sets.effective, &sets.permitted, &sets.inheritable}) {
      std::erase_if(*set, [&](const std::string& cap) { return Contains(caps, cap); });
    }
    return absl::OkStatus();
  };
}

SpecOpt WithAmbientCapabilities(std::vector<std::string> caps) {
  return [caps = std::move(caps)](const Context&, Client*, containers::Container*, Spec* spec) {
    specs::LinuxCapabilities& sets = EnsureCapabilities(spec);
    sets.inheritable = caps;
    sets.ambient = caps;
    return absl::OkStatus();
  };
}

constinit const option::Plain<SpecOpt> WithAllCurrentCapabilities(
    [](const Context& ctx, Client* client, containers::Container* container,
       Spec* spec) -> absl::Status {
      constexpr std::size_t kMaxStatus = std::size_t{1} << 20;
      auto status = ReadFile("/proc/self/status", kMaxStatus);
      if (!status.ok()) return errdefs::Annotate(status.status(), "current capabilities");
      auto effective = EffectiveCapabilities(*status);
      if (!effective.ok()) return effective.status();
      return WithCapabilities(NamesOfCapabilities(*effective))(ctx, client, container, spec);
    });

constinit const option::Plain<SpecOpt> WithAllKnownCapabilities([](const Context& ctx,
                                                                   Client* client,
                                                                   containers::Container* container,
                                                                   Spec* spec) -> absl::Status {
  return WithCapabilities(KnownCapabilities())(ctx, client, container, spec);
});

}  // namespace containerd::oci
