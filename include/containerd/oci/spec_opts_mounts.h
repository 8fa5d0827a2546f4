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
#include "containerd/option/option.h"
#include "containerd/specs/spec.h"

namespace containerd::oci {

// A root file system that is no snapshot: a directory on the host, or in the bundle if relative.
SpecOpt WithRootFSPath(std::string path);

extern const option::Plain<SpecOpt> WithRootFSReadonly;

// Adds mounts.
SpecOpt WithMounts(std::vector<specs::Mount> mounts);

// Removes the mounts at these destinations, which are written without "." , ".." and "//".
SpecOpt WithoutMounts(std::vector<std::string> destinations);

// Removes the mount at /run.
extern const option::Plain<SpecOpt> WithoutRunMount;

// The host's file of that name, read-only: /etc/hosts, /etc/resolv.conf, /etc/localtime.
extern const option::Plain<SpecOpt> WithHostHostsFile;
extern const option::Plain<SpecOpt> WithHostResolvconf;
extern const option::Plain<SpecOpt> WithHostLocaltime;

// The size of /dev/shm, in KiB. ErrNoShmMount if the spec does not mount it.
SpecOpt WithDevShmSize(std::int64_t kb);

// Of class ErrNotFound, "no /dev/shm mount specified".
absl::Status ErrNoShmMount();
bool IsErrNoShmMount(const absl::Status& status);

// Makes mounts of types sysfs and cgroup that are read-only writable.
extern const option::Plain<SpecOpt> WithWriteableSysfs;
extern const option::Plain<SpecOpt> WithWriteableCgroupfs;

}  // namespace containerd::oci

#endif  // CONTAINERD_OCI_SPEC_OPTS_MOUNTS_H_
