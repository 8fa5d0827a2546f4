// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/cri/constants.h"
#include "containerd/cri/container_store.h"
#include "containerd/cri/digest_set.h"
#include "containerd/cri/image_store.h"
#include "containerd/cri/metadata.h"
#include "containerd/cri/trunc_index.h"
#include "containerd/errdefs/errdefs.h"

namespace containerd::cri {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(TruncIndexTest, FindsByPrefix) {
  TruncIndex index;
  ASSERT_TRUE(index.Add("abc1").ok());
  ASSERT_TRUE(index.Add("abd2").ok());
  ASSERT_TRUE(index.Add("abd").ok());
  EXPECT_EQ(*index.Get("abc"), "abc1");
  EXPECT_EQ(*index.Get("abc1"), "abc1");
  EXPECT_EQ(*index.Get("abd2"), "abd2");
  EXPECT_EQ(*index.Get("abd"), "abd");  // as a whole
  EXPECT_TRUE(errdefs::IsInvalidArgument(index.Get("ab").status()));
  EXPECT_TRUE(errdefs::IsInvalidArgument(index.Get("").status()));
  EXPECT_TRUE(errdefs::IsNotFound(index.Get("abc12").status()));
  EXPECT_TRUE(errdefs::IsNotFound(index.Get("x").status()));

