// SPDX-License-Identifier: Apache-2.0
//
// Schema 1 manifests, from resolving them to the image that they are converted to.
#include "containerd/remotes/docker/schema1/converter.h"

#include <absl/strings/escaping.h>
#include <fmt/format.h>

#include "containerd/compression/compression.h"
#include "containerd/images/handlers.h"
#include "containerd/images/image.h"
#include "containerd/images/mediatypes.h"

#include "tests/support/memory_store.h"
#include "tests/support/registry_fixture.h"

namespace containerd::remotes::docker::schema1 {
namespace {

using containerd::testing::MemoryStore;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

std::string Base64Url(const std::string& text) {
  std::string out;
  absl::WebSafeBase64Escape(text, &out);  // without padding, as JOSE has it
  return out;
}

// As libtrust signs, but for the signature. `payload` ends with "\n}".
std::string Sign(const std::string& payload) {
  const std::string tail = "\n}";
  const std::string head = payload.substr(0, payload.size() - tail.size());
  const std::string block =
      fmt::format(R"({{"formatLength":{},"formatTail":"{}","time":"2015-01-01T00:00:00Z"}})",
                  head.size(), Base64Url(tail));
  return fmt::format(
      "{},\n   \"signatures\": [\n      {{\"header\": {{\"alg\": \"ES256\"}}, \"signature\": "
      "\"x\", "
      "\"protected\": \"{}\"}}\n   ]{}",
      head, Base64Url(block), tail);
}

std::string Gzip(const std::string& data) {
  std::string out;
  io::StringWriter writer(&out);
  auto stream = compression::CompressStream(writer, compression::Compression::kGzip);
  EXPECT_TRUE((*stream)->Write(kCtx, data).ok());
  EXPECT_TRUE((*stream)->Close(kCtx).ok());
  return out;
}

// An image of four steps, of which one is marked as empty, one is empty all the same, and two come
// with a layer, one of them not compressed.
class Schema1Test : public RegistryTest {
 protected:
  Schema1Test() {
    base_data_ = "the base layer, which is no tar, but nobody looks";
    base_ = registry_.Put(images::kMediaTypeDockerSchema2LayerGzip, Gzip(base_data_));
    top_ = registry_.Put(images::kMediaTypeDockerSchema2LayerGzip, "the top layer");
    zeros_ = registry_.Put(images::kMediaTypeDockerSchema2LayerGzip, Gzip(std::string(1024, '\0')));
    payload_ = Payload({
        {top_.digest, R"({"created":"2016-03-18T18:22:48.810791943Z","author":"me","os":"linux",)"
                      R"("architecture":"amd64","config":{"Cmd":["sh"],"Hostname":"x"},)"
                      R"("container_config":{"Cmd":["/bin/sh","-c","make"]},"id":"4"})"},
        {zeros_.digest, R"({"created":"2016-03-18T18:22:47Z","comment":"zeros"})"},
        {digest::FromString("throwaway").String(),
         R"({"created":"2016-03-18T18:22:46Z","throwaway":true,"container_config":{"Cmd":["x"]}})"},
        {base_.digest, R"({"Size":12})"},
    });
    manifest_ = PutSigned(payload_, "v1");
  }

  static std::string Payload(const std::vector<std::pair<std::string, std::string>>& steps) {
    std::string layers;
    std::string history;
    for (const auto& [sum, v1] : steps) {
      if (!layers.empty()) layers += ",", history += ",";
      layers += fmt::format("\n      {{\"blobSum\": \"{}\"}}", sum);
      std::string quoted;
      for (const char c : v1) quoted += c == '"' ? std::string("\\\"") : std::string(1, c);
      history += fmt::format("\n      {{\"v1Compatibility\": \"{}\"}}", quoted);
    }
    return fmt::format(
        "{{\n   \"schemaVersion\": 1,\n   \"name\": \"testname\",\n   \"tag\": \"v1\",\n"
        "   \"architecture\": \"amd64\",\n   \"fsLayers\": [{}\n   ],\n   \"history\": [{}\n   "
        "]\n}}",
        layers, history);
  }

