// SPDX-License-Identifier: Apache-2.0
//
// Package identifiers: what a container, task, namespace or other object may be called.
//
//   if (absl::Status s = identifiers::Validate(id); !s.ok()) return s;
//
// An identifier that passes is also safe as one component of a path.
//
// Source: pkg/identifiers.
#ifndef CONTAINERD_IDENTIFIERS_IDENTIFIERS_H_
#define CONTAINERD_IDENTIFIERS_IDENTIFIERS_H_

#include <cstddef>
#include <string_view>

#include <absl/status/status.h>

#include "containerd/export/export.h"

namespace containerd::identifiers {

// Most bytes that an identifier may have.
inline constexpr std::size_t kMaxLength = 76;

// OK if `id` has 1 to kMaxLength bytes and is runs of ASCII letters and digits, each two joined by
// one '.', '_' or '-'; else ErrInvalidArgument with the reason. Safe from any thread. Source:
// identifiers.Validate.
CONTAINERD_EXPORT absl::Status Validate(std::string_view id);

}  // namespace containerd::identifiers

#endif  // CONTAINERD_IDENTIFIERS_IDENTIFIERS_H_
