// SPDX-License-Identifier: Apache-2.0
#include "src/gojson/internal/codec.h"

#include <string>
#include <tuple>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

namespace sample {

namespace gojson = containerd::gojson;

struct Leaf {
  std::string name{};
  std::uint16_t weight = 0;
  gojson::Extra extra{};
  friend bool operator==(const Leaf&, const Leaf&) = default;
};

template <class V, gojson::Of<Leaf> T>
void Bind(V& v, T& leaf) {
  v.Field("name", leaf.name);
  v.Field("weight", leaf.weight, gojson::kOmitEmpty);
}

struct Everything {
  bool flag = false;
  std::int64_t i64 = 0;
  std::int32_t i32 = 0;
  std::uint64_t u64 = 0;
  std::string text{};
  std::string bytes{};
  std::vector<std::string> list{};
  gojson::Slice<Leaf> slice{};
  std::map<std::string, std::string> labels{};
  std::map<std::string, Leaf> leaves{};
  std::set<std::string> set{};
  std::optional<std::int64_t> maybe{};
  std::optional<Leaf> leaf{};
  std::optional<absl::Time> when{};
  gojson::RawMessage raw{};
  gojson::Extra extra{};
  friend bool operator==(const Everything&, const Everything&) = default;
};

template <class V, gojson::Of<Everything> T>
void Bind(V& v, T& e) {
  v.Field("flag", e.flag, gojson::kOmitEmpty);
  v.Field("i64", e.i64, gojson::kOmitEmpty);
  v.Field("i32", e.i32, gojson::kOmitEmpty);
  v.Field("u64", e.u64, gojson::kOmitEmpty);
  v.Field("text", e.text, gojson::kOmitEmpty);
  v.Base64("bytes", e.bytes, gojson::kOmitEmpty);
  v.Field("list", e.list, gojson::kOmitEmpty);
  v.Field("slice", e.slice);
  v.Field("labels", e.labels, gojson::kOmitEmpty);
  v.Field("leaves", e.leaves, gojson::kOmitEmpty);
  v.Field("set", e.set, gojson::kOmitEmpty);
  v.Field("maybe", e.maybe, gojson::kOmitEmpty);
  v.Field("leaf", e.leaf, gojson::kOmitEmpty);
  v.Field("when", e.when, gojson::kOmitEmpty);
  v.Field("raw", e.raw, gojson::kOmitEmpty);
}

struct Cases {
  std::string upper{};
  std::string lower{};
  gojson::Extra extra{};
};

template <class V, gojson::Of<Cases> T>
void Bind(V& v, T& cases) {
  v.Field("KEY", cases.upper);
  v.Field("key", cases.lower);
}

}  // namespace sample

namespace containerd::gojson {
namespace {

using ::sample::Everything;
using ::sample::Leaf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string RoundTrip(std::string_view text) {
  const absl::StatusOr<Everything> value = Unmarshal<Everything>(text);
  return value.ok() ? Marshal(*value) : std::string(value.status().message());
}

TEST(Write, StringsAreEscapedAsGoDoes) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", R"("")"},
      {"plain é 世 😀", R"("plain é 世 😀")"},
      {"\"\\/", R"("\"\\/")"},
      {"\b\f\n\r\t", R"("\b\f\n\r\t")"},
      {std::string("\0\x01\x1f\x7f", 4), "\"\\u0000\\u0001\\u001f\x7f\""},
      {"<a href='x'>&</a>", R"("\u003ca href='x'\u003e\u0026\u003c/a\u003e")"},
      {"\xE2\x80\xA7\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\xAA",
       "\"\xE2\x80\xA7\\u2028\\u2029\xE2\x80\xAA\""},
      {"a\xFFz", R"("a\ufffdz")"},
      {"\xC0\x80", R"("\ufffd\ufffd")"},                      // Overlong.
      {"\xED\xA0\x80", R"("\ufffd\ufffd\ufffd")"},            // A surrogate.
      {"\xF4\x90\x80\x80", R"("\ufffd\ufffd\ufffd\ufffd")"},  // Beyond U+10FFFF.
      {"\xE4\xB8", R"("\ufffd\ufffd")"},                      // Cut off.
      {"\xEF\xBF\xBD", "\"\xEF\xBF\xBD\""},                   // U+FFFD itself is a valid rune.
  };
  for (const auto& [value, want] : cases) EXPECT_EQ(Marshal(value), want);
}

