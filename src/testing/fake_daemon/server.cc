// SPDX-License-Identifier: Apache-2.0
#include "server.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include <absl/time/clock.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/testing/fake_daemon.h"

#include "src/threads/internal/start.h"

namespace containerd::testing::fake {
namespace {

// As the daemon's.
constexpr int kMaxMessage = 16 << 20;

Context ContextOf(const grpc::GenericCallbackServerContext& server) {
  Context ctx = Context::Background();
  for (const auto& [key, value] : server.client_metadata()) {
    const std::string_view name(key.data(), key.size());
    const std::string text(value.data(), value.size());
    if (name == "containerd-namespace") ctx = WithNamespace(ctx, text);
    if (name == "containerd-lease") ctx = WithLease(ctx, text);
  }
  return ctx;
}

grpc::Status ToStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const errdefs::WireStatus wire = errdefs::ToGRPC(status);
  return {static_cast<grpc::StatusCode>(wire.code), wire.message};
}

}  // namespace

Timers::Timers() {
  const threads::SignalsBlocked blocked;
  thread_ = std::thread([this] { Run(); });
}

Timers::~Timers() {
  {
    const base::MutexLock lock(mu_);
    ended_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

void Timers::At(absl::Time when, std::function<void()> fn) {
  const base::MutexLock lock(mu_);
  due_.emplace(when, std::move(fn));
  changed_.NotifyAll();
}

void Timers::Run() {
  base::MutexLock lock(mu_);
  while (!ended_) {
    const absl::Time next = due_.empty() ? absl::InfiniteFuture() : due_.begin()->first;
    if (next > absl::Now()) {
      changed_.WaitUntil(mu_, next);
      continue;
    }
    const std::function<void()> fn = std::move(due_.begin()->second);
    due_.erase(due_.begin());
    const base::MutexUnlock unlocked(mu_);
    fn();
  }
}

// A call, which holds itself until gRPC is done with it.
class Server::Call final : public grpc::ServerGenericBidiReactor,
                           public Stream,
                           public std::enable_shared_from_this<Call> {
 public:
  static Call* Begin(Server& server, const grpc::GenericCallbackServerContext& context) {
    auto call = std::make_shared<Call>(server, context);
    call->self_ = call;
    const auto found = server.methods_.find(call->method_);
    if (found == server.methods_.end()) {
      call->Finish(errdefs::NotImplemented(
          fmt::format("unknown method {}: the fake daemon does not serve it", call->method_)));
      return call.get();
    }
    {
      const base::MutexLock lock(call->taking_);
      call->on_message_ = found->second(call);
    }
    call->StartRead(&call->incoming_);
    return call.get();
  }

  Call(Server& server, const grpc::GenericCallbackServerContext& context)
      : server_(server), method_(context.method()), ctx_(ContextOf(context)) {}

  const Context& ctx() const override { return ctx_; }

  void Open() override {
    const base::MutexLock lock(mu_);
    if (!ended_) StartSendInitialMetadata();
  }

  void Send(grpc::ByteBuffer message) override {
    const base::MutexLock lock(mu_);
    if (finished_ || mute_) return;
    queue_.push_back(std::move(message));
    Pump();
  }

  void Finish(const absl::Status& status) override {
    const base::MutexLock lock(mu_);
    if (!mute_) End(status);
  }

  bool finished() const override {
    const base::MutexLock lock(mu_);
    return finished_;
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      if (!held_) Take(nullptr);
      return;
    }
    if (std::exchange(first_, false)) {
      std::optional<Fault> fault = server_.Next(method_);
      if (fault.has_value()) return Suffer(*std::move(fault));
    }
    Deliver();
  }

  void OnWriteDone(bool ok) override {
    const base::MutexLock lock(mu_);
    writing_ = false;
    queue_.pop_front();
    if (!ok) queue_.clear();
    Pump();
  }

  void OnCancel() override {
    const base::MutexLock lock(mu_);
    End(errdefs::Canceled("the call was cancelled"));
  }

  void OnDone() override {
    const std::shared_ptr<Call> self = std::move(self_);
    const base::MutexLock lock(taking_);
    on_message_ = nullptr;  // it holds this
  }

 private:
  void Take(grpc::ByteBuffer* message) {
    const base::MutexLock lock(taking_);
    if (on_message_) on_message_(message);
  }

  void Deliver() {
    Take(&incoming_);
    incoming_.Clear();
    const base::MutexLock lock(mu_);
    if (!ended_) StartRead(&incoming_);
  }

  void Suffer(Fault fault) {
    if (std::exchange(fault.served, false)) {
      {
        const base::MutexLock lock(mu_);
        mute_ = true;
      }
      Deliver();
      if (fault.error.ok() && !fault.disconnect) return;
    }
    if (fault.delay > absl::ZeroDuration()) {
      held_ = true;
      const absl::Duration delay = std::exchange(fault.delay, absl::ZeroDuration());
      if (delay == absl::InfiniteDuration()) return;
      server_.timers_.At(absl::Now() + delay, [self = shared_from_this(), fault] {
        if (self->finished()) return;
        self->held_ = false;
        self->Suffer(fault);
      });
    } else if (fault.disconnect) {
      // From elsewhere: the server can't end while it serves this.
      server_.timers_.At(
          absl::Now(), [server = &server_] { (void)server->Restart([] {}, absl::ZeroDuration()); });
    } else if (!fault.error.ok()) {
      const base::MutexLock lock(mu_);
      End(fault.error);
    } else {
      Deliver();
    }
  }

  void End(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (std::exchange(finished_, true)) return;
    end_ = status;
    Pump();
  }

  // Nothing is asked of gRPC after its Finish, so that it never does without this.
  void Pump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (ended_ || writing_) return;
    if (!queue_.empty()) {
      writing_ = true;
      StartWrite(&queue_.front());
    } else if (finished_) {
      ended_ = true;
      grpc::ServerGenericBidiReactor::Finish(ToStatus(end_));
    }
  }

  Server& server_;
  const std::string method_;
  const Context ctx_;
  std::shared_ptr<Call> self_;
  grpc::ByteBuffer incoming_;
  bool first_ = true;
  std::atomic<bool> held_ = false;  // nothing is read meanwhile

  base::Mutex taking_;
  OnMessage on_message_ ABSL_GUARDED_BY(taking_);

  mutable base::Mutex mu_;
  std::deque<grpc::ByteBuffer> queue_ ABSL_GUARDED_BY(mu_);
  bool mute_ ABSL_GUARDED_BY(mu_) = false;  // what the method answers is lost
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status end_ ABSL_GUARDED_BY(mu_);
};

