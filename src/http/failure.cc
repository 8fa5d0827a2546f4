// SPDX-License-Identifier: Apache-2.0
#include "failure.h"

#include <algorithm>
#include <cerrno>
#include <initializer_list>
#include <system_error>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/http/http.h"

namespace containerd::http {
namespace {

bool HasOneOf(std::string_view text, std::initializer_list<std::string_view> parts) {
  return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) {
    return text.find(part) != std::string_view::npos;
  });
}

ErrorKind KindOfConnect(const Failure& failure) {
  if (failure.os_errno == ECONNREFUSED || HasOneOf(failure.text, {"Connection refused"})) {
    return ErrorKind::kConnectionRefused;
  }
  return failure.os_errno == ETIMEDOUT ? ErrorKind::kTimeout : ErrorKind::kOther;
}

// libcurl's text names the host of the URL, which has no part in a unix socket.
std::string TextOfConnect(const Failure& failure) {
  if (failure.unix_socket.empty()) return failure.text;
  return fmt::format("dial unix {}: connect: {}", failure.unix_socket,
                     failure.os_errno != 0
                         ? std::generic_category().message(static_cast<int>(failure.os_errno))
                         : failure.text);
}

}  // namespace

absl::Status Explain(const Failure& failure,
                     absl::FunctionRef<std::string(std::string_view)> describe) {
  const std::string& text = failure.text;
  const auto fail = [&](ErrorKind kind) { return NewError(kind, describe(text)); };
  switch (failure.code) {
    case CURLE_OPERATION_TIMEDOUT:
      return failure.in_handshake
                 ? NewError(ErrorKind::kHandshakeTimeout, describe("TLS handshake timeout"))
                 : NewError(ErrorKind::kTimeout, describe("timeout connecting"));
    case CURLE_COULDNT_CONNECT:
      return NewError(KindOfConnect(failure), describe(TextOfConnect(failure)));
    case CURLE_SSL_CONNECT_ERROR:
      if (HasOneOf(text, {"wrong version number", "packet length too long", "http request",
                          "record layer failure"})) {
        return NewError(ErrorKind::kNotTLS, describe("server gave HTTP response to HTTPS client"));
      }
      return fail(HasOneOf(text, {"SSL_ERROR_SYSCALL", "unexpected eof", "Connection reset"})
                      ? ErrorKind::kUnexpectedEOF
                      : ErrorKind::kCertificate);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
      return fail(ErrorKind::kCertificate);
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_SEND_FAIL_REWIND:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      if (HasOneOf(text, {"Too large response headers"})) {
        return errdefs::ResourceExhausted(describe(text));
      }
      // With TLS 1.3 a server refuses our certificate after the handshake.
      return fail(HasOneOf(text, {"alert"}) ? ErrorKind::kCertificate : ErrorKind::kUnexpectedEOF);
    default:
      return fail(ErrorKind::kOther);
  }
}

}  // namespace containerd::http
