// SPDX-License-Identifier: Apache-2.0
//
// Package future: an executor with threads of its own, no more than a given number.
#ifndef CONTAINERD_FUTURE_THREAD_POOL_H_
#define CONTAINERD_FUTURE_THREAD_POOL_H_

#include <cstddef>
#include <functional>
#include <memory>

#include "containerd/export/export.h"
#include "containerd/future/executor.h"

namespace containerd {

// Runs up to `threads` functions at once (one, if that is 0), and the others in their order after
// them. Threads are started as functions come, and block all signals. If none at all can be had,
// and in a forked child, functions run in Execute.
//
// Functions may block, and wait for each other as far as the threads go. However many wait in line,
// Execute does not: a program that is asked for more than it can do has to refuse some itself.
//
// All functions are safe from any thread.
class CONTAINERD_EXPORT ThreadPool final : public Executor {
 public:
  explicit ThreadPool(std::size_t threads);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Runs all that there is, also what that adds, and joins the threads. Not waited for are they by
  // one of themselves, nor where nothing may wait (in a callback on a thread of the library's);
  // then the functions run all the same.
  ~ThreadPool() override;

  void Execute(std::function<void()> fn) override;

  // Drops what waits in line, and waits, as the destructor does, for what is running. What comes
  // later is dropped too. Whoever waits for a dropped function of Async gets Canceled; a
  // continuation of Then that is dropped is gone.
  void Stop();

 private:
  struct State;
  const std::shared_ptr<State> state_;
};

}  // namespace containerd

#endif  // CONTAINERD_FUTURE_THREAD_POOL_H_
