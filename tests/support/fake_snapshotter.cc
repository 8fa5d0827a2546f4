// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_snapshotter.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::testing {
namespace {

absl::Status NotFound(std::string_view key) {
  return errdefs::NotFound(fmt::format("snapshot \"{}\"", key));
}

}  // namespace

void FakeSnapshotter::Add(snapshots::Info info) {
  const std::lock_guard lock(mu_);
  all_[info.name] = std::move(info);
}

void FakeSnapshotter::Erase(const std::string& name) {
  const std::lock_guard lock(mu_);
  all_.erase(name);
}

std::map<std::string, snapshots::Info> FakeSnapshotter::All() {
  const std::lock_guard lock(mu_);
  return all_;
}

std::vector<std::string> FakeSnapshotter::Names() {
  const std::lock_guard lock(mu_);
  std::vector<std::string> names;
  for (const auto& [name, info] : all_) names.push_back(name);
  return names;
}

std::vector<std::string> FakeSnapshotter::Keys() {
  const std::lock_guard lock(mu_);
  return keys_;
}

std::vector<std::string> FakeSnapshotter::Diary(std::initializer_list<std::string_view> verbs) {
  const std::lock_guard lock(mu_);
  std::vector<std::string> entries;
  for (const std::string& entry : diary_) {
    const std::string_view verb = std::string_view(entry).substr(0, entry.find(' '));
    if (verbs.size() == 0 || std::find(verbs.begin(), verbs.end(), verb) != verbs.end()) {
      entries.push_back(entry);
    }
  }
  return entries;
}

void FakeSnapshotter::ForgetDiary() {
  const std::lock_guard lock(mu_);
  diary_.clear();
}

absl::StatusOr<snapshots::Info> FakeSnapshotter::Stat(const Context& /*ctx*/,
                                                      std::string_view key) {
  if (on_stat) {
    if (absl::Status s = on_stat(key); !s.ok()) return s;
  }
  const std::lock_guard lock(mu_);
  const auto found = all_.find(std::string(key));
  if (found == all_.end()) return NotFound(key);
  return found->second;
}

absl::StatusOr<snapshots::Info> FakeSnapshotter::Update(
    const Context& /*ctx*/, const snapshots::Info& info,
    const std::vector<std::string>& /*fieldpaths*/) {
  return info;
}

absl::StatusOr<snapshots::Usage> FakeSnapshotter::Usage(const Context& /*ctx*/,
                                                        std::string_view /*key*/) {
  return snapshots::Usage{};
}

absl::StatusOr<std::vector<mount::Mount>> FakeSnapshotter::Mounts(const Context& /*ctx*/,
                                                                  std::string_view key) {
  {
    const std::lock_guard lock(mu_);
    diary_.push_back(fmt::format("mounts {}", key));
    if (!on_mounts && !all_.contains(std::string(key))) return NotFound(key);
  }
  return on_mounts ? on_mounts(key) : mounts;
}

absl::StatusOr<std::vector<mount::Mount>> FakeSnapshotter::Prepare(
    const Context& ctx, std::string_view key, std::string_view parent,
    const std::vector<snapshots::Opt>& opts) {
  return Make(ctx,
              {.kind = snapshots::Kind::kActive,
               .name = std::string(key),
               .parent = std::string(parent),
               .labels = {}},
              opts);
}

absl::StatusOr<std::vector<mount::Mount>> FakeSnapshotter::View(
    const Context& ctx, std::string_view key, std::string_view parent,
    const std::vector<snapshots::Opt>& opts) {
  return Make(ctx,
              {.kind = snapshots::Kind::kView,
               .name = std::string(key),
               .parent = std::string(parent),
               .labels = {}},
              opts);
}

absl::StatusOr<std::vector<mount::Mount>> FakeSnapshotter::Make(
    const Context& ctx, snapshots::Info info, const std::vector<snapshots::Opt>& opts) {
  if (absl::Status s = ctx.Err(); !s.ok()) return s;
  for (const snapshots::Opt& opt : opts) {
    if (absl::Status s = opt(&info); !s.ok()) return s;
  }
  if (on_prepare) {
    if (absl::Status s = on_prepare(info); !s.ok()) return s;
  }
  {
    const std::lock_guard lock(mu_);
    const auto target = info.labels.find(snapshots::kLabelSnapshotRef);
    if (target != info.labels.end() && all_.contains(target->second)) {
      return errdefs::AlreadyExists(fmt::format("target snapshot \"{}\"", target->second));
    }
    if (!info.parent.empty() && !all_.contains(info.parent)) {
      return errdefs::NotFound(fmt::format("parent snapshot \"{}\"", info.parent));
    }
    if (!all_.emplace(info.name, info).second) {
      return errdefs::AlreadyExists(fmt::format("snapshot \"{}\"", info.name));
    }
    keys_.push_back(info.name);
    if (info.kind == snapshots::Kind::kView) {
      diary_.push_back(fmt::format("view {}", info.name));
    } else {
      diary_.push_back(
          fmt::format("prepare {}", target != info.labels.end() ? target->second : info.name));
    }
  }
  return on_mounts ? on_mounts(info.name) : mounts;
}

absl::Status FakeSnapshotter::Commit(const Context& ctx, std::string_view name,
                                     std::string_view key,
                                     const std::vector<snapshots::Opt>& opts) {
  if (absl::Status s = ctx.Err(); !s.ok()) return s;
  if (on_commit) {
    if (absl::Status s = on_commit(name); !s.ok()) return s;
  }
  const std::lock_guard lock(mu_);
  const auto active = all_.find(std::string(key));
  if (active == all_.end()) return NotFound(key);
  snapshots::Info info = active->second;
  info.kind = snapshots::Kind::kCommitted;
  for (const snapshots::Opt& opt : opts) {
    if (absl::Status s = opt(&info); !s.ok()) return s;
  }
  info.name = std::string(name);
  if (!all_.emplace(info.name, info).second) {
    return errdefs::AlreadyExists(fmt::format("snapshot \"{}\"", name));
  }
  all_.erase(active);
  diary_.push_back("commit " + info.name);
  return absl::OkStatus();
}

absl::Status FakeSnapshotter::Remove(const Context& ctx, std::string_view key) {
  if (absl::Status s = ctx.Err(); !s.ok()) return s;
  const std::lock_guard lock(mu_);
  diary_.emplace_back("remove");
  return all_.erase(std::string(key)) > 0 ? absl::OkStatus() : NotFound(key);
}

absl::Status FakeSnapshotter::Walk(const Context& ctx, const snapshots::WalkFunc& fn,
                                   const std::vector<std::string>& /*filters*/) {
  for (const auto& [name, info] : All()) {
    if (absl::Status s = fn(ctx, info); !s.ok()) return s;
  }
  return absl::OkStatus();
}

}  // namespace containerd::testing
