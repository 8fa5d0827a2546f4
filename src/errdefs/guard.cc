// SPDX-License-Identifier: Apache-2.0
#include "src/errdefs/internal/guard.h"

#include <exception>
#include <new>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::errdefs {

absl::Status FromException(std::string_view what) {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return ResourceExhausted(fmt::format("{} ran out of memory", what));
  } catch (const std::exception& e) {
    return Internal(fmt::format("an exception left {}: {}", what, e.what()));
  } catch (...) {
    return Internal(fmt::format("an exception left {}: it is no std::exception", what));
  }
}

}  // namespace containerd::errdefs
