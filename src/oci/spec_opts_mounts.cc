// SPDX-License-Identifier: Apache-2.0
#include "containerd/oci/spec_opts_mounts.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/option/option.h"

#include "sections.h"
#include "src/base/path.h"
#include "src/errdefs/internal/mark.h"

namespace containerd::oci {
namespace {

constexpr char kNoShmMount[] = "oci.ErrNoShmMount";

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

SpecOpt WithRootFSPath(std::string path) {
  return [path = std::move(path)](const Context&, Client*, containers::Container*, Spec* spec) {
    EnsureRoot(spec).path = path;
    return absl::OkStatus();
  };
}

constinit const option::Plain<SpecOpt> WithRootFSReadonly([](const Context&, Client*,
                                                             containers::Container*, Spec* spec) {
  EnsureRoot(spec).readonly = true;
  return absl::OkStatus();
});

SpecOpt WithMounts(std::vector<specs::Mount> mounts) {
  return [mounts = std::move(mounts)](const Context&, Client*, containers::Container*, Spec* spec) {
    spec->mounts.insert(spec->mounts.end(), mounts.begin(), mounts.end());
    return absl::OkStatus();
  };
}

SpecOpt WithoutMounts(std::vector<std::string> destinations) {
  return [destinations = std::move(destinations)](const Context&, Client*, containers::Container*,
                                                  Spec* spec) {
    std::erase_if(spec->mounts, [&](const specs::Mount& mount) {
      return std::find(destinations.begin(), destinations.end(),
                       base::CleanPath(mount.destination)) != destinations.end();
    });
    return absl::OkStatus();
  };
}

constinit const option::Plain<SpecOpt> WithoutRunMount([](const Context& ctx, Client* client,
                                                          containers::Container* container,
                                                          Spec* spec) -> absl::Status {
  return WithoutMounts({"/run"})(ctx, client, container, spec);
});

constinit const option::Plain<SpecOpt> WithHostHostsFile([](const Context&, Client*,
                                                            containers::Container*,
                                                            Spec* spec) -> absl::Status {
  return BindReadOnly("/etc/hosts", spec);
});

constinit const option::Plain<SpecOpt> WithHostResolvconf([](const Context&, Client*,
                                                             containers::Container*,
                                                             Spec* spec) -> absl::Status {
  return BindReadOnly("/etc/resolv.conf", spec);
});

constinit const option::Plain<SpecOpt> WithHostLocaltime([](const Context&, Client*,
                                                            containers::Container*,
                                                            Spec* spec) -> absl::Status {
  return BindReadOnly("/etc/localtime", spec);
});

SpecOpt WithDevShmSize(std::int64_t kb) {
  return [kb](const Context&, Client*, containers::Container*, Spec* spec) {
    for (specs::Mount& mount : spec->mounts) {
      if (mount.source != "shm" || mount.type != "tmpfs" ||
          base::CleanPath(mount.destination) != "/dev/shm") {
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
  return errdefs::Mark(errdefs::NotFound("no /dev/shm mount specified"), kNoShmMount);
}

bool IsErrNoShmMount(const absl::Status& status) { return errdefs::IsMarked(status, kNoShmMount); }

constinit const option::Plain<SpecOpt> WithWriteableSysfs([](const Context&, Client*,
                                                             containers::Container*,
                                                             Spec* spec) -> absl::Status {
  return MakeWritable("sysfs", spec);
});

constinit const option::Plain<SpecOpt> WithWriteableCgroupfs([](const Context&, Client*,
                                                                containers::Container*,
                                                                Spec* spec) -> absl::Status {
  return MakeWritable("cgroup", spec);
});

}  // namespace containerd::oci
