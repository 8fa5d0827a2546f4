// SPDX-License-Identifier: Apache-2.0
//
// The fixtures in tests/data/ocispec were written by Go's json.Marshal: <Type>.zero.json from the
// zero value, <Type>.full.json from a value with every field set.
#include "containerd/ocispec/json.h"

#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "containerd/ocispec/mediatypes.h"

namespace containerd::ocispec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string ReadFixture(const std::string& name) {
  const std::ifstream file(std::string(CONTAINERD_TEST_DATA) + "/ocispec/" + name);
  EXPECT_TRUE(file.is_open()) << name;
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

// Adds an unknown member to every object that is a struct: in front of the known ones for the text
// to read, behind them for the text that must be written.
nlohmann::ordered_json WithUnknown(const nlohmann::ordered_json& in, bool front) {
  static const std::set<std::string> kMaps = {"annotations", "Labels", "ExposedPorts", "Volumes"};
  if (in.is_array()) {
    nlohmann::ordered_json out = nlohmann::ordered_json::array();
    for (const auto& item : in) out.push_back(WithUnknown(item, front));
    return out;
  }
  if (!in.is_object()) return in;
  nlohmann::ordered_json out = nlohmann::ordered_json::object();
  const nlohmann::ordered_json unknown = {{"z", 1}, {"a", nlohmann::ordered_json::array()}};
  if (front) out["unknown"] = unknown;
  for (const auto& [key, value] : in.items()) {
    out[key] = kMaps.contains(key) ? value : WithUnknown(value, front);
  }
  if (!front) out["unknown"] = unknown;
  return out;
}

template <class T>
class DocumentTest : public ::testing::Test {};

template <class T>
std::string TypeName();
template <>
std::string TypeName<Descriptor>() {
  return "Descriptor";
}
template <>
std::string TypeName<Platform>() {
  return "Platform";
}
template <>
std::string TypeName<Manifest>() {
  return "Manifest";
}
template <>
std::string TypeName<Index>() {
  return "Index";
}
template <>
std::string TypeName<Image>() {
  return "Image";
}
template <>
std::string TypeName<ImageConfig>() {
  return "ImageConfig";
}
template <>
std::string TypeName<ImageLayout>() {
  return "ImageLayout";
}

using Documents =
    ::testing::Types<Descriptor, Platform, Manifest, Index, Image, ImageConfig, ImageLayout>;
TYPED_TEST_SUITE(DocumentTest, Documents);

TYPED_TEST(DocumentTest, ZeroValueIsWrittenAsGoDoes) {
  EXPECT_EQ(Marshal(TypeParam()), ReadFixture(TypeName<TypeParam>() + ".zero.json"));
}

TYPED_TEST(DocumentTest, EveryFieldSurvivesByteForByte) {
  const std::string text = ReadFixture(TypeName<TypeParam>() + ".full.json");
  const absl::StatusOr<TypeParam> value = Unmarshal<TypeParam>(text);
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_EQ(Marshal(*value), text);
  EXPECT_EQ(*Unmarshal<TypeParam>(Marshal(*value)), *value);
}

TYPED_TEST(DocumentTest, UnknownMembersComeAfterTheKnownOnes) {
  const auto full =
      nlohmann::ordered_json::parse(ReadFixture(TypeName<TypeParam>() + ".full.json"));
  const absl::StatusOr<TypeParam> value = Unmarshal<TypeParam>(WithUnknown(full, true).dump(2));
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_EQ(Marshal(*value), WithUnknown(full, false).dump());
}

TEST(Manifest, IsReadIntoItsFields) {
  const absl::StatusOr<Manifest> manifest = Unmarshal<Manifest>(R"({
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:c", "size": 7},
    "layers": [
      {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": "sha256:l", "size": 9,
       "annotations": {"k": "v"}, "data": "e30=", "platform": {"os": "linux", "architecture": "arm"}}
    ]
  })");
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->schema_version, 2);
  EXPECT_EQ(manifest->media_type, kMediaTypeImageManifest);
  EXPECT_EQ(manifest->config.size, 7);
  const Descriptor layer{.media_type = kMediaTypeImageLayerGzip,
                         .digest = "sha256:l",
                         .size = 9,
                         .annotations = {{"k", "v"}},
                         .data = "{}",
                         .platform = Platform{.architecture = "arm", .os = "linux"}};
  EXPECT_THAT(manifest->layers, ElementsAre(layer));
  EXPECT_TRUE(manifest->extra.empty());
}

