// SPDX-License-Identifier: Apache-2.0
#include "containerd/cri/names.h"

#include <algorithm>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <fmt/format.h>

#include "containerd/cri/constants.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/identifiers/identifiers.h"

#include "src/base/path.h"

namespace containerd::cri {
namespace {

absl::StatusOr<std::string> DirOf(const std::string& parent, std::string_view what,
                                  std::string_view kind, std::string_view id) {
  if (parent.empty()) {
    return errdefs::InvalidArgument(fmt::format("the config of CRI names no {} folder", what));
  }
  if (absl::Status s = identifiers::Validate(id); !s.ok()) return s;
  return base::JoinPath({parent, kind, id});
}

}  // namespace

std::string MakeSandboxName(const PodSandboxMetadata& sandbox) {
  return absl::StrJoin({sandbox.name, sandbox.ns, sandbox.uid, absl::StrCat(sandbox.attempt)},
                       kNameDelimiter);
}

std::string MakeContainerName(const ContainerMetadata& container,
                              const PodSandboxMetadata& sandbox) {
  return absl::StrJoin(
      {container.name, sandbox.name, sandbox.ns, sandbox.uid, absl::StrCat(container.attempt)},
      kNameDelimiter);
}

absl::StatusOr<std::string> GetSandboxRootDir(const Config& config, std::string_view id) {
  return DirOf(config.root_dir, "root", kSandboxesDir, id);
}

absl::StatusOr<std::string> GetVolatileSandboxRootDir(const Config& config, std::string_view id) {
  return DirOf(config.state_dir, "state", kSandboxesDir, id);
}

absl::StatusOr<std::string> GetContainerRootDir(const Config& config, std::string_view id) {
  return DirOf(config.root_dir, "root", kContainersDir, id);
}

absl::StatusOr<std::string> GetVolatileContainerRootDir(const Config& config, std::string_view id) {
  return DirOf(config.state_dir, "state", kContainersDir, id);
}

bool IsInCRIMounts(std::string_view dst, const std::vector<Mount>& mounts) {
  const std::string clean = base::CleanPath(dst);
  return std::any_of(mounts.begin(), mounts.end(), [&](const Mount& mount) {
    return base::CleanPath(mount.container_path) == clean;
  });
}

}  // namespace containerd::cri
