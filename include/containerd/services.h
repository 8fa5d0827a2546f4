// SPDX-License-Identifier: Apache-2.0
//
// The services that a Client is composed of, and options that replace them: by an implementation
// in this process, one that caches or checks, or a test's mock.
//
//   auto client =
//       Client::New("", {WithServices({WithContentStore(store), WithImageStore(image_store)})});
//
// Source: client/services.go.
#ifndef CONTAINERD_SERVICES_H_
#define CONTAINERD_SERVICES_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "containerd/export/export.h"
#include "containerd/option/option.h"

namespace containerd {

namespace containers {
class Store;
}
namespace content {
class Store;
}
namespace diff {
class DiffService;
}
namespace events {
class EventService;
}
namespace health {
class Service;
}
namespace images {
class Store;
}
namespace introspection {
class Service;
}
namespace leases {
class Manager;
}
namespace mount {
class Manager;
}
namespace namespaces {
class Store;
}
namespace sandbox {
class Controller;
class Store;
}  // namespace sandbox
namespace snapshots {
class Snapshotter;
}
namespace tasks {
class Service;
}
namespace transfer {
class Transferrer;
}
namespace version {
class Service;
}

// Each nullptr, or empty map, means the daemon's.
struct Services {
  std::shared_ptr<content::Store> content_store;
  std::shared_ptr<images::Store> image_store;
  std::shared_ptr<containers::Store> container_store;
  std::shared_ptr<namespaces::Store> namespace_store;
  std::map<std::string, std::shared_ptr<snapshots::Snapshotter>> snapshotters;
  std::shared_ptr<tasks::Service> task_service;
  std::shared_ptr<diff::DiffService> diff_service;
  std::shared_ptr<events::EventService> event_service;
  std::shared_ptr<leases::Manager> leases_service;
  std::shared_ptr<introspection::Service> introspection_service;
  std::shared_ptr<sandbox::Store> sandbox_store;
  std::map<std::string, std::shared_ptr<sandbox::Controller>> sandboxers;
  std::shared_ptr<transfer::Transferrer> transfer_service;
  std::shared_ptr<mount::Manager> mount_manager;
  std::shared_ptr<health::Service> health_service;
  std::shared_ptr<version::Service> version_service;
};

using ServicesOpt = option::Option<Services&>;

CONTAINERD_EXPORT ServicesOpt WithContentStore(std::shared_ptr<content::Store> store);
CONTAINERD_EXPORT ServicesOpt WithImageStore(std::shared_ptr<images::Store> store);
CONTAINERD_EXPORT ServicesOpt WithContainerStore(std::shared_ptr<containers::Store> store);
CONTAINERD_EXPORT ServicesOpt WithNamespaceService(std::shared_ptr<namespaces::Store> store);
// By name; a snapshotter that is not in the map does not exist then.
CONTAINERD_EXPORT ServicesOpt
WithSnapshotters(std::map<std::string, std::shared_ptr<snapshots::Snapshotter>> snapshotters);
CONTAINERD_EXPORT ServicesOpt WithTaskService(std::shared_ptr<tasks::Service> service);
CONTAINERD_EXPORT ServicesOpt WithDiffService(std::shared_ptr<diff::DiffService> service);
CONTAINERD_EXPORT ServicesOpt WithEventService(std::shared_ptr<events::EventService> service);
CONTAINERD_EXPORT ServicesOpt WithLeasesService(std::shared_ptr<leases::Manager> manager);
CONTAINERD_EXPORT ServicesOpt
WithIntrospectionService(std::shared_ptr<introspection::Service> service);
CONTAINERD_EXPORT ServicesOpt WithSandboxStore(std::shared_ptr<sandbox::Store> store);
// Adds one sandbox controller under its name; once there is one, others do not exist.
CONTAINERD_EXPORT ServicesOpt
WithSandboxController(std::string name, std::shared_ptr<sandbox::Controller> controller);
CONTAINERD_EXPORT ServicesOpt WithTransferService(std::shared_ptr<transfer::Transferrer> service);
CONTAINERD_EXPORT ServicesOpt WithMountManager(std::shared_ptr<mount::Manager> manager);
// What Client::IsServing and Client::Version ask; Go's client asks the daemon always.
CONTAINERD_EXPORT ServicesOpt WithHealthService(std::shared_ptr<health::Service> service);
CONTAINERD_EXPORT ServicesOpt WithVersionService(std::shared_ptr<version::Service> service);

}  // namespace containerd

#endif  // CONTAINERD_SERVICES_H_
