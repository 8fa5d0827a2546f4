// SPDX-License-Identifier: Apache-2.0
#include "containerd/reference/distribution.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <re2/re2.h>

#include "containerd/digest/digest.h"
#include "containerd/errdefs/errdefs.h"

#include "src/base/path.h"

namespace containerd::distribution::reference {
namespace {

using ::testing::ElementsAre;

std::string Repeat(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

const std::string kF64(64, 'f');
const std::string kF128(128, 'f');
const std::string kIdentifierText =
    "1a3f5e7d9c1b3a5f7e9d1c3b5a7f9e1d3c5b7a9f1e3d5d7c9b1a3f5e7d9c1b3a";

TEST(DistributionTest, Parse) {
  const struct {
    std::string input;
    std::string repository;
    std::string domain;
    std::string tag;
    std::string digest;
  } kCases[] = {
      {"test_com", "test_com", "", "", ""},
      {"test.com:tag", "test.com", "", "tag", ""},
      {"test.com:5000", "test.com", "", "5000", ""},
      {"test.com/repo:tag", "test.com/repo", "test.com", "tag", ""},
      {"test:5000/repo", "test:5000/repo", "test:5000", "", ""},
      {"test:5000/repo:tag", "test:5000/repo", "test:5000", "tag", ""},
      {"test:5000/repo@sha256:" + kF64, "test:5000/repo", "test:5000", "", "sha256:" + kF64},
      {"test:5000/repo:tag@sha256:" + kF64, "test:5000/repo", "test:5000", "tag", "sha256:" + kF64},
      {"lowercase:Uppercase", "lowercase", "", "Uppercase", ""},
      {Repeat("a/", 128) + "a:tag-puts-this-over-max", Repeat("a/", 128) + "a", "a",
       "tag-puts-this-over-max", ""},
      {"sub-dom1.foo.com/bar/baz/quux", "sub-dom1.foo.com/bar/baz/quux", "sub-dom1.foo.com", "",
       ""},
      {"sub-dom1.foo.com/bar/baz/quux:some-long-tag", "sub-dom1.foo.com/bar/baz/quux",
       "sub-dom1.foo.com", "some-long-tag", ""},
      {"b.gcr.io/test.example.com/my-app:test.example.com", "b.gcr.io/test.example.com/my-app",
       "b.gcr.io", "test.example.com", ""},
      {"xn--n3h.com/myimage:xn--n3h.com", "xn--n3h.com/myimage", "xn--n3h.com", "xn--n3h.com", ""},
      {"xn--7o8h.com/myimage:xn--7o8h.com@sha512:" + kF128, "xn--7o8h.com/myimage", "xn--7o8h.com",
       "xn--7o8h.com", "sha512:" + kF128},
      {"foo_bar.com:8080", "foo_bar.com", "", "8080", ""},
      {"foo/foo_bar.com:8080", "foo/foo_bar.com", "foo", "8080", ""},
      {"192.168.1.1", "192.168.1.1", "", "", ""},
      {"192.168.1.1:tag", "192.168.1.1", "", "tag", ""},
      {"192.168.1.1:5000", "192.168.1.1", "", "5000", ""},
      {"192.168.1.1/repo", "192.168.1.1/repo", "192.168.1.1", "", ""},
      {"192.168.1.1:5000/repo", "192.168.1.1:5000/repo", "192.168.1.1:5000", "", ""},
      {"192.168.1.1:5000/repo:5050", "192.168.1.1:5000/repo", "192.168.1.1:5000", "5050", ""},
      {"[2001:db8::1]/repo", "[2001:db8::1]/repo", "[2001:db8::1]", "", ""},
      {"[2001:db8:1:2:3:4:5:6]/repo:tag", "[2001:db8:1:2:3:4:5:6]/repo", "[2001:db8:1:2:3:4:5:6]",
       "tag", ""},
      {"[2001:db8::1]:5000/repo", "[2001:db8::1]:5000/repo", "[2001:db8::1]:5000", "", ""},
      {"[2001:db8::1]:5000/repo:tag", "[2001:db8::1]:5000/repo", "[2001:db8::1]:5000", "tag", ""},
      {"[2001:db8::1]:5000/repo@sha256:" + kF64, "[2001:db8::1]:5000/repo", "[2001:db8::1]:5000",
       "", "sha256:" + kF64},
      {"[2001:db8::1]:5000/repo:tag@sha256:" + kF64, "[2001:db8::1]:5000/repo",
       "[2001:db8::1]:5000", "tag", "sha256:" + kF64},
      {"[2001:db8::]:5000/repo", "[2001:db8::]:5000/repo", "[2001:db8::]:5000", "", ""},
      {"[::1]:5000/repo", "[::1]:5000/repo", "[::1]:5000", "", ""},
      {"Uppercase/lowercase:tag", "Uppercase/lowercase", "Uppercase", "tag", ""},
      {"a:" + std::string(128, 't'), "a", "", std::string(128, 't'), ""},
      {"localhost:8080@sha256:" + kF64, "localhost", "", "8080", "sha256:" + kF64},
      {"localhost@sha256:" + kF64, "localhost", "", "", "sha256:" + kF64},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.input);
    const absl::StatusOr<Reference> ref = Parse(c.input);
    ASSERT_TRUE(ref.ok()) << ref.status();
    EXPECT_EQ(ref->String(), c.input);
    ASSERT_TRUE(As<Named>(*ref).has_value());
    EXPECT_EQ(ref->Name(), c.repository);
    EXPECT_EQ(Domain(*As<Named>(*ref)), c.domain);
    EXPECT_EQ(ref->Tag(), c.tag);
    EXPECT_EQ(As<Tagged>(*ref).has_value(), !c.tag.empty());
    EXPECT_EQ(ref->Digest(), digest::Digest(c.digest));
    EXPECT_EQ(As<Digested>(*ref).has_value(), !c.digest.empty());
    EXPECT_EQ(As<Canonical>(*ref).has_value(), !c.digest.empty());

    Field field;
    ASSERT_TRUE(field.UnmarshalText(c.input).ok());
    EXPECT_EQ(field.Reference(), *ref);
    EXPECT_EQ(AsField(*ref).MarshalText(), c.input);
  }
}

TEST(DistributionTest, ParseErrors) {
  const struct {
    std::string input;
    bool (*want)(const absl::Status&);
  } kCases[] = {
      {"", IsErrNameEmpty},
      {":justtag", IsErrReferenceInvalidFormat},
      {"@sha256:" + kF64, IsErrReferenceInvalidFormat},
      {"repo@sha256:" + std::string(34, 'f'), digest::IsErrDigestInvalidLength},
      {"validname@invaliddigest:" + kF64, digest::IsErrDigestUnsupported},
      {"repo@sha256:" + std::string(64, 'F'), digest::IsErrDigestInvalidFormat},
      {"Uppercase:tag", IsErrNameContainsUppercase},
      {"test:5000/Uppercase/lowercase:tag", IsErrNameContainsUppercase},
      {Repeat("a/", 129) + "a:tag", IsErrNameTooLong},
      {"aa/asdf$$^/aa", IsErrReferenceInvalidFormat},
      {"[2001:db8::1]", IsErrReferenceInvalidFormat},
      {"[2001:db8::1]:5000", IsErrReferenceInvalidFormat},
      {"[2001:db8::1]:tag", IsErrReferenceInvalidFormat},
      {"[fe80::1%eth0]:5000/repo", IsErrReferenceInvalidFormat},
      {"[fe80::1%@invalidzone]:5000/repo", IsErrReferenceInvalidFormat},
      {"a:" + std::string(129, 't'), IsErrReferenceInvalidFormat},
      {"registry.com:8080/myapp@sha256:badbadbadbad", IsErrReferenceInvalidFormat},
      {"registry.com:8080/myapp:invalid~tag", IsErrReferenceInvalidFormat},
      {"bad_hostname.com:8080/myapp:tag", IsErrReferenceInvalidFormat},
      {"localhost:http/name@sha256:" + kF64, IsErrReferenceInvalidFormat},
      {"registry.com:8080/myapp@bad", IsErrReferenceInvalidFormat},
      {"registry.com:8080/myapp@2bad", IsErrReferenceInvalidFormat},
      {"a\n", IsErrReferenceInvalidFormat},
      {std::string("a\0b", 3), IsErrReferenceInvalidFormat},
      {std::string(1 << 20, 'a'), IsErrReferenceInvalidFormat},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.input.substr(0, 100));
    const absl::Status status = Parse(c.input).status();
    EXPECT_TRUE(c.want(status)) << status;
    EXPECT_TRUE(errdefs::IsInvalidArgument(status));
    EXPECT_LT(status.message().size(), 2000u);
    Field field;
    EXPECT_TRUE(c.want(field.UnmarshalText(c.input)));
    EXPECT_FALSE(field.Reference().has_value());
    EXPECT_EQ(field.MarshalText(), "");
  }
  EXPECT_EQ(Parse("A:b").status().message(),
            "reference \"A:b\": repository name must be lowercase");
}

TEST(DistributionTest, WithNameFailure) {
  for (const std::string& name : {std::string(), std::string(":justtag"), "@sha256:" + kF64,
                                  "validname@invaliddigest:" + kF64, Repeat("a/", 128) + "a:tag",
                                  std::string("aa/asdf$$^/aa"), std::string("a:tag")}) {
    EXPECT_TRUE(IsErrReferenceInvalidFormat(WithName(name).status())) << name;
  }
  EXPECT_TRUE(WithName(Repeat("a/", 128) + "a").ok());  // The first element is the domain.
  EXPECT_TRUE(IsErrNameTooLong(WithName(Repeat("a/", 129) + "a").status()));
}

TEST(DistributionTest, DomainAndPath) {
  const struct {
    const char* input;
    const char* domain;
    const char* path;
  } kCases[] = {
      {"test.com/foo", "test.com", "foo"},
      {"test_com/foo", "", "test_com/foo"},
      {"test:8080/foo", "test:8080", "foo"},
      {"test.com:8080/foo", "test.com:8080", "foo"},
      {"test-com:8080/foo", "test-com:8080", "foo"},
      {"xn--n3h.com:18080/foo", "xn--n3h.com:18080", "foo"},
      {"short", "", "short"},
      {"docker/stevvooe/app", "docker", "stevvooe/app"},
      {"foo.com", "", "foo.com"},
      {"foo_bar.com", "", "foo_bar.com"},
      {"do__cker/docker", "", "do__cker/docker"},
      {"example.com/some_separator__underscore/myimage", "example.com",
       "some_separator__underscore/myimage"},
      {"registry.io/foo/project--id.module--name.ver---sion--name", "registry.io",
       "foo/project--id.module--name.ver---sion--name"},
      {"Asdf.com/foo/bar", "Asdf.com", "foo/bar"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.input);
    const absl::StatusOr<Named> named = WithName(c.input);
    ASSERT_TRUE(named.ok()) << named.status();
    EXPECT_EQ(Domain(*named), c.domain);
    EXPECT_EQ(Path(*named), c.path);
  }
  for (const char* name : {"a/a/a/a/",
                           "a//a/a",
                           "foo.com/",
                           "foo.com:http/bar",
                           "a^a",
                           "asdf$$^/aa",
                           "a-/a/a/a",
                           "foo.com/a-/a/a",
                           "-foo/bar",
                           "foo/bar-",
                           "foo-/bar",
                           "foo/-bar",
                           "_foo/bar",
                           "foo_bar.com:8080",
                           "foo_bar.com:8080/app",
                           "____/____",
                           "_docker/_docker",
                           "docker_/docker_",
                           "example.com/__underscore/myimage",
                           "example.com/..dots/myimage",
                           "example.com/.dots/myimage",
                           "example.com/nodouble..dots/myimage",
                           "docker./docker",
                           ".docker/docker",
                           "docker-/docker",
                           "-docker/docker",
                           "do..cker/docker",
                           "do__cker:8080/docker",
                           "Foo/FarB"}) {
    EXPECT_FALSE(WithName(name).ok()) << name;
  }
}

TEST(DistributionTest, WithTagAndWithDigest) {
  const struct {
    const char* name;
    const char* tag;
    const char* digest;
    const char* combined;
  } kCases[] = {
      {"test.com/foo", "tag", "", "test.com/foo:tag"},
      {"foo", "tag2", "", "foo:tag2"},
      {"test.com:8000/foo", "tag4", "", "test.com:8000/foo:tag4"},
      {"test.com:8000/foo", "TAG5", "", "test.com:8000/foo:TAG5"},
      {"test.com:8000/foo", "TAG5", "sha256:1234567890098765432112345667890098765",
       "test.com:8000/foo:TAG5@sha256:1234567890098765432112345667890098765"},
      {"test.com/foo", "", "sha256:1234567890098765432112345667890098765",
       "test.com/foo@sha256:1234567890098765432112345667890098765"},
      {"foo", "", "sha256:1234567890098765432112345667890098765",
       "foo@sha256:1234567890098765432112345667890098765"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.combined);
    const bool tag = *c.tag != '\0';
    const bool digest = *c.digest != '\0';
    // In either order.
    Named first = *WithName(c.name);
    if (digest) first = *WithDigest(first, c.digest);
    if (tag) first = *WithTag(first, c.tag);
    EXPECT_EQ(first.String(), c.combined);
    Named second = *WithName(c.name);
    if (tag) second = *WithTag(second, c.tag);
    if (digest) second = *WithDigest(second, c.digest);
    EXPECT_EQ(second, first);
    EXPECT_EQ(TrimNamed(first).String(), c.name);
    EXPECT_FALSE(IsNameOnly(first));
    EXPECT_TRUE(IsNameOnly(TrimNamed(first)));
  }
}

TEST(DistributionTest, InvalidReferenceComponents) {
  EXPECT_FALSE(ParseNormalizedNamed("-foo").ok());
  const Named ref = *ParseNormalizedNamed("busybox");
  EXPECT_TRUE(IsErrTagInvalidFormat(WithTag(ref, "-foo").status()));
  EXPECT_TRUE(IsErrTagInvalidFormat(WithTag(ref, "").status()));
  EXPECT_TRUE(IsErrDigestInvalidFormat(WithDigest(ref, "foo").status()));
  EXPECT_EQ(WithTag(ref, "-foo").status().message(),
            "tag \"-foo\" of \"docker.io/library/busybox\": invalid tag format");
}

TEST(DistributionTest, ParseNamed) {
  for (const char* name : {"test.com/foo", "test:8080/foo", "docker.io/library/foo"}) {
    const absl::StatusOr<Named> named = ParseNamed(name);
    ASSERT_TRUE(named.ok()) << named.status();
    EXPECT_EQ(named->String(), name);
  }
  for (const char* name : {"test_com/foo", "test.com", "foo", "library/foo", "docker.io/foo"}) {
    EXPECT_TRUE(IsErrNameNotCanonical(ParseNamed(name).status())) << name;
  }
}

TEST(DistributionTest, ParseNormalizedNamedAccepts) {
  for (const std::string& name :
       {std::string("docker/docker"),
        std::string("library/debian"),
        std::string("debian"),
        std::string("docker.io/docker/docker"),
        std::string("docker.io/library/debian"),
        std::string("docker.io/debian"),
        std::string("index.docker.io/docker/docker"),
        std::string("index.docker.io/library/debian"),
        std::string("index.docker.io/debian"),
        std::string("127.0.0.1:5000/docker/docker"),
        std::string("127.0.0.1:5000/library/debian"),
        std::string("127.0.0.1:5000/debian"),
        std::string("192.168.0.1"),
        std::string("192.168.0.1:80"),
        std::string("192.168.0.1:8/debian"),
        std::string("192.168.0.2:25000/debian"),
        std::string("thisisthesongthatneverendsitgoesonandonandonthisisthesongthatnev"),
        std::string("[fc00::1]:5000/docker"),
        std::string("[fc00::1]:5000/docker/docker"),
        std::string("[fc00:1:2:3:4:5:6:7]:5000/library/debian"),
        "docker.io/" + kIdentifierText,
        std::string("Docker/docker"),
        std::string("DOCKER/docker"),
        std::string("docker-rules/docker"),
        std::string("docker---rules/docker"),
        std::string("doc/docker"),
        std::string("d/docker"),
        std::string("jess/t"),
        std::string("dock__er/docker")}) {
    EXPECT_TRUE(ParseNormalizedNamed(name).ok()) << ParseNormalizedNamed(name).status();
  }
}

TEST(DistributionTest, ParseNormalizedNamedRefuses) {
  for (const std::string& name :
       {std::string("https://github.com/docker/docker"),
        std::string("docker/Docker"),
        std::string("-docker"),
        std::string("-docker/docker"),
        std::string("docker-/docker"),
        std::string("-docker-/docker"),
        std::string("-docker.io/docker/docker"),
        std::string("docker///docker"),
        std::string("docker.io/docker/Docker"),
        std::string("docker.io/docker///docker"),
        std::string("[fc00::1]"),
        std::string("[fc00::1]:5000"),
        std::string("fc00::1:5000/debian"),
        std::string("[fe80::1%eth0]:5000/debian"),
        std::string("[2001:db8:3:4::192.0.2.33]:5000/debian"),
        kIdentifierText,
        std::string("____/____"),
        std::string("_docker/_docker"),
        std::string("dock..er/docker"),
        std::string("dock_.er/docker"),
        std::string("dock-.er/docker"),
        std::string("docker/"),
        Repeat("this_is_not_a_valid_namespace_because_its_lenth_is_greater_than_255_", 4) +
            "/docker",
        std::string(),
        std::string("/"),
        std::string(300, 'a')}) {
    const absl::Status status = ParseNormalizedNamed(name).status();
    EXPECT_TRUE(errdefs::IsInvalidArgument(status)) << name << ": " << status;
  }
  EXPECT_EQ(ParseNormalizedNamed("docker/Docker:A").status().message(),
            "invalid reference format: repository name (\"docker/Docker\") must be lowercase");
}

TEST(DistributionTest, FamiliarAndFullNames) {
  const struct {
    const char* remote;
    const char* familiar;
    const char* full;
    const char* ambiguous;
    const char* domain;
  } kCases[] = {
      {"fooo/bar", "fooo/bar", "docker.io/fooo/bar", "index.docker.io/fooo/bar", "docker.io"},
      {"library/ubuntu", "ubuntu", "docker.io/library/ubuntu", "library/ubuntu", "docker.io"},
      {"nonlibrary/ubuntu", "nonlibrary/ubuntu", "docker.io/nonlibrary/ubuntu", "", "docker.io"},
      {"other/library", "other/library", "docker.io/other/library", "", "docker.io"},
      {"private/moonbase", "127.0.0.1:8000/private/moonbase", "127.0.0.1:8000/private/moonbase", "",
       "127.0.0.1:8000"},
      {"privatebase", "127.0.0.1:8000/privatebase", "127.0.0.1:8000/privatebase", "",
       "127.0.0.1:8000"},
      {"private/moonbase", "example.com/private/moonbase", "example.com/private/moonbase", "",
       "example.com"},
      {"privatebase", "example.com/privatebase", "example.com/privatebase", "", "example.com"},
      {"private/moonbase", "example.com:8000/private/moonbase", "example.com:8000/private/moonbase",
       "", "example.com:8000"},
      {"privatebasee", "example.com:8000/privatebasee", "example.com:8000/privatebasee", "",
       "example.com:8000"},
      {"library/ubuntu-12.04-base", "ubuntu-12.04-base", "docker.io/library/ubuntu-12.04-base",
       "index.docker.io/library/ubuntu-12.04-base", "docker.io"},
      {"library/foo", "foo", "docker.io/library/foo", "docker.io/foo", "docker.io"},
      {"library/foo/bar", "library/foo/bar", "docker.io/library/foo/bar", "", "docker.io"},
      {"store/foo/bar", "store/foo/bar", "docker.io/store/foo/bar", "", "docker.io"},
      {"bar", "Foo/bar", "Foo/bar", "", "Foo"},
      {"bar", "FOO/bar", "FOO/bar", "", "FOO"},
      {"test_com/foo", "test_com/foo", "docker.io/test_com/foo", "", "docker.io"},
      {"foo", "localhost/foo", "localhost/foo", "", "localhost"},
      {"foo", "xn--n3h.com:18080/foo", "xn--n3h.com:18080/foo", "", "xn--n3h.com:18080"},
  };
  for (const auto& c : kCases) {
    for (const std::string& text :
         {std::string(c.familiar), std::string(c.full), std::string(c.ambiguous)}) {
      if (text.empty()) continue;
      SCOPED_TRACE(text);
      const absl::StatusOr<Named> named = ParseNormalizedNamed(text);
      ASSERT_TRUE(named.ok()) << named.status();
      EXPECT_EQ(FamiliarName(*named), c.familiar);
      EXPECT_EQ(named->String(), c.full);
      EXPECT_EQ(Domain(*named), c.domain);
      EXPECT_EQ(Path(*named), c.remote);
    }
  }
}

TEST(DistributionTest, TagAndDigestTogether) {
  const std::string text =
      "busybox:latest@sha256:86e0e091d0da6bde2456dbb48306f3956bbeb2eae1b5b9a43045843f69fe4aaa";
  const absl::StatusOr<Named> named = ParseNormalizedNamed(text);
  ASSERT_TRUE(named.ok());
  EXPECT_EQ(named->String(), "docker.io/library/" + text);
  EXPECT_TRUE(As<NamedTagged>(*named).has_value());
  EXPECT_TRUE(As<Canonical>(*named).has_value());
  EXPECT_EQ(FamiliarString(*named), text);
}

TEST(DistributionTest, ParseAnyReference) {
  const std::string hash = "dbcc1c35ac38df41fd2f5e4130b32ffdb93ebae8b3dbe638c23575912276fc9c";
  const std::string short_hash = hash.substr(0, 63);
  const struct {
    std::string text;
    std::string equivalent;
  } kCases[] = {
      {"redis", "docker.io/library/redis"},
      {"redis:latest", "docker.io/library/redis:latest"},
      {"docker.io/library/redis:latest", "docker.io/library/redis:latest"},
      {"redis@sha256:" + hash, "docker.io/library/redis@sha256:" + hash},
      {"docker.io/library/redis@sha256:" + hash, "docker.io/library/redis@sha256:" + hash},
      {"dmcgowan/myapp", "docker.io/dmcgowan/myapp"},
      {"dmcgowan/myapp:latest", "docker.io/dmcgowan/myapp:latest"},
      {"docker.io/mcgowan/myapp:latest", "docker.io/mcgowan/myapp:latest"},
      {"dmcgowan/myapp@sha256:" + hash, "docker.io/dmcgowan/myapp@sha256:" + hash},
      {hash, "sha256:" + hash},
      {"sha256:" + hash, "sha256:" + hash},
      {short_hash, "docker.io/library/" + short_hash},
      {"dbcc1", "docker.io/library/dbcc1"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.text);
    const absl::StatusOr<Reference> ref = ParseAnyReference(c.text);
    ASSERT_TRUE(ref.ok()) << ref.status();
    EXPECT_EQ(ref->String(), c.equivalent);
    EXPECT_EQ(ref->IsNamed(), c.equivalent.find('/') != std::string::npos);
    if (ref->IsNamed()) {
      EXPECT_EQ(*ref, *Parse(c.equivalent));
    } else {
      EXPECT_EQ(ref->Digest(), digest::Digest(c.equivalent));
      EXPECT_EQ(FamiliarString(*ref), c.equivalent);
      EXPECT_FALSE(As<Named>(*ref).has_value());
    }
  }
}

TEST(DistributionTest, ParseDockerRef) {
  const std::string digest =
      "@sha256:e6693c20186f837fc393390135d8a598a96a833917917789d63766cab6c59582";
  const struct {
    std::string input;
    std::string want;
  } kCases[] = {
      {"busybox", "docker.io/library/busybox:latest"},
      {"busybox:latest", "docker.io/library/busybox:latest"},
      {"busybox" + digest, "docker.io/library/busybox" + digest},
      {"library/busybox", "docker.io/library/busybox:latest"},
      {"docker.io/busybox", "docker.io/library/busybox:latest"},
      {"docker.io/library/busybox", "docker.io/library/busybox:latest"},
      {"docker.io/busybox:latest", "docker.io/library/busybox:latest"},
      {"library/busybox:latest", "docker.io/library/busybox:latest"},
      {"gcr.io/library/busybox", "gcr.io/library/busybox:latest"},
      {"gcr.io/library/busybox:latest" + digest, "gcr.io/library/busybox" + digest},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.input);
    const absl::StatusOr<Named> named = ParseDockerRef(c.input);
    ASSERT_TRUE(named.ok()) << named.status();
    EXPECT_EQ(named->String(), c.want);
    EXPECT_TRUE(Parse(c.want).ok());
  }
}

