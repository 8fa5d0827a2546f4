// SPDX-License-Identifier: Apache-2.0
#include "src/base/look_path.h"

#include <algorithm>
#include <cstdlib>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::base {
namespace {

bool IsProgram(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && !S_ISDIR(info.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

}  // namespace

std::string FindProgram(std::string_view folders, std::string_view name, Folders which) {
  while (!folders.empty() && !name.empty()) {
    const std::string_view folder = folders.substr(0, folders.find(':'));
    folders.remove_prefix(std::min(folders.size(), folder.size() + 1));
    if (folder.empty() || (which == Folders::kAbsolute && folder.front() != '/')) continue;
    std::string path = fmt::format("{}/{}", folder, name);
    if (IsProgram(path)) return path;
  }
  return "";
}

absl::StatusOr<std::string> LookPath(std::string_view name) {
  if (name.find('\0') != std::string_view::npos) {
    return errdefs::InvalidArgument("the name of a program contains a NUL");
  }
  if (name.find('/') != std::string_view::npos) {
    std::string path(name);
    if (IsProgram(path)) return path;
    return errdefs::NotFound(fmt::format("program \"{}\" not found", name));
  }
  const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe)
  std::string found = FindProgram(path == nullptr ? "" : path, name, Folders::kAbsolute);
  if (!found.empty()) return found;
  return errdefs::NotFound(fmt::format("program \"{}\" not found on PATH", name));
}

}  // namespace containerd::base
