// SPDX-License-Identifier: Apache-2.0
#include "containerd/cri/image_store.h"

#include <algorithm>
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

#include "src/base/await.h"
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

// What the store has of an image; nullopt if it is none for the client, which is logged. Errors are
// those of calls.
absl::StatusOr<std::optional<ImageEntry>> Look(const Context& ctx, const Image& image) {
  absl::StatusOr<ImageEntry> entry = Describe(ctx, image);
  if (entry.ok()) return *std::move(entry);
  if (IsOfTheCall(entry.status())) return entry.status();
  Complain(entry.status(), fmt::format("{} is left out", base::Quote(image.Name())));
  return std::nullopt;
}

// Updates again and again while the daemon cannot be asked, as what it did since would be missed
// else; with pauses that grow, until the context ends.
void Insist(const Context& ctx, std::string_view what,
            const std::function<absl::Status()>& update) {
  constexpr absl::Duration kFirstPause = absl::Milliseconds(50);
  constexpr absl::Duration kLastPause = absl::Seconds(5);
  for (absl::Duration pause = kFirstPause;; pause = std::min(2 * pause, kLastPause)) {
    const absl::Status s = update();
    if (s.ok() || ctx.Done()) return;
    if (pause == kFirstPause) Complain(s, what);
    if (!IsOfTheCall(s) || !Sleep(ctx, pause).ok()) return;
  }
}

}  // namespace

struct ImageStore::State {
  explicit State(containerd::Client c) : client(std::move(c)) {}

  containerd::Client client;
  base::Mutex mu;
  base::CondVar free;
  // While the daemon is asked and the answer put into the index.
  bool updating ABSL_GUARDED_BY(mu) = false;

  // Runs `update` when no other one runs. One that waits ends with its context, whatever holds up
  // the one that runs.
  absl::Status InTurn(const Context& ctx, const std::function<absl::Status()>& update) {
    const CancelRegistration wake = base::WakeOnCancel(ctx, mu, free);
    {
      const base::MutexLock lock(mu);
      const auto mine = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) { return !updating; };
      if (absl::Status s = base::Await(ctx, mu, free, mine); !s.ok()) return s;
      updating = true;
    }
    struct Turn {
      State& state;
      ~Turn() {
        const base::MutexLock lock(state.mu);
        state.updating = false;
        state.free.NotifyAll();
      }
    };
    const Turn turn{*this};
    return update();
  }
};

ImageStore::ImageStore(const Client& client) : state_(std::make_shared<State>(client)) {}

absl::Status ImageStore::Update(const Context& ctx, std::string_view name) {
  return state_->InTurn(ctx, [&]() -> absl::Status {
    absl::StatusOr<Image> image = state_->client.GetImage(ctx, name);
    if (!image.ok() && !errdefs::IsNotFound(image.status())) return image.status();
    std::optional<ImageEntry> entry;
    if (image.ok()) {
      absl::StatusOr<std::optional<ImageEntry>> found = Look(ctx, *image);
      if (!found.ok()) return found.status();
      entry = *std::move(found);
    }
    if (entry) return index_.Set(name, *std::move(entry));
    // Not the old one either, since that is no longer what the name stands for.
    index_.Remove(name);
    return absl::OkStatus();
  });
}

absl::Status ImageStore::Resync(const Context& ctx) {
  return state_->InTurn(ctx, [&]() -> absl::Status {
    absl::StatusOr<std::vector<Image>> images = state_->client.ListImages(ctx);
    if (!images.ok()) return images.status();
    std::vector<std::pair<std::string, ImageEntry>> found;
    for (const Image& image : *images) {
      absl::StatusOr<std::optional<ImageEntry>> entry = Look(ctx, image);
      if (!entry.ok()) return entry.status();
      if (entry->has_value()) found.emplace_back(image.Name(), **std::move(entry));
    }
    std::set<std::string> gone;
    for (std::string& name : index_.Names()) gone.insert(std::move(name));
    for (auto& [name, entry] : found) {
      gone.erase(name);
      if (absl::Status s = index_.Set(name, std::move(entry)); !s.ok()) return s;
    }
    for (const std::string& name : gone) index_.Remove(name);
    return absl::OkStatus();
  });
}

struct ImageFollower::State {
  explicit State(CancelFunc c) : cancel(std::move(c)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  // The daemon may never answer the update that is being made.
  ~State() { cancel(); }

  const CancelFunc cancel;
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
  auto [following, stop] = WithCancel(ctx);
  auto follower = std::make_unique<ImageFollower::State>(std::move(stop));
  follower->subscription = state_->client.EventService()->Subscribe(
      following, {fmt::format("namespace=={},topic~=|^/images/|", filters::Quote(ns))},
      [store = *this, ctx = following](const events::Item& item) mutable {
        if (std::holds_alternative<events::Gap>(item)) {
          Insist(ctx, "after a gap in the daemon's events", [&] { return store.Resync(ctx); });
        } else if (const std::optional<std::string> name =
                       NameIn(std::get<events::Envelope>(item))) {
          Insist(ctx, base::Quote(*name), [&] { return store.Update(ctx, *name); });
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
