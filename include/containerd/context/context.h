// SPDX-License-Identifier: Apache-2.0
//
// Package context: what a call carries besides its arguments: a deadline, cancellation, the
// containerd namespace, a lease, and metadata of the caller's own.
//
//   Context ctx = WithNamespace(Context::Background(), "k8s.io");
//   auto [call, cancel] = WithCancel(WithTimeout(ctx, absl::Seconds(5)));
//   auto containers = client.Containers(call);   // ends early if anybody calls cancel()
//
// A Context is an immutable value: each With... function returns a new one that inherits from the
// one it was given. Copies are cheap (one shared pointer), and every function here is safe from
// any thread.
//
// Source: Go's package context, and containerd's pkg/namespaces and core/leases.
#ifndef CONTAINERD_CONTEXT_CONTEXT_H_
#define CONTAINERD_CONTEXT_CONTEXT_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/time/time.h>

#include "containerd/export/export.h"

namespace containerd {

namespace internal {
struct ContextNode;
class CancelState;
}  // namespace internal

// Keeps a callback registered; when it is destroyed the callback will not run any more, and if it
// is running on another thread the destructor waits for it to return.
class CONTAINERD_EXPORT CancelRegistration {
 public:
  CancelRegistration() = default;
  CancelRegistration(CancelRegistration&& other) noexcept;
  CancelRegistration& operator=(CancelRegistration&& other) noexcept;
  ~CancelRegistration();

  // Unregisters now, as the destructor does.
  void Reset();

 private:
  friend class Context;
  CancelRegistration(std::shared_ptr<internal::CancelState> state, uint64_t id)
      : state_(std::move(state)), id_(id) {}

  std::shared_ptr<internal::CancelState> state_;
  uint64_t id_ = 0;
};

// A call's deadline, cancellation, namespace, lease and metadata. A value that does not change.
class CONTAINERD_EXPORT Context {
 public:
  // Key-value pairs sent as gRPC metadata with each call, in the order they were added.
  using Pairs = std::vector<std::pair<std::string, std::string>>;

  // The root: no deadline, never cancelled, no namespace. Source: context.Background.
  Context() = default;
  static Context Background() { return {}; }

  // The earliest deadline set; absl::InfiniteFuture() when there is none.
  absl::Time Deadline() const;

  // OK while the context is live, else Canceled or DeadlineExceeded. Source: Context.Err.
  absl::Status Err() const;

  // Whether Err() is not OK.
  bool Done() const;

  // Runs `fn` once when the context is cancelled, on the cancelling thread; at once, on this
  // thread, if it already is. A passing deadline does not run it: whoever waits knows the deadline
  // and waits no longer than that, so that no thread has to watch clocks. `fn` must not block, as
  // whoever cancels waits for it, which may be a thread of the library's; nor may it throw: what
  // leaves it is logged, and the others run all the same.
  [[nodiscard]] CancelRegistration OnCancel(std::function<void()> fn) const;

  std::optional<std::string> Namespace() const;
  std::optional<std::string> Lease() const;
  std::optional<absl::Time> SourceDateEpoch() const;

  // What WithMetadata added, oldest first.
  Pairs Metadata() const;

  // The T that WithValue put in last, or nullptr; lives as long as some copy of this context.
  template <typename T>
  const T* Value() const {
    return static_cast<const T*>(FindValue(&kValueKey<T>));
  }

 private:
  friend struct internal::ContextNode;
  friend Context WithDeadline(const Context& parent, absl::Time deadline);
  friend std::pair<Context, std::function<void()>> WithCancel(const Context& parent);
  friend Context WithNamespace(const Context& parent, std::string_view ns);
  friend Context WithLease(const Context& parent, std::string_view lease_id);
  friend Context WithMetadata(const Context& parent, std::string_view key, std::string_view value);
  friend Context WithSourceDateEpoch(const Context& parent, absl::Time time);
  friend Context WithoutCancel(const Context& parent);
  template <typename T>
  friend Context WithValue(const Context& parent, T value);

  // One address for each type.
  template <typename T>
  static inline const char kValueKey = 0;

  const void* FindValue(const void* key) const;
  Context SetValue(const void* key, std::shared_ptr<const void> value) const;

  explicit Context(std::shared_ptr<const internal::ContextNode> node) : node_(std::move(node)) {}

  std::shared_ptr<const internal::ContextNode> node_;
};

// Cancels a context; calling it again, from any thread, does nothing.
using CancelFunc = std::function<void()>;

// The earlier of `deadline` and the parent's holds. Source: context.WithDeadline.
CONTAINERD_EXPORT Context WithDeadline(const Context& parent, absl::Time deadline);

// A deadline `timeout` from now.
CONTAINERD_EXPORT Context WithTimeout(const Context& parent, absl::Duration timeout);

// A context that ends when the returned function is called or when the parent is cancelled.
// Unlike in Go, not calling the function leaks nothing. Source: context.WithCancel.
CONTAINERD_EXPORT std::pair<Context, CancelFunc> WithCancel(const Context& parent);

// Everything of the parent but its deadline and cancellation: for cleaning up after a call whose
// own context has ended. Source: context.WithoutCancel.
CONTAINERD_EXPORT Context WithoutCancel(const Context& parent);

// The containerd namespace that calls act in. Not checked here; namespaces::NamespaceRequired
// does. Source: namespaces.WithNamespace.
CONTAINERD_EXPORT Context WithNamespace(const Context& parent, std::string_view ns);

// Resources created under the context belong to this lease. Source: leases.WithLease.
CONTAINERD_EXPORT Context WithLease(const Context& parent, std::string_view lease_id);

// One more pair of gRPC metadata; keys are lower case. Pairs accumulate.
// Source: metadata.AppendToOutgoingContext.
CONTAINERD_EXPORT Context WithMetadata(const Context& parent, std::string_view key,
                                       std::string_view value);

// Image records and layers made under the context have this time, so that builds are reproducible.
// Not sent as metadata: the calls that it concerns have a field for it. Source:
// epoch.WithSourceDateEpoch.
CONTAINERD_EXPORT Context WithSourceDateEpoch(const Context& parent, absl::Time time);

// A value that one part of a program passes to another through code that does not know of it. The
// type is the key: use a struct of your own. It is not sent anywhere. Source: context.WithValue.
template <typename T>
Context WithValue(const Context& parent, T value) {
  return parent.SetValue(&Context::kValueKey<T>, std::make_shared<const T>(std::move(value)));
}

// Waits `duration`, or until the context ends: then its error. Source: time.Sleep in a select.
CONTAINERD_EXPORT absl::Status Sleep(const Context& ctx, absl::Duration duration);

}  // namespace containerd

#endif  // CONTAINERD_CONTEXT_CONTEXT_H_
