// SPDX-License-Identifier: Apache-2.0
//
// What the content of a push is written to: one request, or one for each chunk.
#ifndef CONTAINERD_SRC_REMOTES_DOCKER_PUSH_WRITER_H_
#define CONTAINERD_SRC_REMOTES_DOCKER_PUSH_WRITER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include "containerd/content/content.h"
#include "containerd/context/context.h"
#include "containerd/digest/digest.h"
#include "containerd/http/url.h"
#include "containerd/remotes/docker/registry.h"
#include "containerd/remotes/docker/status.h"

#include "request.h"

namespace containerd::remotes::docker {

// Whether an answer to an upload says that it is done. Some registries answer with 200, 202 or 204
// instead of 201.
bool IsUploaded(int code);

// Asks whether the registry has the blob that is uploaded.
using Look = std::function<absl::StatusOr<ResponsePtr>(const Context& wait)>;

// Where the content goes. If that is another host than the one that was asked, it gets none of the
// registry's header fields, and the credentials that are its own.
struct UploadTarget {
  RegistryRequest Request(std::string_view method) const;

  std::shared_ptr<const Base> base;
  RegistryHost host;
  http::Url url;
  std::string referrer;  // the registry's URL, if this is another host
};

// What the Location field of an answer of `host` names.
absl::StatusOr<UploadTarget> TargetOf(std::shared_ptr<const Base> base, const RegistryHost& host,
                                      const http::Response& response, std::string referrer = "");

// What is pushed, and where it is recorded how far that is.
struct PushRecord {
  std::string ref;
  digest::Digest expected;
  std::shared_ptr<StatusTracker> tracker;
};

// Sends the request, whose body is what is then written. When it has to be sent again, what was
// written is lost, and ErrReset asks for it.
absl::StatusOr<std::unique_ptr<content::Writer>> StartPush(const Context& ctx,
                                                           RegistryRequest request,
                                                           std::int64_t size, PushRecord record,
                                                           Look look);

struct ChunkedUpload {
  Context transfer;
  UploadTarget target;
  std::int64_t chunk_size = 0;
  Look look;
};

// Gathers pieces and sends each in a request of its own, which can be sent again without asking the
// writer.
std::unique_ptr<content::Writer> NewChunkedPush(ChunkedUpload upload, PushRecord record);

}  // namespace containerd::remotes::docker

#endif  // CONTAINERD_SRC_REMOTES_DOCKER_PUSH_WRITER_H_
