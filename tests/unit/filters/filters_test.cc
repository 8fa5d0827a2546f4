// SPDX-License-Identifier: Apache-2.0
#include "containerd/filters/filters.h"

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/str_join.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"

namespace containerd::filters {
namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

struct Entry {
  std::string name;
  std::string other;
  std::map<std::string, std::string> labels;
};

const std::vector<Entry>& Corpus() {
  static const auto& corpus = *new std::vector<Entry>{
      {"foo", "", {{"foo", "true"}}},
      {"bar", "", {}},
      {"foo", "", {{"foo", "present"}, {"more complex label", "present"}}},
      {"bar", "", {{"bar", "true"}}},
      {"fooer", "", {{"more complex label with \\ and \"", "present"}}},
      {"fooer", "", {{"more complex label with \\ and \".post", "present"}}},
      {"baz", "too complex, yo", {}},
      {"bazo", "abc", {}},
      {"compound", "", {{"foo", "omg_asdf.asdf-qwer"}}},
  };
  return corpus;
}

AdapterFunc Adapt(const Entry& entry) {
  return AdapterFunc([&entry](std::span<const std::string> path) -> std::optional<std::string> {
    if (path[0] == "name" && !entry.name.empty()) return entry.name;
    if (path[0] == "other" && !entry.other.empty()) return entry.other;
    if (path[0] == "labels") {
      const auto label = entry.labels.find(absl::StrJoin(path.subspan(1), "."));
      if (label != entry.labels.end()) return label->second;
    }
    return std::nullopt;
  });
}

// Indices of what a filter matches in the corpus.
std::vector<int> Matches(const Filter& filter) {
  std::vector<int> matches;
  for (std::size_t i = 0; i < Corpus().size(); ++i) {
    if (filter.Match(Adapt(Corpus()[i]))) matches.push_back(static_cast<int>(i));
  }
  return matches;
}

const std::vector<int> kEverything = {0, 1, 2, 3, 4, 5, 6, 7, 8};

TEST(FiltersTest, Match) {
  const struct {
    const char* name;
    std::string_view input;
    std::vector<int> want;
  } kCases[] = {
      {"Empty", "", kEverything},
      {"Present", "name", kEverything},
      {"LabelPresent", "labels.foo", {0, 2, 8}},
      {"NameAndLabelPresent", "labels.foo,name", {0, 2, 8}},
      {"LabelValue", "labels.foo==true", {0}},
      {"LabelValuePunctuated", "labels.foo==omg_asdf.asdf-qwer", {8}},
      {"Name", "name==bar", {1, 3}},
      {"NameNotEqual", "name!=bar", {0, 2, 4, 5, 6, 7, 8}},
      {"NameAndLabelPresent", "name==bar,labels.bar", {3}},
      {"QuotedValue", "other==\"too complex, yo\"", {6}},
      {"RegexpValue", "other~=[abc]+,name!=foo", {6, 7}},
      {"RegexpQuotedValue", "other~=/[abc]+/,name!=foo", {6, 7}},
      {"RegexpQuotedValueWithComma", "other~=/[abc]{1,2}/,name!=foo", {6, 7}},
      {"RegexpPipeQuotedValue", "other~=|[abc]{1,2}|,name!=foo", {6, 7}},
      {"RegexpDoubleQuotedValue", R"(other~="^a\\w+$")", {7}},
      {"RegexpQuotedValueGarbage", "other~=/[abc]{0,1}\"\\//,name!=foo", {}},
      {"NameAndLabelValue", "name==bar,labels.bar==true", {3}},
      {"NameAndLabelValueNoMatch", "name==bar,labels.bar==wrong", {}},
      {"LabelQuotedFieldPathPresent", R"(name==foo,labels."more complex label")", {2}},
      {"LabelQuotedFieldPathPresentWithQuoted",
       R"(labels."more complex label with \\ and \""==present)",
       {4}},
      {"LabelQuotedFieldPathPresentWithQuotedEmbed",
       R"(labels."more complex label with \\ and \"".post==present)",
       {5}},
      {"SpacesAroundOperator", "name == bar", {1, 3}},
      {"LeadingSpaceAfterComma", "name==bar, labels.bar", {3}},
      {"AbsentIsNotEqualToAnything", "other!=abc", {0, 1, 2, 3, 4, 5, 6, 8}},
      {"AbsentIsNotUnequalToEmpty", "other!=\"\"", {6, 7}},
      {"AbsentDoesNotEqualEmpty", "other==\"\"", {}},
      {"AbsentMatchesAsEmpty", "other~=^$", {0, 1, 2, 3, 4, 5, 8}},
      {"UnknownField", "nothing", {}},
      {"EscapesInValue", R"(name=="\x66\157\u006f")", {0, 2}},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    const absl::StatusOr<FilterPtr> filter = Parse(c.input);
    ASSERT_TRUE(filter.ok()) << filter.status();
    EXPECT_EQ(Matches(**filter), c.want);
  }
}