  // Its digest is that of the payload.
  ocispec::Descriptor PutSigned(const std::string& payload, const std::string& tag) {
    const std::string text = Sign(payload);
    ocispec::Descriptor desc;
    desc.media_type = images::kMediaTypeDockerSchema1Manifest;
    desc.digest = digest::FromString(payload).String();
    desc.size = static_cast<std::int64_t>(text.size());
    for (const std::string& key : {desc.digest, tag}) {
      registry_.PutAs(key, desc.media_type, text, desc.digest);
    }
    return desc;
  }

  absl::StatusOr<ocispec::Descriptor> Convert(const TestServer& server, const std::string& ref,
                                              const std::vector<ConvertOpt>& opts = {}) {
    const auto resolver = NewResolver();
    auto resolved = resolver->Resolve(kCtx, Ref(server, ref));
    if (!resolved.ok()) return resolved.status();
    const auto converter = NewConverter(store_, *resolver->Fetcher(kCtx, resolved->name));
    absl::Status s = images::Dispatch(kCtx, Handler(converter), 4, {resolved->desc});
    if (!s.ok()) return s;
    return converter->Convert(kCtx, opts);
  }

  const std::shared_ptr<MemoryStore> store_ = std::make_shared<MemoryStore>();
  std::string base_data_;
  std::string payload_;
  ocispec::Descriptor base_, top_, zeros_;
};

TEST_F(Schema1Test, Resolves) {
  const TestServer server(registry_.Handler());
  // With and without the digest's header, and as old registries say it.
  for (const bool header : {true, false}) {
    registry_.digest_header = header;
    auto resolved = NewResolver()->Resolve(kCtx, Ref(server, ":v1"));
    ASSERT_TRUE(resolved.ok()) << resolved.status();
    EXPECT_EQ(resolved->desc, manifest_);
  }
  registry_.digest_header = false;
  registry_.PutAs("old", "text/plain; charset=utf-8", Sign(payload_));
  auto resolved = NewResolver()->Resolve(kCtx, Ref(server, ":old"));
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ(resolved->desc, manifest_);
  registry_.PutAs("broken", "text/plain", "not found");
  EXPECT_FALSE(NewResolver()->Resolve(kCtx, Ref(server, ":broken")).ok());
}

TEST_F(Schema1Test, BecomesAnImage) {
  const TestServer server(registry_.Handler());
  auto desc = Convert(server, ":v1");
  ASSERT_TRUE(desc.ok()) << desc.status();
  EXPECT_EQ(desc->media_type, ocispec::kMediaTypeImageManifest);
  EXPECT_EQ(desc->size, static_cast<std::int64_t>(store_->Blob(desc->digest).size()));
  auto manifest = ocispec::Unmarshal<ocispec::Manifest>(store_->Blob(desc->digest));
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  ASSERT_EQ(manifest->layers.size(), 2U);
  EXPECT_EQ(manifest->layers[0], base_);
  ocispec::Descriptor plain = top_;
  plain.media_type = images::kMediaTypeDockerSchema2Layer;
  EXPECT_EQ(manifest->layers[1], plain);
  EXPECT_EQ(manifest->config.media_type, ocispec::kMediaTypeImageConfig);
  EXPECT_THAT(store_->LabelsOf(desc->digest),
              ElementsAre(Pair("containerd.io/gc.ref.content.0", manifest->config.digest),
                          Pair("containerd.io/gc.ref.content.1", base_.digest),
                          Pair("containerd.io/gc.ref.content.2", top_.digest)));

  const std::string base_id = digest::FromString(base_data_).String();
  EXPECT_EQ(store_->Blob(manifest->config.digest), fmt::format(R"({{
   "created": "2016-03-18T18:22:48.810791943Z",
   "author": "me",
   "architecture": "amd64",
   "os": "linux",
   "config": {{
      "Cmd": [
         "sh"
      ]
   }},
   "rootfs": {{
      "type": "layers",
      "diff_ids": [
         "{}",
         "{}"
      ]
   }},
   "history": [
      {{
         "created": "0001-01-01T00:00:00Z"
      }},
      {{
         "created": "2016-03-18T18:22:46Z",
         "created_by": "x",
         "empty_layer": true
      }},
      {{
         "created": "2016-03-18T18:22:47Z",
         "comment": "zeros",
         "empty_layer": true
      }},
      {{
         "created": "2016-03-18T18:22:48.810791943Z",
         "created_by": "/bin/sh -c make",
         "author": "me"
      }}
   ]
}})",
                                                               base_id, top_.digest));
  EXPECT_EQ(store_->LabelsOf(base_.digest),
            (Labels{{"containerd.io/uncompressed", base_id}, {kLabelEmptyLayer, "false"}}));
  EXPECT_EQ(store_->LabelsOf(zeros_.digest).at(kLabelEmptyLayer), "true");
  EXPECT_THAT(store_->Ingests(), IsEmpty());

  // Again: nothing is fetched but the manifest.
  const std::size_t before = server.Requests().size();
  EXPECT_EQ(*Convert(server, ":v1"), *desc);
  const auto requests = server.Requests();
  for (std::size_t i = before; i < requests.size(); ++i) {
    EXPECT_THAT(requests[i], HasSubstr("/manifests/"));
  }
}

