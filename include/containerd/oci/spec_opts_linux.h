// SPDX-License-Identifier: Apache-2.0
//
// Options for what a container has of its own and what it is kept from: names, namespaces, cgroup,
// hidden paths.
//
// Source: pkg/oci/spec_opts.go.
#ifndef CONTAINERD_OCI_SPEC_OPTS_LINUX_H_
#define CONTAINERD_OCI_SPEC_OPTS_LINUX_H_

#include <cstddef>
#include <string>
#include <vector>

#include "containerd/export/export.h"
#include "containerd/oci/spec.h"
#include "containerd/option/option.h"
#include "containerd/option/pairs.h"
#include "containerd/specs/linux.h"

namespace containerd::oci {

CONTAINERD_EXPORT SpecOpt WithHostname(std::string name);

// The NIS domain name.
CONTAINERD_EXPORT SpecOpt WithDomainname(std::string name);

// Stays in the host's namespace of that type.
CONTAINERD_EXPORT SpecOpt WithHostNamespace(specs::LinuxNamespaceType type);

// A namespace, in place of the one of its type.
CONTAINERD_EXPORT SpecOpt WithLinuxNamespace(specs::LinuxNamespace ns);

// A user namespace, and adds to its mappings.
CONTAINERD_EXPORT SpecOpt WithUserNamespace(std::vector<specs::LinuxIDMapping> uid_map,
                                            std::vector<specs::LinuxIDMapping> gid_map);

// The cgroup: a path, or "slice:prefix:name" for runtimes that have systemd make it.
CONTAINERD_EXPORT SpecOpt WithCgroup(std::string path);

// The cgroup "/<namespace>/<container's id>", as in the default spec.
CONTAINERD_EXPORT extern const option::Plain<SpecOpt> WithNamespacedCgroup;

// Replaces the paths that are hidden, or cannot be written, even where a mount has them.
CONTAINERD_EXPORT SpecOpt WithMaskedPaths(std::vector<std::string> paths);
template <std::size_t N, std::size_t M>
requires option::IsPair<M>
void WithMaskedPaths(option::BracedTexts<N, M>) = delete;
CONTAINERD_EXPORT SpecOpt WithReadonlyPaths(std::vector<std::string> paths);
template <std::size_t N, std::size_t M>
requires option::IsPair<M>
void WithReadonlyPaths(option::BracedTexts<N, M>) = delete;

CONTAINERD_EXPORT extern const option::Plain<SpecOpt> WithSeccompUnconfined;

// All capabilities of this process, nothing masked or read-only, sysfs and cgroups writable, and no
// SELinux label, AppArmor profile or seccomp filter.
CONTAINERD_EXPORT extern const option::Plain<SpecOpt> WithPrivileged;

}  // namespace containerd::oci

#endif  // CONTAINERD_OCI_SPEC_OPTS_LINUX_H_