TEST(Read, StringsAreReadAsGoDoes) {
  const std::string bad = "\xEF\xBF\xBD";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"("")", ""},
      {R"("\"\\\/\b\f\n\r\t")", "\"\\/\b\f\n\r\t"},
      {R"("\u0041\u00e9\u4E16")", "Aé世"},
      {R"("\ud83d\ude00")", "😀"},
      {R"("\ud83d")", bad},
      {R"("\ud83dx")", bad + "x"},
      {R"("\ud83d\u0041")", bad + "A"},
      {R"("\ud83d\ud83d\ude00")", bad + "😀"},
      {R"("\ude00\ud83d")", bad + bad},
      {"\"a\xFFz\"", "a" + bad + "z"},
      {"\"\xED\xA0\x80\"", bad + bad + bad},
  };
  for (const auto& [text, want] : cases) {
    const absl::StatusOr<std::string> got = Unmarshal<std::string>(text);
    ASSERT_TRUE(got.ok()) << text << ": " << got.status();
    EXPECT_EQ(*got, want) << text;
  }
}

TEST(Read, IntegersKeepTheirRange) {
  EXPECT_EQ(*Unmarshal<std::int64_t>("-9223372036854775808"), INT64_MIN);
  EXPECT_EQ(*Unmarshal<std::uint64_t>("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(*Unmarshal<std::int64_t>("-0"), 0);
  EXPECT_EQ(*Unmarshal<std::uint16_t>(" 65535\n"), 65535);
  for (const char* text : {"9223372036854775808", "1.0", "1e2", "-", "+1", "01", "0x1", "1.", "1e",
                           "", "NaN", "\"1\"", "true", "[1]", "- 1"}) {
    EXPECT_FALSE(Unmarshal<std::int64_t>(text).ok()) << text;
  }
  for (const char* text : {"-1", "-0", "65536", "18446744073709551616"}) {
    EXPECT_FALSE(Unmarshal<std::uint16_t>(text).ok()) << text;
  }
}

TEST(Read, NullMeansNoValue) {
  EXPECT_EQ(RoundTrip("null"), R"({"slice":null})");
  EXPECT_EQ(RoundTrip(R"({"flag":null,"i64":null,"text":null,"bytes":null,"list":null,"slice":null,
                          "labels":null,"leaves":null,"set":null,"maybe":null,"leaf":null,
                          "when":null,"raw":null})"),
            R"({"slice":null})");
  EXPECT_EQ(RoundTrip(R"({"list":[null,"a"],"slice":[null],"labels":{"k":null},"set":{"s":null}})"),
            R"({"list":["","a"],"slice":[{"name":""}],"labels":{"k":""},"set":{"s":{}}})");
}

TEST(Slice, TellsNilFromEmpty) {
  EXPECT_EQ(RoundTrip(R"({"slice":[]})"), R"({"slice":[]})");
  EXPECT_EQ(RoundTrip("{}"), R"({"slice":null})");
  Everything value;
  EXPECT_TRUE(value.slice.IsNil());
  value.slice = {};
  EXPECT_FALSE(value.slice.IsNil());
  EXPECT_EQ(Marshal(value), R"({"slice":[]})");
  value.slice = std::vector<Leaf>{{.name = "a"}};
  EXPECT_EQ(Marshal(value), R"({"slice":[{"name":"a"}]})");
  value.slice = Slice<Leaf>();
  value.slice.push_back({.name = "b"});
  EXPECT_EQ(Marshal(value), R"({"slice":[{"name":"b"}]})");
}

TEST(RoundTrip, KeepsOrderAndOmitsWhatIsEmpty) {
  const std::string text =
      R"({"flag":true,"i64":-1,"i32":-2147483648,"u64":18446744073709551615,"text":"t",)"
      R"("bytes":"AP8Q","list":["b","a"],"slice":[{"name":"x","weight":7}],)"
      R"("labels":{"a":"1","b":"2"},"leaves":{"l":{"name":"y"}},"set":{"80/tcp":{}},"maybe":0,)"
      R"("leaf":{"name":""},"when":"2024-02-29T12:34:56.1Z","raw":{"z":1,"a":[1.50,1e300]}})";
  EXPECT_EQ(RoundTrip(text), text);
  const absl::StatusOr<Everything> value = Unmarshal<Everything>(text);
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(value->bytes, std::string("\0\xFF\x10", 3));
  EXPECT_TRUE(value->extra.empty());
  EXPECT_EQ(RoundTrip(R"({"labels":{"b":"2","a":"1"},"flag":false,"i64":0,"text":"","slice":[]})"),
            R"({"slice":[],"labels":{"a":"1","b":"2"}})");
}

TEST(RoundTrip, KeepsUnknownMembersAtEveryLevel) {
  const absl::StatusOr<Everything> value = Unmarshal<Everything>(
      R"({"new":{"b" : 1, "a" : "<x> y\"\\"},"slice":[{"more":null,"name":"n"}],"1<2":[ ]})");
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_EQ(Marshal(*value), R"({"slice":[{"name":"n","more":null}],)"
                             R"("new":{"b":1,"a":"\u003cx\u003e y\"\\"},"1\u003c2":[]})");
  EXPECT_EQ(value->extra.Find("1<2"), "[]");
  EXPECT_THAT(value->extra.Find("slice"), IsEmpty());
  EXPECT_FALSE(value->extra.empty());
}