TEST(FiltersTest, SyntaxErrors) {
  const struct {
    const char* name;
    std::string_view input;
    std::string_view want;
  } kCases[] = {
      {"LabelValueNoAltQuoting", "labels.|foo|==omg_asdf.asdf-qwer",
       "filters: parse error: [labels. >|||< foo|==omg_asdf.asdf-qwer]: invalid quote encountered"},
      {"ValueNoAltQuoting", "name==/foo/",
       "filters: parse error: [name== >|/|< foo/]: invalid quote encountered"},
      {"LabelQuotedFieldPathPresentWithQuotedEmbedInvalid",
       R"(labels.?"more complex label with \\ and \"".post==present)",
       R"(filters: parse error: [labels. >|?|< "more complex label with \\ and \"".post==present]: )"
       "expected field or quoted"},
      {"TrailingComma", "name==foo,",
       "filters: parse error: [name==foo,]: expected field or quoted"},
      {"TrailingFieldSeparator", "labels.",
       "filters: parse error: [labels.]: expected field or quoted"},
      {"MissingValue", "image~=,id?=?fbaq",
       "filters: parse error: [image~= >|,|< id?=?fbaq]: expected value or quoted"},
      {"MissingValueAtEnd", "image==", "filters: parse error: [image==]: expected value or quoted"},
      {"FieldQuotedLiteralNotTerminated", "labels.ns/key==value",
       R"(filters: parse error: [labels.ns >|/|< key==value]: quoted literal not terminated)"},
      {"ValueQuotedLiteralNotTerminated", "labels.key==/value",
       "filters: parse error: [labels.key== >|/|< value]: quoted literal not terminated"},
      {"UnsupportedOperator", "name=foo",
       "filters: parse error: [name >|=|< foo]: unsupported operator \"=\""},
      {"NoOperator", "name?foo",
       R"(filters: parse error: [name >|?|< foo]: expected an operator ("=="|"!="|"~="))"},
      {"TrailingSpace", "name ",
       R"(filters: parse error: [name ]: expected an operator ("=="|"!="|"~="))"},
      {"TwoValues", "name==foo bar",
       "filters: parse error: [name==foo >| |< bar]: unexpected input:  "},
      {"IllegalEscape", R"(labels."\g"==x)",
       R"(filters: parse error: [labels. >|"|< \g"==x]: illegal escape sequence)"},
      {"OctalOutOfRange", R"(name=="\777")",
       R"(filters: parse error: [name== >|"|< \777"]: unquoting failed: quote syntax error)"},
      {"RuneOutOfRange", R"(name=="\U00110000")",
       R"(filters: parse error: [name== >|"|< \U00110000"]: unquoting failed: quote syntax error)"},
      {"Null", std::string_view("na\0me", 5),
       std::string_view("filters: parse error: [na >|\0|< me]: unexpected null", 52)},
      {"InvalidUtf8", "name==\"\xff\"", "filters: parse error: [name== >|\"|< \xff\"]: rune error"},
      {"OnlyComma", ",", "filters: parse error: [ >|,|< ]: expected field or quoted"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    const absl::Status status = Parse(c.input).status();
    EXPECT_TRUE(errdefs::IsInvalidArgument(status)) << status;
    EXPECT_EQ(std::string_view(status.message().data(), status.message().size()), c.want);
  }
}