TEST(DistributionTest, FamiliarMatch) {
  const struct {
    const char* reference;
    const char* pattern;
    bool want;
  } kCases[] = {
      {"foo", "foo/**/ba[rz]", false},
      {"foo/any/bat", "foo/**/ba[rz]", false},
      {"foo/a/bar", "foo/**/ba[rz]", true},
      {"foo/b/baz", "foo/**/ba[rz]", true},
      {"foo/c/baz:tag", "foo/**/ba[rz]", true},
      {"foo/c/baz:tag", "foo/*/baz:tag", true},
      {"foo/c/baz:tag", "foo/c/baz:tag", true},
      {"example.com/foo/c/baz:tag", "*/foo/c/baz", true},
      {"example.com/foo/c/baz:tag", "example.com/foo/c/baz", true},
      {"foo/a/b/bar", "foo/*/bar", false},
      {"foo:1.2", "fo?:1.[!-9]", true},
      {"foo:1.2", "fo?:1.[^0-9]", false},
      {"foo", "f\\oo", true},
      {"foo", "", false},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.pattern);
    const absl::StatusOr<bool> got = FamiliarMatch(c.pattern, *ParseAnyReference(c.reference));
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(*got, c.want) << c.reference;
  }
  for (const char* pattern : {"[-x]", "[", "[a", "[]a]", "a\\", "b[a-]", "*[", "[a-\\"}) {
    EXPECT_TRUE(
        errdefs::IsInvalidArgument(FamiliarMatch(pattern, *ParseAnyReference("foo")).status()))
        << pattern;
  }
}

