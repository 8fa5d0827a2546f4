// SPDX-License-Identifier: Apache-2.0
//
// The parts of a spec, made where they are missing.
#ifndef CONTAINERD_SRC_OCI_SECTIONS_H_
#define CONTAINERD_SRC_OCI_SECTIONS_H_

#include <optional>

#include "containerd/specs/spec.h"

namespace containerd::oci {

template <class T>
T& Ensure(std::optional<T>& section) {
  if (!section.has_value()) section.emplace();
  return *section;
}

inline specs::Process& EnsureProcess(specs::Spec* spec) { return Ensure(spec->process); }
inline specs::Root& EnsureRoot(specs::Spec* spec) { return Ensure(spec->root); }
inline specs::Linux& EnsureLinux(specs::Spec* spec) { return Ensure(spec->linux_); }
inline specs::LinuxResources& EnsureResources(specs::Spec* spec) {
  return Ensure(EnsureLinux(spec).resources);
}
inline specs::LinuxCapabilities& EnsureCapabilities(specs::Spec* spec) {
  return Ensure(EnsureProcess(spec).capabilities);
}

}  // namespace containerd::oci

#endif  // CONTAINERD_SRC_OCI_SECTIONS_H_
