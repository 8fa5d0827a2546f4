// SPDX-License-Identifier: Apache-2.0
//
// The type of NewContainer's options; they themselves are in container_opts.h.
#ifndef CONTAINERD_CONTAINER_OPTS_FWD_H_
#define CONTAINERD_CONTAINER_OPTS_FWD_H_

#include <functional>

#include <absl/status/status.h>

#include "containerd/context/context.h"
#include "containerd/option/option.h"

namespace containerd {

class Client;
namespace containers {
struct Container;
}

// Fills in the record of a container that is about to be created, and makes what it refers to.
using NewContainerOpt = option::Option<const Context&, Client&, containers::Container&>;
using NewContainerOpts = NewContainerOpt;  // as Go calls it

}  // namespace containerd

#endif  // CONTAINERD_CONTAINER_OPTS_FWD_H_
