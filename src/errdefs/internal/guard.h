// SPDX-License-Identifier: Apache-2.0
//
// The one rule for exceptions: what leaves code that is not the library's (an option, a sink, a
// handler, a continuation, a resolver, a store, …) becomes an error of the operation that called
// it, ErrInternal with what() in it, and the operation ends in order. Where there is no operation
// it is logged: see NoteException in src/threads/internal/callback.h.
//
//   absl::StatusOr<bool> take = errdefs::Guard("a blob filter", filter, desc);
//   if (!take.ok()) return take.status();
//
// Functions are guarded where they are called. What a user implements of the library's interfaces
// is guarded in the few places that everything goes through (content::Copy, remotes::Fetch, …),
// which name it, and in any case where an operation has something to clean up or a thread begins.
#ifndef CONTAINERD_SRC_ERRDEFS_INTERNAL_GUARD_H_
#define CONTAINERD_SRC_ERRDEFS_INTERNAL_GUARD_H_

#include <concepts>
#include <cxxabi.h>
#include <functional>
#include <string_view>
#include <type_traits>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/export/export.h"

namespace containerd::errdefs {

// The exception that is being handled, as an error; `what` names the code that it left.
CONTAINERD_SIBLING absl::Status FromException(std::string_view what);

namespace internal {

template <typename R>
struct Guarded {
  using Type = absl::StatusOr<R>;
  static Type Failed(absl::Status status) { return status; }
};
template <>
struct Guarded<void> {
  using Type = absl::Status;
  static Type Failed(absl::Status status) { return status; }
};
template <>
struct Guarded<absl::Status> : Guarded<void> {};
template <typename T>
struct Guarded<absl::StatusOr<T>> {
  using Type = absl::StatusOr<T>;
  static Type Failed(absl::Status status) { return status; }
};
// A Future.
template <typename R>
requires requires(absl::Status status) {
  { R::Ready(std::move(status)) } -> std::same_as<R>;
}
struct Guarded<R> {
  using Type = R;
  static Type Failed(absl::Status status) { return R::Ready(std::move(status)); }
};

template <typename F, typename... Args>
using GuardedCall = Guarded<std::remove_cvref_t<std::invoke_result_t<F, Args...>>>;

}  // namespace internal

// Calls fn(args...). An absl::Status, StatusOr or Future that it returns is passed on; any other
// value comes back in a StatusOr, and OK stands for nothing.
template <typename F, typename... Args>
auto Guard(std::string_view what, F&& fn, Args&&... args) ->
    typename internal::GuardedCall<F, Args...>::Type {
  try {
    if constexpr (std::is_void_v<std::invoke_result_t<F, Args...>>) {
      std::invoke(std::forward<F>(fn), std::forward<Args>(args)...);
      return absl::OkStatus();
    } else {
      return std::invoke(std::forward<F>(fn), std::forward<Args>(args)...);
    }
  } catch (const abi::__forced_unwind&) {
    throw;  // pthread_cancel: it has to go all the way
  } catch (...) {
    return internal::GuardedCall<F, Args...>::Failed(FromException(what));
  }
}

}  // namespace containerd::errdefs

#endif  // CONTAINERD_SRC_ERRDEFS_INTERNAL_GUARD_H_
