// SPDX-License-Identifier: Apache-2.0
//
// Sandboxes as runc's shim has them: they are nothing but what is known of them.
#ifndef CONTAINERD_SRC_TESTING_FAKE_DAEMON_SANDBOXES_H_
#define CONTAINERD_SRC_TESTING_FAKE_DAEMON_SANDBOXES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/context/context.h"
#include "containerd/labels/labels.h"
#include "containerd/sandbox/sandbox.h"

#include "events.h"
#include "server.h"
#include "src/base/mutex.h"

namespace containerd::testing::fake {

class Tasks;

// The one controller, "shim". Safe from any thread.
class Sandboxes {
 public:
  using OnExit = std::function<void(const sandbox::ExitStatus&)>;

  Sandboxes() = default;
  Sandboxes(const Sandboxes&) = delete;
  Sandboxes& operator=(const Sandboxes&) = delete;

  // `info` is what a verbose status tells.
  absl::Status Create(const Context& ctx, const std::string& id, Labels info);
  absl::StatusOr<sandbox::ControllerStatus> Start(const Context& ctx, const std::string& id);
  // ErrNotFound if it has exited already.
  absl::Status Exit(const Context& ctx, const std::string& id, std::uint32_t code);
  // Ends it first, with 0, if it runs.
  absl::Status Remove(const Context& ctx, const std::string& id);
  absl::StatusOr<sandbox::ControllerStatus> Get(const Context& ctx, const std::string& id);
  // At once if it has exited already, or when it does; never if it is forgotten.
  absl::Status WhenExited(const Context& ctx, const std::string& id, OnExit fn);
  // There are none any more, and nobody is told.
  void Forget();

 private:
  struct Entry {
    sandbox::ControllerStatus status{};
    std::uint32_t exit_status = 0;
    std::vector<OnExit> on_exit{};
  };
  using Key = std::pair<std::string, std::string>;  // namespace and id

  absl::StatusOr<Entry*> Find(const Context& ctx, const std::string& id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  mutable base::Mutex mu_;
  std::map<Key, Entry> entries_ ABSL_GUARDED_BY(mu_);
  // Neither the kernel's nor a task's.
  std::uint32_t next_pid_ ABSL_GUARDED_BY(mu_) = 6'000'000;
};

// Has the server serve the records and the controller. `dir` is where the sandboxes' sockets would
// be. All arguments outlive the server.
void ServeSandboxes(Server& server, sandbox::Store& store, Sandboxes& sandboxes, Tasks& tasks,
                    const std::string& dir, Exchange& exchange);

}  // namespace containerd::testing::fake

#endif  // CONTAINERD_SRC_TESTING_FAKE_DAEMON_SANDBOXES_H_
