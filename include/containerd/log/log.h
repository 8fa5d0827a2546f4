// SPDX-License-Identifier: Apache-2.0
//
// Package log: what the library says when there is nobody to return an error to: a clean-up that
// failed, a subscription that was cut off and goes on.
//
//   log::SetSink([](log::Level level, std::string_view text) { Append(level, text); });
//
// By default messages of level warning and above go to stderr through spdlog's logger named
// "containerd"; a program that registers a logger of that name gets them instead. All functions
// are safe from any thread.
//
// Source: github.com/containerd/log.
#ifndef CONTAINERD_LOG_LOG_H_
#define CONTAINERD_LOG_LOG_H_

#include <functional>
#include <string_view>

#include "containerd/export/export.h"

namespace containerd::log {

enum class Level { kDebug, kInfo, kWarn, kError };

// "debug", "info", "warning", "error". Source: logrus.Level.String.
CONTAINERD_EXPORT std::string_view ToString(Level level);

// Receives each message; called on whichever thread has something to say, several at once. That may
// be one that must not block, so it is to be quick and not to call the daemon
// (ErrFailedPrecondition then). A message that it throws an exception at goes to the default
// logger, with the exception.
using Sink = std::function<void(Level level, std::string_view text)>;

// Replaces the sink; nullptr brings the default back. Messages under way may still reach the old
// one.
CONTAINERD_EXPORT void SetSink(Sink sink);

CONTAINERD_EXPORT void Write(Level level, std::string_view text);

inline void Debug(std::string_view text) { Write(Level::kDebug, text); }
inline void Info(std::string_view text) { Write(Level::kInfo, text); }
inline void Warn(std::string_view text) { Write(Level::kWarn, text); }
inline void Error(std::string_view text) { Write(Level::kError, text); }

}  // namespace containerd::log

#endif  // CONTAINERD_LOG_LOG_H_
