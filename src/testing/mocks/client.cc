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

}  // namespace

MockDaemon::MockDaemon(std::string snapshotter_name, std::vector<Opt> opts)
    : containers(Make<MockContainerStore>()),
      content(Make<MockContentStore>()),
      diff(Make<MockDiffService>()),
      events(Make<MockEventService>()),
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
      client([&] {
        opts.insert(opts.begin(),
                    WithServices({WithContainerStore(containers), WithContentStore(content),
                                  WithDiffService(diff), WithEventService(events),
                                  WithImageStore(images), WithIntrospectionService(introspection),
                                  WithLeasesService(leases), WithMountManager(mounts),
                                  WithNamespaceService(namespaces), WithSandboxStore(sandboxes),
                                  WithSandboxController("shim", sandbox_controller),
                                  WithSnapshotters({{std::move(snapshotter_name), snapshotter}}),
                                  WithTaskService(tasks), WithTransferService(transfer)}));
        absl::StatusOr<Client> made = Client::New("", opts);
        if (!made.ok()) {
          std::cerr << "MockDaemon: " << made.status() << "\n";
          std::abort();
        }
        return *std::move(made);
      }()) {}

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
