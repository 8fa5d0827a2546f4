// SPDX-License-Identifier: Apache-2.0
//
// Package client: containerd for a program that runs containers.
//
//   absl::StatusOr<Client> client =
//       Client::New("/run/containerd/containerd.sock", {WithDefaultNamespace("example")});
//   if (!client.ok()) return client.status();
//   absl::StatusOr<Container> web = client->LoadContainer(ctx, "web");
//
// The package's headers lie directly in containerd/, one concept each: container.h, task.h,
// process.h, image.h, …; containerd/containerd.h includes them all.
//
// Source: package client.
#ifndef CONTAINERD_CLIENT_H_
#define CONTAINERD_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/base/attributes.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/client_opts.h"
#include "containerd/container_opts_fwd.h"
#include "containerd/context/context.h"
#include "containerd/events/events.h"
#include "containerd/export/export.h"
#include "containerd/leases/leases.h"
#include "containerd/option/option.h"
#include "containerd/option/pairs.h"
#include "containerd/services.h"
#include "containerd/typeurl/any.h"

namespace grpc {
class Channel;
}

namespace containerd {

class Client;
class Container;
class Image;
class Sandbox;
namespace health {
class Service;
}
namespace images {
struct Image;
}
namespace images::archive {
struct ExportOptions;
using ExportOpt = option::Option<const Context&, ExportOptions&>;
}  // namespace images::archive
namespace internal {
struct ClientState;
}
namespace io {
class Reader;
class Writer;
}  // namespace io
namespace ocispec {
struct Descriptor;
struct Index;
}  // namespace ocispec
namespace rpc {
class Connection;
}
namespace sandbox {
struct Sandbox;
}
namespace transfer {
struct Config;
class Object;
using Opt = option::Option<Config&>;
}  // namespace transfer
namespace version {
class Service;
}

// How to pull, fetch and push; the options are in remote_opts.h.
struct RemoteContext;
using RemoteOpt = option::Option<Client&, RemoteContext&>;

// What to install and where; the options are in install.h.
struct InstallConfig;
using InstallOpt = option::Option<InstallConfig&>;
using InstallOpts = InstallOpt;  // as Go calls it

// How to import; the options are in import.h.
struct ImportOptions;
using ImportOpt = option::Option<ImportOptions&>;

// Restores a part of a container from a checkpoint; the options are in checkpoint.h. Unlike in Go
// it changes the record itself, and makes no option that does.
using RestoreOpt = option::Option<const Context&, Client&, const Image&, const ocispec::Index&,
                                  containers::Container&>;
using RestoreOpts = RestoreOpt;  // as Go calls it

// Fills in the record of a sandbox that is about to be created.
using NewSandboxOpt = option::Option<const Context&, Client&, sandbox::Sandbox&>;
using NewSandboxOpts = NewSandboxOpt;  // as Go calls it

// The daemon's version.
struct Version {
  std::string version;   // "1.7.24"
  std::string revision;  // of the source it was built from
};

// Which daemon it is.
struct ServerInfo {
  std::string uuid;  // of the daemon's root directory
};

// A runtime's version, as it tells it.
struct RuntimeVersion {
  std::string version;
  std::string revision;
};

// What a runtime says of itself.
struct RuntimeInfo {
  std::string name;
  RuntimeVersion version;
  // typeurl::UnmarshalTo gives runc.v1.Options for `options` and specs::Features for `features`.
  typeurl::Any options;
  typeurl::Any features;
  std::map<std::string, std::string> annotations;
};

// A connection to a containerd daemon, and its services.
//
// A handle: copies share the connection, which closes with the last of them, or with Close. All
// functions are safe from any thread. No thread is started by a Client itself; gRPC runs its own
// few once streams or waits are used.
class CONTAINERD_EXPORT Client {
 public:
  // A move is a copy, so that there is no moved-from handle to trip over.
  Client(const Client&) = default;
  Client& operator=(const Client&) = default;

