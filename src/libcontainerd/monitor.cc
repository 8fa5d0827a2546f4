// SPDX-License-Identifier: Apache-2.0
#include "monitor.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <google/protobuf/timestamp.pb.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/events/task.pb.h"
#include "containerd/events/typed.h"
#include "containerd/future/executor.h"
#include "containerd/libcontainerd/queue.h"
#include "containerd/log/log.h"
#include "containerd/tasks/tasks.h"

#include "reconcile.h"
#include "src/base/mutex.h"
#include "src/errdefs/internal/guard.h"
#include "src/reactor/internal/reactor.h"
#include "src/threads/internal/callback.h"

namespace containerd::libcontainerd {
namespace {

absl::Time TimeOf(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

template <typename Message>
EventInfo ExitInfo(const Message& event) {
  return {.container_id = event.container_id(),
          .process_id = event.id().empty() ? event.container_id() : event.id(),
          .pid = event.pid(),
          .exit_code = event.exit_status(),
          .exited_at = TimeOf(event.exited_at())};
}

}  // namespace

class Monitor::State : public std::enable_shared_from_this<State> {
 public:
  State(Context ctx, std::shared_ptr<Core> core, std::shared_ptr<Backend> backend,
        const Patience& patience)
      : ctx_(std::move(ctx)),
        core_(std::move(core)),
        backend_(std::move(backend)),
        patience_(patience),
        reactor_(reactor::Reactor::Shared()) {}

  const Context& ctx() const { return ctx_; }
  const Patience& patience() const { return patience_; }
  absl::Status Begun() const { return reactor_.status(); }

  void OnItem(const events::Item& item) {
    if (ctx_.Done()) return;
    if (const auto* gap = std::get_if<events::Gap>(&item)) {
      OnGap(*gap);
    } else {
      OnEvent(std::get<events::Envelope>(item));
    }
  }

  void OnEnd(const absl::Status& status) const {
    if (errdefs::IsCanceled(status) || ctx_.Done()) {
      log::Info(Text("stopping event stream following graceful shutdown"));
    } else {
      log::Error(Text(fmt::format("failed to get event: {}", errdefs::Message(status))));
    }
  }

  // The context has ended.
  void Close() {
    {
      const base::MutexLock lock(mu_);
      timer_.Cancel();
    }
    queue_.Close();
  }

 private:
  std::string Text(std::string_view text) const {
    return fmt::format("libcontainerd: namespace \"{}\": {}", core_->ns, text);
  }

  void OnEvent(const events::Envelope& envelope) {
    const auto decoded = [&](const auto& event) {
      if (!event.ok()) {
        log::Warn(Text(fmt::format("failed to unmarshal event {}: {}", envelope.topic,
                                   errdefs::Message(event.status()))));
      }
      if (event.ok() && event->container_id().empty()) {
        log::Warn(Text(fmt::format("invalid event {}: it names no container", envelope.topic)));
        return false;
      }
      return event.ok();
    };
    if (events::Is<events::TaskExit>(envelope)) {
      if (auto e = events::Decode<events::TaskExit>(envelope); decoded(e)) OnExit(ExitInfo(*e));
    } else if (events::Is<events::TaskDelete>(envelope)) {
      if (auto e = events::Decode<events::TaskDelete>(envelope); decoded(e)) OnDelete(ExitInfo(*e));
    } else if (events::Is<events::TaskCreate>(envelope)) {
      auto e = events::Decode<events::TaskCreate>(envelope);
      if (decoded(e)) OnLife(EventType::kCreate, {e->container_id(), e->container_id(), e->pid()});
    } else if (events::Is<events::TaskStart>(envelope)) {
      auto e = events::Decode<events::TaskStart>(envelope);
      if (decoded(e)) OnLife(EventType::kStart, {e->container_id(), e->container_id(), e->pid()});
    } else if (events::Is<events::TaskExecStarted>(envelope)) {
      auto e = events::Decode<events::TaskExecStarted>(envelope);
      if (decoded(e)) OnLife(EventType::kExecStarted, {e->container_id(), e->exec_id(), e->pid()});
    } else if (events::Is<events::TaskExecAdded>(envelope)) {
      auto e = events::Decode<events::TaskExecAdded>(envelope);
      if (decoded(e)) Tell(EventType::kExecAdded, {e->container_id(), e->exec_id()});
    } else if (events::Is<events::TaskOOM>(envelope)) {
      auto e = events::Decode<events::TaskOOM>(envelope);
      if (decoded(e)) Tell(EventType::kOOM, {e->container_id()});
    } else if (events::Is<events::TaskPaused>(envelope)) {
      auto e = events::Decode<events::TaskPaused>(envelope);
      if (decoded(e)) Tell(EventType::kPaused, {e->container_id()});
    } else if (events::Is<events::TaskResumed>(envelope)) {
      auto e = events::Decode<events::TaskResumed>(envelope);
      if (decoded(e)) Tell(EventType::kResumed, {e->container_id()});
    } else {
      log::Debug(Text(fmt::format("ignoring event {}", envelope.topic)));
    }
  }

