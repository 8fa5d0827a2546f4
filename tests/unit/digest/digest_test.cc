// SPDX-License-Identifier: Apache-2.0
#include "containerd/digest/digest.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include <absl/hash/hash_testing.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/digest/identity.h"
#include "containerd/errdefs/errdefs.h"

namespace containerd::digest {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kHello256[] =
    "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

enum class Want { kOk, kFormat, kLength, kUnsupported };

TEST(DigestTest, Parse) {
  const struct {
    std::string input;
    Want want;
    std::string algorithm;
    std::string encoded;
  } kCases[] = {
      {"sha256:e58fcf7418d4390dec8e8fb69d88c06ec07039d651fedd3aa72af9972e7d046b", Want::kOk,
       "sha256", "e58fcf7418d4390dec8e8fb69d88c06ec07039d651fedd3aa72af9972e7d046b"},
      {"sha384:d3fc7881460b7e22e3d172954463dddd7866d17597e7248453c48b3e9d26d9596bf9c4a9cf8072c9d5"
       "bad76e19af801d",
       Want::kOk, "sha384",
       "d3fc7881460b7e22e3d172954463dddd7866d17597e7248453c48b3e9d26d9596bf9c4a9cf8072c9d5bad76e19"
       "af801d"},
      {"sha512:" + std::string(128, '0'), Want::kOk, "sha512", std::string(128, '0')},
      {"", Want::kFormat, "", ""},
      {"     ", Want::kFormat, "", ""},
      {"sha256:", Want::kFormat, "", ""},
      {"sha256:" + std::string(64, ' '), Want::kFormat, "", ""},
      {":", Want::kFormat, "", ""},
      {":" + std::string(64, 'a'), Want::kFormat, "", ""},
      {"d41d8cd98f00b204e9800998ecf8427e", Want::kFormat, "", ""},
      {"sha256:d41d8cd98f00b204e9800m98ecf8427e", Want::kLength, "", ""},
      {"sha256:abcdef0123456789", Want::kLength, "", ""},
      {"sha512:abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789", Want::kLength, "",
       ""},
      {"foo:d41d8cd98f00b204e9800998ecf8427e", Want::kUnsupported, "", ""},
      {"sha384__foo+bar:d3fc7881460b7e22e3d172954463dddd7866d17597e7248453c48b3e9d26d9596bf9c4a9c",
       Want::kFormat, "", ""},
      {"sha384.foo+bar:d3fc7881460b7e22e3d172954463dddd7866d17597e7248453c48b3e9d26d9596bf9c4a9c",
       Want::kUnsupported, "", ""},
      {"sha384_foo+bar:d3fc7881460b7e22e3d172954463dddd7866d17597e7248453c48b3e9d26d9596bf9c4a9c",
       Want::kUnsupported, "", ""},
      {"sha256+b64:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564", Want::kUnsupported, "", ""},
      {"sha256:E58FCF7418D4390DEC8E8FB69D88C06EC07039D651FEDD3AA72AF9972E7D046B", Want::kFormat, "",
       ""},
      {"SHA256:e58fcf7418d4390dec8e8fb69d88c06ec07039d651fedd3aa72af9972e7d046b", Want::kFormat, "",
       ""},
      {"sha256:" + std::string(63, 'a') + "\n", Want::kFormat, "", ""},
      {"foo:bar:baz", Want::kFormat, "", ""},
      {"foo-:bar", Want::kFormat, "", ""},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.input);
    const absl::StatusOr<Digest> digest = Parse(c.input);
    EXPECT_EQ(digest.ok(), c.want == Want::kOk) << digest.status();
    EXPECT_EQ(IsErrDigestInvalidFormat(digest.status()), c.want == Want::kFormat)
        << digest.status();
    EXPECT_EQ(IsErrDigestInvalidLength(digest.status()), c.want == Want::kLength)
        << digest.status();
    EXPECT_EQ(IsErrDigestUnsupported(digest.status()), c.want == Want::kUnsupported)
        << digest.status();
    if (c.want != Want::kOk) {
      EXPECT_TRUE(errdefs::IsInvalidArgument(digest.status()));
      EXPECT_THAT(std::string(digest.status().message()), HasSubstr("digest \""));
      continue;
    }
    EXPECT_EQ(digest->Algorithm().String(), c.algorithm);
    EXPECT_EQ(digest->Encoded(), c.encoded);
    EXPECT_EQ(digest->String(), c.input);
    EXPECT_EQ(NewDigestFromEncoded(digest->Algorithm(), digest->Encoded()), *digest);
  }
}

