// SPDX-License-Identifier: Apache-2.0
//
// What is known of the processes, so that each exit is told once: it may come from its shim, from
// the daemon that cleans up after a dead shim, from both, or from nobody at all.
//
// It only remembers and compares. Who asks the daemon and who delivers is monitor.h.
#ifndef CONTAINERD_SRC_LIBCONTAINERD_TRACKER_H_
#define CONTAINERD_SRC_LIBCONTAINERD_TRACKER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "containerd/libcontainerd/types.h"

#include "src/base/mutex.h"

namespace containerd::libcontainerd {

struct Event {
  EventType type = EventType::kUnknown;
  EventInfo info{};
};

// A process that has been seen to run, and not to end.
struct Live {
  std::string container_id{};
  std::string process_id{};
  std::uint32_t pid = 0;

  bool IsInit() const { return process_id == container_id; }
  friend auto operator<=>(const Live&, const Live&) = default;
};

// Safe from any thread.
class Tracker {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Tracker(std::function<Clock::time_point()> now = Clock::now) : now_(std::move(now)) {}

  // A process was created, started or loaded. A first process of another pid begins another run;
  // what is still thought to live of the one before stays until somebody says how it ended. Nothing
  // if its exit has just been told; a pid that ended longer ago has been given to another process.
  void Lives(const Live& process);

  // An exit that somebody tells, to be delivered unless it has been: with `earlier_run` set if it
  // is none of the last run. A pid of 0 fits any.
  std::vector<Event> Exited(EventInfo info);

  // The task is gone from the daemon, with all of its processes; `init` is what the daemon says of
  // the first one. Exits that nobody has told are to be delivered: an exec's is unknown.
  std::vector<Event> TaskGone(const EventInfo& init);

  // A started process is no longer known by anybody, so its exit is to be delivered as unknown.
  std::vector<Event> Lost(const Live& process, absl::Status why);

  // Whether the process is still thought to live.
  bool IsLive(const Live& process) const;

  std::vector<Live> AllLive() const;

  // Forgets containers of which nothing lives, but for these, which have a task.
  void ForgetAllBut(const std::set<std::string>& container_ids);

 private:
  struct Run {
    std::uint32_t pid = 0;                        // of the first process
    std::map<std::string, std::uint32_t> live{};  // pids by process id
  };
  using Runs = std::vector<Run>;  // the last one is the container's present one

  // How many exits are remembered, to know their like when it comes.
  static constexpr std::size_t kRemembered = 16'384;
  // How much older than its exit what tells of a process's life may be. The kernel does not come
  // back to a pid so soon.
  static constexpr std::chrono::seconds kStale{60};
  using Exit = std::tuple<std::string, std::string, std::uint32_t>;  // container, process, pid

  bool Told(const EventInfo& info) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Remember(const EventInfo& info) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Deliver(EventInfo info, std::vector<Event>& out) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::function<Clock::time_point()> now_;
  mutable base::Mutex mu_;
  std::unordered_map<std::string, Runs> runs_ ABSL_GUARDED_BY(mu_);  // by container
  std::map<Exit, Clock::time_point> told_ ABSL_GUARDED_BY(mu_);
  // Of told_, oldest first, with some that are there no more.
  std::deque<std::pair<Exit, Clock::time_point>> order_ ABSL_GUARDED_BY(mu_);
};

}  // namespace containerd::libcontainerd

#endif  // CONTAINERD_SRC_LIBCONTAINERD_TRACKER_H_
