// SPDX-License-Identifier: Apache-2.0
//
// What libcurl says of a transfer that failed, as this package's errors.
#ifndef CONTAINERD_SRC_HTTP_FAILURE_H_
#define CONTAINERD_SRC_HTTP_FAILURE_H_

#include <string>
#include <string_view>

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <curl/curl.h>

namespace containerd::http {

struct Failure {
  CURLcode code = CURLE_OK;
  std::string text;  // libcurl's
  long os_errno = 0;
  bool in_handshake = false;  // TLS's had begun
  std::string unix_socket;    // what was dialled, if it was one
};

// libcurl has few codes, so its texts tell kinds apart. `describe` puts the request before a text.
absl::Status Explain(const Failure& failure,
                     absl::FunctionRef<std::string(std::string_view)> describe);

}  // namespace containerd::http

#endif  // CONTAINERD_SRC_HTTP_FAILURE_H_
