// SPDX-License-Identifier: Apache-2.0
//
// Package epoch: SOURCE_DATE_EPOCH, the time that reproducible builds give to what they make.
//
//   absl::StatusOr<std::optional<absl::Time>> epoch = epoch::SourceDateEpoch();
//   if (epoch.ok() && epoch->has_value()) ctx = epoch::WithSourceDateEpoch(ctx, **epoch);
//
// Source: pkg/epoch, and https://reproducible-builds.org/docs/source-date-epoch/.
#ifndef CONTAINERD_EPOCH_EPOCH_H_
#define CONTAINERD_EPOCH_EPOCH_H_

#include <optional>
#include <string_view>

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"

namespace containerd::epoch {

inline constexpr char kSourceDateEpochEnv[] = "SOURCE_DATE_EPOCH";

// What the environment variable says; nullopt if it is not set or empty, ErrInvalidArgument if it
// is not a time.
CONTAINERD_EXPORT absl::StatusOr<std::optional<absl::Time>> SourceDateEpoch();

// Reads seconds since 1970, in decimal and not negative; else ErrInvalidArgument.
CONTAINERD_EXPORT absl::StatusOr<absl::Time> ParseSourceDateEpoch(std::string_view text);

// Set and remove the environment variable. Not while other threads use the environment.
CONTAINERD_EXPORT void SetSourceDateEpoch(absl::Time time);
CONTAINERD_EXPORT void UnsetSourceDateEpoch();

// Image records and layers made under the returned context have this time.
using ::containerd::WithSourceDateEpoch;

// The context's; does not look at the environment.
inline std::optional<absl::Time> FromContext(const Context& ctx) { return ctx.SourceDateEpoch(); }

}  // namespace containerd::epoch

#endif  // CONTAINERD_EPOCH_EPOCH_H_