class Server::Service final : public grpc::CallbackGenericService {
 public:
  explicit Service(Server& server) : server_(server) {}

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    return Call::Begin(server_, *context);
  }

 private:
  Server& server_;
};

Server::Server(std::string address) : address_(std::move(address)) {}

Server::~Server() {
  {
    const base::MutexLock lock(lifecycle_);
    closed_ = true;
  }
  Stop();
}

absl::Status Server::Start() {
  const base::MutexLock lock(lifecycle_);
  return StartLocked();
}

absl::Status Server::StartLocked() {
  const threads::SignalsBlocked blocked;
  const std::filesystem::path folder = std::filesystem::path(address_).parent_path();
  const std::string socket = folder / fmt::format("{}.sock", ++starts_);
  Running started{.service = std::make_unique<Service>(*this)};
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + socket, grpc::InsecureServerCredentials());
  builder.RegisterCallbackGenericService(started.service.get());
  builder.SetMaxReceiveMessageSize(kMaxMessage);
  builder.SetMaxSendMessageSize(kMaxMessage);
  started.server = builder.BuildAndStart();
  if (started.server == nullptr)
    return errdefs::Unavailable(fmt::format("no server at {}", socket));
  std::error_code error;
  std::filesystem::create_symlink(socket, socket + ".link", error);
  if (!error) std::filesystem::rename(socket + ".link", address_, error);
  if (error) {
    End(std::move(started));
    return errdefs::Unavailable(fmt::format("no link {}: {}", address_, error.message()));
  }
  running_ = std::move(started);
  return absl::OkStatus();
}

