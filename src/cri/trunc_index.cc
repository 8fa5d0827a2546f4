// SPDX-License-Identifier: Apache-2.0
#include "containerd/cri/trunc_index.h"

#include <iterator>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/base/escape.h"

namespace containerd::cri {

absl::Status TruncIndex::Add(std::string_view id) {
  if (id.empty()) return errdefs::InvalidArgument("an id can't be empty");
  if (id.find(' ') != std::string_view::npos) {
    return errdefs::InvalidArgument(fmt::format("id {} has a space", base::Quote(id)));
  }
  if (!ids_.emplace(id).second) {
    return errdefs::AlreadyExists(fmt::format("id {} already exists", base::Quote(id)));
  }
  return absl::OkStatus();
}

absl::Status TruncIndex::Delete(std::string_view id) {
  const auto found = ids_.find(id);
  if (found == ids_.end()) {
    return errdefs::NotFound(fmt::format("no such id: {}", base::Quote(id)));
  }
  ids_.erase(found);
  return absl::OkStatus();
}

absl::StatusOr<std::string> TruncIndex::Get(std::string_view prefix) const {
  if (prefix.empty()) return errdefs::InvalidArgument("the prefix of an id can't be empty");
  // What begins with the prefix stands together, the prefix itself first.
  const auto first = ids_.lower_bound(prefix);
  if (first == ids_.end() || !first->starts_with(prefix)) {
    return errdefs::NotFound(fmt::format("no id begins with {}", base::Quote(prefix)));
  }
  const auto second = std::next(first);
  if (*first != prefix && second != ids_.end() && second->starts_with(prefix)) {
    return errdefs::InvalidArgument(
        fmt::format("{} is ambiguous: several ids begin with it", base::Quote(prefix)));
  }
  return *first;
}

}  // namespace containerd::cri
