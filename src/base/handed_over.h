// SPDX-License-Identifier: Apache-2.0
//
// What ThreadSanitizer does not see: that one thread gives an object to another through a library
// that was built without it. Elsewhere these do nothing.
#ifndef CONTAINERD_SRC_BASE_HANDED_OVER_H_
#define CONTAINERD_SRC_BASE_HANDED_OVER_H_

#if defined(CONTAINERD_SANITIZE_THREAD)  // of the tsan preset, which hides the compiler's own
#include <sanitizer/tsan_interface.h>
#endif

namespace containerd::base {

// What this thread has written until now...
inline void HandOver([[maybe_unused]] void* object) {
#if defined(CONTAINERD_SANITIZE_THREAD)
  __tsan_release(object);
#endif
}

// ... is there for the one that has got the object.
inline void TakeOver([[maybe_unused]] void* object) {
#if defined(CONTAINERD_SANITIZE_THREAD)
  __tsan_acquire(object);
#endif
}

}  // namespace containerd::base

#endif  // CONTAINERD_SRC_BASE_HANDED_OVER_H_
