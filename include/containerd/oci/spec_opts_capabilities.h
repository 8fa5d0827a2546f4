// SPDX-License-Identifier: Apache-2.0
//
// Options for the process's capabilities, by names such as "CAP_NET_ADMIN" (capabilities(7)). Names
// are not checked here; the runtime does that.
//
// Source: pkg/oci/spec_opts.go and spec_opts_linux.go, pkg/cap.
#ifndef CONTAINERD_OCI_SPEC_OPTS_CAPABILITIES_H_
#define CONTAINERD_OCI_SPEC_OPTS_CAPABILITIES_H_

#include <cstddef>
#include <string>
#include <vector>

#include "containerd/export/export.h"
#include "containerd/oci/spec.h"
#include "containerd/option/option.h"
#include "containerd/option/pairs.h"

namespace containerd::oci {

// Replaces the bounding, effective and permitted sets; inheritable ones that are not in `caps` go.
CONTAINERD_EXPORT SpecOpt WithCapabilities(std::vector<std::string> caps);
template <std::size_t N, std::size_t M>
requires option::IsPair<M>
void WithCapabilities(option::BracedTexts<N, M>) = delete;

// Adds to the bounding, effective and permitted sets.
CONTAINERD_EXPORT SpecOpt WithAddedCapabilities(std::vector<std::string> caps);
template <std::size_t N, std::size_t M>
requires option::IsPair<M>
void WithAddedCapabilities(option::BracedTexts<N, M>) = delete;

// Removes from these and the inheritable set.
CONTAINERD_EXPORT SpecOpt WithDroppedCapabilities(std::vector<std::string> caps);
template <std::size_t N, std::size_t M>
requires option::IsPair<M>
void WithDroppedCapabilities(option::BracedTexts<N, M>) = delete;

// Replaces the inheritable and ambient sets: what a process that is not root keeps.
CONTAINERD_EXPORT SpecOpt WithAmbientCapabilities(std::vector<std::string> caps);
template <std::size_t N, std::size_t M>
requires option::IsPair<M>
void WithAmbientCapabilities(option::BracedTexts<N, M>) = delete;

// WithCapabilities of what this process has in effect.
CONTAINERD_EXPORT extern const option::Plain<SpecOpt> WithAllCurrentCapabilities;

// WithCapabilities of all that this library knows, those of Linux 5.9.
CONTAINERD_EXPORT extern const option::Plain<SpecOpt> WithAllKnownCapabilities;

}  // namespace containerd::oci

#endif  // CONTAINERD_OCI_SPEC_OPTS_CAPABILITIES_H_
