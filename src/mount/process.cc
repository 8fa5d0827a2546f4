// SPDX-License-Identifier: Apache-2.0
#include "process.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/base/fd.h"
#include "src/base/spawn.h"

namespace containerd::mount {

absl::StatusOr<ProgramResult> RunProgram(const std::vector<std::string>& argv) {
  constexpr std::size_t kMaxOutput = 64 << 10;
  absl::StatusOr<base::Pipe> output = base::MakePipe();
  if (!output.ok()) return output.status();
  const base::Fd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!null) return errdefs::FromErrno(errno, "opening /dev/null");
  absl::StatusOr<pid_t> pid =
      base::Spawn({.args = argv,
                   .descriptors = {{null.get(), STDIN_FILENO},
                                   {output->write_end.get(), STDOUT_FILENO},
                                   {output->write_end.get(), STDERR_FILENO}}},
                  fmt::format("running \"{}\"", argv[0]));
  if (!pid.ok()) return pid.status();
  output->write_end.Reset();

  ProgramResult result;
  char buffer[4096];
  for (;;) {
    const ssize_t n = read(output->read_end.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    const std::size_t room = kMaxOutput - result.output.size();
    result.output.append(buffer, std::min(static_cast<std::size_t>(n), room));
  }
  result.wait_status = base::Reap(*pid);
  return result;
}

}  // namespace containerd::mount
