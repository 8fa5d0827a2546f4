// SPDX-License-Identifier: Apache-2.0
//
// Options for the root file system and for what is mounted in it.
//
// Source: pkg/oci/spec_opts.go.
#ifndef CONTAINERD_OCI_SPEC_OPTS_MOUNTS_H_
#define CONTAINERD_OCI_SPEC_OPTS_MOUNTS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "containerd/export/export.h"
#include "containerd/oci/spec.h"
#include "containerd/option/option.h"
#include "containerd/option/pairs.h"
#include "containerd/specs/spec.h"

namespace containerd::oci {

// A root file system that is no snapshot: a directory on the host, or in the bundle if relative.
CONTAINERD_EXPORT SpecOpt WithRootFSPath(std::string path);

CONTAINERD_EXPORT extern const option::Plain<SpecOpt> WithRootFSReadonly;

// Adds mounts.
CONTAINERD_EXPORT SpecOpt WithMounts(std::vector<specs::Mount> mounts);

// Removes the mounts at these destinations, which are written without "." , ".." and "//".
CONTAINERD_EXPORT SpecOpt WithoutMounts(std::vector<std::string> destinations);
template <std::size_t N, std::size_t M>
requires option::IsPair<M>
void WithoutMounts(option::BracedTexts<N, M>) = delete;

// Removes the mount at /run.
CONTAINERD_EXPORT extern const option::Plain<SpecOpt> WithoutRunMount;

// The host's file of that name, read-only: /etc/hosts, /etc/resolv.conf, /etc/localtime.
CONTAINERD_EXPORT extern const option::Plain<SpecOpt> WithHostHostsFile;
CONTAINERD_EXPORT extern const option::Plain<SpecOpt> WithHostResolvconf;
CONTAINERD_EXPORT extern const option::Plain<SpecOpt> WithHostLocaltime;

// The size of /dev/shm, in KiB. ErrNoShmMount if the spec does not mount it.
CONTAINERD_EXPORT SpecOpt WithDevShmSize(std::int64_t kb);

// Of class ErrNotFound, "no /dev/shm mount specified".
CONTAINERD_EXPORT absl::Status ErrNoShmMount();
CONTAINERD_EXPORT bool IsErrNoShmMount(const absl::Status& status);

// Makes mounts of types sysfs and cgroup that are read-only writable.
CONTAINERD_EXPORT extern const option::Plain<SpecOpt> WithWriteableSysfs;
CONTAINERD_EXPORT extern const option::Plain<SpecOpt> WithWriteableCgroupfs;

}  // namespace containerd::oci

#endif  // CONTAINERD_OCI_SPEC_OPTS_MOUNTS_H_
