// SPDX-License-Identifier: Apache-2.0
#include "containerd/images/handlers.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <map>
#include <mutex>
#include <string_view>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "containerd/digest/digest.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/annotations.h"
#include "containerd/images/image.h"
#include "containerd/images/mediatypes.h"

#include "src/base/workers.h"
#include "src/errdefs/internal/guard.h"
#include "src/errdefs/internal/mark.h"

namespace containerd::images {
namespace {

constexpr char kSkip[] = "images.ErrSkipDesc";
constexpr char kStop[] = "images.ErrStopHandler";
constexpr char kEmptyWalk[] = "images.ErrEmptyWalk";

constexpr int kDefaultLimiter = 8;

// The way from a walk's root down to a descriptor.
struct Path {
  std::shared_ptr<const Path> up;
  std::string digest;
  int depth = 0;
};
using PathPtr = std::shared_ptr<const Path>;

// Checks what a handler said are the children of `desc`, and returns their path.
absl::StatusOr<PathPtr> Descend(const PathPtr& up, const ocispec::Descriptor& desc,
                                const Descriptors& children) {
  auto path = std::make_shared<Path>(Path{up, desc.digest, up == nullptr ? 1 : up->depth + 1});
  if (path->depth > kMaxWalkDepth) {
    return errdefs::ResourceExhausted(fmt::format("content \"{}\" is nested {} deep, limit {}",
                                                  desc.digest, path->depth, kMaxWalkDepth));
  }
  for (const Path* node = path.get(); node != nullptr; node = node->up.get()) {
    if (node->digest.empty()) continue;
    for (const ocispec::Descriptor& child : children) {
      if (child.digest == node->digest) {
        return errdefs::InvalidArgument(
            fmt::format("content \"{}\" contains itself", child.digest));
      }
    }
  }
  return path;
}

absl::StatusOr<Descriptors> Call(const Handler& handler, const Context& ctx,
                                 const ocispec::Descriptor& desc) {
  return errdefs::Guard("a handler of images", handler, ctx, desc);
}

absl::Status TooMany() {
  return errdefs::ResourceExhausted(
      fmt::format("the image has more than {} descriptors", kMaxWalkDescriptors));
}

absl::Status WalkFrom(const Context& ctx, const Handler& handler, const Descriptors& descs,
                      const PathPtr& up, std::int64_t& visited) {
  for (const ocispec::Descriptor& desc : descs) {
    if (absl::Status s = ctx.Err(); !s.ok()) return s;
    if (++visited > kMaxWalkDescriptors) return TooMany();
    absl::StatusOr<Descriptors> children = Call(handler, ctx, desc);
    if (!children.ok()) {
      if (IsErrSkipDesc(children.status())) continue;
      return children.status();
    }
    if (children->empty()) continue;
    absl::StatusOr<PathPtr> path = Descend(up, desc, *children);
    if (!path.ok()) return path.status();
    if (absl::Status s = WalkFrom(ctx, handler, *children, *path, visited); !s.ok()) return s;
  }
  return absl::OkStatus();
}

// Has descriptors handled as they are found, some at once.
class Dispatcher {
 public:
  Dispatcher(const Context& ctx, const Handler& handler, int limiter)
      : handler_(handler), workers_(static_cast<std::size_t>(limiter), /*helpers=*/1) {
    std::tie(ctx_, cancel_) = WithCancel(ctx);
  }

  absl::Status Run(const Descriptors& descs) {
    Add(nullptr, descs);
    workers_.Help();
    return status_;
  }

 private:
  void Add(const PathPtr& up, const Descriptors& descs) {
    for (const ocispec::Descriptor& desc : descs) {
      workers_.Submit([this, up, desc] { return Handle(up, desc); },
                      [this](absl::Status s) {
                        if (!s.ok()) Fail(std::move(s));
                      });
    }
  }

  // After the first one nothing more is handled.
  void Fail(absl::Status status) {
    {
      const std::lock_guard lock(mu_);
      if (!status_.ok()) return;
      status_ = std::move(status);
    }
    cancel_();
  }

  absl::Status Handle(const PathPtr& up, const ocispec::Descriptor& desc) {
    if (absl::Status s = ctx_.Err(); !s.ok()) return s;
    if (++visited_ > kMaxWalkDescriptors) return TooMany();
    absl::StatusOr<Descriptors> children = Call(handler_, ctx_, desc);
    if (IsErrSkipDesc(children.status())) return absl::OkStatus();
    if (!children.ok()) return children.status();
    if (children->empty()) return absl::OkStatus();
    absl::StatusOr<PathPtr> path = Descend(up, desc, *children);
    if (!path.ok()) return path.status();
    Add(*path, *children);
    return absl::OkStatus();
  }

