// SPDX-License-Identifier: Apache-2.0
#include "containerd/unpack/unpacker.h"

#include <map>
#include <set>
#include <utility>

#include "containerd/errdefs/errdefs.h"
#include "containerd/images/mediatypes.h"

#include "image_unpack.h"
#include "shared.h"
#include "src/base/mutex.h"
#include "src/base/options.h"
#include "src/base/workers.h"

namespace containerd::unpack {
namespace {

// What old registries and builders called the config of an image.
constexpr char kLegacyConfigType[] = "application/octet-stream";

}  // namespace

class Unpacker::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(const Context& ctx, std::shared_ptr<content::Store> store, UnpackerConfig config)
      : shared_(ctx, std::move(store), std::move(config)) {
    for (const Platform& platform : shared_.config().platforms) {
      if (!platform.config_type.empty()) config_types_.insert(platform.config_type);
      layer_types_.insert(platform.layer_types.begin(), platform.layer_types.end());
    }
  }

  absl::StatusOr<images::Descriptors> Handle(const images::Handler& h, const Context& ctx,
                                             const ocispec::Descriptor& desc) {
    absl::StatusOr<images::Descriptors> children = HandleNow(h, ctx, desc);
    if (!children.ok()) {
      // This call was cancelled because the unpack failed; that failure is the one to return.
      if (absl::Status s = shared_.Failure(); !s.ok()) return s;
      return children;
    }
    if (images::IsManifestType(desc.media_type)) {
      PutOffLayers(*children);
    } else if (images::IsConfigType(desc.media_type) || desc.media_type == kLegacyConfigType ||
               config_types_.contains(desc.media_type)) {
      BeginUnpack(h, desc);
    }
    return children;
  }

  absl::StatusOr<Result> Wait() {
    images_.Wait();
    // Fetches of an image that failed may still be running.
    fetches_.Wait();
    applies_.Wait();
    if (absl::Status s = shared_.Failure(); !s.ok()) return s;
    base::MutexLock lock(mu_);
    return Result{.unpacks = unpacks_};
  }

  void Stop() {
    shared_.Cancel();
    (void)Wait();
  }

 private:
  absl::StatusOr<images::Descriptors> HandleNow(const images::Handler& h, const Context& ctx,
                                                const ocispec::Descriptor& desc) {
    if (absl::Status s = shared_.Failure(); !s.ok()) return s;
    // A context that ends with the caller's or with the unpacker's.
    auto [both, cancel] = WithCancel(ctx);
    const CancelRegistration registration = shared_.ctx().OnCancel(cancel);
    absl::StatusOr<KeyLock> lock = shared_.LockBlob(both, desc);
    if (!lock.ok()) return lock.status();
    return h(both, desc);
  }

  // Takes the layers out of a manifest's children; they wait for the config.
  void PutOffLayers(images::Descriptors& children) {
    images::Descriptors layers;
    images::Descriptors others;
    for (ocispec::Descriptor& child : children) {
      const bool layer =
          images::IsLayerType(child.media_type) || layer_types_.contains(child.media_type);
      (layer ? layers : others).push_back(std::move(child));
    }
    children = std::move(others);
    base::MutexLock lock(mu_);
    for (const ocispec::Descriptor& other : children) layers_[other.digest] = layers;
  }

  void BeginUnpack(const images::Handler& h, const ocispec::Descriptor& config) {
    images::Descriptors layers;
    {
      base::MutexLock lock(mu_);
      layers = layers_[config.digest];
    }
    if (layers.empty()) return;
    images_.Submit(
        [this, image = std::make_shared<ImageUnpack>(shared_, fetches_, applies_, h, config,
                                                     std::move(layers))] {
          absl::StatusOr<bool> unpacked = image->Run();
          if (unpacked.ok() && *unpacked) {
            base::MutexLock lock(mu_);
            ++unpacks_;
          }
          return unpacked.status();
        },
        [this](const absl::Status& s) {
          if (!s.ok()) shared_.Fail(s);
        });
  }

  Shared shared_;
  std::set<std::string, std::less<>> config_types_;
  std::set<std::string, std::less<>> layer_types_;

  base::Mutex mu_;
  std::map<std::string, images::Descriptors> layers_
      ABSL_GUARDED_BY(mu_);  // by the digests of their siblings
  int unpacks_ ABSL_GUARDED_BY(mu_) = 0;

  // images_ submits jobs to the other two, so it is destroyed first.
  base::Workers fetches_{kMaxFetches};
  base::Workers applies_{kMaxApplies};
  base::Workers images_{kMaxImages};
};

Unpacker::Unpacker(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Unpacker::~Unpacker() { impl_->Stop(); }

images::Handler Unpacker::Unpack(images::Handler h) {
  return [impl = impl_, h = std::move(h)](const Context& ctx, const ocispec::Descriptor& desc) {
    return impl->Handle(h, ctx, desc);
  };
}

absl::StatusOr<Result> Unpacker::Wait() { return impl_->Wait(); }

absl::StatusOr<std::unique_ptr<Unpacker>> NewUnpacker(const Context& ctx,
                                                      std::shared_ptr<content::Store> cs,
                                                      const std::vector<UnpackerOpt>& opts) {
  UnpackerConfig config;
  if (absl::Status s = base::Apply(opts, config); !s.ok()) return s;
  if (config.platforms.empty()) return errdefs::InvalidArgument("no unpack platforms defined");
  return std::unique_ptr<Unpacker>(
      new Unpacker(std::make_shared<Unpacker::Impl>(ctx, std::move(cs), std::move(config))));
}

UnpackerOpt WithUnpackPlatform(unpack::Platform platform) {
  return [platform = std::move(platform)](UnpackerConfig& config) {
    if (platform.snapshotter == nullptr) {
      return errdefs::InvalidArgument("snapshotter must be provided to unpack");
    }
    if (platform.applier == nullptr) {
      return errdefs::InvalidArgument("applier must be provided to unpack");
    }
    unpack::Platform& added = config.platforms.emplace_back(platform);
    if (added.snapshotter_key.empty()) added.snapshotter_key = "unknown";
    return absl::OkStatus();
  };
}

UnpackerOpt WithLimiter(std::shared_ptr<Limiter> limiter) {
  return [limiter = std::move(limiter)](UnpackerConfig& config) {
    config.limiter = limiter;
    return absl::OkStatus();
  };
}

UnpackerOpt WithDuplicationSuppressor(std::shared_ptr<KeyedLocker> suppressor) {
  return [suppressor = std::move(suppressor)](UnpackerConfig& config) {
    config.duplication_suppressor = suppressor;
    return absl::OkStatus();
  };
}

UnpackerOpt WithUnpackLimiter(std::shared_ptr<Limiter> limiter) {
  return [limiter = std::move(limiter)](UnpackerConfig& config) {
    config.unpack_limiter = limiter;
    return absl::OkStatus();
  };
}

}  // namespace containerd::unpack
