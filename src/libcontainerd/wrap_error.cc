// SPDX-License-Identifier: Apache-2.0
#include "wrap_error.h"

#include <string_view>

#include "containerd/errdefs/errdefs.h"

namespace containerd::libcontainerd {

absl::Status WrapError(const absl::Status& status) {
  if (!errdefs::IsUnknown(status)) return status;
  const std::string_view text = errdefs::Message(status);
  if (text.find("container does not exist") == std::string_view::npos &&
      text.find("no such container") == std::string_view::npos) {
    return status;
  }
  return errdefs::NotFound(text);
}

}  // namespace containerd::libcontainerd
