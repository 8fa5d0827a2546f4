// SPDX-License-Identifier: Apache-2.0
#include "layer.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <fcntl.h>
#include <limits>
#include <memory>
#include <span>
#include <string_view>
#include <sys/statvfs.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "containerd/compression/compression.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/mediatypes.h"
#include "containerd/ocispec/mediatypes.h"

#include "read_ahead.h"
#include "src/base/escape.h"
#include "src/base/fd.h"
#include "src/base/overlay.h"
#include "src/errdefs/internal/guard.h"

namespace containerd::apply {
namespace {

// Digests what is read.
class DigestingReader final : public io::Reader {
 public:
  DigestingReader(io::Reader& reader, LayerDigest& digest) : reader_(reader), digest_(digest) {}

  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    absl::StatusOr<std::size_t> n = reader_.Read(ctx, buf);
    if (!n.ok()) return n;
    if (absl::Status s = digest_.Add({buf.data(), *n}); !s.ok()) return s;
    return n;
  }

 private:
  io::Reader& reader_;
  LayerDigest& digest_;
};

absl::Status ReadRest(const Context& ctx, io::Reader& reader) {
  std::vector<char> rest(std::size_t{64} << 10);
  for (;;) {
    absl::StatusOr<std::size_t> n = reader.Read(ctx, rest);
    if (!n.ok()) return n.status();
    if (*n == 0) return absl::OkStatus();
  }
}

// Source: the media types of containerd/imgcrypt.
bool IsEncrypted(std::string_view media_type) {
  return media_type.ends_with("+encrypted") ||
         media_type.find("+encrypted+") != std::string_view::npos;
}

}  // namespace

std::optional<Overlay> OverlayOf(const std::vector<mount::Mount>& mounts) {
  if (mounts.size() != 1 || mounts[0].type != "overlay") return std::nullopt;
  const std::vector<std::string>& options = mounts[0].options;
  // Its upper directory has whiteouts, or owners, of another kind.
  const bool other = std::any_of(options.begin(), options.end(), [](std::string_view option) {
    return option == "userxattr" || option.starts_with("uidmap=") || option.starts_with("gidmap=");
  });
  base::OverlayDirs dirs = base::ParseOverlay(options);
  if (other || dirs.upper.empty()) return std::nullopt;
  return Overlay{.upper = std::move(dirs.upper), .lower = std::move(dirs.lower)};
}

std::optional<std::string> BindOf(const std::vector<mount::Mount>& mounts) {
  if (mounts.size() != 1 || mounts[0].type != "bind") return std::nullopt;
  for (const std::string& option : mounts[0].options) {
    if (option != "rbind" && option != "bind" && option != "rw") return std::nullopt;
  }
  return mounts[0].source;
}

std::optional<std::string> DirectoryOf(const std::vector<mount::Mount>& mounts) {
  if (std::optional<Overlay> overlay = OverlayOf(mounts); overlay.has_value()) {
    return std::move(overlay->upper);
  }
  return BindOf(mounts);
}

absl::Status OfLocalFiles(const absl::Status& status) {
  if (!errdefs::IsNotFound(status) && !errdefs::IsAlreadyExists(status)) return status;
  return errdefs::Unknown(errdefs::Message(status));
}

absl::Status SyncFs(const std::string& dir) {
  const base::Fd fd(open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd && syncfs(fd.get()) == 0) return absl::OkStatus();
  return OfLocalFiles(
      errdefs::FromErrno(errno, fmt::format("syncing the file system of \"{}\"", dir)));
}

std::int64_t MaxSize(const Options& options, const std::string& dir) {
  if (options.max_layer_size > 0) return options.max_layer_size;
  struct statvfs fs {};
  // The free space is not known; then only the disk's size is the bound.
  if (statvfs(dir.c_str(), &fs) != 0) return std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(fs.f_bavail / 10 * 9 * fs.f_frsize);
}

absl::StatusOr<ocispec::Descriptor> Inflate(
    const Context& ctx, const ocispec::Descriptor& desc, io::Reader& blob, std::int64_t max_size,
    const std::function<absl::Status(io::Reader& layer)>& extract) {
  const auto annotate = [&](const absl::Status& s) {
    return errdefs::Annotate(s, fmt::format("layer \"{}\"", desc.digest));
  };
  if (IsEncrypted(desc.media_type)) {
    return annotate(errdefs::NotImplemented(
        fmt::format("its type {} is that of an encrypted layer, which is unpacked only by a daemon "
                    "that has a processor for it",
                    base::Quote(desc.media_type))));
  }
  // The media type tells whether it is a layer at all; the first bytes tell how it is compressed.
  absl::StatusOr<std::string> kind = images::DiffCompression(desc.media_type);
  if (!kind.ok()) return annotate(kind.status());
  absl::StatusOr<std::unique_ptr<compression::DecompressReadCloser>> inflated =
      compression::DecompressStream(ctx, blob);
  if (!inflated.ok()) return annotate(inflated.status());
  LayerDigest digest(max_size);
  {
    ReadAhead ahead(ctx, **inflated, digest);
    DigestingReader one_by_one(**inflated, digest);
    io::Reader* layer = &ahead;
    if (!ahead.Start().ok()) layer = &one_by_one;
    if (absl::Status s = OfLocalFiles(extract(*layer)); !s.ok()) return annotate(s);
    // Bytes after the end of the archive are part of the layer's digest.
    if (absl::Status s = ReadRest(ctx, *layer); !s.ok()) return annotate(s);
  }
  ocispec::Descriptor applied;
  applied.media_type = ocispec::kMediaTypeImageLayer;
  applied.digest = digest.Digest().String();
  applied.size = digest.size();
  return applied;
}

}  // namespace containerd::apply
