// SPDX-License-Identifier: Apache-2.0
//
// Package oci: makes the runtime specification of a container from options.
//
//   absl::StatusOr<oci::Spec> spec = oci::GenerateSpec(
//       ctx, client, &container,
//       {oci::WithImageConfig(image), oci::WithProcessArgs({"sh", "-c", "date"}), oci::WithTTY,
//        oci::WithMemoryLimit(64 << 20)});
//
// Options run in the order in which they are given, each on what the ones before it left, as in Go.
// One that Go declares as a function returning an option is called (WithEnv({...})); one that is an
// option itself is passed by its name (WithTTY).
//
//   spec.h                   the default spec, specs from files, Compose
//   spec_opts_process.h      arguments, environment, directory, terminal, limits, labels
//   spec_opts_capabilities.h what the process may do
//   spec_opts_user.h         who it is, looked up in the container's root file system
//   spec_opts_image.h        all of that from an image's config
//   spec_opts_mounts.h       the root file system and mounts
//   spec_opts_linux.h        namespaces, cgroup, masked paths, privileged
//   spec_opts_resources.h    limits on memory, CPU, processes, block I/O
//   spec_opts_devices.h      devices
//
// Beside it, packages seccomp and apparmor have options for the profiles of those. Descriptors on
// the wire are in proto.h.
//
// Source: pkg/oci.
#ifndef CONTAINERD_OCI_OCI_H_
#define CONTAINERD_OCI_OCI_H_

#include "containerd/oci/spec.h"                    // IWYU pragma: export
#include "containerd/oci/spec_opts_capabilities.h"  // IWYU pragma: export
#include "containerd/oci/spec_opts_devices.h"       // IWYU pragma: export
#include "containerd/oci/spec_opts_image.h"         // IWYU pragma: export
#include "containerd/oci/spec_opts_linux.h"         // IWYU pragma: export
#include "containerd/oci/spec_opts_mounts.h"        // IWYU pragma: export
#include "containerd/oci/spec_opts_process.h"       // IWYU pragma: export
#include "containerd/oci/spec_opts_resources.h"     // IWYU pragma: export
#include "containerd/oci/spec_opts_user.h"          // IWYU pragma: export

#endif  // CONTAINERD_OCI_OCI_H_
