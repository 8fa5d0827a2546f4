// SPDX-License-Identifier: Apache-2.0
//
// Package sandbox: groups of containers that share an environment (a pod, a virtual machine). The
// Store keeps what is known about them, a Controller runs them.
//
//   sandbox::Sandbox pod{.id = "pod-1", .runtime = {.name = "io.containerd.runc.v2"}};
//   pod = *store->Create(ctx, pod);
//   absl::Status s = controller->Create(ctx, pod, {sandbox::WithNetNSPath("/run/netns/pod-1")});
//   absl::StatusOr<sandbox::ControllerInstance> instance = controller->Start(ctx, pod.id);
//
// Since containerd 1.7; older daemons answer ErrNotImplemented.
//
// Source: core/sandbox.
#ifndef CONTAINERD_SANDBOX_SANDBOX_H_
#define CONTAINERD_SANDBOX_SANDBOX_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/future/future.h"
#include "containerd/labels/labels.h"
#include "containerd/mount/mount.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/option/option.h"
#include "containerd/option/pairs.h"
#include "containerd/tasks/metric.h"
#include "containerd/typeurl/any.h"

namespace containerd::rpc {
class Connection;
}  // namespace containerd::rpc

namespace containerd::sandbox {

// Which runtime runs a sandbox, and its options. Source: sandbox.RuntimeOpts.
struct RuntimeOpts {
  std::string name{};  // "io.containerd.runc.v2"
  typeurl::Any options{};

  friend bool operator==(const RuntimeOpts&, const RuntimeOpts&) = default;
};

// What the store keeps about a sandbox. Source: sandbox.Sandbox.
struct CONTAINERD_EXPORT Sandbox {
  std::string id{};  // unique in its namespace
  Labels labels{};
  RuntimeOpts runtime{};
  typeurl::Any spec{};      // the runtime spec of the sandbox
  std::string sandboxer{};  // name of its controller, such as "shim"
  absl::Time created_at = absl::InfinitePast();
  absl::Time updated_at = absl::InfinitePast();
  std::map<std::string, typeurl::Any> extensions{};  // whatever clients keep with it

  // Sets an extension, in place of one of the same name. Source: Sandbox.AddExtension.
  void AddExtension(std::string_view name, typeurl::Any value);

  // ErrNotFound, naming it, if there is no such extension.
  absl::StatusOr<typeurl::Any> GetExtension(std::string_view name) const;

  // Sets a label, in place of one of the same name. Source: Sandbox.AddLabel.
  void AddLabel(std::string_view name, std::string_view value);

  // ErrNotFound, naming it, if there is no such label.
  absl::StatusOr<std::string> GetLabel(std::string_view name) const;

  friend bool operator==(const Sandbox&, const Sandbox&) = default;
};

// Thread safe. Source: sandbox.Store.
class CONTAINERD_EXPORT Store {
 public:
  virtual ~Store() = default;

  // The sandbox as stored, with its times. ErrAlreadyExists if the id is taken.
  virtual absl::StatusOr<Sandbox> Create(const Context& ctx, const Sandbox& sandbox) = 0;

  // Changes the fields that `fieldpaths` names: "labels", "labels.<key>", "extensions",
  // "extensions.<name>", "runtime", "spec"; labels, extensions and spec if there is none.
  virtual absl::StatusOr<Sandbox> Update(const Context& ctx, const Sandbox& sandbox,
                                         const std::vector<std::string>& fieldpaths = {}) = 0;
  template <std::size_t N, std::size_t M>
  requires option::IsPair<M>
  void Update(const Context&, const Sandbox&, option::BracedTexts<N, M>) = delete;

  // ErrNotFound if there is none of that id.
  virtual absl::StatusOr<Sandbox> Get(const Context& ctx, std::string_view id) = 0;

  // The sandboxes of the context's namespace that match any of `filters`; all without filters.
  // ErrInvalidArgument for a filter that does not parse.
  virtual absl::StatusOr<std::vector<Sandbox>> List(
      const Context& ctx, const std::vector<std::string>& filters = {}) = 0;
  template <std::size_t N, std::size_t M>
  requires option::IsPair<M>
  void List(const Context&, option::BracedTexts<N, M>) = delete;

