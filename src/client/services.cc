// SPDX-License-Identifier: Apache-2.0
#include "containerd/services.h"

#include <utility>

namespace containerd {
namespace {

// The option that puts `service` into one member of Services.
template <typename Service>
ServicesOpt Set(std::shared_ptr<Service> Services::*member, std::shared_ptr<Service> service) {
  return [member, service = std::move(service)](Services* s) { s->*member = service; };
}

}  // namespace

ServicesOpt WithContentStore(std::shared_ptr<content::Store> store) {
  return Set(&Services::content_store, std::move(store));
}

ServicesOpt WithImageStore(std::shared_ptr<images::Store> store) {
  return Set(&Services::image_store, std::move(store));
}

ServicesOpt WithContainerStore(std::shared_ptr<containers::Store> store) {
  return Set(&Services::container_store, std::move(store));
}

ServicesOpt WithNamespaceService(std::shared_ptr<namespaces::Store> store) {
  return Set(&Services::namespace_store, std::move(store));
}

ServicesOpt WithTaskService(std::shared_ptr<tasks::Service> service) {
  return Set(&Services::task_service, std::move(service));
}

ServicesOpt WithDiffService(std::shared_ptr<diff::DiffService> service) {
  return Set(&Services::diff_service, std::move(service));
}

ServicesOpt WithEventService(std::shared_ptr<events::EventService> service) {
  return Set(&Services::event_service, std::move(service));
}

ServicesOpt WithLeasesService(std::shared_ptr<leases::Manager> manager) {
  return Set(&Services::leases_service, std::move(manager));
}

ServicesOpt WithIntrospectionService(std::shared_ptr<introspection::Service> service) {
  return Set(&Services::introspection_service, std::move(service));
}

ServicesOpt WithSandboxStore(std::shared_ptr<sandbox::Store> store) {
  return Set(&Services::sandbox_store, std::move(store));
}

ServicesOpt WithHealthService(std::shared_ptr<health::Service> service) {
  return Set(&Services::health_service, std::move(service));
}

ServicesOpt WithVersionService(std::shared_ptr<version::Service> service) {
  return Set(&Services::version_service, std::move(service));
}

ServicesOpt WithTransferService(std::shared_ptr<transfer::Transferrer> service) {
  return Set(&Services::transfer_service, std::move(service));
}

ServicesOpt WithMountManager(std::shared_ptr<mount::Manager> manager) {
  return Set(&Services::mount_manager, std::move(manager));
}

ServicesOpt WithSnapshotters(
    std::map<std::string, std::shared_ptr<snapshots::Snapshotter>> snapshotters) {
  return [snapshotters = std::move(snapshotters)](Services* s) { s->snapshotters = snapshotters; };
}

ServicesOpt WithSandboxController(std::string name,
                                  std::shared_ptr<sandbox::Controller> controller) {
  return [name = std::move(name), controller = std::move(controller)](Services* s) {
    s->sandboxers[name] = controller;
  };
}

}  // namespace containerd