TEST(DistributionTest, PatternsReadInvalidUtf8AsGoDoes) {
  const auto ref = *ParseAnyReference("foo");
  for (const char* pattern :
       {"[\xed\xa0\x80]", "[\xed]", "[a-\xed\xa0\x80]", "[\xff]", "[\\\xff]", "[f\xff]oo",
        "[\xf4\x90\x80\x80]", "[\xc0\x80]", "[^\xed\xa0\x80]oo"}) {
    EXPECT_TRUE(errdefs::IsInvalidArgument(FamiliarMatch(pattern, ref).status())) << pattern;
  }
  // A byte of a name that is no character counts as U+FFFD.
  const struct {
    std::string_view pattern, name;
    bool want;
  } kCases[] = {
      {"[\uFFFD]", "\xff", true},
      {"[\uFFFD]", "\uFFFD", true},
      {"[\uFFFD]", "\xed\xa0\x80", false},
      {"[^a]", "\xff", true},
      {"?", "\xed\xa0\x80", false},
      {"???", "\xed\xa0\x80", true},
      {"[a-\U0010FFFF]", "\xff", true},
      {"[a-z]", "\xff", false},
      {"[\uFF00-\uFFFC]", "\xff", false},
      {"[\uE000-\U0010FFFF]", "\xff", true},
      {"[\U00010000]", "\xff", false},
      {"[b-b]", "b", true},
      {"[z-a]", "b", false},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(base::MatchPath(c.pattern, c.name), c.want) << c.pattern << c.name;
  }
}