TEST(Image, IsReadIntoItsFields) {
  const absl::StatusOr<Image> image = Unmarshal<Image>(
      R"({"created":"2015-10-31T22:22:56.015925234Z","architecture":"amd64","os":"linux",)"
      R"("config":{"User":"alice","ExposedPorts":{"8080/tcp":{}},"Env":["A=b"],"Healthcheck":{}},)"
      R"("rootfs":{"diff_ids":["sha256:d"],"type":"layers"},"history":[{"empty_layer":true}]})");
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->created, absl::FromUnixNanos(1446330176015925234));
  EXPECT_EQ(image->platform.architecture, "amd64");
  EXPECT_THAT(image->config.exposed_ports, ElementsAre("8080/tcp"));
  EXPECT_EQ(image->config.extra.Find("Healthcheck"), "{}");
  EXPECT_THAT(image->rootfs.diff_ids, ElementsAre("sha256:d"));
  EXPECT_TRUE(image->history.at(0).empty_layer);
}

// As encoding/json, which Docker and its like read and write these with.
TEST(Unmarshal, NamesMayDifferInCase) {
  const absl::StatusOr<Image> image = Unmarshal<Image>(
      R"({"Architecture":"amd64","OS":"linux","os.Version":"10","Created":"2015-10-31T22:22:56Z",)"
      R"("Config":{"user":"alice","cmd":["sh"],"env":["A=b"],"workingdir":"/w","labels":{"K":"v"}},)"
      R"("rootfS":{"Diff_IDs":["sha256:d"],"Type":"layers"},"History":[{"Created_By":"me"}]})");
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(
      Marshal(*image),
      R"({"created":"2015-10-31T22:22:56Z","architecture":"amd64","os":"linux",)"
      R"("os.version":"10","config":{"User":"alice","Env":["A=b"],"Cmd":["sh"],)"
      R"("WorkingDir":"/w","Labels":{"K":"v"}},)"
      R"("rootfs":{"type":"layers","diff_ids":["sha256:d"]},"history":[{"created_by":"me"}]})");
  const absl::StatusOr<Manifest> manifest = Unmarshal<Manifest>(
      R"({"SchemaVersion":1,"schemaVersion":2,"MEDIATYPE":"m","config":{"Digest":"a","SIZE":1},)"
      R"("Layers":[{"mediatype":"l","digest":"b","size":2,"Platform":{"OS":"linux"}}]})");
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(Marshal(*manifest),
            R"({"schemaVersion":2,"mediaType":"m","config":{"mediaType":"","digest":"a","size":1},)"
            R"("layers":[{"mediaType":"l","digest":"b","size":2,)"
            R"("platform":{"architecture":"","os":"linux"}}]})");
}

TEST(Unmarshal, ErrorsNameTheField) {
  const auto message = [](std::string_view text) {
    return std::string(Unmarshal<Manifest>(text).status().message());
  };
  EXPECT_THAT(message(R"({"layers":[{},{"size":"1"}]})"), HasSubstr("layers[1].size"));
  EXPECT_THAT(message(R"({"config":{"size":9223372036854775808}})"),
              HasSubstr("config.size: integer out of range"));
  EXPECT_THAT(message(R"({"config":[]})"), HasSubstr("config: want an object, found an array"));
  EXPECT_THAT(message("<html>"), HasSubstr("invalid literal (byte 0)"));
}

TEST(DescriptorEmptyJSON, DescribesTheEmptyObject) {
  EXPECT_EQ(Marshal(DescriptorEmptyJSON()),
            R"({"mediaType":"application/vnd.oci.empty.v1+json",)"
            R"("digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",)"
            R"("size":2,"data":"e30="})");
}

}  // namespace
}  // namespace containerd::ocispec
