// SPDX-License-Identifier: Apache-2.0
//
// CRI's images. See client.h.
//
// Source: k8s.io/cri-api/pkg/apis, internalapi.ImageManagerService.
#ifndef CONTAINERD_CRI_CLIENT_IMAGE_SERVICE_H_
#define CONTAINERD_CRI_CLIENT_IMAGE_SERVICE_H_

#include <functional>
#include <memory>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/client.h"
#include "containerd/context/context.h"
#include "containerd/export/export.h"

#include "runtime/v1/image.pb.h"

namespace containerd::cri::client {

using ::runtime::v1::ImageFsInfoRequest;
using ::runtime::v1::ImageFsInfoResponse;
using ::runtime::v1::ImageStatusRequest;
using ::runtime::v1::ImageStatusResponse;
using ::runtime::v1::ListImagesRequest;
using ::runtime::v1::ListImagesResponse;
using ::runtime::v1::PullImageRequest;
using ::runtime::v1::PullImageResponse;
using ::runtime::v1::RemoveImageRequest;
using ::runtime::v1::RemoveImageResponse;
using ::runtime::v1::StreamImagesRequest;
using ::runtime::v1::StreamImagesResponse;

// All functions are safe from any thread, and end with their context. Errors name the call;
// ErrNotImplemented if the daemon has no CRI or not this call.
//
// A call that streams gives each message to `on_message`, on this thread, and returns when the
// service has sent the last one; an error of `on_message` ends it, and is returned.
class CONTAINERD_EXPORT ImageService {
 public:
  virtual ~ImageService() = default;

  // The images that match, all without a filter.
  virtual absl::StatusOr<ListImagesResponse> ListImages(const Context& ctx,
                                                        const ListImagesRequest& request) = 0;

  // The same in many messages. Since containerd 2.
  virtual absl::Status StreamImages(
      const Context& ctx, const StreamImagesRequest& request,
      const std::function<absl::Status(const StreamImagesResponse&)>& on_message) = 0;

  // One image. An answer without an image, not an error, if there is none.
  virtual absl::StatusOr<ImageStatusResponse> ImageStatus(const Context& ctx,
                                                          const ImageStatusRequest& request) = 0;

  // Gets an image from its registry, and returns once it is unpacked.
  virtual absl::StatusOr<PullImageResponse> PullImage(const Context& ctx,
                                                      const PullImageRequest& request) = 0;

  // Removes an image with all its names. It is no error if there is none.
  virtual absl::StatusOr<RemoveImageResponse> RemoveImage(const Context& ctx,
                                                          const RemoveImageRequest& request) = 0;

  // What images take of the file systems that they are on.
  virtual absl::StatusOr<ImageFsInfoResponse> ImageFsInfo(const Context& ctx,
                                                          const ImageFsInfoRequest& request) = 0;
};

// The one on the client's socket.
CONTAINERD_EXPORT std::shared_ptr<ImageService> NewImageService(const Client& client);

}  // namespace containerd::cri::client

#endif  // CONTAINERD_CRI_CLIENT_IMAGE_SERVICE_H_
