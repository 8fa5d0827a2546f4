// SPDX-License-Identifier: Apache-2.0
//
// Labels that have the daemon's restart monitor keep a container's task in a state: it looks every
// ten seconds (`interval` of the plugin io.containerd.internal.v1.restart) and starts the task
// anew, or ends it.
//
//   namespace restart = containerd::runtime::restart;
//   auto policy = restart::NewPolicy("on-failure:3");
//   if (!policy.ok()) return policy.status();
//   if (absl::Status started = task.Start(ctx); !started.ok()) return started;
//   return container.Update(ctx, {restart::WithStatus(ProcessStatus::kRunning),
//                                 restart::WithPolicy(*policy)});
//
// They may be given to NewContainer too; but the monitor then may find a task that is not started
// yet, and starts another in its place. Whoever starts the task gives it its first streams; those
// of later runs are `WithLogURI`'s or none.
//
// Source: core/runtime/restart.
#ifndef CONTAINERD_RUNTIME_RESTART_H_
#define CONTAINERD_RUNTIME_RESTART_H_

#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include "containerd/container_opts.h"
#include "containerd/export/export.h"
#include "containerd/labels/labels.h"
#include "containerd/option/option.h"
#include "containerd/process.h"

namespace containerd::runtime::restart {

inline constexpr char kStatusLabel[] = "containerd.io/restart.status";
inline constexpr char kLogURILabel[] = "containerd.io/restart.loguri";
inline constexpr char kPolicyLabel[] = "containerd.io/restart.policy";
inline constexpr char kCountLabel[] = "containerd.io/restart.count";
inline constexpr char kExplicitlyStoppedLabel[] = "containerd.io/restart.explicitly-stopped";

// When a task that has ended is started anew. A value, made by NewPolicy.
class CONTAINERD_EXPORT Policy {
 public:
  // "no", "always", "on-failure" or "unless-stopped".
  const std::string& Name() const { return name_; }

  // Of "on-failure": how often at most, 0 for any number of times.
  int MaximumRetryCount() const { return maximum_retry_count_; }

  // As NewPolicy takes it: "on-failure:3".
  std::string String() const;

 private:
  friend absl::StatusOr<Policy> NewPolicy(std::string_view policy);
  Policy(std::string_view name, int maximum_retry_count)
      : name_(name), maximum_retry_count_(maximum_retry_count) {}

  std::string name_;
  int maximum_retry_count_;
};

// "no", "always", "unless-stopped", "on-failure" or "on-failure:<max retries>"; "" is "always".
// ErrInvalidArgument for anything else. (Go takes a sign before the number, negative numbers, which
// it then does not keep, and what follows a second colon.)
CONTAINERD_EXPORT absl::StatusOr<Policy> NewPolicy(std::string_view policy);

// Whether the monitor would start a task anew that has ended with this status, by the labels of its
// container. False, and logged, for labels that are wrong.
CONTAINERD_EXPORT bool Reconcile(const Status& status, const Labels& labels);

// The state to keep the task in: kRunning or kStopped. Without it the monitor leaves the container
// alone.
CONTAINERD_EXPORT NewContainerOpt WithStatus(ProcessStatus status);

// Containerd 1.6 knows no policies and takes all for "always".
CONTAINERD_EXPORT NewContainerOpt WithPolicy(const Policy& policy);

// Where the output of tasks goes that the monitor starts; see cio::LogURI and cio::LogURIGenerator.
CONTAINERD_EXPORT NewContainerOpt WithLogURI(std::string uri);

// Takes all of these labels away. (Go's leaves the count of restarts and the mark of a stop, which
// the next policy would find.) Pass it without calling it.
CONTAINERD_EXPORT extern const option::Plain<NewContainerOpt> WithNoRestarts;

}  // namespace containerd::runtime::restart

#endif  // CONTAINERD_RUNTIME_RESTART_H_