TEST(DigestTest, ErrorsNameTheInput) {
  EXPECT_EQ(Parse("sha256:abc").status().message(),
            "digest \"sha256:abc\": invalid checksum digest length: 3 characters, sha256 takes 64");
  EXPECT_EQ(Parse("md5:abc").status().message(),
            "digest \"md5:abc\": unsupported digest algorithm");
  const absl::Status huge = Parse(std::string(1 << 20, '\0')).status();
  EXPECT_LT(huge.message().size(), 1000u);
}

TEST(DigestTest, ErrorKindSurvivesAnnotation) {
  const absl::Status status = errdefs::Annotate(Parse("md5:abc").status(), "reading the manifest");
  EXPECT_TRUE(IsErrDigestUnsupported(status));
  EXPECT_FALSE(IsErrDigestUnsupported(errdefs::InvalidArgument("unsupported digest algorithm")));
}

TEST(DigestTest, PartsOfTextThatIsNoDigest) {
  EXPECT_EQ(Digest("abcdef").Algorithm().String(), "");
  EXPECT_EQ(Digest("abcdef").Encoded(), "abcdef");
  const Digest digest("foo:bar:baz");
  EXPECT_EQ(digest.Algorithm().String(), "foo");
  EXPECT_EQ(digest.Encoded(), "bar:baz");
  EXPECT_TRUE(Digest().empty());
}

TEST(DigestTest, AlgorithmOutlivesADigestOfASupportedOne) {
  std::optional<Digest> digest(std::in_place, std::string(kHello256));
  const Algorithm algorithm = digest->Algorithm();
  digest.reset();
  EXPECT_EQ(algorithm, kSHA256);
}

