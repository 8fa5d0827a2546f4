// SPDX-License-Identifier: Apache-2.0
#include "containerd/reference/reference.h"

#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::reference {
namespace {

using ::testing::HasSubstr;

TEST(ReferenceTest, Parse) {
  const struct {
    const char* name;
    std::string input;
    std::string locator;
    std::string object;
    std::string hostname;
    std::string digest;
    std::string normalized;  // Like the input if empty.
  } kCases[] = {
      {"Basic", "docker.io/library/redis:foo?fooo=asdf", "docker.io/library/redis", "foo",
       "docker.io", "", "docker.io/library/redis:foo"},
      {"BasicWithDigest", "docker.io/library/redis:foo@sha256:abcdef?fooo=asdf",
       "docker.io/library/redis", "foo@sha256:abcdef", "docker.io", "sha256:abcdef",
       "docker.io/library/redis:foo@sha256:abcdef"},
      {"DigestOnly", "docker.io/library/redis@sha256:abcdef?fooo=asdf", "docker.io/library/redis",
       "@sha256:abcdef", "docker.io", "sha256:abcdef", "docker.io/library/redis@sha256:abcdef"},
      {"AtShortDigest", "docker.io/library/redis:obj@abcdef?fooo=asdf", "docker.io/library/redis",
       "obj@abcdef", "docker.io", "abcdef", "docker.io/library/redis:obj@abcdef"},
      {"HostWithPort", "localhost:5000/library/redis:obj@abcdef?fooo=asdf",
       "localhost:5000/library/redis", "obj@abcdef", "localhost:5000", "abcdef",
       "localhost:5000/library/redis:obj@abcdef"},
      {"ObjectIsOptional", "docker.io/library/redis?fooo=asdf", "docker.io/library/redis", "",
       "docker.io", "", "docker.io/library/redis"},
      {"Subdomain", "sub-dom1.foo.com/bar/baz/quux:latest", "sub-dom1.foo.com/bar/baz/quux",
       "latest", "sub-dom1.foo.com", "", ""},
      {"SubdomainWithLongTag", "sub-dom1.foo.com/bar/baz/quux:some-long-tag",
       "sub-dom1.foo.com/bar/baz/quux", "some-long-tag", "sub-dom1.foo.com", "", ""},
      {"AGCRAppears", "b.gcr.io/test.example.com/my-app:test.example.com",
       "b.gcr.io/test.example.com/my-app", "test.example.com", "b.gcr.io", "", ""},
      {"Punycode", "xn--n3h.com/myimage:xn--n3h.com", "xn--n3h.com/myimage", "xn--n3h.com",
       "xn--n3h.com", "", ""},
      {"PunycodeWithDigest", "xn--7o8h.com/myimage:xn--7o8h.com@sha512:fffffff",
       "xn--7o8h.com/myimage", "xn--7o8h.com@sha512:fffffff", "xn--7o8h.com", "sha512:fffffff", ""},
      {"HostOnly", "localhost:5000", "localhost:5000", "", "localhost:5000", "", ""},
      {"IPv6", "[2001:db8::1]:5000/repo:tag", "[2001:db8::1]:5000/repo", "tag",
       "[2001:db8::1]:5000", "", ""},
      {"IPv6Zone", "[fe80::1%25eth0]/repo:tag", "[fe80::1%eth0]/repo", "tag", "[fe80::1%eth0]", "",
       "[fe80::1%eth0]/repo:tag"},
      {"IPv6ZoneWithBracket", "[::1%25]]/x", "[::1%]]/x", "", "[::1%]]", "", "[::1%]]/x"},
      {"IPv4InIPv6", "[::ffff:1.2.3.4]:1/a", "[::ffff:1.2.3.4]:1/a", "", "[::ffff:1.2.3.4]:1", "",
       ""},
      {"IPv6WithEmptyPort", "[::1]:/a", "[::1]:/a", "", "[::1]:", "", ""},
      {"Colons", "1:2:3/x", "1:2:3/x", "", "1:2:3", "", ""},
      {"ClosingBracketAlone", "a]b/x", "a]b/x", "", "a]b", "", ""},
      {"UserDropped", "user:pass@host/repo:tag", "host/repo", "tag", "host", "", "host/repo:tag"},
      {"EscapesDecoded", "host/a%2Db%3Atag", "host/a-b", "tag", "host", "", "host/a-b:tag"},
      {"FragmentDropped", "host/repo:tag#part", "host/repo", "tag", "host", "", "host/repo:tag"},
      {"PathCleaned", "host//a/./b/../c/:tag", "host/a/c", "tag", "host", "", "host/a/c:tag"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    const absl::StatusOr<Spec> spec = Parse(c.input);
    ASSERT_TRUE(spec.ok()) << spec.status();
    EXPECT_EQ(spec->locator, c.locator);
    EXPECT_EQ(spec->object, c.object);
    EXPECT_EQ(spec->Hostname(), c.hostname);
    EXPECT_EQ(spec->Digest(), digest::Digest(c.digest));
    EXPECT_EQ(spec->String(), c.normalized.empty() ? c.input : c.normalized);
  }
}

TEST(ReferenceTest, ParseErrors) {
  const struct {
    const char* name;
    std::string input;
    bool (*want)(const absl::Status&);
  } kCases[] = {
      {"HostnameRequired", "/docker.io/library/redis:obj@abcdef?fooo=asdf", IsErrHostnameRequired},
      {"Empty", "", IsErrHostnameRequired},
      {"SchemeDefined", "http://xn--7o8h.com/myimage:xn--7o8h.com@sha512:fffffff", IsErrInvalid},
      {"NoPath", "redis:latest", IsErrInvalid},
      {"NoPathWithDigest", "redis@sha256:abcdef", IsErrInvalid},
      {"BadEscape", "host/a%2", IsErrInvalid},
      {"BadHostEscape", "ho%41st/a", IsErrInvalid},
      {"BadHostCharacter", "ho st/a", IsErrInvalid},
      {"BadUser", "us er@host/a", IsErrInvalid},
      {"BadFragment", "host/a#%zz", IsErrInvalid},
      {"OpenBracket", "[::1/repo", IsErrInvalid},
      {"BracketAtEnd", "x[", IsErrInvalid},
      {"BracketAfterPort", "a:1[/x", IsErrInvalid},
      {"NoIPv6", "[:1]:5000/a", IsErrInvalid},
      {"IPv4InBrackets", "[1.2.3.4]/x", IsErrInvalid},
      {"IPv4WithZone", "[1.2.3.4%25a]/x", IsErrInvalid},
      {"NameInBrackets", "[evil]/x", IsErrInvalid},
      {"NameBeforeBrackets", "good.com[evil]/x:1", IsErrInvalid},
      {"NameBeforeIPv6", "good.com[::1]/x:1", IsErrInvalid},
      {"NothingInBrackets", "[]/x", IsErrInvalid},
      {"TwoBrackets", "[[::1]]/x", IsErrInvalid},
      {"TwoClosing", "[::1]]/x", IsErrInvalid},
      {"EmptyZone", "[fe80::1%25]/a", IsErrInvalid},
      {"BracketInZone", "[::1%25[]/x", IsErrInvalid},
      {"UnescapedZone", "[fe80::1%eth0]/a", IsErrInvalid},
      {"EscapedColon", "[%3A:1]/x", IsErrInvalid},
      {"AfterBrackets", "[::1]x/a", IsErrInvalid},
      {"BracketInUser", "a[b@host/x", IsErrInvalid},
      {"ControlCharacter", "host/a\nb", IsErrInvalid},
      {"Null", std::string("host/a\0b", 8), IsErrInvalid},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    const absl::Status status = Parse(c.input).status();
    EXPECT_TRUE(c.want(status)) << status;
    EXPECT_TRUE(c.want(errdefs::Annotate(status, "pulling")));
    EXPECT_TRUE(errdefs::IsInvalidArgument(status)) << status;
  }
  EXPECT_EQ(Parse("redis:latest").status().message(),
            "invalid reference \"redis:latest\": invalid port \":latest\" after host");
  EXPECT_FALSE(IsErrHostnameRequired(errdefs::InvalidArgument("hostname required")));
  EXPECT_TRUE(IsErrObjectRequired(ErrObjectRequired("host/repo")));
  EXPECT_THAT(std::string(ErrObjectRequired("host/repo").message()), HasSubstr("host/repo"));
  EXPECT_TRUE(IsErrInvalid(ErrInvalid("host/repo")));
  EXPECT_FALSE(IsErrInvalid(ErrObjectRequired("host/repo")));
}

TEST(ReferenceTest, SplitObject) {
  const struct {
    std::string_view object;
    std::string tag;
    std::string digest;
  } kCases[] = {
      {"", "", ""},
      {"tag", "tag", ""},
      {"@sha256:abc", "", "sha256:abc"},
      {"tag@sha256:abc", "tag", "sha256:abc"},
      {"tag@a@b", "tag", "a@b"},
      {"tag@", "tag", ""},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.object);
    EXPECT_EQ(SplitObject(c.object).first, c.tag);
    EXPECT_EQ(SplitObject(c.object).second, digest::Digest(c.digest));
  }
}

}  // namespace
}  // namespace containerd::reference