TEST(DistributionTest, Sort) {
  const std::string hash = "dbcc1c35ac38df41fd2f5e4130b32ffdb93ebae8b3dbe638c23575912276fc9c";
  EXPECT_THAT(
      Sort({"Bad name", "sha256:" + hash, "redis", "b/redis@sha256:" + hash, "example.com/c:1",
            "redis:7@sha256:" + hash, "a/redis@sha256:" + hash, "!", "example.com/c:0", hash}),
      ElementsAre("docker.io/library/redis:7@sha256:" + hash, "example.com/c:0", "example.com/c:1",
                  "docker.io/a/redis@sha256:" + hash, "docker.io/b/redis@sha256:" + hash,
                  "docker.io/library/redis", "sha256:" + hash, "sha256:" + hash, "!", "Bad name"));
}

TEST(DistributionTest, DomainRegexp) {
  const RE2 domain{std::string(DomainRegexp())};
  for (const char* text : {"test.com",
                           "test.com:10304",
                           "localhost",
                           "localhost:8080",
                           "a",
                           "a.b",
                           "ab.cd.com",
                           "a-b.com",
                           "ab.c-om",
                           "0101.com",
                           "001a.com",
                           "b.gbc.io:443",
                           "b.gbc.io",
                           "xn--n3h.com",
                           "Asdf.com",
                           "192.168.1.1:75050",
                           "192.168.1.1:750050",
                           "[fd00:1:2::3]:75050",
                           "[fd00123123123]:75050",
                           "[2001:0db8:85a3:0000:0000:8a2e:0370:7334]:75050",
                           "[2001:0db8:85a3:0000:0000:8a2e:0370:7334]:750505"}) {
    EXPECT_TRUE(RE2::FullMatch(text, domain)) << text;
  }
  for (const char* text :
       {"test.com:http", "-ab.com", "ab-.com", "ab.-com", "ab.com-", "[fd00:1:2::3]75050",
        "[fd00:1:2::3]::75050", "[fd00:1:2::3%eth0]:75050", "fd00:1:2::3:75050"}) {
    EXPECT_FALSE(RE2::FullMatch(text, domain)) << text;
  }
}

