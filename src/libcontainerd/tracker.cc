// SPDX-License-Identifier: Apache-2.0
#include "tracker.h"

#include <algorithm>

#include <absl/time/clock.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::libcontainerd {
namespace {

EventInfo Unknown(const Live& process, absl::Status why) {
  return {.container_id = process.container_id,
          .process_id = process.process_id,
          .pid = process.pid,
          .exit_code = kUnknownExitCode,
          .exited_at = absl::Now(),
          .error = std::move(why)};
}

// A pid that is not known fits any.
bool Same(std::uint32_t a, std::uint32_t b) { return a == 0 || b == 0 || a == b; }

}  // namespace

void Tracker::Lives(const Live& process) {
  base::MutexLock lock(mu_);
  const Exit exit{process.container_id, process.process_id, process.pid};
  if (const auto told = told_.find(exit); told != told_.end() && process.pid != 0) {
    // What the daemon publishes may be older than what it answered to a call.
    if (now_() - told->second < kStale) return;
    told_.erase(told);
  }
  Runs& runs = runs_[process.container_id];
  const bool begins = process.IsInit() && std::none_of(runs.begin(), runs.end(), [&](const Run& r) {
                        return r.pid == process.pid;
                      });
  if (runs.empty() || (begins && runs.back().pid != 0)) {
    std::erase_if(runs, [](const Run& run) { return run.live.empty(); });
    runs.emplace_back();
  }
  if (begins) runs.back().pid = process.pid;
  // An exit without a pid was of a process before.
  if (runs.back().live.try_emplace(process.process_id, process.pid).second) {
    told_.erase({process.container_id, process.process_id, 0});
  }
}

std::vector<Event> Tracker::Exited(EventInfo info) {
  base::MutexLock lock(mu_);
  std::vector<Event> out;
  if (!Told(info)) Deliver(std::move(info), out);
  return out;
}

std::vector<Event> Tracker::TaskGone(const EventInfo& init) {
  base::MutexLock lock(mu_);
  std::vector<Event> out;
  const auto runs = runs_.find(init.container_id);
  if (runs == runs_.end()) return out;
  const auto run = std::find_if(runs->second.begin(), runs->second.end(),
                                [&](const Run& r) { return Same(r.pid, init.pid); });
  if (run == runs->second.end()) return out;
  const auto live = run->live;
  for (const auto& [process_id, pid] : live) {
    if (process_id == init.container_id) continue;
    Deliver(Unknown({init.container_id, process_id, pid},
                    errdefs::Unavailable(fmt::format(
                        "the exit of process \"{}\" is not known: its task \"{}\" is gone",
                        process_id, init.container_id))),
            out);
  }
  if (live.contains(init.container_id)) Deliver(init, out);
  runs->second.erase(run);
  if (runs->second.empty()) runs_.erase(runs);
  return out;
}

std::vector<Event> Tracker::Lost(const Live& process, absl::Status why) {
  return Exited(Unknown(process, std::move(why)));
}

bool Tracker::IsLive(const Live& process) const {
  base::MutexLock lock(mu_);
  const auto runs = runs_.find(process.container_id);
  if (runs == runs_.end()) return false;
  return std::any_of(runs->second.begin(), runs->second.end(), [&](const Run& run) {
    const auto live = run.live.find(process.process_id);
    return live != run.live.end() && live->second == process.pid;
  });
}

std::vector<Live> Tracker::AllLive() const {
  base::MutexLock lock(mu_);
  std::vector<Live> all;
  for (const auto& [container_id, runs] : runs_) {
    for (const Run& run : runs) {
      for (const auto& [process_id, pid] : run.live) all.push_back({container_id, process_id, pid});
    }
  }
  return all;
}

void Tracker::ForgetAllBut(const std::set<std::string>& container_ids) {
  base::MutexLock lock(mu_);
  std::erase_if(runs_, [&](const auto& entry) {
    return !container_ids.contains(entry.first) &&
           std::all_of(entry.second.begin(), entry.second.end(),
                       [](const Run& run) { return run.live.empty(); });
  });
}

// An exit without a pid is of the process that lives, if one does, which has not been told then.
bool Tracker::Told(const EventInfo& info) const {
  if (info.pid != 0) {
    return told_.contains({info.container_id, info.process_id, info.pid}) ||
           told_.contains({info.container_id, info.process_id, 0});
  }
  if (const auto runs = runs_.find(info.container_id); runs != runs_.end()) {
    for (const Run& run : runs->second) {
      if (run.live.contains(info.process_id)) return false;
    }
  }
  const auto first = told_.lower_bound({info.container_id, info.process_id, 0});
  return first != told_.end() && std::get<0>(first->first) == info.container_id &&
         std::get<1>(first->first) == info.process_id;
}

void Tracker::Remember(const EventInfo& info) {
  Exit exit{info.container_id, info.process_id, info.pid};
  const Clock::time_point now = now_();
  if (!told_.try_emplace(exit, now).second) return;
  order_.emplace_back(std::move(exit), now);
  if (order_.size() <= kRemembered) return;
  const auto& [oldest, when] = order_.front();
  if (const auto told = told_.find(oldest); told != told_.end() && told->second == when) {
    told_.erase(told);
  }
  order_.pop_front();
}

void Tracker::Deliver(EventInfo info, std::vector<Event>& out) {
  if (const auto runs = runs_.find(info.container_id); runs != runs_.end()) {
    const Run& last = runs->second.back();
    // It is of an earlier run if it is one of the last one's neither by its pid nor by that run's.
    info.earlier_run = info.process_id == info.container_id && !Same(info.pid, last.pid);
    for (Run& run : runs->second) {
      const auto live = run.live.find(info.process_id);
      if (live == run.live.end() || !Same(live->second, info.pid)) continue;
      if (info.pid == 0) info.pid = live->second;
      info.earlier_run = &run != &last;
      run.live.erase(live);
      break;
    }
  }
  Remember(info);
  out.push_back({EventType::kExit, std::move(info)});
}

}  // namespace containerd::libcontainerd
