// SPDX-License-Identifier: Apache-2.0
#include "containerd/oci/spec_opts_linux.h"

#include <algorithm>
#include <utility>

#include "containerd/errdefs/errdefs.h"
#include "containerd/namespaces/namespaces.h"
#include "containerd/oci/spec_opts_capabilities.h"
#include "containerd/oci/spec_opts_mounts.h"
#include "containerd/oci/spec_opts_process.h"
#include "containerd/option/option.h"

#include "sections.h"
#include "src/base/path.h"

namespace containerd::oci {
namespace {

auto FindNamespace(std::vector<specs::LinuxNamespace>& namespaces, const std::string& type) {
  return std::find_if(namespaces.begin(), namespaces.end(),
                      [&](const specs::LinuxNamespace& ns) { return ns.type == type; });
}

}  // namespace

SpecOpt WithHostname(std::string name) {
  return [name = std::move(name)](const Context&, Client*, containers::Container*, Spec* spec) {
    spec->hostname = name;
    return absl::OkStatus();
  };
}

SpecOpt WithDomainname(std::string name) {
  return [name = std::move(name)](const Context&, Client*, containers::Container*, Spec* spec) {
    spec->domainname = name;
    return absl::OkStatus();
  };
}

SpecOpt WithHostNamespace(specs::LinuxNamespaceType type) {
  return [type = std::move(type)](const Context&, Client*, containers::Container*, Spec* spec) {
    auto& namespaces = EnsureLinux(spec).namespaces;
    const auto present = FindNamespace(namespaces, type);
    if (present != namespaces.end()) namespaces.erase(present);
    return absl::OkStatus();
  };
}

SpecOpt WithLinuxNamespace(specs::LinuxNamespace ns) {
  return [ns = std::move(ns)](const Context&, Client*, containers::Container*, Spec* spec) {
    auto& namespaces = EnsureLinux(spec).namespaces;
    const auto present = FindNamespace(namespaces, ns.type);
    if (present != namespaces.end()) {
      *present = ns;
    } else {
      namespaces.push_back(ns);
    }
    return absl::OkStatus();
  };
}

SpecOpt WithUserNamespace(std::vector<specs::LinuxIDMapping> uid_map,
                          std::vector<specs::LinuxIDMapping> gid_map) {
  return [uid_map = std::move(uid_map), gid_map = std::move(gid_map)](
             const Context&, Client*, containers::Container*, Spec* spec) {
    specs::Linux& section = EnsureLinux(spec);
    if (FindNamespace(section.namespaces, specs::kUserNamespace) == section.namespaces.end()) {
      section.namespaces.push_back({.type = specs::kUserNamespace});
    }
    section.uid_mappings.insert(section.uid_mappings.end(), uid_map.begin(), uid_map.end());
    section.gid_mappings.insert(section.gid_mappings.end(), gid_map.begin(), gid_map.end());
    return absl::OkStatus();
  };
}

SpecOpt WithCgroup(std::string path) {
  return [path = std::move(path)](const Context&, Client*, containers::Container*, Spec* spec) {
    EnsureLinux(spec).cgroups_path = path;
    return absl::OkStatus();
  };
}

constinit const option::Plain<SpecOpt> WithNamespacedCgroup([](const Context& ctx, Client*,
                                                               containers::Container* container,
                                                               Spec* spec) {
  auto ns = namespaces::NamespaceRequired(ctx);
  if (!ns.ok()) return ns.status();
  if (container == nullptr) {
    return errdefs::InvalidArgument("a namespaced cgroup takes a container, for its id");
  }
  EnsureLinux(spec).cgroups_path = base::JoinPath({"/", *ns, container->id});
  return absl::OkStatus();
});

SpecOpt WithMaskedPaths(std::vector<std::string> paths) {
  return [paths = std::move(paths)](const Context&, Client*, containers::Container*, Spec* spec) {
    EnsureLinux(spec).masked_paths = paths;
    return absl::OkStatus();
  };
}

SpecOpt WithReadonlyPaths(std::vector<std::string> paths) {
  return [paths = std::move(paths)](const Context&, Client*, containers::Container*, Spec* spec) {
    EnsureLinux(spec).readonly_paths = paths;
    return absl::OkStatus();
  };
}

constinit const option::Plain<SpecOpt> WithSeccompUnconfined([](const Context&, Client*,
                                                                containers::Container*,
                                                                Spec* spec) -> absl::Status {
  EnsureLinux(spec).seccomp.reset();
  return absl::OkStatus();
});

constinit const option::Plain<SpecOpt> WithPrivileged([](const Context& ctx, Client* client,
                                                         containers::Container* container,
                                                         Spec* spec) -> absl::Status {
  return ApplyOpts(ctx, client, container, spec,
                   {WithAllCurrentCapabilities, WithMaskedPaths({}), WithReadonlyPaths({}),
                    WithWriteableSysfs, WithWriteableCgroupfs, WithSelinuxLabel(""),
                    WithApparmorProfile(""), WithSeccompUnconfined});
});

}  // namespace containerd::oci
