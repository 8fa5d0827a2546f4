// SPDX-License-Identifier: Apache-2.0
//
// The snapshotter: what there is, and on what it stands, without any files.
#include <algorithm>

#include <absl/strings/ascii.h>
#include <absl/time/clock.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/labels/labels.h"
#include "containerd/mount/mount.h"

#include "state.h"
#include "views.h"

namespace containerd::testing::stores {
namespace {

using snapshots::Kind;

absl::Status NotFound(std::string_view key) {
  return errdefs::NotFound(fmt::format("snapshot \"{}\": not found", key));
}
absl::Status Exists(std::string_view key) {
  return errdefs::AlreadyExists(fmt::format("snapshot \"{}\": already exists", key));
}

std::vector<mount::Mount> MountsOf(const snapshots::Info& info) {
  return {{.type = "bind",
           .source = "memory:" + info.name,
           .options = {info.kind == Kind::kView ? "ro" : "rw", "rbind"}}};
}

auto AdaptSnapshot(const snapshots::Info& info) {
  return [&info](std::span<const std::string> path) -> std::optional<std::string> {
    if (path.empty()) return std::nullopt;
    if (path[0] == "kind") return absl::AsciiStrToLower(std::string(snapshots::String(info.kind)));
    if (path[0] == "name") return info.name;
    if (path[0] == "parent") return info.parent;
    if (path[0] == "labels") return LabelAt(info.labels, path);
    return std::nullopt;
  };
}

class Snapshots final : public snapshots::Snapshotter {
 public:
  explicit Snapshots(std::shared_ptr<Database> db) : db_(std::move(db)) {}

  absl::StatusOr<snapshots::Info> Stat(const Context& ctx, std::string_view key) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<snapshots::Info*> info = Find(ctx, key);
    if (!info.ok()) return info.status();
    return **info;
  }

  absl::StatusOr<snapshots::Info> Update(const Context& ctx, const snapshots::Info& from,
                                         const std::vector<std::string>& fieldpaths) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<snapshots::Info*> info = Find(ctx, from.name);
    if (!info.ok()) return info.status();
    absl::StatusOr<Labels> to = Updated((*info)->labels, from.labels, fieldpaths,
                                        fmt::format("snapshot \"{}\"", from.name));
    if (!to.ok()) return to.status();
    (*info)->labels = *std::move(to);
    (*info)->updated = absl::Now();
    return **info;
  }

  absl::StatusOr<snapshots::Usage> Usage(const Context& ctx, std::string_view key) override {
    const base::MutexLock lock(db_->mu);
    if (absl::Status s = Find(ctx, key).status(); !s.ok()) return s;
    return snapshots::Usage();
  }

