// SPDX-License-Identifier: Apache-2.0
#include "engine.h"

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <fcntl.h>
#include <filesystem>
#include <iostream>
#include <unistd.h>
#include <utility>
#include <vector>

#include <absl/time/clock.h>

#include "containerd/container_opts.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/identifiers/identifiers.h"
#include "containerd/oci/oci.h"

namespace engine {
namespace {

using namespace containerd;  // NOLINT: an example is short

namespace fs = std::filesystem;

constexpr char kRuntime[] = "io.containerd.runc.v2";

// Between attempts at what failed: the daemon may be away.
constexpr absl::Duration kFirstPause = absl::Milliseconds(100);
constexpr absl::Duration kLastPause = absl::Seconds(1);
constexpr absl::Duration kCall = absl::Seconds(30);

// How soon to look whether a process that was killed has ended, should no event tell.
constexpr absl::Duration kSoon = absl::Milliseconds(200);

// Nothing more to do until somebody calls.
constexpr absl::Duration kDone = absl::InfiniteDuration();

// So often is an id taken before its task is no longer believed to be about to show up. A
// containerd 1.6 that was killed may keep an id for ever.
constexpr int kMostTaken = 8;

// The exit code of what could not be started, as shells have it.
constexpr std::uint32_t kNotStarted = 127;

// Whether a call may do better a moment later, with no change to what it was asked.
bool IsPassing(const absl::Status& s) {
  return errdefs::IsUnavailable(s) || errdefs::IsCanceled(s) || errdefs::IsDeadlineExceeded(s) ||
         errdefs::IsConflict(s) || errdefs::IsAlreadyExists(s);
}

// The container's id with the daemon. No two containers have the same, as names come in whole.
std::string IdOf(const std::string& name, std::uint32_t generation) {
  return name + "." + std::to_string(generation);
}

std::string NameOf(const std::string& id) { return id.substr(0, id.rfind('.')); }

absl::Status UnlessGone(const absl::Status& s) {
  return errdefs::IsNotFound(s) ? absl::OkStatus() : s;
}

}  // namespace

// Notes exits, and calls for a turn of whatever container something happened to.
class Engine::Hears final : public lc::Backend {
 public:
  explicit Hears(Engine& engine) : engine_(engine) {}

  absl::Status ProcessEvent(const std::string& id, lc::EventType type,
                            const lc::EventInfo& info) override {
    if (type != lc::EventType::kExit || info.process_id != id) return absl::OkStatus();
    const std::string name = NameOf(id);
    {
      const std::lock_guard lock(engine_.mu_);
      const auto found = engine_.containers_.find(name);
      if (found == engine_.containers_.end()) return absl::OkStatus();
      found->second->exits[info.pid] = info.exit_code;
    }
    engine_.Call(name);
    return absl::OkStatus();
  }

