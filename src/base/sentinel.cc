// SPDX-License-Identifier: Apache-2.0
#include "src/base/sentinel.h"

#include <cstddef>

#include "containerd/errdefs/errdefs.h"

namespace containerd::base {

bool Says(const absl::Status& status, absl::StatusCode code, std::string_view text) {
  if (status.code() != code) return false;
  const std::string_view message = errdefs::Message(status);
  for (std::size_t at = message.find(text); at != std::string_view::npos;
       at = message.find(text, at + 1)) {
    const std::string_view after = message.substr(at + text.size());
    const bool begins = at == 0 || message.substr(0, at).ends_with(": ");
    if (begins && (after.empty() || after.front() == ':' || after.front() == ' ')) return true;
  }
  return false;
}

}  // namespace containerd::base
