// SPDX-License-Identifier: Apache-2.0
//
// A Client that has mocks for a daemon: a test names only the calls that it is about.
//
//   using ::testing::_;
//   using ::testing::Return;
//   containerd::testing::MockDaemon daemon;
//   EXPECT_CALL(*daemon.images, Get(_, "example.com/web:1"))
//       .WillOnce(Return(images::Image{.name = "example.com/web:1"}));
//   Deployer deployer(daemon.client);
//
// The mocks' headers say what each does by default: together they are a daemon that has nothing,
// keeps nothing, and takes whatever it is given. With stores in memory behind them it keeps what
// a daemon keeps, and a test can still say what one call of many does:
//
//   using ::testing::Return;
//   containerd::testing::MemoryStores stores;
//   containerd::testing::MockDaemon daemon(stores);
//   stores.AddImage("shop", "example.com/web:1", containerd::testing::BuildImage({}));
//   EXPECT_CALL(*daemon.snapshotter, Prepare).WillOnce(Return(errdefs::ResourceExhausted("disk")));
#ifndef CONTAINERD_TESTING_MOCKS_CLIENT_H_
#define CONTAINERD_TESTING_MOCKS_CLIENT_H_

#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "containerd/client.h"
#include "containerd/client_opts.h"
#include "containerd/testing/mocks/containers.h"     // IWYU pragma: export
#include "containerd/testing/mocks/content.h"        // IWYU pragma: export
#include "containerd/testing/mocks/diff.h"           // IWYU pragma: export
#include "containerd/testing/mocks/events.h"         // IWYU pragma: export
#include "containerd/testing/mocks/health.h"         // IWYU pragma: export
#include "containerd/testing/mocks/images.h"         // IWYU pragma: export
#include "containerd/testing/mocks/introspection.h"  // IWYU pragma: export
#include "containerd/testing/mocks/leases.h"         // IWYU pragma: export
#include "containerd/testing/mocks/mount.h"          // IWYU pragma: export
#include "containerd/testing/mocks/namespaces.h"     // IWYU pragma: export
#include "containerd/testing/mocks/sandbox.h"        // IWYU pragma: export
#include "containerd/testing/mocks/snapshots.h"      // IWYU pragma: export
#include "containerd/testing/mocks/tasks.h"          // IWYU pragma: export
#include "containerd/testing/mocks/transfer.h"       // IWYU pragma: export
#include "containerd/testing/mocks/version.h"        // IWYU pragma: export
#include "containerd/testing/stores.h"

namespace containerd::testing {

// All the services of a client. Calls that nobody expects are not told of.
class MockDaemon {
 public:
  // The client's snapshotter is called "overlayfs" and its sandbox controller "shim", as a daemon's
  // are. `opts` configure the client: WithDefaultNamespace and so on; the services that they give
  // it take the place of their mocks. Ends the process if they are none.
  explicit MockDaemon(std::vector<Opt> opts = {});
  // The mocks of stores delegate to these, the snapshotter has their name, and the introspection
  // service tells of it.
  explicit MockDaemon(const MemoryStores& stores, std::vector<Opt> opts = {});
  MockDaemon(const MockDaemon&) = delete;
  MockDaemon& operator=(const MockDaemon&) = delete;
  ~MockDaemon();

  template <typename Mock>
  using Nice = std::shared_ptr<::testing::NiceMock<Mock>>;

  const Nice<MockContainerStore> containers;
  const Nice<MockContentStore> content;
  const Nice<MockDiffService> diff;
  const Nice<MockEventService> events;
  const Nice<MockHealthService> health;  // serving
  const Nice<MockImageStore> images;
  const Nice<MockIntrospectionService> introspection;
  const Nice<MockLeaseManager> leases;
  const Nice<MockMountManager> mounts;
  const Nice<MockNamespaceStore> namespaces;
  const Nice<MockSandboxStore> sandboxes;
  const Nice<MockSandboxController> sandbox_controller;
  const Nice<MockSnapshotter> snapshotter;
  const Nice<MockTaskService> tasks;
  const Nice<MockTransferrer> transfer;
  const Nice<MockVersionService> version;
  Client client;

 private:
  MockDaemon(const std::string& snapshotter_name, std::vector<Opt> opts);
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTING_MOCKS_CLIENT_H_
