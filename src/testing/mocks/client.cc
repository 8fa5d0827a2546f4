// SPDX-License-Identifier: Apache-2.0
#include "containerd/testing/mocks/client.h"

#include <cstdlib>
#include <iostream>
#include <utility>

#include "containerd/defaults/defaults.h"
#include "containerd/services.h"

namespace containerd::testing {
namespace {

template <typename Mock>
MockDaemon::Nice<Mock> Make() {
  return std::make_shared<::testing::NiceMock<Mock>>();
}

template <typename Service, typename Mock>
void Default(std::shared_ptr<Service>& service, const MockDaemon::Nice<Mock>& mock) {
  if (service == nullptr) service = mock;
}

}  // namespace

MockDaemon::MockDaemon(const std::string& snapshotter_name, std::vector<Opt> opts)
    : containers(Make<MockContainerStore>()),
      content(Make<MockContentStore>()),
      diff(Make<MockDiffService>()),
      events(Make<MockEventService>()),
      health(Make<MockHealthService>()),
      images(Make<MockImageStore>()),
      introspection(Make<MockIntrospectionService>()),
      leases(Make<MockLeaseManager>()),
      mounts(Make<MockMountManager>()),
      namespaces(Make<MockNamespaceStore>()),
      sandboxes(Make<MockSandboxStore>()),
      sandbox_controller(Make<MockSandboxController>()),
      snapshotter(Make<MockSnapshotter>()),
      tasks(Make<MockTaskService>()),
      transfer(Make<MockTransferrer>()),
      version(Make<MockVersionService>()),
      client([&] {
        // The last, so that the mocks stand in for what the test gives nothing else for.
        opts.emplace_back([&](ClientOptions* o) {
          o->services_given = true;
          Services& s = o->services;
          Default(s.container_store, containers);
          Default(s.content_store, content);
          Default(s.diff_service, diff);
          Default(s.event_service, events);
          Default(s.health_service, health);
          Default(s.image_store, images);
          Default(s.introspection_service, introspection);
          Default(s.leases_service, leases);
          Default(s.mount_manager, mounts);
          Default(s.namespace_store, namespaces);
          Default(s.sandbox_store, sandboxes);
          Default(s.sandboxers[defaults::kDefaultSandboxer], sandbox_controller);
          Default(s.snapshotters[snapshotter_name], snapshotter);
          Default(s.task_service, tasks);
          Default(s.transfer_service, transfer);
          Default(s.version_service, version);
        });
        absl::StatusOr<Client> made = Client::New("", opts);
        if (!made.ok()) {
          std::cerr << "MockDaemon: " << made.status() << "\n";
          std::abort();
        }
        return *std::move(made);
      }()) {
  ON_CALL(*health, Check).WillByDefault(::testing::Return(health::ServingStatus::kServing));
}

MockDaemon::MockDaemon(std::vector<Opt> opts)
    : MockDaemon(defaults::kDefaultSnapshotter, std::move(opts)) {}

MockDaemon::MockDaemon(const MemoryStores& stores, std::vector<Opt> opts)
    : MockDaemon(stores.SnapshotterName(), std::move(opts)) {
  containers->DelegateTo(stores.containers);
  content->DelegateTo(stores.content);
  images->DelegateTo(stores.images);
  leases->DelegateTo(stores.leases);
  namespaces->DelegateTo(stores.namespaces);
  sandboxes->DelegateTo(stores.sandboxes);
  snapshotter->DelegateTo(stores.snapshotter);
  ON_CALL(*introspection, Plugins)
      .WillByDefault(::testing::Return(std::vector<introspection::Plugin>{
          {.type = "io.containerd.snapshotter.v1", .id = stores.SnapshotterName()}}));
}

MockDaemon::~MockDaemon() = default;

}  // namespace containerd::testing
