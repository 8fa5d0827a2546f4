// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_ARCHIVE_CHANGE_WRITER_H_
#define CONTAINERD_SRC_ARCHIVE_CHANGE_WRITER_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <sys/stat.h>
#include <sys/types.h>
#include <utility>
#include <vector>

#include <absl/status/status.h>

#include "containerd/archive/diff.h"
#include "containerd/tar/tar.h"

#include "src/base/fd.h"

namespace containerd::archive {

// Writes in pieces, so that who has to wait between them (a stream that is read) can.
class ChangeWriter::Impl {
 public:
  Impl(io::Writer& output, std::string source, const std::vector<ChangeWriterOpt>& opts);

  // Writes the change, but for the content of a file.
  absl::Status Begin(const Context& ctx, ChangeKind kind, const std::string& path);

  // Whether content is missing, and a piece of it.
  bool HasContent() const { return file_ && left_ > 0; }
  absl::Status WriteContent(const Context& ctx);

  absl::Status Close(const Context& ctx);

 private:
  using Inode = std::pair<dev_t, ino_t>;

  absl::Status WriteWhiteout(const Context& ctx, const std::string& path);
  absl::Status WriteEntry(const Context& ctx, const tar::Header& header);
  absl::Status WriteParents(const Context& ctx, const std::string& name);
  absl::Status FinishLinks(const Context& ctx);
  absl::StatusOr<tar::Header> HeaderOf(const std::string& name, const struct stat& st) const;

  const std::string source_;
  ChangeWriterOptions options_;
  absl::Status status_;  // of the options
  tar::Writer tar_;
  std::set<std::string> dirs_;                            // that have been written
  std::map<Inode, std::string> written_;                  // files with several names: the first one
  std::map<Inode, std::vector<std::string>> unmodified_;  // the names of which nothing changed

  // The file whose content is being written, and further names of it.
  base::Fd file_;
  std::int64_t left_ = 0;
  std::string name_;
  tar::Header header_;
  std::vector<std::string> links_;
};

}  // namespace containerd::archive

#endif  // CONTAINERD_SRC_ARCHIVE_CHANGE_WRITER_H_
