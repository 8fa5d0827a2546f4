// SPDX-License-Identifier: Apache-2.0
//
// libcurl's multi handle, driven by the reactor. All of it happens on the reactor's thread, except
// Get, Post and the release.
#ifndef CONTAINERD_SRC_HTTP_ENGINE_H_
#define CONTAINERD_SRC_HTTP_ENGINE_H_

#include <functional>
#include <memory>
#include <sys/types.h>
#include <unistd.h>
#include <utility>

#include <absl/status/statusor.h>
#include <curl/curl.h>

#include "src/reactor/internal/reactor.h"

namespace containerd::http {

// One transfer, as the engine sees it.
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual void Completed(CURLcode result) = 0;
};

class Multi;

// Holders of the engine keep its connections open: transfers under way, and transports that want to
// reuse connections. The connections are closed with the last reference.
class Engine {
 public:
  // The process's engine.
  static absl::StatusOr<std::shared_ptr<Engine>> Get();

  Engine(std::shared_ptr<reactor::Reactor> reactor, std::shared_ptr<Multi> multi)
      : reactor_(std::move(reactor)), multi_(std::move(multi)) {}
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  reactor::Reactor& reactor() const { return *reactor_; }
  void Post(std::function<void()> fn) const { reactor_->Post(std::move(fn)); }

  // On the reactor's thread, and not from within a callback of libcurl's. After Remove, or after
  // Completed was called, the handle is the caller's again.
  bool Add(CURL* easy, std::shared_ptr<Exchange> exchange);
  void Remove(CURL* easy);

 private:
  const std::shared_ptr<reactor::Reactor> reactor_;
  const std::shared_ptr<Multi> multi_;
  const pid_t owner_ = getpid();  // a forked child has no thread to do anything on
};

}  // namespace containerd::http

#endif  // CONTAINERD_SRC_HTTP_ENGINE_H_