void Server::Stop() {
  const base::MutexLock lock(lifecycle_);
  End(std::exchange(running_, {}));
}

void Server::End(Running running) {
  if (running.server != nullptr) running.server->Shutdown(std::chrono::system_clock::now());
  running.server = nullptr;  // before its service
}

absl::Status Server::Restart(const std::function<void()>& meanwhile, absl::Duration away) {
  const base::MutexLock lock(lifecycle_);
  Running before = std::exchange(running_, {});
  if (closed_ || away > absl::ZeroDuration()) End(std::exchange(before, {}));
  meanwhile();
  if (closed_) return absl::OkStatus();
  absl::SleepFor(away);
  const threads::SignalsBlocked blocked;
  absl::Status started = StartLocked();
  End(std::move(before));
  if (!started.ok()) return started;
  // When gRPC in this process has handled a new connection, it has handled the ends of the old
  // ones.
  grpc::ChannelArguments args;
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto probe =
      grpc::CreateCustomChannel("unix:" + address_, grpc::InsecureChannelCredentials(), args);
  if (!probe->WaitForConnected(absl::ToChronoTime(absl::Now() + absl::Seconds(10)))) {
    return errdefs::Unavailable(fmt::format("nobody answers at {}", address_));
  }
  return absl::OkStatus();
}

const std::string* Server::Find(std::string_view method) const {
  if (method.starts_with('/')) method.remove_prefix(1);
  for (const auto& [name, on_call] : methods_) {
    if (name.size() <= method.size() || !name.ends_with(method)) continue;
    const std::size_t before = name.size() - method.size() - 1;
    if (before == 0 || name[before] == '.') return &name;
  }
  return nullptr;
}

std::string Server::Served(std::string_view method) const {
  const auto service_of = [](std::string_view name) {
    name = name.substr(0, name.rfind('/'));
    return std::string(name.substr(name.find_last_of("./") + 1));
  };
  std::set<std::string> services;
  std::string of_service;
  for (const auto& [name, on_call] : methods_) {
    const std::string service = service_of(name);
    services.insert(service);
    if (service == service_of(method)) of_service += " " + name.substr(name.rfind('/') + 1);
  }
  if (!of_service.empty()) return fmt::format("of {}:{}", service_of(method), of_service);
  return fmt::format("of the services {}", fmt::join(services, " "));
}

bool Server::Fail(std::string_view method, int nth, Fault fault) {
  const std::string* name = Find(method);
  if (name == nullptr) return false;
  const base::MutexLock lock(mu_);
  Count& count = counts_[*name];
  count.planned.push_back({.nth = nth > 0 ? count.calls + nth : 0, .fault = std::move(fault)});
  return true;
}

void Server::ClearFaults() {
  const base::MutexLock lock(mu_);
  for (auto& [method, count] : counts_) count.planned.clear();
}

int Server::Calls(std::string_view method) const {
  const std::string* name = Find(method);
  if (name == nullptr) return -1;
  const base::MutexLock lock(mu_);
  const auto found = counts_.find(*name);
  return found == counts_.end() ? 0 : found->second.calls;
}

std::optional<Fault> Server::Next(const std::string& method) {
  const base::MutexLock lock(mu_);
  Count& count = counts_[method];
  ++count.calls;
  for (const Planned& planned : count.planned) {
    if (planned.nth == 0 || planned.nth == count.calls) return planned.fault;
  }
  return std::nullopt;
}

}  // namespace containerd::testing::fake
