// SPDX-License-Identifier: Apache-2.0
#include "feed.h"

#include <algorithm>
#include <random>
#include <tuple>
#include <utility>

#include <absl/time/clock.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/future/executor.h"
#include "containerd/typeurl/proto.h"

#include "src/base/await.h"
#include "src/errdefs/internal/guard.h"
#include "src/rpc/internal/call_queue.h"
#include "src/rpc/internal/proto_time.h"
#include "src/rpc/internal/sleep.h"
#include "src/threads/internal/callback.h"

namespace containerd::events {
namespace {

namespace pb = ::containerd::services::events::v1;

// How long to wait for the answer to a probe or marker before asking anew, on whichever channel the
// connection has by then.
constexpr absl::Duration kAnswerTimeout = absl::Seconds(5);

// Markers are published in a namespace of their own, so that they don't bother subscribers who look
// at theirs only.
constexpr char kMarkerNamespace[] = "containerd-cpp";
constexpr std::string_view kMarkerTopic = "/containerd-cpp/subscribed/";

constexpr absl::Duration kMinMarkerDelay = absl::Milliseconds(10);
constexpr absl::Duration kMaxMarkerDelay = absl::Seconds(1);

std::string NewMarker() {
  std::random_device random;
  return fmt::format("{}{:08x}{:08x}", kMarkerTopic, random(), random());
}

// Whether the daemon itself answered with the error, as opposed to a failure to reach it.
bool IsAnswer(const absl::Status& status) {
  return !errdefs::IsUnavailable(status) && !errdefs::IsCanceled(status) &&
         !errdefs::IsDeadlineExceeded(status);
}

// Whether the same subscription would fail again however often it is tried.
bool IsPermanent(const absl::Status& status) {
  return errdefs::IsInvalidArgument(status) || errdefs::IsNotImplemented(status) ||
         errdefs::IsPermissionDenied(status) || errdefs::IsUnauthorized(status) ||
         errdefs::IsFailedPrecondition(status) || errdefs::IsNotFound(status);
}

// The daemon's service reports a filter that does not parse without the error's class, and cut into
// pieces.
absl::Status Reclassify(absl::Status status, const std::vector<std::string>& filters) {
  if (errdefs::IsUnknown(status) &&
      errdefs::Message(status).find("failed parsing subscription filters") !=
          std::string_view::npos) {
    return errdefs::InvalidArgument(fmt::format("subscribe to events with filters [{}]: {}",
                                                fmt::join(filters, ", "),
                                                errdefs::Message(status)));
  }
  return status;
}

}  // namespace

Feed::Feed(const Context& ctx, std::shared_ptr<const EventsStubs> stubs,
           std::vector<std::string> filters, SubscribeOptions options,
           std::optional<Callbacks> callbacks)
    : stubs_(std::move(stubs)),
      filters_(std::move(filters)),
      options_(std::move(options)),
      activity_(std::in_place, stubs_->conn()),
      backoff_(options_.min_backoff),
      marker_(NewMarker()),
      seen_until_(absl::Now()) {
  std::tie(ctx_, cancel_) = WithCancel(ctx);
  if (callbacks.has_value()) callbacks_ = std::make_shared<const Callbacks>(*std::move(callbacks));
}

void Feed::Start() {
  absl::Status s = options_.error;
  if (s.ok()) s = ctx_.Err();
  // A connection that is closed already fails this as it does any call.
  if (s.ok()) s = stubs_->Get().status();
  if (s.ok()) return StartStream();
  base::MutexLock lock(mu_);
  End(std::move(s));
  Deliver();
}

void Feed::StartStream() {
  int attempt = 0;
  {
    const base::MutexLock lock(mu_);
    attempt = ++attempt_;
    streaming_ = true;
    stream_began_ = absl::Now();
    stream_ = {};
    marker_delay_ = kMinMarkerDelay;
  }
  pb::SubscribeRequest request;
  request.mutable_filters()->Assign(filters_.begin(), filters_.end());
  if (!filters_.empty()) request.add_filters(fmt::format("topic==\"{}\"", marker_));
  rpc::StreamHandle stream = rpc::StartServerStream<types::Envelope>(
      ctx_, *stubs_, request,
      [self = shared_from_this()](types::Envelope& envelope) { return self->OnEnvelope(envelope); },
      [self = shared_from_this()](absl::Status status) { self->OnStreamEnd(std::move(status)); });
  const base::MutexLock lock(mu_);
  if (attempt != attempt_ || !streaming_) return;  // over already
  stream_ = std::move(stream);
  // The queue may have been full and then emptied before there was a handle to resume with.
  if (queue_.size() < options_.queue_size) stream_.Resume();
}

bool Feed::OnEnvelope(types::Envelope& proto) {
  using P = types::Envelope;
  std::optional<Envelope> envelope;
  if (!proto.topic().starts_with(kMarkerTopic)) {
    // The event stays as it came, for who wants to decode it.
    envelope = {.timestamp = rpc::TimeOf(proto, &P::has_timestamp, &P::timestamp),
                .ns = std::move(*proto.mutable_namespace_()),
                .topic = std::move(*proto.mutable_topic()),
                .event = typeurl::FromProto(std::move(*proto.mutable_event()))};
  }
  base::MutexLock lock(mu_);
  if (end_.has_value() || ctx_.Done()) return true;  // reads on to the end of the stream
  NoteReady();
  if (envelope.has_value()) {
    seen_until_ = std::max(seen_until_, envelope->timestamp);
    Push(*std::move(envelope));
  }
  Deliver();
  full_ = queue_.size() >= options_.queue_size;
  return !full_;
}

void Feed::OnStreamEnd(absl::Status status) {
  base::MutexLock lock(mu_);
  streaming_ = false;
  ready_ = false;
  stream_ = {};
  status = Reclassify(std::move(status), filters_);
  if (absl::Status ended = Ended(); !ended.ok()) {
    End(std::move(ended));
  } else if (!options_.resume || IsPermanent(status)) {
    End(status.ok() ? errdefs::OutOfRange("end of stream") : std::move(status));
  } else {
    if (!gap_.has_value()) {
      gap_ = Gap{.since = seen_until_,
                 .until = absl::InfiniteFuture(),
                 .cause = status.ok() ? errdefs::OutOfRange("end of stream") : std::move(status)};
    }
    if (absl::Now() - stream_began_ > options_.max_backoff) backoff_ = options_.min_backoff;
    After(NextBackoff(), &Feed::AskDaemon);
  }
  Deliver();
}

void Feed::After(absl::Duration delay, void (Feed::*step)()) {
  rpc::SleepAsync(ctx_, stubs_->conn(), delay,
                  [self = shared_from_this(), step, sleep = ++sleeps_](absl::Status status) {
                    base::MutexLock lock(self->mu_);
                    if (sleep != self->sleeps_) return;
                    if (!status.ok()) {
                      // A stream under way ends by itself.
                      absl::Status ended = self->Ended();
                      if (ended.ok()) ended = std::move(status);
                      if (!self->streaming_) self->End(std::move(ended));
                      self->Deliver();
                      return;
                    }
                    lock.Unlock();
                    (*self.*step)();
                  });
}

absl::Duration Feed::NextBackoff() {
  const absl::Duration delay = std::min(backoff_, options_.max_backoff);
  backoff_ = std::min(backoff_ * 2, options_.max_backoff);
  return delay;
}

// Why there is nothing more to come, OK if there may be.
absl::Status Feed::Ended() const {
  if (absl::Status err = ctx_.Err(); !err.ok()) return err;
  if (stubs_->conn()->closing().Done()) {
    return errdefs::Canceled("the client connection is closing");
  }
  return absl::OkStatus();
}

void Feed::Publish(const pb::PublishRequest& request, const rpc::CallOptions& options,
                   std::function<void(absl::Status)> done) {
  const Context ctx = WithNamespace(WithTimeout(ctx_, kAnswerTimeout), kMarkerNamespace);
  rpc::CallAsync<pb::Events, google::protobuf::Empty>(
      ctx, *stubs_, request,
      [done = std::move(done)](const absl::StatusOr<google::protobuf::Empty>& response) {
        done(response.status());
      },
      options);
}

void Feed::AskDaemon() {
  Publish({}, {.wait_for_ready = true}, [self = shared_from_this()](const absl::Status& status) {
    if (IsAnswer(status)) {
      self->StartStream();
      self->Confirm();
      return;
    }
    base::MutexLock lock(self->mu_);
    if (absl::Status ended = self->Ended(); !ended.ok()) {
      self->End(std::move(ended));
      self->Deliver();
    } else {
      self->After(self->NextBackoff(), &Feed::AskDaemon);
    }
  });
}

void Feed::Confirm() {
  int attempt = 0;
  {
    const base::MutexLock lock(mu_);
    if (!streaming_ || ready_ || confirming_ == attempt_) return;
    confirming_ = attempt = attempt_;
  }
  pb::PublishRequest marker;
  marker.set_topic(marker_);
  marker.mutable_event()->PackFrom(google::protobuf::Empty());
  Publish(marker, {}, [self = shared_from_this(), attempt](const absl::Status& status) {
    base::MutexLock lock(self->mu_);
    if (self->confirming_ == attempt) self->confirming_ = 0;
    // If the stream broke meanwhile, its end has started the next step already.
    if (self->attempt_ != attempt || !self->streaming_ || self->ready_) return;
    if (!status.ok() && IsAnswer(status)) {
      // The caller may not publish markers. The subscription was sent before this call, so it is
      // taken as ready.
      self->NoteReady();
      self->Deliver();
      return;
    }
    // The daemon may have handled the marker before the subscription, so another one is published.
    self->After(self->marker_delay_, &Feed::Confirm);
    self->marker_delay_ = std::min(self->marker_delay_ * 2, kMaxMarkerDelay);
  });
}

void Feed::NoteReady() {
  if (ready_) return;
  ready_ = true;
  ++sleeps_;  // for the next marker, perhaps
  changed_.NotifyAll();
  if (!gap_.has_value()) return;
  gap_->until = absl::Now();
  seen_until_ = std::max(seen_until_, gap_->until);
  Push(*std::exchange(gap_, std::nullopt));
}

void Feed::Push(Item item) {
  queue_.push_back(std::move(item));
  if (callbacks_ != nullptr || to_tell_) return;
  to_tell_ = stubs_->conn()->call_queue().Later([weak = weak_from_this()] {
    const std::shared_ptr<Feed> self = weak.lock();
    if (self == nullptr) return;
    const base::MutexLock lock(self->mu_);
    self->to_tell_ = false;
    self->changed_.NotifyAll();
  });
  if (!to_tell_) changed_.NotifyAll();
}

std::optional<Item> Feed::Pop() {
  if (queue_.empty()) return std::nullopt;
  Item item = std::move(queue_.front());
  queue_.pop_front();
  if (full_ && queue_.size() < options_.queue_size) {
    full_ = false;
    stream_.Resume();
  }
  return item;
}

void Feed::End(absl::Status status) {
  if (end_.has_value()) return;
  end_ = std::move(status);
  changed_.NotifyAll();
}

void Feed::Deliver() {
  if (callbacks_ == nullptr) {
    if (end_.has_value() && !delivering_.has_value()) activity_.reset();
    return;
  }
  if (delivery_posted_ || (queue_.empty() && !end_.has_value())) return;
  delivery_posted_ = true;
  const auto self = shared_from_this();
  const base::MutexUnlock unlock(mu_);
  DefaultExecutor()->Execute([self] { self->RunCallbacks(); });
}

void Feed::RunCallbacks() {
  // A callback may close the client, which otherwise waits for the end of this.
  const threads::CallbackScope scope(threads::Callback::kMayBlock);
  const base::MutexLock lock(mu_);
  delivering_ = std::this_thread::get_id();
  while (callbacks_) {
    // The callback may destroy the subscription, and with it all but this copy.
    std::shared_ptr<const Callbacks> callbacks = callbacks_;
    const std::optional<Item> item = Pop();
    if (!item.has_value()) {
      if (!end_.has_value()) break;
      callbacks_ = nullptr;
    }
    const std::optional<absl::Status> end = end_;
    absl::Status failed;
    {
      const base::MutexUnlock unlock(mu_);
      if (!item.has_value()) {
        if (callbacks->on_end) {
          threads::Notify("the end callback of a subscription", callbacks->on_end, *end);
        }
      } else if (callbacks->on_item) {
        failed = errdefs::Guard("the item callback of a subscription", callbacks->on_item, *item);
      }
      callbacks = nullptr;
      if (!failed.ok()) cancel_();
    }
    if (!failed.ok()) {
      queue_.clear();
      end_ = std::move(failed);
      changed_.NotifyAll();
    }
  }
  delivery_posted_ = false;
  delivering_.reset();
  changed_.NotifyAll();
  if (end_.has_value()) activity_.reset();
}

void Feed::Cancel() {
  if (!stubs_->conn()->Forked()) cancel_();
}

void Feed::Silence() {
  if (stubs_->conn()->Forked()) return;
  std::shared_ptr<const Callbacks> dropped;  // destroyed without the lock
  {
    const base::MutexLock lock(mu_);
    dropped = std::move(callbacks_);
    callbacks_ = nullptr;
  }
  cancel_();
  const base::MutexLock lock(mu_);
  if (delivering_ == std::this_thread::get_id() || threads::MustNotBlock()) return;
  changed_.Wait(mu_,
                [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return !delivering_.has_value(); });
}

absl::Status Feed::Take(const Context& ctx, absl::FunctionRef<bool()> take) {
  if (absl::Status s = stubs_->conn()->CheckProcess(); !s.ok()) return s;
  {
    const base::MutexLock lock(mu_);
    if (take()) return absl::OkStatus();
  }
  // Many events at once are received while this thread gives way; if it slept instead, it would be
  // woken for each.
  std::this_thread::yield();
  const CancelRegistration wake = base::WakeOnCancel(ctx, mu_, changed_);
  const base::MutexLock lock(mu_);
  bool taken = false;
  absl::Status s = base::Await(ctx, mu_, changed_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    taken = take();
    return taken || end_.has_value();
  });
  if (!s.ok() || taken) return s;
  return *end_;
}

