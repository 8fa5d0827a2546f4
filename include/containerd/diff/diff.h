// SPDX-License-Identifier: Apache-2.0
//
// Package diff: layers applied to file systems, and layers made from their differences, by the
// daemon.
//
//   std::shared_ptr<diff::DiffService> service = diff::NewDiffServiceFromClient(conn);
//   absl::StatusOr<ocispec::Descriptor> applied = service->Apply(ctx, layer, mounts);
//   if (applied.ok() && applied->digest != diff_id) ...
//
// Source: core/diff.
#ifndef CONTAINERD_DIFF_DIFF_H_
#define CONTAINERD_DIFF_DIFF_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/labels/labels.h"
#include "containerd/mount/mount.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/option/option.h"
#include "containerd/typeurl/any.h"

namespace containerd::rpc {
class Connection;
}  // namespace containerd::rpc

namespace containerd::diff {

// How to compare. Go's Compressor is missing: a function cannot be sent to a daemon.
// Source: diff.Config.
struct Config {
  std::string media_type{};  // Of the layer to make; the differ has a default.
  std::string reference{};   // Of the content upload; random by default.
  Labels labels{};           // For the content made.

  // The time of what the layer says was deleted. By default the context's SourceDateEpoch. Heard
  // by daemons from 1.7 on.
  std::optional<absl::Time> source_date_epoch{};
};

using Opt = option::Option<Config&>;

CONTAINERD_EXPORT Opt WithMediaType(std::string media_type);
CONTAINERD_EXPORT Opt WithReference(std::string reference);
CONTAINERD_EXPORT Opt WithLabels(Labels labels);
CONTAINERD_EXPORT Opt WithSourceDateEpoch(std::optional<absl::Time> time);

// How to apply. Source: diff.ApplyConfig.
struct ApplyConfig {
  // For the daemon's stream processors, by processor id (e.g. the keys of encrypted layers).
  std::map<std::string, typeurl::Any> processor_payloads{};

  // Sync the file system before answering. Heard by daemons from 1.7 on.
  bool sync_fs = false;

  // Called with 0 before and with the layer's size after a remote apply, on the thread that called
  // Apply; an applier in this process calls it while it reads the layer, too. May be empty, may
  // block (the apply waits for it), and an exception that leaves it is Apply's result, ErrInternal.
  std::function<void(std::int64_t bytes)> progress{};
};

using ApplyOpt = option::Option<const Context&, const ocispec::Descriptor&, ApplyConfig&>;

CONTAINERD_EXPORT ApplyOpt WithPayloads(std::map<std::string, typeurl::Any> payloads);
CONTAINERD_EXPORT ApplyOpt WithSyncFs(bool sync);

// `fn` gets the descriptor that is applied and the bytes done so far; see ApplyConfig::progress.
CONTAINERD_EXPORT ApplyOpt
WithProgress(std::function<void(const ocispec::Descriptor&, std::int64_t bytes)> fn);

// Makes layers. Implementations are called on the thread of who compares, such as Checkpoint's; an
// exception that leaves one ends that with ErrInternal. Source: diff.Comparer.
class CONTAINERD_EXPORT Comparer {
 public:
  virtual ~Comparer() = default;

  // Writes what turns `lower` into `upper` to the content store as a layer, and returns its
  // descriptor. Its annotations or the content's labels name the uncompressed digest.
  virtual absl::StatusOr<ocispec::Descriptor> Compare(const Context& ctx,
                                                      const std::vector<mount::Mount>& lower,
                                                      const std::vector<mount::Mount>& upper,
                                                      const std::vector<Opt>& opts = {}) = 0;
};

// Applies layers. A pull calls implementations on threads of its own, several at once if layers are
// applied in parallel, and waits for them; they may block. An exception that leaves one ends the
// unpack with ErrInternal. Source: diff.Applier.
class CONTAINERD_EXPORT Applier {
 public:
  virtual ~Applier() = default;

  // Unpacks the layer `desc` from the content store onto `mounts`, and returns the descriptor of
  // what was unpacked: the uncompressed tar. ErrNotFound if the content is missing; for a media
  // type that no differ of the daemon takes ErrNotImplemented, or ErrUnknown that says so.
  virtual absl::StatusOr<ocispec::Descriptor> Apply(const Context& ctx,
                                                    const ocispec::Descriptor& desc,
                                                    const std::vector<mount::Mount>& mounts,
                                                    const std::vector<ApplyOpt>& opts = {}) = 0;
};

// Both. All functions are safe from any thread. Source: client.DiffService.
class DiffService : public Comparer, public Applier {};

// The daemon's.
CONTAINERD_EXPORT std::shared_ptr<DiffService> NewDiffService(
    std::shared_ptr<rpc::Connection> conn);

// The same under Go's name. Source: client.NewDiffServiceFromClient.
inline std::shared_ptr<DiffService> NewDiffServiceFromClient(
    std::shared_ptr<rpc::Connection> conn) {
  return NewDiffService(std::move(conn));
}

// The same under Go's name. Source: core/diff/proxy.NewDiffApplier.
inline std::shared_ptr<DiffService> NewDiffApplier(std::shared_ptr<rpc::Connection> conn) {
  return NewDiffService(std::move(conn));
}

}  // namespace containerd::diff

#endif  // CONTAINERD_DIFF_DIFF_H_