  // Removes the record; a running sandbox goes on. ErrNotFound if there is none.
  virtual absl::Status Delete(const Context& ctx, std::string_view id) = 0;
};

// How a controller creates a sandbox. Source: sandbox.CreateOptions.
struct CreateOptions {
  std::vector<mount::Mount> rootfs{};
  typeurl::Any options{};  // for the shim, e.g. CRI's PodSandboxConfig; not the runtime's options
  std::string netns_path{};
  Labels annotations{};
};

using CreateOpt = option::Option<CreateOptions&>;

// Mounts for the sandbox's root file system. Source: sandbox.WithRootFS.
CONTAINERD_EXPORT CreateOpt WithRootFS(std::vector<mount::Mount> mounts);

// Options for the shim, not for the runtime. Source: sandbox.WithOptions.
CONTAINERD_EXPORT CreateOpt WithOptions(typeurl::Any options);

// A network namespace to use, by the path of its file on the daemon's machine. Source:
// sandbox.WithNetNSPath.
CONTAINERD_EXPORT CreateOpt WithNetNSPath(std::string path);

// Replaces the annotations. Source: sandbox.WithAnnotations.
CONTAINERD_EXPORT CreateOpt WithAnnotations(Labels annotations);

// How a controller stops a sandbox. Source: sandbox.StopOptions.
struct StopOptions {
  std::optional<absl::Duration> timeout{};
};

using StopOpt = option::Option<StopOptions&>;

// How long the sandbox gets to stop by itself; sent in whole seconds, rounded down.
CONTAINERD_EXPORT StopOpt WithTimeout(absl::Duration timeout);

// A sandbox that was started. Source: sandbox.ControllerInstance.
struct ControllerInstance {
  std::string sandbox_id{};
  std::uint32_t pid = 0;
  absl::Time created_at = absl::InfinitePast();
  std::string address{};      // where the sandbox serves the task API
  std::uint32_t version = 0;  // of that API
  Labels labels{};
  typeurl::Any spec{};

  friend bool operator==(const ControllerInstance&, const ControllerInstance&) = default;
};

// How a sandbox ended. Source: sandbox.ExitStatus.
struct ExitStatus {
  std::uint32_t exit_status = 0;
  absl::Time exited_at = absl::InfinitePast();

  friend bool operator==(const ExitStatus&, const ExitStatus&) = default;
};

// Source: sandbox.ControllerStatus.
struct ControllerStatus {
  std::string sandbox_id{};
  std::uint32_t pid = 0;
  std::string state{};  // "SANDBOX_READY", "SANDBOX_NOTREADY"
  Labels info{};        // filled when asked for verbosely
  absl::Time created_at = absl::InfinitePast();
  absl::Time exited_at = absl::InfinitePast();
  typeurl::Any extra{};
  std::string address{};
  std::uint32_t version = 0;

  friend bool operator==(const ControllerStatus&, const ControllerStatus&) = default;
};

// Thread safe. ErrNotFound for a sandbox that does not exist. Source: sandbox.Controller.
class CONTAINERD_EXPORT Controller {
 public:
  virtual ~Controller() = default;

  // Sets up the sandbox's environment. The sandbox has to be in the store.
  virtual absl::Status Create(const Context& ctx, const Sandbox& sandbox,
                              const std::vector<CreateOpt>& opts = {}) = 0;

  // Starts a sandbox that Create has set up.
  virtual absl::StatusOr<ControllerInstance> Start(const Context& ctx,
                                                   std::string_view sandbox_id) = 0;

  // What the sandbox runs on: for making specs of its containers.
  virtual absl::StatusOr<ocispec::Platform> Platform(const Context& ctx,
                                                     std::string_view sandbox_id) = 0;

  // Stops the sandbox; it stays with the controller until Shutdown. Without WithTimeout the
  // controller decides how long it may take.
  virtual absl::Status Stop(const Context& ctx, std::string_view sandbox_id,
                            const std::vector<StopOpt>& opts = {}) = 0;

  // Completes when the sandbox exits; costs no thread. While the daemon is away it asks again,
  // after 128 ms at first and up to 4.1 s later, until `ctx` ends: then the future has that error.
  virtual Future<ExitStatus> Wait(const Context& ctx, std::string_view sandbox_id) = 0;

  // The sandbox's state; `verbose` fills `info` as well.
  virtual absl::StatusOr<ControllerStatus> Status(const Context& ctx, std::string_view sandbox_id,
                                                  bool verbose) = 0;

  // Ends the sandbox and all its tasks, and cleans up.
  virtual absl::Status Shutdown(const Context& ctx, std::string_view sandbox_id) = 0;

  // Since containerd 2.0.
  virtual absl::StatusOr<tasks::Metric> Metrics(const Context& ctx,
                                                std::string_view sandbox_id) = 0;

  // Tells a running sandbox of changed fields. Since containerd 2.0.
  virtual absl::Status Update(const Context& ctx, std::string_view sandbox_id,
                              const Sandbox& sandbox,
                              const std::vector<std::string>& fields = {}) = 0;
  template <std::size_t N, std::size_t M>
  requires option::IsPair<M>
  void Update(const Context&, std::string_view, const Sandbox&, option::BracedTexts<N, M>) = delete;
};

// The daemon's records. Source: proxy.NewSandboxStore.
CONTAINERD_EXPORT std::shared_ptr<Store> NewSandboxStore(std::shared_ptr<rpc::Connection> conn);

// `sandboxer` names the controller, such as "shim" or "podsandbox"; containerd 1.7 has one only and
// does not look at the name. Source: proxy.NewSandboxController.
CONTAINERD_EXPORT std::shared_ptr<Controller> NewSandboxController(
    std::shared_ptr<rpc::Connection> conn, std::string sandboxer);

}  // namespace containerd::sandbox

#endif  // CONTAINERD_SANDBOX_SANDBOX_H_