  EXPECT_TRUE(errdefs::IsAlreadyExists(index.Add("abc1")));
  EXPECT_TRUE(errdefs::IsInvalidArgument(index.Add("")));
  EXPECT_TRUE(errdefs::IsInvalidArgument(index.Add("a b")));
  EXPECT_TRUE(errdefs::IsNotFound(index.Delete("abc")));  // no prefix
  EXPECT_TRUE(index.Delete("abc1").ok());
  EXPECT_TRUE(errdefs::IsNotFound(index.Get("abc").status()));
}

std::string Id(char first) { return "sha256:" + std::string(64, first); }

TEST(DigestSetTest, Lookup) {
  DigestSet set;
  const std::string one = "sha256:abc" + std::string(61, '0');
  const std::string two = "sha256:abd" + std::string(61, '0');
  const std::string longer = "sha512:abe" + std::string(125, '0');
  for (const std::string& dgst : {one, two, longer}) ASSERT_TRUE(set.Add(dgst).ok());
  ASSERT_TRUE(set.Add(one).ok());
  for (const std::string& text :
       {one, one.substr(7), std::string("sha256:abc"), std::string("abc")}) {
    EXPECT_EQ(set.Lookup(text)->String(), one) << text;
  }
  EXPECT_EQ(set.Lookup("sha512:abe")->String(), longer);
  EXPECT_EQ(set.Lookup("abe")->String(), longer);
  for (const char* several : {"a", "ab", "sha256:ab", ""}) {
    EXPECT_TRUE(errdefs::IsInvalidArgument(set.Lookup(several).status())) << several;
  }
  for (const char* none : {"b", "sha256:abe", "sha256:", "md5:abc", "ABC", "abc1"}) {
    EXPECT_TRUE(errdefs::IsNotFound(set.Lookup(none).status())) << none;
  }
  EXPECT_TRUE(errdefs::IsInvalidArgument(set.Add("sha256:abc")));
  ASSERT_TRUE(set.Remove(two).ok());
  EXPECT_EQ(set.Lookup("sha256:ab")->String(), one);
  // Also of a single one.
  DigestSet single;
  ASSERT_TRUE(single.Add(one).ok());
  EXPECT_TRUE(errdefs::IsInvalidArgument(single.Lookup("").status()));
  EXPECT_TRUE(errdefs::IsNotFound(DigestSet().Lookup("a").status()));
}

TEST(ImageIndexTest, NamesComeAndGo) {
  ImageIndex index;
  const std::string digested = "docker.io/library/a@" + Id('f');
  ASSERT_TRUE(index.Set("docker.io/library/a:1", {.id = Id('1'), .size = 5}).ok());
  ASSERT_TRUE(index.Set(digested, {.id = Id('1'), .size = 5}).ok());
  ASSERT_TRUE(index.Set(Id('1'), {.id = Id('1'), .size = 5}).ok());
  ASSERT_TRUE(index.Set("docker.io/library/b:1", {.id = Id('2')}).ok());
  EXPECT_THAT(index.Get(Id('1'))->references,
              ElementsAre("docker.io/library/a:1", digested, Id('1')));
  EXPECT_EQ(*index.Resolve("docker.io/library/b:1"), Id('2'));
  EXPECT_EQ(index.List().size(), 2);
  EXPECT_EQ(index.Names().size(), 4);

  // A name goes over to another image; one without names is gone.
  ASSERT_TRUE(index.Set("docker.io/library/b:1", {.id = Id('1'), .size = 6}).ok());
  EXPECT_TRUE(errdefs::IsNotFound(index.Get(Id('2')).status()));
  EXPECT_EQ(index.Get(Id('1'))->references.size(), 4);
  EXPECT_EQ(index.Get(Id('1'))->size, 6);
  for (const std::string& name : index.Names()) index.Remove(name);
  index.Remove("never there");
  EXPECT_TRUE(index.List().empty());
  EXPECT_TRUE(errdefs::IsNotFound(index.Get("1").status()));

  EXPECT_TRUE(errdefs::IsInvalidArgument(index.Set("a", {.id = "no digest"})));
  EXPECT_TRUE(errdefs::IsInvalidArgument(index.Set("", {.id = Id('1')})));
  EXPECT_TRUE(index.Names().empty());
}

TEST(ImageIndexTest, ReferencesAreNamesOfRecords) {
  ImageIndex index;
  const std::string both = "c:1@" + Id('e');
  const std::string digested = "c@" + Id('e');
  for (const std::string& name :
       {std::string("No Reference"), std::string("b"), Id('2'), digested,
        std::string("docker.io/library/a:1"), std::string("a:1"), std::string("b:2"), both}) {
    ASSERT_TRUE(index.Set(name, {.id = Id('1')}).ok());
  }
  EXPECT_THAT(index.Get(Id('1'))->references,
              ElementsAre(both, "a:1", "docker.io/library/a:1", "b:2", digested, "b", Id('2'),
                          "No Reference"));
}

TEST(ImageIndexTest, PinnedByAnyOfItsNames) {
  ImageIndex index;
  ASSERT_TRUE(index.Set("a:1", {.id = Id('1'), .pinned = true}).ok());
  ASSERT_TRUE(index.Set("a:2", {.id = Id('1')}).ok());
  EXPECT_TRUE(index.Get(Id('1'))->pinned);
  ASSERT_TRUE(index.Set("a:1", {.id = Id('1')}).ok());
  EXPECT_FALSE(index.Get(Id('1'))->pinned);
  ASSERT_TRUE(index.Set("a:2", {.id = Id('1'), .pinned = true}).ok());
  EXPECT_TRUE(index.Get(Id('1'))->pinned);
  index.Remove("a:2");
  EXPECT_FALSE(index.Get(Id('1'))->pinned);
}

TEST(ImageIndexTest, LocalResolve) {
  ImageIndex index;
  const std::string id = "sha256:c75bebcdd211f41b3a460c7bf82970ed6c75acaab9cd4c9a4e125b03ca113799";
  const std::string other =
      "sha256:cafe000000000000000000000000000000000000000000000000000000000000";
  const std::string manifest = Id('e');
  for (const std::string& name : {std::string("docker.io/library/busybox:latest"),
                                  "docker.io/library/busybox@" + manifest, id}) {
    ASSERT_TRUE(index.Set(name, {.id = id}).ok());
  }
  for (const std::string& text :
       {id, id.substr(7), std::string("sha256:c75b"), std::string("c75b"), std::string("busybox"),
        std::string("busybox:latest"), std::string("library/busybox:latest"),
        std::string("library/busybox"), std::string("docker.io/busybox"),
        std::string("docker.io/busybox:latest"), std::string("docker.io/library/busybox"),
        std::string("docker.io/library/busybox:latest"), "busybox@" + manifest,
        "library/busybox@" + manifest, "docker.io/busybox@" + manifest,
        "docker.io/library/busybox@" + manifest, "busybox:gone@" + manifest}) {
    const auto image = index.LocalResolve(text);
    ASSERT_TRUE(image.ok()) << text << image.status();
    EXPECT_EQ(image->id, id) << text;
  }
  for (const std::string& text :
       {std::string("randomid"), std::string("busybox:1"), std::string("Busybox"), manifest,
        std::string("cafe"), std::string("gcr.io/library/busybox:latest"), std::string(" ")}) {
    const auto image = index.LocalResolve(text);
    EXPECT_TRUE(errdefs::IsNotFound(image.status())) << text << image.status();
    EXPECT_THAT(std::string(image.status().message()),
                HasSubstr(text == manifest ? "no image" : text));
  }
  // Not the only image that there is.
  EXPECT_TRUE(errdefs::IsInvalidArgument(index.LocalResolve("").status()));

  ASSERT_TRUE(index.Set("docker.io/library/x:1", {.id = other}).ok());
  EXPECT_EQ(index.LocalResolve("cafe")->id, other);  // no name, but the beginning of an id
  EXPECT_TRUE(errdefs::IsInvalidArgument(index.LocalResolve("c").status()));
}

ContainerEntry Entry(const std::string& id, const std::string& sandbox, ContainerStatus status) {
  return {.info = {.id = id, .sandbox_id = sandbox}, .status = StatusStorage(std::move(status))};
}

TEST(ContainerStoreTest, AddGetListDelete) {
  ContainerStore store;
  ASSERT_TRUE(store.Add(Entry("abc", "s", {.created_at = 1})).ok());
  ASSERT_TRUE(store.Add(Entry("abd", "s", {})).ok());
  EXPECT_TRUE(errdefs::IsAlreadyExists(store.Add(Entry("abc", "t", {}))));
  EXPECT_TRUE(errdefs::IsInvalidArgument(store.Add(Entry("", "t", {}))));
  EXPECT_EQ(store.Get("abc")->info.sandbox_id, "s");
  EXPECT_TRUE(errdefs::IsInvalidArgument(store.Get("ab").status()));
  EXPECT_TRUE(errdefs::IsInvalidArgument(store.Get("").status()));
  EXPECT_TRUE(errdefs::IsNotFound(store.Get("x").status()));
  EXPECT_EQ(store.List().size(), 2);

  // All who got it see its status.
  ContainerEntry mine = *store.Get("abc");
  ASSERT_TRUE(mine.status
                  .Update([](ContainerStatus& status) {
                    status.started_at = 2;
                    return absl::OkStatus();
                  })
                  .ok());
  EXPECT_EQ(store.Get("abc")->status.Get().started_at, 2);

  store.Delete("ab");  // no prefix
  EXPECT_EQ(store.List().size(), 2);
  store.Delete("abd");
  EXPECT_EQ(store.Get("ab")->info.id, "abc");
  ASSERT_TRUE(store.Put(Entry("abc", "t", {})).ok());
  EXPECT_EQ(store.Get("abc")->info.sandbox_id, "t");
  ASSERT_TRUE(store.Put(Entry("new", "t", {})).ok());
  EXPECT_EQ(store.Get("n")->info.id, "new");
}

TEST(ContainerStoreTest, Sandboxes) {
  SandboxStore store;
  ASSERT_TRUE(store.Add({.info = {.id = "s1"}, .status = {.state = SandboxState::kReady}}).ok());
  EXPECT_EQ(store.Get("s")->status.state, SandboxState::kReady);
}

TEST(ContainerStoreTest, ValidateTargetContainer) {
  ContainerStore store;
  ASSERT_TRUE(store.Add(Entry("running", "s", {.created_at = 1, .started_at = 2})).ok());
  ASSERT_TRUE(
      store.Add(Entry("exited", "s", {.created_at = 1, .started_at = 2, .finished_at = 3})).ok());
  ASSERT_TRUE(store.Add(Entry("created", "s", {.created_at = 1})).ok());
  ASSERT_TRUE(store.Add(Entry("unknown", "s", UnknownContainerStatus())).ok());
  ASSERT_TRUE(store.Add(Entry("elsewhere", "t", {.created_at = 1, .started_at = 2})).ok());
  ASSERT_TRUE(store.Add(Entry("elsewhere2", "t", {.created_at = 1, .started_at = 2})).ok());

  EXPECT_EQ(ValidateTargetContainer(store, "s", "running")->info.id, "running");
  EXPECT_EQ(ValidateTargetContainer(store, "s", "run")->info.id, "running");
  for (const auto& [target, want] : std::vector<std::pair<std::string, std::string>>{
           {"exited", "container \"exited\" is not running - in state CONTAINER_EXITED"},
           {"created", "container \"created\" is not running - in state CONTAINER_CREATED"},
           {"unknown", "container \"unknown\" is not running - in state CONTAINER_UNKNOWN"},
           {"elsewhere", "container \"elsewhere\" (sandbox t) does not belong to sandbox \"s\""}}) {
    const auto got = ValidateTargetContainer(store, "s", target);
    EXPECT_TRUE(errdefs::IsFailedPrecondition(got.status())) << got.status();
    EXPECT_EQ(got.status().message(), want);
  }
  const auto missing = ValidateTargetContainer(store, "s", "gone");
  EXPECT_TRUE(errdefs::IsNotFound(missing.status())) << missing.status();
  EXPECT_THAT(std::string(missing.status().message()),
              HasSubstr("container \"gone\" does not exist"));
  EXPECT_TRUE(errdefs::IsInvalidArgument(ValidateTargetContainer(store, "s", "e").status()));
  EXPECT_TRUE(errdefs::IsInvalidArgument(ValidateTargetContainer(store, "s", "").status()));
}

TEST(MetadataTest, AsThePluginWritesIt) {
  const std::string json =
      R"({"Version":"v1","Metadata":{"ID":"c1","Name":"c_p_ns_uid_0","SandboxID":"s1","Config":)"
      R"({"metadata":{"name":"c","attempt":2},"image":{"image":"busybox"},"command":["sh"],)"
      R"("envs":[{"key":"A","value":"Qg=="}],"mounts":[{"container_path":"/a","propagation":2}],)"
      R"("labels":{"l":"v"},"tty":true,"linux":{"resources":{"cpu_shares":2},"later":{}}},)"
      R"("ImageRef":"sha256:1","LogPath":"/logs/c","StopSignal":"SIGTERM","ProcessLabel":""}})";
  const auto info = DecodeContainerInfo(json);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->config.metadata.name, "c");
  EXPECT_EQ(info->config.metadata.attempt, 2);
  EXPECT_EQ(info->config.mounts[0].propagation, MountPropagation::kBidirectional);
  EXPECT_TRUE(info->config.tty);
  EXPECT_EQ(EncodeContainerInfo(*info), json);