  void OnLife(EventType type, const Live& process) {
    const base::MutexLock lock(tell_mu_);
    core_->tracker.Lives(process);
    Append(type, {process.container_id, process.process_id, process.pid});
  }

  void OnExit(const EventInfo& info) {
    if (info.pid == 0 && StillRuns(info)) {
      log::Debug(Text(fmt::format("container \"{}\" runs: its late exit is of an earlier run",
                                  info.container_id)));
      return;
    }
    Exited(info);
  }

  void OnDelete(const EventInfo& info) {
    if (info.process_id == info.container_id) {
      const base::MutexLock lock(tell_mu_);
      Append(core_->tracker.TaskGone(info));
    } else if (core_->tracker.IsLive({info.container_id, info.process_id, info.pid})) {
      Exited(info);
    }
  }

  void Exited(const EventInfo& info) {
    const base::MutexLock lock(tell_mu_);
    Append(core_->tracker.Exited(info));
  }

  // Times tell nothing, as clocks are set; the task does.
  bool StillRuns(const EventInfo& info) const {
    const std::string exec = info.process_id == info.container_id ? "" : info.process_id;
    const auto found = core_->client.TaskService()->Get(WithTimeout(ctx_, patience_.answer),
                                                        info.container_id, exec);
    return found.ok() && found->status != tasks::Status::kStopped &&
           found->status != tasks::Status::kUnknown;
  }

  // No event comes meanwhile, so that what is told here comes before what is younger.
  void OnGap(const events::Gap& gap) {
    log::Info(Text(fmt::format("events were missed: {}", errdefs::Message(gap.cause))));
    // A key that no container has: who is told may block as with any event.
    queue_.Append("", [self = shared_from_this(), gap] {
      if (self->ctx_.Done()) return;
      threads::Notify("a Backend's OnGap", [&] { self->backend_->OnGap(gap); });
    });
    const std::vector<Live> processes = core_->tracker.AllLive();
    absl::Duration pause = patience_.first_pause;
    for (;;) {
      const Context ctx = WithTimeout(ctx_, patience_.answer);
      auto compared = Compare(ctx, *core_->client.TaskService(), processes);
      if (compared.ok()) return MakeUpFor(*compared);
      log::Warn(Text(
          fmt::format("comparing the tasks after a gap: {}", errdefs::Message(compared.status()))));
      if (!Sleep(ctx_, pause).ok()) return;
      pause = std::min(pause * 2, patience_.last_pause);
    }
  }

  void MakeUpFor(const Comparison& compared) {
    for (const EventInfo& info : compared.exited) Exited(info);
    core_->tracker.ForgetAllBut(compared.containers);
    Doubt(compared.doubtful, patience_.late_exit);
  }

  // Asks for these, too, when the time has passed.
  void Doubt(const std::vector<Live>& processes, absl::Duration pause) {
    const base::MutexLock lock(mu_);
    doubtful_.insert(processes.begin(), processes.end());
    if (doubtful_.empty() || ctx_.Done()) return;
    timer_ = (*reactor_)->RunAfter(pause, [weak = weak_from_this(), pause] {
      DefaultExecutor()->Execute([weak, pause] {
        if (const auto self = weak.lock()) self->SettleDoubts(pause);
      });
    });
  }

