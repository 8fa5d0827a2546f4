// SPDX-License-Identifier: Apache-2.0
//
// The proxy on a stub of the caller's, for tests.
#ifndef CONTAINERD_SRC_TASKS_PROXY_H_
#define CONTAINERD_SRC_TASKS_PROXY_H_

#include <memory>

#include "containerd/services/tasks/v1/tasks.grpc.pb.h"
#include "containerd/tasks/proxy.h"

namespace containerd::tasks {

std::shared_ptr<Service> NewTaskService(
    std::shared_ptr<services::tasks::v1::Tasks::StubInterface> stub);

}  // namespace containerd::tasks

#endif  // CONTAINERD_SRC_TASKS_PROXY_H_
