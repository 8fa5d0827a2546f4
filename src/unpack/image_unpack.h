// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_UNPACK_IMAGE_UNPACK_H_
#define CONTAINERD_SRC_UNPACK_IMAGE_UNPACK_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/future/future.h"
#include "containerd/images/handlers.h"
#include "containerd/mount/mount.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/unpack/unpacker.h"

#include "shared.h"
#include "src/base/workers.h"

namespace containerd::unpack {

// The unpacking of one image. Run is called once, on a thread that may wait.
class ImageUnpack : public std::enable_shared_from_this<ImageUnpack> {
 public:
  ImageUnpack(Shared& shared, base::Workers& fetches, base::Workers& applies,
              images::Handler handler, ocispec::Descriptor config,
              std::vector<ocispec::Descriptor> layers);

  // Fetches the layers. Unpacks them and returns true if one of the platforms matches the image.
  absl::StatusOr<bool> Run();

 private:
  struct Layer {
    ocispec::Descriptor blob{};
    std::string diff_id{};
    std::string chain_id{};
    bool fetching = false;
    Promise<bool> fetched{};
  };

  // A snapshot that a layer is being extracted to. It is removed if this object is destroyed before
  // the commit.
  class Extraction;

  absl::Status ReadConfig();
  const Platform* ChoosePlatform() const;

  absl::Status ApplyInOrder();
  absl::Status ApplyInParallel();

  // nullptr if the layer's snapshot exists.
  absl::StatusOr<std::unique_ptr<Extraction>> Prepare(std::size_t i, const std::string& parent);
  // Applies the layer, which is being fetched, to its snapshot.
  absl::Status Fill(std::size_t i, const Extraction& extraction);
  absl::Status Commit(std::size_t i, Extraction& extraction, const std::string& parent);

  // Begins to fetch the layers from `first` on that are not being fetched yet. For Run's thread.
  void FetchFrom(std::size_t first);
  absl::Status FetchLayer(std::size_t i);
  absl::Status SetLabel(const std::string& digest, const std::string& key, std::string value);

  Shared& shared_;
  base::Workers& fetches_;
  base::Workers& applies_;
  const images::Handler handler_;
  const ocispec::Descriptor config_;
  std::vector<Layer> layers_;
  ocispec::Platform image_platform_;
  std::string rootfs_type_;
  const Platform* platform_ = nullptr;
};

}  // namespace containerd::unpack

#endif  // CONTAINERD_SRC_UNPACK_IMAGE_UNPACK_H_
