// SPDX-License-Identifier: Apache-2.0
//
// Package archive: layers extracted to a directory on this machine, as the daemon extracts them.
//
//   io::FileReader layer(fd);                                        // A tar archive, inflated.
//   absl::StatusOr<std::int64_t> size = archive::Apply(ctx, root, layer);
//
// An archive is hostile input: whatever its names and links say, nothing outside of the root is
// read, made, altered or removed. The root itself has to be out of the reach of other programs
// meanwhile, as a snapshot under preparation is.
//
// Source: pkg/archive; https://github.com/opencontainers/image-spec/blob/main/layer.md.
#ifndef CONTAINERD_ARCHIVE_ARCHIVE_H_
#define CONTAINERD_ARCHIVE_ARCHIVE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/io/io.h"
#include "containerd/option/option.h"
#include "containerd/option/pairs.h"
#include "containerd/tar/tar.h"

namespace containerd::archive {

// Whether an entry is extracted. Its name has been cleaned: no "." and "..", but for leading ones.
using Filter = std::function<absl::StatusOr<bool>(const tar::Header& header)>;

// Called for every entry, before anything is done at `path`, the place of it below the root (whose
// parents are directories and no links). Returns whether it is an ordinary entry that has to be
// extracted; a whiteout is not, and this function does what it stands for. For a directory that
// the archive makes after a whiteout of its name, it is called with that directory's opaque
// whiteout, whether the archive has one or not.
using ConvertWhiteout =
    std::function<absl::StatusOr<bool>(const tar::Header& header, const std::string& path)>;

// Source: archive.ApplyOptions.
struct ApplyOptions {
  Filter filter{};                     // Empty: everything.
  ConvertWhiteout convert_whiteout{};  // Empty: what is whited out is removed.

  // Directories of the layers below, the uppermost first: a directory that the archive needs and
  // does not describe inherits owner, mode, times and extended attributes from the first that has
  // it. For a root that does not show those layers itself.
  std::vector<std::string> parents{};

  // Gets the paths, from the root, of those directories that no entry described until the end.
  std::vector<std::string>* undescribed = nullptr;

  bool no_same_owner = false;  // Everything belongs to the caller.

  // Most bytes of content that the archive's entries may have.
  std::int64_t max_size = std::numeric_limits<std::int64_t>::max();
};

using ApplyOpt = option::Option<ApplyOptions&>;

CONTAINERD_EXPORT ApplyOpt WithFilter(Filter filter);
CONTAINERD_EXPORT ApplyOpt WithConvertWhiteout(ConvertWhiteout convert);
CONTAINERD_EXPORT ApplyOpt WithParents(std::vector<std::string> parents);
template <std::size_t N, std::size_t M>
requires option::IsPair<M>
void WithParents(option::BracedTexts<N, M>) = delete;
CONTAINERD_EXPORT extern const option::Plain<ApplyOpt> WithNoSameOwner;
// Not in Go: for layers that are extracted before those below are there. InheritFrom follows then.
CONTAINERD_EXPORT ApplyOpt WithUndescribed(std::vector<std::string>* dirs);
// Not in Go: a bound for archives from strangers.
CONTAINERD_EXPORT ApplyOpt WithMaxSize(std::int64_t bytes);

// Whiteouts as overlayfs has them in an upper directory: a device 0/0 for a name that is gone, and
// the attribute trusted.overlay.opaque. Needs CAP_MKNOD and CAP_SYS_ADMIN. Source:
// archive.OverlayConvertWhiteout.
CONTAINERD_EXPORT absl::StatusOr<bool> OverlayConvertWhiteout(const tar::Header& header,
                                                              const std::string& path);

// Extracts `reader`, an archive that is not compressed, to the directory `root`, and returns how
// many bytes its entries have. What exists is replaced, but directories are merged; links are
// resolved inside the root. Attributes trusted.* are left out, and those that the file system does
// not know; in a user namespace also devices. After an error the root holds a part of the archive.
// As with the daemon, it is an error if the archive makes a directory and then removes it. Unlike
// the daemon, whiteouts concern the layers below only, wherever in the archive they stand: what the
// archive has in a directory that no entry describes stays when an opaque whiteout follows, and a
// directory that follows its own whiteout is made anew for overlayfs, too.
//
// ErrInvalidArgument, naming the entry, for a whiteout, a device number or a kind of entry that
// makes no sense; ErrResourceExhausted beyond max_size; tar::Reader's errors; those of the system's
// calls, which name the entry. Blocks, and ends with its context.
CONTAINERD_EXPORT absl::StatusOr<std::int64_t> Apply(const Context& ctx, const std::string& root,
                                                     io::Reader& reader,
                                                     const std::vector<ApplyOpt>& opts = {});

// Gives directories below `root` what WithParents would have given them, but for times: owner, mode
// and extended attributes of the first of `parents` that has such a directory.
CONTAINERD_EXPORT absl::Status InheritFrom(const std::vector<std::string>& parents,
                                           const std::string& root,
                                           const std::vector<std::string>& dirs);
template <std::size_t N, std::size_t M>
requires option::IsPair<M>
void InheritFrom(option::BracedTexts<N, M>, const std::string&,
                 const std::vector<std::string>&) = delete;

}  // namespace containerd::archive

#endif  // CONTAINERD_ARCHIVE_ARCHIVE_H_
