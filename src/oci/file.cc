// SPDX-License-Identifier: Apache-2.0
#include "file.h"

#include <system_error>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/io/io.h"

#include "src/base/read_file.h"

namespace containerd::oci {

absl::StatusOr<std::string> ReadAll(int fd, std::string_view name, std::size_t limit) {
  io::FileReader reader(fd);
  auto content = io::ReadAll(Context::Background(), reader, limit);
  if (content.ok()) return content;
  return errdefs::Annotate(content.status(), fmt::format("reading \"{}\"", name));
}

absl::StatusOr<std::string> ReadFile(const std::string& path, std::size_t limit) {
  std::string text;
  const std::error_code err = base::ReadFile(path, text, 0, limit);
  if (!err) return text;
  if (err == std::errc::file_too_large) {
    return errdefs::ResourceExhausted(
        fmt::format("reading \"{}\": it has more than {} bytes", path, limit));
  }
  return errdefs::FromErrno(err.value(), fmt::format("reading \"{}\"", path));
}

}  // namespace containerd::oci
