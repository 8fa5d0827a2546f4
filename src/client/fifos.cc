// SPDX-License-Identifier: Apache-2.0
#include "fifos.h"

#include <cerrno>
#include <filesystem>
#include <set>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/errdefs/internal/guard.h"

namespace containerd::internal {
namespace {

bool IsFifo(const std::string& path) {
  struct stat st = {};
  return !path.empty() && ::lstat(path.c_str(), &st) == 0 && S_ISFIFO(st.st_mode);
}

absl::Status RemoveFifos(const std::vector<std::string>& paths) {
  absl::Status result;
  std::set<std::string> dirs;
  for (const std::string& path : paths) {
    if (!IsFifo(path)) continue;
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
      result.Update(errdefs::FromErrno(errno, fmt::format("remove {}", path)));
    }
    dirs.insert(std::filesystem::path(path).parent_path());
  }
  // rmdir fails for a directory that holds other files, and leaves it alone.
  for (const std::string& dir : dirs) static_cast<void>(::rmdir(dir.c_str()));
  return result;
}

}  // namespace

absl::StatusOr<std::shared_ptr<cio::IO>> AttachToProcess(const tasks::Process& process,
                                                         const cio::Attach& attach) {
  if (attach == nullptr) return nullptr;
  const std::vector<std::string> paths = {process.stdin_path, process.stdout_path,
                                          process.stderr_path};
  return errdefs::Guard("an Attach", attach,
                        cio::NewFIFOSet({.terminal = process.terminal,
                                         .stdin = process.stdin_path,
                                         .stdout = process.stdout_path,
                                         .stderr = process.stderr_path},
                                        [paths] { return RemoveFifos(paths); }));
}

}  // namespace containerd::internal
