// SPDX-License-Identifier: Apache-2.0
#include "src/libcontainerd/tracker.h"

#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::libcontainerd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

EventInfo Exit(const std::string& container, const std::string& process, std::uint32_t pid,
               std::uint32_t code = 0) {
  return {.container_id = container, .process_id = process, .pid = pid, .exit_code = code};
}

// "process/pid/code", with "*" for an earlier run and "?" for an unknown exit.
std::vector<std::string> Text(const std::vector<Event>& events) {
  std::vector<std::string> texts;
  for (const Event& event : events) {
    EXPECT_EQ(event.type, EventType::kExit);
    texts.push_back(event.info.process_id + "/" + std::to_string(event.info.pid) + "/" +
                    std::to_string(event.info.exit_code) + (event.info.earlier_run ? "*" : "") +
                    (event.info.error.ok() ? "" : "?"));
  }
  return texts;
}

TEST(Tracker, AnExitIsToldOnceWhoeverTellsIt) {
  Tracker tracker;
  tracker.Lives({"c", "c", 7});
  EXPECT_THAT(Text(tracker.Exited(Exit("c", "c", 7, 3))), ElementsAre("c/7/3"));
  EXPECT_THAT(tracker.Exited(Exit("c", "c", 7, 137)), IsEmpty());
  EXPECT_THAT(tracker.Exited(Exit("c", "c", 0, 255)), IsEmpty()) << "a clean-up without a pid";
  EXPECT_THAT(tracker.TaskGone(Exit("c", "c", 7, 3)), IsEmpty());
  EXPECT_THAT(tracker.Exited(Exit("c", "c", 7, 137)), IsEmpty()) << "also after the task";
}

TEST(Tracker, OfAContainerThatNobodyKnowsToo) {
  Tracker tracker;
  EXPECT_THAT(Text(tracker.Exited(Exit("c", "c", 7, 3))), ElementsAre("c/7/3"));
  EXPECT_THAT(tracker.Exited(Exit("c", "c", 7, 3)), IsEmpty());
  EXPECT_THAT(Text(tracker.Exited(Exit("d", "d", 7, 3))), ElementsAre("d/7/3"));
}

TEST(Tracker, WithoutAPidItIsTheOneThatLives) {
  Tracker tracker;
  tracker.Lives({"c", "c", 7});
  EXPECT_THAT(Text(tracker.Exited(Exit("c", "c", 0, 255))), ElementsAre("c/7/255"));
  EXPECT_THAT(tracker.Exited(Exit("c", "c", 7, 137)), IsEmpty());
}

TEST(Tracker, ALateExitOfAnEarlierRunIsToldApart) {
  Tracker tracker;
  tracker.Lives({"c", "c", 7});
  tracker.Lives({"c", "c", 9});
  EXPECT_THAT(Text(tracker.Exited(Exit("c", "c", 7, 1))), ElementsAre("c/7/1*"));
  EXPECT_TRUE(tracker.IsLive({"c", "c", 9}));
  EXPECT_THAT(Text(tracker.Exited(Exit("c", "c", 9, 2))), ElementsAre("c/9/2"));
  EXPECT_THAT(Text(tracker.Exited(Exit("c", "c", 5, 4))), ElementsAre("c/5/4*")) << "never seen";
}

TEST(Tracker, TheNextRunsExitIsNoRepetition) {
  Tracker tracker;
  EXPECT_THAT(Text(tracker.Exited(Exit("c", "c", 0, 255))), ElementsAre("c/0/255"));
  tracker.Lives({"c", "c", 7});
  EXPECT_THAT(Text(tracker.Exited(Exit("c", "c", 7, 1))), ElementsAre("c/7/1"));
  tracker.Lives({"c", "c", 8});
  EXPECT_THAT(Text(tracker.Exited(Exit("c", "c", 8, 1))), ElementsAre("c/8/1"));
}

TEST(Tracker, NorIsThatOfTheNextExecOfTheSameName) {
  Tracker tracker;
  EXPECT_THAT(Text(tracker.Exited(Exit("c", "e", 0, 255))), ElementsAre("e/0/255"));
  tracker.Lives({"c", "c", 7});
  tracker.Lives({"c", "e", 8});
  EXPECT_THAT(Text(tracker.Exited(Exit("c", "e", 8, 1))), ElementsAre("e/8/1"));
}

