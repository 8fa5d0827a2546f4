// SPDX-License-Identifier: Apache-2.0
#include "containerd/log/log.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

namespace containerd::log {
namespace {

TEST(Log, ASinkReceivesEverything) {
  std::vector<std::pair<Level, std::string>> seen;
  SetSink([&](Level level, std::string_view text) { seen.emplace_back(level, text); });
  Debug("one {}");
  Error("two");
  SetSink(nullptr);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0], std::make_pair(Level::kDebug, std::string("one {}")));
  EXPECT_EQ(seen[1], std::make_pair(Level::kError, std::string("two")));
}

TEST(Log, ARegisteredLoggerReplacesTheDefault) {
  std::ostringstream out;
  auto logger = std::make_shared<spdlog::logger>(
      "containerd", std::make_shared<spdlog::sinks::ostream_sink_mt>(out));
  spdlog::register_logger(logger);
  Warn("through spdlog");
  spdlog::drop("containerd");
  EXPECT_NE(out.str().find("through spdlog"), std::string::npos);
}

TEST(Log, AMessageThatTheSinkThrowsAtGoesToTheDefault) {
  std::ostringstream out;
  spdlog::register_logger(std::make_shared<spdlog::logger>(
      "containerd", std::make_shared<spdlog::sinks::ostream_sink_mt>(out)));
  SetSink([](Level, std::string_view) { throw std::runtime_error("the sink broke"); });
  Warn("the message");
  SetSink(nullptr);
  spdlog::drop("containerd");
  EXPECT_NE(out.str().find("the sink broke"), std::string::npos);
  EXPECT_NE(out.str().find("the message"), std::string::npos);
}

}  // namespace
}  // namespace containerd::log
