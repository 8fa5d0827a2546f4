// SPDX-License-Identifier: Apache-2.0
#include "services.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/events/container.pb.h"
#include "containerd/events/namespace.pb.h"
#include "containerd/events/snapshot.pb.h"
#include "containerd/services/containers/v1/containers.pb.h"
#include "containerd/services/images/v1/events.pb.h"
#include "containerd/services/images/v1/images.pb.h"
#include "containerd/services/leases/v1/leases.pb.h"
#include "containerd/services/namespaces/v1/namespaces.pb.h"
#include "containerd/services/snapshots/v1/snapshots.pb.h"
#include "containerd/typeurl/proto.h"

#include "src/containers/internal/proto.h"
#include "src/images/internal/proto.h"
#include "src/mount/internal/proto.h"
#include "src/rpc/internal/proto_descriptor.h"
#include "src/rpc/internal/proto_time.h"
#include "src/snapshots/internal/proto.h"

namespace containerd::testing::fake {
namespace {

namespace pb_services = ::containerd::services;
namespace pb_containers = pb_services::containers::v1;
namespace pb_images = pb_services::images::v1;
namespace pb_leases = pb_services::leases::v1;
namespace pb_namespaces = pb_services::namespaces::v1;
namespace pb_snapshots = pb_services::snapshots::v1;
using google::protobuf::Empty;

// A record of the daemon's: clients send no times.
pb_containers::Container WithTimes(const containers::Container& container) {
  pb_containers::Container proto = containers::ToProto(container);
  rpc::SetTime(container.created_at, &proto, &pb_containers::Container::mutable_created_at);
  rpc::SetTime(container.updated_at, &proto, &pb_containers::Container::mutable_updated_at);
  return proto;
}

void ServeContainers(Server& server, containers::Store& store, Exchange& exchange) {
  const std::string at = "/containerd.services.containers.v1.Containers/";
  server.Unary<pb_containers::GetContainerRequest, pb_containers::GetContainerResponse>(
      at + "Get", [&store](const Context& ctx, const auto& request, auto& response) {
        return Fill(store.Get(ctx, request.id()),
                    [&](const auto& c) { *response.mutable_container() = WithTimes(c); });
      });
  server.Unary<pb_containers::ListContainersRequest, pb_containers::ListContainersResponse>(
      at + "List", [&store](const Context& ctx, const auto& request, auto& response) {
        return Fill(store.List(ctx, Texts(request.filters())), [&](const auto& all) {
          for (const auto& c : all) *response.add_containers() = WithTimes(c);
        });
      });
  server.Streaming<pb_containers::ListContainersRequest>(
      at + "ListStream",
      [&store](const Context& ctx, const auto& request,
               const StreamPtr& stream) -> std::optional<absl::Status> {
        return Fill(store.List(ctx, Texts(request.filters())), [&](const auto& all) {
          for (const auto& c : all) {
            pb_containers::ListContainerMessage message;
            *message.mutable_container() = WithTimes(c);
            stream->Send(Pack(message));
          }
        });
      });
  server.Unary<pb_containers::CreateContainerRequest, pb_containers::CreateContainerResponse>(
      at + "Create", [&store, &exchange](const Context& ctx, const auto& request, auto& response) {
        return Fill(
            store.Create(ctx, containers::FromProto(request.container())), [&](const auto& c) {
              *response.mutable_container() = WithTimes(c);
              events::ContainerCreate event;
              event.set_id(c.id);
              event.set_image(c.image);
              event.mutable_runtime()->set_name(c.runtime.name);
              *event.mutable_runtime()->mutable_options() = typeurl::ToProto(c.runtime.options);
              exchange.Tell(ctx, "/containers/create", event);
            });
      });
  server.Unary<pb_containers::UpdateContainerRequest, pb_containers::UpdateContainerResponse>(
      at + "Update", [&store, &exchange](const Context& ctx, const auto& request, auto& response) {
        return Fill(store.Update(ctx, containers::FromProto(request.container()),
                                 Texts(request.update_mask().paths())),
                    [&](const auto& c) {
                      *response.mutable_container() = WithTimes(c);
                      events::ContainerUpdate event;
                      event.set_id(c.id);
                      event.set_image(c.image);
                      rpc::ToProto(c.labels, event.mutable_labels());
                      event.set_snapshot_key(c.snapshot_key);
                      exchange.Tell(ctx, "/containers/update", event);
                    });
      });
  server.Unary<pb_containers::DeleteContainerRequest, Empty>(
      at + "Delete", [&store, &exchange](const Context& ctx, const auto& request, Empty&) {
        absl::Status s = store.Delete(ctx, request.id());
        if (!s.ok()) return s;
        events::ContainerDelete event;
        event.set_id(request.id());
        exchange.Tell(ctx, "/containers/delete", event);
        return s;
      });
}

template <typename Event>
Event ImageEvent(const images::Image& image) {
  Event event;
  event.set_name(image.name);
  rpc::ToProto(image.labels, event.mutable_labels());
  return event;
}

void ServeImages(Server& server, images::Store& store, Exchange& exchange) {
  const std::string at = "/containerd.services.images.v1.Images/";
  const auto with_epoch = [](const Context& ctx, const auto& request) {
    return request.has_source_date_epoch()
               ? WithSourceDateEpoch(ctx, rpc::ToTime(request.source_date_epoch()))
               : ctx;
  };
  server.Unary<pb_images::GetImageRequest, pb_images::GetImageResponse>(
      at + "Get", [&store](const Context& ctx, const auto& request, auto& response) {
        return Fill(store.Get(ctx, request.name()),
                    [&](const auto& image) { *response.mutable_image() = ToProto(image); });
      });
  server.Unary<pb_images::ListImagesRequest, pb_images::ListImagesResponse>(
      at + "List", [&store](const Context& ctx, const auto& request, auto& response) {
        return Fill(store.List(ctx, Texts(request.filters())), [&](const auto& all) {
          for (const auto& image : all) *response.add_images() = ToProto(image);
        });
      });
  server.Unary<pb_images::CreateImageRequest, pb_images::CreateImageResponse>(
      at + "Create",
      [&store, &exchange, with_epoch](const Context& ctx, const auto& request, auto& response) {
        return Fill(store.Create(with_epoch(ctx, request), images::FromProto(request.image())),
                    [&](const auto& image) {
                      *response.mutable_image() = ToProto(image);
                      exchange.Tell(ctx, "/images/create",
                                    ImageEvent<pb_images::ImageCreate>(image));
                    });
      });
  server.Unary<pb_images::UpdateImageRequest, pb_images::UpdateImageResponse>(
      at + "Update",
      [&store, &exchange, with_epoch](const Context& ctx, const auto& request, auto& response) {
        return Fill(store.Update(with_epoch(ctx, request), images::FromProto(request.image()),
                                 Texts(request.update_mask().paths())),
                    [&](const auto& image) {
                      *response.mutable_image() = ToProto(image);
                      exchange.Tell(ctx, "/images/update",
                                    ImageEvent<pb_images::ImageUpdate>(image));
                    });
      });
  server.Unary<pb_images::DeleteImageRequest, Empty>(
      at + "Delete", [&store, &exchange](const Context& ctx, const auto& request, Empty&) {
        std::vector<images::DeleteOpt> opts;
        if (request.sync()) opts.push_back(images::SynchronousDelete());
        if (request.has_target()) {
          opts.push_back(images::DeleteTarget(rpc::FromProto(request.target())));
        }
        absl::Status s = store.Delete(ctx, request.name(), opts);
        if (!s.ok()) return s;
        pb_images::ImageDelete event;
        event.set_name(request.name());
        exchange.Tell(ctx, "/images/delete", event);
        return s;
      });
}

pb_leases::Lease ToProto(const leases::Lease& lease) {
  pb_leases::Lease proto;
  proto.set_id(lease.id);
  rpc::SetTime(lease.created_at, &proto, &pb_leases::Lease::mutable_created_at);
  rpc::ToProto(lease.labels, proto.mutable_labels());
  return proto;
}

leases::Resource FromProto(const pb_leases::Resource& proto) {
  return {.id = proto.id(), .type = proto.type()};
}

void ServeLeases(Server& server, leases::Manager& manager) {
  const std::string at = "/containerd.services.leases.v1.Leases/";
  server.Unary<pb_leases::CreateRequest, pb_leases::CreateResponse>(
      at + "Create", [&manager](const Context& ctx, const auto& request, auto& response) {
        const leases::Opt as_asked = [&request](leases::Lease* lease) {
          lease->id = request.id();
          lease->labels = rpc::FromProto(request.labels());
          return absl::OkStatus();
        };
        return Fill(manager.Create(ctx, {as_asked}),
                    [&](const auto& lease) { *response.mutable_lease() = ToProto(lease); });
      });
  server.Unary<pb_leases::DeleteRequest, Empty>(
      at + "Delete", [&manager](const Context& ctx, const auto& request, Empty&) {
        std::vector<leases::DeleteOpt> opts;
        if (request.sync()) opts.emplace_back(leases::SynchronousDelete);
        return manager.Delete(ctx, {.id = request.id()}, opts);
      });
  server.Unary<pb_leases::ListRequest, pb_leases::ListResponse>(
      at + "List", [&manager](const Context& ctx, const auto& request, auto& response) {
        return Fill(manager.List(ctx, Texts(request.filters())), [&](const auto& all) {
          for (const auto& lease : all) *response.add_leases() = ToProto(lease);
        });
      });
  server.Unary<pb_leases::AddResourceRequest, Empty>(
      at + "AddResource", [&manager](const Context& ctx, const auto& request, Empty&) {
        return manager.AddResource(ctx, {.id = request.id()}, FromProto(request.resource()));
      });
  server.Unary<pb_leases::DeleteResourceRequest, Empty>(
      at + "DeleteResource", [&manager](const Context& ctx, const auto& request, Empty&) {
        return manager.DeleteResource(ctx, {.id = request.id()}, FromProto(request.resource()));
      });
  server.Unary<pb_leases::ListResourcesRequest, pb_leases::ListResourcesResponse>(
      at + "ListResources", [&manager](const Context& ctx, const auto& request, auto& response) {
        return Fill(manager.ListResources(ctx, {.id = request.id()}), [&](const auto& all) {
          for (const leases::Resource& resource : all) {
            auto* added = response.add_resources();
            added->set_id(resource.id);
            added->set_type(resource.type);
          }
        });
      });
}

// Sets the labels that an update names, or all if it names none.
absl::Status UpdateLabels(const Context& ctx, namespaces::Store& store,
                          const pb_namespaces::UpdateNamespaceRequest& request) {
  const std::string& name = request.namespace_().name();
  const Labels wanted = rpc::FromProto(request.namespace_().labels());
  std::vector<std::string> paths = Texts(request.update_mask().paths());
  if (paths.empty()) paths = {"labels"};
  for (const std::string& path : paths) {
    Labels changes;
    if (path.starts_with("labels.")) {
      const auto found = wanted.find(path.substr(7));
      changes[path.substr(7)] = found == wanted.end() ? "" : found->second;
    } else if (path == "labels") {
      absl::StatusOr<Labels> there = store.Labels(ctx, name);
      if (!there.ok()) return there.status();
      for (const auto& [key, value] : *there) changes[key] = "";
      for (const auto& [key, value] : wanted) changes[key] = value;
    } else {
      return errdefs::InvalidArgument(
          fmt::format("cannot update namespace \"{}\": no such field: \"{}\"", name, path));
    }
    for (const auto& [key, value] : changes) {
      if (absl::Status s = store.SetLabel(ctx, name, key, value); !s.ok()) return s;
    }
  }
  return absl::OkStatus();
}

void ServeNamespaces(Server& server, namespaces::Store& store, Exchange& exchange) {
  const std::string at = "/containerd.services.namespaces.v1.Namespaces/";
  const auto fill = [&store](const Context& ctx, const std::string& name, auto* to) {
    to->set_name(name);
    return Fill(store.Labels(ctx, name),
                [&](const Labels& labels) { rpc::ToProto(labels, to->mutable_labels()); });
  };
  server.Unary<pb_namespaces::GetNamespaceRequest, pb_namespaces::GetNamespaceResponse>(
      at + "Get", [fill](const Context& ctx, const auto& request, auto& response) {
        return fill(ctx, request.name(), response.mutable_namespace_());
      });
  server.Unary<pb_namespaces::ListNamespacesRequest, pb_namespaces::ListNamespacesResponse>(
      at + "List", [&store, fill](const Context& ctx, const auto&, auto& response) -> absl::Status {
        absl::StatusOr<std::vector<std::string>> names = store.List(ctx);
        if (!names.ok()) return names.status();
        for (const std::string& name : *names) {
          if (absl::Status s = fill(ctx, name, response.add_namespaces()); !s.ok()) return s;
        }
        return absl::OkStatus();
      });
  server.Unary<pb_namespaces::CreateNamespaceRequest, pb_namespaces::CreateNamespaceResponse>(
      at + "Create", [&store, &exchange](const Context& ctx, const auto& request, auto& response) {
        const auto& ns = request.namespace_();
        absl::Status s = store.Create(ctx, ns.name(), rpc::FromProto(ns.labels()));
        if (!s.ok()) return s;
        *response.mutable_namespace_() = ns;
        events::NamespaceCreate event;
        event.set_name(ns.name());
        *event.mutable_labels() = ns.labels();
        exchange.Tell(ns.name(), "/namespaces/create", event);
        return s;
      });
  server.Unary<pb_namespaces::UpdateNamespaceRequest, pb_namespaces::UpdateNamespaceResponse>(
      at + "Update",
      [&store, &exchange, fill](const Context& ctx, const auto& request, auto& response) {
        const std::string& name = request.namespace_().name();
        absl::Status s = UpdateLabels(ctx, store, request);
        if (s.ok()) s = fill(ctx, name, response.mutable_namespace_());
        if (!s.ok()) return s;
        events::NamespaceUpdate event;
        event.set_name(name);
        *event.mutable_labels() = response.namespace_().labels();
        exchange.Tell(name, "/namespaces/update", event);
        return s;
      });
  server.Unary<pb_namespaces::DeleteNamespaceRequest, Empty>(
      at + "Delete", [&store, &exchange](const Context& ctx, const auto& request, Empty&) {
        absl::Status s = store.Delete(ctx, request.name());
        if (!s.ok()) return s;
        events::NamespaceDelete event;
        event.set_name(request.name());
        exchange.Tell(request.name(), "/namespaces/delete", event);
        return s;
      });
}

void ServeSnapshots(Server& server, snapshots::Snapshotter& store, const std::string& snapshotter,
                    const std::string& rootfs, Exchange& exchange) {
  const std::string at = "/containerd.services.snapshots.v1.Snapshots/";
  const auto check = [snapshotter](const auto& request) {
    if (request.snapshotter() == snapshotter) return absl::OkStatus();
    return errdefs::InvalidArgument(
        fmt::format("snapshotter not loaded: \"{}\"", request.snapshotter()));
  };
  const auto labelled = [](const auto& request) {
    return std::vector<snapshots::Opt>{snapshots::WithLabels(rpc::FromProto(request.labels()))};
  };
  // Who looks into a snapshot for users and groups finds a folder without any.
  const auto fill_mounts = [rootfs](std::vector<mount::Mount> mounts, auto& response) {
    for (mount::Mount& mount : mounts) mount.source = rootfs;
    mount::ToProto(mounts, response.mutable_mounts());
  };
  const auto tell_prepared = [&exchange](const Context& ctx, const auto& request) {
    events::SnapshotPrepare event;
    event.set_key(request.key());
    event.set_parent(request.parent());
    event.set_snapshotter(request.snapshotter());
    exchange.Tell(ctx, "/snapshot/prepare", event);
  };
  server.Unary<pb_snapshots::PrepareSnapshotRequest, pb_snapshots::PrepareSnapshotResponse>(
      at + "Prepare", [=, &store](const Context& ctx, const auto& request, auto& response) {
        if (absl::Status s = check(request); !s.ok()) return s;
        return Fill(store.Prepare(ctx, request.key(), request.parent(), labelled(request)),
                    [&](const auto& mounts) {
                      fill_mounts(mounts, response);
                      tell_prepared(ctx, request);
                    });
      });
  server.Unary<pb_snapshots::ViewSnapshotRequest, pb_snapshots::ViewSnapshotResponse>(
      at + "View", [=, &store](const Context& ctx, const auto& request, auto& response) {
        if (absl::Status s = check(request); !s.ok()) return s;
        return Fill(store.View(ctx, request.key(), request.parent(), labelled(request)),
                    [&](const auto& mounts) {
                      fill_mounts(mounts, response);
                      tell_prepared(ctx, request);
                    });
      });
  server.Unary<pb_snapshots::MountsRequest, pb_snapshots::MountsResponse>(
      at + "Mounts", [=, &store](const Context& ctx, const auto& request, auto& response) {
        if (absl::Status s = check(request); !s.ok()) return s;
        return Fill(store.Mounts(ctx, request.key()),
                    [&](const auto& mounts) { fill_mounts(mounts, response); });
      });
  server.Unary<pb_snapshots::CommitSnapshotRequest, Empty>(
      at + "Commit", [=, &store, &exchange](const Context& ctx, const auto& request, Empty&) {
        absl::Status s = check(request);
        if (s.ok()) s = store.Commit(ctx, request.name(), request.key(), labelled(request));
        if (!s.ok()) return s;
        events::SnapshotCommit event;
        event.set_key(request.key());
        event.set_name(request.name());
        event.set_snapshotter(request.snapshotter());
        exchange.Tell(ctx, "/snapshot/commit", event);
        return s;
      });
  server.Unary<pb_snapshots::RemoveSnapshotRequest, Empty>(
      at + "Remove", [=, &store, &exchange](const Context& ctx, const auto& request, Empty&) {
        absl::Status s = check(request);
        if (s.ok()) s = store.Remove(ctx, request.key());
        if (!s.ok()) return s;
        events::SnapshotRemove event;
        event.set_key(request.key());
        event.set_snapshotter(request.snapshotter());
        exchange.Tell(ctx, "/snapshot/remove", event);
        return s;
      });
  server.Unary<pb_snapshots::StatSnapshotRequest, pb_snapshots::StatSnapshotResponse>(
      at + "Stat", [=, &store](const Context& ctx, const auto& request, auto& response) {
        if (absl::Status s = check(request); !s.ok()) return s;
        return Fill(store.Stat(ctx, request.key()),
                    [&](const auto& info) { *response.mutable_info() = ToProto(info); });
      });
  server.Unary<pb_snapshots::UpdateSnapshotRequest, pb_snapshots::UpdateSnapshotResponse>(
      at + "Update", [=, &store](const Context& ctx, const auto& request, auto& response) {
        if (absl::Status s = check(request); !s.ok()) return s;
        const snapshots::Info info{.name = request.info().name(),
                                   .labels = rpc::FromProto(request.info().labels())};
        return Fill(store.Update(ctx, info, Texts(request.update_mask().paths())),
                    [&](const auto& updated) { *response.mutable_info() = ToProto(updated); });
      });
  server.Unary<pb_snapshots::UsageRequest, pb_snapshots::UsageResponse>(
      at + "Usage", [=, &store](const Context& ctx, const auto& request, auto& response) {
        if (absl::Status s = check(request); !s.ok()) return s;
        return Fill(store.Usage(ctx, request.key()), [&](const auto& usage) {
          response.set_size(usage.size);
          response.set_inodes(usage.inodes);
        });
      });
  server.Unary<pb_snapshots::CleanupRequest, Empty>(
      at + "Cleanup", [=](const Context&, const auto& request, Empty&) { return check(request); });
  server.Streaming<pb_snapshots::ListSnapshotsRequest>(
      at + "List",
      [=, &store](const Context& ctx, const auto& request,
                  const StreamPtr& stream) -> std::optional<absl::Status> {
        if (absl::Status s = check(request); !s.ok()) return s;
        return store.Walk(
            ctx,
            [&stream](const Context&, const snapshots::Info& info) {
              pb_snapshots::ListSnapshotsResponse response;
              *response.add_info() = ToProto(info);
              stream->Send(Pack(response));
              return absl::OkStatus();
            },
            Texts(request.filters()));
      });
}

}  // namespace

void ServeStores(Server& server, const MemoryStores& stores, const FakeDaemonOptions& options,
                 const std::string& rootfs, Exchange& exchange) {
  ServeContainers(server, *stores.containers, exchange);
  ServeImages(server, *stores.images, exchange);
  ServeLeases(server, *stores.leases);
  ServeNamespaces(server, *stores.namespaces, exchange);
  ServeSnapshots(server, *stores.snapshotter, options.snapshotter, rootfs, exchange);
}

}  // namespace containerd::testing::fake