TEST(RoundTrip, UnknownMembersKeepTheirSpelling) {
  for (const char* value :
       {"-0", "0.10", "1E5", "1e-400", "18446744073709551616", "123456789012345678901234567890",
        "-9223372036854775809", R"("\u0041\/\ud83d\ude00")",
        R"({"b":1,"a":[true,false,null],"b":2})"}) {
    const std::string text = R"({"slice":null,"x":)" + std::string(value) + "}";
    EXPECT_EQ(RoundTrip(text), text);
  }
}

// What is not text does not get through, as it would in Go.
TEST(RoundTrip, UnknownMembersAreText) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"\"a\xFFz\"", "\"a\xEF\xBF\xBDz\""},
      {"[\"\xED\xA0\x80\"]", "[\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"]"},
      {R"("\ud800")", R"("\ufffd")"},
      {R"("\uDC00\ud83d\ude00\ud800\n")", R"("\ufffd\ud83d\ude00\ufffd\n")"},
      {R"("\\ud800")", R"("\\ud800")"},  // An escaped backslash.
      {"{\"\xC0\":1}", "{\"\xEF\xBF\xBD\":1}"},
  };
  for (const auto& [value, want] : cases) {
    EXPECT_EQ(RoundTrip(R"({"x":)" + value + "}"), R"({"slice":null,"x":)" + want + "}");
  }
  EXPECT_EQ(RoundTrip("{\"\xFF\":1}"), "{\"slice\":null,\"\xEF\xBF\xBD\":1}");
}

TEST(Read, NamesMayDifferInCase) {
  EXPECT_EQ(
      RoundTrip(R"({"TEXT":"t","liSt":["a"],"Slice":[{"NAME":"n","Weight":1}],"BYTES":"AP8Q",)"
                R"("When":"2024-02-29T12:34:56+01:00","LABELS":{"K":"1","k":"2"}})"),
      R"({"text":"t","bytes":"AP8Q","list":["a"],"slice":[{"name":"n","weight":1}],)"
      R"("labels":{"K":"1","k":"2"},"when":"2024-02-29T12:34:56+01:00"})");
  // The last one counts, however it is spelled.
  EXPECT_EQ(RoundTrip(R"({"text":"a","Text":"b","slice":null})"), R"({"text":"b","slice":null})");
  EXPECT_EQ(RoundTrip(R"({"Text":"a","text":"b","slice":null})"), R"({"text":"b","slice":null})");
  // The Kelvin sign and the long s are a k and an s in other case; nothing else is beyond ASCII.
  EXPECT_EQ(RoundTrip("{\"\u017Flice\":[],\"li\u017Ft\":[\"a\"]}"), R"({"list":["a"],"slice":[]})");
  EXPECT_EQ(RoundTrip("{\"flag\":true,\"\uFF46lag\":1,\"flagg\":2,\"fla\":3,\"\":4}"),
            "{\"flag\":true,\"slice\":null,\"\uFF46lag\":1,\"flagg\":2,\"fla\":3,\"\":4}");
}

