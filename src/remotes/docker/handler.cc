// SPDX-License-Identifier: Apache-2.0
#include "containerd/remotes/docker/handler.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/labels/labels.h"
#include "containerd/log/log.h"
#include "containerd/reference/reference.h"

#include "pusher.h"
#include "repository.h"

namespace containerd::remotes::docker {
namespace {

std::string LabelKey(std::string_view source) {
  return fmt::format("{}.{}", labels::kLabelDistributionSource, source);
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  while (true) {
    const auto end = text.find(separator);
    out.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

std::string AppendRepository(std::string_view label, std::string_view repo) {
  std::set<std::string_view> repos;
  if (!label.empty()) {
    for (const std::string_view known : Split(label, ',')) repos.insert(known);
  }
  repos.insert(repo);
  repos.erase("");
  return fmt::format("{}", fmt::join(repos, ","));
}

int CommonPrefixComponents(std::string_view a, std::string_view b) {
  const auto as = Split(a, '/');
  const auto bs = Split(b, '/');
  const auto end = std::mismatch(as.begin(), as.end(), bs.begin(), bs.end()).first;
  return static_cast<int>(end - as.begin());
}

std::string SelectRepositoryMountCandidate(const reference::Spec& refspec,
                                           const std::map<std::string, std::string>& sources) {
  absl::StatusOr<Repository> target = SplitLocator(refspec);
  if (!target.ok()) return "";
  const auto source = sources.find(LabelKey(target->hostname));
  if (source == sources.end() || source->second.empty()) return "";
  int most = 0;
  std::string_view match;
  for (const std::string_view repo : Split(source->second, ',')) {
    if (repo == target->path) continue;
    const int n = CommonPrefixComponents(target->path, repo);
    if (n >= most) {
      most = n;
      match = repo;
    }
  }
  return std::string(match);
}

absl::StatusOr<images::HandlerFunc> AppendDistributionSourceLabel(
    std::shared_ptr<content::Manager> manager, std::string_view ref) {
  absl::StatusOr<reference::Spec> refspec = reference::Parse(ref);
  if (!refspec.ok()) return refspec.status();
  absl::StatusOr<Repository> repository = SplitLocator(*refspec);
  if (!repository.ok()) return repository.status();
  return [manager = std::move(manager), repository = *std::move(repository)](
             const Context& ctx,
             const ocispec::Descriptor& desc) -> absl::StatusOr<images::Descriptors> {
    absl::StatusOr<content::Info> info = manager->Info(ctx, desc.digest);
    if (!info.ok()) return info.status();
    const std::string key = LabelKey(repository.hostname);
    const std::string value = AppendRepository(info->labels[key], repository.path);
    if (absl::Status s = labels::Validate(key, value); !s.ok()) {
      // The label is full: many repositories have a widely used base layer.
      log::Warn(fmt::format("skip to append distribution label: {}", errdefs::Message(s)));
      return images::Descriptors();
    }
    absl::StatusOr<content::Info> updated = manager->Update(
        ctx, {.digest = desc.digest, .labels = {{key, value}}}, {fmt::format("labels.{}", key)});
    if (!updated.ok()) return updated.status();
    return images::Descriptors();
  };
}

}  // namespace containerd::remotes::docker
