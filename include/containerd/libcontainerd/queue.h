// SPDX-License-Identifier: Apache-2.0
//
// A queue for each key: functions of one key run one after the other, in the order in which they
// came, those of different keys at the same time.
//
//   libcontainerd::Queue queue;
//   queue.Append("web", [] { ... });
//
// Source: moby's libcontainerd/queue.
#ifndef CONTAINERD_LIBCONTAINERD_QUEUE_H_
#define CONTAINERD_LIBCONTAINERD_QUEUE_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "containerd/export/export.h"
#include "containerd/future/executor.h"

namespace containerd::libcontainerd {

// Safe from any thread.
class CONTAINERD_EXPORT Queue {
 public:
  // Most keys whose functions run at the same time; those of others wait for one of them.
  static constexpr std::size_t kMaxRunning = 256;

  explicit Queue(std::shared_ptr<Executor> executor = DefaultExecutor(),
                 std::size_t max_running = kMaxRunning);

  // As Close.
  ~Queue();
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  // Runs `fn` on the executor, never in this call, after those of the same key. There is no limit
  // to how many wait. An exception that leaves it is logged. Nothing after Close.
  void Append(const std::string& key, std::function<void()> fn);

  // Drops what waits, and returns when nothing runs any more; but for the function that it is
  // called from, and all of those if it is called where nothing may block.
  void Close();

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace containerd::libcontainerd

#endif  // CONTAINERD_LIBCONTAINERD_QUEUE_H_
