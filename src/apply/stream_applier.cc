// SPDX-License-Identifier: Apache-2.0
#include "containerd/apply/stream_applier.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <sys/xattr.h>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "containerd/archive/archive.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/mediatypes.h"
#include "containerd/log/log.h"

#include "layer.h"
#include "pipe.h"
#include "src/base/mutex.h"
#include "src/base/options.h"
#include "src/diff/internal/report.h"
#include "src/errdefs/internal/guard.h"
#include "src/snapshots/internal/unique.h"
#include "src/threads/internal/start.h"

namespace containerd::apply {
namespace {

namespace fs = std::filesystem;

constexpr char kOpaque[] = "trusted.overlay.opaque";

// A layer that is, or has been, extracted to a snapshot of its own.
class Staged {
 public:
  Staged(const Context& ctx, std::shared_ptr<snapshots::Snapshotter> snapshotter,
         ocispec::Descriptor desc, std::string key, std::string dir, const Options& options)
      : ctx_(ctx),
        snapshotter_(std::move(snapshotter)),
        desc_(std::move(desc)),
        key_(std::move(key)),
        dir_(std::move(dir)),
        pipe_(ctx) {
    absl::StatusOr<std::thread> worker = threads::Start("extract a layer", [this, options] {
      result_ =
          errdefs::Guard("what the extraction of a layer calls", [&] { return Extract(options); });
      // The extraction has ended; nothing more is read from the pipe.
      if (!result_.ok()) pipe_.Break();
    });
    if (worker.ok()) {
      worker_ = *std::move(worker);
    } else {
      result_ = worker.status();
      pipe_.Break();
    }
  }

  Staged(const Staged&) = delete;
  Staged& operator=(const Staged&) = delete;

  ~Staged() {
    pipe_.Break();
    if (worker_.joinable()) worker_.join();
    snapshots::RemoveSnapshot(ctx_, *snapshotter_, key_);
  }

  const ocispec::Descriptor& desc() const { return desc_; }
  Pipe& pipe() { return pipe_; }

  // Waits until the layer is extracted. Called once.
  const absl::StatusOr<ocispec::Descriptor>& Result() {
    // The caller has fetched the whole layer. If not all of it came through the pipe, the rest
    // never will.
    pipe_.BreakUnlessClosed();
    if (worker_.joinable()) worker_.join();
    return result_;
  }

  // Whether the extracted layer can be moved into these mounts instead of being applied again.
  bool Fits(const std::vector<mount::Mount>& mounts) const {
    const std::optional<std::string> dir = DirectoryOf(mounts);
    // Whiteouts were extracted in overlayfs's form, so a layer with whiteouts fits only an overlay.
    if (!dir.has_value() || (whiteouts_ > 0 && !OverlayOf(mounts).has_value())) return false;
    std::error_code error;
    return fs::is_empty(*dir, error) && !error;
  }

  absl::Status MoveTo(const std::vector<mount::Mount>& mounts) const {
    const std::optional<Overlay> overlay = OverlayOf(mounts);
    const std::string to = DirectoryOf(mounts).value_or("");
    std::error_code error;
    for (fs::directory_iterator it(dir_, error), end; !error && it != end; it.increment(error)) {
      const std::string name = it->path().filename().string();
      if (std::rename(it->path().c_str(), fmt::format("{}/{}", to, name).c_str()) != 0) {
        return errdefs::FromErrno(errno, fmt::format("moving \"{}\" to \"{}\"", name, to));
      }
    }
    if (error) return errdefs::FromErrno(error.value(), fmt::format("reading \"{}\"", dir_));
    if (!overlay.has_value()) return absl::OkStatus();
    char value[8];
    if (const ssize_t n = getxattr(dir_.c_str(), kOpaque, value, sizeof value);
        n > 0 && setxattr(to.c_str(), kOpaque, value, static_cast<std::size_t>(n), 0) != 0) {
      return errdefs::FromErrno(errno, fmt::format("making \"{}\" opaque", to));
    }
    return archive::InheritFrom(overlay->lower, to, undescribed_);
  }

