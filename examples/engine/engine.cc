// SPDX-License-Identifier: Apache-2.0
#include "engine.h"

#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <iostream>
#include <unistd.h>
#include <utility>
#include <vector>

#include <absl/time/clock.h>

#include "containerd/container_opts.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/future/executor.h"
#include "containerd/identifiers/identifiers.h"
#include "containerd/oci/oci.h"

namespace engine {
namespace {

using namespace containerd;  // NOLINT: an example is short

constexpr char kRuntime[] = "io.containerd.runc.v2";

// Between attempts at what failed: the daemon may be away.
constexpr absl::Duration kFirstPause = absl::Milliseconds(200);
constexpr absl::Duration kLastPause = absl::Seconds(2);
constexpr absl::Duration kCall = absl::Seconds(30);

// Nothing more to do until somebody calls.
constexpr std::nullopt_t kDone = std::nullopt;

}  // namespace

// Notes exits, and calls for a turn of whatever container something happened to.
class Engine::Hears final : public lc::Backend {
 public:
  explicit Hears(Engine& engine) : engine_(engine) {}

  absl::Status ProcessEvent(const std::string& id, lc::EventType type,
                            const lc::EventInfo& info) override {
    if (type != lc::EventType::kExit || info.process_id != id) return absl::OkStatus();
    {
      const std::lock_guard lock(engine_.mu_);
      const auto found = engine_.containers_.find(id);
      if (found == engine_.containers_.end()) return absl::OkStatus();
      found->second->exits[info.pid] = info.exit_code;
    }
    engine_.Call(id);
    return absl::OkStatus();
  }

