// SPDX-License-Identifier: Apache-2.0
//
// Package namespaces, the store: which namespaces a daemon has, and their labels.
//
//   std::shared_ptr<namespaces::Store> store = namespaces::NewNamespaceStoreFromClient(conn);
//   absl::Status s = store->SetLabel(ctx, "k8s.io", "containerd.io/defaults/snapshotter",
//   "native");
//
// A namespace is a name and labels; what is in it is found by naming it in a context
// (WithNamespace).
//
// Source: pkg/namespaces/store.go.
#ifndef CONTAINERD_NAMESPACES_STORE_H_
#define CONTAINERD_NAMESPACES_STORE_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/labels/labels.h"
#include "containerd/option/option.h"

namespace containerd::rpc {
class Connection;
}  // namespace containerd::rpc

namespace containerd::namespaces {

// What is being deleted, for the options that prepare it. Source: namespaces.DeleteInfo.
struct DeleteInfo {
  std::string name{};
};

// Runs before the daemon is asked to delete; an error prevents that. Source: namespaces.DeleteOpts.
using DeleteOpt = option::Option<const Context&, DeleteInfo&>;
using DeleteOpts = DeleteOpt;  // as Go calls it

// All functions are safe from any thread. The context's own namespace does not matter here.
// Source: namespaces.Store.
class CONTAINERD_EXPORT Store {
 public:
  virtual ~Store() = default;

  // ErrAlreadyExists if there is one, ErrInvalidArgument for a name that is not an identifier.
  // Namespaces are also made when something is first stored in them.
  virtual absl::Status Create(const Context& ctx, std::string_view ns,
                              const containerd::Labels& labels = {}) = 0;

  // ErrNotFound if the namespace does not exist.
  virtual absl::StatusOr<containerd::Labels> Labels(const Context& ctx, std::string_view ns) = 0;

  // Sets one label and leaves the others; an empty value removes it.
  virtual absl::Status SetLabel(const Context& ctx, std::string_view ns, std::string_view key,
                                std::string_view value) = 0;

  virtual absl::StatusOr<std::vector<std::string>> List(const Context& ctx) = 0;

  // ErrFailedPrecondition while anything is in the namespace, ErrNotFound if it does not exist.
  virtual absl::Status Delete(const Context& ctx, std::string_view ns,
                              const std::vector<DeleteOpt>& opts = {}) = 0;
};

// The daemon's.
CONTAINERD_EXPORT std::shared_ptr<Store> NewNamespaceStore(std::shared_ptr<rpc::Connection> conn);

// The same under Go's name. Source: client.NewNamespaceStoreFromClient.
inline std::shared_ptr<Store> NewNamespaceStoreFromClient(std::shared_ptr<rpc::Connection> conn) {
  return NewNamespaceStore(std::move(conn));
}

}  // namespace containerd::namespaces

#endif  // CONTAINERD_NAMESPACES_STORE_H_
