// SPDX-License-Identifier: Apache-2.0
//
// Options for the root file system and for what is mounted in it.
//
// Source: pkg/oci/spec_opts.go.
#ifndef CONTAINERD_OCI_SPEC_OPTS_MOUNTS_H_
#define CONTAINERD_OCI_SPEC_OPTS_MOUNTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "containerd/oci/spec.h"
#include "containerd/specs/spec.h"

namespace containerd::oci {

// A root file system that is no snapshot: a directory on the host, or in the bundle if relative.
SpecOpts WithRootFSPath(std::string path);

SpecOpts WithRootFSReadonly();

// Adds mounts.
SpecOpts WithMounts(std::vector<specs::Mount> mounts);

// Removes the mounts at these destinations, which are written without "." , ".." and "//".
SpecOpts WithoutMounts(std::vector<std::string> destinations);

// Removes the mount at /run.
absl::Status WithoutRunMount(const Context& ctx, Client* client, containers::Container* container,
                             Spec* spec);

// The host's file of that name, read-only: /etc/hosts, /etc/resolv.conf, /etc/localtime.
absl::Status WithHostHostsFile(const Context& ctx, Client* client, containers::Container* container,
                               Spec* spec);
absl::Status WithHostResolvconf(const Context& ctx, Client* client,
                                containers::Container* container, Spec* spec);
absl::Status WithHostLocaltime(const Context& ctx, Client* client, containers::Container* container,
                               Spec* spec);

// The size of /dev/shm, in KiB. ErrNoShmMount if the spec does not mount it.
SpecOpts WithDevShmSize(std::int64_t kb);

// Of class ErrNotFound, "no /dev/shm mount specified".
absl::Status ErrNoShmMount();
bool IsErrNoShmMount(const absl::Status& status);

// Makes mounts of types sysfs and cgroup that are read-only writable.
absl::Status WithWriteableSysfs(const Context& ctx, Client* client,
                                containers::Container* container, Spec* spec);
absl::Status WithWriteableCgroupfs(const Context& ctx, Client* client,
                                   containers::Container* container, Spec* spec);

}  // namespace containerd::oci

#endif  // CONTAINERD_OCI_SPEC_OPTS_MOUNTS_H_
