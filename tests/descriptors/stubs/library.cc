// SPDX-License-Identifier: Apache-2.0
#include "library.h"

#include <any>
#include <memory>

#include <google/protobuf/message.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/typeurl/typeurl.h"

#include "own/containerd/events/task.pb.h"

namespace typeurl = containerd::typeurl;
using containerd::events::TaskExit;

absl::StatusOr<typeurl::Any> PackExit(const std::string& container_id) {
  TaskExit exit;
  exit.set_container_id(container_id);
  return typeurl::MarshalAny(exit);
}

absl::StatusOr<std::string> UnpackExit(const typeurl::Any& any) {
  const absl::StatusOr<std::any> value = typeurl::UnmarshalAny(any);
  if (!value.ok()) return value.status();
  const auto* message = std::any_cast<std::shared_ptr<google::protobuf::Message>>(&*value);
  if (message == nullptr) return containerd::errdefs::Internal("no message");
  const auto* exit = dynamic_cast<const TaskExit*>(message->get());
  if (exit == nullptr) return containerd::errdefs::Internal("a message of the program's");
  const auto same = typeurl::UnmarshalAny<TaskExit>(any);
  if (!same.ok()) return same.status();
  return exit->container_id();
}

std::string NameOfExit() { return TaskExit::descriptor()->full_name(); }
