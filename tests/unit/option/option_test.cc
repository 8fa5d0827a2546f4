// SPDX-License-Identifier: Apache-2.0
#include "containerd/option/option.h"

#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/options.h"

namespace containerd::option {
namespace {

using ::testing::ElementsAre;

struct Where {
  std::string name;
};

struct Target {
  std::vector<std::string> done;
};

using Opt = Option<const Where&, Target&>;

// The target may be alone, and each argument a pointer.
constinit const Plain<Opt> WithNothing([](Target&) {});
constinit const Plain<Opt> WithName([](const Where& where, Target* target) {
  target->done.push_back(where.name);
  return absl::OkStatus();
});
constinit const Plain<Opt> WithFailure([](const Where&, Target&) {
  return absl::AbortedError("no");
});

Opt WithText(std::string text) {
  return [text = std::move(text)](const Where&, Target& target) { target.done.push_back(text); };
}

std::vector<std::string> Done(const std::vector<Opt>& opts) {
  Target target;
  EXPECT_TRUE(base::Apply(opts, Where{.name = "here"}, target).ok());
  return target.done;
}

TEST(Option, WithoutArgumentsIsPassedOrCalled) {
  EXPECT_THAT(Done({WithNothing, WithName, WithName(), WithText("a")}),
              ElementsAre("here", "here", "a"));
}

TEST(Option, IsAnyFunctionOfItsArguments) {
  EXPECT_THAT(Done({[](const Where& w, Target& t) { t.done.push_back(w.name + " 1"); },
                    [](const Where& w, Target* t) { t->done.push_back(w.name + " 2"); },
                    [](const Where* w, Target* t) { t->done.push_back(w->name + " 3"); },
                    [](Target& t) { t.done.emplace_back("4"); },
                    [](Target* t) {
                      t->done.emplace_back("5");
                      return absl::OkStatus();
                    },
                    [](const auto& w, auto& t) { t.done.push_back(w.name + " 6"); },
                    std::function<absl::Status(const Where&, Target*)>(WithText("7")),
                    [n = 8](Target& t) mutable { t.done.push_back(std::to_string(n++)); }}),
              ElementsAre("here 1", "here 2", "here 3", "4", "5", "here 6", "7", "8"));
}

TEST(Option, StopsAtTheFirstError) {
  Target target;
  const absl::Status s =
      base::Apply(std::vector<Opt>{WithText("a"), WithFailure, WithText("b")}, Where{}, target);
  EXPECT_TRUE(absl::IsAborted(s)) << s;
  EXPECT_THAT(target.done, ElementsAre("a"));
}

TEST(Option, IsCalledWithReferencesOrPointers) {
  const Where where{.name = "there"};
  Target target;
  const Opt opt = WithName;
  EXPECT_TRUE(opt(where, target).ok());
  EXPECT_TRUE(opt(where, &target).ok());
  EXPECT_TRUE(opt(&where, &target).ok());
  EXPECT_TRUE(WithName(where, target).ok());
  EXPECT_TRUE(WithName(where, &target).ok());
  EXPECT_THAT(target.done, ElementsAre("there", "there", "there", "there", "there"));
}

TEST(Option, EmptyOneDoesNothing) {
  EXPECT_THAT(Done({Opt(), std::function<absl::Status(const Where&, Target&)>()}), ElementsAre());
}

// Vectors of options are made as all vectors are.
TEST(Option, VectorsCopyAndTakeRanges) {
  const std::vector<Opt> list = {WithText("a"), WithName};
  const std::vector<Opt> copy{list};
  const std::vector<Opt> range{list.begin(), list.end()};
  const std::vector<Opt> array{list.data(), list.data() + list.size()};
  EXPECT_THAT(Done(copy), ElementsAre("a", "here"));
  EXPECT_THAT(Done(range), ElementsAre("a", "here"));
  EXPECT_THAT(Done(array), ElementsAre("a", "here"));
  std::vector<Opt> more;
  more.push_back(WithName);
  more.insert(more.end(), list.begin(), list.end());
  more = {WithText("b")};
  EXPECT_THAT(Done(more), ElementsAre("b"));
}

static_assert(std::is_copy_constructible_v<Opt> && std::is_nothrow_move_constructible_v<Opt>);
static_assert(!std::is_convertible_v<std::vector<Opt>, Opt>);
static_assert(!std::is_invocable_v<const Opt&, const Where&, std::nullptr_t>);
static_assert(!std::is_invocable_v<const Opt&, Target&>);

}  // namespace
}  // namespace containerd::option
