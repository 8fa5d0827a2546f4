// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <utility>

#include <fmt/format.h>

#include "containerd/checkpoint.h"
#include "containerd/content/helpers.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/image.h"
#include "containerd/images/mediatypes.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/typeurl/proto.h"

#include "checkpoint_index.h"

namespace containerd {
namespace internal {
namespace {

// Most bytes of a spec or of options in a checkpoint.
constexpr std::int64_t kMaxAnySize = std::int64_t{16} << 20;

}  // namespace

absl::StatusOr<ocispec::Index> DecodeIndex(const Context& ctx, Client& client,
                                           const Image& checkpoint) {
  const auto decode = [&]() -> absl::StatusOr<ocispec::Index> {
    const ocispec::Descriptor& target = checkpoint.Target();
    auto data = content::ReadBlob(ctx, *client.ContentStore(), target, images::kMaxManifestSize);
    if (!data.ok()) return data.status();
    absl::Status valid = images::ValidateMediaType(*data, target.media_type);
    if (!valid.ok()) return valid;
    return ocispec::Unmarshal<ocispec::Index>(*data);
  };
  auto index = decode();
  if (index.ok()) return index;
  return errdefs::Annotate(index.status(), fmt::format("checkpoint \"{}\"", checkpoint.Name()));
}

absl::StatusOr<typeurl::Any> ReadMessage(const Context& ctx, Client& client,
                                         const ocispec::Descriptor& desc) {
  auto data = content::ReadBlob(ctx, *client.ContentStore(), desc, kMaxAnySize);
  if (!data.ok()) return data.status();
  google::protobuf::Any any;
  if (!any.ParseFromString(*data)) {
    return errdefs::InvalidArgument(
        fmt::format("content {} is not a message: {} bytes", desc.digest, data->size()));
  }
  return typeurl::FromProto(std::move(any));
}

absl::StatusOr<ocispec::Descriptor> FindLayer(const ocispec::Index& index) {
  for (const ocispec::Descriptor& desc : index.manifests) {
    if (images::IsLayerType(desc.media_type)) return desc;
  }
  return ErrMediaTypeNotFound(ocispec::kMediaTypeImageLayerGzip);
}

std::string Annotation(const ocispec::Index& index, const char* key) {
  const auto found = index.annotations.find(key);
  return found == index.annotations.end() ? std::string() : found->second;
}

}  // namespace internal

absl::StatusOr<ocispec::Descriptor> GetIndexByMediaType(const ocispec::Index& index,
                                                        std::string_view media_type) {
  for (const ocispec::Descriptor& desc : index.manifests) {
    if (desc.media_type == media_type) return desc;
  }
  return ErrMediaTypeNotFound(media_type);
}

}  // namespace containerd
