// SPDX-License-Identifier: Apache-2.0
//
// The process that a container runs: user, arguments, environment, capabilities, limits and
// scheduling (runtime-spec config.md, "Process"). Fields are those of the Go struct of the same
// name.
#ifndef CONTAINERD_SPECS_PROCESS_H_
#define CONTAINERD_SPECS_PROCESS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "containerd/export/export.h"
#include "containerd/gojson/value.h"

namespace containerd::specs {

// The size of a terminal, in characters.
struct Box {
  std::uint64_t height = 0;
  std::uint64_t width = 0;
  gojson::Extra extra{};

  friend bool operator==(const Box&, const Box&) = default;
};

// Who the process runs as.
struct User {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::optional<std::uint32_t> umask{};  // Absent: the runtime's own.
  std::vector<std::uint32_t> additional_gids{};
  std::string username{};  // Windows only.
  gojson::Extra extra{};

  friend bool operator==(const User&, const User&) = default;
};

// Capability sets, of names such as "CAP_CHOWN" (capabilities(7)).
struct LinuxCapabilities {
  std::vector<std::string> bounding{};
  std::vector<std::string> effective{};
  std::vector<std::string> inheritable{};
  std::vector<std::string> permitted{};
  std::vector<std::string> ambient{};
  gojson::Extra extra{};

  friend bool operator==(const LinuxCapabilities&, const LinuxCapabilities&) = default;
};

// A resource limit (getrlimit(2)).
struct POSIXRlimit {
  std::string type{};  // "RLIMIT_NOFILE"
  std::uint64_t hard = 0;
  std::uint64_t soft = 0;
  gojson::Extra extra{};

  friend bool operator==(const POSIXRlimit&, const POSIXRlimit&) = default;
};

// Scheduling policies (sched(7)).
using LinuxSchedulerPolicy = std::string;
inline constexpr char kSchedOther[] = "SCHED_OTHER";
inline constexpr char kSchedFIFO[] = "SCHED_FIFO";
inline constexpr char kSchedRR[] = "SCHED_RR";
inline constexpr char kSchedBatch[] = "SCHED_BATCH";
inline constexpr char kSchedISO[] = "SCHED_ISO";
inline constexpr char kSchedIdle[] = "SCHED_IDLE";
inline constexpr char kSchedDeadline[] = "SCHED_DEADLINE";

// Flags of sched_setattr(2).
using LinuxSchedulerFlag = std::string;
inline constexpr char kSchedFlagResetOnFork[] = "SCHED_FLAG_RESET_ON_FORK";
inline constexpr char kSchedFlagReclaim[] = "SCHED_FLAG_RECLAIM";
inline constexpr char kSchedFlagDLOverrun[] = "SCHED_FLAG_DL_OVERRUN";
inline constexpr char kSchedFlagKeepPolicy[] = "SCHED_FLAG_KEEP_POLICY";
inline constexpr char kSchedFlagKeepParams[] = "SCHED_FLAG_KEEP_PARAMS";
inline constexpr char kSchedFlagUtilClampMin[] = "SCHED_FLAG_UTIL_CLAMP_MIN";
inline constexpr char kSchedFlagUtilClampMax[] = "SCHED_FLAG_UTIL_CLAMP_MAX";

// How the kernel schedules the process (sched_setattr(2)).
struct Scheduler {
  LinuxSchedulerPolicy policy{};
  std::int32_t nice = 0;      // For SCHED_OTHER and SCHED_BATCH.
  std::int32_t priority = 0;  // For SCHED_FIFO and SCHED_RR.
  std::vector<LinuxSchedulerFlag> flags{};
  std::uint64_t runtime = 0;  // Nanoseconds, for SCHED_DEADLINE, as are the next two.
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
  gojson::Extra extra{};

  friend bool operator==(const Scheduler&, const Scheduler&) = default;
};

// I/O scheduling classes (ioprio_set(2)).
using IOPriorityClass = std::string;
inline constexpr char kIOPRIO_CLASS_RT[] = "IOPRIO_CLASS_RT";
inline constexpr char kIOPRIO_CLASS_BE[] = "IOPRIO_CLASS_BE";
inline constexpr char kIOPRIO_CLASS_IDLE[] = "IOPRIO_CLASS_IDLE";

// The I/O priority of the process.
struct LinuxIOPriority {
  IOPriorityClass class_{};
  std::int64_t priority = 0;
  gojson::Extra extra{};

  friend bool operator==(const LinuxIOPriority&, const LinuxIOPriority&) = default;
};

// The CPUs that an exec'ed process may use, as a list such as "0-3,7": before and after it has
// moved into the container's cgroup.
struct CPUAffinity {
  std::string initial{};
  std::string final{};
  gojson::Extra extra{};

  friend bool operator==(const CPUAffinity&, const CPUAffinity&) = default;
};

// The process, or one that is added by an exec.
struct CONTAINERD_EXPORT Process {
  bool terminal = false;
  std::optional<Box> console_size{};  // Of the terminal, if there is one.
  User user{};
  std::vector<std::string> args{};  // The program and its arguments.
  std::string command_line{};       // Windows only; instead of args.
  std::vector<std::string> env{};   // "NAME=value"
  std::string cwd{};                // Absolute, in the container.
  std::optional<LinuxCapabilities> capabilities{};
  std::vector<POSIXRlimit> rlimits{};
  bool no_new_privileges = false;
  std::string apparmor_profile{};
  std::optional<std::int64_t> oom_score_adj{};  // -1000 to 1000.
  std::optional<Scheduler> scheduler{};
  std::string selinux_label{};
  std::optional<LinuxIOPriority> io_priority{};
  std::optional<CPUAffinity> exec_cpu_affinity{};
  gojson::Extra extra{};

  friend bool operator==(const Process&, const Process&) = default;
};

}  // namespace containerd::specs

#endif  // CONTAINERD_SPECS_PROCESS_H_
