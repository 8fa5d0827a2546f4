// SPDX-License-Identifier: Apache-2.0
#include "errors.h"

#include <cstddef>
#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/base/escape.h"
#include "src/errdefs/internal/mark.h"

namespace containerd::reference {
namespace {

constexpr char kError[] = "reference.error";

// Every name that a registry takes fits.
constexpr std::size_t kShownText = 512;

}  // namespace

std::string Quote(std::string_view text) { return base::Quote(text, kShownText); }

absl::Status Error(std::string_view sentinel, std::string_view message) {
  return errdefs::Mark(errdefs::InvalidArgument(message), kError, std::string(sentinel));
}

bool IsError(const absl::Status& status, std::string_view sentinel) {
  return errdefs::IsMarked(status, kError, sentinel);
}

}  // namespace containerd::reference
