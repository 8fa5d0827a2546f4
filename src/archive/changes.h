// SPDX-License-Identifier: Apache-2.0
//
// What one folder has over another, found on the way through both.
#ifndef CONTAINERD_SRC_ARCHIVE_CHANGES_H_
#define CONTAINERD_SRC_ARCHIVE_CHANGES_H_

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

#include "containerd/archive/diff.h"
#include "containerd/context/context.h"

namespace containerd::archive {

struct Change {
  ChangeKind kind = ChangeKind::kUnmodified;
  std::string path{};  // from the folders on: "/etc/hosts"
};

// Source: continuity's fs.Changes.
class Changes {
 public:
  // Without a lower folder all of the upper one is added.
  Changes(std::string lower, std::string upper)
      : lower_(std::move(lower)), upper_(std::move(upper)) {}

  // nullopt at the end. A directory comes before what is in it; the folders themselves do not.
  absl::StatusOr<std::optional<Change>> Next(const Context& ctx);

 private:
  struct Entry {
    std::string name;
    bool lower = false;
    bool upper = false;
  };
  struct Frame {
    std::string path;  // "" for the folders themselves
    std::vector<Entry> entries{};
    std::size_t next = 0;
  };

  absl::Status Enter(const std::string& path, bool lower);

  const std::string lower_;
  const std::string upper_;
  bool begun_ = false;
  std::vector<Frame> frames_;
};

}  // namespace containerd::archive

#endif  // CONTAINERD_SRC_ARCHIVE_CHANGES_H_
