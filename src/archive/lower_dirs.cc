// SPDX-License-Identifier: Apache-2.0
#include "lower_dirs.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string_view>
#include <sys/stat.h>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "open_dirs.h"
#include "src/base/escape.h"

namespace containerd::archive {
namespace {

// Descriptors for all layers together.
constexpr std::size_t kDescriptors = 256;

// Whether a layer has a whiteout, as overlayfs has them, of a directory above a place.
bool IsDeleted(const RootDir& layer, const Place& place) {
  for (std::size_t end = place.find('/'); end != Place::npos; end = place.find('/', end + 1)) {
    struct stat st {};
    if (layer.Stat(place.substr(0, end), &st) != 0) return false;
    if (!S_ISDIR(st.st_mode)) return S_ISCHR(st.st_mode) && st.st_rdev == 0;
  }
  return false;
}

}  // namespace

struct LowerDirs::Layer {
  Layer(RootDir opened, std::size_t descriptors)
      : root(std::move(opened)), dirs(root, descriptors) {}

  // What a layer has at a place: a directory, something that covers all below, or nothing.
  struct Found {
    enum class What { kNothing, kCover, kDirectory } what = What::kNothing;
    Place place;
    struct stat st {};
  };

  absl::StatusOr<Found> Find(const Place& dir) {
    // Directories come in order, so what is missing is missing for those below, too.
    if (!missing.empty() && (dir == missing || dir.starts_with(missing + "/"))) return Found();
    bool simple = true;
    absl::StatusOr<const OpenDirs::Directory*> open =
        dirs.Reach(dir, [&](const OpenDirs::Directory& above, const std::string& name, int err) {
          if (err == ENOENT) {
            missing = Join(above.place, name);
          } else {
            simple = false;
          }
          return absl::StatusOr<OpenDirs::Directory>(errdefs::NotFound(""));
        });
    Found found;
    if (open.ok()) {
      if (fstat((*open)->fd.get(), &found.st) != 0) return Unreadable((*open)->place, errno);
      found.what = Found::What::kDirectory;
      found.place = (*open)->place;
      return found;
    }
    if (simple) return found;
    return Resolve(dir);
  }

  // Through links.
  absl::StatusOr<Found> Resolve(const Place& dir) const {
    Found found;
    absl::StatusOr<Place> place = root.Resolve(dir);
    if (!place.ok()) return place.status();
    const int err = root.Stat(*place, &found.st);
    if (err == ENOENT) return found;
    const bool deleted = err == ENOTDIR && IsDeleted(root, *place);
    if (err != 0 && !deleted) return Unreadable(*place, err);
    const bool is_dir = !deleted && S_ISDIR(found.st.st_mode);
    found.what = is_dir ? Found::What::kDirectory : Found::What::kCover;
    found.place = *std::move(place);
    return found;
  }

  absl::Status Unreadable(const Place& place, int err) const {
    return errdefs::FromErrno(err, fmt::format("looking at {}", base::Quote(root.PathOf(place))));
  }

  const RootDir root;
  OpenDirs dirs;
  Place missing;
};

LowerDirs::LowerDirs() = default;
LowerDirs::LowerDirs(LowerDirs&& other) noexcept = default;
LowerDirs& LowerDirs::operator=(LowerDirs&& other) noexcept = default;
LowerDirs::~LowerDirs() = default;

absl::StatusOr<LowerDirs> LowerDirs::Open(const std::vector<std::string>& paths) {
  LowerDirs lower;
  const std::size_t each = std::clamp<std::size_t>(
      kDescriptors / std::max<std::size_t>(paths.size(), 1), 2, OpenDirs::kMost);
  for (const std::string& path : paths) {
    absl::StatusOr<RootDir> dir = RootDir::Open(path);
    if (!dir.ok()) return dir.status();
    lower.layers_.push_back(std::make_unique<Layer>(*std::move(dir), each));
  }
  return lower;
}

absl::Status LowerDirs::Inherit(const RootDir& root, const Place& dir, Times times) {
  for (const std::unique_ptr<Layer>& layer : layers_) {
    absl::StatusOr<Layer::Found> found = layer->Find(dir);
    if (!found.ok()) return found.status();
    if (found->what == Layer::Found::What::kNothing) continue;
    if (found->what == Layer::Found::What::kCover) break;
    struct stat st {};
    if (root.Stat(dir, &st) != 0 || !S_ISDIR(st.st_mode)) break;  // Replaced since.
    return CopyDirInfo(found->st, layer->root.PathOf(found->place), root.PathOf(dir), times);
  }
  return absl::OkStatus();
}

}  // namespace containerd::archive
