// SPDX-License-Identifier: Apache-2.0
#include "state.h"

#include <deque>

#include <absl/time/clock.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/labels/labels.h"
#include "containerd/namespaces/namespaces.h"

namespace containerd::testing::stores {
namespace {

constexpr std::string_view kRoot = "containerd.io/gc.root";
constexpr std::string_view kContentRef = "containerd.io/gc.ref.content";
constexpr std::string_view kSnapshotRef = "containerd.io/gc.ref.snapshot.";

bool Consume(std::string_view* text, std::string_view prefix) {
  if (!text->starts_with(prefix)) return false;
  text->remove_prefix(prefix.size());
  return true;
}

// What is reached from the roots.
class Marker {
 public:
  Marker(const Namespace& ns, const std::string& snapshotter)
      : ns_(ns), snapshotter_(snapshotter) {}

  void Content(const std::string& digest) {
    if (content.insert(digest).second) waiting_.push_back({true, digest});
  }
  void Snapshot(const std::string& key) {
    if (snapshots.insert(key).second) waiting_.push_back({false, key});
  }

  // "containerd.io/gc.ref.content", with ".<anything>" or "/<anything>" or without, and
  // "containerd.io/gc.ref.snapshot.<snapshotter>" the same way.
  void Refs(const Labels& labels) {
    for (const auto& [key, value] : labels) {
      std::string_view rest = key;
      if (Consume(&rest, kSnapshotRef)) {
        if (Consume(&rest, snapshotter_) && (rest.empty() || rest[0] == '/')) {
          Snapshot(value);
        }
      } else if (Consume(&rest, kContentRef) &&
                 (rest.empty() || rest[0] == '.' || rest[0] == '/')) {
        Content(value);
      }
    }
  }

  void Follow() {
    while (!waiting_.empty()) {
      const auto [is_content, id] = waiting_.front();
      waiting_.pop_front();
      if (is_content) {
        const auto blob = ns_.blobs.find(id);
        if (blob != ns_.blobs.end()) Refs(blob->second.info.labels);
        continue;
      }
      const auto snapshot = ns_.snapshots.find(id);
      if (snapshot == ns_.snapshots.end()) continue;
      if (!snapshot->second.parent.empty()) Snapshot(snapshot->second.parent);
      Refs(snapshot->second.labels);
    }
  }

  std::set<std::string> content;
  std::set<std::string> snapshots;

 private:
  const Namespace& ns_;
  const std::string& snapshotter_;
  std::deque<std::pair<bool, std::string>> waiting_;
};

bool Expired(const leases::Lease& lease) {
  const auto expires = lease.labels.find(leases::kLabelGCExpire);
  absl::Time at;
  return expires != lease.labels.end() &&
         absl::ParseTime(absl::RFC3339_full, expires->second, &at, nullptr) && at < absl::Now();
}

}  // namespace

absl::StatusOr<Namespace*> Database::In(const Context& ctx) {
  if (absl::Status s = ctx.Err(); !s.ok()) return s;
  absl::StatusOr<std::string> name = namespaces::NamespaceRequired(ctx);
  if (!name.ok()) return name.status();
  return &this->namespaces[*name];
}

absl::Status Database::Hold(const Context& ctx, Namespace& ns, std::string_view type,
                            std::string_view id) {
  const std::optional<std::string> lease = ctx.Lease();
  if (!lease || lease->empty()) return absl::OkStatus();
  const auto found = ns.leases.find(*lease);
  if (found == ns.leases.end()) return errdefs::NotFound(fmt::format("lease \"{}\"", *lease));
  found->second.resources.emplace(type, id);
  return absl::OkStatus();
}

void Database::Collect(Namespace& ns) const {
  std::erase_if(ns.leases, [](const auto& entry) { return Expired(entry.second.lease); });
  Marker marker(ns, snapshotter);
  for (const auto& [id, lease] : ns.leases) {
    for (const auto& [type, resource] : lease.resources) {
      if (type == "content") marker.Content(resource);
      if (type == SnapshotType()) marker.Snapshot(resource);
    }
    marker.Refs(lease.lease.labels);
  }
  for (const auto& [name, image] : ns.images) {
    marker.Content(image.target.digest);
    marker.Refs(image.labels);
  }
  for (const auto& [id, container] : ns.containers) {
    if (container.snapshotter == snapshotter) marker.Snapshot(container.snapshot_key);
    marker.Refs(container.labels);
  }
  for (const auto& [digest, blob] : ns.blobs) {
    if (blob.info.labels.contains(std::string(kRoot))) marker.Content(digest);
  }
  for (const auto& [key, info] : ns.snapshots) {
    if (info.labels.contains(std::string(kRoot))) marker.Snapshot(key);
  }
  marker.Follow();
  std::erase_if(ns.blobs, [&](const auto& entry) { return !marker.content.contains(entry.first); });
  std::erase_if(ns.snapshots,
                [&](const auto& entry) { return !marker.snapshots.contains(entry.first); });
}

Labels Kept(const Labels& labels) {
  Labels kept = labels;
  std::erase_if(kept, [](const auto& entry) { return entry.second.empty(); });
  return kept;
}

void SetKey(const Labels& from, const std::string& key, Labels& to) {
  const auto value = from.find(key);
  if (value == from.end() || value->second.empty()) {
    to.erase(key);
  } else {
    to[key] = value->second;
  }
}

absl::Status CannotUpdate(std::string_view what, std::string_view path) {
  return errdefs::InvalidArgument(
      fmt::format("cannot update {}: no such field, or it never changes: \"{}\"", what, path));
}

absl::StatusOr<Labels> Updated(Labels labels, const Labels& from,
                               const std::vector<std::string>& fieldpaths, std::string_view what) {
  if (fieldpaths.empty()) labels = Kept(from);
  for (const std::string& path : fieldpaths) {
    if (path.starts_with("labels.")) {
      SetKey(from, path.substr(7), labels);
    } else if (path == "labels") {
      labels = Kept(from);
    } else {
      return CannotUpdate(what, path);
    }
  }
  if (absl::Status s = labels::Validate(labels); !s.ok()) return s;
  return labels;
}

std::optional<std::string> LabelAt(const Labels& labels, std::span<const std::string> path) {
  std::string key;
  for (const std::string& part : path.subspan(1)) key += (key.empty() ? "" : ".") + part;
  const auto found = labels.find(key);
  if (found == labels.end()) return std::nullopt;
  return found->second;
}

}  // namespace containerd::testing::stores
