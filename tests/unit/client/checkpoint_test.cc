// SPDX-License-Identifier: Apache-2.0
#include "containerd/checkpoint.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <google/protobuf/any.pb.h>
#include <gtest/gtest.h>

#include "containerd/container_opts.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/mediatypes.h"
#include "containerd/linux/runc/runc.pb.h"
#include "containerd/ocispec/annotations.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/runc/v1/options.pb.h"
#include "containerd/testing/mocks/client.h"
#include "containerd/testing/stores.h"
#include "containerd/typeurl/proto.h"
#include "containerd/typeurl/typeurl.h"

#include "tests/support/contents.h"

namespace containerd {
namespace {

using ::testing::_;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::InSequence;
using ::testing::Pair;
using ::testing::Return;

using RuncOptions = ::containerd::runc::v1::CheckpointOptions;
using LinuxOptions = ::containerd::linux::runc::CheckpointOptions;

constexpr char kImage[] = "example.com/app:1";
constexpr char kSaved[] = "example.com/saved:1";

std::vector<std::string> MediaTypes(const ocispec::Index& index) {
  std::vector<std::string> types;
  for (const ocispec::Descriptor& desc : index.manifests) types.push_back(desc.media_type);
  return types;
}

class CheckpointTest : public ::testing::Test {
 protected:
  CheckpointTest()
      : built_(testing::BuildImage({.layers = {testing::TarOf({{.name = "hello"}})}})),
        parent_(digest::FromString(built_.layers.front()).String()) {
    stores_.AddImage("testing", kImage, built_);
    ::containerd::runc::v1::Options runtime_options;
    runtime_options.set_binary_name("my-runc");
    runtime_options_ = *typeurl::MarshalAny(runtime_options);
    specs::Spec spec;
    spec.hostname = "saved-host";
    auto web = daemon_.client.NewContainer(
        ctx_, "web",
        {WithSnapshotter("fake"),
         WithNewSnapshot("web", Image(daemon_.client, *stores_.images->Get(ctx_, kImage))),
         WithRuntime("io.containerd.runc.v2", runtime_options_), WithSpec(spec)});
    EXPECT_TRUE(web.ok()) << web.status();
    web_ = std::make_unique<Container>(*std::move(web));

    criu_ = content_.Add(images::kMediaTypeContainerd1Checkpoint, "what CRIU wrote");
    config_ = content_.Add(
        images::kMediaTypeContainerd1CheckpointConfig,
        typeurl::ToProto(stores_.containers->Get(ctx_, "web")->spec).SerializeAsString());
    ON_CALL(*daemon_.tasks, Checkpoint(_, "web", _, _))
        .WillByDefault(Return(std::vector<ocispec::Descriptor>{criu_, config_}));
    layer_ = content_.Add(ocispec::kMediaTypeImageLayerGzip, "what changed");
    ON_CALL(*daemon_.diff, Compare).WillByDefault(Return(layer_));
    ON_CALL(*daemon_.diff, Apply).WillByDefault(Return(layer_));
    SetTaskStatus(tasks::Status::kRunning);
  }

  void SetTaskStatus(tasks::Status status) {
    ON_CALL(*daemon_.tasks, Get(_, "web", ""))
        .WillByDefault(
            Return(tasks::Process{.container_id = "web", .id = "web", .pid = 7, .status = status}));
  }

  Task TheTask() {
    auto task = web_->Task(ctx_);
    EXPECT_TRUE(task.ok()) << task.status();
    return *std::move(task);
  }

  ocispec::Index IndexOf(const Image& image) {
    auto index = ocispec::Unmarshal<ocispec::Index>(content_.Data(image.Target().digest));
    EXPECT_TRUE(index.ok()) << index.status();
    return *std::move(index);
  }

  // An image of an index that a test wrote.
  Image ImageOf(std::string_view index, const char* media_type = ocispec::kMediaTypeImageIndex) {
    return Image(daemon_.client, {.name = kSaved, .target = content_.Add(media_type, index)});
  }

  static std::string Text(const absl::Status& status) {
    return std::string(errdefs::Message(status));
  }