TEST(Read, TheNameItselfComesBeforeOtherCases) {
  const absl::StatusOr<sample::Cases> value =
      Unmarshal<sample::Cases>(R"({"key":"1","KEY":"2","Key":"3","\u212Aey":"4"})");
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_EQ(value->upper, "4");  // The first field that fits, and the last member that does.
  EXPECT_EQ(value->lower, "1");
}

TEST(RoundTrip, TheLastOfTwoMembersCounts) {
  EXPECT_EQ(RoundTrip(R"({"text":"a","text":"b","slice":[],"x":1,"x":2,"list":["a"],"list":[]})"),
            R"({"text":"b","slice":[],"x":2})");
}

TEST(Read, ErrorsNameThePathAndThePlace) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"slice":[{},{"weight":"7"}]})",
       "json: slice[1].weight: want an integer, found a string (byte 23)"},
      {R"({"leaves":{"a\nb":{"weight":65536}}})",
       R"(json: leaves["a\nb"].weight: integer out of range, want 0 to 65535 (byte 28))"},
      {R"({"labels":{"k":[]}})", R"(json: labels["k"]: want a string, found an array (byte 15))"},
      {R"({"set":{"k":1}})", R"(json: set["k"]: want an object, found a number (byte 12))"},
      {R"([])", "json: want an object, found an array (byte 0)"},
      {R"()",
       "json: while parsing value - unexpected end of input; expected '[', '{', or a literal (byte "
       "0)"},
      {R"({"flag":1})", "json: flag: want a boolean, found a number (byte 8)"},
      {R"({"bytes":"?"})", "json: bytes: a string that is not base64 (byte 9)"},
      {R"({"when":1})", "json: when: want a time, found a number (byte 8)"},
      {R"({} x)", "json: while parsing value - invalid literal (byte 3)"},
      {R"({"x":1,})",
       "json: while parsing object key - unexpected '}'; expected string literal (byte 7)"},
      {R"({"x" 1})",
       "json: x: while parsing object separator - unexpected number literal; expected ':' (byte "
       "5)"},
      {R"({"list":["a" "b"]})",
       "json: list[1]: while parsing array - unexpected string literal; expected ']' (byte 13)"},
      {R"({"maybe":1.5})", "json: maybe: want an integer, found a fraction or exponent (byte 9)"},
  };
  for (const auto& [text, want] : cases) {
    const absl::StatusOr<Everything> value = Unmarshal<Everything>(text);
    EXPECT_TRUE(errdefs::IsInvalidArgument(value.status())) << text;
    EXPECT_EQ(std::string(value.status().message()), want) << text;
  }
}

TEST(Read, ErrorsInsideUnknownMembersNameThePlace) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"a":1,"x":{"y":[0,1e400]}})", "json: x.y[1]: a number too large for a double (byte 19)"},
      {R"({"x":-1e400})", "json: x: a number too large for a double (byte 5)"},
      {R"({"a b":{"x":tru}})",
       R"(json: ["a b"].x: while parsing value - invalid literal (byte 12))"},
      {"{\"x\":[[],\"\t\"]}",
       "json: x[1]: while parsing value - invalid string: control character "
       "U+0009 (HT) must be escaped to \\u0009 or \\t (byte 9)"},
      {R"({"x":{"y":1},"z":[)",
       "json: z[0]: while parsing value - unexpected end of input; expected '[', '{', or a literal "
       "(byte 18)"},
      {R"({"x":"\ud800\u12"})",
       "json: x: while parsing value - invalid string: '\\u' must be followed by 4 hex digits "
       "(byte 5)"},
      {std::string("{\"x\":1}\0", 8), "json: text after the value (byte 7)"},
      {"\xEF\xBB\xBF{}", "json: a byte order mark before the value (byte 0)"},
  };
  for (const auto& [text, want] : cases) {
    const absl::StatusOr<Everything> value = Unmarshal<Everything>(text);
    EXPECT_TRUE(errdefs::IsInvalidArgument(value.status())) << text;
    EXPECT_EQ(std::string(value.status().message()), want) << text;
  }
  const std::string digits(400, '9');
  for (const std::string& number : {digits, "-" + digits, digits + ".5", std::string("1E+309")}) {
    EXPECT_FALSE(Unmarshal<Everything>("{\"x\":" + number + "}").ok()) << number;
  }
}

