// SPDX-License-Identifier: Apache-2.0
//
// The IO that copies between FIFOs and the program's streams.
#ifndef CONTAINERD_SRC_CIO_COPY_IO_H_
#define CONTAINERD_SRC_CIO_COPY_IO_H_

#include <memory>

#include <absl/status/statusor.h>

#include "containerd/cio/cio.h"

namespace containerd::cio::internal {

// Streams without path or without sink are not attached. `fifos` is not closed on error.
absl::StatusOr<std::shared_ptr<IO>> CopyIO(FIFOSet fifos, const Streams& streams);

}  // namespace containerd::cio::internal

#endif  // CONTAINERD_SRC_CIO_COPY_IO_H_
