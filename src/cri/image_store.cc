// SPDX-License-Identifier: Apache-2.0
#include "containerd/cri/image_store.h"

#include <functional>
#include <optional>
#include <set>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "containerd/cri/constants.h"
#include "containerd/digest/identity.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/events/events.h"
#include "containerd/events/typed.h"
#include "containerd/filters/filters.h"
#include "containerd/images/store.h"
#include "containerd/log/log.h"
#include "containerd/services/images/v1/events.pb.h"

#include "src/base/escape.h"
#include "src/base/mutex.h"

namespace containerd::cri {
namespace {

namespace pb = containerd::services::images::v1;

// What the config and the manifest of an image say. Source: getImage.
absl::StatusOr<ImageEntry> Describe(const Context& ctx, const Image& image) {
  absl::StatusOr<std::vector<digest::Digest>> diff_ids = image.RootFS(ctx);
  if (!diff_ids.ok()) return diff_ids.status();
  absl::StatusOr<ocispec::Descriptor> config = image.Config(ctx);
  if (!config.ok()) return config.status();
  absl::StatusOr<ocispec::Image> spec = image.Spec(ctx);
  if (!spec.ok()) return spec.status();
  // One manifest, whether or not all of it is here.
  absl::StatusOr<std::int64_t> size =
      image.Usage(ctx, {WithUsageManifestLimit(1), WithManifestUsage});
  if (!size.ok()) return size.status();
  const auto pinned = image.Labels().find(kPinnedImageLabelKey);
  return ImageEntry{
      .id = config->digest,
      .chain_id = identity::ChainID(*diff_ids),
      .size = *size,
      .spec = *std::move(spec),
      .pinned = pinned != image.Labels().end() && pinned->second == kPinnedImageLabelValue,
  };
}

// Whether the daemon could not be asked, so that nothing is known of the image.
bool IsOfTheCall(const absl::Status& status) {
  return errdefs::IsUnavailable(status) || errdefs::IsCanceled(status) ||
         errdefs::IsDeadlineExceeded(status);
}

// The name of the image that an event is about; nullopt for another event.
std::optional<std::string> NameIn(const events::Envelope& envelope) {
  if (auto created = events::Decode<pb::ImageCreate>(envelope); created.ok()) {
    return created->name();
  }
  if (auto updated = events::Decode<pb::ImageUpdate>(envelope); updated.ok()) {
    return updated->name();
  }
  if (auto deleted = events::Decode<pb::ImageDelete>(envelope); deleted.ok()) {
    return deleted->name();
  }
  return std::nullopt;
}

void Complain(const absl::Status& status, std::string_view what) {
  if (!status.ok())
    log::Warn(fmt::format("CRI's image store: {}: {}", what, errdefs::Message(status)));
}

}  // namespace

struct ImageStore::State {
  explicit State(containerd::Client c) : client(std::move(c)) {}

  containerd::Client client;
  // Held while the daemon is asked and the answer put into the index.
  base::Mutex updating;

  absl::Status Update(const Context& ctx, ImageIndex& index, std::string_view name)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(updating) {
    absl::StatusOr<Image> image = client.GetImage(ctx, name);
    if (!image.ok()) {
      if (!errdefs::IsNotFound(image.status())) return image.status();
      index.Remove(name);
      return absl::OkStatus();
    }
    return Put(ctx, index, *image);
  }

  absl::Status Put(const Context& ctx, ImageIndex& index, const Image& image)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(updating) {
    absl::StatusOr<ImageEntry> entry = Describe(ctx, image);
    if (entry.ok()) return index.Set(image.Name(), *std::move(entry));
    if (IsOfTheCall(entry.status())) return entry.status();
    // Not the old one either, since that is no longer what the name stands for.
    index.Remove(image.Name());
    Complain(entry.status(), fmt::format("{} is left out", base::Quote(image.Name())));
    return absl::OkStatus();
  }
};

ImageStore::ImageStore(const Client& client) : state_(std::make_shared<State>(client)) {}

absl::Status ImageStore::Update(const Context& ctx, std::string_view name) {
  const base::MutexLock lock(state_->updating);
  return state_->Update(ctx, index_, name);
}

absl::Status ImageStore::Resync(const Context& ctx) {
  const base::MutexLock lock(state_->updating);
  absl::StatusOr<std::vector<Image>> images = state_->client.ListImages(ctx);
  if (!images.ok()) return images.status();
  std::set<std::string> gone;
  for (std::string& name : index_.Names()) gone.insert(std::move(name));
  for (const Image& image : *images) {
    gone.erase(image.Name());
    if (absl::Status s = state_->Put(ctx, index_, image); !s.ok()) return s;
  }
  for (const std::string& name : gone) index_.Remove(name);
  return absl::OkStatus();
}

struct ImageFollower::State {
  std::unique_ptr<events::CallbackSubscription> subscription;
};

ImageFollower::ImageFollower(std::unique_ptr<State> state) : state_(std::move(state)) {}
ImageFollower::ImageFollower(ImageFollower&&) noexcept = default;
ImageFollower& ImageFollower::operator=(ImageFollower&&) noexcept = default;
ImageFollower::~ImageFollower() = default;

void ImageFollower::Stop() { state_.reset(); }

absl::StatusOr<ImageFollower> ImageStore::Follow(const Context& ctx) {
  const std::string ns = ctx.Namespace().value_or(state_->client.DefaultNamespace());
  if (ns.empty()) return errdefs::FailedPrecondition("following images needs a namespace");
  auto follower = std::make_unique<ImageFollower::State>();
  follower->subscription = state_->client.EventService()->Subscribe(
      ctx, {fmt::format("namespace=={},topic~=|^/images/|", filters::Quote(ns))},
      [store = *this, ctx](const events::Item& item) mutable {
        if (std::holds_alternative<events::Gap>(item)) {
          Complain(store.Resync(ctx), "after a gap in the daemon's events");
        } else if (const std::optional<std::string> name =
                       NameIn(std::get<events::Envelope>(item))) {
          Complain(store.Update(ctx, *name), base::Quote(*name));
        }
      },
      [](const absl::Status& status) {
        if (!errdefs::IsCanceled(status)) Complain(status, "it follows the daemon no longer");
      },
      {events::WithResume});
  if (absl::Status s = follower->subscription->WaitReady(ctx); !s.ok()) return s;
  if (absl::Status s = Resync(ctx); !s.ok()) return s;
  return ImageFollower(std::move(follower));
}

absl::StatusOr<Image> ToContainerdImage(const Context& ctx, Client& client,
                                        const ImageEntry& image) {
  if (image.references.empty()) {
    return errdefs::FailedPrecondition(
        fmt::format("invalid image with no reference {}", base::Quote(image.id)));
  }
  return client.GetImage(ctx, image.references.front());
}

}  // namespace containerd::cri