  const Handler& handler_;
  Context ctx_;
  CancelFunc cancel_;
  std::atomic<std::int64_t> visited_ = 0;
  std::mutex mu_;
  absl::Status status_;
  base::Workers workers_;  // The last: its threads use the others.
};

}  // namespace

absl::Status ErrSkipDesc() { return errdefs::Mark(errdefs::Unknown("skip descriptor"), kSkip); }
bool IsErrSkipDesc(const absl::Status& status) { return errdefs::IsMarked(status, kSkip); }

absl::Status ErrStopHandler() { return errdefs::Mark(errdefs::Unknown("stop handler"), kStop); }
bool IsErrStopHandler(const absl::Status& status) { return errdefs::IsMarked(status, kStop); }

absl::Status ErrEmptyWalk() {
  return errdefs::Mark(errdefs::NotFound("image might be filtered out"), kEmptyWalk);
}
bool IsErrEmptyWalk(const absl::Status& status) { return errdefs::IsMarked(status, kEmptyWalk); }

HandlerFunc Handlers(std::vector<Handler> handlers) {
  return [handlers = std::move(handlers)](
             const Context& ctx, const ocispec::Descriptor& desc) -> absl::StatusOr<Descriptors> {
    Descriptors children;
    for (const Handler& handler : handlers) {
      absl::StatusOr<Descriptors> more = Call(handler, ctx, desc);
      if (!more.ok()) {
        if (IsErrStopHandler(more.status())) break;
        return more.status();
      }
      std::move(more->begin(), more->end(), std::back_inserter(children));
    }
    return children;
  };
}

absl::Status Walk(const Context& ctx, const Handler& handler, const Descriptors& descs) {
  std::int64_t visited = 0;
  return WalkFrom(ctx, handler, descs, nullptr, visited);
}

absl::Status WalkNotEmpty(const Context& ctx, const Handler& handler, const Descriptors& descs) {
  bool empty = true;
  const auto notice = [&](const Context& c, const ocispec::Descriptor& desc) {
    absl::StatusOr<Descriptors> children = Call(handler, c, desc);
    if (children.ok() && !children->empty()) empty = false;
    return children;
  };
  if (absl::Status s = Walk(ctx, notice, descs); !s.ok()) return s;
  return empty ? ErrEmptyWalk() : absl::OkStatus();
}

absl::Status Dispatch(const Context& ctx, const Handler& handler, int limiter,
                      const Descriptors& descs) {
  return Dispatcher(ctx, handler, limiter > 0 ? limiter : kDefaultLimiter).Run(descs);
}

HandlerFunc ChildrenHandler(std::shared_ptr<content::Provider> provider) {
  return [provider = std::move(provider)](const Context& ctx, const ocispec::Descriptor& desc) {
    return Children(ctx, *provider, desc);
  };
}

HandlerFunc SetReferrers(std::shared_ptr<content::ReferrersProvider> ref_provider, HandlerFunc f) {
  return [ref_provider = std::move(ref_provider), f = std::move(f)](
             const Context& ctx, const ocispec::Descriptor& desc) -> absl::StatusOr<Descriptors> {
    absl::StatusOr<Descriptors> children = Call(f, ctx, desc);
    if (!children.ok()) return children;
    if (!IsManifestType(desc.media_type) && !IsIndexType(desc.media_type)) return children;
    absl::StatusOr<Descriptors> referrers = ref_provider->Referrers(ctx, desc);
    if (!referrers.ok()) return referrers;
    for (ocispec::Descriptor& referrer : *referrers) {
      referrer.annotations[kAnnotationManifestSubject] = desc.digest;
      children->push_back(std::move(referrer));
    }
    return children;
  };
}

HandlerFunc SetChildrenLabels(std::shared_ptr<content::Manager> manager, HandlerFunc f) {
  return SetChildrenMappedLabels(std::move(manager), std::move(f));
}

HandlerFunc SetChildrenMappedLabels(std::shared_ptr<content::Manager> manager, HandlerFunc f,
                                    LabelMap label_map) {
  if (label_map == nullptr) label_map = ChildGCLabels;
  return [manager = std::move(manager), f = std::move(f), label_map = std::move(label_map)](
             const Context& ctx, const ocispec::Descriptor& desc) -> absl::StatusOr<Descriptors> {
    absl::StatusOr<Descriptors> children = Call(f, ctx, desc);
    if (!children.ok() || children->empty()) return children;

    content::Info info{.digest = desc.digest};
    std::vector<std::string> fields;
    std::map<std::string, int> used;
    for (const ocispec::Descriptor& child : *children) {
      const digest::Digest dgst(child.digest);
      if (absl::Status s = dgst.Validate(); !s.ok()) {
        return errdefs::Annotate(s, fmt::format("child of content \"{}\"", desc.digest));
      }
      absl::StatusOr<std::vector<std::string>> keys =
          errdefs::Guard("a map of labels", label_map, child);
      if (!keys.ok()) return keys.status();
      for (std::string& key : *keys) {
        const int index = used[key]++;
        if (key.ends_with(".sha256.")) {
          key += dgst.Encoded().substr(0, 12);
        } else if (index > 0 || key.ends_with('.')) {
          key += fmt::format("{}", index);
        }
        info.labels[key] = child.digest;
        fields.push_back("labels." + key);
      }
    }
    absl::StatusOr<content::Info> updated = manager->Update(ctx, info, fields);
    if (!updated.ok()) {
      return errdefs::Annotate(updated.status(),
                               fmt::format("labelling content \"{}\"", desc.digest));
    }
    return children;
  };
}

HandlerFunc FilterPlatforms(HandlerFunc f, platforms::MatcherPtr m) {
  return [f = std::move(f), m = std::move(m)](
             const Context& ctx, const ocispec::Descriptor& desc) -> absl::StatusOr<Descriptors> {
    absl::StatusOr<Descriptors> children = Call(f, ctx, desc);
    if (!children.ok() || m == nullptr) return children;
    std::erase_if(*children, [&](const ocispec::Descriptor& child) {
      return child.platform.has_value() && !m->Match(*child.platform);
    });
    return children;
  };
}

HandlerFunc DetectPlatforms(HandlerFunc f, HandlerFunc fetch,
                            std::shared_ptr<content::Provider> provider) {
  return [f = std::move(f), fetch = std::move(fetch), provider = std::move(provider)](
             const Context& ctx, const ocispec::Descriptor& desc) -> absl::StatusOr<Descriptors> {
    absl::StatusOr<Descriptors> children = f(ctx, desc);
    if (!children.ok() || !IsIndexType(desc.media_type)) return children;
    for (ocispec::Descriptor& child : *children) {
      if (child.platform.has_value() || !IsManifestType(child.media_type)) continue;
      absl::StatusOr<Descriptors> parts = fetch(ctx, child);
      if (parts.ok()) parts = f(ctx, child);
      if (parts.ok() && (parts->empty() || !IsConfigType(parts->front().media_type))) continue;
      if (parts.ok()) {
        // The config is the first part of a manifest.
        const ocispec::Descriptor config = parts->front();
        parts = fetch(ctx, config);
        if (parts.ok()) {
          absl::StatusOr<ocispec::Platform> platform = ConfigPlatform(ctx, *provider, config);
          if (!platform.ok()) return platform.status();
          if (!platform->os.empty() && !platform->architecture.empty()) {
            child.platform = *std::move(platform);
          }
        }
      }
      if (!parts.ok() && !errdefs::IsNotFound(parts.status())) return parts;
    }
    return children;
  };
}

HandlerFunc LimitManifests(HandlerFunc f, platforms::MatchComparerPtr m, int n) {
  return [f = std::move(f), m = std::move(m), n](
             const Context& ctx, const ocispec::Descriptor& desc) -> absl::StatusOr<Descriptors> {
    absl::StatusOr<Descriptors> children = Call(f, ctx, desc);
    if (!children.ok() || !IsIndexType(desc.media_type)) return children;
    std::stable_sort(children->begin(), children->end(), [&](const auto& a, const auto& b) {
      if (!a.platform.has_value()) return false;
      if (!b.platform.has_value()) return true;
      return m->Less(*a.platform, *b.platform);
    });
    if (n > 0) {
      if (children->empty()) {
        return errdefs::NotFound(
            fmt::format("no match for platform in manifest \"{}\"", desc.digest));
      }
      if (children->size() > static_cast<std::size_t>(n)) {
        children->resize(static_cast<std::size_t>(n));
      }
    }
    return children;
  };
}

}  // namespace containerd::images
