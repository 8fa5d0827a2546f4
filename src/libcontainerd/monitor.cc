// SPDX-License-Identifier: Apache-2.0
#include "monitor.h"

#include <algorithm>
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
#include "src/errdefs/internal/guard.h"
#include "src/threads/internal/callback.h"

namespace containerd::libcontainerd {
namespace {

// How long a new Client waits until events come.
constexpr absl::Duration kReadyTimeout = absl::Seconds(10);

// How long the exit of a process that is gone may take to come by itself: the daemon needs up to
// two seconds to clear up after a shim.
constexpr absl::Duration kLateExit = absl::Seconds(3);

// How long to wait for each answer, and between questions that failed.
constexpr absl::Duration kAskTimeout = absl::Seconds(30);
constexpr absl::Duration kFirstPause = absl::Milliseconds(100);
constexpr absl::Duration kLastPause = absl::Seconds(5);

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
  State(Context ctx, std::shared_ptr<Core> core, std::shared_ptr<Backend> backend)
      : ctx_(std::move(ctx)), core_(std::move(core)), backend_(std::move(backend)) {}

  const Context& ctx() const { return ctx_; }

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

  void Close() { queue_.Close(); }

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
    core_->tracker.Lives(process);
    Tell(type, {process.container_id, process.process_id, process.pid});
  }

  void OnExit(const EventInfo& info) {
    if (info.pid == 0 && StillRuns(info)) {
      log::Debug(Text(fmt::format("container \"{}\" runs: its late exit is of an earlier run",
                                  info.container_id)));
      return;
    }
    Tell(core_->tracker.Exited(info));
  }

  void OnDelete(const EventInfo& info) {
    if (info.process_id == info.container_id) {
      Tell(core_->tracker.TaskGone(info));
    } else if (core_->tracker.IsLive({info.container_id, info.process_id, info.pid})) {
      Tell(core_->tracker.Exited(info));
    }
  }

  // Times tell nothing, as clocks are set; the task does.
  bool StillRuns(const EventInfo& info) const {
    const std::string exec = info.process_id == info.container_id ? "" : info.process_id;
    const auto found =
        core_->client.TaskService()->Get(WithTimeout(ctx_, kAskTimeout), info.container_id, exec);
    return found.ok() && found->status != tasks::Status::kStopped &&
           found->status != tasks::Status::kUnknown;
  }

  // No event comes meanwhile, so that what is told here comes before what is younger.
  void OnGap(const events::Gap& gap) {
    log::Info(Text(fmt::format("events were missed: {}", errdefs::Message(gap.cause))));
    threads::Notify("a Backend's OnGap", [&] { backend_->OnGap(gap); });
    const std::vector<Live> processes = core_->tracker.AllLive();
    absl::Duration pause = kFirstPause;
    for (;;) {
      const Context ctx = WithTimeout(ctx_, kAskTimeout);
      auto compared = Compare(ctx, *core_->client.TaskService(), processes);
      if (compared.ok()) return MakeUpFor(*std::move(compared));
      log::Warn(Text(
          fmt::format("comparing the tasks after a gap: {}", errdefs::Message(compared.status()))));
      if (!Sleep(ctx_, pause).ok()) return;
      pause = std::min(pause * 2, kLastPause);
    }
  }

  void MakeUpFor(Comparison compared) {
    for (const EventInfo& info : compared.exited) Tell(core_->tracker.Exited(info));
    if (!compared.gone.empty()) {
      DefaultExecutor()->Execute([self = shared_from_this(), gone = std::move(compared.gone)] {
        if (Sleep(self->ctx_, kLateExit).ok()) self->GiveUpOn(gone);
      });
    }
    core_->tracker.ForgetAllBut(compared.containers);
  }

  void GiveUpOn(const std::vector<Live>& gone) {
    for (const Live& process : gone) {
      if (!core_->tracker.IsLive(process)) continue;  // it has been told
      Tell(core_->tracker.Lost(
          process, errdefs::Unavailable(fmt::format(
                       "the exit of process \"{}\" of container \"{}\" is not known: it came while "
                       "the daemon could not be heard, and the daemon does not know it any more",
                       process.process_id, process.container_id))));
    }
  }

  void Tell(std::vector<Event> events) {
    for (Event& event : events) Tell(event.type, std::move(event.info));
  }

  void Tell(EventType type, EventInfo info) {
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
  Queue queue_;
};

Monitor::Monitor(const Context& ctx, std::shared_ptr<Core> core, std::shared_ptr<Backend> backend)
    : state_([&] {
        auto [own, cancel] = WithCancel(core->In(ctx));
        cancel_ = std::move(cancel);
        return std::make_shared<State>(std::move(own), core, std::move(backend));
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
  absl::Status ready = subscription_->WaitReady(WithTimeout(ctx, kReadyTimeout));
  if (absl::Status ended = ctx.Err(); !ended.ok()) return ended;
  if (errdefs::IsDeadlineExceeded(ready) || errdefs::IsUnavailable(ready)) {
    log::Warn(fmt::format("libcontainerd: no events yet: {}", errdefs::Message(ready)));
    return absl::OkStatus();
  }
  return ready;
}

}  // namespace containerd::libcontainerd
