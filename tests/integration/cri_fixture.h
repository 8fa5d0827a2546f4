// SPDX-License-Identifier: Apache-2.0
//
// A daemon with its CRI plugin, and short ways to make pods with it. Pods have the node's network,
// so that no CNI is needed.
#ifndef CONTAINERD_TESTS_INTEGRATION_CRI_FIXTURE_H_
#define CONTAINERD_TESTS_INTEGRATION_CRI_FIXTURE_H_

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/containerd.h"
#include "containerd/content/helpers.h"
#include "containerd/cri/client/client.h"
#include "containerd/cri/constants.h"
#include "containerd/images/image.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/supervisor/supervisor.h"

#include "container_fixture.h"
#include "harness.h"

namespace containerd::testing {

namespace criclient = ::containerd::cri::client;
namespace criapi = ::runtime::v1;

inline constexpr char kPauseName[] = "example.com/pause:1";

class CRIDaemon {
 public:
  explicit CRIDaemon(const std::string& more_config = "") {
    std::vector<supervisor::DaemonOpt> opts = {
        supervisor::WithCleanup(),
        supervisor::WithParentDeathSignal(SIGKILL),
        supervisor::WithDisabledPlugins({"io.containerd.nri.v1.nri"}),
        supervisor::WithStartupTimeout(absl::Minutes(2)),
        supervisor::WithConfig(fmt::format(R"(
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{}"
  restrict_oom_score_adj = true
  disable_tcp_service = true
{})",
                                           kPauseName, more_config)),
    };
    if (const char* bin = std::getenv("CONTAINERD_CPP_DAEMON_BIN"); bin != nullptr) {
      opts.push_back(supervisor::WithBinDir(bin));
    }
    auto started = supervisor::Start(Context::Background(), dir_.path() + "/root",
                                     dir_.path() + "/state", opts);
    EXPECT_TRUE(started.ok()) << started.status();
    if (!started.ok()) std::abort();
    daemon_ = *std::move(started);
    auto client = Client::New(daemon_->Address());
    EXPECT_TRUE(client.ok()) << client.status();
    client_ = std::make_unique<Client>(*client);
    runtime_ = criclient::NewRuntimeService(*client_);
    images_ = criclient::NewImageService(*client_);
    WaitForPlugin();
  }

  ~CRIDaemon() {
    RemovePods();
    runtime_ = nullptr;
    images_ = nullptr;
    client_ = nullptr;
    const absl::Status stopped = daemon_->Stop(Context::Background());
    EXPECT_TRUE(stopped.ok()) << stopped;
  }
  CRIDaemon(const CRIDaemon&) = delete;
  CRIDaemon& operator=(const CRIDaemon&) = delete;

  Client& client() { return *client_; }
  supervisor::Daemon& daemon() { return *daemon_; }
  criclient::RuntimeService& runtime() { return *runtime_; }
  criclient::ImageService& images() { return *images_; }
  const Context& ctx() const { return ctx_; }

  // The plugin's own folder.
  std::string root_dir() const { return dir_.path() + "/root/daemon/io.containerd.grpc.v1.cri"; }
  std::string logs() const { return dir_.path() + "/logs"; }

  // Gives the daemon busybox, and as pause image one whose command sleeps, with these labels.
  void MakeImages(const Labels& labels = {}) {
    auto lease = client_->WithLease(ctx_);
    ASSERT_OK(lease);
    const Context ctx = lease->context();
    auto busybox = ImportBusybox(*client_, ctx);
    ASSERT_OK(busybox);
    auto spec = busybox->Spec(ctx);
    ASSERT_OK(spec);
    spec->config.entrypoint = {};
    spec->config.cmd = {"sleep", "100000"};
    spec->config.labels = labels;
    spec->config.user = "1000:1000";
    auto store = client_->ContentStore();
    auto manifest = images::Manifest(ctx, *store, busybox->Target(), busybox->Platform());
    ASSERT_OK(manifest);
    const std::string config = ocispec::Marshal(*spec);
    manifest->config.digest = digest::FromString(config).String();
    manifest->config.size = static_cast<std::int64_t>(config.size());
    manifest->media_type = ocispec::kMediaTypeImageManifest;
    const std::string text = ocispec::Marshal(*manifest);
    ASSERT_OK(content::WriteBlob(ctx, *store, "pause-config", config, manifest->config));
    ocispec::Descriptor target;
    target.media_type = ocispec::kMediaTypeImageManifest;
    target.digest = digest::FromString(text).String();
    target.size = static_cast<std::int64_t>(text.size());
    Labels refs = {{"containerd.io/gc.ref.content.config", manifest->config.digest}};
    for (std::size_t i = 0; i < manifest->layers.size(); ++i) {
      refs[fmt::format("containerd.io/gc.ref.content.l.{}", i)] = manifest->layers[i].digest;
    }
    ASSERT_OK(content::WriteBlob(ctx, *store, "pause-manifest", text, target,
                                 {content::WithLabels(refs)}));
    ASSERT_OK(client_->ImageService()->Create(ctx, {.name = kPauseName, .target = target}));
    auto pause = client_->GetImage(ctx, kPauseName);
    ASSERT_OK(pause);
    ASSERT_OK(pause->Unpack(ctx, ""));
    // The plugin learns of them by events.
    ASSERT_TRUE(Eventually([&] { return Knows(kPauseName) && Knows(kBusyboxName); }));
  }

