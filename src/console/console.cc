// SPDX-License-Identifier: Apache-2.0
#include "containerd/console/console.h"

#include <cerrno>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::console {

struct Console::Mode {
  termios attributes{};
};

absl::StatusOr<Console> Console::FromFd(int fd) {
  auto mode = std::make_unique<Mode>();
  if (tcgetattr(fd, &mode->attributes) != 0) {
    return errdefs::InvalidArgument(fmt::format("descriptor {} is no terminal", fd));
  }
  char name[256];
  std::string text = fmt::format("descriptor {}", fd);
  if (ttyname_r(fd, name, sizeof name) == 0) text = name;
  return Console(fd, std::move(text), std::move(mode));
}

Console::Console(int fd, std::string name, std::unique_ptr<Mode> mode)
    : fd_(fd), name_(std::move(name)), before_(std::move(mode)) {}

Console::Console(Console&& other) noexcept = default;

Console& Console::operator=(Console&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(name_, other.name_);
  std::swap(before_, other.before_);
  std::swap(changed_, other.changed_);
  return *this;
}

Console::~Console() {
  if (before_ != nullptr && changed_) static_cast<void>(Reset());  // there is nobody to tell
}

absl::Status Console::SetRaw() {
  termios raw = before_->attributes;
  cfmakeraw(&raw);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  changed_ = true;
  if (tcsetattr(fd_, TCSANOW, &raw) == 0) return absl::OkStatus();
  return errdefs::FromErrno(errno, fmt::format("making {} raw", name_));
}

absl::Status Console::DisableEcho() {
  termios silent = before_->attributes;
  silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  silent.c_lflag |= ICANON | ISIG;
  silent.c_iflag |= ICRNL;
  changed_ = true;
  if (tcsetattr(fd_, TCSANOW, &silent) == 0) return absl::OkStatus();
  return errdefs::FromErrno(errno, fmt::format("ending the echo of {}", name_));
}

absl::Status Console::Reset() {
  if (tcsetattr(fd_, TCSANOW, &before_->attributes) != 0) {
    return errdefs::FromErrno(errno, fmt::format("resetting {}", name_));
  }
  changed_ = false;
  return absl::OkStatus();
}

absl::StatusOr<WinSize> Console::Size() const {
  winsize size{};
  if (ioctl(fd_, TIOCGWINSZ, &size) == 0) return WinSize{size.ws_row, size.ws_col};
  return errdefs::FromErrno(errno, fmt::format("asking for the size of {}", name_));
}

absl::Status Console::Resize(WinSize size) {
  const winsize wanted{.ws_row = size.height, .ws_col = size.width, .ws_xpixel = 0, .ws_ypixel = 0};
  if (ioctl(fd_, TIOCSWINSZ, &wanted) == 0) return absl::OkStatus();
  return errdefs::FromErrno(errno, fmt::format("resizing {}", name_));
}

absl::Status Console::ResizeFrom(const Console& other) {
  absl::StatusOr<WinSize> size = other.Size();
  return size.ok() ? Resize(*size) : size.status();
}

absl::StatusOr<Console> Current() {
  for (const int fd : {STDERR_FILENO, STDOUT_FILENO, STDIN_FILENO}) {
    if (absl::StatusOr<Console> console = Console::FromFd(fd); console.ok()) return console;
  }
  return errdefs::NotFound("none of the standard streams is a terminal");
}

}  // namespace containerd::console