  absl::StatusOr<std::vector<mount::Mount>> Mounts(const Context& ctx,
                                                   std::string_view key) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<snapshots::Info*> info = Find(ctx, key);
    if (!info.ok()) return info.status();
    if ((*info)->kind == Kind::kCommitted) {
      return errdefs::FailedPrecondition(fmt::format("snapshot \"{}\" is not active", key));
    }
    return MountsOf(**info);
  }

  absl::StatusOr<std::vector<mount::Mount>> Prepare(
      const Context& ctx, std::string_view key, std::string_view parent,
      const std::vector<snapshots::Opt>& opts) override {
    return Make(ctx, Kind::kActive, key, parent, opts);
  }

  absl::StatusOr<std::vector<mount::Mount>> View(const Context& ctx, std::string_view key,
                                                 std::string_view parent,
                                                 const std::vector<snapshots::Opt>& opts) override {
    return Make(ctx, Kind::kView, key, parent, opts);
  }

  absl::Status Commit(const Context& ctx, std::string_view name, std::string_view key,
                      const std::vector<snapshots::Opt>& opts) override {
    snapshots::Info made;
    if (absl::Status s = Apply(opts, made); !s.ok()) return s;
    if (name.empty()) return errdefs::InvalidArgument("snapshot: the name must not be empty");
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Namespace*> ns = db_->In(ctx);
    if (!ns.ok()) return ns.status();
    if ((*ns)->snapshots.contains(std::string(name))) return Exists(name);
    const auto active = (*ns)->snapshots.find(std::string(key));
    if (active == (*ns)->snapshots.end()) return NotFound(key);
    if (active->second.kind != Kind::kActive) {
      return errdefs::FailedPrecondition(fmt::format("snapshot \"{}\" is not active", key));
    }
    // One that stands on nothing may be put on a parent now.
    if (!active->second.parent.empty()) made.parent = active->second.parent;
    if (!made.parent.empty() && !(*ns)->snapshots.contains(made.parent)) {
      return errdefs::NotFound(fmt::format("parent snapshot \"{}\": not found", made.parent));
    }
    if (absl::Status s = Database::Hold(ctx, **ns, db_->SnapshotType(), name); !s.ok()) return s;
    made.kind = Kind::kCommitted;
    made.name = std::string(name);
    made.created = made.updated = absl::Now();
    (*ns)->snapshots.erase(active);
    (*ns)->snapshots.emplace(made.name, made);
    return absl::OkStatus();
  }

  absl::Status Remove(const Context& ctx, std::string_view key) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Namespace*> ns = db_->In(ctx);
    if (!ns.ok()) return ns.status();
    const auto found = (*ns)->snapshots.find(std::string(key));
    if (found == (*ns)->snapshots.end()) return NotFound(key);
    const bool has_children =
        std::any_of((*ns)->snapshots.begin(), (*ns)->snapshots.end(),
                    [&](const auto& entry) { return entry.second.parent == key; });
    if (has_children) {
      return errdefs::FailedPrecondition(
          fmt::format("cannot remove snapshot \"{}\": it has children", key));
    }
    (*ns)->snapshots.erase(found);
    return absl::OkStatus();
  }

  absl::Status Walk(const Context& ctx, const snapshots::WalkFunc& fn,
                    const std::vector<std::string>& filters) override {
    std::vector<snapshots::Info> infos;
    {
      const base::MutexLock lock(db_->mu);
      absl::StatusOr<Namespace*> ns = db_->In(ctx);
      if (!ns.ok()) return ns.status();
      auto chosen = Select((*ns)->snapshots, filters, AdaptSnapshot);
      if (!chosen.ok()) return chosen.status();
      infos = *std::move(chosen);
    }
    for (const snapshots::Info& info : infos) {
      if (absl::Status s = fn(ctx, info); !s.ok()) return s;
    }
    return absl::OkStatus();
  }

  absl::Status Close() override { return absl::OkStatus(); }

 private:
  static absl::Status Apply(const std::vector<snapshots::Opt>& opts, snapshots::Info& info) {
    for (const snapshots::Opt& opt : opts) {
      if (absl::Status s = opt(info); !s.ok()) return s;
    }
    info.labels = Kept(info.labels);
    return labels::Validate(info.labels);
  }

  absl::StatusOr<snapshots::Info*> Find(const Context& ctx, std::string_view key) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(db_->mu) {
    absl::StatusOr<Namespace*> ns = db_->In(ctx);
    if (!ns.ok()) return ns.status();
    const auto found = (*ns)->snapshots.find(std::string(key));
    if (found == (*ns)->snapshots.end()) return NotFound(key);
    return &found->second;
  }

  absl::StatusOr<std::vector<mount::Mount>> Make(const Context& ctx, Kind kind,
                                                 std::string_view key, std::string_view parent,
                                                 const std::vector<snapshots::Opt>& opts) {
    snapshots::Info made;
    if (absl::Status s = Apply(opts, made); !s.ok()) return s;
    if (key.empty()) return errdefs::InvalidArgument("snapshot: the key must not be empty");
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Namespace*> ns = db_->In(ctx);
    if (!ns.ok()) return ns.status();
    // Whoever unpacks says which snapshot is to come of it, and is told if that is there by now.
    const auto target = made.labels.find(snapshots::kLabelSnapshotRef);
    std::vector<std::string> wanted = {std::string(key)};
    if (target != made.labels.end()) wanted.push_back(target->second);
    for (const std::string& name : wanted) {
      if (!(*ns)->snapshots.contains(name)) continue;
      absl::Status s = Database::Hold(ctx, **ns, db_->SnapshotType(), name);
      return s.ok() ? Exists(name) : s;
    }
    if (!parent.empty()) {
      const auto below = (*ns)->snapshots.find(std::string(parent));
      if (below == (*ns)->snapshots.end()) {
        return errdefs::NotFound(fmt::format("parent snapshot \"{}\": not found", parent));
      }
      if (below->second.kind != Kind::kCommitted) {
        return errdefs::InvalidArgument(
            fmt::format("parent snapshot \"{}\" is not committed", parent));
      }
    }
    if (absl::Status s = Database::Hold(ctx, **ns, db_->SnapshotType(), key); !s.ok()) return s;
    made.kind = kind;
    made.name = std::string(key);
    made.parent = std::string(parent);
    made.created = made.updated = absl::Now();
    (*ns)->snapshots.emplace(made.name, made);
    return MountsOf(made);
  }

  const std::shared_ptr<Database> db_;
};

}  // namespace

std::shared_ptr<snapshots::Snapshotter> NewSnapshots(std::shared_ptr<Database> db) {
  return std::make_shared<Snapshots>(std::move(db));
}

}  // namespace containerd::testing::stores
