// SPDX-License-Identifier: Apache-2.0
//
// What containerd's own CRI plugin made is found by package cri in containerd's API, and agrees
// with what the plugin says of it.
#include <csignal>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/cri/container_store.h"
#include "containerd/cri/image_names.h"
#include "containerd/cri/image_store.h"
#include "containerd/cri/labels.h"
#include "containerd/cri/names.h"
#include "containerd/cri/recover.h"
#include "containerd/errdefs/errdefs.h"

#include "cri_fixture.h"

namespace containerd::cri {
namespace {

using testing::CRIDaemon;
using ::testing::ElementsAreArray;
using testing::Eventually;
using ::testing::HasSubstr;
using testing::Ok;
namespace api = testing::criapi;

template <typename Map>
Labels ToLabels(const Map& map) {
  return {map.begin(), map.end()};
}

class CRIPluginTest : public ::testing::Test {
 protected:
  static const Labels& ImageLabels() {
    static const Labels* const labels =
        new Labels{{"image", "label"}, {"both", "image"}, {"\u00fcber", "\u4e16\u754c \U0001f600"}};
    return *labels;
  }

  void SetUp() override { daemon_.MakeImages(ImageLabels()); }

  // A pod of a kind of its own, and the ids of what was made.
  struct Pod {
    std::string id;
    api::PodSandboxConfig config;
    std::map<std::string, std::string> containers;  // by name
  };

  // Runs a pod; `change` makes it of its kind.
  Pod& Run(const std::string& name,
           const std::function<void(api::PodSandboxConfig&)>& change = nullptr) {
    Pod& pod = pods_[name];
    pod.config = daemon_.PodConfig(name);
    if (change) change(pod.config);
    auto id = daemon_.Run(pod.config);
    EXPECT_TRUE(Ok(id)) << name;
    pod.id = id.value_or("");
    return pod;
  }

  // Creates a container of a pod and, if it is to run, starts it.
  std::string Add(Pod& pod, const std::string& name, const std::vector<std::string>& command,
                  bool start = true,
                  const std::function<void(api::ContainerConfig&)>& change = nullptr) {
    api::ContainerConfig config = CRIDaemon::ContainerConfig(name, command);
    if (change) change(config);
    auto id = daemon_.Create(pod.id, pod.config, config);
    EXPECT_TRUE(Ok(id)) << name;
    if (!id.ok()) return "";
    pod.containers[name] = *id;
    if (start) EXPECT_TRUE(Ok(daemon_.Start(*id))) << name;
    return *id;
  }

  void MakePods();
  void Recover(bool with_checkpoints = true) {
    Client client = daemon_.client();
    auto recovery = cri::Recover(daemon_.ctx(), client,
                                 {.root_dir = with_checkpoints ? daemon_.root_dir() : ""},
                                 sandboxes_, containers_);
    ASSERT_TRUE(Ok(recovery));
    for (const absl::Status& left_out : recovery->left_out) ADD_FAILURE() << left_out;
    for (const absl::Status& unknown : recovery->unknown) ADD_FAILURE() << unknown;
  }