TEST(FiltersTest, UncompilableRegexpIsLoggedAndMatchesNothing) {
  std::vector<std::string> logged;
  log::SetSink([&](log::Level, std::string_view text) { logged.emplace_back(text); });
  const absl::StatusOr<FilterPtr> filter = Parse("name~=/fo(o/");
  log::SetSink(nullptr);
  ASSERT_TRUE(filter.ok()) << filter.status();
  EXPECT_TRUE(Matches(**filter).empty());
  EXPECT_THAT(logged, ElementsAre(HasSubstr("error compiling regexp \"fo(o\"")));
}

TEST(FiltersTest, RegexpsAreGosAndNotRe2s) {
  std::vector<std::string> logged;
  log::SetSink([&](log::Level, std::string_view text) { logged.emplace_back(text); });
  const auto matches = [](std::string_view filter, const std::string& value) {
    const absl::StatusOr<FilterPtr> parsed = Parse(filter);
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    return parsed.ok() && (*parsed)->Match(AdapterFunc([&](std::span<const std::string>) {
      return std::optional<std::string>(value);
    }));
  };
  // One byte of whatever: RE2 has it, Go has not.
  EXPECT_FALSE(matches(R"(a~="\\C")", "x"));
  EXPECT_FALSE(matches(R"x(a~="x|(\\C)")x", "x"));
  EXPECT_FALSE(matches(R"(a~="\\Qx\\E\\C")", "xx"));
  EXPECT_THAT(logged, ElementsAre(HasSubstr("error compiling regexp \"\\\\C\""), _, _));
  EXPECT_TRUE(matches(R"(a~="\\\\C")", "\\C"));      // A backslash and a letter,
  EXPECT_TRUE(matches(R"(a~="\\Q\\C\\E")", "\\C"));  // also like this,
  EXPECT_TRUE(matches(R"(a~="\\Q\\C")", "\\C"));     // and to the end.
  EXPECT_THAT(logged, SizeIs(3));
  log::SetSink(nullptr);
}

TEST(FiltersTest, LargeRegexpsMatchAsGosDo) {
  const absl::StatusOr<FilterPtr> filter = Parse(R"(a~="\\pL{500}")");
  ASSERT_TRUE(filter.ok()) << filter.status();
  for (const std::size_t size : {std::size_t{499}, std::size_t{500}}) {
    EXPECT_EQ((*filter)->Match(AdapterFunc([&](std::span<const std::string>) {
      return std::optional<std::string>(std::string(size, 'x'));
    })),
              size == 500);
  }
  // Beyond what RE2 can hold, which is no reason to match nothing.
  const absl::Status status = Parse("a~=\"\\\\pL{1000}\\\\pL{1000}\"").status();
  EXPECT_TRUE(errdefs::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("needs too much memory"));
}

TEST(FiltersTest, RegexpsReadInvalidUtf8AsGoDoes) {
  const absl::StatusOr<FilterPtr> filter = Parse("name~=^a.b$");
  ASSERT_TRUE(filter.ok());
  for (const char* text : {"a\xff"
                           "b",
                           "a\xc3\xb6"
                           "b",
                           "a b"}) {
    EXPECT_TRUE((*filter)->Match(AdapterFunc([&](std::span<const std::string>) {
      return std::optional<std::string>(text);
    }))) << text;
  }
}

