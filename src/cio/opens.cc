// SPDX-License-Identifier: Apache-2.0
#include "opens.h"

#include <array>
#include <cstring>
#include <errno.h>
#include <string>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/base/mutex.h"

namespace containerd::cio::internal {

absl::StatusOr<std::shared_ptr<Opens>> Opens::Of(const std::shared_ptr<reactor::Reactor>& reactor) {
  struct Known {
    base::Mutex mu;
    std::weak_ptr<reactor::Reactor> reactor ABSL_GUARDED_BY(mu);
    std::weak_ptr<Opens> opens ABSL_GUARDED_BY(mu);
  };
  static Known& known = *new Known;  // never destroyed: users may outlive static objects
  base::MutexLock lock(known.mu);
  if (auto opens = known.opens.lock(); opens && known.reactor.lock() == reactor) return opens;
  std::shared_ptr<Opens> opens(new Opens);
  if (absl::Status s = opens->Start(*reactor); !s.ok()) return s;
  known.reactor = reactor;
  known.opens = opens;
  return opens;
}

absl::Status Opens::Start(reactor::Reactor& reactor) {
  inotify_ = base::Fd(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!inotify_) return errdefs::FromErrno(errno, "inotify_init1");
  absl::StatusOr<reactor::Registration> registration =
      reactor.Add(inotify_.get(), EPOLLIN, [weak = weak_from_this()](uint32_t) {
        if (const auto self = weak.lock()) self->OnEvents();
      });
  if (!registration.ok()) return registration.status();
  registration_ = *std::move(registration);
  return absl::OkStatus();
}

absl::StatusOr<Opens::Watch> Opens::Add(int fd, Callback on_change) {
  const std::string path = fmt::format("/proc/self/fd/{}", fd);
  const int file = inotify_add_watch(inotify_.get(), path.c_str(), IN_OPEN | IN_CLOSE_NOWRITE);
  if (file < 0) return errdefs::FromErrno(errno, "inotify_add_watch");
  const std::pair key(file, next_++);
  watches_.emplace(key, std::make_shared<Callback>(std::move(on_change)));
  return Watch(shared_from_this(), key);
}

void Opens::OnEvents() {
  const auto self = shared_from_this();
  std::map<int, bool> changed;  // whether something was closed
  bool all = false;
  alignas(inotify_event) std::array<char, 4096> buffer;
  ssize_t n = 0;
  while ((n = read(inotify_.get(), buffer.data(), buffer.size())) > 0) {
    for (const char* p = buffer.data(); p < buffer.data() + n;) {
      inotify_event event;
      std::memcpy(&event, p, sizeof(event));
      p += sizeof(event) + event.len;
      all = all || (event.mask & IN_Q_OVERFLOW) != 0;
      if ((event.mask & (IN_OPEN | IN_CLOSE_NOWRITE)) == 0) continue;
      bool& closed = changed[event.wd];
      closed = closed || (event.mask & IN_CLOSE_NOWRITE) != 0;
    }
  }
  // They may end watches, also others'.
  std::vector<std::pair<std::weak_ptr<Callback>, bool>> called;
  for (const auto& [key, on_change] : watches_) {
    const auto it = changed.find(key.first);
    if (all || it != changed.end())
      called.emplace_back(on_change, it != changed.end() && it->second);
  }
  for (const auto& [weak, closed] : called) {
    if (const auto on_change = weak.lock()) (*on_change)(closed);
  }
}

Opens::Watch& Opens::Watch::operator=(Watch&& other) noexcept {
  if (this != &other) {
    Reset();
    opens_ = std::move(other.opens_);
    key_ = other.key_;
  }
  return *this;
}

void Opens::Watch::Reset() {
  const auto opens = std::exchange(opens_, nullptr);
  if (!opens) return;
  opens->watches_.erase(key_);
  if (getpid() != opens->owner_) return;
  const auto other = opens->watches_.lower_bound({key_.first, 0});
  if (other == opens->watches_.end() || other->first.first != key_.first) {
    inotify_rm_watch(opens->inotify_.get(), key_.first);
  }
}

}  // namespace containerd::cio::internal