  const std::string sandbox_json =
      R"({"Version":"v1","Metadata":{"ID":"s1","Name":"p_ns_uid_0","Config":{"metadata":{"name":)"
      R"("p","uid":"uid","namespace":"ns"},"linux":{"security_context":{"namespace_options":)"
      R"({"network":2,"pid":1}}}},"NetNSPath":"","IP":"10.0.0.1","AdditionalIPs":null,)"
      R"("RuntimeHandler":"runc","ProcessLabel":"","CNIResult":null}})";
  const auto sandbox = DecodeSandboxInfo(sandbox_json);
  ASSERT_TRUE(sandbox.ok()) << sandbox.status();
  EXPECT_EQ(sandbox->config.metadata.ns, "ns");
  EXPECT_EQ(sandbox->config.linux_config->security_context->namespace_options->network,
            NamespaceMode::kNode);
  const auto again = DecodeSandboxInfo(EncodeSandboxInfo(*sandbox));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*again, *sandbox);
}

TEST(MetadataTest, OfARecord) {
  const ContainerInfo info{.id = "c1", .sandbox_id = "s1"};
  containers::Container record{.id = "c1"};
  EXPECT_TRUE(errdefs::IsNotFound(ContainerInfoOf(record).status()));
  EXPECT_TRUE(errdefs::IsNotFound(SandboxInfoOf(record).status()));
  record.extensions[kContainerMetadataExtension] = MarshalContainerInfo(info);
  EXPECT_EQ(ContainerInfoOf(record)->sandbox_id, "s1");
  record.extensions[kSandboxMetadataExtension] = MarshalSandboxInfo({.id = "c1", .ip = "::1"});
  EXPECT_EQ(SandboxInfoOf(record)->ip, "::1");
}

