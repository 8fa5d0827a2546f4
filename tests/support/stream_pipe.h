// SPDX-License-Identifier: Apache-2.0
//
// Streams in memory, for tests without a daemon.
#ifndef CONTAINERD_TESTS_SUPPORT_STREAM_PIPE_H_
#define CONTAINERD_TESTS_SUPPORT_STREAM_PIPE_H_

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "containerd/errdefs/errdefs.h"
#include "containerd/streaming/streaming.h"

namespace containerd::testing {

// Two ends of a stream in memory.
class Pipe {
 public:
  struct End final : streaming::Stream {
    absl::Status Send(const Context& /*ctx*/, const typeurl::Any& message) override {
      const std::lock_guard lock(pipe->mu_);
      if (out->closed || in->gone) return errdefs::OutOfRange("end of stream");
      out->messages.push_back(message);
      pipe->changed_.notify_all();
      return absl::OkStatus();
    }
    absl::StatusOr<typeurl::Any> Recv(const Context& ctx) override {
      const auto wake = ctx.OnCancel([this] {
        const std::lock_guard lock(pipe->mu_);
        pipe->changed_.notify_all();
      });
      std::unique_lock lock(pipe->mu_);
      pipe->changed_.wait(lock, [&] { return !in->messages.empty() || in->closed || ctx.Done(); });
      if (in->messages.empty() && ctx.Done()) return ctx.Err();
      return Pop();
    }
    absl::StatusOr<std::optional<typeurl::Any>> TryRecv() override {
      const std::lock_guard lock(pipe->mu_);
      if (in->messages.empty() && !in->closed) return std::nullopt;
      absl::StatusOr<typeurl::Any> message = Pop();
      if (!message.ok()) return message.status();
      return *std::move(message);
    }
    absl::Status Close() override {
      const std::lock_guard lock(pipe->mu_);
      out->closed = true;
      pipe->changed_.notify_all();
      return absl::OkStatus();
    }
    absl::StatusOr<typeurl::Any> Pop() {
      if (in->messages.empty() && in->broken) return errdefs::Canceled("stream was destroyed");
      if (in->messages.empty()) return errdefs::OutOfRange("end of stream");
      typeurl::Any message = std::move(in->messages.front());
      in->messages.pop_front();
      return message;
    }

    Pipe* pipe = nullptr;
    struct Way {
      std::deque<typeurl::Any> messages;
      bool closed = false;
      bool gone = false;
      bool broken = false;
    };
    Way* in = nullptr;
    Way* out = nullptr;
  };

  Pipe() {
    left->pipe = right->pipe = this;
    left->out = right->in = &right_way_;
    left->in = right->out = &left_way_;
  }

  // What destroying the left end does: the right one learns that there was no end.
  void DestroyLeft() {
    const std::lock_guard lock(mu_);
    if (!right_way_.closed) right_way_.closed = right_way_.broken = true;
    changed_.notify_all();
  }

  std::size_t InFlight() {
    const std::lock_guard lock(mu_);
    return right_way_.messages.size();
  }

  std::shared_ptr<End> left = std::make_shared<End>();
  std::shared_ptr<End> right = std::make_shared<End>();

 private:
  std::mutex mu_;
  std::condition_variable changed_;
  End::Way left_way_;
  End::Way right_way_;
};

// Makes pipes, of which the test has the right ends.
class PipeCreator final : public streaming::StreamCreator {
 public:
  absl::StatusOr<std::shared_ptr<streaming::Stream>> Create(const Context& /*ctx*/,
                                                            std::string_view id) override {
    auto pipe = std::make_shared<Pipe>();
    pipes[std::string(id)] = pipe;
    return std::shared_ptr<streaming::Stream>(pipe->left.get(),
                                              [pipe](streaming::Stream*) { pipe->DestroyLeft(); });
  }

  std::map<std::string, std::shared_ptr<Pipe>> pipes;
};

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTS_SUPPORT_STREAM_PIPE_H_
