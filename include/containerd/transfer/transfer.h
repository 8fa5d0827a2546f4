// SPDX-License-Identifier: Apache-2.0
//
// Package transfer: lets the daemon itself move images: pull, push, import, export, tag. What is
// moved and where to are messages of containerd.types.transfer (ImageStore, OCIRegistry, …).
//
//   absl::Status s = transferrer->Transfer(
//       ctx, from, to, {transfer::WithProgress([](const transfer::Progress& p) { Show(p); })});
//
// byte_stream.h carries archives over streams for it. Since containerd 1.7; ErrNotImplemented from
// older daemons.
//
// Source: core/transfer.
#ifndef CONTAINERD_TRANSFER_TRANSFER_H_
#define CONTAINERD_TRANSFER_TRANSFER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>

#include "containerd/context/context.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/typeurl/any.h"

namespace containerd::transfer {

// How far a part of a transfer is. Source: transfer.Progress.
struct Progress {
  std::string event{};  // "waiting", "downloading", "complete", …
  std::string name{};
  std::vector<std::string> parents{};  // names of what this is a part of
  std::int64_t progress = 0;           // bytes, mostly
  std::int64_t total = 0;
  std::optional<ocispec::Descriptor> desc{};  // since containerd 2.0

  friend bool operator==(const Progress&, const Progress&) = default;
};

// Runs on the thread that called Transfer.
using ProgressFunc = std::function<void(const Progress&)>;

struct Config {
  ProgressFunc progress{};
};

using Opt = std::function<void(Config&)>;

Opt WithProgress(ProgressFunc progress);

// Source: transfer.Transferrer.
class Transferrer {
 public:
  virtual ~Transferrer() = default;

  // Blocks until the transfer has ended, and all progress was reported. ErrNotImplemented for a
  // pair of source and destination that the daemon knows no way between.
  virtual absl::Status Transfer(const Context& ctx, const typeurl::Any& source,
                                const typeurl::Any& destination,
                                const std::vector<Opt>& opts = {}) = 0;
};

}  // namespace containerd::transfer

#endif  // CONTAINERD_TRANSFER_TRANSFER_H_
