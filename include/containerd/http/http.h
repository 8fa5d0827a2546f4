// SPDX-License-Identifier: Apache-2.0
//
// Package http: an HTTP client for HTTP/1.1 and HTTP/2, with and without TLS.
//
//   http::Client client;
//   auto response = client.Do(ctx, {.method = "GET", .url = "https://registry-1.docker.io/v2/"});
//   if (!response.ok()) return response.status();
//   absl::StatusOr<std::string> body = io::ReadAll(ctx, *(*response)->body, 1 << 20);
//
// All transfers of the process run on the library's one reactor thread (names are looked up on
// short-lived threads of libcurl's). A body waits in a bounded buffer until somebody reads it.
// Connections that are free are kept for the next request to the same server with the same TLS
// settings, whichever Transport it comes from. When the context of a request ends, so does the
// transfer, at once, and so do waits for it.
//
// All functions are safe from any thread, except that one thread at a time reads a body.
//
// Source: net/http.
#ifndef CONTAINERD_HTTP_HTTP_H_
#define CONTAINERD_HTTP_HTTP_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/future/future.h"
#include "containerd/http/header.h"
#include "containerd/http/url.h"
#include "containerd/io/io.h"

namespace containerd::http {

// What a transport sends. Its functions are called on the reactor's thread, one at a time, and must
// not block: a call of the library that would fails there with ErrFailedPrecondition. An exception
// that leaves Pull or Rewind ends the transfer with ErrInternal; one that leaves Finished is
// logged.
class CONTAINERD_EXPORT RequestBody {
 public:
  RequestBody() = default;
  RequestBody(const RequestBody&) = delete;
  RequestBody& operator=(const RequestBody&) = delete;
  virtual ~RequestBody() = default;

  // Bytes of the whole body; -1 if that is not known, then it is sent in chunks.
  virtual std::int64_t Size() const = 0;

  // Copies what there is to `buf` and returns how much; 0 is the end. Nullopt if there is nothing
  // yet: then `wake` is to be called, on any thread, when there is. An error ends the transfer.
  virtual absl::StatusOr<std::optional<std::size_t>> Pull(std::span<char> buf,
                                                          const std::function<void()>& wake) = 0;

  // Starts again at the beginning; false if that is not possible any more.
  virtual bool Rewind() { return false; }

  // Called when the transfer is over: the transport will not read the body any more.
  virtual void Finished(const absl::Status& result) { (void)result; }
};

// A body that is a string.
CONTAINERD_EXPORT std::shared_ptr<RequestBody> NewStringBody(std::string data);

// A body that is written while it is sent, through a bounded buffer. One thread at a time writes.
class CONTAINERD_EXPORT PipeBody final : public RequestBody {
 public:
  explicit PipeBody(std::int64_t size, std::size_t buffer = std::size_t{1} << 20);

  // Waits while the buffer is full. Fails with ErrClosed when the transfer is over; the response
  // then tells the outcome.
  absl::Status Write(const Context& ctx, std::string_view data);

  // The end of the body.
  void Close();

  // Ends the transfer with this error.
  void CloseWithError(absl::Status error);

  std::int64_t Size() const override { return size_; }
  absl::StatusOr<std::optional<std::size_t>> Pull(std::span<char> buf,
                                                  const std::function<void()>& wake) override;
  bool Rewind() override;
  void Finished(const absl::Status& result) override;

  // The error of writing to a body whose transfer is over.
  static absl::Status ErrClosed();
  static bool IsErrClosed(const absl::Status& status);

 private:
  const std::int64_t size_;
  const std::size_t capacity_;
  std::mutex mu_;
  std::condition_variable room_;
  std::string buffer_;
  std::size_t start_ = 0;  // of what is not sent yet in buffer_
  bool taken_ = false;     // something was sent
  bool ended_ = false;
  bool finished_ = false;
  absl::Status error_;
  std::function<void()> wake_;
};

// A request, before it is sent. Source: http.Request.
struct Request {
  std::string method = "GET";
  std::string url{};
  Header header{};
  std::shared_ptr<RequestBody> body{};

  // Most bytes of the response's body that wait to be read.
  std::size_t buffer_size = std::size_t{256} << 10;
};

// An answer, whose body is read from the server as it comes. Source: http.Response.
struct Response {
  int status_code = 0;
  std::string status{};  // "404 Not Found"
  std::string proto{};   // "HTTP/1.1", "HTTP/2"
  Header header{};
  std::int64_t content_length = -1;  // of the body as it is sent; -1: unknown

  // Never nullptr. Reading fails with IsUnexpectedEOF if the connection breaks before the end.
  // Destroying it gives up what is not read.
  std::unique_ptr<io::Reader> body{};

  // The request that this is the response to.
  std::string request_method{};
  std::string request_url{};