 private:
  absl::StatusOr<ocispec::Descriptor> Extract(const Options& options) {
    const auto convert = [this](const tar::Header& header, const std::string& path) {
      absl::StatusOr<bool> ordinary = archive::OverlayConvertWhiteout(header, path);
      if (ordinary.ok() && !*ordinary) ++whiteouts_;
      return ordinary;
    };
    const std::int64_t max_size = MaxSize(options, dir_);
    absl::StatusOr<ocispec::Descriptor> result =
        Inflate(ctx_, desc_, pipe_, max_size, [&](io::Reader& layer) {
          return archive::Apply(
                     ctx_, dir_, layer,
                     {archive::WithMaxSize(max_size), archive::WithConvertWhiteout(convert),
                      archive::WithUndescribed(&undescribed_)})
              .status();
        });
    return result;
  }

  const Context ctx_;
  const std::shared_ptr<snapshots::Snapshotter> snapshotter_;
  const ocispec::Descriptor desc_;
  const std::string key_;
  const std::string dir_;
  Pipe pipe_;

  // Written by the worker.
  std::vector<std::string> undescribed_;
  int whiteouts_ = 0;
  absl::StatusOr<ocispec::Descriptor> result_ = errdefs::Unknown("not extracted");
  std::thread worker_;
};

// Hands on what is read.
class TeeReader final : public io::Reader {
 public:
  TeeReader(std::unique_ptr<io::Reader> reader, std::shared_ptr<Staged> staged)
      : reader_(std::move(reader)), staged_(std::move(staged)) {}

  ~TeeReader() override {
    if (staged_ != nullptr) staged_->pipe().BreakUnlessClosed();
  }

  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    absl::StatusOr<std::size_t> n = reader_->Read(ctx, buf);
    if (staged_ == nullptr || !n.ok()) return n;
    staged_->pipe().Write({buf.data(), *n});
    size_ += static_cast<std::int64_t>(*n);
    // The reader may stop at the known size, without a last read that returns 0.
    if (*n == 0 || size_ >= staged_->desc().size) {
      staged_->pipe().Close();
      staged_.reset();
    }
    return n;
  }

  absl::Status Seek(const Context& ctx, std::int64_t offset) override {
    absl::Status s = reader_->Seek(ctx, offset);
    if (s.ok() && staged_ != nullptr && offset != size_) {
      staged_->pipe().Break();
      staged_.reset();
    }
    return s;
  }

 private:
  const std::unique_ptr<io::Reader> reader_;
  std::shared_ptr<Staged> staged_;
  std::int64_t size_ = 0;
};

class StreamApplierImpl final : public StreamApplier {
 public:
  StreamApplierImpl(const Context& ctx, std::shared_ptr<content::Provider> store,
                    std::shared_ptr<snapshots::Snapshotter> snapshotter, StreamOptions options)
      : ctx_(ctx),
        snapshotter_(std::move(snapshotter)),
        options_(options),
        from_store_(NewFileSystemApplier(std::move(store), options.layer)) {}

  std::shared_ptr<remotes::Fetcher> Wrap(std::shared_ptr<remotes::Fetcher> fetcher) override {
    return std::make_shared<remotes::FetcherFunc>(
        [this, fetcher = std::move(fetcher)](
            const Context& ctx,
            const ocispec::Descriptor& desc) -> absl::StatusOr<std::unique_ptr<io::Reader>> {
          absl::StatusOr<std::unique_ptr<io::Reader>> reader = fetcher->Fetch(ctx, desc);
          if (!reader.ok()) return reader;
          std::shared_ptr<Staged> staged = Stage(desc);
          if (staged == nullptr) return reader;
          return std::make_unique<TeeReader>(*std::move(reader), std::move(staged));
        });
  }

