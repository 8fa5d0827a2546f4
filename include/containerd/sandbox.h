// SPDX-License-Identifier: Apache-2.0
//
// A sandbox: an environment that several containers share.
//
//   absl::StatusOr<Sandbox> pod = client.NewSandbox(
//       ctx, "pod-1", {WithSandboxRuntime("io.containerd.runc.v2"), WithSandboxSpec(spec)});
//   if (!pod.ok()) return pod.status();
//   absl::Status started = pod->Start(ctx);
//   absl::StatusOr<Container> web = pod->NewContainer(ctx, "web", {...});
//   ...
//   absl::Status ended = pod->Shutdown(ctx);
//
// Since daemon 1.7; ErrNotImplemented before. What runs a sandbox is its controller, the
// sandboxer: by default "shim", which leaves it to the runtime's shim.
//
// Source: client/sandbox.go.
#ifndef CONTAINERD_SANDBOX_H_
#define CONTAINERD_SANDBOX_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/base/attributes.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/client.h"
#include "containerd/container.h"
#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/future/future.h"
#include "containerd/labels/labels.h"
#include "containerd/oci/oci.h"
#include "containerd/process.h"
#include "containerd/sandbox/sandbox.h"
#include "containerd/specs/spec.h"
#include "containerd/typeurl/any.h"

namespace google::protobuf {
class Message;
}

namespace containerd {

// A handle: copies are the same sandbox. All functions are safe from any thread, and ErrNotFound
// once the sandbox has been shut down. One that goes out of scope stays where it is.
class CONTAINERD_EXPORT Sandbox {
 public:
  // A move is a copy, so that there is no moved-from handle to trip over.
  Sandbox(const Sandbox&) = default;
  Sandbox& operator=(const Sandbox&) = default;

  const std::string& ID() const ABSL_ATTRIBUTE_LIFETIME_BOUND { return metadata_->id; }

  // The record as the store had it when the handle was made.
  const sandbox::Sandbox& Metadata() const ABSL_ATTRIBUTE_LIFETIME_BOUND { return *metadata_; }

  // The labels that the store has now.
  absl::StatusOr<containerd::Labels> Labels(const Context& ctx);

  // Client::NewContainer for a container that belongs to the sandbox.
  absl::StatusOr<Container> NewContainer(const Context& ctx, std::string_view id,
                                         std::vector<NewContainerOpt> opts = {});

  // Starts the created sandbox. Source: Sandbox.Start.
  absl::Status Start(const Context& ctx);

  // Stops the sandbox, which stays in the store until Shutdown; Wait then completes. Source:
  // Sandbox.Stop.
  absl::Status Stop(const Context& ctx);

  // Complete when the sandbox has exited. Costs no thread, and outlasts restarts of the daemon.
  Future<ExitStatus> Wait(const Context& ctx);

  // Ends the sandbox with all its tasks, and removes it from the store. One that is gone already is
  // not an error.
  absl::Status Shutdown(const Context& ctx);

 private:
  friend class Client;
  Sandbox(const Client& client, sandbox::Sandbox metadata)
      : client_(client), metadata_(std::make_shared<const sandbox::Sandbox>(std::move(metadata))) {}

  absl::StatusOr<std::shared_ptr<sandbox::Controller>> Controller(const Context& ctx);

  Client client_;
  std::shared_ptr<const sandbox::Sandbox> metadata_;
};

// The runtime that runs the sandbox, with its options if any.
CONTAINERD_EXPORT NewSandboxOpt WithSandboxRuntime(std::string name, typeurl::Any options = {});
CONTAINERD_EXPORT NewSandboxOpt WithSandboxRuntime(std::string name,
                                                   const google::protobuf::Message& options);

// The sandbox's spec, changed by the options.
CONTAINERD_EXPORT NewSandboxOpt WithSandboxSpec(specs::Spec spec,
                                                std::vector<oci::SpecOpt> opts = {});

// Metadata of the caller's own.
CONTAINERD_EXPORT NewSandboxOpt WithSandboxExtension(std::string name, typeurl::Any extension);
CONTAINERD_EXPORT NewSandboxOpt WithSandboxExtension(std::string name,
                                                     const google::protobuf::Message& extension);

// Replaces the labels.
CONTAINERD_EXPORT NewSandboxOpt WithSandboxLabels(Labels labels);

}  // namespace containerd

#endif  // CONTAINERD_SANDBOX_H_
