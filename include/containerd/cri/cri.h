// SPDX-License-Identifier: Apache-2.0
//
// Package cri: what containerd's CRI plugin is made of, for a program that is one, or that looks at
// what the plugin made.
//
//   const Context ctx = WithNamespace(Context::Background(), cri::kNamespace);
//   cri::SandboxStore sandboxes;
//   cri::ContainerStore containers;
//   absl::StatusOr<cri::Recovery> recovered =
//       cri::Recover(ctx, client, {.root_dir = kPluginRoot}, sandboxes, containers);
//   for (const cri::ContainerEntry& container : containers.List()) {
//     std::cout << container.info.name << " is "
//               << cri::CRIContainerStateToString(container.status.Get().State()) << "\n";
//   }
//
// It needs no messages of runtime.v1, whose typed clients are another component (cri/client). Its
// functions follow pkg/cri/server/helpers.go of containerd 1.5 with what later releases mended, and
// say where they differ on purpose.
#ifndef CONTAINERD_CRI_CRI_H_
#define CONTAINERD_CRI_CRI_H_

#include "containerd/cri/auth.h"             // IWYU pragma: export
#include "containerd/cri/config.h"           // IWYU pragma: export
#include "containerd/cri/constants.h"        // IWYU pragma: export
#include "containerd/cri/container_store.h"  // IWYU pragma: export
#include "containerd/cri/image_names.h"      // IWYU pragma: export
#include "containerd/cri/image_store.h"      // IWYU pragma: export
#include "containerd/cri/labels.h"           // IWYU pragma: export
#include "containerd/cri/metadata.h"         // IWYU pragma: export
#include "containerd/cri/names.h"            // IWYU pragma: export
#include "containerd/cri/oom.h"              // IWYU pragma: export
#include "containerd/cri/pull.h"             // IWYU pragma: export
#include "containerd/cri/recover.h"          // IWYU pragma: export
#include "containerd/cri/runtime_options.h"  // IWYU pragma: export
#include "containerd/cri/status.h"           // IWYU pragma: export
#include "containerd/cri/types.h"            // IWYU pragma: export
#include "containerd/cri/value.h"            // IWYU pragma: export

#endif  // CONTAINERD_CRI_CRI_H_