TEST(FiltersTest, ParseAllMatchesWhatAnyDoes) {
  const absl::StatusOr<FilterPtr> none = ParseAll(std::vector<std::string>{});
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(Matches(**none), kEverything);

  const absl::StatusOr<FilterPtr> two =
      ParseAll(std::vector<std::string>{"name==bar,labels.bar", "name==baz"});
  ASSERT_TRUE(two.ok());
  EXPECT_THAT(Matches(**two), ElementsAre(3, 6));

  const absl::StatusOr<FilterPtr> listed = ParseAll({"name==baz", "name==bazo"});
  ASSERT_TRUE(listed.ok());
  EXPECT_THAT(Matches(**listed), ElementsAre(6, 7));

  const absl::Status bad = ParseAll({"name==baz", "name="}).status();
  EXPECT_TRUE(errdefs::IsInvalidArgument(bad));
  EXPECT_EQ(bad.message(), "filters: parse error: [name >|=|< ]: unsupported operator \"=\"");
}

TEST(FiltersTest, AnyAndAllOfNothing) {
  EXPECT_TRUE(Matches(Any({})).empty());
  EXPECT_EQ(Matches(All({})), kEverything);
  EXPECT_EQ(Matches(*Always()), kEverything);
  const auto never = std::make_shared<FilterFunc>([](const Adaptor&) { return false; });
  EXPECT_TRUE(Matches(All({Always(), never})).empty());
  EXPECT_EQ(Matches(Any({never, Always()})), kEverything);
}

// Any bytes give a filter or an error.
TEST(FiltersTest, ParseIsTotal) {
  log::SetSink([](log::Level, std::string_view) {});  // Many of the regular expressions are bad.
  const std::string_view alphabet("a0_.,=!~\"/|\\x7u \n\0\xff\xc3\xb6", 21);
  std::string text;
  unsigned state = 1;
  for (int round = 0; round < 20000; ++round) {
    text.clear();
    for (unsigned n = 0; n < 12; ++n) {
      state = state * 1664525u + 1013904223u;
      text.push_back(alphabet[(state >> 16) % alphabet.size()]);
    }
    const absl::StatusOr<FilterPtr> filter = Parse(text);
    EXPECT_TRUE(filter.ok() || errdefs::IsInvalidArgument(filter.status()));
    if (filter.ok()) Matches(**filter);
  }
  log::SetSink(nullptr);
}

TEST(QuoteTest, AsGoDoes) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", R"("")"},
      {"plain", R"("plain")"},
      {R"(a"b\c)", R"("a\"b\\c")"},
      {"\a\b\f\n\r\t\v", R"("\a\b\f\n\r\t\v")"},
      {std::string("\0\x1b\x7f", 3), R"("\x00\x1b\x7f")"},
      {"\xff\xc3(", R"("\xff\xc3(")"},
      {"\xef\xbf\xbd", "\"\xef\xbf\xbd\""},
      {"h\u00e9\u4e16\U0001f600", "\"h\u00e9\u4e16\U0001f600\""},
      {"\u00a0\u200b\ufeff", R"("\u00a0\u200b\ufeff")"},
      {"\U000e0001", R"("\U000e0001")"},
  };
  for (const auto& [text, want] : cases) EXPECT_EQ(Quote(text), want);
}

TEST(QuoteTest, FiltersReadWhatWasQuoted) {
  std::string all;
  for (int c = 0; c < 256; ++c) all.push_back(static_cast<char>(c));
  for (const std::string& value : {all, std::string("\u00a0 \U0001f600|/\"\\"), std::string()}) {
    absl::StatusOr<FilterPtr> filter = Parse("labels." + Quote("k" + value) + "==" + Quote(value));
    ASSERT_TRUE(filter.ok()) << filter.status();
    EXPECT_TRUE((*filter)->Match(AdapterFunc([&](std::span<const std::string> path) {
      return path.size() == 2 && path[1] == "k" + value ? std::optional(value) : std::nullopt;
    })));
  }
}

}  // namespace
}  // namespace containerd::filters
