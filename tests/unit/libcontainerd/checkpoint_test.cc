// SPDX-License-Identifier: Apache-2.0
#include "src/libcontainerd/checkpoint.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/archive/diff.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/mediatypes.h"
#include "containerd/io/io.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/testing/stores.h"

#include "src/testing/internal/temp_folder.h"
#include "tests/support/contents.h"

namespace containerd::libcontainerd {
namespace {

using ::testing::HasSubstr;

class DownloadCheckpointTest : public ::testing::Test {
 protected:
  // What comes of a checkpoint whose image is this content.
  absl::Status Download(const ocispec::Descriptor& target) {
    auto incoming = Incoming::Make(dir_);
    if (!incoming.ok()) return incoming.status();
    return DownloadCheckpoint(ctx_, client_, Image(client_, {.name = "saved", .target = target}),
                              *incoming);
  }

  const Context ctx_ = WithNamespace(Context::Background(), "testing");
  const testing::MemoryStores stores_;
  const testing::Contents content_{ctx_, stores_.content};
  Client client_ = *Client::New("", {WithServices(stores_.Services())});
  const testing::internal::TempFolder temp_;
  const std::string dir_ = temp_.path() + "/checkpoint";
};

TEST_F(DownloadCheckpointTest, WithoutCRIUsDataIsAnErrorAndLeavesNoFolder) {
  ocispec::Index index;
  index.manifests = {content_.Add(images::kMediaTypeContainerd1CheckpointConfig, "x")};
  const ocispec::Descriptor bad[] = {
      content_.Add(ocispec::kMediaTypeImageIndex, ocispec::Marshal(index)),
      content_.Add(ocispec::kMediaTypeImageIndex, "no JSON"),
      {.media_type = std::string(ocispec::kMediaTypeImageIndex),
       .digest = digest::FromString("gone").String(),
       .size = 4}};
  for (const ocispec::Descriptor& target : bad) {
    const absl::Status s = Download(target);
    EXPECT_TRUE(errdefs::IsInternal(s)) << s;
    EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr("checkpoint"));
    EXPECT_FALSE(std::filesystem::exists(dir_));
  }
}

TEST_F(DownloadCheckpointTest, DataThatIsNoArchiveLeavesNothing) {
  ocispec::Index index;
  index.manifests = {content_.Add(images::kMediaTypeContainerd1Checkpoint, std::string(1000, 'x'))};
  const absl::Status s =
      Download(content_.Add(ocispec::kMediaTypeImageIndex, ocispec::Marshal(index)));
  EXPECT_TRUE(errdefs::IsInternal(s)) << s;
  EXPECT_FALSE(std::filesystem::exists(dir_));
}

TEST_F(DownloadCheckpointTest, AFolderThatIsInTheWayMovesNothing) {
  const std::string source = temp_.path() + "/source";
  std::filesystem::create_directories(source);
  std::ofstream(source + "/a") << "x";
  std::ofstream(source + "/b") << "x";
  std::string dump;
  io::StringWriter writer(&dump);
  ASSERT_TRUE(archive::WriteDiff(Context::Background(), writer, "", source).ok());
  ocispec::Index index;
  index.manifests = {content_.Add(images::kMediaTypeContainerd1Checkpoint, dump)};
  const auto target = content_.Add(ocispec::kMediaTypeImageIndex, ocispec::Marshal(index));
  std::filesystem::create_directories(dir_ + "/b/mine");
  const absl::Status s = Download(target);
  EXPECT_TRUE(errdefs::IsFailedPrecondition(s)) << s;
  EXPECT_THAT(std::string(errdefs::Message(s)), HasSubstr(dir_ + "/b"));
  EXPECT_FALSE(std::filesystem::exists(dir_ + "/a"));
  std::filesystem::remove_all(dir_ + "/b");
  EXPECT_TRUE(Download(target).ok());
  EXPECT_TRUE(std::filesystem::is_regular_file(dir_ + "/b"));
}

}  // namespace
}  // namespace containerd::libcontainerd
