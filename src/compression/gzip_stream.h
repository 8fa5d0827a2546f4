// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_COMPRESSION_GZIP_STREAM_H_
#define CONTAINERD_SRC_COMPRESSION_GZIP_STREAM_H_

#include <memory>

#include <absl/status/statusor.h>

#include "containerd/compression/compression.h"

#include "input.h"

namespace containerd::compression {

std::unique_ptr<DecompressReadCloser> NewGzipReader(Input input);
absl::StatusOr<std::unique_ptr<WriteCloser>> NewGzipWriter(io::Writer& dest);

}  // namespace containerd::compression

#endif  // CONTAINERD_SRC_COMPRESSION_GZIP_STREAM_H_
