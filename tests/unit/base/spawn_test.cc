// SPDX-License-Identifier: Apache-2.0
#include "src/base/spawn.h"

#include <csignal>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

#include "src/base/fd.h"

namespace containerd::base {
namespace {

// What `script` prints.
std::string OutputOf(const std::string& script, SpawnOptions options = {}) {
  auto output = MemoryFile("output", "");
  if (!output.ok()) return std::string(output.status().message());
  options.args = {"sh", "-c", script};
  options.descriptors.emplace_back(output->get(), STDOUT_FILENO);
  auto pid = Spawn(std::move(options), "running sh");
  if (!pid.ok()) return std::string(pid.status().message());
  EXPECT_EQ(Reap(*pid), 0);
  std::string text(4096, '\0');
  const ssize_t n = pread(output->get(), text.data(), text.size(), 0);
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return text;
}

TEST(SpawnTest, GivesDescriptorsAndEnvironment) {
  auto input = MemoryFile("input", "hello");
  ASSERT_TRUE(input.ok());
  EXPECT_EQ(OutputOf("cat", {.args = {}, .descriptors = {{input->get(), STDIN_FILENO}}}), "hello");
  auto third = MemoryFile("third", "payload");
  ASSERT_TRUE(third.ok());
  EXPECT_EQ(OutputOf("cat <&3", {.args = {}, .descriptors = {{third->get(), 3}}}), "payload");
  EXPECT_EQ(OutputOf("echo $A", {.args = {}, .env = {{"A=1", "PATH=/usr/bin:/bin"}}}), "1\n");
}

TEST(SpawnTest, DescriptorsMayChangePlaces) {
  auto three = MemoryFile("three", "three");
  auto four = MemoryFile("four", "four");
  ASSERT_TRUE(three.ok() && four.ok());
  const int a = three->get();
  const int b = four->get();
  EXPECT_EQ(OutputOf(fmt::format("cat /dev/fd/{} /dev/fd/{}", b, a),
                     {.args = {}, .descriptors = {{a, b}, {b, a}}}),
            "threefour");
}

TEST(SpawnTest, SignalsAreUnblocked) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  auto pid = Spawn({.args = {"sh", "-c", "kill -TERM $$; exit 3"}}, "running sh");
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ASSERT_TRUE(pid.ok());
  const std::optional<int> status = Reap(*pid);
  ASSERT_TRUE(status.has_value());
  EXPECT_TRUE(WIFSIGNALED(*status));
}

TEST(SpawnTest, ErrorsSayWhat) {
  auto pid = Spawn({.args = {"no-such-program"}}, "running it");
  EXPECT_TRUE(errdefs::IsNotFound(pid.status()));
  EXPECT_TRUE(pid.status().message().find("running it") != absl::string_view::npos);
}

TEST(SpawnTest, NobodyToReap) { EXPECT_EQ(Reap(getpid()), std::nullopt); }

}  // namespace
}  // namespace containerd::base
