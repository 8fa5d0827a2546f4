// SPDX-License-Identifier: Apache-2.0
//
// One running subscription: the stream from the daemon, the queue of received items, and what
// happens between the end of one stream and the beginning of the next.
#ifndef CONTAINERD_SRC_EVENTS_FEED_H_
#define CONTAINERD_SRC_EVENTS_FEED_H_

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <absl/functional/function_ref.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/context/context.h"
#include "containerd/events/events.h"
#include "containerd/rpc/connection.h"
#include "containerd/services/events/v1/events.grpc.pb.h"

#include "src/base/mutex.h"
#include "src/rpc/internal/call.h"
#include "src/rpc/internal/stream.h"

namespace containerd::events {

using EventsStubs = rpc::Stubs<services::events::v1::Events>;

// A feed goes round these steps; without resuming it sees the first only.
//
//   stream running --broke--> sleeping --> asking (probe) --answered--> stream running
//                                ^             |
//                                +--no answer--+
//
// A probe is a Publish to an empty topic. Each daemon refuses it before anybody sees it, and so
// shows that it is up.
//
// The daemon does not say when it has a subscription, and it may get to a later call first. So a
// stream counts as ready when something comes out of it; a marker is published for that, again and
// again until one is seen.
//
// Callbacks of gRPC hold references to the feed, so it lives at least until its stream has ended.
class Feed : public std::enable_shared_from_this<Feed> {
 public:
  // Without `on_item` items wait for Next.
  struct Callbacks {
    std::function<void(const Item&)> on_item;
    std::function<void(const absl::Status&)> on_end;
  };

  Feed(const Context& ctx, std::shared_ptr<const EventsStubs> stubs,
       std::vector<std::string> filters, SubscribeOptions options,
       std::optional<Callbacks> callbacks);

  void Start();
  absl::StatusOr<Item> Next(const Context& ctx);
  absl::StatusOr<std::optional<Item>> TryNext();
  absl::StatusOr<std::vector<Item>> NextBatch(const Context& ctx, std::size_t max);
  absl::Status WaitReady(const Context& ctx);
  void Cancel();

  // Cancel, and no callbacks any more; waits for one that is running on another thread, unless this
  // one must not block.
  void Silence();

 private:
  void StartStream();
  void OnStreamEnd(absl::Status status);
  bool OnEnvelope(types::Envelope& proto);  // takes what is in it

  // Waits until the daemon is up, then starts the next stream.
  void AskDaemon();

  // Publishes markers until the stream is ready.
  void Confirm();

  void Publish(const services::events::v1::PublishRequest& request, const rpc::CallOptions& options,
               std::function<void(absl::Status)> done);

  void After(absl::Duration delay, void (Feed::*step)()) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Duration NextBackoff() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Ended() const;
  void NoteReady() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Push(Item item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::optional<Item> Pop() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Waits until `take`, which is called with the mutex, has taken something.
  absl::Status Take(const Context& ctx, absl::FunctionRef<bool()> take);
  void End(absl::Status status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Has the executor run the callbacks for what is queued, unless it is at it. Call it whenever
  // there may be something new. Releases the mutex for a moment.
  void Deliver() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void RunCallbacks();

  const std::shared_ptr<const EventsStubs> stubs_;
  const std::vector<std::string> filters_;
  const SubscribeOptions options_;
  Context ctx_;
  CancelFunc cancel_;

  base::Mutex mu_;
  base::CondVar changed_;

  // Held until the end, so that closing the connection waits for it.
  std::optional<rpc::Connection::Activity> activity_ ABSL_GUARDED_BY(mu_);

  int attempt_ ABSL_GUARDED_BY(mu_) = 0;  // streams started so far
  bool streaming_ ABSL_GUARDED_BY(mu_) = false;
  rpc::StreamHandle stream_ ABSL_GUARDED_BY(mu_);
  absl::Time stream_began_ ABSL_GUARDED_BY(mu_);
  absl::Duration backoff_ ABSL_GUARDED_BY(mu_);
  int sleeps_ ABSL_GUARDED_BY(mu_) = 0;  // until the next step; only the last counts

  bool ready_ ABSL_GUARDED_BY(mu_) = false;  // the daemon has the present stream
  const std::string marker_;                 // the topic
  int confirming_ ABSL_GUARDED_BY(mu_) = 0;  // the attempt that a marker is on its way for
  absl::Duration marker_delay_ ABSL_GUARDED_BY(mu_);
  absl::Time seen_until_ ABSL_GUARDED_BY(mu_);  // nothing was missed up to here
  std::optional<Gap> gap_ ABSL_GUARDED_BY(mu_);

  std::deque<Item> queue_ ABSL_GUARDED_BY(mu_);
  bool to_tell_ ABSL_GUARDED_BY(mu_) = false;  // of what is in it, soon
  bool full_ ABSL_GUARDED_BY(mu_) = false;     // so that reading rests
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mu_);

  std::shared_ptr<const Callbacks> callbacks_ ABSL_GUARDED_BY(mu_);  // until the end
  bool delivery_posted_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<std::thread::id> delivering_ ABSL_GUARDED_BY(mu_);
};

}  // namespace containerd::events

#endif  // CONTAINERD_SRC_EVENTS_FEED_H_
