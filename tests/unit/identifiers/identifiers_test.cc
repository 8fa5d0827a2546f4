// SPDX-License-Identifier: Apache-2.0
#include "containerd/identifiers/identifiers.h"

#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::identifiers {
namespace {

TEST(IdentifiersTest, ValidIdentifiers) {
  for (const std::string& id :
       {std::string("default"), std::string("Default"), std::string("TestValidIdentifiers"),
        std::string("default-default"), std::string("containerd.io"), std::string("foo.boo"),
        std::string("swarmkit.docker.io"), std::string("0912341234"),
        std::string("task.0.0123456789"), std::string("container.system-75-f19a.00"),
        std::string("underscores_are_allowed"), std::string("a"), std::string(kMaxLength, 'a')}) {
    EXPECT_TRUE(Validate(id).ok()) << id << ": " << Validate(id);
  }
}

TEST(IdentifiersTest, InvalidIdentifiers) {
  for (const std::string& id :
       {std::string(), std::string(".foo..foo"), std::string("foo/foo"), std::string("foo/.."),
        std::string("foo..foo"), std::string("foo.-boo"), std::string("-foo.boo"),
        std::string("foo.boo-"), std::string("but__only_tasteful_underscores"),
        std::string("zn--e9.org"), std::string("default--default"), std::string("foo\n"),
        std::string("foo\0bar", 7), std::string("f\xc3\xb6o"), std::string("foo bar"),
        std::string(kMaxLength + 1, 'a')}) {
    EXPECT_TRUE(errdefs::IsInvalidArgument(Validate(id))) << id << ": " << Validate(id);
  }
}

TEST(IdentifiersTest, ErrorsSayWhichAndWhy) {
  EXPECT_EQ(Validate("").message(), "identifier must not be empty");
  EXPECT_EQ(Validate("foo/..").message(),
            "identifier \"foo/..\" must match ^[A-Za-z0-9]+(?:[._-](?:[A-Za-z0-9]+))*$");
  EXPECT_EQ(Validate(std::string(1000, 'a')).message(),
            "identifier \"" + std::string(76, 'a') +
                "\"... has 1000 characters, greater than maximum length (76 characters)");
}

}  // namespace
}  // namespace containerd::identifiers
