// SPDX-License-Identifier: Apache-2.0
//
// Package containers: the records from which the daemon makes tasks, and the store that keeps them.
//
//   std::shared_ptr<containers::Store> store = containers::NewRemoteContainerStore(conn);
//   absl::StatusOr<containers::Container> web = store->Get(ctx, "web");
//   if (!web.ok()) return web.status();
//   web->labels["tier"] = "front";
//   return store->Update(ctx, *web, {"labels.tier"}).status();
//
// A Container here is metadata only; client.h has the Container that runs.
//
// Source: core/containers.
#ifndef CONTAINERD_CONTAINERS_CONTAINERS_H_
#define CONTAINERD_CONTAINERS_CONTAINERS_H_

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/labels/labels.h"
#include "containerd/option/pairs.h"
#include "containerd/typeurl/any.h"

namespace containerd::rpc {
class Connection;
}  // namespace containerd::rpc

namespace containerd::containers {

// Which runtime starts a container's tasks. Source: containers.RuntimeInfo.
struct RuntimeInfo {
  std::string name{};      // "io.containerd.runc.v2"
  typeurl::Any options{};  // What the runtime takes, e.g. containerd.runc.v1.Options; may be empty.

  friend bool operator==(const RuntimeInfo&, const RuntimeInfo&) = default;
};

// What a container pins, and what its tasks are made from. Source: containers.Container.
struct Container {
  // Names the container in its namespace. Required; never changes.
  std::string id{};

  // Optional and mutable.
  Labels labels{};

  // The name of the image that the container came from. Optional and mutable.
  std::string image{};

  // Required; never changes.
  RuntimeInfo runtime{};

  // The runtime specification, as a typeurl JSON value in most cases. Mutable; required by daemons
  // before 1.7.
  typeurl::Any spec{};

  // The snapshot that is the root file system; whoever starts a task asks the snapshotter for its
  // mounts. Optional and mutable.
  std::string snapshot_key{};

  // The snapshotter that keeps snapshot_key. Optional; never changes.
  std::string snapshotter{};

  // Set by the daemon; absl::InfinitePast() in a container that is not stored yet.
  absl::Time created_at = absl::InfinitePast();
  absl::Time updated_at = absl::InfinitePast();

  // Metadata of clients' own.
  std::map<std::string, typeurl::Any> extensions{};

  // The sandbox that the container belongs to. Optional; never changes. Since containerd 1.7.
  std::string sandbox_id{};

  friend bool operator==(const Container&, const Container&) = default;
};

// Where containers are kept, in the namespace that the context names. All functions are safe from
// any thread. Source: containers.Store.
class CONTAINERD_EXPORT Store {
 public:
  virtual ~Store() = default;

  // ErrNotFound if there is none.
  virtual absl::StatusOr<Container> Get(const Context& ctx, std::string_view id) = 0;

  // The containers that match any of `filters`; all without filters. Fields to filter by: id,
  // image, runtime.name, labels.<key>. ErrInvalidArgument for a filter that does not parse.
  virtual absl::StatusOr<std::vector<Container>> List(
      const Context& ctx, const std::vector<std::string>& filters = {}) = 0;
  template <std::size_t N, std::size_t M>
  requires option::IsPair<M>
  void List(const Context&, option::BracedTexts<N, M>) = delete;

  // Returns the container as stored, with its times set. ErrAlreadyExists if the id is taken,
  // ErrInvalidArgument if the container lacks what it must have.
  virtual absl::StatusOr<Container> Create(const Context& ctx, const Container& container) = 0;

  // Changes the container that has `container.id` and returns it as stored. With field paths (as
  // "labels", "labels.tier", "spec", "extensions.<key>", "image", "snapshotkey") only those fields
  // change, else all that are mutable. ErrNotFound if there is none.
  virtual absl::StatusOr<Container> Update(const Context& ctx, const Container& container,
                                           const std::vector<std::string>& fieldpaths = {}) = 0;
  template <std::size_t N, std::size_t M>
  requires option::IsPair<M>
  void Update(const Context&, const Container&, option::BracedTexts<N, M>) = delete;

  // Removes the record; its snapshot stays. ErrNotFound if there is none.
  virtual absl::Status Delete(const Context& ctx, std::string_view id) = 0;
};

// The daemon's. List streams, so that no number of containers exceeds the limit on a message's
// size.
CONTAINERD_EXPORT std::shared_ptr<Store> NewContainerStore(std::shared_ptr<rpc::Connection> conn);

// The same under Go's name. Source: client.NewRemoteContainerStore.
inline std::shared_ptr<Store> NewRemoteContainerStore(std::shared_ptr<rpc::Connection> conn) {
  return NewContainerStore(std::move(conn));
}

}  // namespace containerd::containers

#endif  // CONTAINERD_CONTAINERS_CONTAINERS_H_
