// SPDX-License-Identifier: Apache-2.0
//
// The two directions of copying. A pump lives on the reactor's thread: every function of it is
// called there.
#ifndef CONTAINERD_SRC_CIO_PUMP_H_
#define CONTAINERD_SRC_CIO_PUMP_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <absl/status/status.h>
#include <absl/time/time.h>

#include "containerd/cio/streams.h"

#include "fd.h"
#include "fifo.h"
#include "opens.h"
#include "src/base/fd.h"
#include "src/reactor/internal/reactor.h"

namespace containerd::cio::internal {

// From a FIFO to a sink. A sink that has no room makes it leave the FIFO alone until there is; a
// sink that fails makes it read on and drop the bytes.
class OutputPump : public std::enable_shared_from_this<OutputPump> {
 public:
  using Clock = std::chrono::steady_clock;

  struct Hooks {
    std::function<void()> on_bytes;                    // some have come
    std::function<void(const absl::Status&)> on_done;  // once, last of all
  };

  // `user_fd` is the sink's descriptor, if it is one.
  OutputPump(std::shared_ptr<reactor::Reactor> reactor, std::string path, base::Fd fifo,
             const Sink& sink, std::optional<UserFd> user_fd, Hooks hooks);

  absl::Status Start();
  void Cancel(const absl::Status& why);

  bool done() const { return done_; }
  uint64_t bytes() const { return bytes_; }
  uint64_t delivered() const { return bytes_ - pending_.size(); }

  // Nothing waits in the FIFO or for the sink.
  bool Empty() const;

  // Nobody has the FIFO open for writing, and nothing is in it.
  bool Deserted();

  // The sink has no room.
  bool paused() const { return paused_; }

  // When bytes came last.
  Clock::time_point last_bytes() const { return last_bytes_; }

  // For how long, in all, the sink has kept the stream waiting.
  Clock::duration Behind() const;

 private:
  void OnFifo();
  void Account(Clock::time_point since, uint64_t bytes_before);
  bool SpliceStep();
  void ReadStep();
  void Deliver(std::string_view bytes);
  absl::StatusOr<std::size_t> Offer(std::string_view bytes);
  void Pause();
  void OnRoom();
  void Resume();
  void SinkFailed(const absl::Status& why);
  void Finish(const absl::Status& status);

  const std::shared_ptr<reactor::Reactor> reactor_;
  const std::string path_;
  base::Fd fifo_;
  std::shared_ptr<ByteSink> sink_;
  std::optional<UserFd> user_fd_;
  Hooks hooks_;

  reactor::Registration fifo_watch_;
  reactor::Registration sink_watch_;
  reactor::Timer retry_;  // for a full descriptor that epoll cannot watch
  bool splice_ = false;
  int futile_ = 0;       // splices in a row that found both sides ready and moved nothing
  std::string pending_;  // read and not taken by the sink yet
  bool paused_ = false;
  Clock::time_point paused_since_;
  Clock::duration behind_{};  // before paused_since_
  Clock::time_point last_bytes_;
  bool done_ = false;
  uint64_t bytes_ = 0;
  absl::Status sink_status_;
};

// From a source to a FIFO. It has the FIFO open from the beginning, so that who opens it for the
// task waits for the input, and takes from the source once somebody has.
class InputPump : public std::enable_shared_from_this<InputPump> {
 public:
  using Clock = std::chrono::steady_clock;
  using OnDone = std::function<void(const absl::Status&)>;

  InputPump(std::shared_ptr<reactor::Reactor> reactor, Fifo fifo, const Source& source,
            std::optional<UserFd> user_fd, OnDone on_done);

  // An error when the FIFO cannot be opened; that the task's side is not there yet is none.
  absl::Status Start();
  void Cancel(const absl::Status& why);

  bool done() const { return done_; }
  uint64_t bytes() const { return bytes_; }

  // Whether it is done because the source has ended or failed, so that no more input can come.
  bool source_ended() const { return source_ended_; }

 private:
  enum class Step { kMoved, kWaitForFifo, kWaitForSource, kEnd };

  void Open();
  void AwaitReader();
  void AwaitReaderBriefly();
  void TryBegin();
  void ReaderLost();
  void RetryAfterDelay(void (InputPump::*what)());
  void Copy();
  Step Next();
  bool Arrived() const;
  void LookAgain();
  Step FlushPending();
  Step ReadSource();
  Step ReadFd();
  void WaitForSource();
  void Finish(const absl::Status& status);
  absl::Status ReaderGone() const;

  const std::shared_ptr<reactor::Reactor> reactor_;
  std::optional<Fifo> file_;  // until somebody reads
  const std::string path_;
  std::shared_ptr<ByteSource> source_;
  std::optional<UserFd> user_fd_;
  OnDone on_done_;

  base::Fd fifo_;
  reactor::Registration fifo_watch_;
  reactor::Registration source_watch_;
  reactor::Timer retry_;
  std::shared_ptr<Opens> opens_;  // kept to the end: making another is not cheap
  Opens::Watch open_watch_;       // for the task's side
  absl::Duration delay_;          // between attempts, where nothing tells when to try
  bool polling_ = false;
  bool begun_ = false;  // the task's side is open
  Clock::time_point begun_at_;
  std::optional<Clock::time_point> first_begun_;
  reactor::Timer gone_;  // until the task's side counts as closed
  bool at_end_ = false;  // the source is
  absl::Duration look_;  // between looks whether what it gave has arrived
  bool splice_ = false;
  std::string pending_;  // from the source, not in the FIFO yet
  std::size_t offset_ = 0;
  bool done_ = false;
  bool source_ended_ = false;
  absl::Status status_;  // when done
  uint64_t bytes_ = 0;
};

}  // namespace containerd::cio::internal

#endif  // CONTAINERD_SRC_CIO_PUMP_H_