  absl::StatusOr<ocispec::Descriptor> Apply(const Context& ctx, const ocispec::Descriptor& desc,
                                            const std::vector<mount::Mount>& mounts,
                                            const std::vector<diff::ApplyOpt>& opts) override {
    const std::shared_ptr<Staged> staged = Take(desc.digest);
    if (staged == nullptr) return from_store_->Apply(ctx, desc, mounts, opts);
    const absl::StatusOr<ocispec::Descriptor>& result = staged->Result();
    if (!result.ok() || !staged->Fits(mounts)) {
      if (!result.ok()) {
        log::Debug(
            fmt::format("layer not unpacked while it came: {}", errdefs::Message(result.status())));
      }
      return from_store_->Apply(ctx, desc, mounts, opts);
    }
    if (absl::Status s = ctx.Err(); !s.ok()) return s;
    diff::ApplyConfig config;
    if (absl::Status s = base::Apply(opts, ctx, desc, config); !s.ok()) {
      return errdefs::Annotate(s, "failed to apply config opt");
    }
    if (absl::Status s = diff::Report(config, 0); !s.ok()) return s;
    if (absl::Status s = OfLocalFiles(staged->MoveTo(mounts)); !s.ok()) {
      return errdefs::Annotate(s, fmt::format("layer \"{}\"", desc.digest));
    }
    if (config.sync_fs) {
      absl::Status s = SyncFs(DirectoryOf(mounts).value_or(""));
      if (!s.ok()) return s;
    }
    if (absl::Status s = diff::Report(config, desc.size); !s.ok()) return s;
    return *result;
  }

 private:
  // nullptr if the layer is not worth it, or that is not possible here.
  std::shared_ptr<Staged> Stage(const ocispec::Descriptor& desc) {
    if (!images::IsLayerType(desc.media_type) || desc.size < options_.min_size) {
      return nullptr;
    }
    const std::string key =
        fmt::format(snapshots::kUnpackKeyFormat, snapshots::UniquePart(), desc.digest);
    absl::StatusOr<std::vector<mount::Mount>> mounts =
        errdefs::Guard("a snapshotter", [&] { return snapshotter_->Prepare(ctx_, key, "", {}); });
    if (!mounts.ok()) {
      log::Debug(fmt::format("layer \"{}\" is not unpacked while it comes: {}", desc.digest,
                             errdefs::Message(mounts.status())));
      return nullptr;
    }
    std::optional<std::string> dir = BindOf(*mounts);
    if (!dir.has_value() || !Check(*mounts).ok()) {
      snapshots::RemoveSnapshot(ctx_, *snapshotter_, key);
      return nullptr;
    }
    auto staged =
        std::make_shared<Staged>(ctx_, snapshotter_, desc, key, *std::move(dir), options_.layer);
    // An entry that is replaced here belongs to a failed attempt, or to the same layer fetched
    // again.
    std::shared_ptr<Staged> other = staged;
    const base::MutexLock lock(mu_);
    staged_[desc.digest].swap(other);
    return staged;
  }

  std::shared_ptr<Staged> Take(const std::string& digest) {
    const base::MutexLock lock(mu_);
    auto node = staged_.extract(digest);
    return node.empty() ? nullptr : std::move(node.mapped());
  }

  const Context ctx_;
  const std::shared_ptr<snapshots::Snapshotter> snapshotter_;
  const StreamOptions options_;
  const std::shared_ptr<diff::Applier> from_store_;
  base::Mutex mu_;
  std::map<std::string, std::shared_ptr<Staged>> staged_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

std::unique_ptr<StreamApplier> NewStreamApplier(const Context& ctx,
                                                std::shared_ptr<content::Provider> store,
                                                std::shared_ptr<snapshots::Snapshotter> snapshotter,
                                                StreamOptions options) {
  return std::make_unique<StreamApplierImpl>(ctx, std::move(store), std::move(snapshotter),
                                             options);
}

}  // namespace containerd::apply
