// SPDX-License-Identifier: Apache-2.0
#include <string_view>

#include <absl/status/status.h>
#include <fmt/format.h>

#include "containerd/checkpoint.h"
#include "containerd/errdefs/errdefs.h"

#include "src/errdefs/internal/mark.h"

namespace containerd {
namespace {

constexpr char kMissing[] = "client.missing";

absl::Status Sentinel(const char* name, std::string_view message) {
  return errdefs::Mark(errdefs::NotFound(message), kMissing, name);
}

bool IsSentinel(const absl::Status& status, const char* name) {
  return errdefs::IsMarked(status, kMissing, name);
}

}  // namespace

absl::Status ErrMediaTypeNotFound(std::string_view media_type) {
  return Sentinel("media type", media_type.empty()
                                    ? "media type not found"
                                    : fmt::format("media type not found: {}", media_type));
}
bool IsErrMediaTypeNotFound(const absl::Status& status) { return IsSentinel(status, "media type"); }

absl::Status ErrImageNameNotFoundInIndex() {
  return Sentinel("image", "image name not found in index");
}
bool IsErrImageNameNotFoundInIndex(const absl::Status& status) {
  return IsSentinel(status, "image");
}

absl::Status ErrRuntimeNameNotFoundInIndex() {
  return Sentinel("runtime", "runtime not found in index");
}
bool IsErrRuntimeNameNotFoundInIndex(const absl::Status& status) {
  return IsSentinel(status, "runtime");
}

absl::Status ErrSnapshotterNameNotFoundInIndex() {
  return Sentinel("snapshotter", "snapshotter not found in index");
}
bool IsErrSnapshotterNameNotFoundInIndex(const absl::Status& status) {
  return IsSentinel(status, "snapshotter");
}

}  // namespace containerd