TEST(Read, DeepPathsAreCutInErrors) {
  std::string text = "1e999";
  for (int i = 1; i < kMaxDepth; ++i)
    text = "{\"" + std::string(1000, '"' + 1) + "\":" + text + "}";
  const absl::Status status = Unmarshal<Everything>(text).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("too large"));
  EXPECT_LT(status.message().size(), 2000U);
}

TEST(Read, LongKeysAreCutInErrors) {
  const absl::StatusOr<Everything> value =
      Unmarshal<Everything>("{\"labels\":{\"" + std::string(100000, 'k') + "\":1}}");
  EXPECT_LT(value.status().message().size(), 200U);
}

TEST(Read, RefusesWhatIsNotJson) {
  for (const char* text : {"{",
                           "[",
                           "\"",
                           "{\"x\"",
                           "{\"x\":",
                           "{\"x\":tru}",
                           "{\"x\":nul}",
                           "{\"x\":\"\\q\"}",
                           "{\"x\":\"\\u12\"}",
                           "{\"x\":\"\n\"}",
                           "{\"x\":[1,]}",
                           "{\"x\":{\"y\":}}",
                           "{x:1}",
                           "{'x':1}",
                           "{\"x\":1.}",
                           "{\"x\":.5}",
                           "{\"x\":1e}",
                           "{\"x\":-}",
                           "{\"x\":00}",
                           "{\"x\":NaN}",
                           "{}{}",
                           "\xEF\xBB\xBF{}",
                           "{,}",
                           "{\"x\":1 \"y\":2}",
                           "{\"x\":\"\\\"}"}) {
    EXPECT_FALSE(Unmarshal<Everything>(text).ok()) << text;
  }
  EXPECT_FALSE(Unmarshal<Everything>(std::string_view("{}\0", 3)).ok());
}

TEST(Read, EveryPrefixAndMutationGivesAValueOrAnError) {
  const std::string text =
      R"({"flag":true,"i64":-1,"text":"\u00e9\ud83d\ude00","bytes":"AP8Q","slice":[{"name":"x"}],)"
      R"("leaves":{"l":{"name":"y"}},"set":{"a":{}},"when":"2024-02-29T12:34:56.1+01:00","n":[{},1e5]})";
  ASSERT_TRUE(Unmarshal<Everything>(text).ok());
  for (std::size_t i = 0; i < text.size(); ++i) {
    EXPECT_FALSE(Unmarshal<Everything>(std::string_view(text).substr(0, i)).ok()) << i;
    for (const char c : std::string("\0\xFF\"\\{}[],:-0e.nt ", 17)) {
      std::string mutated = text;
      mutated[i] = c;
      const absl::StatusOr<Everything> value = Unmarshal<Everything>(mutated);
      if (!value.ok()) continue;
      // What could be read is written in a form that reads as the same value.
      const absl::StatusOr<Everything> again = Unmarshal<Everything>(Marshal(*value));
      ASSERT_TRUE(again.ok()) << mutated << ": " << again.status();
      EXPECT_EQ(Marshal(*again), Marshal(*value)) << mutated;
    }
  }
}

TEST(Read, BoundsDepth) {
  const auto nested = [](int depth) {
    return "{\"x\":" + std::string(static_cast<std::size_t>(depth), '[') +
           std::string(static_cast<std::size_t>(depth), ']') + "}";
  };
  EXPECT_TRUE(Unmarshal<Everything>(nested(kMaxDepth - 1)).ok());
  const absl::StatusOr<Everything> value = Unmarshal<Everything>(nested(kMaxDepth));
  EXPECT_THAT(std::string(value.status().message()), HasSubstr("nested more than 128 deep"));
  EXPECT_FALSE(Unmarshal<Everything>("{\"x\":" + std::string(1000000, '[')).ok());
}