  // Connects to a daemon and returns once it answers. `address` is the path of its socket
  // ("/run/containerd/containerd.sock" or "unix:///…"; absolute, of at most 107 bytes, and nothing
  // in it is an escape), or "tcp://host:port", with TLS if
  // WithDialOpts({WithTransportCredentials(…)}) says so; it may be empty if WithServices gives
  // services. A socket that is not there is waited for, WithTimeout long.
  //
  // Errors name the address: ErrInvalidArgument if it or an option is malformed, ErrUnavailable if
  // nobody listens there, the timeout passes, or what answers does not speak gRPC,
  // ErrNotImplemented if it does but is not containerd (any of its services version, introspection
  // and namespaces will do), the context's own if it ends. Source: client.New.
  static absl::StatusOr<Client> New(const Context& ctx, std::string_view address,
                                    const std::vector<Opt>& opts = {});
  static absl::StatusOr<Client> New(std::string_view address, const std::vector<Opt>& opts = {}) {
    return New(Context::Background(), address, opts);
  }

  // On a channel that the caller made, and stays as it is: options of dialing are not for it. Such
  // a client can't Reconnect. Source: client.NewWithConn.
  static absl::StatusOr<Client> NewWithConn(std::shared_ptr<grpc::Channel> conn,
                                            const std::vector<Opt>& opts = {});

  // Dials again, as New did, and moves the client and its copies to the new connection. Calls and
  // streams under way end on the old one by themselves. ErrUnavailable for a client of NewWithConn,
  // ErrFailedPrecondition after Close, which is for good; Go's client can be dialed again.
  absl::Status Reconnect(const Context& ctx = Context::Background());

  // Cancels all calls and streams of the client and its copies, waits until their callbacks have
  // returned, and disconnects. Calls after that fail with ErrUnavailable.
  absl::Status Close();

  // Whether the daemon says that it is serving. Waits for a connection while there is none, as
  // long as the context lives.
  absl::StatusOr<bool> IsServing(const Context& ctx);

  // The daemon's version, and who it is. Source: Client.Version, Client.Server.
  absl::StatusOr<containerd::Version> Version(const Context& ctx);
  absl::StatusOr<ServerInfo> Server(const Context& ctx);

  // What a runtime says of itself; by default the client's. ErrNotImplemented before daemon 2.0.
  absl::StatusOr<containerd::RuntimeInfo> RuntimeInfo(const Context& ctx,
                                                      std::string_view runtime_path = {},
                                                      const typeurl::Any& runtime_options = {});

  // The runtime for new containers; the built-in default if the namespace's label can't be read.
  std::string Runtime();

  // The namespace's label "containerd.io/defaults/runtime" or "containerd.io/defaults/sandboxer",
  // or the built-in default; the first answer is kept. An option of New comes before both. Source:
  // Client.defaultRuntime, Client.defaultSandboxer.
  absl::StatusOr<std::string> DefaultRuntime(const Context& ctx);
  absl::StatusOr<std::string> DefaultSandboxer(const Context& ctx);

  // What New's options set, or its defaults. Source: Client.DefaultNamespace, Client.platform.
  const std::string& DefaultNamespace() const ABSL_ATTRIBUTE_LIFETIME_BOUND;
  std::shared_ptr<const platforms::MatchComparer> Platform() const;

  // The value of a label of the context's namespace; empty if it has no such label.
  absl::StatusOr<std::string> GetLabel(const Context& ctx, std::string_view label);

  // A lease for what is made with the returned guard's context(): deleted with the guard. A context
  // that has a lease already keeps it. Without options: a random id, expiring after 24 hours.
  absl::StatusOr<leases::LeaseGuard> WithLease(const Context& ctx,
                                               const std::vector<leases::Opt>& opts = {});

  // Containers, in no order, of the context's namespace; those that match any of the filters.
  absl::StatusOr<std::vector<Container>> Containers(const Context& ctx,
                                                    const std::vector<std::string>& filters = {});
  template <std::size_t N, std::size_t M>
  requires option::IsPair<M>
  void Containers(const Context&, option::BracedTexts<N, M>) = delete;

  // Creates a container record; a running one is a Task (Container::NewTask). What the options made
  // before one of them failed (a snapshot) is removed again.
  absl::StatusOr<Container> NewContainer(const Context& ctx, std::string_view id,
                                         const std::vector<NewContainerOpt>& opts = {});

  // ErrNotFound if there is none of that id.
  absl::StatusOr<Container> LoadContainer(const Context& ctx, std::string_view id);

  // Creates a container of what a checkpoint holds, as the options say (containerd/checkpoint.h).
  // Its task is then restored by NewTask with WithTaskCheckpoint(checkpoint).
  absl::StatusOr<Container> Restore(const Context& ctx, std::string_view id,
                                    const Image& checkpoint,
                                    const std::vector<RestoreOpt>& opts = {});

