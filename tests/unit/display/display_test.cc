// SPDX-License-Identifier: Apache-2.0
#include "containerd/display/display.h"

#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/testing/image_builder.h"

#include "tests/support/memory_store.h"

namespace containerd::display {
namespace {

using namespace ::containerd::testing;  // NOLINT(google-build-using-namespace): the builder
using ::testing::HasSubstr;
using ::testing::Not;

class PrintTest : public ::testing::Test {
 protected:
  PrintTest() {
    store_.Add("", built_.config, {{"label", "of \"config\""}});
    store_.Add("", built_.manifest);
    ocispec::Index index;
    index.schema_version = 2;
    index.manifests = {built_.target,
                       {.media_type = ocispec::kMediaTypeImageManifest,
                        .digest = digest::FromString("absent").String(),
                        .size = 7,
                        .platform = platforms::MustParse("linux/s390x")}};
    index.manifests[0].platform = platforms::MustParse("linux/arm64");
    index_ = store_.Add(ocispec::kMediaTypeImageIndex, ocispec::Marshal(index));
    image_ = {.name = "example.com/a:1",
              .labels = {{"b", "2"}, {"a", "1"}},
              .target = index_,
              .created_at = absl::FromUnixSeconds(0),
              .updated_at = absl::FromUnixMillis(1500)};
  }

  std::string Print(const std::vector<PrintOpt>& opts = {}) {
    std::string out;
    io::StringWriter writer(&out);
    std::vector<PrintOpt> all = {WithWriter(writer)};
    all.insert(all.end(), opts.begin(), opts.end());
    const absl::Status s = NewImageTreePrinter(all).PrintImageTree({}, image_, store_);
    EXPECT_TRUE(s.ok()) << s;
    return out;
  }

  const BuiltImage built_ = BuildImage({.layers = {"one", "two"}});
  MemoryStore store_;
  ocispec::Descriptor index_;
  images::Image image_;
};

std::string Name(const ocispec::Descriptor& desc) {
  return fmt::format("{} @{} ({} bytes)\n", desc.media_type, desc.digest, desc.size);
}

TEST_F(PrintTest, Lines) {
  const std::string absent = digest::FromString("absent").String();
  const std::string tree = "└── " + Name(index_) +                           //
                           "    ├── " + Name(built_.target) +                //
                           "    │   │    Platform: linux/arm64\n" +          //
                           "    │   ├── " + Name(built_.parsed.config) +     //
                           "    │   ├── " + Name(built_.parsed.layers[0]) +  //
                           "    │   └── " + Name(built_.parsed.layers[1]) +  //
                           "    └── " + ocispec::kMediaTypeImageManifest + " @" + absent +
                           " (7 bytes)\n" + "        │    Platform: linux/s390x\n" +  //
                           "        └──  Content does not exist locally, skipping\n";
  EXPECT_EQ(Print(),
            "example.com/a:1\n"
            "│    Created: 1970-01-01 00:00:00 +0000 UTC\n"
            "│    Updated: 1970-01-01 00:00:01.5 +0000 UTC\n"
            "│    Label \"a\": \"1\"\n"
            "│    Label \"b\": \"2\"\n" +
                tree);
  std::string out;
  io::StringWriter writer(&out);
  ASSERT_TRUE(ImageTreePrinter({WithWriter(writer)}).PrintManifestTree({}, index_, store_).ok());
  EXPECT_EQ(out, tree);
}

TEST_F(PrintTest, FormatAndDetails) {
  const std::string plain = Print(
      {WithFormat({.middle_drop = "+-", .last_drop = "`-", .skip_line = "| ", .spacer = "  "})});
  EXPECT_THAT(plain, HasSubstr("\n  | +-" + Name(built_.parsed.config)));
  EXPECT_THAT(plain, HasSubstr("\n  | `-" + Name(built_.parsed.layers[1])));

  const std::string verbose = Print({Verbose()});
  EXPECT_THAT(verbose, HasSubstr("    │   │   ┌────────Labels─────────\n"
                                 "    │   │   │\"label\": \"of \\\"config\\\"\"\n"
                                 "    │   │   └───────────────────────\n"
                                 "    │   │   ┌────────Content────────\n"
                                 "    │   │   │{\n"));
  EXPECT_THAT(verbose, HasSubstr("    │   │   │   \"schemaVersion\": 2,\n"));
  EXPECT_THAT(verbose, HasSubstr("\"rootfs\": {\n"));
}

TEST_F(PrintTest, WhatContentSaysCannotDraw) {
  image_.name = "evil\x1b[2J\nname";
  image_.labels = {{"a", "\r\x07"}};
  image_.target.media_type = "application/\x1b]0;title\x07json";
  const std::string out = Print({Verbose()});
  EXPECT_THAT(out, Not(HasSubstr("\x1b")));
  EXPECT_THAT(out, Not(HasSubstr("\x07")));
  EXPECT_THAT(out, HasSubstr("evil\\033[2J\\nname\n"));
}

TEST_F(PrintTest, Errors) {
  const ocispec::Descriptor bad = store_.Add(ocispec::kMediaTypeImageManifest, "[]");
  std::string out;
  io::StringWriter writer(&out);
  const ImageTreePrinter printer({WithWriter(writer)});
  EXPECT_TRUE(errdefs::IsInvalidArgument(printer.PrintManifestTree({}, bad, store_)));
  // An index that contains itself, as no honest store has it.
  const std::string self = digest::FromString("self").String();
  ocispec::Index index;
  index.schema_version = 2;
  index.manifests = {{.media_type = ocispec::kMediaTypeImageIndex, .digest = self}};
  store_.Plant(self, ocispec::Marshal(index));
  const absl::Status s = printer.PrintManifestTree({}, index.manifests[0], store_);
  EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << s;
}

}  // namespace
}  // namespace containerd::display
