// SPDX-License-Identifier: Apache-2.0
//
// Bytes from the thread that downloads or inflates to the one that goes on with them.
#ifndef CONTAINERD_SRC_APPLY_PIPE_H_
#define CONTAINERD_SRC_APPLY_PIPE_H_

#include <cstddef>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/context/context.h"
#include "containerd/io/io.h"

#include "src/base/mutex.h"

namespace containerd::apply {

// One writer, one reader. All functions return when the context given to the constructor ends.
class Pipe final : public io::Reader {
 public:
  // Writing waits while as many bytes wait to be read.
  explicit Pipe(const Context& ctx, std::size_t capacity = std::size_t{4} << 20);

  // Waits for room. False if nobody reads any more.
  bool Write(std::string_view data);

  // The same without a copy: memory that may have been read before, and what was put there.
  std::string Room();
  bool Put(std::string chunk);

  // The end of the input. Without it, Break makes reading fail.
  void Close();

  // Neither side goes on: what was read is not all of the input, or nobody wants it.
  void Break();

  // The same, if the input has not been closed.
  void BreakUnlessClosed();

  absl::StatusOr<std::size_t> Read(const Context& ctx, std::span<char> buf) override;

  // The reader's other way, without a copy: what comes next, nothing at the end. `spare` is memory
  // for Room to give.
  absl::StatusOr<std::string> Take(std::string spare);

 private:
  enum class State { kOpen, kClosed, kBroken };

  void BreakLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::size_t capacity_;
  base::Mutex mu_;
  base::CondVar changed_;
  std::deque<std::string> chunks_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> spare_ ABSL_GUARDED_BY(mu_);  // Read, and to be filled again.
  std::size_t size_ ABSL_GUARDED_BY(mu_) = 0;
  State state_ ABSL_GUARDED_BY(mu_) = State::kOpen;

  // The reader's own.
  std::string reading_;
  std::size_t read_ = 0;

  CancelRegistration registration_;
};

}  // namespace containerd::apply

#endif  // CONTAINERD_SRC_APPLY_PIPE_H_
