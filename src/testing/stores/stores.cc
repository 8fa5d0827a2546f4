// SPDX-License-Identifier: Apache-2.0
#include "containerd/testing/stores.h"

#include <cstdlib>
#include <iostream>
#include <utility>

#include "containerd/digest/digest.h"
#include "containerd/digest/identity.h"
#include "containerd/errdefs/errdefs.h"

#include "state.h"
#include "views.h"

namespace containerd::testing {
namespace {

// Makes the snapshots that unpacking the image leaves, and has its config keep them.
absl::Status Unpack(const Context& ctx, const MemoryStores& stores, const BuiltImage& image) {
  std::vector<digest::Digest> layers;
  for (const std::string& layer : image.layers) layers.push_back(digest::FromString(layer));
  std::string parent;
  for (const digest::Digest& chain : identity::ChainIDs(layers)) {
    const std::string name = chain.String();
    const std::string key = "unpack " + name;
    if (absl::Status s = stores.snapshotter->Stat(ctx, name).status(); errdefs::IsNotFound(s)) {
      s = stores.snapshotter->Prepare(ctx, key, parent).status();
      if (s.ok()) s = stores.snapshotter->Commit(ctx, name, key);
      if (!s.ok()) return s;
    }
    parent = name;
  }
  if (parent.empty()) return absl::OkStatus();
  const std::string label = "containerd.io/gc.ref.snapshot." + stores.SnapshotterName();
  return stores.content
      ->Update(ctx, {.digest = image.parsed.config.digest, .labels = {{label, parent}}},
               {"labels." + label})
      .status();
}

}  // namespace

struct MemoryStores::State : stores::Database {
  using Database::Database;
};

MemoryStores::MemoryStores(std::string_view snapshotter_name)
    : state_(std::make_shared<State>(snapshotter_name)),
      containers(stores::NewContainers(state_)),
      content(stores::NewContent(state_)),
      images(stores::NewImages(state_)),
      leases(stores::NewLeases(state_)),
      namespaces(stores::NewNamespaces(state_)),
      sandboxes(stores::NewSandboxes(state_)),
      snapshotter(stores::NewSnapshots(state_)) {}

MemoryStores::~MemoryStores() = default;

std::vector<ServicesOpt> MemoryStores::Services() const {
  return {WithContainerStore(containers),
          WithContentStore(content),
          WithImageStore(images),
          WithLeasesService(leases),
          WithNamespaceService(namespaces),
          WithSandboxStore(sandboxes),
          WithSnapshotters({{state_->snapshotter, snapshotter}})};
}

const std::string& MemoryStores::SnapshotterName() const { return state_->snapshotter; }

images::Image MemoryStores::AddImage(std::string_view ns, std::string_view name,
                                     const BuiltImage& image) const {
  const Context ctx = WithNamespace(Context::Background(), std::string(ns));
  absl::StatusOr<images::Image> added = testing::AddImage(ctx, *content, *images, name, image);
  absl::Status s = added.status();
  if (s.ok()) s = Unpack(ctx, *this, image);
  if (!s.ok()) {
    std::cerr << "stores in memory: " << s << '\n';
    std::abort();
  }
  return *std::move(added);
}

absl::Status MemoryStores::Collect(const Context& ctx) const {
  const base::MutexLock lock(state_->mu);
  absl::StatusOr<stores::Namespace*> ns = state_->In(ctx);
  if (!ns.ok()) return ns.status();
  state_->Collect(**ns);
  return absl::OkStatus();
}

}  // namespace containerd::testing
