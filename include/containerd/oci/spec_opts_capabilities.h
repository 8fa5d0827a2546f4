// SPDX-License-Identifier: Apache-2.0
//
// Options for the process's capabilities, by names such as "CAP_NET_ADMIN" (capabilities(7)). Names
// are not checked here; the runtime does that.
//
// Source: pkg/oci/spec_opts.go and spec_opts_linux.go, pkg/cap.
#ifndef CONTAINERD_OCI_SPEC_OPTS_CAPABILITIES_H_
#define CONTAINERD_OCI_SPEC_OPTS_CAPABILITIES_H_

#include <string>
#include <vector>

#include "containerd/oci/spec.h"

namespace containerd::oci {

// Replaces the bounding, effective and permitted sets; inheritable ones that are not in `caps` go.
SpecOpts WithCapabilities(std::vector<std::string> caps);

// Adds to the bounding, effective and permitted sets.
SpecOpts WithAddedCapabilities(std::vector<std::string> caps);

// Removes from these and the inheritable set.
SpecOpts WithDroppedCapabilities(std::vector<std::string> caps);

// Replaces the inheritable and ambient sets: what a process that is not root keeps.
SpecOpts WithAmbientCapabilities(std::vector<std::string> caps);

// WithCapabilities of what this process has in effect.
absl::Status WithAllCurrentCapabilities(const Context& ctx, Client* client,
                                        containers::Container* container, Spec* spec);

// WithCapabilities of all that this library knows, those of Linux 5.9.
absl::Status WithAllKnownCapabilities(const Context& ctx, Client* client,
                                      containers::Container* container, Spec* spec);

}  // namespace containerd::oci

#endif  // CONTAINERD_OCI_SPEC_OPTS_CAPABILITIES_H_
