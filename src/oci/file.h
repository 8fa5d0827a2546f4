// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_OCI_FILE_H_
#define CONTAINERD_SRC_OCI_FILE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

#include <absl/status/statusor.h>

namespace containerd::oci {

// A descriptor that is closed with the object.
class File {
 public:
  File() = default;
  explicit File(int fd) : fd_(fd) {}
  File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  File& operator=(File&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~File() {
    if (fd_ >= 0) close(fd_);
  }

  int fd() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// All that can be read from `fd`. ErrResourceExhausted, naming `name`, if it is more than `limit`
// bytes.
absl::StatusOr<std::string> ReadAll(int fd, std::string_view name, std::size_t limit);

// The content of the file at `path`; errors name it.
absl::StatusOr<std::string> ReadFile(const std::string& path, std::size_t limit);

}  // namespace containerd::oci

#endif  // CONTAINERD_SRC_OCI_FILE_H_
