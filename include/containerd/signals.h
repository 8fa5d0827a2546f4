// SPDX-License-Identifier: Apache-2.0
//
// Which signal stops a container.
//
// Source: client/signals.go, and github.com/moby/sys/signal for the names.
#ifndef CONTAINERD_SIGNALS_H_
#define CONTAINERD_SIGNALS_H_

#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"

namespace containerd {

class Container;
class Image;

// The label of a container that holds the stop signal of its image's config.
inline constexpr char kStopSignalLabel[] = "io.containerd.image.config.stop-signal";

// A signal's number from its name, with or without "SIG" and in any case ("SIGTERM", "term",
// "RTMIN+3"), or from the number in decimal. ErrInvalidArgument names what is none.
CONTAINERD_EXPORT absl::StatusOr<int> ParseSignal(std::string_view text);

// The container's label as a signal, or the default if it has no such label.
CONTAINERD_EXPORT absl::StatusOr<int> GetStopSignal(const Context& ctx, Container& container,
                                                    int default_signal);

// The stop signal in the image's config, or the default, which must be a signal.
CONTAINERD_EXPORT absl::StatusOr<std::string> GetOCIStopSignal(const Context& ctx,
                                                               const Image& image,
                                                               std::string_view default_signal);

}  // namespace containerd

#endif  // CONTAINERD_SIGNALS_H_