  const Context ctx_ = WithNamespace(Context::Background(), "testing");
  const testing::MemoryStores stores_{"fake"};
  const testing::Contents content_{ctx_, stores_.content};
  testing::MockDaemon daemon_{stores_, {WithDefaultRuntime("io.containerd.runc.v2")}};
  const testing::BuiltImage built_;
  const std::string parent_;
  typeurl::Any runtime_options_;
  std::unique_ptr<Container> web_;
  ocispec::Descriptor criu_;
  ocispec::Descriptor config_;
  ocispec::Descriptor layer_;
};

TEST_F(CheckpointTest, OfAContainerHasWhatTheOptionsAdd) {
  typeurl::Any sent;
  EXPECT_CALL(*daemon_.tasks, Checkpoint(_, "web", "", _))
      .WillOnce(
          [&](const Context&, auto, auto,
              const typeurl::Any& options) -> absl::StatusOr<std::vector<ocispec::Descriptor>> {
            sent = options;
            return std::vector{criu_, config_};
          });
  EXPECT_CALL(*daemon_.tasks, Pause).Times(0);
  auto saved = web_->Checkpoint(ctx_, kSaved,
                                {WithCheckpointImage, WithCheckpointRuntime, WithCheckpointRW,
                                 WithCheckpointTaskExit, WithCheckpointTask});
  ASSERT_TRUE(saved.ok()) << saved.status();
  EXPECT_EQ(saved->Name(), kSaved);
  EXPECT_EQ(saved->Target().media_type, ocispec::kMediaTypeImageIndex);
  EXPECT_TRUE(stores_.images->Get(ctx_, kSaved).ok());
  EXPECT_EQ(stores_.leases->List(ctx_)->size(), 0U);

  const auto options = typeurl::UnmarshalAny<RuncOptions>(sent);
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_TRUE(options->exit());
  EXPECT_TRUE(options->file_locks());

  const ocispec::Index index = IndexOf(*saved);
  EXPECT_EQ(index.schema_version, 2);
  EXPECT_THAT(MediaTypes(index), ElementsAre(ocispec::kMediaTypeImageManifest,
                                             images::kMediaTypeContainerd1CheckpointRuntimeOptions,
                                             ocispec::kMediaTypeImageLayerGzip,
                                             images::kMediaTypeContainerd1Checkpoint,
                                             images::kMediaTypeContainerd1CheckpointConfig,
                                             images::kMediaTypeContainerd1CheckpointOptions));
  EXPECT_THAT(index.annotations,
              AllOf(Contains(Pair(ocispec::kAnnotationRefName, kImage)),
                    Contains(Pair(kCheckpointRuntimeNameLabel, "io.containerd.runc.v2")),
                    Contains(Pair(kCheckpointSnapshotterNameLabel, "fake"))));
  // Everything is kept, and described as it is.
  const Labels labels = content_.LabelsOf(saved->Target().digest);
  ASSERT_EQ(labels.size(), index.manifests.size());
  for (std::size_t i = 0; i < index.manifests.size(); ++i) {
    const ocispec::Descriptor& desc = index.manifests[i];
    EXPECT_EQ(labels.at("containerd.io/gc.ref.content." + std::to_string(i)), desc.digest);
    ASSERT_TRUE(content_.Has(desc.digest)) << desc.media_type;
    EXPECT_EQ(desc.size, static_cast<std::int64_t>(content_.Data(desc.digest).size()));
    EXPECT_EQ(desc.platform.has_value(), i > 0) << desc.media_type;
  }
  google::protobuf::Any any;
  ASSERT_TRUE(any.ParseFromString(content_.Data(index.manifests[1].digest)));
  EXPECT_EQ(typeurl::FromProto(any), runtime_options_);
}

TEST_F(CheckpointTest, AnOptionThatFailsIsTold) {
  // Also an error that Go's client takes for success: the part would be missing.
  EXPECT_CALL(*daemon_.tasks, Checkpoint).WillOnce(Return(errdefs::AlreadyExists("content")));
  const auto saved = web_->Checkpoint(ctx_, kSaved, {WithCheckpointTask});
  EXPECT_TRUE(errdefs::IsAlreadyExists(saved.status())) << saved.status();
  EXPECT_THAT(Text(saved.status()), HasSubstr("\"web\""));
  EXPECT_TRUE(errdefs::IsNotFound(stores_.images->Get(ctx_, kSaved).status()));
  EXPECT_EQ(stores_.leases->List(ctx_)->size(), 0U);
}

TEST_F(CheckpointTest, ANameThatIsTakenIsTold) {
  const auto again = web_->Checkpoint(ctx_, kImage, {WithCheckpointRuntime});
  EXPECT_TRUE(errdefs::IsAlreadyExists(again.status())) << again.status();
}

TEST_F(CheckpointTest, OfATaskIsMadeWhileItIsPaused) {
  {
    const InSequence in_order;
    EXPECT_CALL(*daemon_.tasks, Pause(_, "web"));
    EXPECT_CALL(*daemon_.tasks, Checkpoint(_, "web", "sha256:parent", _));
    EXPECT_CALL(*daemon_.diff, Compare);
    EXPECT_CALL(*daemon_.tasks, Resume(_, "web"));
  }
  auto saved =
      TheTask().Checkpoint(ctx_, {WithCheckpointName(kSaved), [](CheckpointTaskInfo* info) {
                                    EXPECT_EQ(info->runtime, "io.containerd.runc.v2");
                                    info->parent_checkpoint = "sha256:parent";
                                    return absl::OkStatus();
                                  }});
  ASSERT_TRUE(saved.ok()) << saved.status();
  EXPECT_EQ(saved->Name(), kSaved);
  EXPECT_THAT(saved->Labels(), ElementsAre(Pair("containerd.io/checkpoint", "true")));
  const ocispec::Index index = IndexOf(*saved);
  EXPECT_THAT(MediaTypes(index),
              ElementsAre(images::kMediaTypeContainerd1Checkpoint,
                          images::kMediaTypeContainerd1CheckpointConfig,
                          ocispec::kMediaTypeImageManifest, ocispec::kMediaTypeImageLayerGzip));
  EXPECT_THAT(index.annotations, ElementsAre(Pair("image.name", kImage)));
}

TEST_F(CheckpointTest, APausedTaskStaysPaused) {
  SetTaskStatus(tasks::Status::kPaused);
  EXPECT_CALL(*daemon_.tasks, Pause).Times(0);
  EXPECT_CALL(*daemon_.tasks, Resume).Times(0);
  auto saved = TheTask().Checkpoint(ctx_);
  ASSERT_TRUE(saved.ok()) << saved.status();
  EXPECT_THAT(saved->Name(), ::testing::StartsWith("containerd.io/checkpoint/web:"));
}

TEST_F(CheckpointTest, ATaskGoesOnWhateverBecomesOfTheContext) {
  auto [ctx, cancel] = WithCancel(ctx_);
  EXPECT_CALL(*daemon_.tasks, Checkpoint)
      .WillOnce([cancel = cancel](const Context& call, auto, auto,
                                  const auto&) -> absl::StatusOr<std::vector<ocispec::Descriptor>> {
        cancel();
        return call.Err();
      });
  EXPECT_CALL(*daemon_.tasks, Resume).WillOnce([](const Context& call, auto) {
    EXPECT_TRUE(call.Err().ok());
    EXPECT_EQ(call.Namespace(), "testing");
    return absl::OkStatus();
  });
  EXPECT_TRUE(errdefs::IsCanceled(TheTask().Checkpoint(ctx).status()));
}

TEST_F(CheckpointTest, ATaskThatCannotBePausedIsNotTouched) {
  EXPECT_CALL(*daemon_.tasks, Pause).WillOnce(Return(errdefs::FailedPrecondition("stopped")));
  EXPECT_CALL(*daemon_.tasks, Checkpoint).Times(0);
  EXPECT_CALL(*daemon_.tasks, Resume).Times(0);
  EXPECT_TRUE(errdefs::IsFailedPrecondition(TheTask().Checkpoint(ctx_).status()));
}

TEST_F(CheckpointTest, IntoAFolderMakesNoImage) {
  EXPECT_CALL(*daemon_.tasks, Checkpoint)
      .WillOnce([](const Context&, auto, auto,
                   const typeurl::Any& any) -> absl::StatusOr<std::vector<ocispec::Descriptor>> {
        auto options = typeurl::UnmarshalAny<RuncOptions>(any);
        EXPECT_EQ(options->image_path(), "/some/folder");
        EXPECT_TRUE(options->open_tcp()) << "options before this one stay";
        return std::vector<ocispec::Descriptor>{};
      });
  EXPECT_CALL(*daemon_.diff, Compare).Times(0);
  EXPECT_CALL(*daemon_.tasks, Resume);
  auto saved = TheTask().Checkpoint(
      ctx_, {WithCheckpointOptions({.open_tcp = true}), WithCheckpointImagePath("/some/folder")});
  ASSERT_TRUE(saved.ok()) << saved.status();
  EXPECT_EQ(saved->Name(), "");
  EXPECT_EQ(stores_.images->List(ctx_)->size(), 1U);
}

TEST(CheckpointTaskOptions, AreThoseOfTheRuntime) {
  CheckpointTaskInfo info;
  info.runtime = "io.containerd.runtime.v1.linux";
  ASSERT_TRUE(WithCheckpointOptions({.exit = true, .empty_namespaces = {"network"}})(&info).ok());
  ASSERT_TRUE(WithCheckpointImagePath("/p")(&info).ok());
  const auto options = typeurl::UnmarshalAny<LinuxOptions>(info.options);
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_TRUE(options->exit());
  EXPECT_EQ(options->image_path(), "/p");
  EXPECT_THAT(options->empty_namespaces(), ElementsAre("network"));

  info.options = {.type_url = "some.other/Options", .value = {}};
  const absl::Status s = WithCheckpointImagePath("/p")(&info);
  EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("some.other/Options"));
}

TEST_F(CheckpointTest, IsRestoredWhole) {
  auto saved =
      web_->Checkpoint(ctx_, kSaved, {WithCheckpointRuntime, WithCheckpointRW, WithCheckpointTask});
  ASSERT_TRUE(saved.ok()) << saved.status();
  EXPECT_CALL(*daemon_.diff, Apply)
      .WillOnce([&](const Context&, const ocispec::Descriptor& desc, auto&,
                    auto&) -> absl::StatusOr<ocispec::Descriptor> {
        EXPECT_EQ(desc.digest, layer_.digest);
        return desc;
      });
  auto restored = daemon_.client.Restore(
      ctx_, "again", *saved,
      {WithRestoreImage, WithRestoreSpec, WithRestoreRuntime, WithRestoreRW});
  ASSERT_TRUE(restored.ok()) << restored.status();
  const auto record = stores_.containers->Get(ctx_, "again");
  ASSERT_TRUE(record.ok());
  EXPECT_EQ(record->image, kImage);
  EXPECT_EQ(record->snapshotter, "fake");
  EXPECT_EQ(record->snapshot_key, "again");
  EXPECT_EQ(record->runtime.name, "io.containerd.runc.v2");
  EXPECT_EQ(record->runtime.options, runtime_options_);
  EXPECT_EQ(restored->Spec(ctx_)->hostname, "saved-host");
  EXPECT_EQ(stores_.snapshotter->Stat(ctx_, "again")->parent, parent_);
  EXPECT_EQ(stores_.leases->List(ctx_)->size(), 0U);

  EXPECT_CALL(*daemon_.tasks, Create)
      .WillOnce([&](const Context&,
                    const tasks::CreateTaskRequest& request) -> absl::StatusOr<std::uint32_t> {
        EXPECT_TRUE(request.checkpoint.has_value());
        EXPECT_EQ(request.checkpoint->digest, criu_.digest);
        EXPECT_EQ(request.checkpoint->media_type, criu_.media_type);
        EXPECT_EQ(request.checkpoint->size, criu_.size);
        return 9U;
      });
  auto task = restored->NewTask(ctx_, cio::NullIO, {WithTaskCheckpoint(*saved)});
  ASSERT_TRUE(task.ok()) << task.status();
}

TEST_F(CheckpointTest, WhatItLacksIsNamed) {
  const Image empty = ImageOf(R"({"schemaVersion":2,"manifests":[]})");
  const auto restore = [&](const Image& image, RestoreOpts opt) {
    return daemon_.client.Restore(ctx_, "again", image, {std::move(opt)}).status();
  };
  EXPECT_TRUE(IsErrImageNameNotFoundInIndex(restore(empty, WithRestoreImage)));
  EXPECT_TRUE(IsErrRuntimeNameNotFoundInIndex(restore(empty, WithRestoreRuntime)));
  EXPECT_TRUE(IsErrMediaTypeNotFound(restore(empty, WithRestoreSpec)));
  EXPECT_TRUE(IsErrMediaTypeNotFound(restore(empty, WithRestoreRW)));
  EXPECT_TRUE(errdefs::IsNotFound(restore(empty, WithRestoreSpec)));
  EXPECT_TRUE(IsErrSnapshotterNameNotFoundInIndex(restore(
      ImageOf(
          R"({"schemaVersion":2,"manifests":[],"annotations":{"org.opencontainers.image.ref.name":"x"}})"),
      WithRestoreImage)));
  EXPECT_EQ(stores_.containers->List(ctx_)->size(), 1U);

  const auto task = web_->NewTask(ctx_, cio::NullIO, {WithTaskCheckpoint(empty)});
  EXPECT_TRUE(errdefs::IsNotFound(task.status())) << task.status();
  EXPECT_THAT(Text(task.status()), HasSubstr(empty.Target().digest));
}

TEST_F(CheckpointTest, AnyBytesGiveAnError) {
  for (const std::string bytes : {"", "null", "[]", "{", "{\"manifests\":7}", "\xff\xfe",
                                  R"({"manifests":[],"layers":[{"size":1}]})"}) {
    const Image bad = ImageOf(bytes);
    const absl::Status restored = daemon_.client.Restore(ctx_, "again", bad).status();
    const absl::Status task = web_->NewTask(ctx_, cio::NullIO, {WithTaskCheckpoint(bad)}).status();
    EXPECT_FALSE(task.ok()) << bytes;
    EXPECT_THAT(Text(task), AllOf(HasSubstr("web"))) << bytes;
    // To Go and here an empty index that says nothing at all.
    EXPECT_EQ(restored.ok(), bytes == "null") << bytes << ": " << restored;
  }
  // Parts of it as well.
  const ocispec::Descriptor garbage =
      content_.Add(images::kMediaTypeContainerd1CheckpointConfig, "\xff\xff\xff");
  ocispec::Index index;
  index.schema_version = 2;
  index.manifests = {garbage};
  const absl::Status spec =
      daemon_.client.Restore(ctx_, "again", ImageOf(ocispec::Marshal(index)), {WithRestoreSpec})
          .status();
  EXPECT_TRUE(errdefs::IsInvalidArgument(spec)) << spec;
  EXPECT_THAT(Text(spec), HasSubstr(garbage.digest));
}

TEST_F(CheckpointTest, TheOldOptionRestoresInOneGo) {
  auto saved = TheTask().Checkpoint(ctx_, {WithCheckpointName(kSaved)});
  ASSERT_TRUE(saved.ok()) << saved.status();
  EXPECT_CALL(*daemon_.diff, Apply);
  auto restored = daemon_.client.NewContainer(
      ctx_, "again", {WithSnapshotter("fake"), WithCheckpoint(*saved, "again-rootfs")});
  ASSERT_TRUE(restored.ok()) << restored.status();
  const auto record = stores_.containers->Get(ctx_, "again");
  EXPECT_EQ(record->image, kImage);
  EXPECT_EQ(record->snapshot_key, "again-rootfs");
  EXPECT_EQ(restored->Spec(ctx_)->hostname, "saved-host");
  EXPECT_EQ(stores_.snapshotter->Stat(ctx_, "again-rootfs")->parent, parent_);
}

TEST_F(CheckpointTest, TheOldOptionTakesNoOtherImage) {
  EXPECT_CALL(*daemon_.diff, Apply).Times(0);
  const Image image(daemon_.client, *stores_.images->Get(ctx_, kImage));
  ocispec::Index platforms;
  platforms.schema_version = 2;
  platforms.manifests = {image.Target(), layer_};
  for (const Image& no_checkpoint : {image, ImageOf(ocispec::Marshal(platforms)), ImageOf("{}")}) {
    const absl::Status refused =
        daemon_.client
            .NewContainer(ctx_, "again",
                          {WithSnapshotter("fake"), WithCheckpoint(no_checkpoint, "again-rootfs")})
            .status();
    EXPECT_TRUE(errdefs::IsInvalidArgument(refused)) << refused;
    EXPECT_THAT(Text(refused), HasSubstr(no_checkpoint.Name() + "\" is no checkpoint"));
    EXPECT_FALSE(stores_.snapshotter->Stat(ctx_, "again-rootfs").ok());
  }
}

TEST_F(CheckpointTest, TheOldOptionWritesIntoNoSnapshotOfOthers) {
  auto saved = TheTask().Checkpoint(ctx_, {WithCheckpointName(kSaved)});
  ASSERT_TRUE(saved.ok()) << saved.status();
  ocispec::Index bare = IndexOf(*saved);  // Without its image.
  std::erase_if(bare.manifests, [](const auto& d) { return images::IsManifestType(d.media_type); });
  {
    EXPECT_CALL(*daemon_.diff, Apply).Times(0);
    const auto restore = [&](const Image& image) {
      return daemon_.client
          .NewContainer(ctx_, "again", {WithSnapshotter("fake"), WithCheckpoint(image, "web")})
          .status();
    };
    const absl::Status refused = restore(*saved);
    EXPECT_TRUE(errdefs::IsAlreadyExists(refused)) << refused;
    EXPECT_THAT(Text(refused), HasSubstr("snapshot \"web\""));
    const absl::Status without = restore(ImageOf(ocispec::Marshal(bare)));
    EXPECT_TRUE(errdefs::IsFailedPrecondition(without)) << without;
    EXPECT_TRUE(stores_.snapshotter->Stat(ctx_, "web").ok());
    ::testing::Mock::VerifyAndClearExpectations(daemon_.diff.get());
  }
  // The container's own is taken.
  EXPECT_CALL(*daemon_.diff, Apply);
  const Image image(daemon_.client, *stores_.images->Get(ctx_, kImage));
  auto restored = daemon_.client.NewContainer(
      ctx_, "again",
      {WithSnapshotter("fake"), WithNewSnapshot("mine", image), WithCheckpoint(*saved, "mine")});
  EXPECT_TRUE(restored.ok()) << restored.status();
}

TEST_F(CheckpointTest, GetIndexByMediaType) {
  ocispec::Index index;
  index.manifests = {criu_, config_};
  EXPECT_EQ(GetIndexByMediaType(index, config_.media_type)->digest, config_.digest);
  const absl::Status none = GetIndexByMediaType(index, "no/such").status();
  EXPECT_TRUE(IsErrMediaTypeNotFound(none));
  EXPECT_THAT(Text(none), HasSubstr("no/such"));
  EXPECT_FALSE(IsErrMediaTypeNotFound(errdefs::NotFound("media type not found")));
}

TEST_F(CheckpointTest, ContainerRestoreAsksForTheFolder) {
  EXPECT_CALL(*daemon_.tasks, Create)
      .WillOnce([](const Context&,
                   const tasks::CreateTaskRequest& request) -> absl::StatusOr<std::uint32_t> {
        EXPECT_EQ(request.container_id, "web");
        EXPECT_THAT(request.checkpoint->annotations,
                    ElementsAre(Pair("RestoreFromPath", "/some/folder")));
        EXPECT_THAT(request.rootfs, ElementsAre(Field(&mount::Mount::source, "memory:web")));
        return 77U;
      })
      .WillOnce(Return(errdefs::NotFound("no such folder")));
  auto pid = web_->Restore(ctx_, cio::NullIO, "/some/folder");
  ASSERT_TRUE(pid.ok()) << pid.status();
  EXPECT_EQ(*pid, 77U);
  const absl::Status failed = web_->Restore(ctx_, cio::NullIO, "/other").status();
  EXPECT_TRUE(errdefs::IsNotFound(failed));
  EXPECT_THAT(Text(failed), AllOf(HasSubstr("\"web\""), HasSubstr("/other")));
}

}  // namespace
}  // namespace containerd
