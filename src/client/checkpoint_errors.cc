// SPDX-License-Identifier: Apache-2.0
#include <string_view>

#include <absl/status/status.h>
#include <fmt/format.h>

#include "containerd/checkpoint.h"
#include "containerd/errdefs/errdefs.h"

#include "src/base/sentinel.h"

namespace containerd {
namespace {

constexpr char kNoMediaType[] = "media type not found";
constexpr char kNoImageName[] = "image name not found in index";
constexpr char kNoRuntime[] = "runtime not found in index";
constexpr char kNoSnapshotter[] = "snapshotter not found in index";

bool IsNotFound(const absl::Status& status, const char* text) {
  return base::Says(status, absl::StatusCode::kNotFound, text);
}

}  // namespace

absl::Status ErrMediaTypeNotFound(std::string_view media_type) {
  return errdefs::NotFound(media_type.empty() ? kNoMediaType
                                              : fmt::format("{}: {}", kNoMediaType, media_type));
}
bool IsErrMediaTypeNotFound(const absl::Status& status) { return IsNotFound(status, kNoMediaType); }

absl::Status ErrImageNameNotFoundInIndex() { return errdefs::NotFound(kNoImageName); }
bool IsErrImageNameNotFoundInIndex(const absl::Status& status) {
  return IsNotFound(status, kNoImageName);
}

absl::Status ErrRuntimeNameNotFoundInIndex() { return errdefs::NotFound(kNoRuntime); }
bool IsErrRuntimeNameNotFoundInIndex(const absl::Status& status) {
  return IsNotFound(status, kNoRuntime);
}

absl::Status ErrSnapshotterNameNotFoundInIndex() { return errdefs::NotFound(kNoSnapshotter); }
bool IsErrSnapshotterNameNotFoundInIndex(const absl::Status& status) {
  return IsNotFound(status, kNoSnapshotter);
}

}  // namespace containerd