  bool Knows(const std::string& name) {
    criapi::ImageStatusRequest request;
    request.mutable_image()->set_image(name);
    auto status = images_->ImageStatus(ctx_, request);
    return status.ok() && status->has_image();
  }

  // What a pod of this name is; to be changed at will.
  criapi::PodSandboxConfig PodConfig(const std::string& name) const {
    criapi::PodSandboxConfig config;
    config.mutable_metadata()->set_name(name);
    config.mutable_metadata()->set_namespace_("tests");
    config.mutable_metadata()->set_uid(UniqueName(name));
    config.set_log_directory(logs() + "/" + name);
    config.mutable_linux()->mutable_security_context()->mutable_namespace_options()->set_network(
        criapi::NODE);
    return config;
  }

  static criapi::ContainerConfig ContainerConfig(const std::string& name,
                                                 const std::vector<std::string>& command) {
    criapi::ContainerConfig config;
    config.mutable_metadata()->set_name(name);
    config.mutable_image()->set_image(kBusyboxName);
    for (const std::string& word : command) config.add_command(word);
    config.set_log_path(name + ".log");
    config.mutable_linux()->mutable_security_context()->mutable_namespace_options()->set_network(
        criapi::NODE);
    return config;
  }

  absl::StatusOr<std::string> Run(const criapi::PodSandboxConfig& config) {
    std::filesystem::create_directories(config.log_directory());
    criapi::RunPodSandboxRequest request;
    *request.mutable_config() = config;
    auto response = runtime_->RunPodSandbox(ctx_, request);
    if (!response.ok()) return response.status();
    return response->pod_sandbox_id();
  }

  absl::StatusOr<std::string> Create(const std::string& pod, const criapi::PodSandboxConfig& config,
                                     const criapi::ContainerConfig& container) {
    criapi::CreateContainerRequest request;
    request.set_pod_sandbox_id(pod);
    *request.mutable_config() = container;
    *request.mutable_sandbox_config() = config;
    auto response = runtime_->CreateContainer(ctx_, request);
    if (!response.ok()) return response.status();
    return response->container_id();
  }

  absl::Status Start(const std::string& id) {
    criapi::StartContainerRequest request;
    request.set_container_id(id);
    return runtime_->StartContainer(ctx_, request).status();
  }

  absl::StatusOr<criapi::ContainerStatus> Status(const std::string& id) {
    criapi::ContainerStatusRequest request;
    request.set_container_id(id);
    auto response = runtime_->ContainerStatus(ctx_, request);
    if (!response.ok()) return response.status();
    return response->status();
  }

  bool Exits(const std::string& id) {
    return Eventually([&] {
      auto status = Status(id);
      return status.ok() && status->state() == criapi::CONTAINER_EXITED;
    });
  }

  absl::Status StopPod(const std::string& id) {
    criapi::StopPodSandboxRequest request;
    request.set_pod_sandbox_id(id);
    return runtime_->StopPodSandbox(ctx_, request).status();
  }

  void RemovePods() {
    auto pods = runtime_->ListPodSandbox(ctx_, {});
    if (!pods.ok()) return;
    // At once: each waits for its processes to end.
    std::vector<std::thread> threads;
    for (const criapi::PodSandbox& pod : pods->items()) {
      threads.emplace_back([this, id = pod.id()] {
        EXPECT_OK(StopPod(id));
        criapi::RemovePodSandboxRequest request;
        request.set_pod_sandbox_id(id);
        EXPECT_OK(runtime_->RemovePodSandbox(ctx_, request));
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

 private:
  // It begins to serve a little after the daemon itself.
  void WaitForPlugin() {
    EXPECT_TRUE(Eventually([&] { return runtime_->Version(ctx_, {}).ok(); }))
        << runtime_->Version(ctx_, {}).status();
  }

  const TestDir dir_;
  const Context ctx_ = WithNamespace(Context::Background(), cri::kNamespace);
  std::unique_ptr<supervisor::Daemon> daemon_;
  std::unique_ptr<Client> client_;
  std::shared_ptr<criclient::RuntimeService> runtime_;
  std::shared_ptr<criclient::ImageService> images_;
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTS_INTEGRATION_CRI_FIXTURE_H_
