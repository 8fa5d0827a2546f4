// SPDX-License-Identifier: Apache-2.0
//
// Package snapshots: file systems that build on one another, and the snapshotters that keep them.
//
//   std::shared_ptr<snapshots::Snapshotter> sn = snapshots::NewSnapshotter(conn, "overlayfs");
//   auto mounts = sn->Prepare(ctx, "work", chain_id);   // active: mount it and write to it
//   ...
//   absl::Status s = sn->Commit(ctx, "layer-2", "work"); // committed: a parent for others
//
// An active snapshot comes from Prepare, or read-only from View; Commit turns it into a committed
// one under another name. Only committed snapshots are parents. The parent "" is an empty
// directory. Active and committed snapshots share one space of names.
//
// Source: core/snapshots.
#ifndef CONTAINERD_SNAPSHOTS_SNAPSHOTS_H_
#define CONTAINERD_SNAPSHOTS_SNAPSHOTS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/labels/labels.h"
#include "containerd/mount/mount.h"
#include "containerd/option/option.h"
#include "containerd/option/pairs.h"

namespace containerd::rpc {
class Connection;
}  // namespace containerd::rpc

namespace containerd::snapshots {

// Keys of snapshots that a layer is being unpacked into: "extract-<unique> <chain id>".
inline constexpr char kUnpackKeyPrefix[] = "extract";
// For fmt::format with the unique part and the chain id.
inline constexpr char kUnpackKeyFormat[] = "extract-{} {}";

// On an unpack's Prepare: the chain id that the layer will have. A snapshotter that has it already
// commits it and answers ErrAlreadyExists, so that nothing is fetched.
inline constexpr char kLabelSnapshotRef[] = "containerd.io/snapshot.ref";
// On an unpack's Prepare: the digest of the layer's uncompressed tar.
inline constexpr char kLabelSnapshotDiffID[] = "containerd.io/snapshot/diff-id";
// Owners to shift, as in "0:100000:65536".
inline constexpr char kLabelSnapshotUIDMapping[] = "containerd.io/snapshot/uidmapping";
inline constexpr char kLabelSnapshotGIDMapping[] = "containerd.io/snapshot/gidmapping";
// Most bytes that an active snapshot should hold, for snapshotters that can limit it.
inline constexpr char kLabelSnapshotMaxSize[] = "containerd.io/snapshot/max-size";
// A snapshotter's capability: Commit takes a parent (WithParent).
inline constexpr char kRebaseCap[] = "rebase";

enum class Kind : std::uint8_t {
  kUnknown,
  kView,       // Active, read-only; cannot be committed.
  kActive,     // Writable.
  kCommitted,  // Immutable.
};

// Go's constants of type Kind.
inline constexpr Kind kKindUnknown = Kind::kUnknown;
inline constexpr Kind kKindView = Kind::kView;
inline constexpr Kind kKindActive = Kind::kActive;
inline constexpr Kind kKindCommitted = Kind::kCommitted;

// "View", "Active", "Committed" or "Unknown". Source: Kind.String.
CONTAINERD_EXPORT std::string_view ToString(Kind kind);
CONTAINERD_EXPORT std::string_view String(Kind kind);

// The reverse, minding no case; kUnknown for anything else. Source: snapshots.ParseKind.
CONTAINERD_EXPORT Kind ParseKind(std::string_view text);

// Source: snapshots.Info.
struct Info {
  Kind kind = Kind::kUnknown;
  std::string name{};    // The name, or the key of an active snapshot.
  std::string parent{};  // Empty for none.

  // What a snapshotter passes on to children is what FilterInheritedLabels keeps.
  Labels labels{};

  absl::Time created = absl::InfinitePast();
  absl::Time updated = absl::InfinitePast();

  friend bool operator==(const Info&, const Info&) = default;
};

// As Go and `ctr snapshots info` write it: {"Kind":"Active","Name":"work",…}. A time at
// absl::InfinitePast() is Go's zero time. Source: Info's JSON.
CONTAINERD_EXPORT std::string MarshalJSON(const Info& info);

// Any bytes give a value or ErrInvalidArgument; an unknown kind reads as kUnknown.
CONTAINERD_EXPORT absl::StatusOr<Info> UnmarshalJSON(std::string_view json);

// What a snapshot itself takes of the disk, without its parents. Source: snapshots.Usage.
struct CONTAINERD_EXPORT Usage {
  std::int64_t inodes = 0;
  std::int64_t size = 0;  // Bytes.

  // Sums both; snapshots that share inodes are counted twice. Source: Usage.Add.
  void Add(const Usage& other);

