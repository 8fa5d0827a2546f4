// SPDX-License-Identifier: Apache-2.0
//
// Content that a server sends in another form than it is (RFC 9110 section 8.4).
#ifndef CONTAINERD_SRC_REMOTES_DOCKER_CONTENT_ENCODING_H_
#define CONTAINERD_SRC_REMOTES_DOCKER_CONTENT_ENCODING_H_

#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "containerd/context/context.h"
#include "containerd/http/header.h"
#include "containerd/io/io.h"

namespace containerd::remotes::docker {

// The encodings in the order in which they were applied, in lower case: "gzip", "zstd". Without
// those that change nothing.
std::vector<std::string> Encodings(const http::Header& header);

// Undoes them. ErrNotImplemented for one that is not known.
absl::StatusOr<std::unique_ptr<io::Reader>> Decode(const Context& ctx,
                                                   std::unique_ptr<io::Reader> reader,
                                                   const std::vector<std::string>& encodings);

}  // namespace containerd::remotes::docker

#endif  // CONTAINERD_SRC_REMOTES_DOCKER_CONTENT_ENCODING_H_
