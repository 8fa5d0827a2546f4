// SPDX-License-Identifier: Apache-2.0
//
// Tasks of scripted processes.
#ifndef CONTAINERD_SRC_TESTING_FAKE_DAEMON_TASKS_H_
#define CONTAINERD_SRC_TESTING_FAKE_DAEMON_TASKS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/containers/containers.h"
#include "containerd/context/context.h"
#include "containerd/tasks/tasks.h"
#include "containerd/testing/fake_daemon.h"
#include "containerd/testing/stores.h"

#include "events.h"
#include "process.h"
#include "sandboxes.h"
#include "server.h"
#include "src/base/mutex.h"

namespace containerd::testing::fake {

// Safe from any thread. To be held by a shared_ptr: processes that end know it as long as it is
// there.
class Tasks : public std::enable_shared_from_this<Tasks> {
 public:
  using ScriptFunc = std::function<ProcessScript(const ScriptedProcess&)>;

  Tasks(const MemoryStores& stores, Sandboxes& sandboxes, std::shared_ptr<Exchange> exchange)
      : stores_(stores), sandboxes_(sandboxes), exchange_(std::move(exchange)) {}
  Tasks(const Tasks&) = delete;
  Tasks& operator=(const Tasks&) = delete;
  ~Tasks() { Forget(); }

  void Script(std::string container_id, std::string exec_id, ProcessScript script);
  void OnProcess(ScriptFunc script);

  absl::StatusOr<std::uint32_t> Create(const Context& ctx, const tasks::CreateTaskRequest& request);
  absl::Status Exec(const Context& ctx, const tasks::ExecProcessRequest& request);
  absl::StatusOr<std::uint32_t> Start(const Context& ctx, const std::string& container_id,
                                      const std::string& exec_id);
  absl::Status Kill(const Context& ctx, const tasks::KillRequest& request);
  absl::Status SetPaused(const Context& ctx, const std::string& container_id, bool paused);
  absl::StatusOr<tasks::Process> Delete(const Context& ctx, const std::string& container_id,
                                        const std::string& exec_id);
  absl::StatusOr<std::shared_ptr<Process>> Find(const Context& ctx, const std::string& container_id,
                                                const std::string& exec_id) const;
  // Each task's first process.
  absl::StatusOr<std::vector<tasks::Process>> List(const Context& ctx) const;
  // All processes of a task.
  absl::StatusOr<std::vector<tasks::Process>> Processes(const Context& ctx,
                                                        const std::string& container_id) const;
  // The tasks of a sandbox's containers are killed and deleted, as those of a shim that ends are.
  void EndIn(const Context& ctx, const std::string& sandbox_id);
  // There are none any more, and nobody is told.
  void Forget();

 private:
  // By exec id; the first process has none.
  using Task = std::map<std::string, std::shared_ptr<Process>>;
  using Key = std::pair<std::string, std::string>;  // namespace and container

  // What a process is to do. Without the lock, since it may be the test's function that says so.
  ProcessScript ScriptOf(const ScriptedProcess& process) const;
  absl::StatusOr<std::shared_ptr<Process>> Make(const std::string& ns, tasks::Process process,
                                                const std::string& exec_id, ProcessScript script);
  // A process has ended: with the first go the others.
  void Ended(const Key& key, const std::string& exec_id) const;

  // OK if the container's sandbox, if it has one, is there to run a task in.
  absl::Status CheckSandbox(const Context& ctx, const containers::Container& container);

  const MemoryStores& stores_;
  Sandboxes& sandboxes_;
  const std::shared_ptr<Exchange> exchange_;
  mutable base::Mutex mu_;
  std::map<Key, Task> tasks_ ABSL_GUARDED_BY(mu_);
  std::map<Key, ProcessScript> scripts_ ABSL_GUARDED_BY(mu_);  // by container and exec
  ScriptFunc script_ ABSL_GUARDED_BY(mu_);
  // Above what the kernel gives, so that nobody signals a process by mistake.
  std::uint32_t next_pid_ ABSL_GUARDED_BY(mu_) = 5'000'000;
};

// Has the server serve them as containerd's tasks service.
void ServeTasks(Server& server, Tasks& tasks);

}  // namespace containerd::testing::fake

#endif  // CONTAINERD_SRC_TESTING_FAKE_DAEMON_TASKS_H_