  // Creates a sandbox, in the store and with its controller; Start runs it (containerd/sandbox.h).
  // If the controller refuses, nothing stays in the store. ErrNotImplemented before daemon 1.7.
  absl::StatusOr<Sandbox> NewSandbox(const Context& ctx, std::string_view sandbox_id,
                                     const std::vector<NewSandboxOpt>& opts = {});

  // ErrNotFound if there is none of that id.
  absl::StatusOr<Sandbox> LoadSandbox(const Context& ctx, std::string_view id);

  // ErrNotFound if there is no image of that name.
  absl::StatusOr<Image> GetImage(const Context& ctx, std::string_view ref);

  // Images, in no order, of the context's namespace; those that match any of the filters. They are
  // for the client's platform. ErrInvalidArgument for a filter that does not parse. Source:
  // Client.ListImages.
  absl::StatusOr<std::vector<Image>> ListImages(const Context& ctx,
                                                const std::vector<std::string>& filters = {});
  template <std::size_t N, std::size_t M>
  requires option::IsPair<M>
  void ListImages(const Context&, option::BracedTexts<N, M>) = delete;

  // Gets the image that the reference ("docker.io/library/busybox:latest") names from its registry,
  // for one platform, by default the client's. When all of it is there, the image record of that
  // name is created or updated. With WithPullUnpack it is unpacked while it comes (Image::Unpack
  // does it afterwards). Returns the image, for that platform.
  //
  // All is made under a lease of the pull's own, unless `ctx` has one. Pulls of one client do not
  // fetch or unpack the same thing twice at once. It takes a few threads of its own, as
  // images::Dispatch and unpack::Unpacker say, which end with the call.
  //
  // Errors are those of the resolver, with the reference: ErrNotFound if the registry has no such
  // image, or it is not for the platform; ErrDataLoss or ErrFailedPrecondition for content that is
  // not what its descriptor says; ErrResourceExhausted for manifests that are too large;
  // ErrInvalidArgument for more than one platform. A pull that fails leaves no image, lease or
  // snapshot. If it was cut off (by its context or a lost connection), partly fetched blobs stay as
  // ingestions for a day, and the next pull goes on with them. Source: Client.Pull.
  absl::StatusOr<Image> Pull(const Context& ctx, std::string_view ref,
                             const std::vector<RemoteOpt>& opts = {});

  // The same for any number of platforms, by default all, without unpacking: ErrNotImplemented
  // with WithPullUnpack. Source: Client.Fetch.
  absl::StatusOr<images::Image> Fetch(const Context& ctx, std::string_view ref,
                                      const std::vector<RemoteOpt>& opts = {});

  // Puts an image's content, for the given platforms or all, into a registry under the reference.
  // Content is not sent if the registry has it already, in this repository or in the one that the
  // content came from. ErrNotFound if content is missing here. Source: Client.Push.
  absl::Status Push(const Context& ctx, std::string_view ref, const ocispec::Descriptor& desc,
                    const std::vector<RemoteOpt>& opts = {});

  // Unpacks the programs in an image's /bin to the daemon's opt service, or elsewhere, with this
  // process's rights. ErrNotFound if the daemon has no such service, ErrAlreadyExists if a file is
  // there already; what was installed before it stays. Source: Client.Install.
  absl::Status Install(const Context& ctx, const Image& image,
                       const std::vector<InstallOpt>& opts = {});

  // Reads an archive of images (an OCI layout or one of `docker save`, as images/archive.h says) to
  // its end, and makes an image record for each name in it, or changes the one that exists. Returns
  // the records; they are not unpacked. Content is streamed: memory does not grow with the archive.
  //
  // Errors name the entry, content or image, with the classes of images::archive::ImportIndex;
  // ErrNotFound if content that the index leads to is missing, or nothing is for the platform. A
  // failed import leaves nothing behind (if `ctx` has a lease, content stays until that goes).
  // Source: Client.Import.
  absl::StatusOr<std::vector<images::Image>> Import(const Context& ctx, io::Reader& reader,
                                                    const std::vector<ImportOpt>& opts = {});

  // Writes an archive of the images that the options of images/archive.h add, from the content
  // store: an OCI layout that `docker load` takes, too. Errors are those of
  // images::archive::Export. Source: Client.Export.
  absl::Status Export(const Context& ctx, io::Writer& writer,
                      const std::vector<images::archive::ExportOpt>& opts);