absl::StatusOr<Item> Feed::Next(const Context& ctx) {
  std::optional<Item> item;
  absl::Status s = Take(ctx, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    item = Pop();
    return item.has_value();
  });
  if (!s.ok()) return s;
  return *std::move(item);
}

absl::StatusOr<std::vector<Item>> Feed::NextBatch(const Context& ctx, std::size_t max) {
  std::vector<Item> items;
  absl::Status s = Take(ctx, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    items.reserve(std::min(queue_.size(), max));
    do {
      std::optional<Item> item = Pop();
      if (!item.has_value()) break;
      items.push_back(*std::move(item));
    } while (items.size() < max);
    return !items.empty();
  });
  if (!s.ok()) return s;
  return items;
}

absl::StatusOr<std::optional<Item>> Feed::TryNext() {
  if (absl::Status s = stubs_->conn()->CheckProcess(); !s.ok()) return s;
  const base::MutexLock lock(mu_);
  std::optional<Item> item = Pop();
  if (!item.has_value() && end_.has_value()) return *end_;
  return item;
}

absl::Status Feed::WaitReady(const Context& ctx) {
  if (absl::Status s = stubs_->conn()->CheckProcess(); !s.ok()) return s;
  Confirm();
  const CancelRegistration wake = base::WakeOnCancel(ctx, mu_, changed_);
  const base::MutexLock lock(mu_);
  absl::Status s = base::Await(ctx, mu_, changed_, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return ready_ || end_.has_value();
  });
  if (!s.ok()) return s;
  return ready_ || !end_.has_value() ? absl::OkStatus() : *end_;
}

}  // namespace containerd::events
