// SPDX-License-Identifier: Apache-2.0
//
// Package libcontainerd: containerd for an engine, a daemon that keeps containers: it makes their
// bundles and FIFOs, and tells a Backend of the engine what happens to them, each exit exactly
// once.
//
//   class Engine : public libcontainerd::Backend {
//     absl::Status ProcessEvent(const std::string& id, libcontainerd::EventType type,
//                               const libcontainerd::EventInfo& info) override {
//       return type == libcontainerd::EventType::kExit ? Restart(id, info) : absl::OkStatus();
//     }
//   };
//
//   auto client = libcontainerd::Client::New(ctx, daemon, "/run/engine", "engine", backend);
//   if (!client.ok()) return client.status();
//   auto web = client->NewContainer(ctx, "web", spec, "io.containerd.runc.v2", {},
//                                   {WithNewSnapshot("web", image)});
//   if (!web.ok()) return web.status();
//   auto task = web->NewTask(ctx, "", false, libcontainerd::AttachStreams({}, out, err));
//   if (!task.ok()) return task.status();
//   absl::Status started = task->Start(ctx);
//
// Where this differs from moby it is to lose nothing, and each declaration says how.
//
// Source: moby's libcontainerd/remote.
#ifndef CONTAINERD_LIBCONTAINERD_CLIENT_H_
#define CONTAINERD_LIBCONTAINERD_CLIENT_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/client.h"
#include "containerd/container_opts_fwd.h"
#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/libcontainerd/container.h"
#include "containerd/libcontainerd/types.h"
#include "containerd/specs/spec.h"
#include "containerd/typeurl/any.h"
#include "containerd/typeurl/typeurl.h"

namespace containerd::libcontainerd {

class Monitor;

// A handle: copies are the same client. All functions are safe from any thread.
//
// Events come for as long as there is a copy and the context given to New lives. The end of the
// last copy waits for the Backend's functions that run, but for the one that it happens in; no
// event comes afterwards. Containers and tasks may be used longer. In Go the stream lives as long
// as its context, and nobody waits.
//
// Exits. Each exit of a process is told once: of two reports of it, one by its shim and one by the
// daemon that cleaned up, the first counts. After every gap in the stream (a restart of the daemon)
// the tasks are compared with those that were started here, seen to start, or loaded by
// Container::Task and AttachTask; exits that came meanwhile are told with code and time where the
// daemon knows them, and after three seconds as unknown (code 255, `error` of class ErrUnavailable)
// where it does not: a shim that was killed while the daemon was down, and with daemons since 1.7 a
// process that ended then. What the daemon gives no answer about, as its shim is slow, is asked for
// again until it does; events go on meanwhile. An exec that goes with its shim is told as unknown
// when its task is deleted. moby leaves all of these running for ever.
class CONTAINERD_EXPORT Client {
 public:
  // A move is a copy, so that there is no moved-from handle to trip over.
  Client(const Client&) = default;
  Client& operator=(const Client&) = default;

  // `state_dir`, an absolute path, is where bundles are made; `ns` the namespace of all calls.
  // Waits until events come, so that none is missed that follows; when the daemon is not there,
  // for ten seconds, and then leaves it to the stream to find it. ErrInvalidArgument for a path,
  // namespace or backend that cannot be. Source: NewClient, which waits for nothing.
  static absl::StatusOr<Client> New(const Context& ctx, containerd::Client daemon,
                                    std::string_view state_dir, std::string_view ns,
                                    std::shared_ptr<Backend> backend);

  // The daemon's.
  absl::StatusOr<containerd::Version> Version(const Context& ctx);

  // Creates a container of the spec and its bundle, `<state_dir>/<id>` (see WithBundle). The
  // options run before the spec, the runtime and the bundle are set. ErrInvalidArgument for an id
  // that is no identifier (Go makes folders outside the state folder for "../x"), ErrConflict ("id
  // already in use") for one that is taken; ErrAlreadyExists comes of an option, whose snapshot,
  // say, is there without a container (a conflict in Go, too). A spec may lack `root` and `linux`,
  // with which Go panics. A failed call leaves no bundle, which stays in Go; one of which it is not
  // known whether it failed leaves what a container may use. A call for an id whose container is
  // being made or deleted waits.
  absl::StatusOr<Container> NewContainer(const Context& ctx, std::string_view id,
                                         const specs::Spec& spec, std::string_view shim,
                                         const typeurl::Any& runtime_options = {},
                                         const std::vector<NewContainerOpt>& opts = {});

  // The same with the runtime's options as a message, for runc containerd.runc.v1.Options.
  template <typeurl::ProtoMessage Options>
  absl::StatusOr<Container> NewContainer(const Context& ctx, std::string_view id,
                                         const specs::Spec& spec, std::string_view shim,
                                         const Options& runtime_options,
                                         const std::vector<NewContainerOpt>& opts = {}) {
    auto any = typeurl::MarshalAny(runtime_options);
    if (!any.ok()) return any.status();
    return NewContainer(ctx, id, spec, shim, *any, opts);
  }

  // ErrNotFound ("no such container") if there is none of that id.
  absl::StatusOr<Container> LoadContainer(const Context& ctx, std::string_view id);

  // NewContainer in place of a container of that id, whose task is killed. Its snapshot stays, so
  // that an option which makes one of the same name fails. Source: ReplaceContainer of
  // libcontainerd.
  absl::StatusOr<Container> ReplaceContainer(const Context& ctx, std::string_view id,
                                             const specs::Spec& spec, std::string_view shim,
                                             const typeurl::Any& runtime_options = {},
                                             const std::vector<NewContainerOpt>& opts = {});

 private:
  Client(std::shared_ptr<Core> core, std::shared_ptr<Monitor> monitor);

  std::shared_ptr<Core> core_;
  std::shared_ptr<Monitor> monitor_;
};

}  // namespace containerd::libcontainerd

#endif  // CONTAINERD_LIBCONTAINERD_CLIENT_H_