  CRIDaemon daemon_;
  std::map<std::string, Pod> pods_;
  SandboxStore sandboxes_;
  ContainerStore containers_;
};

const std::vector<std::string> kSleep = {"sleep", "100000"};

// Twenty pods and more, no two of one kind.
void CRIPluginTest::MakePods() {
  Run("empty");
  Add(Run("running"), "c", kSleep);
  Add(Run("created"), "c", kSleep, /*start=*/false);
  Add(Run("completed"), "c", {"true"});
  Add(Run("failed"), "c", {"sh", "-c", "exit 3"});
  Add(Run("killed"), "c", {"sh", "-c", "exit 137"});
  Pod& many = Run("many");
  Add(many, "first", kSleep);
  Add(many, "second", kSleep);
  Add(many, "third", {"false"});
  Add(many, "fourth", kSleep, /*start=*/false);
  Add(Run("labels",
          [](api::PodSandboxConfig& config) {
            (*config.mutable_labels())["app"] = "web \"quoted\" \\ \u00fc";
            (*config.mutable_labels())["io.kubernetes.pod.name"] = "labels";
            (*config.mutable_annotations())["note/one"] = "line\nline";
          }),
      "c", kSleep, true, [](api::ContainerConfig& config) {
        (*config.mutable_labels())["both"] = "request";
        (*config.mutable_labels())["tier"] = std::string(1000, 'x');
        (*config.mutable_annotations())["a"] = "b";
        config.mutable_image()->set_image(testing::kPauseName);
      });
  Add(Run("attempts",
          [](api::PodSandboxConfig& config) {
            config.mutable_metadata()->set_attempt(4294967295);
          }),
      "c", kSleep, true,
      [](api::ContainerConfig& config) { config.mutable_metadata()->set_attempt(7); });
  Add(Run("node",
          [](api::PodSandboxConfig& config) {
            auto* options =
                config.mutable_linux()->mutable_security_context()->mutable_namespace_options();
            options->set_pid(api::NODE);
            options->set_ipc(api::NODE);
          }),
      "c", kSleep, true, [](api::ContainerConfig& config) {
        auto* options =
            config.mutable_linux()->mutable_security_context()->mutable_namespace_options();
        options->set_pid(api::NODE);
        options->set_ipc(api::NODE);
      });
  Pod& target = Run("target");
  const std::string first = Add(target, "first", kSleep);
  Add(target, "debugger", kSleep, true, [&](api::ContainerConfig& config) {
    auto* options = config.mutable_linux()->mutable_security_context()->mutable_namespace_options();
    options->set_pid(api::TARGET);
    options->set_target_id(first);
  });
  Add(Run("mounts"), "c", kSleep, true, [&](api::ContainerConfig& config) {
    auto* mount = config.add_mounts();
    mount->set_container_path("/data");
    mount->set_host_path("/tmp");
    mount->set_readonly(true);
  });
  Add(Run("resources"), "c", kSleep, true, [](api::ContainerConfig& config) {
    auto* resources = config.mutable_linux()->mutable_resources();
    resources->set_cpu_shares(512);
    resources->set_memory_limit_in_bytes(64 << 20);
  });
  Add(Run("terminal"), "c", kSleep, true, [](api::ContainerConfig& config) {
    config.set_tty(true);
    config.set_stdin(true);
  });
  Add(Run("environment"), "c", {"sh", "-c", "echo $A; sleep 100000"}, true,
      [](api::ContainerConfig& config) {
        auto* env = config.add_envs();
        env->set_key("A");
        env->set_value("b c");
        config.set_working_dir("/tmp");
      });
  Add(Run("user"), "c", kSleep, true, [](api::ContainerConfig& config) {
    config.mutable_linux()->mutable_security_context()->mutable_run_as_user()->set_value(1000);
    config.mutable_linux()->mutable_security_context()->set_no_new_privs(true);
  });
  Add(Run("privileged",
          [](api::PodSandboxConfig& config) {
            config.mutable_linux()->mutable_security_context()->set_privileged(true);
          }),
      "c", kSleep);
  Add(Run("missing"), "c", {"/no/such/program"}, /*start=*/false);
  Pod& stopped = Run("stopped");
  Add(stopped, "c", kSleep);
  EXPECT_TRUE(Ok(daemon_.StopPod(stopped.id)));
  Add(Run("named",
          [](api::PodSandboxConfig& config) {
            config.mutable_dns_config()->add_servers("10.0.0.1");
            auto* port = config.add_port_mappings();
            port->set_container_port(80);
            port->set_protocol(api::UDP);
          }),
      "c", kSleep, true, [](api::ContainerConfig& config) { config.set_log_path(""); });
  Pod& gone = Run("gone");
  Add(gone, "kept", kSleep);
  const std::string removed = Add(gone, "removed", {"true"});
  for (const std::string& ended :
       {pods_["completed"].containers["c"], pods_["failed"].containers["c"],
        pods_["killed"].containers["c"], pods_["many"].containers["third"], removed}) {
    EXPECT_TRUE(daemon_.Exits(ended)) << ended;
  }
  api::RemoveContainerRequest remove;
  remove.set_container_id(removed);
  EXPECT_TRUE(Ok(daemon_.runtime().RemoveContainer(daemon_.ctx(), remove)));
  // It fails, and the plugin remembers why.
  EXPECT_FALSE(daemon_.Start(pods_["missing"].containers["c"]).ok());
  EXPECT_GE(pods_.size(), 20);
}

TEST_F(CRIPluginTest, TwentyPodsAgreeFieldByField) {
  MakePods();
  Recover();

  auto pods = daemon_.runtime().ListPodSandbox(daemon_.ctx(), {});
  ASSERT_TRUE(Ok(pods));
  ASSERT_EQ(static_cast<std::size_t>(pods->items_size()), pods_.size());
  EXPECT_EQ(sandboxes_.List().size(), pods_.size());
  for (const api::PodSandbox& pod : pods->items()) {
    SCOPED_TRACE(pod.metadata().name());
    const auto found = sandboxes_.Get(pod.id().substr(0, 20));
    ASSERT_TRUE(Ok(found));
    const PodSandboxConfig& config = found->info.config;
    EXPECT_EQ(found->info.id, pod.id());
    EXPECT_EQ(config.metadata.name, pod.metadata().name());
    EXPECT_EQ(config.metadata.uid, pod.metadata().uid());
    EXPECT_EQ(config.metadata.ns, pod.metadata().namespace_());
    EXPECT_EQ(config.metadata.attempt, pod.metadata().attempt());
    EXPECT_EQ(found->info.name, MakeSandboxName(config.metadata));
    EXPECT_EQ(config.labels, ToLabels(pod.labels()));
    EXPECT_EQ(config.annotations, ToLabels(pod.annotations()));
    EXPECT_EQ(found->info.runtime_handler, pod.runtime_handler());
    EXPECT_EQ(absl::ToUnixNanos(found->status.created_at), pod.created_at());
    EXPECT_EQ(ToString(found->status.state), api::PodSandboxState_Name(pod.state()));

    api::PodSandboxStatusRequest request;
    request.set_pod_sandbox_id(pod.id());
    auto status = daemon_.runtime().PodSandboxStatus(daemon_.ctx(), request);
    ASSERT_TRUE(Ok(status));
    EXPECT_EQ(found->info.ip, status->status().network().ip());
    const auto& options = *config.linux_config->security_context->namespace_options;
    const auto& theirs = status->status().linux().namespaces().options();
    EXPECT_EQ(static_cast<int>(options.network), theirs.network());
    EXPECT_EQ(static_cast<int>(options.pid), theirs.pid());
    EXPECT_EQ(static_cast<int>(options.ipc), theirs.ipc());
    EXPECT_TRUE(std::filesystem::is_directory(
        *GetSandboxRootDir({.root_dir = daemon_.root_dir()}, pod.id())));
  }

  ImageStore images(daemon_.client());
  ASSERT_TRUE(Ok(images.Resync(daemon_.ctx())));
  auto containers = daemon_.runtime().ListContainers(daemon_.ctx(), {});
  ASSERT_TRUE(Ok(containers));
  EXPECT_EQ(containers_.List().size(), static_cast<std::size_t>(containers->containers_size()));
  std::set<ContainerState> states;
  for (const api::Container& container : containers->containers()) {
    SCOPED_TRACE(container.metadata().name() + " of " + container.pod_sandbox_id());
    const auto found = containers_.Get(container.id());
    ASSERT_TRUE(Ok(found));
    const auto status = daemon_.Status(container.id());
    ASSERT_TRUE(Ok(status));
    const ContainerConfig& config = found->info.config;
    const ContainerStatus mine = found->status.Get();
    states.insert(mine.State());
    EXPECT_EQ(found->info.sandbox_id, container.pod_sandbox_id());
    EXPECT_EQ(config.metadata.name, container.metadata().name());
    EXPECT_EQ(config.metadata.attempt, container.metadata().attempt());
    EXPECT_EQ(found->info.name,
              MakeContainerName(config.metadata,
                                sandboxes_.Get(container.pod_sandbox_id())->info.config.metadata));
    EXPECT_EQ(config.labels, ToLabels(container.labels()));
    EXPECT_EQ(config.annotations, ToLabels(container.annotations()));
    EXPECT_EQ(found->info.log_path, status->log_path());
    EXPECT_EQ(CRIContainerStateToString(mine.State()), api::ContainerState_Name(container.state()));
    EXPECT_EQ(static_cast<int>(mine.State()), status->state());
    EXPECT_EQ(mine.created_at, status->created_at());
    EXPECT_EQ(mine.started_at, status->started_at());
    EXPECT_EQ(mine.finished_at, status->finished_at());
    EXPECT_EQ(mine.exit_code, status->exit_code());
    EXPECT_EQ(ExitReason(mine), status->reason());
    EXPECT_EQ(mine.message, status->message());
    ASSERT_EQ(config.mounts.size(), static_cast<std::size_t>(status->mounts_size()));
    for (const api::Mount& mount : status->mounts()) {
      EXPECT_TRUE(IsInCRIMounts(mount.container_path() + "/.", config.mounts));
    }

    const auto image = images.Get(found->info.image_ref);
    ASSERT_TRUE(Ok(image));
    const ImageReferences names = ParseImageReferences(image->references);
    ASSERT_FALSE(names.tags.empty());
    EXPECT_EQ(status->image().image(), names.tags[0]);
    EXPECT_EQ(status->image_ref(), names.digests.empty() ? image->id : names.digests[0]);
    auto record = daemon_.client().ContainerService()->Get(daemon_.ctx(), container.id());
    ASSERT_TRUE(Ok(record));
    EXPECT_EQ(record->labels,
              BuildLabels(config.labels, image->spec.config.labels, kContainerKindContainer));
    EXPECT_TRUE(std::filesystem::is_directory(
        *GetContainerRootDir({.root_dir = daemon_.root_dir()}, container.id())));
  }
  EXPECT_EQ(states.size(), 3);  // created, running, exited
}

TEST_F(CRIPluginTest, ImagesAgree) {
  ImageStore images(daemon_.client());
  auto follower = images.Follow(daemon_.ctx());
  ASSERT_TRUE(Ok(follower));
  // Once by its names, and once more under another.
  auto pause = daemon_.client().GetImage(daemon_.ctx(), testing::kPauseName);
  ASSERT_TRUE(Ok(pause));
  const std::string digested = "example.com/pause@" + pause->Target().digest;
  for (const std::string& name : {std::string("example.com/other:2"), digested}) {
    ASSERT_TRUE(Ok(daemon_.client().ImageService()->Create(
        daemon_.ctx(), {.name = name, .target = pause->Target()})));
  }
  ASSERT_TRUE(Eventually([&] {
    return images.LocalResolve("example.com/other:2").ok() && images.LocalResolve(digested).ok() &&
           daemon_.Knows("example.com/other:2") && daemon_.Knows(digested);
  }));
  const auto agree = [&](std::string* why) {
    auto list = daemon_.images().ListImages(daemon_.ctx(), {});
    if (!list.ok()) return false;
    *why = fmt::format("{} images, not {}", images.List().size(), list->images_size());
    if (images.List().size() != static_cast<std::size_t>(list->images_size())) return false;
    for (const api::Image& image : list->images()) {
      const auto found = images.LocalResolve(image.id());
      *why = image.id();
      if (!found.ok()) return false;
      const ImageReferences names = ParseImageReferences(found->references);
      const ImageUser user = GetUserFromImage(found->spec.config.user);
      *why = image.ShortDebugString() + fmt::format(" size {}", found->size);
      if (std::vector<std::string>(image.repo_tags().begin(), image.repo_tags().end()) !=
              names.tags ||
          std::vector<std::string>(image.repo_digests().begin(), image.repo_digests().end()) !=
              names.digests ||
          image.size() != static_cast<std::uint64_t>(found->size) ||
          image.username() != user.username || image.has_uid() != user.uid.has_value() ||
          image.uid().value() != user.uid.value_or(0) || image.pinned() != found->pinned) {
        return false;
      }
    }
    return true;
  };
  std::string why;
  EXPECT_TRUE(Eventually([&] { return agree(&why); })) << why;
  EXPECT_EQ(images.LocalResolve("example.com/other:2")->id,
            images.LocalResolve(testing::kPauseName)->id);
  const auto entry = images.LocalResolve(digested);
  ASSERT_TRUE(Ok(entry));
  Client client = daemon_.client();
  EXPECT_EQ(ToContainerdImage(daemon_.ctx(), client, *entry)->Target().digest,
            pause->Target().digest);

  api::RemoveImageRequest remove;
  remove.mutable_image()->set_image("example.com/other:2");
  ASSERT_TRUE(Ok(daemon_.images().RemoveImage(daemon_.ctx(), remove)));
  EXPECT_TRUE(Eventually(
      [&] { return errdefs::IsNotFound(images.LocalResolve(testing::kPauseName).status()); }));
  EXPECT_TRUE(Eventually([&] { return agree(&why); })) << why;
}

TEST_F(CRIPluginTest, TargetsAreValidated) {
  Pod& pod = Run("one");
  const std::string running = Add(pod, "running", kSleep);
  const std::string created = Add(pod, "created", kSleep, false);
  const std::string exited = Add(pod, "exited", {"true"});
  const std::string elsewhere = Add(Run("two"), "elsewhere", kSleep);
  ASSERT_TRUE(daemon_.Exits(exited));
  Recover();
  EXPECT_EQ(ValidateTargetContainer(containers_, pod.id, running)->info.id, running);
  EXPECT_EQ(ValidateTargetContainer(containers_, pod.id, running.substr(0, 24))->info.id, running);
  for (const auto& [id, want] :
       std::map<std::string, std::string>{{created, "in state CONTAINER_CREATED"},
                                          {exited, "in state CONTAINER_EXITED"},
                                          {elsewhere, "does not belong to sandbox"}}) {
    const auto refused = ValidateTargetContainer(containers_, pod.id, id);
    EXPECT_TRUE(errdefs::IsFailedPrecondition(refused.status())) << refused.status();
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr(want));
  }
  EXPECT_TRUE(errdefs::IsNotFound(ValidateTargetContainer(containers_, pod.id, "../x").status()));