TEST(Read, BoundsStructs) {
  std::string text = "{\"slice\":[{}";
  for (int i = 0; i < kMaxStructs; ++i) text += ",{}";
  const absl::StatusOr<Everything> value = Unmarshal<Everything>(text + "]}");
  EXPECT_THAT(std::string(value.status().message()), HasSubstr("more than 131072 objects"));
}

TEST(Time, IsSpelledAsGoDoes) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"2024-02-29T12:34:56Z", "2024-02-29T12:34:56Z"},
      {"2024-02-29T12:34:56.100Z", "2024-02-29T12:34:56.1Z"},
      {"2024-02-29T12:34:56.000000000Z", "2024-02-29T12:34:56Z"},
      {"2024-02-29T12:34:56.123456789999Z", "2024-02-29T12:34:56.123456789Z"},
      {"2024-02-29T12:34:56+05:30", "2024-02-29T12:34:56+05:30"},
      {"2024-02-29T00:34:56.5-11:00", "2024-02-29T00:34:56.5-11:00"},
      {"2024-02-29T12:34:56+00:00", "2024-02-29T12:34:56Z"},
      {"2024-02-29T12:34:56-00:00", "2024-02-29T12:34:56Z"},
      {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
      {"0000-01-01T00:00:00+23:59", "0000-01-01T00:00:00+23:59"},
      {"9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999Z"},
  };
  for (const auto& [text, want] : cases) {
    EXPECT_EQ(RoundTrip("{\"when\":\"" + text + "\"}"),
              "{\"slice\":null,\"when\":\"" + want + "\"}");
  }
  for (const char* text : {"",
                           "2024-02-30T12:34:56Z",
                           "2023-02-29T12:34:56Z",
                           "2024-13-01T00:00:00Z",
                           "2024-01-01T24:00:00Z",
                           "2024-01-01T00:60:00Z",
                           "2024-01-01T00:00:60Z",
                           "2024-01-01T00:00:00",
                           "2024-01-01 00:00:00Z",
                           "2024-01-01T00:00:00z",
                           "2024-01-01T00:00:00.Z",
                           "2024-01-01T00:00:00,5Z",
                           "2024-01-01T00:00:00+24:00",
                           "2024-01-01T00:00:00+0100",
                           "24-01-01T00:00:00Z",
                           "2024-01-01T0:00:00Z",
                           "infinite-future",
                           " 2024-01-01T00:00:00Z",
                           "2024-01-01T00:00:00Zx",
                           "2024-00-01T00:00:00Z"}) {
    EXPECT_FALSE(Unmarshal<Everything>("{\"when\":\"" + std::string(text) + "\"}").ok()) << text;
  }
}

TEST(Time, OutOfRangeIsClamped) {
  Everything value;
  value.when = absl::InfiniteFuture();
  EXPECT_THAT(Marshal(value), HasSubstr("9999-12-31T23:59:59.999999999Z"));
  value.when = absl::InfinitePast();
  EXPECT_THAT(Marshal(value), HasSubstr("0000-01-01T00:00:00Z"));
  value.when = absl::FromUnixNanos(1) + absl::Nanoseconds(1) / 2;
  EXPECT_THAT(Marshal(value), HasSubstr("1970-01-01T00:00:00.000000001Z"));
}

TEST(Base64, AsGosStandardEncoding) {
  const auto bytes = [](std::string_view text) { return RoundTrip(text); };
  EXPECT_EQ(bytes(R"({"bytes":"YQ=="})"), R"({"bytes":"YQ==","slice":null})");
  EXPECT_EQ(bytes(R"({"bytes":"Y\r\nQ==\n"})"), R"({"bytes":"YQ==","slice":null})");
  EXPECT_EQ(bytes(R"({"bytes":""})"), R"({"slice":null})");
  for (const char* text : {"YQ", "YQ=", "Y Q=", "YQ==YQ==", "_-==", "===="}) {
    EXPECT_FALSE(Unmarshal<Everything>("{\"bytes\":\"" + std::string(text) + "\"}").ok()) << text;
  }
}

}  // namespace
}  // namespace containerd::gojson
