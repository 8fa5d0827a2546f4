// SPDX-License-Identifier: Apache-2.0
#include "observe.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <fmt/format.h>

#include "containerd/future/executor.h"
#include "containerd/tracing/call_observer.h"

#include "src/errdefs/internal/guard.h"
#include "src/tracing/internal/observation.h"

namespace containerd::http {
namespace {

using ResponsePtr = std::shared_ptr<Response>;
using Seen = std::shared_ptr<tracing::Observation>;

std::string WithoutSecrets(const std::string& text) {
  absl::StatusOr<Url> url = ParseUrl(text);
  if (!url.ok()) return "";
  return fmt::format("{}://{}{}", url->scheme, url->host, url->path);
}

void AddTrace(const Context& ctx, Header& header) {
  const tracing::TraceContext trace = tracing::TraceContextOf(ctx);
  if (trace.traceparent.empty()) return;
  header.Set(tracing::kTraceparent, trace.traceparent);
  header.Del(tracing::kTracestate);
  if (!trace.tracestate.empty()) header.Set(tracing::kTracestate, trace.tracestate);
}

// Counts what is sent.
class SentBody final : public RequestBody {
 public:
  SentBody(std::shared_ptr<RequestBody> body, Seen seen)
      : body_(std::move(body)), seen_(std::move(seen)) {}

  std::int64_t Size() const override { return body_->Size(); }
  absl::StatusOr<std::optional<std::size_t>> Pull(std::span<char> buf,
                                                  const std::function<void()>& wake) override {
    absl::StatusOr<std::optional<std::size_t>> n = body_->Pull(buf, wake);
    if (n.ok() && n->has_value() && **n > 0) seen_->Sent(static_cast<std::int64_t>(**n));
    return n;
  }
  bool Rewind() override { return body_->Rewind(); }
  void Finished(const absl::Status& result) override { body_->Finished(result); }

 private:
  const std::shared_ptr<RequestBody> body_;
  const Seen seen_;
};

// Counts what is read, and tells of its end.
class ReceivedBody final : public io::Reader {
 public:
  ReceivedBody(std::unique_ptr<io::Reader> body, Seen seen)
      : body_(std::move(body)), seen_(std::move(seen)) {}
  ~ReceivedBody() override { End(absl::OkStatus()); }

  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    absl::StatusOr<std::size_t> n = body_->Read(ctx, buf);
    if (!n.ok()) {
      End(n.status());
    } else if (*n > 0) {
      if (seen_ != nullptr) seen_->Received(static_cast<std::int64_t>(*n));
    } else if (!buf.empty()) {
      End(absl::OkStatus());
    }
    return n;
  }

 private:
  void End(const absl::Status& status) {
    if (seen_ == nullptr) return;
    seen_->Ended(status);
    std::exchange(seen_, nullptr)->End();
  }

  const std::unique_ptr<io::Reader> body_;
  Seen seen_;
};

bool HasBody(const Response& response, std::string_view method) {
  return method != "HEAD" && response.content_length != 0 && response.status_code != 204 &&
         response.status_code != 304;
}

}  // namespace

Future<ResponsePtr> Send(RoundTripper& transport, const Context& ctx, Request request) {
  const auto round_trip = [&](const Context& sent) {
    AddTrace(sent, request.header);
    return errdefs::Guard("a RoundTripper", &RoundTripper::RoundTrip, transport, sent,
                          std::move(request));
  };
  const Seen seen = tracing::Observation::Begin(ctx, nullptr, [&] {
    return tracing::Call{.kind = tracing::CallKind::kHTTP,
                         .method = request.method,
                         .url = WithoutSecrets(request.url)};
  });
  if (seen == nullptr) return round_trip(ctx);
  if (request.body != nullptr) {
    request.body = std::make_shared<SentBody>(std::move(request.body), seen);
  }
  const std::string method = request.method;
  return round_trip(seen->context())
      .Map<ResponsePtr>(
          [seen, method](const absl::StatusOr<ResponsePtr>& result) -> absl::StatusOr<ResponsePtr> {
            if (!result.ok()) {
              seen->Ended(result.status());
              seen->End();
              return result;
            }
            Response& response = **result;
            seen->Answered(response.status_code);
            if (HasBody(response, method)) {
              response.body = std::make_unique<ReceivedBody>(std::move(response.body), seen);
            } else {
              seen->Ended(absl::OkStatus());
              seen->End();
            }
            return result;
          },
          InlineExecutor());
}

}  // namespace containerd::http