 private:
  Engine& engine_;
};

Engine::Engine(const Context& ctx, const Client& client, std::string dir, std::string ns)
    : ctx_(WithNamespace(ctx, ns)),
      client_(client),
      dir_(std::move(dir)),
      ns_(std::move(ns)),
      store_(dir_ + "/containers") {}

Engine::~Engine() {
  lc_.reset();
  turns_.Close();
  alarms_.reset();
}

absl::StatusOr<std::unique_ptr<Engine>> Engine::Start(const Context& ctx, const Client& client,
                                                      std::string dir, std::string ns) {
  std::unique_ptr<Engine> engine(new Engine(ctx, client, std::move(dir), std::move(ns)));
  std::error_code err;
  fs::create_directories(engine->dir_ + "/logs", err);
  if (err) return errdefs::FromErrno(err.value(), "making " + engine->dir_ + "/logs");
  auto records = engine->store_.Load();
  if (!records.ok()) return records.status();
  for (Record& record : *records) {
    auto container = std::make_shared<Container>();
    container->record = std::move(record);
    engine->Publish(*container);
    engine->containers_[container->record.name] = container;
  }
  engine->alarms_.emplace([e = engine.get()](const std::string& name) { e->Call(name); });
  // Events are heard before anything is looked at, so that nothing falls between.
  auto lc = lc::Client::New(engine->ctx_, engine->client_, engine->dir_ + "/state", engine->ns_,
                            std::make_shared<Hears>(*engine));
  if (!lc.ok()) return lc.status();
  engine->lc_ = *std::move(lc);
  std::vector<std::string> names;
  {
    const std::lock_guard lock(engine->mu_);
    for (const auto& [name, container] : engine->containers_) names.push_back(name);
  }
  for (const std::string& name : names) engine->Call(name);
  return engine;
}

absl::Status Engine::Run(Record record) {
  if (absl::Status s = identifiers::Validate(record.name); !s.ok()) return s;
  if (absl::Status s = identifiers::Validate(IdOf(record.name, UINT32_MAX)); !s.ok()) return s;
  if (auto policy = ParsePolicy(record.policy); !policy.ok()) return policy.status();
  if (record.image.find('\n') != std::string::npos) {
    return errdefs::InvalidArgument("the image's name has two lines");
  }
  const std::string name = record.name;
  {
    const std::lock_guard lock(mu_);
    if (containers_.contains(name)) return errdefs::AlreadyExists("container " + name);
    if (absl::Status s = store_.Save(record); !s.ok()) return s;
    auto container = std::make_shared<Container>();
    container->record = std::move(record);
    Publish(*container);
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
  return Change(name, [](Record& record) {
    const bool begun = record.state.begun;  // it may not have been killed yet
    record.state = {.begun = begun};
  });
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
  turns_.Append(name, [this, name] { TakeTurn(name); });
}

void Engine::TakeTurn(const std::string& name) {
  std::shared_ptr<Container> c;
  {
    const std::lock_guard lock(mu_);
    const auto found = containers_.find(name);
    if (found == containers_.end()) return;
    c = found->second;
  }
  const auto next = Converge(*c);
  c->pause = next.ok() ? absl::ZeroDuration() : std::clamp(c->pause * 2, kFirstPause, kLastPause);
  if (!next.ok()) std::cerr << name << ": " << next.status() << "\n";
  {
    const std::lock_guard lock(mu_);
    if (containers_.contains(name)) Publish(*c);
  }
  // In place of an alarm of an earlier turn: this one has looked at all there is.
  alarms_->Set(name, absl::Now() + (next.ok() ? *next : c->pause));
}

absl::StatusOr<absl::Duration> Engine::Converge(Container& c) {
  Record record;
  bool booted = false;
  {
    const std::lock_guard lock(mu_);
    record = c.record;
    booted = c.booted;
  }
  if (record.removed) {
    if (absl::Status s = Destroy(c, record); !s.ok()) return s;
    return kDone;
  }
  auto policy = ParsePolicy(record.policy);
  if (!policy.ok()) return policy.status();
  const bool wanted = WantsRun(*policy, record.state, booted);
  auto loaded = LoadOrCreate(record);
  if (!loaded.ok()) return loaded.status();
  auto found = loaded->Task(WithTimeout(ctx_, kCall));
  if (found.ok()) return Tend(c, record, wanted, *loaded, *found);
  if (!errdefs::IsNotFound(found.status())) return found.status();
  // It ran, and is gone: an event told how it ended, or nobody knows.
  if (record.state.begun) return Ended(c, nullptr, CodeOf(c));
  if (!wanted) return kDone;
  if (const absl::Duration wait = c.not_before - absl::Now(); wait > absl::ZeroDuration()) {
    return wait;
  }
  return Begin(c, record, *loaded);
}

// There is a task.
absl::StatusOr<absl::Duration> Engine::Tend(Container& c, const Record& record, bool wanted,
                                            lc::Container& loaded, lc::Task& found) {
  const Context call = WithTimeout(ctx_, kCall);
  auto status = found.Status(call);
  if (errdefs::IsNotFound(status.status())) return kSoon;
  if (!status.ok()) return status.status();
  if (status->status == ProcessStatus::kStopped) {
    // What it wrote last may still wait to be read; without that it is deleted all the same.
    if (!c.task.has_value()) static_cast<void>(Attach(c, loaded));
    return Ended(c, &found, status->exit_status);
  }
  if (status->status == ProcessStatus::kCreated) {
    // An engine before this one came no further: this was no run.
    if (absl::Status s = UnlessGone(found.ForceDelete(call)); !s.ok()) return s;
    absl::Status s = Note(c, [](Record& noted) {
      State& state = noted.state;
      if (!state.begun) return;
      state.begun = false;
      state.ended = state.restarts > 0;
      if (state.ended) --state.restarts;
    });
    if (!s.ok()) return s;
    return absl::ZeroDuration();
  }
  if (record.state.stopped && !wanted) {
    if (absl::Status s = UnlessGone(found.Kill(call, SIGKILL)); !s.ok()) return s;
    return kSoon;
  }
  if (c.task.has_value()) return kDone;
  if (absl::Status s = Attach(c, loaded); !s.ok()) return s;
  absl::Status s = Note(c, [&](Record& noted) {
    TakeUp(c, noted.state);
    noted.state.begun = true;
  });
  if (!s.ok()) return s;
  return kDone;
}

absl::StatusOr<absl::Duration> Engine::Begin(Container& c, const Record& record,
                                             lc::Container& loaded) {
  const Context call = WithTimeout(ctx_, kCall);
  const auto begin = [&c](State& state) {
    TakeUp(c, state);
    if (state.ended) ++state.restarts;
  };
  auto task = loaded.NewTask(call, "", false, LogOf(record.name));
  if (!task.ok()) {
    const bool taken = errdefs::IsAlreadyExists(task.status());
    c.taken = taken ? c.taken + 1 : 0;
    if (IsPassing(task.status()) && c.taken < kMostTaken) return task.status();
    std::cerr << record.name << ": " << task.status() << "\n";
    if (taken || !std::exchange(c.renewed, true)) {
      if (absl::Status s = Renew(c, record, loaded); !s.ok()) return s;
      c.taken = 0;
      return absl::ZeroDuration();
    }
    absl::Status s = Note(c, [&](Record& noted) {
      begin(noted.state);
      noted.state.ended = true;
      noted.state.exit_code = kNotStarted;
      c.not_before = absl::Now() + Backoff(noted.state.restarts);
    });
    if (!s.ok()) return s;
    return absl::ZeroDuration();
  }
  c.taken = 0;
  c.renewed = false;
  absl::Status begun = Note(c, [&](Record& noted) {
    begin(noted.state);
    noted.state.begun = true;
    noted.state.ended = false;
  });
  if (begun.ok()) begun = task->Start(call);
  if (!begun.ok()) {
    // The next turn sees what has become of it.
    static_cast<void>(task->ForceDelete(WithTimeout(ctx_, kCall)));
    return begun;
  }
  c.task = *std::move(task);
  c.started = absl::Now();
  return kDone;
}

// Gives the container another id, with the snapshot that it has. A containerd that is killed while
// it makes or deletes a task may leave a folder of it, or runc's state, and then refuses each task
// of that id from then on.
absl::Status Engine::Renew(Container& c, const Record& record, lc::Container& old) {
  Record next = record;
  ++next.generation;
  if (auto made = LoadOrCreate(next); !made.ok()) return made.status();
  if (absl::Status s = UnlessGone(old.Delete(WithTimeout(ctx_, kCall))); !s.ok()) return s;
  return Note(c, [&](Record& noted) { noted.generation = next.generation; });
}

// Notes the end of a run, and when the next one may begin.
absl::StatusOr<absl::Duration> Engine::Ended(Container& c, lc::Task* found, std::uint32_t code) {
  lc::Task* const task = c.task.has_value() ? &*c.task : found;  // the one with the streams
  if (task != nullptr) {
    absl::Status s = UnlessGone(task->Delete(WithTimeout(ctx_, kCall)).status());
    if (!s.ok()) return s;
  }
  const bool long_run = c.task.has_value() && absl::Now() - c.started >= kLongRun;
  absl::Status s = Note(c, [&](Record& noted) {
    State& state = noted.state;
    state.begun = false;
    state.ended = true;
    state.exit_code = code;
    if (long_run) state.restarts = 0;
    c.not_before = absl::Now() + Backoff(state.restarts);
    c.exits.clear();
  });
  if (!s.ok()) return s;
  c.task.reset();
  return absl::ZeroDuration();
}

absl::Status Engine::Attach(Container& c, lc::Container& loaded) {
  auto attached = loaded.AttachTask(WithTimeout(ctx_, kCall), LogOf(NameOf(loaded.ID())));
  if (!attached.ok()) return attached.status();
  c.task = *std::move(attached);
  c.started = absl::Now();
  return absl::OkStatus();
}

absl::Status Engine::Destroy(Container& c, const Record& record) {
  const Context call = WithTimeout(ctx_, kCall);
  const std::string& name = record.name;
  // Of the next generation too, which Renew may have begun.
  for (const std::uint32_t generation : {record.generation + 1, record.generation}) {
    if (absl::Status s = DestroyOne(c, IdOf(name, generation)); !s.ok()) return s;
  }
  if (absl::Status s = RemoveSnapshot(name); !s.ok()) return s;
  std::error_code err;
  fs::remove(LogPath(name), err);
  const std::lock_guard lock(mu_);
  store_.Forget(name);
  lines_.erase(name);
  containers_.erase(name);
  return absl::OkStatus();
}

absl::Status Engine::DestroyOne(Container& c, const std::string& id) {
  const Context call = WithTimeout(ctx_, kCall);
  auto loaded = lc_->LoadContainer(call, id);
  if (absl::Status s = UnlessGone(loaded.status()); !s.ok()) return s;
  if (loaded.ok()) {
    auto found = loaded->Task(call);
    if (absl::Status s = UnlessGone(found.status()); !s.ok()) return s;
    if (found.ok()) {
      lc::Task& task = c.task.has_value() && c.task->ID() == id ? *c.task : *found;
      if (absl::Status s = UnlessGone(task.ForceDelete(call)); !s.ok()) return s;
    }
    if (absl::Status s = UnlessGone(loaded->Delete(call)); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::StatusOr<lc::Container> Engine::LoadOrCreate(const Record& record) {
  const Context call = WithTimeout(ctx_, kCall);
  const std::string id = IdOf(record.name, record.generation);
  auto loaded = lc_->LoadContainer(call, id);
  if (!errdefs::IsNotFound(loaded.status())) return loaded;
  auto image = client_.GetImage(call, record.image);
  if (!image.ok()) return image.status();
  containers::Container draft;
  draft.id = id;
  auto spec = oci::GenerateSpec(call, nullptr, &draft,
                                {oci::WithDefaultPathEnv, oci::WithProcessArgs(record.args)});
  if (!spec.ok()) return spec.status();
  auto snapshotter = client_.GetSnapshotter(call, "");
  if (!snapshotter.ok()) return snapshotter.status();
  // It is there of an earlier generation, or of an engine that did not live to make the container.
  auto there = (*snapshotter)->Stat(call, record.name);
  if (!there.ok() && !errdefs::IsNotFound(there.status())) return there.status();
  return lc_->NewContainer(
      call, id, *spec, kRuntime, {},
      {there.ok() ? WithSnapshot(record.name) : WithNewSnapshot(record.name, *image)});
}

absl::Status Engine::RemoveSnapshot(const std::string& name) {
  const Context call = WithTimeout(ctx_, kCall);
  auto snapshotter = client_.GetSnapshotter(call, "");
  if (!snapshotter.ok()) return snapshotter.status();
  return UnlessGone((*snapshotter)->Remove(call, name));
}

absl::Status Engine::Note(Container& c, const std::function<void(Record&)>& change) {
  const std::lock_guard lock(mu_);
  Record record = c.record;
  change(record);
  if (absl::Status s = store_.Save(record); !s.ok()) return s;
  c.record = std::move(record);
  return absl::OkStatus();
}

// It runs now, also if it had been stopped when the engine began. Who has stopped it since then is
// heard.
void Engine::TakeUp(Container& c, State& state) {
  if (c.booted) state.stopped = false;
  c.booted = false;
}

// How the last run ended, as far as events told.
std::uint32_t Engine::CodeOf(Container& c) {
  if (!c.task.has_value()) return lc::kUnknownExitCode;
  const std::lock_guard lock(mu_);
  const auto told = c.exits.find(c.task->Pid());
  return told == c.exits.end() ? lc::kUnknownExitCode : told->second;
}

void Engine::Publish(const Container& c) {
  const State& state = c.record.state;
  const std::string what = c.task.has_value() ? "running " + std::to_string(c.task->Pid())
                           : state.ended      ? "ended " + std::to_string(state.exit_code)
                                              : "waiting 0";
  lines_[c.record.name] = c.record.name + " " + what + " " + std::to_string(state.restarts);
}

std::string Engine::LogPath(const std::string& name) const { return dir_ + "/logs/" + name; }

// Output goes to the end of the container's log. The kernel moves it from the FIFO to the file, so
// that none is in the engine's hands when it is killed; what waits in the FIFO stays there.
lc::StdioCallback Engine::LogOf(const std::string& name) const {
  return [path = LogPath(name)](
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

}  // namespace engine