TEST_F(Schema1Test, BecomesSchema2) {
  const TestServer server(registry_.Handler());
  auto desc = Convert(server, ":v1", {UseDockerSchema2()});
  ASSERT_TRUE(desc.ok()) << desc.status();
  EXPECT_EQ(desc->media_type, images::kMediaTypeDockerSchema2Manifest);
  auto manifest = ocispec::Unmarshal<ocispec::Manifest>(store_->Blob(desc->digest));
  EXPECT_EQ(manifest->media_type, images::kMediaTypeDockerSchema2Manifest);
  EXPECT_EQ(manifest->config.media_type, images::kMediaTypeDockerSchema2Config);
  // What was stored is an image.
  auto diff_ids = images::RootFS(kCtx, *store_, manifest->config);
  ASSERT_TRUE(diff_ids.ok()) << diff_ids.status();
  EXPECT_EQ(diff_ids->size(), 2U);
}

TEST_F(Schema1Test, LooksAtBlobsThatTheStoreHas) {
  const TestServer server(registry_.Handler());
  auto want = Convert(server, ":v1");
  ASSERT_TRUE(want.ok());
  // Without labels, and with some of no use.
  for (const Labels& labels :
       {Labels(), Labels{{"containerd.io/uncompressed", "sha256:x"}, {kLabelEmptyLayer, "false"}},
        Labels{{"containerd.io/uncompressed", base_.digest}, {kLabelEmptyLayer, "perhaps"}}}) {
    store_->Add("", Gzip(base_data_), labels);
    EXPECT_EQ(*Convert(server, ":v1"), *want);
    EXPECT_EQ(store_->LabelsOf(base_.digest).at("containerd.io/uncompressed"),
              digest::FromString(base_data_).String());
  }
}

TEST_F(Schema1Test, RefusesWrongManifests) {
  const TestServer server(registry_.Handler());
  registry_.digest_header = false;
  const std::string v1 = R"({"created":"2016-03-18T18:22:46Z"})";
  const std::pair<std::string, const char*> cases[] = {
      {"{\n   \"fsLayers\": [{\"blobSum\": \"" + base_.digest + "\"}],\n   \"history\": []\n}",
       "history"},
      {"{\n   \"fsLayers\": [],\n   \"history\": []\n}", "no history"},
      {"{\n   \"layers\": [],\n   \"fsLayers\": [],\n   \"history\": []\n}", "other kinds"},
      {"{\n   \"manifests\": [{}],\n   \"fsLayers\": [],\n   \"history\": []\n}",
       "not of schema 1"},
      {Payload({{"sha256:../../x", v1}}), "sha256:../../x"},
      {Payload({{base_.digest, "no json"}}), "json"},
      {Payload({{base_.digest, R"({"created":7})"}}), "json"},
      {Payload({{digest::FromString("lost").String(), v1}}), "not found"},
      {"{\n   \"fsLayers\": 1\n}", "json"},
  };
  for (const auto& [payload, want] : cases) {
    PutSigned(payload, "bad");
    EXPECT_THAT(Convert(server, ":bad").status().ToString(), HasSubstr(want)) << payload;
  }
  // A payload with another digest.
  registry_.PutAs(manifest_.digest, images::kMediaTypeDockerSchema1Manifest,
                  Sign(Payload({{top_.digest, v1}})));
  EXPECT_THAT(Convert(server, ":v1").status().ToString(), HasSubstr("its payload has the digest"));
}