TEST(MetadataTest, CorruptExtensionsAreNamed) {
  const typeurl::Any good = MarshalContainerInfo({.id = "c1"});
  std::vector<typeurl::Any> corrupt = {
      {good.type_url, ""},
      {good.type_url, "{"},
      {good.type_url, good.value.substr(0, good.value.size() / 2)},
      {good.type_url, "\xff\xfe"},
      {good.type_url, R"({"Version":"v1","Metadata":[]})"},
      {good.type_url, R"({"Version":"v1","Metadata":{"ID":1}})"},
      {good.type_url,
       R"({"Version":"v1","Metadata":{"ID":"c1","Config":{"metadata":{"attempt":-1}}}})"},
      {good.type_url, R"({"Version":"v1","Metadata":{"ID":"another"}})"},
      {good.type_url, R"({"Version":"v1"})"},
      {"", good.value},
      {"types.example/Metadata", good.value},
      MarshalSandboxInfo({.id = "c1"}),
  };
  for (const typeurl::Any& any : corrupt) {
    const containers::Container record{.id = "c1",
                                       .extensions = {{kContainerMetadataExtension, any}}};
    const auto got = ContainerInfoOf(record);
    EXPECT_TRUE(errdefs::IsInvalidArgument(got.status())) << any.value << got.status();
    EXPECT_THAT(std::string(got.status().message()), HasSubstr("container \"c1\"")) << any.value;
  }
  const containers::Container later{
      .id = "c1",
      .extensions = {{kContainerMetadataExtension, {good.type_url, R"({"Version":"v2"})"}}}};
  EXPECT_TRUE(errdefs::IsNotImplemented(ContainerInfoOf(later).status()));
}

}  // namespace
}  // namespace containerd::cri
