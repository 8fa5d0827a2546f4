// SPDX-License-Identifier: Apache-2.0
#include "containerd/snapshots/snapshots.h"

#include <algorithm>
#include <utility>

#include <absl/time/civil_time.h>

#include "containerd/errdefs/errdefs.h"

#include "src/gojson/internal/codec.h"

namespace containerd::snapshots {
namespace {

constexpr std::string_view kInheritedLabelsPrefix = "containerd.io/snapshot/";

char ToLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool EqualIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return ToLower(x) == ToLower(y); });
}

// What Go's JSON has for an Info.
struct InfoDocument {
  std::string kind;
  std::string name;
  std::string parent;
  Labels labels;
  absl::Time created;
  absl::Time updated;
  gojson::Extra extra;
};

template <class V, gojson::Of<InfoDocument> T>
void Bind(V& v, T& info) {
  v.Field("Kind", info.kind);
  v.Field("Name", info.name);
  v.Field("Parent", info.parent, gojson::kOmitEmpty);
  v.Field("Labels", info.labels, gojson::kOmitEmpty);
  v.Field("Created", info.created);
  v.Field("Updated", info.updated);
}

absl::Time GoZeroTime() { return absl::FromCivil(absl::CivilSecond(1), absl::UTCTimeZone()); }

absl::Time ToGo(absl::Time time) { return time == absl::InfinitePast() ? GoZeroTime() : time; }

absl::Time FromGo(absl::Time time) { return time == GoZeroTime() ? absl::InfinitePast() : time; }

}  // namespace

std::string_view ToString(Kind kind) {
  switch (kind) {
    case Kind::kView:
      return "View";
    case Kind::kActive:
      return "Active";
    case Kind::kCommitted:
      return "Committed";
    case Kind::kUnknown:
      break;
  }
  return "Unknown";
}

std::string_view String(Kind kind) { return ToString(kind); }

Kind ParseKind(std::string_view text) {
  for (Kind kind : {Kind::kView, Kind::kActive, Kind::kCommitted}) {
    if (EqualIgnoringCase(text, String(kind))) return kind;
  }
  return Kind::kUnknown;
}

std::string MarshalJSON(const Info& info) {
  return gojson::Marshal(InfoDocument{.kind = std::string(String(info.kind)),
                                      .name = info.name,
                                      .parent = info.parent,
                                      .labels = info.labels,
                                      .created = ToGo(info.created),
                                      .updated = ToGo(info.updated),
                                      .extra = {}});
}

absl::StatusOr<Info> UnmarshalJSON(std::string_view json) {
  absl::StatusOr<InfoDocument> doc = gojson::Unmarshal<InfoDocument>(json);
  if (!doc.ok()) return errdefs::Annotate(doc.status(), "snapshot info");
  return Info{.kind = ParseKind(doc->kind),
              .name = std::move(doc->name),
              .parent = std::move(doc->parent),
              .labels = std::move(doc->labels),
              .created = FromGo(doc->created),
              .updated = FromGo(doc->updated)};
}

void Usage::Add(const Usage& other) {
  size += other.size;
  inodes += other.inodes;
}

Opt WithLabels(Labels labels) {
  return [labels = std::move(labels)](Info* info) {
    for (const auto& [key, value] : labels) info->labels[key] = value;
    return absl::OkStatus();
  };
}

Opt WithParent(std::string parent) {
  return [parent = std::move(parent)](Info* info) {
    info->parent = parent;
    return absl::OkStatus();
  };
}

Labels FilterInheritedLabels(const Labels& labels) {
  Labels inherited;
  for (const auto& [key, value] : labels) {
    if (key == kLabelSnapshotRef || key.starts_with(kInheritedLabelsPrefix)) {
      inherited.emplace(key, value);
    }
  }
  return inherited;
}

}  // namespace containerd::snapshots
