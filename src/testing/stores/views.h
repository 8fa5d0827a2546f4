// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_TESTING_STORES_VIEWS_H_
#define CONTAINERD_SRC_TESTING_STORES_VIEWS_H_

#include <memory>

#include "containerd/containers/containers.h"
#include "containerd/content/content.h"
#include "containerd/images/store.h"
#include "containerd/leases/leases.h"
#include "containerd/namespaces/store.h"
#include "containerd/sandbox/sandbox.h"
#include "containerd/snapshots/snapshots.h"

#include "state.h"

namespace containerd::testing::stores {

std::shared_ptr<containers::Store> NewContainers(std::shared_ptr<Database> db);
std::shared_ptr<content::Store> NewContent(std::shared_ptr<Database> db);
std::shared_ptr<images::Store> NewImages(std::shared_ptr<Database> db);
std::shared_ptr<leases::Manager> NewLeases(std::shared_ptr<Database> db);
std::shared_ptr<namespaces::Store> NewNamespaces(std::shared_ptr<Database> db);
std::shared_ptr<sandbox::Store> NewSandboxes(std::shared_ptr<Database> db);
std::shared_ptr<snapshots::Snapshotter> NewSnapshots(std::shared_ptr<Database> db);

}  // namespace containerd::testing::stores

#endif  // CONTAINERD_SRC_TESTING_STORES_VIEWS_H_