  friend bool operator==(const Usage&, const Usage&) = default;
};

// Sets what a new snapshot shall have.
using Opt = option::Option<Info&>;

// Adds to the labels; of a key that is there already the value is replaced.
CONTAINERD_EXPORT Opt WithLabels(Labels labels);

// Commit only: the parent that the snapshot gets, which Prepare was not told. For snapshotters with
// kRebaseCap on daemons from 2.2 on; others do not look at it. Source: snapshots.WithParent.
CONTAINERD_EXPORT Opt WithParent(std::string parent);

// The labels that children inherit: "containerd.io/snapshot/…" and kLabelSnapshotRef.
// Source: snapshots.FilterInheritedLabels.
CONTAINERD_EXPORT Labels FilterInheritedLabels(const Labels& labels);

using WalkFunc = std::function<absl::Status(const Context&, const Info&)>;

// All functions are safe from any thread and act in the namespace that the context names. Those
// that take the key or name of a snapshot give ErrNotFound if it does not exist.
// Source: snapshots.Snapshotter.
class CONTAINERD_EXPORT Snapshotter {
 public:
  virtual ~Snapshotter() = default;

  // About an active or committed snapshot.
  virtual absl::StatusOr<Info> Stat(const Context& ctx, std::string_view key) = 0;

  // Changes the snapshot that has `info.name` and returns it as stored. Only labels can change;
  // with field paths ("labels", "labels.<key>") only those.
  virtual absl::StatusOr<Info> Update(const Context& ctx, const Info& info,
                                      const std::vector<std::string>& fieldpaths = {}) = 0;
  template <std::size_t N, std::size_t M>
  requires option::IsPair<M>
  void Update(const Context&, const Info&, option::BracedTexts<N, M>) = delete;

  // Of an active snapshot it is a measurement, which may take a while.
  virtual absl::StatusOr<snapshots::Usage> Usage(const Context& ctx, std::string_view key) = 0;

  // What to mount for the active snapshot `key`: what Prepare or View gave. ErrFailedPrecondition
  // or ErrNotFound for a committed one, as the snapshotter sees it.
  virtual absl::StatusOr<std::vector<mount::Mount>> Mounts(const Context& ctx,
                                                           std::string_view key) = 0;

  // Makes the active snapshot `key` on `parent` and returns what to mount to write to it.
  // ErrAlreadyExists if the key is taken, ErrNotFound if the parent does not exist.
  virtual absl::StatusOr<std::vector<mount::Mount>> Prepare(const Context& ctx,
                                                            std::string_view key,
                                                            std::string_view parent,
                                                            const std::vector<Opt>& opts = {}) = 0;

  // As Prepare, but read-only: cannot be committed.
  virtual absl::StatusOr<std::vector<mount::Mount>> View(const Context& ctx, std::string_view key,
                                                         std::string_view parent,
                                                         const std::vector<Opt>& opts = {}) = 0;

  // Makes the committed snapshot `name` of the active one `key`, which is gone afterwards.
  // ErrAlreadyExists if the name is taken, ErrFailedPrecondition if `key` is not writable. Labels
  // are not taken over from the active snapshot.
  virtual absl::Status Commit(const Context& ctx, std::string_view name, std::string_view key,
                              const std::vector<Opt>& opts = {}) = 0;

  // Removes a snapshot of any kind. ErrFailedPrecondition while it has children.
  virtual absl::Status Remove(const Context& ctx, std::string_view key) = 0;

  // Calls `fn` for each snapshot that matches any of `filters`, for all without filters; on the
  // calling thread. An error of `fn` ends the walk and is returned. Fields to filter by: name,
  // parent, kind (active, view, committed), labels.<key>. For a filter that does not parse some
  // daemons give ErrUnknown instead of ErrInvalidArgument.
  virtual absl::Status Walk(const Context& ctx, const WalkFunc& fn,
                            const std::vector<std::string>& filters = {}) = 0;
  template <std::size_t N, std::size_t M>
  requires option::IsPair<M>
  void Walk(const Context&, const WalkFunc&, option::BracedTexts<N, M>) = delete;

  // Releases what the object itself holds; may be called again.
  virtual absl::Status Close() = 0;
};

// A snapshotter that removes first and frees the disk later may also be a Cleaner; the daemon's
// proxies all are (dynamic_cast tells). Source: snapshots.Cleaner.
class CONTAINERD_EXPORT Cleaner {
 public:
  virtual ~Cleaner() = default;

  // Frees what removed snapshots left behind. ErrNotImplemented if the snapshotter leaves nothing.
  virtual absl::Status Cleanup(const Context& ctx) = 0;
};

// The snapshotter called `name` in the daemon, as "overlayfs" or "native". Whether there is one is
// not asked here: calls fail with ErrInvalidArgument ("snapshotter not loaded: …") if not. The
// object is a Cleaner too. Source: core/snapshots/proxy.NewSnapshotter.
CONTAINERD_EXPORT std::shared_ptr<Snapshotter> NewSnapshotter(std::shared_ptr<rpc::Connection> conn,
                                                              std::string name);

}  // namespace containerd::snapshots

#endif  // CONTAINERD_SNAPSHOTS_SNAPSHOTS_H_
