// SPDX-License-Identifier: Apache-2.0
#include "containerd/log/log.h"

#include <memory>
#include <mutex>
#include <utility>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "containerd/errdefs/errdefs.h"

#include "src/errdefs/internal/guard.h"

namespace containerd::log {
namespace {

constexpr char kLoggerName[] = "containerd";

struct SinkSlot {
  std::mutex mu;
  std::shared_ptr<const Sink> sink;
};

SinkSlot& Slot() {
  static auto* slot = new SinkSlot;  // never destroyed: threads may log during exit
  return *slot;
}

std::shared_ptr<spdlog::logger> DefaultLogger() {
  if (auto logger = spdlog::get(kLoggerName)) return logger;
  static auto* fallback = new std::shared_ptr<spdlog::logger>([] {
    auto logger = std::make_shared<spdlog::logger>(
        kLoggerName, std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_level(spdlog::level::warn);
    return logger;
  }());
  return *fallback;
}

spdlog::level::level_enum ToSpdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarn:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

}  // namespace

std::string_view ToString(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarn:
      return "warning";
    case Level::kError:
      return "error";
  }
  return "unknown";
}

void SetSink(Sink sink) {
  auto replacement = sink ? std::make_shared<const Sink>(std::move(sink)) : nullptr;
  std::lock_guard lock(Slot().mu);
  Slot().sink = std::move(replacement);
}

void Write(Level level, std::string_view text) {
  std::shared_ptr<const Sink> sink;
  {
    std::lock_guard lock(Slot().mu);
    sink = Slot().sink;
  }
  if (sink) {
    // A message that the sink throws at is not lost.
    const absl::Status s = errdefs::Guard("the log's sink", *sink, level, text);
    if (s.ok()) return;
    DefaultLogger()->log(spdlog::level::err, "{}", errdefs::Message(s));
  }
  DefaultLogger()->log(ToSpdlog(level), "{}", text);
}

}  // namespace containerd::log