 private:
  Engine& engine_;
};

Engine::Engine(const Context& ctx, Client client, std::string dir, std::string ns)
    : ctx_(WithNamespace(ctx, ns)),
      client_(std::move(client)),
      dir_(std::move(dir)),
      ns_(std::move(ns)),
      store_(dir_ + "/containers") {}

Engine::~Engine() {
  lc_.reset();
  turns_.Close();
}

absl::StatusOr<std::shared_ptr<Engine>> Engine::Start(const Context& ctx, Client client,
                                                      std::string dir, std::string ns) {
  std::shared_ptr<Engine> engine(new Engine(ctx, std::move(client), std::move(dir), std::move(ns)));
  std::error_code err;
  std::filesystem::create_directories(engine->dir_ + "/logs", err);
  auto records = engine->store_.Load();
  if (!records.ok()) return records.status();
  for (Record& record : *records) {
    auto container = std::make_shared<Container>();
    container->record = std::move(record);
    engine->containers_[container->record.name] = container;
  }
  // Events are heard before anything is looked at, so that nothing falls between.
  auto lc = lc::Client::New(engine->ctx_, engine->client_, engine->dir_ + "/state", engine->ns_,
                            std::make_shared<Hears>(*engine));
  if (!lc.ok()) return lc.status();
  engine->lc_ = *std::move(lc);
  std::vector<std::string> names;
  for (const auto& [name, container] : engine->containers_) names.push_back(name);
  for (const std::string& name : names) engine->Call(name);
  return engine;
}

absl::Status Engine::Run(Record record) {
  if (absl::Status s = identifiers::Validate(record.name); !s.ok()) return s;
  if (auto policy = Policy::Parse(record.policy); !policy.ok()) return policy.status();
  const std::string name = record.name;
  {
    const std::lock_guard lock(mu_);
    if (containers_.contains(name)) return errdefs::AlreadyExists("container " + name);
    if (absl::Status s = store_.Save(record); !s.ok()) return s;
    auto container = std::make_shared<Container>();
    container->record = std::move(record);
    containers_[name] = std::move(container);
  }
  Call(name);
  return absl::OkStatus();
}

absl::Status Engine::Change(const std::string& name, const std::function<void(Record&)>& change) {
  {
    const std::lock_guard lock(mu_);
    const auto found = containers_.find(name);
    if (found == containers_.end()) return errdefs::NotFound("container " + name);
    Record changed = found->second->record;
    change(changed);
    if (absl::Status s = store_.Save(changed); !s.ok()) return s;
    found->second->record = std::move(changed);
    found->second->booted = false;
  }
  Call(name);
  return absl::OkStatus();
}

absl::Status Engine::Stop(const std::string& name) {
  return Change(name, [](Record& record) { record.state.stopped = true; });
}

absl::Status Engine::Continue(const std::string& name) {
  return Change(name, [](Record& record) { record.state = {}; });
}

absl::Status Engine::Remove(const std::string& name) {
  return Change(name, [](Record& record) { record.removed = true; });
}

std::string Engine::List() {
  const std::lock_guard lock(mu_);
  std::string text;
  for (const auto& [name, line] : lines_) text += line + "\n";
  return text;
}

void Engine::Call(const std::string& name) {
  turns_.Append(name, [this, name] {
    auto next = Converge(name);
    absl::Duration pause;
    {
      const std::lock_guard lock(mu_);
      const auto found = containers_.find(name);
      if (found == containers_.end()) return;
      Container& c = *found->second;
      c.pause = next.ok() ? absl::ZeroDuration() : std::clamp(c.pause * 2, kFirstPause, kLastPause);
      pause = c.pause;
      Publish(c);
    }
    if (!next.ok()) {
      std::cerr << name << ": " << next.status() << "\n";
      CallLater(name, pause);
    } else if (next->has_value()) {
      CallLater(name, **next);
    }
  });
}

void Engine::CallLater(const std::string& name, absl::Duration delay) {
  DefaultExecutor()->Execute([weak = weak_from_this(), ctx = ctx_, name, delay] {
    if (!Sleep(ctx, delay).ok()) return;
    if (const auto self = weak.lock()) self->Call(name);
  });
}

absl::StatusOr<std::optional<absl::Duration>> Engine::Converge(const std::string& name) {
  std::shared_ptr<Container> container;
  Record record;
  {
    const std::lock_guard lock(mu_);
    const auto found = containers_.find(name);
    if (found == containers_.end()) return kDone;
    container = found->second;
    record = container->record;
  }
  Container& c = *container;
  if (record.removed) {
    absl::Status s = Destroy(c);
    return s.ok() ? absl::StatusOr<std::optional<absl::Duration>>(kDone) : s;
  }
  auto policy = Policy::Parse(record.policy);
  if (!policy.ok()) return policy.status();
  auto loaded = LoadOrCreate(record);
  if (!loaded.ok()) return loaded.status();

  const Context call = WithTimeout(ctx_, kCall);
  auto task = loaded->Task(call);
  if (!task.ok() && !errdefs::IsNotFound(task.status())) return task.status();
  if (task.ok()) {
    auto status = task->Status(call);
    if (errdefs::IsNotFound(status.status())) return absl::Milliseconds(100);
    if (!status.ok()) return status.status();
    if (status->status == ProcessStatus::kStopped) return Ended(c, &*task, status->exit_status);
    if (status->status == ProcessStatus::kCreated) {
      // An engine before this one came no further.
      if (absl::Status s = task->ForceDelete(call); !s.ok()) return s;
      return absl::ZeroDuration();
    }
    if (record.state.stopped && !policy->WantsRun(record.state, c.booted)) {
      if (absl::Status s = task->Kill(call, SIGKILL); !s.ok() && !errdefs::IsNotFound(s)) return s;
      return absl::Milliseconds(200);
    }
    if (!c.task.has_value()) {
      auto attached = loaded->AttachTask(call, LogOf(name));
      if (!attached.ok()) return attached.status();
      c.task = *attached;
      c.started = absl::Now();
      c.booted = false;
    }
    return kDone;
  }

  if (record.state.begun) {
    // It ran, and is gone: an event told how it ended, or nobody knows.
    std::uint32_t code = lc::kUnknownExitCode;
    if (c.task.has_value()) {
      const std::lock_guard lock(mu_);
      if (const auto told = c.exits.find(c.task->Pid()); told != c.exits.end()) code = told->second;
    }
    return Ended(c, nullptr, code);
  }
  if (!policy->WantsRun(record.state, c.booted)) return kDone;
  if (const absl::Duration wait = c.not_before - absl::Now(); wait > absl::ZeroDuration()) {
    return wait;
  }
  if (absl::Status s = Begin(c); !s.ok()) return s;
  return kDone;
}

// Notes the end of a run, and when the next one may begin.
absl::StatusOr<std::optional<absl::Duration>> Engine::Ended(Container& c, lc::Task* task,
                                                            std::uint32_t code) {
  const Context call = WithTimeout(ctx_, kCall);
  if (c.task.has_value()) task = &*c.task;  // which has the streams
  if (task != nullptr) {
    auto deleted = task->Delete(call);
    if (!deleted.ok() && !errdefs::IsNotFound(deleted.status())) return deleted.status();
  }
  const bool long_run = c.task.has_value() && absl::Now() - c.started >= kLongRun;
  const std::lock_guard lock(mu_);
  Record record = c.record;
  record.state.begun = false;
  record.state.ended = true;
  record.state.exit_code = code;
  if (long_run) record.state.restarts = 0;
  if (absl::Status s = store_.Save(record); !s.ok()) return s;
  c.record = std::move(record);
  c.not_before = absl::Now() + Backoff(c.record.state.restarts);
  c.exits.clear();
  c.task.reset();
  return absl::ZeroDuration();
}

absl::Status Engine::Begin(Container& c) {
  const Context call = WithTimeout(ctx_, kCall);
  auto loaded = lc_->LoadContainer(call, c.record.name);
  if (!loaded.ok()) return loaded.status();
  auto task = loaded->NewTask(call, "", false, LogOf(c.record.name));
  if (!task.ok()) return task.status();
  absl::Status begun;
  {
    // What begins is written down before it does, as the engine may not live to tell.
    const std::lock_guard lock(mu_);
    Record record = c.record;
    if (record.state.ended) ++record.state.restarts;
    record.state.begun = true;
    record.state.ended = false;
    if (c.booted) record.state.stopped = false;  // else it has been stopped meanwhile
    begun = store_.Save(record);
    if (begun.ok()) c.record = std::move(record);
  }
  if (begun.ok()) begun = task->Start(call);
  if (!begun.ok()) {
    static_cast<void>(task->ForceDelete(WithTimeout(ctx_, kCall)));
    return begun;
  }
  c.booted = false;
  c.task = *std::move(task);
  c.started = absl::Now();
  return absl::OkStatus();
}

absl::Status Engine::Destroy(Container& c) {
  const Context call = WithTimeout(ctx_, kCall);
  auto loaded = lc_->LoadContainer(call, c.record.name);
  if (!loaded.ok() && !errdefs::IsNotFound(loaded.status())) return loaded.status();
  if (loaded.ok()) {
    lc::Task* task = c.task.has_value() ? &*c.task : nullptr;
    auto found = loaded->Task(call);
    if (task == nullptr && found.ok()) task = &*found;
    if (task != nullptr) {
      absl::Status s = task->ForceDelete(call);
      if (!s.ok() && !errdefs::IsNotFound(s)) return s;
    }
    if (absl::Status s = loaded->Delete(call); !s.ok() && !errdefs::IsNotFound(s)) return s;
  }
  auto snapshotter = client_.GetSnapshotter(call, "");
  if (snapshotter.ok()) static_cast<void>((*snapshotter)->Remove(call, c.record.name));
  const std::lock_guard lock(mu_);
  store_.Forget(c.record.name);
  lines_.erase(c.record.name);
  const std::string name = c.record.name;
  containers_.erase(name);
  return absl::OkStatus();
}

absl::StatusOr<lc::Container> Engine::LoadOrCreate(const Record& record) {
  const Context call = WithTimeout(ctx_, kCall);
  auto loaded = lc_->LoadContainer(call, record.name);
  if (!errdefs::IsNotFound(loaded.status())) return loaded;
  auto image = client_.GetImage(call, record.image);
  if (!image.ok()) return image.status();
  containers::Container draft;
  draft.id = record.name;
  auto spec = oci::GenerateSpec(call, nullptr, &draft,
                                {oci::WithDefaultPathEnv, oci::WithProcessArgs(record.args)});
  if (!spec.ok()) return spec.status();
  // An engine that did not live to make the container may have left its snapshot.
  if (auto snapshotter = client_.GetSnapshotter(call, ""); snapshotter.ok()) {
    static_cast<void>((*snapshotter)->Remove(call, record.name));
  }
  return lc_->NewContainer(call, record.name, *spec, kRuntime, {},
                           {WithNewSnapshot(record.name, *image)});
}

// Output goes to the end of the container's log. The kernel moves it from the FIFO to the file, so
// that none is in the engine's hands when it is killed; what waits in the FIFO stays there.
lc::StdioCallback Engine::LogOf(const std::string& name) const {
  return [path = dir_ + "/logs/" + name](
             const std::shared_ptr<cio::DirectIO>& io) -> absl::StatusOr<std::shared_ptr<cio::IO>> {
    // Without O_APPEND, into which splice(2) does not move; nobody else writes to it.
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return errdefs::FromErrno(errno, "opening " + path);
    ::lseek(fd, 0, SEEK_END);
    auto attached = lc::AttachStreams({}, cio::Sink::ToFd(fd), cio::Sink::ToFd(fd))(io);
    ::close(fd);
    return attached;
  };
}

void Engine::Publish(const Container& c) {
  const State& state = c.record.state;
  lines_[c.record.name] = c.record.name + " " +
                          (c.task.has_value() ? "running " + std::to_string(c.task->Pid())
                           : state.ended      ? "ended " + std::to_string(state.exit_code)
                                              : "waiting 0") +
                          " " + std::to_string(state.restarts);
}

}  // namespace engine
