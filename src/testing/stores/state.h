// SPDX-License-Identifier: Apache-2.0
//
// What the stores in memory are views of: one lock, and for each namespace all its records.
#ifndef CONTAINERD_SRC_TESTING_STORES_STATE_H_
#define CONTAINERD_SRC_TESTING_STORES_STATE_H_

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/containers/containers.h"
#include "containerd/content/content.h"
#include "containerd/context/context.h"
#include "containerd/filters/filters.h"
#include "containerd/images/store.h"
#include "containerd/labels/labels.h"
#include "containerd/leases/leases.h"
#include "containerd/sandbox/sandbox.h"
#include "containerd/snapshots/snapshots.h"

#include "src/base/mutex.h"

namespace containerd::testing::stores {

struct Blob {
  content::Info info{};
  std::string data{};
};

struct Ingest {
  content::Status status{};
  std::string data{};
  bool locked = false;  // a writer has it
};

struct Lease {
  leases::Lease lease{};
  std::set<std::pair<std::string, std::string>> resources{};  // type and id
};

// All that is in one namespace, by id, name, digest, ref or key.
struct Namespace {
  Labels labels{};
  std::map<std::string, containers::Container> containers{};
  std::map<std::string, images::Image> images{};
  std::map<std::string, Blob> blobs{};
  std::map<std::string, Ingest> ingests{};
  std::map<std::string, Lease> leases{};
  std::map<std::string, sandbox::Sandbox> sandboxes{};
  std::map<std::string, snapshots::Info> snapshots{};

  // An ingestion that has ended is held by no lease.
  bool EraseIngest(const std::string& ref) {
    for (auto& [id, lease] : leases) lease.resources.erase({"ingests", ref});
    return ingests.erase(ref) > 0;
  }

  bool empty() const {
    return containers.empty() && images.empty() && blobs.empty() && ingests.empty() &&
           leases.empty() && snapshots.empty();
  }
};

struct Database {
  explicit Database(std::string_view snapshotter_name) : snapshotter(snapshotter_name) {}

  // The context's namespace, which begins to exist with this. The error of the context
  // if it has ended, or of a namespace that it lacks.
  absl::StatusOr<Namespace*> In(const Context& ctx) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);

  // Puts what was made under the context's lease, if it has one, into that.
  // ErrNotFound if there is no such lease.
  static absl::Status Hold(const Context& ctx, Namespace& ns, std::string_view type,
                           std::string_view id);

  // Removes what nothing refers to.
  void Collect(Namespace& ns) const;

  std::string SnapshotType() const { return "snapshots/" + snapshotter; }

  base::Mutex mu;
  std::map<std::string, Namespace> namespaces ABSL_GUARDED_BY(mu);
  const std::string snapshotter;
};

// What of labels a new or changed record keeps: none that are empty.
Labels Kept(const Labels& labels);

// Sets `to` as the field path "<prefix>.<key>" of an update says.
void SetKey(const Labels& from, const std::string& key, Labels& to);

// The error of an update of `what` that names a field which is none, or never changes.
absl::Status CannotUpdate(std::string_view what, std::string_view path);

// The labels of `what`, of which an update can change nothing else.
absl::StatusOr<Labels> Updated(Labels labels, const Labels& from,
                               const std::vector<std::string>& fieldpaths, std::string_view what);

// The value of a path of a filter, where that is a label's: "labels", "<key>".
std::optional<std::string> LabelAt(const Labels& labels, std::span<const std::string> path);

// The records that a filter takes. `adapt` gives the adaptor of a record.
template <typename Map, typename Adapt>
auto Select(const Map& all, const std::vector<std::string>& filters, Adapt adapt)
    -> absl::StatusOr<std::vector<typename Map::mapped_type>> {
  absl::StatusOr<filters::FilterPtr> filter = filters::ParseAll(filters);
  if (!filter.ok()) return filter.status();
  std::vector<typename Map::mapped_type> chosen;
  for (const auto& [key, record] : all) {
    if ((*filter)->Match(filters::AdapterFunc(adapt(record)))) chosen.push_back(record);
  }
  return chosen;
}

}  // namespace containerd::testing::stores

#endif  // CONTAINERD_SRC_TESTING_STORES_STATE_H_