TEST(DigestTest, KnownHashes) {
  EXPECT_EQ(FromString(""),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(FromString("hello"), kHello256);
  EXPECT_EQ(
      *kSHA384.FromString("abc"),
      "sha384:cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc23"
      "58baeca134c825a7");
  EXPECT_EQ(
      *kSHA512.FromString("abc"),
      "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a8"
      "36ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

TEST(DigestTest, AllWaysToDigestAgree) {
  std::string content(1 << 20, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 31 + i / 251);
  for (const Algorithm algorithm : {kSHA256, kSHA384, kSHA512}) {
    SCOPED_TRACE(algorithm.String());
    ASSERT_TRUE(algorithm.Available());
    const absl::StatusOr<Digest> want = algorithm.FromBytes(content);
    ASSERT_TRUE(want.ok());
    EXPECT_TRUE(want->Validate().ok());
    EXPECT_EQ(want->Encoded().size(), 2 * algorithm.Size());

    std::istringstream reader(content);
    EXPECT_EQ(*algorithm.FromReader(reader), *want);

    absl::StatusOr<Digester> digester = algorithm.Digester();
    ASSERT_TRUE(digester.ok());
    std::string_view rest = content;
    for (std::size_t step = 1; !rest.empty(); step = step * 2 + 1) {
      digester->Write(rest.substr(0, step));
      rest.remove_prefix(std::min(step, rest.size()));
    }
    EXPECT_EQ(digester->Digest(), *want);
  }
  std::istringstream reader(content);
  EXPECT_EQ(*FromReader(reader), FromBytes(content));
  reader.setstate(std::ios::badbit);
  EXPECT_FALSE(FromReader(reader).ok());
}

TEST(DigestTest, UnavailableAlgorithms) {
  for (const Algorithm algorithm : {Algorithm(), Algorithm("md5"), Algorithm("SHA256")}) {
    EXPECT_FALSE(algorithm.Available());
    EXPECT_EQ(algorithm.Size(), 0u);
    EXPECT_TRUE(IsErrDigestUnsupported(algorithm.Digester().status()));
    EXPECT_TRUE(IsErrDigestUnsupported(algorithm.FromString("x").status()));
    EXPECT_TRUE(IsErrDigestUnsupported(algorithm.Validate("x")));
  }
}

TEST(DigesterTest, GoesOnAfterASumAndStartsOverAfterReset) {
  Digester digester;
  digester.Write("hel");
  EXPECT_EQ(digester.Digest(), FromString("hel"));
  digester.Write("lo");
  EXPECT_EQ(digester.Digest(), kHello256);
  EXPECT_EQ(digester.Digest(), kHello256);
  EXPECT_EQ(digester.Sum().size(), 32u);

  Digester moved = std::move(digester);
  EXPECT_EQ(moved.Digest(), kHello256);
  moved.Reset();
  const std::string_view text = "hello";
  moved.Write(std::as_bytes(std::span(text)));
  EXPECT_EQ(moved.Digest(), kHello256);
  digester = std::move(moved);
  EXPECT_EQ(digester.Digest(), kHello256);
}

TEST(VerifierTest, TellsContentApart) {
  const std::string content(1 << 20, 'x');
  absl::StatusOr<Verifier> verifier = kSHA512.FromString(content)->Verifier();
  ASSERT_TRUE(verifier.ok()) << verifier.status();
  EXPECT_FALSE(verifier->Verified());
  verifier->Write(std::string_view(content).substr(0, 1000));
  EXPECT_FALSE(verifier->Verified());
  verifier->Write(std::string_view(content).substr(1000));
  EXPECT_TRUE(verifier->Verified());
  verifier->Write("y");
  EXPECT_FALSE(verifier->Verified());
}

TEST(VerifierTest, RefusesInvalidDigests) {
  for (const char* text : {"", ":", "bean:0123456789abcdef", "sha256-garbage:pure", "sha256:abc"}) {
    EXPECT_TRUE(errdefs::IsInvalidArgument(Digest(text).Verifier().status())) << text;
  }
}

TEST(DigestTest, IsAKey) {
  const std::map<Digest, int> map = {{FromString("a"), 1}, {FromString("b"), 2}};
  EXPECT_EQ(map.at(FromString("b")), 2);
  const std::unordered_set<Digest> set = {FromString("a"), FromString("a")};
  EXPECT_EQ(set.size(), 1u);
  EXPECT_LT(Digest("sha256:a"), Digest("sha256:b"));
  EXPECT_TRUE(absl::VerifyTypeImplementsAbslHashCorrectly(
      {Digest(), Digest("sha256:a"), Digest("sha256:b")}));
  std::ostringstream out;
  out << Digest("sha256:a");
  EXPECT_EQ(out.str(), "sha256:a");
}

TEST(IdentityTest, ChainIDs) {
  const Digest a = FromString("a");
  const Digest b = FromString("b");
  const Digest c = FromString("c");
  const Digest ab = "sha256:51c0c8ace48498d6f5fee6b0592cc06f2da0f3cbe09c5a34a97dce85c3889676";
  const Digest abc = "sha256:2fce7f8ce91bcf0a1428b36e1024639fdbd9469eea762dba98aa749631885106";
  EXPECT_EQ(identity::ChainID({}), "");
  EXPECT_EQ(identity::ChainID(std::vector{a}), a);
  EXPECT_EQ(identity::ChainID(std::vector{a, b}), ab);
  EXPECT_EQ(identity::ChainID(std::vector{a, b, c}), abc);
  EXPECT_THAT(identity::ChainIDs({}), IsEmpty());
  EXPECT_THAT(identity::ChainIDs(std::vector{a, b, c}), ElementsAre(a, ab, abc));
}

}  // namespace
}  // namespace containerd::digest
