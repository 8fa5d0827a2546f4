// SPDX-License-Identifier: Apache-2.0
//
// Package archive, the other way round: a folder, or what one has over another, as a tar layer.
//
//   io::FileWriter layer(fd);
//   absl::Status s = archive::WriteDiff(ctx, layer, "", "/new");      // all of the folder
//   absl::Status t = archive::WriteDiff(ctx, layer, "/old", "/new");  // what has changed
//
// Layers are as the daemon writes them: names are relative, directories come before what is in
// them, each directory in the order of its names; numeric owners; times of modification in whole
// seconds, no others; the attribute security.capability, no others; further names of a file that
// has several are links to the first; sockets are left out; what is gone is a whiteout.
//
// Source: pkg/archive; https://github.com/opencontainers/image-spec/blob/main/layer.md.
#ifndef CONTAINERD_ARCHIVE_DIFF_H_
#define CONTAINERD_ARCHIVE_DIFF_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/time/time.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/io/io.h"
#include "containerd/option/option.h"

namespace containerd::archive {

// Source: continuity's fs.ChangeKind.
enum class ChangeKind { kUnmodified, kAdd, kModify, kDelete };

// "unmodified", "add", "modify", "delete"; empty for others. Source: ChangeKind.String.
CONTAINERD_EXPORT std::string_view ToString(ChangeKind kind);

struct ChangeWriterOptions {
  std::optional<absl::Time> mod_time_upper_bound{};  // later times become this one
  std::optional<absl::Time> whiteout_time{};         // of whiteouts; now, if not set
};

using ChangeWriterOpt = option::Option<ChangeWriterOptions&>;

CONTAINERD_EXPORT ChangeWriterOpt WithModTimeUpperBound(absl::Time bound);
CONTAINERD_EXPORT ChangeWriterOpt WithWhiteoutTime(absl::Time time);
// Both.
CONTAINERD_EXPORT ChangeWriterOpt WithSourceDateEpoch(absl::Time epoch);

// Writes changes of the folder `source` to a layer, one after the other. Belongs to one thread at a
// time. Source: archive.ChangeWriter.
class CONTAINERD_EXPORT ChangeWriter {
 public:
  // `output` outlives this object. An error of the options comes from the first call.
  ChangeWriter(io::Writer& output, std::string source,
               const std::vector<ChangeWriterOpt>& opts = {});
  ChangeWriter(const ChangeWriter&) = delete;
  ChangeWriter& operator=(const ChangeWriter&) = delete;
  ~ChangeWriter();

  // `path` is from the source on, "/etc/hosts". Directories above it that have not been written are
  // written first. Unmodified files are only noted: a name of one that has changed under another
  // name becomes a link. Errors name the file: those of the system's calls; ErrDataLoss for one
  // that became shorter while it was read.
  absl::Status HandleChange(const Context& ctx, ChangeKind kind, const std::string& path);

  // Ends the layer; does not close the output.
  absl::Status Close(const Context& ctx);

 private:
  class Impl;
  friend class DiffReader;

  std::unique_ptr<Impl> impl_;
};

// Writes what the folder `b` has over the folder `a`, all of it if `a` is empty. Errors name the
// file. The folders should not change meanwhile. Source: archive.WriteDiff.
CONTAINERD_EXPORT absl::Status WriteDiff(const Context& ctx, io::Writer& output,
                                         const std::string& a, const std::string& b,
                                         const std::vector<ChangeWriterOpt>& opts = {});

// The same as a stream, made while it is read: no thread, and no more memory than a piece of a file
// takes. Its errors come from Read. Source: archive.Diff.
CONTAINERD_EXPORT std::unique_ptr<io::Reader> Diff(const std::string& a, const std::string& b,
                                                   const std::vector<ChangeWriterOpt>& opts = {});

}  // namespace containerd::archive

#endif  // CONTAINERD_ARCHIVE_DIFF_H_
