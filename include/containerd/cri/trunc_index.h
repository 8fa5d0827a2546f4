// SPDX-License-Identifier: Apache-2.0
//
// Ids that may be cut short: any beginning that only one of them has stands for it.
//
// Source: pkg/truncindex.
#ifndef CONTAINERD_CRI_TRUNC_INDEX_H_
#define CONTAINERD_CRI_TRUNC_INDEX_H_

#include <set>
#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/export/export.h"

namespace containerd::cri {

// Belongs to one thread at a time.
class CONTAINERD_EXPORT TruncIndex {
 public:
  // ErrInvalidArgument for an id that is empty or has a space, ErrAlreadyExists for one that is
  // there.
  absl::Status Add(std::string_view id);

  // The whole id only. ErrNotFound.
  absl::Status Delete(std::string_view id);

  // The id that is `prefix` or, if none is, begins so. ErrInvalidArgument for an empty prefix and
  // for one that several ids have, ErrNotFound if none has it. In Go an id that others begin with
  // is ambiguous even when it is given as a whole.
  absl::StatusOr<std::string> Get(std::string_view prefix) const;

 private:
  std::set<std::string, std::less<>> ids_;
};

}  // namespace containerd::cri

#endif  // CONTAINERD_CRI_TRUNC_INDEX_H_
