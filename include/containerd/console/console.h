// SPDX-License-Identifier: Apache-2.0
//
// The terminal that a program runs on, for one that hands it to a container.
//
//   auto terminal = console::Current();
//   if (!terminal.ok()) return terminal.status();
//   if (absl::Status s = terminal->SetRaw(); !s.ok()) return s;  // until `terminal` goes
//
// Source: github.com/containerd/console.
#ifndef CONTAINERD_CONSOLE_CONSOLE_H_
#define CONTAINERD_CONSOLE_CONSOLE_H_

#include <cstdint>
#include <memory>
#include <string>

#include <absl/base/attributes.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/export/export.h"

namespace containerd::console {

// In characters.
struct WinSize {
  std::uint16_t height = 0;
  std::uint16_t width = 0;
  friend bool operator==(const WinSize&, const WinSize&) = default;
};

// A terminal, on a descriptor that outlives it. What was changed of it is put back when the object
// goes, which Go leaves to the caller. Errors name the terminal. Not safe from several threads, but
// for Size and Resize.
class CONTAINERD_EXPORT Console {
 public:
  // ErrInvalidArgument if it is no terminal. Source: console.ConsoleFromFile.
  static absl::StatusOr<Console> FromFd(int fd);

  Console(Console&&) noexcept;
  Console& operator=(Console&&) noexcept;
  ~Console();

  int Fd() const { return fd_; }
  // "/dev/pts/3"; "descriptor 0" if it has no name here.
  const std::string& Name() const ABSL_ATTRIBUTE_LIFETIME_BOUND { return name_; }

  // Keys come as they are, without lines, echo and signals, and output goes as it is. Go leaves the
  // terminal its part in output, which gives each line of a container a second carriage return.
  absl::Status SetRaw();

  // Keys are not shown.
  absl::Status DisableEcho();

  // As it was when the object was made.
  absl::Status Reset();

  absl::StatusOr<WinSize> Size() const;
  absl::Status Resize(WinSize size);
  absl::Status ResizeFrom(const Console& other);

 private:
  struct Mode;
  Console(int fd, std::string name, std::unique_ptr<Mode> mode);

  int fd_ = -1;
  std::string name_;
  std::unique_ptr<Mode> before_;  // nullptr: moved from
  bool changed_ = false;
};

// Whichever of standard error, output and input is a terminal, in this order. ErrNotFound if none
// is, where Go panics. Source: console.Current.
CONTAINERD_EXPORT absl::StatusOr<Console> Current();

}  // namespace containerd::console

#endif  // CONTAINERD_CONSOLE_CONSOLE_H_