TEST(Tracker, APidThatTheKernelComesBackToIsAnotherProcess) {
  Tracker::Clock::time_point now;
  Tracker tracker([&now] { return now; });
  tracker.Lives({"c", "c", 7});
  EXPECT_THAT(Text(tracker.Exited(Exit("c", "c", 7, 1))), ElementsAre("c/7/1"));
  now += std::chrono::minutes(2);
  tracker.Lives({"c", "c", 7});
  EXPECT_TRUE(tracker.IsLive({"c", "c", 7}));
  EXPECT_THAT(Text(tracker.Exited(Exit("c", "c", 7, 2))), ElementsAre("c/7/2"));
  EXPECT_THAT(tracker.Exited(Exit("c", "c", 7, 2)), IsEmpty());
}

TEST(Tracker, EventsThatAreOlderThanAnswers) {
  Tracker tracker;
  EXPECT_EQ(tracker.Exited(Exit("c", "c", 7, 1)).size(), 1U);
  tracker.Lives({"c", "c", 7});  // the answer to Create comes last
  EXPECT_FALSE(tracker.IsLive({"c", "c", 7}));
}

TEST(Tracker, WithTheTaskGoItsExecs) {
  Tracker tracker;
  tracker.Lives({"c", "c", 7});
  tracker.Lives({"c", "e1", 8});
  tracker.Lives({"c", "e2", 9});
  EXPECT_THAT(Text(tracker.Exited(Exit("c", "e1", 8, 0))), ElementsAre("e1/8/0"));
  EXPECT_THAT(Text(tracker.Exited(Exit("c", "c", 7, 137))), ElementsAre("c/7/137"));
  EXPECT_THAT(Text(tracker.TaskGone(Exit("c", "c", 7, 137))), ElementsAre("e2/9/255?"));
  EXPECT_THAT(tracker.Exited(Exit("c", "e2", 9, 137)), IsEmpty());
}

TEST(Tracker, ADeletedTaskTellsAnExitThatHasNotComeYet) {
  Tracker tracker;
  tracker.Lives({"c", "c", 7});
  EXPECT_THAT(Text(tracker.TaskGone(Exit("c", "c", 7, 3))), ElementsAre("c/7/3"));
  EXPECT_THAT(tracker.Exited(Exit("c", "c", 7, 3)), IsEmpty());
}

TEST(Tracker, TheDeletionOfAnEarlierRunLeavesTheLastOneAlone) {
  Tracker tracker;
  tracker.Lives({"c", "c", 7});
  tracker.Lives({"c", "c", 9});
  EXPECT_THAT(Text(tracker.TaskGone(Exit("c", "c", 7, 3))), ElementsAre("c/7/3*"));
  EXPECT_TRUE(tracker.IsLive({"c", "c", 9}));
  EXPECT_THAT(tracker.TaskGone(Exit("c", "c", 5, 3)), IsEmpty());
  EXPECT_TRUE(tracker.IsLive({"c", "c", 9}));
}

TEST(Tracker, WhatNobodyKnowsAnyMoreIsLostOnce) {
  Tracker tracker;
  tracker.Lives({"c", "c", 7});
  const auto lost = tracker.Lost({"c", "c", 7}, errdefs::Unavailable("gone"));
  EXPECT_THAT(Text(lost), ElementsAre("c/7/255?"));
  EXPECT_TRUE(errdefs::IsUnavailable(lost[0].info.error));
  EXPECT_THAT(tracker.Lost({"c", "c", 7}, errdefs::Unavailable("gone")), IsEmpty());
  EXPECT_THAT(tracker.Exited(Exit("c", "c", 7, 1)), IsEmpty());
  EXPECT_THAT(tracker.AllLive(), IsEmpty());
}

TEST(Tracker, ForgetsWhatHasNothingLeft) {
  Tracker tracker;
  tracker.Lives({"a", "a", 1});
  tracker.Lives({"b", "b", 2});
  tracker.Lives({"c", "c", 3});
  EXPECT_EQ(tracker.Exited(Exit("b", "b", 2)).size(), 1U);
  tracker.ForgetAllBut({"a"});
  EXPECT_TRUE(tracker.IsLive({"a", "a", 1}));
  EXPECT_TRUE(tracker.IsLive({"c", "c", 3})) << "it lives";
  EXPECT_THAT(tracker.Exited(Exit("b", "b", 2)), IsEmpty()) << "its exit is remembered";
}

TEST(Tracker, TenThousandContainers) {
  Tracker tracker;
  for (std::uint32_t pid = 1; pid <= 10'000; ++pid) {
    const std::string id = "c" + std::to_string(pid);
    tracker.Lives({id, id, pid});
    ASSERT_EQ(tracker.Exited(Exit(id, id, pid)).size(), 1U);
    ASSERT_THAT(tracker.Exited(Exit(id, id, pid)), IsEmpty());
    static_cast<void>(tracker.TaskGone(Exit(id, id, pid)));
  }
  EXPECT_THAT(tracker.AllLive(), IsEmpty());
}

}  // namespace
}  // namespace containerd::libcontainerd
