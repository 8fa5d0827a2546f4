// SPDX-License-Identifier: Apache-2.0
#include "containerd/apply/ahead_applier.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <variant>

#include "containerd/content/helpers.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/future/future.h"

#include "src/base/mutex.h"
#include "src/base/workers.h"
#include "staged.h"

namespace containerd::apply {
namespace {

// Beyond that the disk is what layers wait for.
constexpr std::size_t kMaxAtOnce = 8;

std::size_t AtOnce() {
  return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, kMaxAtOnce);
}

class AheadApplier final : public diff::Applier {
 public:
  AheadApplier(const Context& ctx, std::shared_ptr<content::Provider> store,
               std::shared_ptr<snapshots::Snapshotter> snapshotter,
               const std::vector<ocispec::Descriptor>& layers, StreamOptions options)
      : store_(std::move(store)),
        snapshotter_(std::move(snapshotter)),
        options_(options),
        from_store_(NewFileSystemApplier(store_, options.layer)),
        workers_(AtOnce()) {
    std::tie(ctx_, cancel_) = WithCancel(ctx);
    for (const ocispec::Descriptor& desc : layers) {
      auto ahead = std::make_shared<Ahead>();
      {
        const base::MutexLock lock(mu_);
        if (!ahead_.emplace(desc.digest, ahead).second) continue;  // the same layer once more
      }
      workers_.Submit([this, desc, ahead] { return Extract(desc, *ahead); },
                      [ahead](const absl::Status& s) {
                        if (ahead->result.ok() && !s.ok()) ahead->result = s;
                        ahead->ended.Set(std::monostate());
                      });
    }
  }

  AheadApplier(const AheadApplier&) = delete;
  AheadApplier& operator=(const AheadApplier&) = delete;
  ~AheadApplier() override { cancel_(); }

  absl::StatusOr<ocispec::Descriptor> Apply(const Context& ctx, const ocispec::Descriptor& desc,
                                            const std::vector<mount::Mount>& mounts,
                                            const std::vector<diff::ApplyOpt>& opts) override {
    const std::shared_ptr<Ahead> ahead = Take(desc.digest);
    if (ahead != nullptr) {
      if (auto ended = ahead->ended.GetFuture().Get(ctx); !ended.ok()) return ended.status();
      if (ahead->staged != nullptr) {
        return ApplyStaged(ctx, *ahead->staged, ahead->result, *from_store_, mounts, opts);
      }
    }
    return from_store_->Apply(ctx, desc, mounts, opts);
  }

 private:
  // Written by the thread that extracts, until `ended` is set.
  struct Ahead {
    std::unique_ptr<Staged> staged;
    absl::StatusOr<ocispec::Descriptor> result = errdefs::Unknown("not extracted");
    Promise<std::monostate> ended;
  };

  absl::Status Extract(const ocispec::Descriptor& desc, Ahead& ahead) {
    if (absl::Status s = ctx_.Err(); !s.ok()) return s;
    ahead.staged = Staged::Prepare(ctx_, snapshotter_, desc, options_.min_size);
    if (ahead.staged == nullptr) return absl::OkStatus();
    absl::StatusOr<std::unique_ptr<content::ReaderAt>> blob = store_->ReaderAt(ctx_, desc);
    if (!blob.ok()) return blob.status();
    const std::unique_ptr<io::Reader> reader = content::NewReader(*std::move(blob));
    ahead.result = ahead.staged->Extract(*reader, options_.layer);
    return absl::OkStatus();
  }

  std::shared_ptr<Ahead> Take(const std::string& digest) {
    const base::MutexLock lock(mu_);
    auto node = ahead_.extract(digest);
    return node.empty() ? nullptr : std::move(node.mapped());
  }

  Context ctx_;
  CancelFunc cancel_;
  const std::shared_ptr<content::Provider> store_;
  const std::shared_ptr<snapshots::Snapshotter> snapshotter_;
  const StreamOptions options_;
  const std::shared_ptr<diff::Applier> from_store_;
  base::Mutex mu_;
  std::map<std::string, std::shared_ptr<Ahead>> ahead_ ABSL_GUARDED_BY(mu_);
  base::Workers workers_;  // the first to go: it waits for those that use the others
};

}  // namespace

std::unique_ptr<diff::Applier> NewAheadApplier(const Context& ctx,
                                               std::shared_ptr<content::Provider> store,
                                               std::shared_ptr<snapshots::Snapshotter> snapshotter,
                                               const std::vector<ocispec::Descriptor>& layers,
                                               StreamOptions options) {
  return std::make_unique<AheadApplier>(ctx, std::move(store), std::move(snapshotter), layers,
                                        options);
}

}  // namespace containerd::apply
