// SPDX-License-Identifier: Apache-2.0
#include "alarms.h"

#include <algorithm>
#include <utility>

#include <absl/time/clock.h>

namespace engine {

Alarms::Alarms(std::function<void(const std::string&)> ring)
    : ring_(std::move(ring)), thread_([this] { Run(); }) {}

Alarms::~Alarms() {
  {
    const std::lock_guard lock(mu_);
    over_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Alarms::Set(const std::string& name, absl::Time when) {
  {
    const std::lock_guard lock(mu_);
    if (when == absl::InfiniteFuture()) {
      set_.erase(name);
      return;
    }
    set_[name] = when;
  }
  changed_.notify_all();
}

void Alarms::Run() {
  std::unique_lock lock(mu_);
  while (!over_) {
    const auto next = std::min_element(
        set_.begin(), set_.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    if (next == set_.end()) {
      changed_.wait(lock);
      continue;
    }
    if (const absl::Duration left = next->second - absl::Now(); left > absl::ZeroDuration()) {
      changed_.wait_for(lock, absl::ToChronoNanoseconds(left));
      continue;
    }
    const std::string name = next->first;
    set_.erase(next);
    lock.unlock();
    ring_(name);
    lock.lock();
  }
}

}  // namespace engine
