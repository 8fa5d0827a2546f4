// SPDX-License-Identifier: Apache-2.0
//
// When somebody opens or closes a FIFO. That makes no descriptor of it ready, so inotify has to
// tell.
#ifndef CONTAINERD_SRC_CIO_OPENS_H_
#define CONTAINERD_SRC_CIO_OPENS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <sys/types.h>
#include <unistd.h>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "src/base/fd.h"
#include "src/reactor/internal/reactor.h"

namespace containerd::cio::internal {

// The one inotify descriptor of all who wait on a reactor. Used on the reactor's thread only, but
// for Of.
class Opens : public std::enable_shared_from_this<Opens> {
 public:
  // `closed`: some descriptor has been closed through which nothing could be written.
  using Callback = std::function<void(bool closed)>;

  // Destroying it ends the watching.
  class Watch {
   public:
    Watch() = default;
    Watch(Watch&& other) noexcept = default;
    Watch& operator=(Watch&& other) noexcept;
    ~Watch() { Reset(); }
    void Reset();
    explicit operator bool() const { return opens_ != nullptr; }

   private:
    friend class Opens;
    Watch(std::shared_ptr<Opens> opens, std::pair<int, std::uint64_t> key)
        : opens_(std::move(opens)), key_(key) {}

    std::shared_ptr<Opens> opens_;
    std::pair<int, std::uint64_t> key_;
  };

  // ErrResourceExhausted at the limits of the system (fs.inotify.max_user_instances).
  static absl::StatusOr<std::shared_ptr<Opens>> Of(
      const std::shared_ptr<reactor::Reactor>& reactor);

  // Calls `on_change` each time that somebody has opened the file that `fd` stands for, in
  // whichever mode, or closed it.
  absl::StatusOr<Watch> Add(int fd, Callback on_change);

 private:
  Opens() = default;
  absl::Status Start(reactor::Reactor& reactor);
  void OnEvents();

  const pid_t owner_ = getpid();  // a forked child shares the descriptor
  base::Fd inotify_;
  reactor::Registration registration_;
  std::uint64_t next_ = 0;
  // By the kernel's number for the file, which several may watch.
  std::map<std::pair<int, std::uint64_t>, std::shared_ptr<Callback>> watches_;
};

}  // namespace containerd::cio::internal

#endif  // CONTAINERD_SRC_CIO_OPENS_H_
