// SPDX-License-Identifier: Apache-2.0
#include "containerd/oci/spec_opts_mounts.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "path.h"
#include "sections.h"
#include "sentinel.h"

namespace containerd::oci {
namespace {

constexpr char kNoShmMount[] = "no shm mount";

absl::Status BindReadOnly(const char* path, Spec* spec) {
  spec->mounts.push_back(
      {.destination = path, .type = "bind", .source = path, .options = {"rbind", "ro"}});
  return absl::OkStatus();
}

absl::Status MakeWritable(std::string_view type, Spec* spec) {
  for (specs::Mount& mount : spec->mounts) {
    if (mount.type == type) std::replace(mount.options.begin(), mount.options.end(), "ro", "rw");
  }
  return absl::OkStatus();
}

}  // namespace

SpecOpts WithRootFSPath(std::string path) {
  return [path = std::move(path)](const Context&, Client*, containers::Container*, Spec* spec) {
    EnsureRoot(spec).path = path;
    return absl::OkStatus();
  };
}

SpecOpts WithRootFSReadonly() {
  return [](const Context&, Client*, containers::Container*, Spec* spec) {
    EnsureRoot(spec).readonly = true;
    return absl::OkStatus();
  };
}

SpecOpts WithMounts(std::vector<specs::Mount> mounts) {
  return [mounts = std::move(mounts)](const Context&, Client*, containers::Container*, Spec* spec) {
    spec->mounts.insert(spec->mounts.end(), mounts.begin(), mounts.end());
    return absl::OkStatus();
  };
}

SpecOpts WithoutMounts(std::vector<std::string> destinations) {
  return [destinations = std::move(destinations)](const Context&, Client*, containers::Container*,
                                                  Spec* spec) {
    std::erase_if(spec->mounts, [&](const specs::Mount& mount) {
      return std::find(destinations.begin(), destinations.end(), CleanPath(mount.destination)) !=
             destinations.end();
    });
    return absl::OkStatus();
  };
}

absl::Status WithoutRunMount(const Context& ctx, Client* client, containers::Container* container,
                             Spec* spec) {
  return WithoutMounts({"/run"})(ctx, client, container, spec);
}

absl::Status WithHostHostsFile(const Context&, Client*, containers::Container*, Spec* spec) {
  return BindReadOnly("/etc/hosts", spec);
}

absl::Status WithHostResolvconf(const Context&, Client*, containers::Container*, Spec* spec) {
  return BindReadOnly("/etc/resolv.conf", spec);
}

absl::Status WithHostLocaltime(const Context&, Client*, containers::Container*, Spec* spec) {
  return BindReadOnly("/etc/localtime", spec);
}

SpecOpts WithDevShmSize(std::int64_t kb) {
  return [kb](const Context&, Client*, containers::Container*, Spec* spec) {
    for (specs::Mount& mount : spec->mounts) {
      if (mount.source != "shm" || mount.type != "tmpfs" ||
          CleanPath(mount.destination) != "/dev/shm") {
        continue;
      }
      std::erase_if(mount.options, [](std::string_view o) { return o.starts_with("size="); });
      mount.options.push_back(fmt::format("size={}k", kb));
      return absl::OkStatus();
    }
    return ErrNoShmMount();
  };
}

absl::Status ErrNoShmMount() {
  return Sentinel(errdefs::NotFound("no /dev/shm mount specified"), kNoShmMount);
}

bool IsErrNoShmMount(const absl::Status& status) { return IsSentinel(status, kNoShmMount); }

absl::Status WithWriteableSysfs(const Context&, Client*, containers::Container*, Spec* spec) {
  return MakeWritable("sysfs", spec);
}

absl::Status WithWriteableCgroupfs(const Context&, Client*, containers::Container*, Spec* spec) {
  return MakeWritable("cgroup", spec);
}

}  // namespace containerd::oci
