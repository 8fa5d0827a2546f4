// SPDX-License-Identifier: Apache-2.0
//
// Everything that a program which runs containers needs; include single headers instead where
// compile time matters.
#ifndef CONTAINERD_CONTAINERD_H_
#define CONTAINERD_CONTAINERD_H_

#include "containerd/checkpoint.h"             // IWYU pragma: export
#include "containerd/cio/cio.h"                // IWYU pragma: export
#include "containerd/client.h"                 // IWYU pragma: export
#include "containerd/client_opts.h"            // IWYU pragma: export
#include "containerd/container.h"              // IWYU pragma: export
#include "containerd/container_opts.h"         // IWYU pragma: export
#include "containerd/context/context.h"        // IWYU pragma: export
#include "containerd/errdefs/errdefs.h"        // IWYU pragma: export
#include "containerd/events/events.h"          // IWYU pragma: export
#include "containerd/future/future.h"          // IWYU pragma: export
#include "containerd/image.h"                  // IWYU pragma: export
#include "containerd/images/archive.h"         // IWYU pragma: export
#include "containerd/import.h"                 // IWYU pragma: export
#include "containerd/install.h"                // IWYU pragma: export
#include "containerd/io/io.h"                  // IWYU pragma: export
#include "containerd/namespaces/namespaces.h"  // IWYU pragma: export
#include "containerd/oci/oci.h"                // IWYU pragma: export
#include "containerd/process.h"                // IWYU pragma: export
#include "containerd/remote_opts.h"            // IWYU pragma: export
#include "containerd/sandbox.h"                // IWYU pragma: export
#include "containerd/signals.h"                // IWYU pragma: export
#include "containerd/snapshotter_opts.h"       // IWYU pragma: export
#include "containerd/task.h"                   // IWYU pragma: export
#include "containerd/task_opts.h"              // IWYU pragma: export

#endif  // CONTAINERD_CONTAINERD_H_
