// SPDX-License-Identifier: Apache-2.0
#include "containerd/signals.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <csignal>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "containerd/container.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/image.h"

namespace containerd {
namespace {

// The numbers of real-time signals are those of moby/sys/signal's table, which are glibc's on
// Linux. SIGRTMIN and SIGRTMAX are not used: another libc may give this process other values.
constexpr int kRtMin = 34;
constexpr int kRtMax = 64;

const std::map<std::string_view, int>& Names() {
  static const auto* names = new std::map<std::string_view, int>{
      {"ABRT", SIGABRT}, {"ALRM", SIGALRM}, {"BUS", SIGBUS},       {"CHLD", SIGCHLD},
      {"CLD", SIGCHLD},  {"CONT", SIGCONT}, {"FPE", SIGFPE},       {"HUP", SIGHUP},
      {"ILL", SIGILL},   {"INT", SIGINT},   {"IO", SIGIO},         {"IOT", SIGIOT},
      {"KILL", SIGKILL}, {"PIPE", SIGPIPE}, {"POLL", SIGPOLL},     {"PROF", SIGPROF},
      {"PWR", SIGPWR},   {"QUIT", SIGQUIT}, {"SEGV", SIGSEGV},     {"STKFLT", SIGSTKFLT},
      {"STOP", SIGSTOP}, {"SYS", SIGSYS},   {"TERM", SIGTERM},     {"TRAP", SIGTRAP},
      {"TSTP", SIGTSTP}, {"TTIN", SIGTTIN}, {"TTOU", SIGTTOU},     {"URG", SIGURG},
      {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"VTALRM", SIGVTALRM}, {"WINCH", SIGWINCH},
      {"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ},
  };
  return *names;
}

// A number, as strconv.Atoi has them.
std::optional<int> Decimal(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  int value = 0;
  const auto [end, err] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (err != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "RTMIN", "RTMIN+3", "RTMAX-2".
std::optional<int> RealTime(std::string_view name) {
  const bool from_min = name.starts_with("RTMIN");
  if (!from_min && !name.starts_with("RTMAX")) return std::nullopt;
  name.remove_prefix(5);
  if (name.empty()) return from_min ? kRtMin : kRtMax;
  // Names of a table, each spelled in one way: without a zero in front.
  if (name.front() != (from_min ? '+' : '-') || name.size() < 2 || name[1] < '1' || name[1] > '9') {
    return std::nullopt;
  }
  const std::optional<int> offset = Decimal(name.substr(1));
  // Each half belongs to one end: RTMIN+15 is the last from below, RTMAX-14 the first from above.
  if (!offset.has_value() || *offset < 1 || *offset > (from_min ? 15 : 14)) return std::nullopt;
  return from_min ? kRtMin + *offset : kRtMax - *offset;
}

}  // namespace

absl::StatusOr<int> ParseSignal(std::string_view text) {
  if (const std::optional<int> number = Decimal(text); number.has_value()) {
    if (*number > 0 && *number <= kRtMax) return *number;
    return errdefs::InvalidArgument(fmt::format("invalid signal: {}", text));
  }
  std::string name(text);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  std::string_view bare = name;
  if (bare.starts_with("SIG")) bare.remove_prefix(3);
  if (const auto found = Names().find(bare); found != Names().end()) return found->second;
  if (const std::optional<int> rt = RealTime(bare); rt.has_value()) return *rt;
  return errdefs::InvalidArgument(fmt::format("invalid signal: \"{}\"", text));
}

absl::StatusOr<int> GetStopSignal(const Context& ctx, Container& container, int default_signal) {
  auto labels = container.Labels(ctx);
  if (!labels.ok()) return labels.status();
  const auto found = labels->find(kStopSignalLabel);
  if (found == labels->end()) return default_signal;
  auto signal = ParseSignal(found->second);
  if (!signal.ok()) {
    return errdefs::Annotate(signal.status(),
                             fmt::format("stop signal of container \"{}\"", container.ID()));
  }
  return signal;
}

absl::StatusOr<std::string> GetOCIStopSignal(const Context& ctx, const Image& image,
                                             std::string_view default_signal) {
  if (auto valid = ParseSignal(default_signal); !valid.ok()) return valid.status();
  auto spec = image.Spec(ctx);
  if (!spec.ok()) return spec.status();
  return spec->config.stop_signal.empty() ? std::string(default_signal) : spec->config.stop_signal;
}

}  // namespace containerd
