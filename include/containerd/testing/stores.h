// SPDX-License-Identifier: Apache-2.0
//
// A daemon's stores, in memory: they keep what they are given and refuse what a daemon refuses, so
// that what works on them works on a daemon; the library's own tests of the stores run on both.
//
//   containerd::testing::MemoryStores stores;
//   absl::StatusOr<Client> client = Client::New("", {WithServices(stores.Services())});
//
// What nothing refers to is collected, by the daemon's rules (labels, leases, images, containers),
// when somebody deletes synchronously, and by Collect; never by itself.
//
// Other than on a daemon, namespaces share no content, snapshots hold no files (their mounts can't
// be mounted), and nothing is published.
#ifndef CONTAINERD_TESTING_STORES_H_
#define CONTAINERD_TESTING_STORES_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>

#include "containerd/containers/containers.h"
#include "containerd/content/content.h"
#include "containerd/context/context.h"
#include "containerd/images/store.h"
#include "containerd/leases/leases.h"
#include "containerd/namespaces/store.h"
#include "containerd/sandbox/sandbox.h"
#include "containerd/services.h"
#include "containerd/snapshots/snapshots.h"
#include "containerd/testing/image_builder.h"

namespace containerd::testing {

// All of them together, since they refer to each other. Safe from any thread; the stores outlive
// this object.
class MemoryStores {
 public:
  // With one snapshotter of that name.
  explicit MemoryStores(std::string_view snapshotter = "overlayfs");
  MemoryStores(const MemoryStores&) = delete;
  MemoryStores& operator=(const MemoryStores&) = delete;
  ~MemoryStores();

  // For WithServices. What is no store has to come from elsewhere: mocks/client.h, say.
  std::vector<ServicesOpt> Services() const;
  const std::string& SnapshotterName() const;

  // An image in a namespace, as a pull that unpacks leaves it. Ends the process if there is one of
  // that name.
  images::Image AddImage(std::string_view ns, std::string_view name, const BuiltImage& image) const;

  // Removes the context's namespace's content and snapshots that nothing refers to.
  absl::Status Collect(const Context& ctx) const;

 private:
  struct State;
  const std::shared_ptr<State> state_;

 public:
  const std::shared_ptr<containers::Store> containers;
  const std::shared_ptr<content::Store> content;
  const std::shared_ptr<images::Store> images;
  const std::shared_ptr<leases::Manager> leases;
  const std::shared_ptr<namespaces::Store> namespaces;
  const std::shared_ptr<sandbox::Store> sandboxes;
  const std::shared_ptr<snapshots::Snapshotter> snapshotter;
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTING_STORES_H_
