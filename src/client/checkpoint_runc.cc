// SPDX-License-Identifier: Apache-2.0
#include "checkpoint_runc.h"

#include <string>
#include <utility>

#include <absl/status/status.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/linux/runc/runc.pb.h"
#include "containerd/runc/v1/options.pb.h"
#include "containerd/task.h"
#include "containerd/typeurl/typeurl.h"

namespace containerd {
namespace internal {
namespace {

using RuncOptions = ::containerd::runc::v1::CheckpointOptions;
using LinuxOptions = ::containerd::linux::runc::CheckpointOptions;  // of the runtime below

constexpr char kRuntimeLinuxV1[] = "io.containerd.runtime.v1.linux";

// Both kinds of runc's options have the same fields.
template <typename Message>
absl::StatusOr<typeurl::Any> Pack(const CheckpointOptions& options) {
  Message message;
  message.set_exit(options.exit);
  message.set_open_tcp(options.open_tcp);
  message.set_external_unix_sockets(options.external_unix_sockets);
  message.set_terminal(options.terminal);
  message.set_file_locks(options.file_locks);
  for (const std::string& ns : options.empty_namespaces) message.add_empty_namespaces(ns);
  message.set_cgroups_mode(options.cgroups_mode);
  message.set_image_path(options.image_path);
  message.set_work_path(options.work_path);
  return typeurl::MarshalAny(message);
}

template <typename Message>
absl::Status SetImagePath(CheckpointTaskInfo* info, const std::string& path) {
  Message message;
  if (!info->options.empty()) {
    if (absl::Status s = typeurl::UnmarshalTo(info->options, message); !s.ok()) {
      return errdefs::InvalidArgument(
          fmt::format("runtime \"{}\": its checkpoint options are {}, "
                      "not {}",
                      info->runtime, info->options.type_url, *typeurl::TypeURL<Message>()));
    }
  }
  message.set_image_path(path);
  auto any = typeurl::MarshalAny(message);
  if (!any.ok()) return any.status();
  info->options = *std::move(any);
  return absl::OkStatus();
}

absl::Status SetCheckpointImagePath(CheckpointTaskInfo* info, const std::string& path) {
  return info->runtime == kRuntimeLinuxV1 ? SetImagePath<LinuxOptions>(info, path)
                                          : SetImagePath<RuncOptions>(info, path);
}

}  // namespace

absl::StatusOr<typeurl::Any> PackCheckpointOptions(std::string_view runtime,
                                                   const CheckpointOptions& options) {
  return runtime == kRuntimeLinuxV1 ? Pack<LinuxOptions>(options) : Pack<RuncOptions>(options);
}

CheckpointOutcome ReadCheckpointOutcome(const typeurl::Any& any) {
  if (auto options = typeurl::UnmarshalAny<RuncOptions>(any); options.ok()) {
    return {options->exit(), !options->image_path().empty()};
  }
  if (auto options = typeurl::UnmarshalAny<LinuxOptions>(any); options.ok()) {
    return {options->exit(), !options->image_path().empty()};
  }
  return {};
}

}  // namespace internal

CheckpointTaskOpt WithCheckpointName(std::string name) {
  return [name = std::move(name)](CheckpointTaskInfo* info) {
    info->name = name;
    return absl::OkStatus();
  };
}

CheckpointTaskOpt WithCheckpointImagePath(std::string path) {
  return [path = std::move(path)](CheckpointTaskInfo* info) {
    return internal::SetCheckpointImagePath(info, path);
  };
}

CheckpointTaskOpt WithCheckpointOptions(CheckpointOptions options) {
  return [options = std::move(options)](CheckpointTaskInfo* info) {
    auto any = internal::PackCheckpointOptions(info->runtime, options);
    if (!any.ok()) return any.status();
    info->options = *std::move(any);
    return absl::OkStatus();
  };
}

}  // namespace containerd
