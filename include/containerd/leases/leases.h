// SPDX-License-Identifier: Apache-2.0
//
// Package leases: what keeps content and snapshots from the garbage collector until something else
// refers to them.
//
//   std::shared_ptr<leases::Manager> manager = leases::NewLeaseManager(conn);
//   absl::StatusOr<leases::LeaseGuard> lease = leases::AcquireLease(ctx, manager);
//   if (!lease.ok()) return lease.status();
//   ...                                    // make things under lease->context()
//   return lease->Release(ctx);            // or leave it to the destructor
//
// Source: core/leases, and client.WithLease.
#ifndef CONTAINERD_LEASES_LEASES_H_
#define CONTAINERD_LEASES_LEASES_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/base/attributes.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/labels/labels.h"
#include "containerd/option/option.h"
#include "containerd/option/pairs.h"

namespace containerd::rpc {
class Connection;
}  // namespace containerd::rpc

namespace containerd::leases {

// The gRPC metadata key under which a context's lease is sent.
inline constexpr char kGRPCHeader[] = "containerd-lease";

// The label that says when a lease (or anything else) expires, in RFC 3339.
inline constexpr char kLabelGCExpire[] = "containerd.io/gc.expire";

// Source: leases.Lease.
struct Lease {
  std::string id{};
  absl::Time created_at = absl::InfinitePast();  // Set by the daemon.
  Labels labels{};

  friend bool operator==(const Lease&, const Lease&) = default;
};

// What a lease holds. Source: leases.Resource.
struct Resource {
  std::string id{};    // A digest, an ingest's ref, a snapshot's key.
  std::string type{};  // "content", "ingests", "snapshots/overlayfs".

  friend bool operator==(const Resource&, const Resource&) = default;
};

// Sets what a new lease shall have.
using Opt = option::Option<Lease&>;

// The id; a lease needs one. Source: leases.WithID.
CONTAINERD_EXPORT Opt WithID(std::string id);

// An id that nobody else has: "<nanoseconds>-<random>". Source: leases.WithRandomID.
CONTAINERD_EXPORT extern const option::Plain<Opt> WithRandomID;

// The daemon drops the lease `duration` after this option is applied. ErrInvalidArgument if that
// is not a date. Source: leases.WithExpiration.
CONTAINERD_EXPORT Opt WithExpiration(absl::Duration duration);

// Sets a label, and leaves the others. Source: leases.WithLabel.
CONTAINERD_EXPORT Opt WithLabel(std::string label, std::string value);

// Sets labels, and leaves the others. Source: leases.WithLabels.
CONTAINERD_EXPORT Opt WithLabels(Labels labels);

// Source: leases.DeleteOptions.
struct DeleteOptions {
  bool synchronous = false;
};

using DeleteOpt = option::Option<const Context&, DeleteOptions&>;

// Delete(ctx, lease, {SynchronousDelete}) returns after the garbage collector has removed what only
// this lease held. Source: leases.SynchronousDelete.
CONTAINERD_EXPORT extern const option::Plain<DeleteOpt> SynchronousDelete;

// Keeps leases in the namespace that the context names. All functions are safe from any thread.
// Functions on a lease look at its id only, and give ErrNotFound if it does not exist.
// Source: leases.Manager.
class CONTAINERD_EXPORT Manager {
 public:
  virtual ~Manager() = default;

  // ErrAlreadyExists if the id is taken, ErrInvalidArgument without an id.
  virtual absl::StatusOr<Lease> Create(const Context& ctx, const std::vector<Opt>& opts) = 0;

  // Its resources go when the garbage collector finds that nothing else holds them.
  virtual absl::Status Delete(const Context& ctx, const Lease& lease,
                              const std::vector<DeleteOpt>& opts = {}) = 0;

  // The leases that match any of `filters`; all without filters. Fields to filter by: id,
  // labels.<key>.
  virtual absl::StatusOr<std::vector<Lease>> List(const Context& ctx,
                                                  const std::vector<std::string>& filters = {}) = 0;
  template <std::size_t N, std::size_t M>
  requires option::IsPair<M>
  void List(const Context&, option::BracedTexts<N, M>) = delete;

  // Whether the resource exists is not checked.
  virtual absl::Status AddResource(const Context& ctx, const Lease& lease,
                                   const Resource& resource) = 0;
  virtual absl::Status DeleteResource(const Context& ctx, const Lease& lease,
                                      const Resource& resource) = 0;
  virtual absl::StatusOr<std::vector<Resource>> ListResources(const Context& ctx,
                                                              const Lease& lease) = 0;
};

// What is made under the returned context belongs to the lease. Source: leases.WithLease.
using ::containerd::WithLease;

// The context's lease. Source: leases.FromContext.
inline std::optional<std::string> FromContext(const Context& ctx) { return ctx.Lease(); }

// Holds a lease and deletes it at the end. Move-only; not to be used from two threads at once.
class CONTAINERD_EXPORT LeaseGuard {
 public:
  // Holds nothing; context() is the background.
  LeaseGuard() = default;
  LeaseGuard(LeaseGuard&& other) noexcept;
  LeaseGuard& operator=(LeaseGuard&& other) noexcept;

  // Deletes the lease if it is still held, even if the context that it was acquired with has
  // ended; waits for that at most 10 seconds. A failure is logged, and the lease goes when it
  // expires.
  ~LeaseGuard();

  // The context to make things under.
  const Context& context() const ABSL_ATTRIBUTE_LIFETIME_BOUND { return ctx_; }

  // The lease that the guard made and still holds; nullopt if the context had one before.
  const std::optional<Lease>& lease() const { return lease_; }

  // Deletes the lease now and reports how it went; after that the guard holds nothing. OK if it
  // holds nothing. Source: the function that client.WithLease returns.
  absl::Status Release(const Context& ctx, const std::vector<DeleteOpt>& opts = {});

 private:
  friend absl::StatusOr<LeaseGuard> AcquireLease(const Context& ctx,
                                                 std::shared_ptr<Manager> manager,
                                                 std::vector<Opt> opts);

  void ReleaseQuietly();

  Context ctx_;
  std::shared_ptr<Manager> manager_;
  std::optional<Lease> lease_;
};

// Makes a lease that is deleted with the guard. If `ctx` has a lease already, no new one is made:
// the guard holds nothing, and its context is `ctx`. Without options the lease has a random id and
// expires after 24 hours. Source: client.WithLease.
CONTAINERD_EXPORT absl::StatusOr<LeaseGuard> AcquireLease(const Context& ctx,
                                                          std::shared_ptr<Manager> manager,
                                                          std::vector<Opt> opts = {});

// The daemon's. Source: core/leases/proxy.NewLeaseManager.
CONTAINERD_EXPORT std::shared_ptr<Manager> NewLeaseManager(std::shared_ptr<rpc::Connection> conn);

}  // namespace containerd::leases

#endif  // CONTAINERD_LEASES_LEASES_H_
