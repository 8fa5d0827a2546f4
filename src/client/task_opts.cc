// SPDX-License-Identifier: Apache-2.0
#include "containerd/task_opts.h"

#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/linux/runc/runc.pb.h"
#include "containerd/option/option.h"
#include "containerd/runc/v1/options.pb.h"
#include "containerd/typeurl/typeurl.h"

namespace containerd {
namespace {

constexpr char kRuntimeLinuxV1[] = "io.containerd.runtime.v1.linux";

// Reads the task's options into an Options message: the task's own, else the container's, else an
// empty message.
template <typename Options>
absl::Status Change(TaskInfo* info, const auto& change) {
  Options options;
  const typeurl::Any& current =
      info->options.type_url.empty() ? info->runtime_options : info->options;
  // The v1 runtime's own options are of another type, and stay with the container.
  const bool usable = !info->options.type_url.empty() || typeurl::Is<Options>(current);
  if (!current.type_url.empty() && usable) {
    if (absl::Status s = typeurl::UnmarshalTo(current, options); !s.ok()) {
      return errdefs::InvalidArgument(fmt::format("runtime \"{}\": its options are {}, not {}",
                                                  info->runtime, current.type_url,
                                                  *typeurl::TypeURL<Options>()));
    }
  } else if (!current.type_url.empty() && info->runtime != kRuntimeLinuxV1) {
    return errdefs::InvalidArgument(fmt::format("runtime \"{}\": its options are {}, not {}",
                                                info->runtime, current.type_url,
                                                *typeurl::TypeURL<Options>()));
  }
  change(options);
  auto any = typeurl::MarshalAny(options);
  if (!any.ok()) return any.status();
  info->options = *std::move(any);
  return absl::OkStatus();
}

// `change` sets a field that both kinds of runc's options have.
absl::Status ChangeRuncOptions(TaskInfo* info, const auto& change) {
  if (info->runtime == kRuntimeLinuxV1) {
    return Change<::containerd::linux::runc::CreateOptions>(info, change);
  }
  return Change<::containerd::runc::v1::Options>(info, change);
}

}  // namespace

NewTaskOpt WithRootFS(std::vector<mount::Mount> mounts) {
  return [mounts = std::move(mounts)](const Context&, Client&, TaskInfo* info) {
    info->rootfs = mounts;
    return absl::OkStatus();
  };
}

NewTaskOpt WithRuntimePath(std::string path) {
  return [path = std::move(path)](const Context&, Client&, TaskInfo* info) {
    info->runtime_path = path;
    return absl::OkStatus();
  };
}

NewTaskOpt WithTaskAPIEndpoint(std::string address, std::uint32_t version) {
  return [address = std::move(address), version](const Context&, Client&, TaskInfo* info) {
    info->task_api_address = address;
    info->task_api_version = version;
    // Daemons before 2.3 look in runc's options. Other runtimes have their own, which stay.
    static_cast<void>(
        Change<::containerd::runc::v1::Options>(info, [&](::containerd::runc::v1::Options& o) {
          o.set_task_api_address(address);
          o.set_task_api_version(version);
        }));
    return absl::OkStatus();
  };
}

constinit const option::Plain<NewTaskOpt> WithNoNewKeyring([](const Context& /*ctx*/,
                                                              Client& /*client*/,
                                                              TaskInfo* info) -> absl::Status {
  return ChangeRuncOptions(info, [](auto& options) { options.set_no_new_keyring(true); });
});

constinit const option::Plain<NewTaskOpt> WithNoPivotRoot([](const Context& /*ctx*/,
                                                             Client& /*client*/,
                                                             TaskInfo* info) -> absl::Status {
  return ChangeRuncOptions(info, [](auto& options) { options.set_no_pivot_root(true); });
});

NewTaskOpt WithShimCgroup(std::string path) {
  return [path = std::move(path)](const Context&, Client&, TaskInfo* info) {
    return ChangeRuncOptions(info, [&](auto& options) { options.set_shim_cgroup(path); });
  };
}

NewTaskOpt WithUIDOwner(std::uint32_t uid) {
  return [uid](const Context&, Client&, TaskInfo* info) {
    return ChangeRuncOptions(info, [uid](auto& options) { options.set_io_uid(uid); });
  };
}

NewTaskOpt WithGIDOwner(std::uint32_t gid) {
  return [gid](const Context&, Client&, TaskInfo* info) {
    return ChangeRuncOptions(info, [gid](auto& options) { options.set_io_gid(gid); });
  };
}

NewTaskOpt WithRestoreImagePath(std::string path) {
  return [path = std::move(path)](const Context&, Client&, TaskInfo* info) {
    return ChangeRuncOptions(info, [&](auto& options) { options.set_criu_image_path(path); });
  };
}

NewTaskOpt WithRestoreWorkPath(std::string path) {
  return [path = std::move(path)](const Context&, Client&, TaskInfo* info) {
    return ChangeRuncOptions(info, [&](auto& options) { options.set_criu_work_path(path); });
  };
}

UpdateTaskOpt WithResources(const specs::LinuxResources& resources) {
  return [any = typeurl::MarshalAny(resources)](const Context&, Client&, UpdateTaskInfo* info) {
    if (!any.ok()) return any.status();
    info->resources = *any;
    return absl::OkStatus();
  };
}

UpdateTaskOpt WithAnnotations(std::map<std::string, std::string> annotations) {
  return [annotations = std::move(annotations)](const Context&, Client&, UpdateTaskInfo* info) {
    info->annotations = annotations;
    return absl::OkStatus();
  };
}

bool CheckRuntime(std::string_view current, std::string_view expected) {
  // Compared part by part, so that "io.containerd.runc" is not a part of "io.containerd.runcat".
  return current == expected || (current.starts_with(expected) && current[expected.size()] == '.');
}

}  // namespace containerd
