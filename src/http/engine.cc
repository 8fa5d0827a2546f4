// SPDX-License-Identifier: Apache-2.0
#include "engine.h"

#include <sys/epoll.h>
#include <unordered_map>
#include <utility>

#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"

#include "src/base/mutex.h"

namespace containerd::http {

// Belongs to the reactor's thread.
class Multi : public std::enable_shared_from_this<Multi> {
 public:
  explicit Multi(reactor::Reactor* reactor) : reactor_(reactor) {}

  bool Open() {
    multi_ = curl_multi_init();
    if (multi_ == nullptr) return false;
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Multi::SocketWanted);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Multi::TimerWanted);
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    // A stream of HTTP/2 that nobody reads from would stop all others of its connection (libcurl
    // stops reading the connection). So each transfer has a connection while it runs.
    curl_multi_setopt(multi_, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, 16L);
    return true;
  }

  void Close() {
    closing_ = true;
    timer_.Cancel();
    curl_multi_cleanup(multi_);
    multi_ = nullptr;
    sockets_.clear();
  }

  bool Add(CURL* easy, std::shared_ptr<Exchange> exchange) {
    if (curl_multi_add_handle(multi_, easy) != CURLM_OK) return false;
    exchanges_.emplace(easy, std::move(exchange));
    return true;
  }

  void Remove(CURL* easy) {
    curl_multi_remove_handle(multi_, easy);
    exchanges_.erase(easy);
  }

 private:
  static int SocketWanted(CURL*, curl_socket_t fd, int what, void* self, void*) {
    static_cast<Multi*>(self)->Watch(fd, what);
    return 0;
  }

  static int TimerWanted(CURLM*, long timeout_ms, void* self) {
    static_cast<Multi*>(self)->SetTimer(timeout_ms);
    return 0;
  }

  void Watch(curl_socket_t fd, int what) {
    if (what == CURL_POLL_REMOVE) {
      sockets_.erase(fd);
      return;
    }
    if (closing_) return;
    uint32_t events = 0;
    if ((what & CURL_POLL_IN) != 0) events |= EPOLLIN;
    if ((what & CURL_POLL_OUT) != 0) events |= EPOLLOUT;
    if (const auto it = sockets_.find(fd); it != sockets_.end()) {
      it->second.SetEvents(events);
      return;
    }
    absl::StatusOr<reactor::Registration> watch =
        reactor_->Add(fd, events, [weak = weak_from_this(), fd](uint32_t ready) {
          if (const auto self = weak.lock()) self->Ready(fd, ready);
        });
    if (!watch.ok()) {
      // The transfer then ends by one of its timeouts.
      log::Error(errdefs::Message(errdefs::Annotate(watch.status(), "http")));
      return;
    }
    sockets_.emplace(fd, *std::move(watch));
  }

  void Ready(curl_socket_t fd, uint32_t ready) {
    if (multi_ == nullptr) return;
    int what = 0;
    if ((ready & (EPOLLIN | EPOLLHUP)) != 0) what |= CURL_CSELECT_IN;
    if ((ready & EPOLLOUT) != 0) what |= CURL_CSELECT_OUT;
    if ((ready & EPOLLERR) != 0) what |= CURL_CSELECT_ERR;
    Act(fd, what);
  }

  void SetTimer(long timeout_ms) {
    timer_.Cancel();
    if (timeout_ms < 0 || closing_) return;
    timer_ = reactor_->RunAfter(absl::Milliseconds(timeout_ms), [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self != nullptr && self->multi_ != nullptr) self->Act(CURL_SOCKET_TIMEOUT, 0);
    });
  }

  void Act(curl_socket_t fd, int what) {
    int running = 0;
    curl_multi_socket_action(multi_, fd, what, &running);
    int left = 0;
    while (multi_ != nullptr) {
      CURLMsg* message = curl_multi_info_read(multi_, &left);
      if (message == nullptr) break;
      if (message->msg != CURLMSG_DONE) continue;
      CURL* easy = message->easy_handle;
      const CURLcode result = message->data.result;
      const auto it = exchanges_.find(easy);
      if (it == exchanges_.end()) continue;
      const std::shared_ptr<Exchange> exchange = std::move(it->second);
      exchanges_.erase(it);
      curl_multi_remove_handle(multi_, easy);
      exchange->Completed(result);
    }
  }

  reactor::Reactor* const reactor_;
  CURLM* multi_ = nullptr;
  bool closing_ = false;
  reactor::Timer timer_;
  std::unordered_map<curl_socket_t, reactor::Registration> sockets_;
  std::unordered_map<CURL*, std::shared_ptr<Exchange>> exchanges_;
};

absl::StatusOr<std::shared_ptr<Engine>> Engine::Get() {
  static base::Mutex mu;
  static std::weak_ptr<Engine> current ABSL_GUARDED_BY(mu);
  static pid_t owner ABSL_GUARDED_BY(mu) = 0;
  static const CURLcode initialized = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (initialized != CURLE_OK) return errdefs::Unknown("http: libcurl cannot be initialized");

  base::MutexLock lock(mu);
  if (owner == getpid()) {
    if (std::shared_ptr<Engine> engine = current.lock()) return engine;
  }
  absl::StatusOr<std::shared_ptr<reactor::Reactor>> reactor = reactor::Reactor::Shared();
  if (!reactor.ok()) return errdefs::Annotate(reactor.status(), "http");
  auto multi = std::make_shared<Multi>(reactor->get());
  if (!multi->Open()) return errdefs::ResourceExhausted("http: out of memory");
  auto engine = std::make_shared<Engine>(*std::move(reactor), std::move(multi));
  current = engine;
  owner = getpid();
  return engine;
}

Engine::~Engine() {
  if (owner_ != getpid()) return;
  if (reactor_->OnLoopThread()) {
    // This may be a callback of libcurl's.
    reactor_->Post([reactor = reactor_, multi = multi_] { multi->Close(); });
  } else {
    reactor_->RunSync([this] { multi_->Close(); });
  }
}

bool Engine::Add(CURL* easy, std::shared_ptr<Exchange> exchange) {
  return multi_->Add(easy, std::move(exchange));
}

void Engine::Remove(CURL* easy) { multi_->Remove(easy); }

}  // namespace containerd::http
