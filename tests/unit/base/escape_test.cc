// SPDX-License-Identifier: Apache-2.0
#include "src/base/escape.h"

#include <string>

#include <gtest/gtest.h>

namespace containerd::base {
namespace {

TEST(EscapeTest, PercentEncode) {
  EXPECT_EQ(PercentEncode("aZ09-_.~"), "aZ09-_.~");
  EXPECT_EQ(PercentEncode("a b/c%\xff"), "a%20b%2Fc%25%FF");
  EXPECT_EQ(PercentEncode("a b/c", "/"), "a%20b/c");
  EXPECT_EQ(PercentEncode(std::string("\0", 1), "/"), "%00");
  EXPECT_EQ(QueryEncode("a b+c&d"), "a+b%2Bc%26d");
}

TEST(EscapeTest, LeadingPercent) {
  EXPECT_EQ(LeadingPercent("%2f rest"), '/');
  EXPECT_EQ(LeadingPercent("%2F"), '/');
  EXPECT_EQ(LeadingPercent("%fF"), '\xff');
  for (const char* none : {"", "%", "%2", "%2g", "%g2", "2f%", "% 2"}) {
    EXPECT_EQ(LeadingPercent(none), std::nullopt) << none;
  }
}

TEST(EscapeTest, DecodeOctal) {
  EXPECT_EQ(DecodeOctal("/a\\040b\\134c\\011"), "/a b\\c\t");
  EXPECT_EQ(DecodeOctal("\\04"), "\\04");
  EXPECT_EQ(DecodeOctal("\\048\\"), "\\048\\");
}

TEST(EscapeTest, Quote) {
  EXPECT_EQ(Quote("a\"b\n"), "\"a\\\"b\\n\"");
  EXPECT_EQ(Quote("abc", 3), "\"abc\"");
  EXPECT_EQ(Quote("abcd", 3), "\"abc\"...");
  EXPECT_EQ(Quote(""), "\"\"");
  EXPECT_EQ(Quote("größe 日本 😀"), "\"größe 日本 😀\"");
  EXPECT_EQ(Quote("日本", 5), "\"日\"...");  // No half characters.
  EXPECT_EQ(Quote("\xe4\xff"), "\"\\xe4\\xff\"");
  EXPECT_EQ(Quote("\xc2\x85|\xe2\x80\xae"), "\"\\xc2\\x85|\\xe2\\x80\\xae\"");
}

}  // namespace
}  // namespace containerd::base
