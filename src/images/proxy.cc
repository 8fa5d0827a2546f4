// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "containerd/images/store.h"
#include "containerd/option/option.h"
#include "containerd/services/images/v1/images.grpc.pb.h"

#include "src/base/options.h"
#include "src/images/internal/proto.h"
#include "src/rpc/internal/call.h"
#include "src/rpc/internal/describe.h"
#include "src/rpc/internal/proto_descriptor.h"
#include "src/rpc/internal/proto_time.h"

namespace containerd::images {

constinit const option::Plain<DeleteOpt> SynchronousDelete([](const Context&,
                                                              DeleteOptions* options) {
  options->synchronous = true;
  return absl::OkStatus();
});

DeleteOpt DeleteTarget(ocispec::Descriptor target) {
  return [target = std::move(target)](const Context&, DeleteOptions* options) {
    options->target = target;
    return absl::OkStatus();
  };
}

namespace {

namespace pb = ::containerd::services::images::v1;

class RemoteImages final : public Store {
 public:
  template <typename ConnectionOrStub>
  explicit RemoteImages(std::shared_ptr<ConnectionOrStub> to) : stubs_(std::move(to)) {}

  absl::StatusOr<Image> Get(const Context& ctx, std::string_view name) override {
    pb::GetImageRequest request;
    request.set_name(std::string(name));
    pb::GetImageResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::Get, request, &response); !s.ok()) {
      return rpc::Describe(s, "get image", name);
    }
    return FromProto(response.image());
  }

  absl::StatusOr<std::vector<Image>> List(const Context& ctx,
                                          const std::vector<std::string>& filters) override {
    pb::ListImagesRequest request;
    request.mutable_filters()->Assign(filters.begin(), filters.end());
    pb::ListImagesResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::List, request, &response); !s.ok()) {
      return errdefs::Annotate(s, "list images");
    }
    std::vector<Image> images;
    images.reserve(static_cast<std::size_t>(response.images_size()));
    for (const auto& image : response.images()) images.push_back(FromProto(image));
    return images;
  }

  absl::StatusOr<Image> Create(const Context& ctx, const Image& image) override {
    pb::CreateImageRequest request;
    *request.mutable_image() = ToProto(image);
    if (auto epoch = ctx.SourceDateEpoch()) {
      *request.mutable_source_date_epoch() = rpc::ToProto(*epoch);
    }
    pb::CreateImageResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::Create, request, &response); !s.ok()) {
      return rpc::Describe(s, "create image", image.name);
    }
    return FromProto(response.image());
  }

  absl::StatusOr<Image> Update(const Context& ctx, const Image& image,
                               const std::vector<std::string>& fieldpaths) override {
    pb::UpdateImageRequest request;
    *request.mutable_image() = ToProto(image);
    if (!fieldpaths.empty()) {
      request.mutable_update_mask()->mutable_paths()->Assign(fieldpaths.begin(), fieldpaths.end());
    }
    if (auto epoch = ctx.SourceDateEpoch()) {
      *request.mutable_source_date_epoch() = rpc::ToProto(*epoch);
    }
    pb::UpdateImageResponse response;
    if (absl::Status s = rpc::Call(ctx, stubs_, &Stub::Update, request, &response); !s.ok()) {
      return rpc::Describe(s, "update image", image.name);
    }
    return FromProto(response.image());
  }

  absl::Status Delete(const Context& ctx, std::string_view name,
                      const std::vector<DeleteOpt>& opts) override {
    DeleteOptions options;
    if (absl::Status s = base::Apply(opts, ctx, options); !s.ok()) return s;
    pb::DeleteImageRequest request;
    request.set_name(std::string(name));
    request.set_sync(options.synchronous);
    if (options.target) *request.mutable_target() = rpc::ToProto(*options.target);
    google::protobuf::Empty response;
    return rpc::Describe(rpc::Call(ctx, stubs_, &Stub::Delete, request, &response), "delete image",
                         name);
  }

 private:
  using Stub = pb::Images::StubInterface;

  const rpc::Stubs<pb::Images> stubs_;
};

}  // namespace

std::shared_ptr<Store> NewImageStore(std::shared_ptr<rpc::Connection> conn) {
  return std::make_shared<RemoteImages>(std::move(conn));
}

std::shared_ptr<Store> NewImageStore(std::shared_ptr<pb::Images::StubInterface> stub) {
  return std::make_shared<RemoteImages>(std::move(stub));
}

}  // namespace containerd::images
