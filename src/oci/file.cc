// SPDX-License-Identifier: Apache-2.0
#include "file.h"

#include <cerrno>
#include <fcntl.h>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/io/io.h"

#include "src/base/fd.h"

namespace containerd::oci {

absl::StatusOr<std::string> ReadAll(int fd, std::string_view name, std::size_t limit) {
  io::FileReader reader(fd);
  auto content = io::ReadAll(Context::Background(), reader, limit);
  if (content.ok()) return content;
  return errdefs::Annotate(content.status(), fmt::format("reading \"{}\"", name));
}

absl::StatusOr<std::string> ReadFile(const std::string& path, std::size_t limit) {
  const base::Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!file) return errdefs::FromErrno(errno, fmt::format("opening \"{}\"", path));
  return ReadAll(file.get(), path, limit);
}

}  // namespace containerd::oci
