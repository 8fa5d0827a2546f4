// SPDX-License-Identifier: Apache-2.0
//
// The streams of a process: FIFOs in its container's bundle, connected by the engine's callback.
#ifndef CONTAINERD_SRC_LIBCONTAINERD_STDIO_H_
#define CONTAINERD_SRC_LIBCONTAINERD_STDIO_H_

#include <string_view>

#include <absl/status/status.h>

#include "containerd/cio/cio.h"
#include "containerd/libcontainerd/types.h"
#include "containerd/userns/userns.h"

namespace containerd::libcontainerd {

// `<bundle>/<process id>-stdin`, and so on. Source: newFIFOSet.
cio::FIFOSet NewFIFOs(std::string_view bundle, std::string_view process_id, bool with_stdin,
                      bool terminal, const userns::User& owner);

// Removes those that are there, if they are FIFOs.
absl::Status RemoveFIFOs(const cio::Config& config);

// For a process that is to be made: on failure the FIFOs are removed. Source: createIO.
cio::Creator CreateIO(cio::FIFOSet fifos, StdioCallback attach_stdio);

// For a process that runs: on failure the FIFOs are left alone.
cio::Attach AttachIO(StdioCallback attach_stdio);

}  // namespace containerd::libcontainerd

#endif  // CONTAINERD_SRC_LIBCONTAINERD_STDIO_H_