TEST(DistributionTest, OtherRegexpsCompileAndCapture) {
  const RE2 reference{std::string(ReferenceRegexp())};
  EXPECT_EQ(reference.NumberOfCapturingGroups(), 3);
  std::string name;
  std::string tag;
  std::string digest;
  ASSERT_TRUE(RE2::FullMatch("registry.com:8080/myapp:tag2@sha256:" + kF64, reference, &name, &tag,
                             &digest));
  EXPECT_EQ(name, "registry.com:8080/myapp");
  EXPECT_EQ(tag, "tag2");
  EXPECT_EQ(digest, "sha256:" + kF64);

  const RE2 identifier{std::string(IdentifierRegexp())};
  EXPECT_TRUE(RE2::FullMatch(kIdentifierText, identifier));
  EXPECT_FALSE(RE2::FullMatch(std::string(64, 'A'), identifier));
  EXPECT_FALSE(RE2::FullMatch(kIdentifierText + "0", identifier));

  EXPECT_TRUE(RE2::FullMatch("a.b:1/c/d", RE2(std::string(NameRegexp()))));
  EXPECT_TRUE(RE2::FullMatch("_1.2-x", RE2(std::string(TagRegexp()))));
  EXPECT_TRUE(RE2::FullMatch("a+b:" + kF64, RE2(std::string(DigestRegexp()))));
}

}  // namespace
}  // namespace containerd::distribution::reference
