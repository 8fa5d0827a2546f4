// SPDX-License-Identifier: Apache-2.0
//
// The daemon's tasks service.
#ifndef CONTAINERD_TASKS_PROXY_H_
#define CONTAINERD_TASKS_PROXY_H_

#include <memory>

#include "containerd/tasks/tasks.h"

namespace containerd::rpc {
class Connection;
}  // namespace containerd::rpc

namespace containerd::tasks {

// Source: client.TaskService.
std::shared_ptr<Service> NewTaskService(std::shared_ptr<rpc::Connection> conn);

}  // namespace containerd::tasks

#endif  // CONTAINERD_TASKS_PROXY_H_
