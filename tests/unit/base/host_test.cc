// SPDX-License-Identifier: Apache-2.0
#include "src/base/host.h"

#include <optional>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::base {
namespace {

using ::testing::HasSubstr;

TEST(HostTest, SplitHostPort) {
  const struct {
    std::string_view text;
    std::string_view host;
    std::optional<std::string_view> port;
  } kCases[] = {
      {"host:80", "host", "80"},
      {"host:", "host", ""},
      {"host", "host", std::nullopt},
      {"", "", std::nullopt},
      {":", "", ""},
      {":1", "", "1"},
      {"x:y", "x", "y"},
      {"[::1]:80", "::1", "80"},
      {"[x]:y", "x", "y"},
      {"[]:1", "", "1"},
      {"[::1]", "[::1]", std::nullopt},
      {"[::1]80", "[::1]80", std::nullopt},
      {"[::1]x:80", "[::1]x:80", std::nullopt},
      {"[7a1", "[7a1", std::nullopt},
      {"]", "]", std::nullopt},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.text);
    const auto got = SplitHostPort(c.text);
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(got->host, c.host);
    EXPECT_EQ(got->port, c.port);
  }
  const std::pair<std::string_view, const char*> kErrors[] = {
      {"]:1", "unexpected ']'"},       {"a]b:1", "unexpected ']'"},
      {"a:1]", "unexpected ']'"},      {"a[b:1", "unexpected '['"},
      {"a:[1", "unexpected '['"},      {"[[a]:1", "unexpected '['"},
      {"[::1]:[80", "unexpected '['"}, {"[::1", "missing ']'"},
      {"::1", "too many colons"},      {"::1]", "too many colons"},
      {"1:2:3", "too many colons"},    {"[::1]:80:90", "too many colons"},
  };
  for (const auto& [text, why] : kErrors) {
    const absl::Status status = SplitHostPort(text).status();
    EXPECT_TRUE(errdefs::IsInvalidArgument(status)) << text << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(why)) << text;
  }
}

TEST(HostTest, IsIPv6) {
  for (const std::string_view text : {"::", "::1", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::",
                                      "::ffff:1.2.3.4", "fe80::1%eth0", "fe80::1%e%b", "::%25"}) {
    EXPECT_TRUE(IsIPv6(text)) << text;
  }
  for (const std::string_view text :
       {"", ":1", "1.2.3.4", "1.2.3.4%a", "evil", "::G", "::12345", "1:2:3:4:5:6:7:8:9",
        "::1.2.3.04", "::1%", "%eth0", "[::1]", "::1]", "::1 "}) {
    EXPECT_FALSE(IsIPv6(text)) << text;
  }
  EXPECT_FALSE(IsIPv6(std::string_view("::1\0x", 5)));
}

TEST(HostTest, UnixTargetEscapes) {
  EXPECT_EQ(UnixTarget("/run/a b%2f#?x"), "unix:///run/a%20b%252f%23%3Fx");
  EXPECT_EQ(UnixTarget("///run//s"), "unix:///run//s");
}

}  // namespace
}  // namespace containerd::base
