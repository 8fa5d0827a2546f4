// SPDX-License-Identifier: Apache-2.0
//
// A request to one host of a registry: its URL and fields, the authorization, redirects, and the
// repetitions that a registry's answers call for.
#ifndef CONTAINERD_SRC_REMOTES_DOCKER_REQUEST_H_
#define CONTAINERD_SRC_REMOTES_DOCKER_REQUEST_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/context/context.h"
#include "containerd/future/future.h"
#include "containerd/http/http.h"
#include "containerd/reference/reference.h"
#include "containerd/remotes/docker/registry.h"
#include "containerd/remotes/docker/warnings.h"

namespace containerd::remotes::docker {

inline constexpr char kUserAgent[] = "containerd-cpp";

// Times that a request is sent at the most, redirects not counted.
inline constexpr int kMaxAttempts = 5;

// The longest that all repetitions of a request are waited for.
inline constexpr absl::Duration kMaxWait = absl::Seconds(60);

using ResponsePtr = std::shared_ptr<http::Response>;

// "Basic …".
std::string BasicAuthorization(std::string_view username, std::string_view secret);

// The error for an unexpected response, with the registry's message from its body.
absl::Status UnexpectedResponse(const Context& ctx, http::Response& response);

// The URL with values of its query hidden, but for "ns".
std::string SanitizeUrl(std::string_view url);

// Whether a transport's failure may be gone when the request is sent again.
bool IsTransient(const absl::Status& status);

// Whether GET is worth asking after HEAD was refused with that code: many hosts, and proxies before
// them, know no HEAD, or answer it from somewhere else.
bool GetMayTellMore(int head_code);

// What requests of one resolver, fetcher or pusher have in common.
struct Base {
  reference::Spec refspec;
  std::string repository;  // the locator without the host
  std::vector<RegistryHost> hosts;
  http::Header header;
  std::shared_ptr<docker::WarningHandler> warning_handler;

  std::vector<RegistryHost> FilterHosts(HostCapabilities capabilities) const;
};

// What the warnings of a request are about; carried by its context.
Context WithWarningSource(const Context& ctx, std::optional<ocispec::Descriptor> desc,
                          std::string_view digest);
void ReportWarnings(const Context& ctx, const reference::Spec& ref, const http::Header& header,
                    const std::shared_ptr<WarningHandler>& handler);

struct RegistryRequest {
  RegistryRequest(const Base& base, RegistryHost registry_host, std::string_view request_method,
                  const std::vector<std::string>& parts);

  void AddQuery(std::string_view key, std::string_view value) { url.AddQuery(key, value); }

  // The name, for a host that serves others' names.
  void AddNamespace(std::string_view ns);

  // Accept: the media type before anything else.
  void SetMediaType(std::string_view media_type);

  RegistryHost host;
  std::string method;
  http::Url url;
  http::Header header;
  reference::Spec refspec;
  std::string named;  // the repository, as the reference has it
  std::shared_ptr<docker::WarningHandler> warning_handler;
  std::size_t buffer_size = http::Request().buffer_size;

  // The repository as the host knows it, below the path of its API.
  std::string repository;

  // The registry's URL, if that sent the request to this one of another host.
  std::string referrer;

  // Whether it may be sent again when it is not known what became of it.
  bool repeatable = true;

  // A new body each time that the request is sent.
  std::function<std::shared_ptr<http::RequestBody>()> make_body;
};

// A request that may be sent several times: send it, hand in the outcome, and send it again while
// asked to. Sending does not wait for the response, so that a body can be written meanwhile; it
// waits only for tokens and for the pause before a repetition.
class RequestRun {
 public:
  // On the last host, more is tried before giving up.
  RequestRun(RegistryRequest request, bool last_host)
      : request_(std::move(request)), last_host_(last_host) {}

  // `transfer` bounds the transfer, `wait` what this call waits for.
  absl::StatusOr<Future<ResponsePtr>> Send(const Context& transfer, const Context& wait);

  // The final response; nullptr: it is to be sent again.
  absl::StatusOr<ResponsePtr> Receive(const Context& wait, absl::StatusOr<ResponsePtr> result);

  // Both until there is a final response.
  absl::StatusOr<ResponsePtr> Do(const Context& transfer, const Context& wait);

  const RegistryRequest& request() const { return request_; }

 private:
  // What authorizers are told about the request that is sent next, or was sent last.
  Context Told(const Context& wait);

  absl::StatusOr<bool> WantsRetry(const Context& wait);

  // Waits before a repetition; `why` says what the last attempt came to. False: the registry asks
  // for a longer wait than is reasonable.
  absl::StatusOr<bool> Backoff(const Context& wait, const http::Response* response,
                               std::string_view why);

  // "HEAD https://host/path", for errors.
  std::string Name() const;

  RegistryRequest request_;
  const bool last_host_;
  int attempts_ = kMaxAttempts;  // left
  int attempt_ = 0;              // as observers count them
  int retries_ = 0;
  absl::Duration waited_;
  int redirects_ = 0;
  std::optional<http::Request> redirected_;
  http::Request sent_;
  std::string refused_;                // Authorization of the last 401
  std::optional<http::Url> answered_;  // the host itself, if the transport turned to that
  std::vector<ResponsePtr> responses_;
  const std::shared_ptr<std::string> note_ = std::make_shared<std::string>();
};

absl::StatusOr<ResponsePtr> DoWithRetries(const Context& ctx, RegistryRequest request,
                                          bool last_host);

// The response that counts after HEAD was refused: that to `get`, if it tells more. A refusal in
// the same words has a body there, but is still named HEAD's.
ResponsePtr AskAgainWithGet(const Context& ctx, const ResponsePtr& refusal, RegistryRequest get);

// How long a Retry-After field says to wait, in seconds or until a date; nullopt if it does not.
std::optional<absl::Duration> ParseRetryAfter(std::string_view value, absl::Time now);

}  // namespace containerd::remotes::docker

#endif  // CONTAINERD_SRC_REMOTES_DOCKER_REQUEST_H_
