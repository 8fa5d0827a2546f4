// SPDX-License-Identifier: Apache-2.0
#include "containerd/apply/apply.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "containerd/archive/archive.h"
#include "containerd/compression/compression.h"
#include "containerd/content/helpers.h"
#include "containerd/digest/digest.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/mediatypes.h"
#include "containerd/mount/temp.h"
#include "containerd/ocispec/mediatypes.h"

namespace containerd::apply {
namespace {

constexpr std::string_view kUpperDir = "upperdir=";
constexpr std::string_view kLowerDir = "lowerdir=";

// Digests and counts what is read.
class DigestingReader final : public io::Reader {
 public:
  DigestingReader(io::Reader& reader, std::int64_t max) : reader_(reader), max_(max) {}

  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    absl::StatusOr<std::size_t> n = reader_.Read(ctx, buf);
    if (!n.ok()) return n;
    size_ += static_cast<std::int64_t>(*n);
    if (size_ > max_) {
      return errdefs::ResourceExhausted(fmt::format("it unpacks to more than {} bytes", max_));
    }
    digester_.Write(std::string_view(buf.data(), *n));
    return n;
  }

  std::int64_t size() const { return size_; }
  digest::Digest Digest() const { return digester_.Digest(); }

 private:
  io::Reader& reader_;
  const std::int64_t max_;
  digest::Digester digester_;
  std::int64_t size_ = 0;
};

// Tells how much has been read of another.
class ProgressReader final : public io::Reader {
 public:
  ProgressReader(io::Reader& reader, const std::function<void(std::int64_t)>& progress)
      : reader_(reader), progress_(progress) {}

  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    Tell();
    absl::StatusOr<std::size_t> n = reader_.Read(ctx, buf);
    if (n.ok()) size_ += static_cast<std::int64_t>(*n);
    return n;
  }

  void Tell() const {
    if (progress_) progress_(size_);
  }

 private:
  io::Reader& reader_;
  const std::function<void(std::int64_t)>& progress_;
  std::int64_t size_ = 0;
};

struct Overlay {
  std::string upper;
  std::vector<std::string> lower;
};

// Of an overlay that has an upper directory.
std::optional<Overlay> OverlayOf(const std::vector<mount::Mount>& mounts) {
  if (mounts.size() != 1 || mounts[0].type != "overlay") return std::nullopt;
  Overlay overlay;
  for (const std::string& option : mounts[0].options) {
    std::string_view text = option;
    if (text.starts_with(kUpperDir)) {
      overlay.upper = text.substr(kUpperDir.size());
    } else if (text.starts_with(kLowerDir)) {
      overlay.lower.clear();
      for (text.remove_prefix(kLowerDir.size());;) {
        const std::size_t colon = text.find(':');
        overlay.lower.emplace_back(text.substr(0, colon));
        if (colon == std::string_view::npos) break;
        text.remove_prefix(colon + 1);
      }
    } else if (text == "userxattr" || text.starts_with("uidmap=") || text.starts_with("gidmap=")) {
      return std::nullopt;  // Its upper directory has whiteouts, or owners, of another kind.
    }
  }
  if (overlay.upper.empty()) return std::nullopt;
  return overlay;
}

// The directory of a bind mount that may be written to.
std::optional<std::string> BindOf(const std::vector<mount::Mount>& mounts) {
  if (mounts.size() != 1 || mounts[0].type != "bind") return std::nullopt;
  for (const std::string& option : mounts[0].options) {
    if (option != "rbind" && option != "bind" && option != "rw") return std::nullopt;
  }
  return mounts[0].source;
}

absl::Status SyncFs(const std::string& dir) {
  const int fd = open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && syncfs(fd) == 0;
  const int err = errno;
  if (fd >= 0) close(fd);
  if (synced) return absl::OkStatus();
  return errdefs::FromErrno(err, fmt::format("syncing the file system of \"{}\"", dir));
}

absl::Status Extract(const Context& ctx, const std::vector<mount::Mount>& mounts, io::Reader& layer,
                     const Options& options, bool sync_fs) {
  std::vector<archive::ApplyOpt> opts = {archive::WithMaxSize(options.max_layer_size)};
  std::string dir;
  if (std::optional<Overlay> overlay = OverlayOf(mounts); overlay.has_value()) {
    dir = overlay->upper;
    opts.push_back(archive::WithConvertWhiteout(archive::OverlayConvertWhiteout));
    opts.push_back(archive::WithParents(std::move(overlay->lower)));
  } else if (const std::optional<std::string> bind = BindOf(mounts); bind.has_value()) {
    dir = *bind;
  } else {
    return mount::WithTempMount(ctx, mounts, [&](const std::string& root) {
      absl::Status s = archive::Apply(ctx, root, layer, opts).status();
      return s.ok() && sync_fs ? SyncFs(root) : s;
    });
  }
  absl::Status s = archive::Apply(ctx, dir, layer, opts).status();
  return s.ok() && sync_fs ? SyncFs(dir) : s;
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
    for (const diff::ApplyOpt& opt : opts) {
      if (absl::Status s = opt(ctx, desc, &config); !s.ok()) {
        return errdefs::Annotate(s, "failed to apply config opt");
      }
    }
    absl::StatusOr<std::unique_ptr<content::ReaderAt>> blob = store_->ReaderAt(ctx, desc);
    if (!blob.ok()) {
      return errdefs::Annotate(blob.status(), "failed to get reader from content store");
    }
    const std::unique_ptr<io::Reader> reader = content::NewReader(*std::move(blob));
    ProgressReader progress(*reader, config.progress);
    absl::StatusOr<ocispec::Descriptor> applied =
        ApplyStream(ctx, desc, progress, mounts, options_, config.sync_fs);
    progress.Tell();
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
  const auto annotate = [&](const absl::Status& s) {
    return errdefs::Annotate(s, fmt::format("layer \"{}\"", desc.digest));
  };
  absl::StatusOr<std::string> kind = images::DiffCompression(desc.media_type);
  if (!kind.ok()) return annotate(kind.status());
  if (!kind->empty() && *kind != "gzip" && *kind != "zstd" && *kind != "unknown") {
    return annotate(errdefs::NotImplemented(fmt::format("compression \"{}\" is not known", *kind)));
  }
  absl::StatusOr<std::unique_ptr<compression::DecompressReadCloser>> inflated =
      compression::DecompressStream(ctx, blob);
  if (!inflated.ok()) return annotate(inflated.status());
  DigestingReader layer(**inflated, options.max_layer_size);
  if (absl::Status s = Extract(ctx, mounts, layer, options, sync_fs); !s.ok()) return annotate(s);
  // What follows the archive belongs to the layer's digest.
  std::vector<char> rest(std::size_t{64} << 10);
  for (;;) {
    absl::StatusOr<std::size_t> n = layer.Read(ctx, rest);
    if (!n.ok()) return annotate(n.status());
    if (*n == 0) break;
  }
  ocispec::Descriptor applied;
  applied.media_type = ocispec::kMediaTypeImageLayer;
  applied.digest = layer.Digest().String();
  applied.size = layer.size();
  return applied;
}

}  // namespace containerd::apply
