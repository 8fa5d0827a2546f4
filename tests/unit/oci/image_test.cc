// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/images/mediatypes.h"
#include "containerd/oci/spec_opts_image.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/mediatypes.h"

#include "tests/support/memory_store.h"
#include "tests/support/oci.h"

namespace containerd::oci {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class FakeImage : public Image {
 public:
  explicit FakeImage(const ocispec::ImageConfig& config,
                     std::string_view media_type = ocispec::kMediaTypeImageConfig)
      : FakeImage(ocispec::Marshal(ocispec::Image{.config = config}), media_type) {}
  FakeImage(std::string_view json, std::string_view media_type)
      : desc_(store_->Add(media_type, json)) {}

  absl::StatusOr<ocispec::Descriptor> Config(const Context&) const override { return desc_; }
  std::shared_ptr<content::Store> ContentStore() const override { return store_; }

 private:
  std::shared_ptr<containerd::testing::MemoryStore> store_ =
      std::make_shared<containerd::testing::MemoryStore>();
  ocispec::Descriptor desc_;
};

TEST(WithImageConfig, WindowsArgs) {
  const FakeImage image({.env = {"z=bar", "y=baz"},
                         .entrypoint = {"create", "--namespace=test"},
                         .cmd = {"", "--debug"}});
  Spec spec{.root = specs::Root{}, .windows = specs::Windows{}};
  ASSERT_TRUE(
      Apply(Compose({WithEnv({"x=foo", "y=boo"}), WithProcessArgs({"run", "--foo", "xyz", "--bar"}),
                     WithImageConfigArgs(image, {"--boo", "bar"})}),
            &spec)
          .ok());
  EXPECT_THAT(spec.process->env, ElementsAre("z=bar", "y=boo", "x=foo"));
  EXPECT_THAT(spec.process->args, ElementsAre("create", "--namespace=test", "--boo", "bar"));
}

TEST(WithImageConfig, WindowsCommandLine) {
  Spec spec{.windows = specs::Windows{}};
  ASSERT_TRUE(Apply(WithImageConfig(FakeImage({.user = "u",
                                               .cmd = {"cmd /S /C echo"},
                                               .working_dir = "C:\\app",
                                               .args_escaped = true})),
                    &spec)
                  .ok());
  EXPECT_EQ(spec.process->command_line, "cmd /S /C echo");
  EXPECT_THAT(spec.process->args, IsEmpty());
  EXPECT_EQ(spec.process->cwd, "C:\\app");
  EXPECT_EQ(spec.process->user.username, "u");
  // Arguments of the user's in the place of a quoted command are an ordinary list.
  const FakeImage escaped({.cmd = {"cmd /S"}, .args_escaped = true});
  ASSERT_TRUE(Apply(WithImageConfigArgs(escaped, {"a", "b c"}), &spec).ok());
  EXPECT_EQ(spec.process->command_line, "");
  EXPECT_THAT(spec.process->args, ElementsAre("a", "b c"));
  const FakeImage entrypoint({.entrypoint = {"x.exe"}, .args_escaped = true});
  EXPECT_TRUE(errdefs::IsNotImplemented(Apply(WithImageConfigArgs(entrypoint, {"a"}), &spec)));
  EXPECT_THAT(MessageOf(Apply(WithImageConfig(FakeImage(ocispec::ImageConfig{})), &spec)),
              HasSubstr("no arguments"));
}

TEST(WithImageConfig, DefaultPath) {
  // With a Windows section, too, users are for the guest to find.
  Spec spec{.linux_ = specs::Linux{}, .windows = specs::Windows{}};
  ASSERT_TRUE(
      Apply(WithImageConfig(FakeImage({.entrypoint = {"create"}, .cmd = {"", "--debug"}})), &spec)
          .ok());
  EXPECT_THAT(spec.process->env,
              ElementsAre("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
  EXPECT_THAT(spec.process->args, ElementsAre("create", "", "--debug"));
  EXPECT_EQ(spec.process->cwd, "/");
}

class LinuxImageTest : public ::testing::Test {
 protected:
  LinuxImageTest() {
    dir_.Write("etc/passwd", "root:x:0:0:::\nguest:x:405:100:::\n");
    dir_.Write("etc/group", "wheel:x:10:root\nguest:x:100:guest\nvideo:x:27:guest\n");
    spec_.root = specs::Root{.path = dir_.path()};
    spec_.linux_.emplace();
  }
  const specs::User& user() const { return spec_.process->user; }

  const TempDir dir_;
  Spec spec_;
};

TEST_F(LinuxImageTest, AllOfTheConfig) {
  ASSERT_TRUE(Apply(Compose({WithEnv({"A=mine", "B=new"}),
                             WithImageConfig(FakeImage({.user = "guest",
                                                        .env = {"PATH=/bin", "A=image"},
                                                        .entrypoint = {"/init"},
                                                        .cmd = {"serve"},
                                                        .working_dir = "/srv"}))}),
                    &spec_)
                  .ok());
  EXPECT_THAT(spec_.process->env, ElementsAre("PATH=/bin", "A=mine", "B=new"));
  EXPECT_THAT(spec_.process->args, ElementsAre("/init", "serve"));
  EXPECT_EQ(spec_.process->cwd, "/srv");
  EXPECT_EQ(user().uid, 405U);
  EXPECT_EQ(user().gid, 100U);
  EXPECT_THAT(user().additional_gids, ElementsAre(100, 27));
}

TEST_F(LinuxImageTest, WithoutAUserItIsRoot) {
  ASSERT_TRUE(Apply(WithImageConfigArgs(FakeImage({.cmd = {"sh"}}), {"ls", "-l"}), &spec_).ok());
  EXPECT_THAT(spec_.process->args, ElementsAre("ls", "-l"));
  EXPECT_EQ(user().uid, 0U);
  EXPECT_THAT(user().additional_gids, ElementsAre(0, 10));
}

TEST_F(LinuxImageTest, AnUnknownUserIsNamed) {
  const absl::Status s = Apply(WithImageConfig(FakeImage({.user = "nobody"})), &spec_);
  EXPECT_TRUE(errdefs::IsNotFound(s));
  EXPECT_THAT(MessageOf(s), HasSubstr("\"nobody\""));
}

TEST_F(LinuxImageTest, BadConfigs) {
  const absl::Status type =
      Apply(WithImageConfig(FakeImage(ocispec::ImageConfig{}, "text/plain")), &spec_);
  EXPECT_TRUE(errdefs::IsInvalidArgument(type));
  EXPECT_THAT(MessageOf(type), HasSubstr("text/plain"));
  for (const char* json : {"", "[]", "{\"config\":{\"Env\":1}}", "{\"config\":"}) {
    const absl::Status s =
        Apply(WithImageConfig(FakeImage(json, ocispec::kMediaTypeImageConfig)), &spec_);
    EXPECT_TRUE(errdefs::IsInvalidArgument(s)) << json << s;
  }
  EXPECT_TRUE(
      Apply(WithImageConfig(FakeImage("{}", images::kMediaTypeDockerSchema2Config)), &spec_).ok());
  Spec neither;
  EXPECT_TRUE(errdefs::IsInvalidArgument(
      Apply(WithImageConfig(FakeImage(ocispec::ImageConfig{})), &neither)));
}

}  // namespace
}  // namespace containerd::oci
