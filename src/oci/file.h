// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_OCI_FILE_H_
#define CONTAINERD_SRC_OCI_FILE_H_

#include <cstddef>
#include <string>
#include <string_view>

#include <absl/status/statusor.h>

namespace containerd::oci {

// All that can be read from `fd`. ErrResourceExhausted, naming `name`, if it is more than `limit`
// bytes.
absl::StatusOr<std::string> ReadAll(int fd, std::string_view name, std::size_t limit);

// The content of the file at `path`; errors name it.
absl::StatusOr<std::string> ReadFile(const std::string& path, std::size_t limit);

}  // namespace containerd::oci

#endif  // CONTAINERD_SRC_OCI_FILE_H_