  // Without the plugin's folder: what the tasks say.
  Recover(/*with_checkpoints=*/false);
  EXPECT_TRUE(Ok(ValidateTargetContainer(containers_, pod.id, running)));
  EXPECT_EQ(containers_.Get(exited)->status.Get().State(), ContainerState::kUnknown);

  // Stopped, and looked at again while it stops.
  api::StopContainerRequest stop;
  stop.set_container_id(running);
  ASSERT_TRUE(Ok(daemon_.runtime().StopContainer(daemon_.ctx(), stop)));
  Recover();
  EXPECT_TRUE(errdefs::IsFailedPrecondition(
      ValidateTargetContainer(containers_, pod.id, running).status()));
  EXPECT_EQ(containers_.Get(running)->status.Get().exit_code, daemon_.Status(running)->exit_code());
}

// Whatever is seen of a container that stops is one of the states that it goes through.
TEST_F(CRIPluginTest, TargetsThatStopMeanwhile) {
  Pod& pod = Run("one");
  std::vector<std::string> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(Add(pod, "c" + std::to_string(i), kSleep));
  std::thread stopper([&] {
    for (const std::string& id : ids) {
      api::StopContainerRequest stop;
      stop.set_container_id(id);
      EXPECT_TRUE(Ok(daemon_.runtime().StopContainer(daemon_.ctx(), stop)));
    }
  });
  std::set<std::string> ended;
  const bool all = Eventually([&] {
    Recover();
    for (const std::string& id : ids) {
      const auto target = ValidateTargetContainer(containers_, pod.id, id);
      if (target.ok()) {
        EXPECT_EQ(ended.count(id), 0U) << "it runs again";
        continue;
      }
      EXPECT_THAT(std::string(target.status().message()), HasSubstr("CONTAINER_EXITED"));
      // As the plugin has it, also when it was seen in between.
      EXPECT_EQ(containers_.Get(id)->status.Get().exit_code, 137);
      ended.insert(id);
    }
    return ended.size() == ids.size();
  });
  stopper.join();
  EXPECT_TRUE(all);
}

// The daemon dies and comes back: what follows it knows what it missed, and what is found then is
// what the plugin has found itself.
TEST_F(CRIPluginTest, StoresAfterARestart) {
  Pod& pod = Run("one");
  const std::string running = Add(pod, "running", kSleep);
  const std::string dies = Add(pod, "dies", kSleep);
  const std::string exited = Add(pod, "exited", {"sh", "-c", "exit 3"});
  ASSERT_TRUE(daemon_.Exits(exited));
  ImageStore images(daemon_.client());
  auto follower = images.Follow(daemon_.ctx());
  ASSERT_TRUE(Ok(follower));
  auto task = daemon_.client().TaskService()->Get(daemon_.ctx(), dies, "");
  ASSERT_TRUE(Ok(task));
  const auto target = daemon_.client().GetImage(daemon_.ctx(), testing::kPauseName)->Target();

  ASSERT_TRUE(Ok(daemon_.daemon().Down(Context::Background(), SIGKILL)));
  ASSERT_EQ(::kill(static_cast<pid_t>(task->pid), SIGKILL), 0);
  Client client = daemon_.client();
  EXPECT_FALSE(cri::Recover(WithTimeout(daemon_.ctx(), absl::Milliseconds(100)), client,
                            {.root_dir = daemon_.root_dir()}, sandboxes_, containers_)
                   .ok());
  EXPECT_TRUE(images.LocalResolve(testing::kPauseName).ok());
  ASSERT_TRUE(Ok(daemon_.daemon().Restart(Context::Background())));
  ASSERT_TRUE(Eventually([&] {
    return client.ImageService()
        ->Create(daemon_.ctx(), {.name = "example.com/new:1", .target = target})
        .ok();
  }));
  EXPECT_TRUE(Eventually([&] { return images.LocalResolve("example.com/new:1").ok(); }));

  ASSERT_TRUE(Eventually([&] { return daemon_.runtime().Version(daemon_.ctx(), {}).ok(); }));
  ASSERT_TRUE(daemon_.Exits(dies));
  Recover();
  EXPECT_EQ(sandboxes_.Get(pod.id)->status.state, SandboxState::kReady);
  for (const std::string& id : {running, dies, exited}) {
    const auto theirs = daemon_.Status(id);
    ASSERT_TRUE(Ok(theirs));
    const ContainerStatus mine = containers_.Get(id)->status.Get();
    EXPECT_EQ(CRIContainerStateToString(mine.State()), api::ContainerState_Name(theirs->state()));
    EXPECT_EQ(mine.exit_code, theirs->exit_code());
    EXPECT_EQ(mine.started_at, theirs->started_at());
    EXPECT_EQ(mine.finished_at, theirs->finished_at());
  }
  EXPECT_TRUE(Ok(ValidateTargetContainer(containers_, pod.id, running)));
}

TEST_F(CRIPluginTest, CorruptRecordsAreLeftOutAndNamed) {
  const std::string id = Add(Run("one"), "c", kSleep);
  auto store = daemon_.client().ContainerService();
  auto record = store->Get(daemon_.ctx(), id);
  ASSERT_TRUE(Ok(record));
  const containers::Container good = *record;
  record->extensions[kContainerMetadataExtension].value = "{\"Version\":";
  ASSERT_TRUE(Ok(store->Update(daemon_.ctx(), *record, {"extensions"})));
  Client client = daemon_.client();
  auto recovery = cri::Recover(daemon_.ctx(), client, {.root_dir = daemon_.root_dir()}, sandboxes_,
                               containers_);
  ASSERT_TRUE(Ok(recovery));
  ASSERT_EQ(recovery->left_out.size(), 1);
  EXPECT_TRUE(errdefs::IsInvalidArgument(recovery->left_out[0]));
  EXPECT_THAT(std::string(recovery->left_out[0].message()), HasSubstr(id));
  EXPECT_TRUE(containers_.List().empty());
  EXPECT_EQ(sandboxes_.List().size(), 1);
  ASSERT_TRUE(Ok(store->Update(daemon_.ctx(), good, {"extensions"})));
  Recover();
  EXPECT_EQ(containers_.List().size(), 1);
}

TEST(CRIClientTest, DaemonWithoutCRI) {
  const auto client = testing::SharedClient();
  const auto version =
      testing::criclient::NewRuntimeService(*client)->Version(Context::Background(), {});
  EXPECT_TRUE(errdefs::IsNotImplemented(version.status())) << version.status();
  EXPECT_THAT(std::string(version.status().message()),
              HasSubstr("runtime.v1.RuntimeService.Version: the daemon has no CRI"));
  const auto images =
      testing::criclient::NewImageService(*client)->ListImages(Context::Background(), {});
  EXPECT_TRUE(errdefs::IsNotImplemented(images.status())) << images.status();
}

}  // namespace
}  // namespace containerd::cri
