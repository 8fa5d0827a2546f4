// SPDX-License-Identifier: Apache-2.0
#include "staged.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <sys/xattr.h>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "containerd/archive/archive.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/mediatypes.h"
#include "containerd/log/log.h"

#include "layer.h"
#include "src/base/options.h"
#include "src/diff/internal/report.h"
#include "src/errdefs/internal/guard.h"
#include "src/snapshots/internal/unique.h"

namespace containerd::apply {
namespace {

namespace fs = std::filesystem;

constexpr char kOpaque[] = "trusted.overlay.opaque";

}  // namespace

std::unique_ptr<Staged> Staged::Prepare(const Context& ctx,
                                        std::shared_ptr<snapshots::Snapshotter> snapshotter,
                                        const ocispec::Descriptor& desc, std::int64_t min_size) {
  if (!images::IsLayerType(desc.media_type) || desc.size < min_size) return nullptr;
  const std::string key =
      fmt::format(snapshots::kUnpackKeyFormat, snapshots::UniquePart(), desc.digest);
  absl::StatusOr<std::vector<mount::Mount>> mounts =
      errdefs::Guard("a snapshotter", [&] { return snapshotter->Prepare(ctx, key, "", {}); });
  if (!mounts.ok()) {
    log::Debug(fmt::format("layer \"{}\" is not unpacked ahead of its turn: {}", desc.digest,
                           errdefs::Message(mounts.status())));
    return nullptr;
  }
  std::optional<std::string> dir = BindOf(*mounts);
  if (!dir.has_value() || !Check(*mounts).ok()) {
    snapshots::RemoveSnapshot(ctx, *snapshotter, key);
    return nullptr;
  }
  return std::unique_ptr<Staged>(
      new Staged(ctx, std::move(snapshotter), desc, key, *std::move(dir)));
}

Staged::Staged(const Context& ctx, std::shared_ptr<snapshots::Snapshotter> snapshotter,
               ocispec::Descriptor desc, std::string key, std::string dir)
    : ctx_(ctx),
      snapshotter_(std::move(snapshotter)),
      desc_(std::move(desc)),
      key_(std::move(key)),
      dir_(std::move(dir)) {}

Staged::~Staged() { snapshots::RemoveSnapshot(ctx_, *snapshotter_, key_); }

absl::StatusOr<ocispec::Descriptor> Staged::Extract(io::Reader& blob, const Options& options) {
  const auto convert = [this](const tar::Header& header, const std::string& path) {
    absl::StatusOr<bool> ordinary = archive::OverlayConvertWhiteout(header, path);
    if (ordinary.ok() && !*ordinary) ++whiteouts_;
    return ordinary;
  };
  const std::int64_t max_size = MaxSize(options, dir_);
  return Inflate(ctx_, desc_, blob, max_size, [&](io::Reader& layer) {
    return archive::Apply(ctx_, dir_, layer,
                          {archive::WithMaxSize(max_size), archive::WithConvertWhiteout(convert),
                           archive::WithUndescribed(&undescribed_)})
        .status();
  });
}

bool Staged::Fits(const std::vector<mount::Mount>& mounts) const {
  const std::optional<std::string> dir = DirectoryOf(mounts);
  // Whiteouts were extracted in overlayfs's form, so a layer with whiteouts fits only an overlay.
  if (!dir.has_value() || (whiteouts_ > 0 && !OverlayOf(mounts).has_value())) return false;
  std::error_code error;
  return fs::is_empty(*dir, error) && !error;
}

absl::Status Staged::MoveTo(const Context& ctx, const std::vector<mount::Mount>& mounts,
                            const std::vector<diff::ApplyOpt>& opts) const {
  if (absl::Status s = ctx.Err(); !s.ok()) return s;
  diff::ApplyConfig config;
  if (absl::Status s = base::Apply(opts, ctx, desc_, config); !s.ok()) {
    return errdefs::Annotate(s, "failed to apply config opt");
  }
  if (absl::Status s = diff::Report(config, 0); !s.ok()) return s;
  if (absl::Status s = OfLocalFiles(Move(mounts)); !s.ok()) {
    return errdefs::Annotate(s, fmt::format("layer \"{}\"", desc_.digest));
  }
  if (config.sync_fs) {
    absl::Status s = SyncFs(DirectoryOf(mounts).value_or(""));
    if (!s.ok()) return s;
  }
  return diff::Report(config, desc_.size);
}

absl::Status Staged::Move(const std::vector<mount::Mount>& mounts) const {
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

absl::StatusOr<ocispec::Descriptor> ApplyStaged(const Context& ctx, const Staged& staged,
                                                const absl::StatusOr<ocispec::Descriptor>& result,
                                                diff::Applier& from_store,
                                                const std::vector<mount::Mount>& mounts,
                                                const std::vector<diff::ApplyOpt>& opts) {
  if (!result.ok() || !staged.Fits(mounts)) {
    if (!result.ok()) {
      log::Debug(fmt::format("layer not unpacked ahead of its turn: {}",
                             errdefs::Message(result.status())));
    }
    return from_store.Apply(ctx, staged.desc(), mounts, opts);
  }
  if (absl::Status s = staged.MoveTo(ctx, mounts, opts); !s.ok()) return s;
  return *result;
}

}  // namespace containerd::apply
