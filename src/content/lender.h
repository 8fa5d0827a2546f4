// SPDX-License-Identifier: Apache-2.0
//
// What helpers ask of a writer, so that a copy reads right into the memory that is sent.
#ifndef CONTAINERD_SRC_CONTENT_LENDER_H_
#define CONTAINERD_SRC_CONTENT_LENDER_H_

#include <cstddef>
#include <span>

#include <absl/status/status.h>

#include "containerd/context/context.h"

namespace containerd::content {

// A writer that lends its memory. Source of the idea: io.ReaderFrom.
class Lender {
 public:
  virtual ~Lender() = default;

  // Room for the next bytes, until WriteLent or Write.
  virtual std::span<char> Lend() = 0;

  // Writes the first `size` bytes of what was lent, with Write's errors.
  virtual absl::Status WriteLent(const Context& ctx, std::size_t size) = 0;
};

}  // namespace containerd::content

#endif  // CONTAINERD_SRC_CONTENT_LENDER_H_
