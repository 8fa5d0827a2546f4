// SPDX-License-Identifier: Apache-2.0
//
// A process of a task that follows a script: a thread that reads and writes its FIFOs, as a shim
// and its process do together.
#ifndef CONTAINERD_SRC_TESTING_FAKE_DAEMON_PROCESS_H_
#define CONTAINERD_SRC_TESTING_FAKE_DAEMON_PROCESS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/status/status.h>
#include <absl/time/time.h>

#include "containerd/tasks/tasks.h"
#include "containerd/testing/fake_daemon.h"

#include "src/base/mutex.h"

namespace containerd::testing::fake {

// Safe from any thread.
class Process : public std::enable_shared_from_this<Process> {
 public:
  // Runs once, when it has ended.
  using OnExit = std::function<void(const tasks::Process&)>;

  // Opens the streams that `process` names: FIFOs, or "file://" for an output.
  static absl::StatusOr<std::shared_ptr<Process>> Create(tasks::Process process,
                                                         ProcessScript script, OnExit on_exit);
  ~Process();

  // `tell` runs before it can end, with its pid.
  absl::Status Start(const std::function<void(std::uint32_t)>& tell);
  // ErrNotFound if it has ended.
  absl::Status Signal(std::uint32_t signal);
  // Ends it with that code. ErrNotFound if it has ended.
  absl::Status Exit(std::uint32_t code);
  // Ends it without a word to anybody.
  void Forget();
  // ErrFailedPrecondition if it does not run, or is not paused.
  absl::Status SetPaused(bool paused);
  void CloseStdin();

  tasks::Process Get() const;
  std::string Stdin() const;
  std::vector<std::uint32_t> Signals() const;
  // At once if it has ended already, or when it does; never if it is forgotten.
  void WhenExited(OnExit fn);

 private:
  Process(tasks::Process process, ProcessScript script, OnExit on_exit);

  void Run();
  // What Run does until the process ends; gives its exit code.
  std::uint32_t Follow();
  void End(std::uint32_t code);
  absl::Status ExitLocked(std::uint32_t code) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Wake() const;
  void CloseStreams() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const ProcessScript script_;
  const std::uint32_t pid_;  // what process_ has from the start on, and a task's first before
  int wake_ = -1;            // an eventfd

  mutable base::Mutex mu_;
  tasks::Process process_ ABSL_GUARDED_BY(mu_);
  std::vector<OnExit> on_exit_ ABSL_GUARDED_BY(mu_);
  int stdin_ ABSL_GUARDED_BY(mu_) = -1;
  int stdin_held_ ABSL_GUARDED_BY(mu_) = -1;  // keeps it from its end until CloseStdin
  int stdout_ ABSL_GUARDED_BY(mu_) = -1;
  int stderr_ ABSL_GUARDED_BY(mu_) = -1;
  std::string read_ ABSL_GUARDED_BY(mu_);
  std::vector<std::uint32_t> signals_ ABSL_GUARDED_BY(mu_);
  bool running_ ABSL_GUARDED_BY(mu_) = false;  // its thread does
  bool exit_ ABSL_GUARDED_BY(mu_) = false;
  std::uint32_t exit_code_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace containerd::testing::fake

#endif  // CONTAINERD_SRC_TESTING_FAKE_DAEMON_PROCESS_H_