TEST_F(Schema1Test, KeepsNoWrongLayer) {
  registry_.digest_header = false;
  registry_.PutAs(base_.digest, "", "something else");
  const TestServer server(registry_.Handler());
  auto desc = Convert(server, ":v1");
  EXPECT_TRUE(errdefs::IsFailedPrecondition(desc.status())) << desc.status();
  EXPECT_EQ(store_->Blob(base_.digest), "<none>");
  for (const auto& [ref, data] : store_->Ingests()) {
    EXPECT_EQ(ref.find(base_.digest), std::string::npos);
  }
  // A layer that is damaged, but has the right digest.
  const auto damaged = registry_.Put("", "\x1f\x8b\x08 damaged gzip");
  PutSigned(Payload({{damaged.digest, "{}"}}), "damaged");
  EXPECT_TRUE(errdefs::IsDataLoss(Convert(server, ":damaged").status()));
}

TEST_F(Schema1Test, RefusesToBeUsedOutOfOrder) {
  const auto converter = NewConverter(
      store_, std::make_shared<FetcherFunc>([](const Context&, const ocispec::Descriptor&)
                                                -> absl::StatusOr<std::unique_ptr<io::Reader>> {
        return errdefs::NotFound("");
      }));
  EXPECT_TRUE(errdefs::IsFailedPrecondition(converter->Convert(kCtx).status()));
  EXPECT_TRUE(errdefs::IsFailedPrecondition(converter->Handle(kCtx, base_).status()));
  EXPECT_TRUE(errdefs::IsInvalidArgument(
      converter->Handle(kCtx, {.media_type = ocispec::kMediaTypeImageManifest}).status()));
  EXPECT_TRUE(errdefs::IsNotFound(converter->Handle(kCtx, manifest_).status()));
}

TEST_F(Schema1Test, ALayerMustHaveBeenFetched) {
  registry_.digest_header = false;
  const TestServer server(registry_.Handler());
  const auto converter = NewConverter(store_, *NewResolver()->Fetcher(kCtx, Ref(server, ":v1")));
  auto layers = converter->Handle(kCtx, manifest_);
  ASSERT_TRUE(layers.ok()) << layers.status();
  EXPECT_EQ(layers->size(), 3U);
  EXPECT_EQ(layers->front().digest, base_.digest);  // the lowest one first
  EXPECT_EQ(layers->front().size, -1);
  EXPECT_TRUE(errdefs::IsFailedPrecondition(converter->Convert(kCtx).status()));
}

TEST(StripSignature, GivesThePayload) {
  const std::string payload = "{\n   \"name\": \"x\"\n}";
  EXPECT_EQ(*StripSignature(Sign(payload)), payload);
  const auto with = [](const std::string& block) {
    return "{\"signatures\":[{\"protected\":\"" + Base64Url(block) + "\"}]}";
  };
  EXPECT_EQ(*StripSignature(with(R"({"formatLength":0,"formatTail":"e30"})")), "{}");
  for (const std::string& text : {
           std::string(),
           std::string("{}"),
           std::string("[]"),
           std::string("{\"signatures\":[]}"),
           std::string("{\"signatures\":[{\"protected\":\"a\"}]}"),
           std::string("{\"signatures\":[{\"protected\":\"$$$$\"}]}"),
           with("no json"),
           with(R"({"formatLength":-1,"formatTail":""})"),
           with(R"({"formatLength":100000,"formatTail":""})"),
           with(R"({"formatLength":99999999999999999999,"formatTail":""})"),
           with(R"({"formatLength":1,"formatTail":"a"})"),
       }) {
    EXPECT_FALSE(StripSignature(text).ok()) << text;
  }
}

}  // namespace
}  // namespace containerd::remotes::docker::schema1
