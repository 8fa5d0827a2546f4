// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_TESTING_FAKE_DAEMON_EVENTS_H_
#define CONTAINERD_SRC_TESTING_FAKE_DAEMON_EVENTS_H_

#include <string>
#include <string_view>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/status/status.h>
#include <absl/time/time.h>

#include "containerd/events/events.h"
#include "containerd/filters/filters.h"
#include "containerd/typeurl/typeurl.h"

#include "server.h"
#include "src/base/mutex.h"

namespace containerd::testing::fake {

// The daemon's exchange of events. Safe from any thread.
class Exchange {
 public:
  // Publishes one of the daemon's own events.
  template <typename Event>
  void Tell(std::string_view ns, std::string_view topic, const Event& event) {
    absl::StatusOr<typeurl::Any> any = typeurl::MarshalAny(event);
    if (any.ok()) Publish(ns, topic, *std::move(any));
  }
  template <typename Event>
  void Tell(const Context& ctx, std::string_view topic, const Event& event) {
    Tell(ctx.Namespace().value_or(""), topic, event);
  }

  void Publish(std::string_view ns, std::string_view topic, typeurl::Any event);
  void Forward(const events::Envelope& envelope);
  absl::Status Subscribe(const std::vector<std::string>& filters, const StreamPtr& stream);
  void Lose(bool on);

 private:
  struct Subscriber {
    filters::FilterPtr filter;
    StreamPtr stream;
  };

  void Deliver(const events::Envelope& envelope) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  base::Mutex mu_;
  std::vector<Subscriber> subscribers_ ABSL_GUARDED_BY(mu_);
  absl::Time last_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  bool lose_ ABSL_GUARDED_BY(mu_) = false;
};

// Has the server serve the exchange as containerd's events service.
void ServeEvents(Server& server, Exchange& exchange);

}  // namespace containerd::testing::fake

#endif  // CONTAINERD_SRC_TESTING_FAKE_DAEMON_EVENTS_H_