  // What the sender knows besides, for whoever reports the response as an error; mostly empty.
  std::string note{};
};

// What kind of failure a transport's error is; it lasts through errdefs::Annotate.
enum class ErrorKind : std::uint8_t {
  kOther,
  kUnexpectedEOF,     // The connection broke.
  kTimeout,           // Connecting, the TLS handshake or waiting for the response took too long.
  kHandshakeTimeout,  // The TLS handshake did.
  kConnectionRefused,
  kNotTLS,       // The server does not speak TLS.
  kCertificate,  // The server's certificate, or ours, was refused.
};

// "unexpected EOF", "connection refused", …: how the message of such an error ends; "other".
CONTAINERD_EXPORT std::string_view ToString(ErrorKind kind);

CONTAINERD_EXPORT ErrorKind KindOf(const absl::Status& status);
inline bool IsUnexpectedEOF(const absl::Status& status) {
  return KindOf(status) == ErrorKind::kUnexpectedEOF;
}

// An error of that kind, of class ErrUnknown.
CONTAINERD_EXPORT absl::Status NewError(ErrorKind kind, std::string_view message);

// Sends one request and follows no redirects.
class CONTAINERD_EXPORT RoundTripper {
 public:
  virtual ~RoundTripper() = default;

  // The response when its header is there; its body then follows. `ctx` bounds the whole transfer.
  // Does not block: it is called on the thread of who sends a request, and on the reactor's. A
  // response of any status is no error. An exception that leaves it is the request's error,
  // ErrInternal.
  virtual Future<std::shared_ptr<Response>> RoundTrip(const Context& ctx, Request request) = 0;
};

// A certificate with its private key, both PEM; `key` may be empty if `cert` holds both.
struct Certificate {
  std::string cert{};
  std::string key{};

  friend bool operator==(const Certificate&, const Certificate&) = default;
};

// Who is trusted, and who this program is. Source: tls.Config.
struct TLSConfig {
  // Certificates in PEM that are trusted besides the system's.
  std::string root_cas{};

  // Client certificates. A server that asks for one gets the first that was issued by an authority
  // which the server names.
  std::vector<Certificate> certificates{};

  // Trusts any server. For tests only.
  bool insecure_skip_verify = false;

  friend bool operator==(const TLSConfig&, const TLSConfig&) = default;
};

// ErrInvalidArgument if a text holds no certificate, or a key does not belong to its certificate.
CONTAINERD_EXPORT absl::Status CheckTLSConfig(const TLSConfig& config);

// The proxy for a URL by HTTP_PROXY, HTTPS_PROXY and NO_PROXY or their lower case forms; empty:
// none. Source: http.ProxyFromEnvironment.
CONTAINERD_EXPORT std::string ProxyFromEnvironment(const Url& url);

struct TransportOptions {
  TLSConfig tls{};
  std::function<std::string(const Url& url)> proxy = ProxyFromEnvironment;
  absl::Duration dial_timeout = absl::Seconds(30);
  absl::Duration tls_handshake_timeout = absl::Seconds(10);
  absl::Duration response_header_timeout = absl::Seconds(30);
  // The same for PUT and PATCH with a body, counted from the body's end: a registry may check and
  // move all of a blob before it answers. Nullopt: ten times the one above.
  std::optional<absl::Duration> upload_response_timeout{};
  std::size_t max_response_header_bytes = std::size_t{256} << 10;
  bool http2 = true;

  // A unix socket that is connected to, whatever host and port a URL names, and through no proxy;
  // empty: none. Source: http.Transport.DialContext with network "unix".
  std::string unix_socket{};
};

// Sends requests over the network. Cheap to make.
CONTAINERD_EXPORT std::shared_ptr<RoundTripper> NewTransport(TransportOptions options = {});

// A transport with all defaults, shared by the process.
CONTAINERD_EXPORT std::shared_ptr<RoundTripper> DefaultTransport();

// Most redirects that are followed.
inline constexpr int kMaxRedirects = 10;

// Where a response sends the client to: the next request, or nullopt if it is no redirect that is
// followed (as when the body cannot be sent again). A 303, and a 301 or 302 to a POST or PUT,
// becomes a GET (HEAD stays) without body. When host, port or scheme change, only fields that say
// what is wanted are kept (Accept, Range and the like); credentials never are.
CONTAINERD_EXPORT absl::StatusOr<std::optional<Request>> NextRequest(const Request& request,
                                                                     const Response& response);

// Sends requests and follows redirects. Source: http.Client.
struct CONTAINERD_EXPORT Client {
  // DefaultTransport() if it is nullptr.
  std::shared_ptr<RoundTripper> transport{};

  // Called before a redirect is followed with the request that would be sent, and the count of
  // those sent before; may change it. An error ends the call.
  std::function<absl::Status(const Context& ctx, Request& next, int via)> check_redirect{};

  // Bounds the whole of a request, the body too; 0 is no bound.
  absl::Duration timeout = absl::ZeroDuration();

  // RoundTrip with this client's settings; follows no redirects.
  Future<std::shared_ptr<Response>> Start(const Context& ctx, Request request) const;

  // Sends a request and follows up to kMaxRedirects redirects. Source: http.Client.Do.
  absl::StatusOr<std::shared_ptr<Response>> Do(const Context& ctx, Request request) const;
};

// "Not Found" for 404; empty for others than RFC 9110's.
CONTAINERD_EXPORT std::string_view StatusText(int code);

}  // namespace containerd::http

#endif  // CONTAINERD_HTTP_HTTP_H_