  void SettleDoubts(absl::Duration pause) {
    std::set<Live> processes;
    {
      const base::MutexLock lock(mu_);
      processes.swap(doubtful_);
    }
    std::vector<Live> open;
    for (const Live& process : processes) {
      if (ctx_.Done()) return;
      if (!core_->tracker.IsLive(process)) continue;  // it has been told
      const auto answer = AskFor(ctx_, *core_->client.TaskService(), process);
      if (!answer.ok()) {
        log::Warn(Text(fmt::format(
            "nothing is known of process \"{}\" of container \"{}\" since a gap: {}",
            process.process_id, process.container_id, errdefs::Message(answer.status()))));
        open.push_back(process);
      } else if (answer->fate == Answer::Fate::kExited) {
        Exited(answer->exit);
      } else if (answer->fate == Answer::Fate::kGone) {
        GiveUpOn(process);
      }
    }
    Doubt(open, std::clamp(pause * 2, patience_.first_pause, patience_.last_pause));
  }

  void GiveUpOn(const Live& process) {
    const base::MutexLock lock(tell_mu_);
    Append(core_->tracker.Lost(
        process, errdefs::Unavailable(fmt::format(
                     "the exit of process \"{}\" of container \"{}\" is not known: it came while "
                     "the daemon could not be heard, and the daemon does not know it any more",
                     process.process_id, process.container_id))));
  }

  void Append(std::vector<Event> events) ABSL_EXCLUSIVE_LOCKS_REQUIRED(tell_mu_) {
    for (Event& event : events) Append(event.type, std::move(event.info));
  }

  void Tell(EventType type, EventInfo info) {
    const base::MutexLock lock(tell_mu_);
    Append(type, std::move(info));
  }

  void Append(EventType type, EventInfo info) ABSL_EXCLUSIVE_LOCKS_REQUIRED(tell_mu_) {
    const std::string key = info.container_id;
    queue_.Append(key, [self = shared_from_this(), type, info = std::move(info)] {
      if (self->ctx_.Done()) return;
      const absl::Status s = errdefs::Guard(
          "a Backend", [&] { return self->backend_->ProcessEvent(info.container_id, type, info); });
      if (s.ok()) return;
      log::Error(self->Text(fmt::format(
          "container \"{}\": failed to process event {} of \"{}\", pid {}: {}", info.container_id,
          ToString(type), info.process_id, info.pid, errdefs::Message(s))));
    });
  }

  const Context ctx_;
  const std::shared_ptr<Core> core_;
  const std::shared_ptr<Backend> backend_;
  const Patience patience_;
  const absl::StatusOr<std::shared_ptr<reactor::Reactor>> reactor_;
  Queue queue_;
  // Held over what the tracker says and its place in the queue, so that both have one order.
  base::Mutex tell_mu_;
  base::Mutex mu_;
  std::set<Live> doubtful_ ABSL_GUARDED_BY(mu_);
  reactor::Timer timer_ ABSL_GUARDED_BY(mu_);  // for those
};

Monitor::Monitor(const Context& ctx, std::shared_ptr<Core> core, std::shared_ptr<Backend> backend,
                 const Patience& patience)
    : state_([&] {
        auto [own, cancel] = WithCancel(core->In(ctx));
        cancel_ = std::move(cancel);
        return std::make_shared<State>(std::move(own), core, std::move(backend), patience);
      }()) {
  // One text: a comma is "and", where two filters would be "or".
  subscription_ = core->client.EventService()->Subscribe(
      state_->ctx(), {fmt::format("namespace=={},topic~=|^/tasks/|", core->ns)},
      [state = state_](const events::Item& item) { state->OnItem(item); },
      [state = state_](const absl::Status& status) { state->OnEnd(status); }, {events::WithResume});
}

Monitor::~Monitor() {
  cancel_();
  subscription_.reset();
  state_->Close();
}

absl::Status Monitor::WaitReady(const Context& ctx) {
  if (absl::Status s = state_->Begun(); !s.ok()) return s;
  absl::Status ready = subscription_->WaitReady(WithTimeout(ctx, state_->patience().ready));
  if (absl::Status ended = ctx.Err(); !ended.ok()) return ended;
  if (errdefs::IsDeadlineExceeded(ready) || errdefs::IsUnavailable(ready)) {
    log::Warn(fmt::format("libcontainerd: no events yet: {}", errdefs::Message(ready)));
    return absl::OkStatus();
  }
  return ready;
}

}  // namespace containerd::libcontainerd
