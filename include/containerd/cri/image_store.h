// SPDX-License-Identifier: Apache-2.0
//
// The daemon's images as CRI sees them: one image for each config, under all the names that it has.
//
//   cri::ImageStore images(client);
//   absl::StatusOr<cri::ImageFollower> following = images.Follow(ctx);  // from now on by itself
//   absl::StatusOr<cri::ImageEntry> image = images.LocalResolve("busybox");
//
// Source: pkg/cri/store/image.
#ifndef CONTAINERD_CRI_IMAGE_STORE_H_
#define CONTAINERD_CRI_IMAGE_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/client.h"
#include "containerd/context/context.h"
#include "containerd/digest/digest.h"
#include "containerd/export/export.h"
#include "containerd/ocispec/image.h"

namespace containerd::cri {

// An image of the store. Source: imagestore.Image.
struct ImageEntry {
  std::string id{};  // the digest of the config
  // The names of the image's records, by how much they say: in the order of reference.Sort. They
  // are spelled as the records' names are; in Go they are in full, and then may name no record.
  std::vector<std::string> references{};
  digest::Digest chain_id{};  // of all layers
  std::int64_t size = 0;      // bytes in the content store, for one platform
  ocispec::Image spec{};      // the config
  bool pinned = false;        // one of the names has the label kPinnedImageLabelKey

  friend bool operator==(const ImageEntry&, const ImageEntry&) = default;
};

// The store without a daemon: which name is which image, and images by their ids. Copies are the
// same index; all functions are safe from any thread.
class CONTAINERD_EXPORT ImageIndex {
 public:
  ImageIndex();

  // From now on the name is this image's, and no longer that of another. Of `image` the names do
  // not count, and `pinned` goes for this name. ErrInvalidArgument if its id is no digest.
  absl::Status Set(std::string_view name, ImageEntry image);

  // The name is nobody's; an image without names is gone.
  void Remove(std::string_view name);

  // The id of the image of this very name. ErrNotFound. Source: Store.Resolve.
  absl::StatusOr<std::string> Resolve(std::string_view name) const;

  // The image of an id, which may be cut short and without its algorithm. Errors are those of
  // DigestSet::Lookup. Source: Store.Get.
  absl::StatusOr<ImageEntry> Get(std::string_view id) const;

  std::vector<ImageEntry> List() const;

  // All names, in order.
  std::vector<std::string> Names() const;

  // The image that a text of a user stands for: a whole digest is an id; a reference in any form
  // that ParseDockerRef reads is a name; what neither is, or is a name of nothing, may be an id,
  // cut short. So the name "cafe" that is not there finds the image whose id begins with cafe, as
  // in Go.
  //
  // ErrNotFound if there is no such image, ErrInvalidArgument if several ids begin so, and for an
  // empty text: Go takes that for the only image that there is. Source: criService.localResolve.
  absl::StatusOr<ImageEntry> LocalResolve(std::string_view ref_or_id) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// Keeps a store in step with the daemon for as long as it lives. Destroying it ends an update that
// is being made, and waits for its end. Safe from any thread but for moves and Stop.
class CONTAINERD_EXPORT ImageFollower {
 public:
  ImageFollower(ImageFollower&&) noexcept;
  ImageFollower& operator=(ImageFollower&&) noexcept;
  ~ImageFollower();

  // Ends it now.
  void Stop();

 private:
  friend class ImageStore;
  struct State;
  explicit ImageFollower(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The images of the context's namespace, for the client's platform. Copies are the same store; all
// functions are safe from any thread. One store is for one namespace: its calls are to agree on it.
class CONTAINERD_EXPORT ImageStore {
 public:
  explicit ImageStore(const Client& client);

  // Makes the store say of this name what the daemon says now. What cannot be an image for the
  // client (content is missing or broken, nothing is for the platform) is not in the store, and
  // logged. Updates come one after the other, so that an earlier one never replaces a later one;
  // one that waits for others ends with its context. An error is one of the daemon's or of the
  // context, and leaves the store as it was. Source: Store.Update.
  absl::Status Update(const Context& ctx, std::string_view name);

  // The same for all names that the daemon or the store has: of all of them, or, after an error, of
  // none.
  absl::Status Resync(const Context& ctx);

  // Resync, and then an Update for each event of an image, until the follower is destroyed or `ctx`
  // ends. Once this returns nothing is missed: where the connection was cut, Resync is done again,
  // and an update that could not ask the daemon is tried until it can. It costs no thread while
  // nothing happens.
  absl::StatusOr<ImageFollower> Follow(const Context& ctx);

  // See ImageIndex.
  absl::StatusOr<std::string> Resolve(std::string_view name) const { return index_.Resolve(name); }
  absl::StatusOr<ImageEntry> Get(std::string_view id) const { return index_.Get(id); }
  std::vector<ImageEntry> List() const { return index_.List(); }
  absl::StatusOr<ImageEntry> LocalResolve(std::string_view ref_or_id) const {
    return index_.LocalResolve(ref_or_id);
  }

 private:
  struct State;
  ImageIndex index_;
  std::shared_ptr<State> state_;
};

// The daemon's record of an image, by the first of its names. ErrFailedPrecondition for one without
// names, ErrNotFound if it was removed meanwhile. Source: criService.toContainerdImage.
CONTAINERD_EXPORT absl::StatusOr<Image> ToContainerdImage(const Context& ctx, Client& client,
                                                          const ImageEntry& image);

}  // namespace containerd::cri

#endif  // CONTAINERD_CRI_IMAGE_STORE_H_
