// SPDX-License-Identifier: Apache-2.0
//
// Pulls an image and prints a span of each call of the daemon and of each request to the registry,
// with the attributes that OpenTelemetry's interceptors give them in Go. The spans belong to the
// trace of $TRACEPARENT, else each to a new one, and so do the daemon's own, if it makes any.
#include <iostream>
#include <mutex>
#include <random>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "example.h"

namespace {

using namespace containerd;  // NOLINT: as in the guide

class Spans final : public tracing::CallObserver {
 public:
  // Called from any thread, as is what it returns.
  tracing::EndFunc Start(const Context& /*ctx*/, tracing::Call& call) override {
    const std::string& parent = call.trace.traceparent;  // version-trace-parent-flags
    const std::string trace =
        parent.empty() ? fmt::format("{:016x}{:016x}", Id(), Id()) : parent.substr(3, 32);
    std::string span = fmt::format("{:016x}", Id());
    std::string line = fmt::format("{}/{} parent={}", trace, span,
                                   parent.empty() ? std::string("none") : parent.substr(36, 16));
    if (call.kind == tracing::CallKind::kHTTP) {
      line += fmt::format(" http.request.method={} url.full={}", call.method, call.url);
    } else {
      const std::string_view path = call.method.substr(1);  // after the slash
      const auto slash = path.find('/');
      line += fmt::format(" rpc.system=grpc rpc.service={} rpc.method={}", path.substr(0, slash),
                          path.substr(slash + 1));
    }
    if (!call.ns.empty()) line += fmt::format(" containerd.namespace={}", call.ns);
    if (call.attempt > 1) line += fmt::format(" attempt={}", call.attempt);
    // What goes out with the call names this span, so that whoever is called makes its own below.
    call.trace.traceparent = fmt::format("00-{}-{}-01", trace, span);
    return [kind = call.kind, line = std::move(line)](const tracing::CallEnd& end) {
      Print(kind, line, end);
    };
  }

 private:
  static void Print(tracing::CallKind kind, const std::string& line, const tracing::CallEnd& end) {
    const std::string code =
        kind == tracing::CallKind::kHTTP
            ? fmt::format("http.response.status_code={}", end.http_status)
            : fmt::format("rpc.grpc.status_code={}", static_cast<int>(end.status.code()));
    const std::string error =
        end.status.ok() ? "" : fmt::format(" error=\"{}\"", errdefs::Message(end.status));
    std::cout << fmt::format("{} {} sent={} received={} {}{}\n", line, code, end.bytes_sent,
                             end.bytes_received, absl::FormatDuration(end.duration), error);
  }

  std::uint64_t Id() {
    const std::lock_guard lock(mu_);
    for (;;) {
      if (const std::uint64_t id = random_(); id != 0) return id;
    }
  }

  std::mutex mu_;
  std::mt19937_64 random_{std::random_device()()};
};

absl::Status Run(const Context& ctx, Client client, const example::Args& args) {
  // For all calls of a client there is the option WithCallObserver.
  absl::StatusOr<Context> observed = tracing::WithCallObserver(ctx, std::make_shared<Spans>());
  if (const std::string parent = example::Env("TRACEPARENT", ""); !parent.empty()) {
    observed = tracing::WithTraceparent(*observed, parent);
    if (!observed.ok()) return observed.status();
  }
  return client.Pull(*observed, args[0]).status();
}

}  // namespace

int main(int argc, char** argv) { return example::Main(argc, argv, 1, "observe REFERENCE", Run); }