  // Has the daemon itself pull, push, import, export or tag: containerd/transfer/transfer.h. A
  // lease holds what is transferred meanwhile. ErrNotImplemented before daemon 1.7. Source:
  // Client.Transfer.
  absl::Status Transfer(const Context& ctx, const transfer::Object& source,
                        const transfer::Object& destination,
                        const std::vector<transfer::Opt>& opts = {});

  // Events that match any of the filters. See events.h: pull with Next, or give callbacks to
  // EventService()->Subscribe.
  std::unique_ptr<events::Subscription> Subscribe(
      const Context& ctx, const std::vector<std::string>& filters = {},
      const std::vector<events::SubscribeOpt>& opts = {});
  template <std::size_t N, std::size_t M>
  requires option::IsPair<M>
  void Subscribe(const Context&, option::BracedTexts<N, M>,
                 const std::vector<events::SubscribeOpt>& = {}) = delete;

  // The services, each the daemon's unless WithServices replaced it. A service may be kept longer
  // than the client. Its calls fail with ErrUnavailable once the connection is closed: by Close, or
  // with the last copy of the client.
  std::shared_ptr<containers::Store> ContainerService() const;
  std::shared_ptr<content::Store> ContentStore() const;
  std::shared_ptr<images::Store> ImageService() const;
  std::shared_ptr<namespaces::Store> NamespaceService() const;
  std::shared_ptr<tasks::Service> TaskService() const;
  std::shared_ptr<diff::DiffService> DiffService() const;
  std::shared_ptr<events::EventService> EventService() const;
  std::shared_ptr<leases::Manager> LeasesService() const;
  std::shared_ptr<introspection::Service> IntrospectionService() const;
  std::shared_ptr<sandbox::Store> SandboxStore() const;
  std::shared_ptr<sandbox::Controller> SandboxController(std::string_view name) const;
  std::shared_ptr<transfer::Transferrer> TransferService() const;
  std::shared_ptr<mount::Manager> MountManager() const;
  std::shared_ptr<health::Service> HealthService() const;
  std::shared_ptr<version::Service> VersionService() const;

  // The snapshotter of that name; empty: the namespace's default. Nothing is asked of the daemon
  // but the default's name. nullptr if WithSnapshotters was given and has none of that name.
  std::shared_ptr<snapshots::Snapshotter> SnapshotService(std::string_view snapshotter_name) const;

  // The name that an empty one stands for: the namespace's label
  // "containerd.io/defaults/snapshotter", or "overlayfs".
  absl::StatusOr<std::string> ResolveSnapshotterName(const Context& ctx,
                                                     std::string_view name) const;

  // SnapshotService(ResolveSnapshotterName(name)), and ErrNotFound in place of nullptr.
  absl::StatusOr<std::shared_ptr<snapshots::Snapshotter>> GetSnapshotter(
      const Context& ctx, std::string_view name) const;

  // What the daemon's snapshotter plugin says of itself. ErrNotFound if it has none of that name.
  absl::StatusOr<std::shared_ptr<const platforms::MatchComparer>> GetSnapshotterSupportedPlatforms(
      const Context& ctx, std::string_view snapshotter_name) const;
  absl::StatusOr<std::vector<std::string>> GetSnapshotterCapabilities(
      const Context& ctx, std::string_view snapshotter_name) const;

  // The gRPC channel, for raw stubs (containerd/stubs.h). nullptr after Close. Calls on the channel
  // that New made get the default namespace if they name none. A channel that was given to
  // NewWithConn is returned as it is, as Go does it, and has no interceptor: there PrepareCall adds
  // the namespace.
  std::shared_ptr<grpc::Channel> Conn() const;

  // The connection that the library's own proxies use, for making proxies of other services.
  std::shared_ptr<rpc::Connection> Connection() const;

 private:
  explicit Client(std::shared_ptr<internal::ClientState> state) : state_(std::move(state)) {}

  std::shared_ptr<internal::ClientState> state_;
};

}  // namespace containerd

// What the functions above return, so that a program which calls them needs this header only.
#include "containerd/container.h"  // IWYU pragma: export
#include "containerd/image.h"      // IWYU pragma: export
#include "containerd/sandbox.h"    // IWYU pragma: export

#endif  // CONTAINERD_CLIENT_H_
