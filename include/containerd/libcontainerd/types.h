// SPDX-License-Identifier: Apache-2.0
//
// Package libcontainerd, what its callers give it and get of it: events, streams, figures.
//
// Source: moby's libcontainerd/types.
#ifndef CONTAINERD_LIBCONTAINERD_TYPES_H_
#define CONTAINERD_LIBCONTAINERD_TYPES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/cio/cio.h"
#include "containerd/events/events.h"
#include "containerd/export/export.h"
#include "containerd/typeurl/any.h"

namespace containerd::libcontainerd {

// What happened to a container. Source: types.EventType.
enum class EventType {
  kUnknown,
  kExit,
  kOOM,
  kCreate,
  kStart,
  kExecAdded,
  kExecStarted,
  kPaused,
  kResumed,
};

// "exit", "oom", "exec-added", …, as Go's constants; "unknown" for what is none of these.
CONTAINERD_EXPORT std::string_view ToString(EventType type);

// The exit code of a process whose exit nobody knows any more.
inline constexpr std::uint32_t kUnknownExitCode = 255;

// Source: types.EventInfo.
struct EventInfo {
  std::string container_id{};
  std::string process_id{};  // the container's id for its first process; empty where none is meant
  std::uint32_t pid = 0;

  // Of an exit. 128 + the number of the signal for a process that was killed.
  std::uint32_t exit_code = 0;
  absl::Time exited_at = absl::InfinitePast();

  // Why an exit is not known: its code is then kUnknownExitCode, its time when that was noticed.
  absl::Status error{};

  // Not in Go: this exit is of another run than the one that the container is in now. Go leaves it
  // to its caller to compare pids.
  bool earlier_run = false;

  friend bool operator==(const EventInfo&, const EventInfo&) = default;
};

// Is told what happens. Source: types.Backend.
class CONTAINERD_EXPORT Backend {
 public:
  virtual ~Backend() = default;

  // Called for one event after the other of a container, and for several containers at once, on an
  // executor's threads: it may block, call the library and destroy the Client. An error, or an
  // exception, is logged, and the next event comes.
  virtual absl::Status ProcessEvent(const std::string& container_id, EventType type,
                                    const EventInfo& info) = 0;

  // The daemon could not be heard for a while. What was missed of exits comes by ProcessEvent,
  // maybe while this runs; other events (starts, pauses, OOM) that fell into the gap are lost.
  // Called as ProcessEvent is, for one gap after the other: it may block and holds up no event. Not
  // in Go, which says nothing.
  virtual void OnGap(const events::Gap& gap);
};

// Connects a process's streams: gets their ends of this side and returns what copies them, whose
// Drain waits for the output. CloseStdin of the given object may be called at any time and ends the
// process's input exactly once (see cio::DirectIO). Both objects are cancelled and closed when the
// process is deleted, or has never come to be. Source: types.StdioCallback.
using StdioCallback = std::function<absl::StatusOr<std::shared_ptr<cio::IO>>(
    const std::shared_ptr<cio::DirectIO>& io)>;

// Copies between the process and these, without a thread: all output is delivered before the
// process counts as gone, and the source's end ends the process's input. What is not attached
// (default-constructed) is /dev/null, or for stdin empty.
CONTAINERD_EXPORT StdioCallback AttachStreams(cio::Source stdin_source, cio::Sink stdout_sink,
                                              cio::Sink stderr_sink);

// What a task uses of the machine. Source: types.Stats, InterfaceToStats.
struct Stats {
  enum class Kind {
    kCgroupV1,  // io.containerd.cgroups.v1.Metrics
    kCgroupV2,  // io.containerd.cgroups.v2.Metrics
    kOther,     // another runtime's
  };

  absl::Time read = absl::InfinitePast();  // when it was measured
  Kind kind = Kind::kOther;
  typeurl::Any metrics{};  // for typeurl::UnmarshalTo
};

// "cgroups v1", "cgroups v2", "other"; "unknown" for what is none of these.
CONTAINERD_EXPORT std::string_view ToString(Stats::Kind kind);

// A process of a container. Source: types.Summary, which is empty on Linux.
struct Summary {
  std::uint32_t pid = 0;
  std::string exec_id{};  // of one that Exec added; empty for others
};

}  // namespace containerd::libcontainerd

#endif  // CONTAINERD_LIBCONTAINERD_TYPES_H_
