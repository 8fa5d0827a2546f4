// SPDX-License-Identifier: Apache-2.0
#include "containerd/cri/client/image_service.h"

#include <utility>

#include "call.h"
#include "runtime/v1/image.grpc.pb.h"

namespace containerd::cri::client {
namespace {

namespace pb = ::runtime::v1;

class ImageServiceRemote final : public ImageService {
  using Stub = pb::ImageService::StubInterface;

 public:
  explicit ImageServiceRemote(const Client& client) : remote_(client) {}

  absl::StatusOr<ListImagesResponse> ListImages(const Context& ctx,
                                                const ListImagesRequest& request) override {
    return remote_.Call(ctx, "ListImages", &Stub::ListImages, request);
  }
  absl::Status StreamImages(
      const Context& ctx, const StreamImagesRequest& request,
      const std::function<absl::Status(const StreamImagesResponse&)>& on_message) override {
    return remote_.Stream(ctx, "StreamImages", &Stub::StreamImages, request, on_message);
  }
  absl::StatusOr<ImageStatusResponse> ImageStatus(const Context& ctx,
                                                  const ImageStatusRequest& request) override {
    return remote_.Call(ctx, "ImageStatus", &Stub::ImageStatus, request);
  }
  absl::StatusOr<PullImageResponse> PullImage(const Context& ctx,
                                              const PullImageRequest& request) override {
    return remote_.Call(ctx, "PullImage", &Stub::PullImage, request);
  }
  absl::StatusOr<RemoveImageResponse> RemoveImage(const Context& ctx,
                                                  const RemoveImageRequest& request) override {
    return remote_.Call(ctx, "RemoveImage", &Stub::RemoveImage, request);
  }
  absl::StatusOr<ImageFsInfoResponse> ImageFsInfo(const Context& ctx,
                                                  const ImageFsInfoRequest& request) override {
    return remote_.Call(ctx, "ImageFsInfo", &Stub::ImageFsInfo, request);
  }

 private:
  const Remote<pb::ImageService> remote_;
};

}  // namespace

std::shared_ptr<ImageService> NewImageService(const Client& client) {
  return std::make_shared<ImageServiceRemote>(client);
}

}  // namespace containerd::cri::client
