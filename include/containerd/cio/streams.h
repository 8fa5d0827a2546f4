// SPDX-License-Identifier: Apache-2.0
//
// Package cio, the sinks that a task's output goes to and the sources that its input comes from.
// They are what io.Writer and io.Reader are in Go, but they never block: a side that is not ready
// says so, and the stream pauses until it is.
//
//   auto out = std::make_shared<cio::Buffer>();
//   cio::Sink a = out;                                                     // collect
//   cio::Sink b = [](std::string_view bytes) { log::Info(bytes); };        // callback
//   cio::Sink c = cio::Sink::ToFd(STDOUT_FILENO);                          // descriptor
//   cio::Source s = cio::Source::FromString("input\n");
//
// Everything here is called on the reactor's thread, which copies for all tasks, and must not
// block: a call of the library that would fails with ErrFailedPrecondition. An exception that
// leaves a sink or source is its error, ErrInternal. It is called until the stream ends or the IO
// is cancelled, whoever holds the IO: a lambda must not refer to what may go before.
#ifndef CONTAINERD_CIO_STREAMS_H_
#define CONTAINERD_CIO_STREAMS_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/export/export.h"
#include "containerd/future/future.h"

namespace containerd::cio {

// Takes a stream's bytes, in order. One that has no room takes less than it is given, and the
// stream, and with it the task, waits.
class CONTAINERD_EXPORT ByteSink {
 public:
  virtual ~ByteSink() = default;

  // How many of `bytes` it took, from the first on. After fewer than all, nothing is written until
  // the function given to OnWritable has been called; then the rest comes first. An error ends the
  // delivery: what the task still writes is read and dropped, so that the task goes on, and the
  // IO's OutputDone gives the error.
  virtual absl::StatusOr<std::size_t> Write(std::string_view bytes) = 0;

  // Called once, before the first Write: `resume` says that there is room again; any thread may
  // call it, at any time, also within Write and after the stream's end.
  virtual void OnWritable(const std::function<void()>& resume) { (void)resume; }
};

// Gives a stream's bytes, in order.
class CONTAINERD_EXPORT ByteSource {
 public:
  virtual ~ByteSource() = default;

  // The next bytes, at most about `max` (more is not an error): nullopt at the end, an empty
  // string when there are none now; then it is asked again after the function given to OnReadable
  // has been called. An error ends the input as nullopt does, and the IO's InputDone gives it.
  virtual absl::StatusOr<std::optional<std::string>> Read(std::size_t max) = 0;

  // Called once, before the first Read; `resume` as in ByteSink::OnWritable.
  virtual void OnReadable(const std::function<void()>& resume) { (void)resume; }

  // No byte is wanted any more: OK after the end was reached, else why (the task closed its side,
  // the IO was cancelled).
  virtual void Closed(const absl::Status& why) { (void)why; }
};

// Collects what is written, for tests and short commands. Safe from any thread.
class CONTAINERD_EXPORT Buffer : public ByteSink {
 public:
  // Keeps the first `limit` bytes and drops the rest.
  explicit Buffer(std::size_t limit = std::numeric_limits<std::size_t>::max()) : limit_(limit) {}

  absl::StatusOr<std::size_t> Write(std::string_view bytes) override;

  // What has been collected so far.
  std::string String() const;

  // Whether bytes were dropped.
  bool Truncated() const;

 private:
  const std::size_t limit_;
  mutable std::mutex mu_;
  std::string bytes_;
  bool truncated_ = false;
};

// Input that the program writes while the task runs, as into Go's io.Pipe, but Write never waits.
// Safe from any thread.
//
//   auto input = std::make_shared<cio::InputStream>();
//   auto creator = cio::NewCreator({cio::WithStreams(input, out, err)});
//   ...
//   input->Write("line\n");
//   input->Close();
class CONTAINERD_EXPORT InputStream : public ByteSource {
 public:
  // Queues bytes without limit; who produces more than the task reads looks at Buffered or waits
  // for Flushed. ErrFailedPrecondition after Close, and the reason given to Closed when the task
  // takes no more.
  absl::Status Write(std::string_view bytes);

  // Ends the input after what was written. Calling it again does nothing.
  void Close();

  // Bytes that are not in the task's FIFO yet.
  std::size_t Buffered() const;

  // Complete when all that was written before this call is in the FIFO, or with the reason why it
  // will never be.
  Future<std::monostate> Flushed();

  absl::StatusOr<std::optional<std::string>> Read(std::size_t max) override;
  void OnReadable(const std::function<void()>& resume) override;
  void Closed(const absl::Status& why) override;

 private:
  mutable std::mutex mu_;
  std::string bytes_;       // not taken by Read yet
  uint64_t written_ = 0;    // position of the end of bytes_ in the stream
  uint64_t delivered_ = 0;  // what was taken before the last Read
  bool ended_ = false;
  std::optional<absl::Status> closed_;
  std::function<void()> resume_;
  std::vector<std::pair<uint64_t, Promise<std::monostate>>> flushed_;  // by position
};

// Where one output stream goes; a cheap value. A default one means that the stream is not attached.
class CONTAINERD_EXPORT Sink {
 public:
  Sink() = default;

  // Calls `fn` with each piece. Implicit, so that a lambda serves.
  template <std::invocable<std::string_view> Fn>
  Sink(Fn fn)  // NOLINT(google-explicit-constructor)
      : Sink(FromFunction(std::move(fn))) {}

  // Implicit, so that std::make_shared<Buffer>() serves.
  template <std::convertible_to<std::shared_ptr<ByteSink>> Ptr>
  Sink(Ptr sink)  // NOLINT(google-explicit-constructor)
      : sink_(std::move(sink)) {}

  // Writes to a duplicate of `fd`, made when the IO is, so that the caller may close its own; it is
  // closed at the end of the stream. The kernel moves the bytes (splice) where it can: to pipes,
  // files, and sockets that are in non-blocking mode. `fd`'s own mode is respected and not changed:
  // a full blocking pipe, socket or terminal does not block the loop either, but the stream waits.
  // A regular file counts as always ready: a slow disk does slow the loop down.
  static Sink ToFd(int fd);

  static Sink FromFunction(std::function<void(std::string_view)> fn);

  explicit operator bool() const { return sink_ != nullptr || fd_ >= 0; }

  const std::shared_ptr<ByteSink>& sink() const { return sink_; }
  int fd() const { return fd_; }

 private:
  std::shared_ptr<ByteSink> sink_;
  int fd_ = -1;
};

// Where the input comes from; a cheap value. A default one means that stdin is not attached.
class CONTAINERD_EXPORT Source {
 public:
  Source() = default;

  // Implicit, so that a std::shared_ptr<InputStream> serves.
  template <std::convertible_to<std::shared_ptr<ByteSource>> Ptr>
  Source(Ptr source)  // NOLINT(google-explicit-constructor)
      : source_(std::move(source)) {}

  // These bytes, then the end. For one task: a second one would get nothing.
  static Source FromString(std::string_view bytes);

  // What `next` returns each time the task has room; an empty string is the end.
  static Source FromFunction(std::function<std::string()> next);

  // What is read from a duplicate of `fd`, with the notes at Sink::ToFd.
  static Source FromFd(int fd);

  explicit operator bool() const { return source_ != nullptr || fd_ >= 0; }

  const std::shared_ptr<ByteSource>& source() const { return source_; }
  int fd() const { return fd_; }

 private:
  std::shared_ptr<ByteSource> source_;
  int fd_ = -1;
};

}  // namespace containerd::cio

#endif  // CONTAINERD_CIO_STREAMS_H_
