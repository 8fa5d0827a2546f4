// SPDX-License-Identifier: Apache-2.0
//
// What --http-trace and --http-dump tell of requests to registries, on standard error.
#include <memory>
#include <string>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <fmt/format.h>

#include "commands.h"

namespace ctr {
namespace {

using namespace containerd;  // NOLINT: as in the guide

// A line where a request begins, and one where its response has ended.
class Trace final : public tracing::CallObserver {
 public:
  tracing::EndFunc Start(const Context& /*ctx*/, tracing::Call& call) override {
    if (call.kind != tracing::CallKind::kHTTP) return nullptr;
    std::string request = fmt::format("{} {}", call.method, call.url);
    if (call.attempt > 1) absl::StrAppend(&request, " (attempt ", call.attempt, ")");
    Warn(request);
    return [request = std::move(request)](const tracing::CallEnd& end) {
      Warn(fmt::format("{}: {} in {}, {} bytes sent, {} received", request,
                       end.status.ok() ? absl::StrCat(end.http_status)
                                       : std::string(errdefs::Message(end.status)),
                       absl::FormatDuration(end.duration), end.bytes_sent, end.bytes_received));
    };
  }
};

// A field's value, but for secrets: of credentials the scheme, of cookies nothing.
std::string Shown(const std::string& name, const std::string& value) {
  if (absl::StrContains(name, "Authorization")) return value.substr(0, value.find(' ')) + " ...";
  return name == "Cookie" || name == "Set-Cookie" ? "..." : value;
}

void AddFields(const http::Header& header, std::string& text) {
  for (const auto& [name, values] : header.fields()) {
    for (const std::string& value : values) {
      absl::StrAppend(&text, name, ": ", Shown(name, value), "\n");
    }
  }
}

// A body that is shown when it has been read.
class ShownBody final : public io::Reader {
 public:
  explicit ShownBody(std::unique_ptr<io::Reader> body) : body_(std::move(body)) {}
  ~ShownBody() override {
    if (!text_.empty()) Warn(text_);
  }

  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override {
    absl::StatusOr<std::size_t> n = body_->Read(ctx, buf);
    if (n.ok()) text_.append(buf.data(), *n);
    return n;
  }

 private:
  const std::unique_ptr<io::Reader> body_;
  std::string text_;
};

// Shows what it passes on. Of bodies those of manifests and errors, which are text.
class Dump final : public http::RoundTripper {
 public:
  explicit Dump(std::shared_ptr<http::RoundTripper> next) : next_(std::move(next)) {}

  Future<std::shared_ptr<http::Response>> RoundTrip(const Context& ctx,
                                                    http::Request request) override {
    using Result = absl::StatusOr<std::shared_ptr<http::Response>>;
    std::string text = absl::StrCat(request.method, " ", request.url, "\n");
    AddFields(request.header, text);
    Warn(text);
    return next_->RoundTrip(ctx, std::move(request))
        .Map<std::shared_ptr<http::Response>>([](const Result& result) -> Result {
          if (result.ok()) Show(**result);
          return result;
        });
  }

 private:
  static void Show(http::Response& response) {
    std::string text = absl::StrCat(response.proto, " ", response.status, "\n");
    AddFields(response.header, text);
    Warn(text);
    const std::string type = response.header.Get("Content-Type");
    if (response.status_code >= 400 || absl::StrContains(type, "+json")) {
      response.body = std::make_unique<ShownBody>(std::move(response.body));
    }
  }

  const std::shared_ptr<http::RoundTripper> next_;
};

}  // namespace

Context TraceRequests(const Context& ctx) {
  return tracing::WithCallObserver(ctx, std::make_shared<Trace>());
}

absl::Status DumpRequests(http::Client& client, http::TransportOptions& transport) {
  client.transport = std::make_shared<Dump>(http::NewTransport(transport));
  return absl::OkStatus();
}

}  // namespace ctr
