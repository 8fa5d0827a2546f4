// SPDX-License-Identifier: Apache-2.0
#include "containerd/apply/apply.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "containerd/archive/archive.h"
#include "containerd/content/helpers.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/mount/temp.h"

#include "layer.h"
#include "src/base/options.h"
#include "src/errdefs/internal/guard.h"

namespace containerd::apply {
namespace {

// Tells how much has been read of another.
class ProgressReader final : public io::Reader {
 public:
  ProgressReader(io::Reader& reader, const std::function<void(std::int64_t)>& progress)
      : reader_(reader), progress_(progress) {}

  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    if (absl::Status s = Tell(); !s.ok()) return s;
    absl::StatusOr<std::size_t> n = reader_.Read(ctx, buf);
    if (n.ok()) size_ += static_cast<std::int64_t>(*n);
    return n;
  }

  absl::Status Tell() const {
    if (!progress_) return absl::OkStatus();
    return errdefs::Guard("the progress callback", progress_, size_);
  }

 private:
  io::Reader& reader_;
  const std::function<void(std::int64_t)>& progress_;
  std::int64_t size_ = 0;
};

absl::Status Extract(const Context& ctx, const std::vector<mount::Mount>& mounts, io::Reader& layer,
                     std::int64_t max_size, bool sync_fs) {
  std::vector<archive::ApplyOpt> opts = {archive::WithMaxSize(max_size)};
  const auto apply = [&](const std::string& dir) {
    absl::Status s = archive::Apply(ctx, dir, layer, opts).status();
    return s.ok() && sync_fs ? SyncFs(dir) : s;
  };
  if (std::optional<Overlay> overlay = OverlayOf(mounts); overlay.has_value()) {
    opts.push_back(archive::WithConvertWhiteout(archive::OverlayConvertWhiteout));
    opts.push_back(archive::WithParents(std::move(overlay->lower)));
    return apply(overlay->upper);
  }
  if (const std::optional<std::string> bind = BindOf(mounts); bind.has_value()) return apply(*bind);
  return mount::WithTempMount(ctx, mounts, apply);
}

absl::Status Missing(std::string_view what) {
  return errdefs::FailedPrecondition(
      fmt::format("layers cannot be unpacked by this process: {}", what));
}

absl::Status CheckDirectory(const std::string& dir) {
  struct stat st {};
  if (stat(dir.c_str(), &st) == 0 && S_ISDIR(st.st_mode)) return absl::OkStatus();
  return Missing(fmt::format("it does not see the snapshot's directory \"{}\"", dir));
}

class FileSystemApplier final : public diff::Applier {
 public:
  FileSystemApplier(std::shared_ptr<content::Provider> store, Options options)
      : store_(std::move(store)), options_(options) {}

  absl::StatusOr<ocispec::Descriptor> Apply(const Context& ctx, const ocispec::Descriptor& desc,
                                            const std::vector<mount::Mount>& mounts,
                                            const std::vector<diff::ApplyOpt>& opts) override {
    diff::ApplyConfig config;
    if (absl::Status s = base::Apply(opts, ctx, desc, config); !s.ok()) {
      return errdefs::Annotate(s, "failed to apply config opt");
    }
    absl::StatusOr<std::unique_ptr<content::ReaderAt>> blob = store_->ReaderAt(ctx, desc);
    if (!blob.ok()) {
      return errdefs::Annotate(blob.status(), "failed to get reader from content store");
    }
    const std::unique_ptr<io::Reader> reader = content::NewReader(*std::move(blob));
    ProgressReader progress(*reader, config.progress);
    absl::StatusOr<ocispec::Descriptor> applied =
        ApplyStream(ctx, desc, progress, mounts, options_, config.sync_fs);
    if (absl::Status s = progress.Tell(); applied.ok() && !s.ok()) return s;
    return applied;
  }

 private:
  const std::shared_ptr<content::Provider> store_;
  const Options options_;
};

}  // namespace

absl::Status Check(const std::vector<mount::Mount>& mounts) {
  if (geteuid() != 0) return Missing("it is not root");
  if (const std::optional<Overlay> overlay = OverlayOf(mounts); overlay.has_value()) {
    for (const std::string& dir : overlay->lower) {
      if (absl::Status s = CheckDirectory(dir); !s.ok()) return s;
    }
    return CheckDirectory(overlay->upper);
  }
  if (const std::optional<std::string> bind = BindOf(mounts); bind.has_value()) {
    return CheckDirectory(*bind);
  }
  return absl::OkStatus();
}

std::shared_ptr<diff::Applier> NewFileSystemApplier(std::shared_ptr<content::Provider> store,
                                                    Options options) {
  return std::make_shared<FileSystemApplier>(std::move(store), options);
}

absl::StatusOr<ocispec::Descriptor> ApplyStream(const Context& ctx, const ocispec::Descriptor& desc,
                                                io::Reader& blob,
                                                const std::vector<mount::Mount>& mounts,
                                                const Options& options, bool sync_fs) {
  if (absl::Status s = Check(mounts); !s.ok()) return s;
  const std::int64_t max_size = MaxSize(options, DirectoryOf(mounts).value_or(""));
  return Inflate(ctx, desc, blob, max_size,
                 [&](io::Reader& layer) { return Extract(ctx, mounts, layer, max_size, sync_fs); });
}

}  // namespace containerd::apply
