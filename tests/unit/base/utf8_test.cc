// SPDX-License-Identifier: Apache-2.0
#include "src/base/utf8.h"

#include <string>

#include <gtest/gtest.h>

namespace containerd::base {
namespace {

TEST(Utf8Test, ReadsWhatItWrites) {
  for (const Rune rune :
       {0x0, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, kMaxRune}) {
    std::string text;
    AppendRune(text, rune);
    const DecodedRune decoded = DecodeRune(text);
    EXPECT_EQ(decoded.rune, rune);
    EXPECT_EQ(decoded.width, text.size()) << rune;
    EXPECT_TRUE(IsValidUTF8(text));
  }
}

TEST(Utf8Test, InvalidBytesCountOneByOne) {
  // A continuation, an overlong form, a surrogate, one beyond the last, one that is cut off.
  for (const char* text : {"\x80", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                           "\xF5\x80\x80\x80", "\xE2\x82", "\xFF"}) {
    EXPECT_EQ(DecodeRune(text).rune, kRuneError);
    EXPECT_EQ(DecodeRune(text).width, 1U);
    EXPECT_FALSE(IsValidUTF8(text));
  }
  EXPECT_EQ(DecodeRune("").width, 0U);
  EXPECT_EQ(ReplaceInvalidUTF8("a\xFF\xFE"
                               "b"),
            "a\xEF\xBF\xBD\xEF\xBF\xBD"
            "b");
  EXPECT_TRUE(IsValidUTF8("\xEF\xBF\xBD"));
}

TEST(Utf8Test, WritesNoSurrogates) {
  std::string text;
  AppendRune(text, 0xD800);
  AppendRune(text, kMaxRune + 1);
  AppendRune(text, -1);
  EXPECT_EQ(text, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(UTF8Test, FirstOf) {
  EXPECT_EQ(FirstOfUTF8("abc", 5), "abc");
  EXPECT_EQ(FirstOfUTF8("abc", 2), "ab");
  EXPECT_EQ(FirstOfUTF8("aä", 2), "a");
  EXPECT_EQ(FirstOfUTF8("aä", 3), "aä");
  EXPECT_EQ(FirstOfUTF8("\xff\xff", 1), "\xff");
  EXPECT_EQ(FirstOfUTF8("a", 0), "");
}

}  // namespace
}  // namespace containerd::base
