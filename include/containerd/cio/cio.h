// SPDX-License-Identifier: Apache-2.0
//
// Package cio: the standard streams of a task or exec process. A Creator makes the FIFOs, whose
// paths the daemon gets with the request, and an IO copies between them and the program.
//
//   auto out = std::make_shared<cio::Buffer>();
//   auto task = container.NewTask(ctx, cio::NewCreator({cio::WithStreams({}, out, out)}));
//   if (!task.ok()) return task.status();
//   auto exit = task->Wait(ctx);
//   ...
//   task->IO()->Wait(ctx);          // all output is in the buffer
//
// All copying is done by the one reactor thread, in which sinks and sources are called: see
// streams.h for what they may do.
//
// Source: pkg/cio.
#ifndef CONTAINERD_CIO_CIO_H_
#define CONTAINERD_CIO_CIO_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <variant>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/cio/streams.h"
#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/future/future.h"
#include "containerd/option/option.h"

namespace containerd::cio {

// Where FIFOs are made unless WithFIFODir says otherwise. Source: defaults.DefaultFIFODir.
inline constexpr std::string_view kDefaultFIFODir = "/run/containerd/fifo";

// What the daemon is told about the streams: paths of FIFOs, or log URIs. Empty means /dev/null. If
// at least one stream is attached, an output that is not attached is given as "/dev/null", because
// shims want it so.
struct Config {
  bool terminal = false;
  std::string stdin{};
  std::string stdout{};
  std::string stderr{};

  bool operator==(const Config&) const = default;
};

// How many bytes came out of the task's FIFOs.
struct OutputResult {
  uint64_t stdout_bytes = 0;
  uint64_t stderr_bytes = 0;
};

// How IO::Drain ended.
enum class DrainResult {
  kEOF,       // every writer has closed: no more output can come
  kQuiet,     // somebody still holds an output open, but what comes now is not the task's own
  kCanceled,  // Cancel or Close came first
};

// "EOF", "quiet", "canceled"; "unknown" for what is none of these.
CONTAINERD_EXPORT std::string_view ToString(DrainResult result);

// The streams of one task or process. Safe from any thread.
//
// The IO of a task or process that exists copies until its streams end, also when every handle on
// the task, the IO and the client is gone: otherwise the task would stand still as soon as the
// FIFOs are full. So sinks and sources that refer to something must not outlive it; Cancel and
// Close end the copying, after which they are not called any more. Destroying an IO that no process
// has got does the same as Cancel. The FIFOs stay on disk until Close: the shim holds them, and a
// program that starts again can attach to them. Source: cio.NewCreator, whose goroutines go on
// likewise.
class CONTAINERD_EXPORT IO {
 public:
  virtual ~IO() = default;
  IO(const IO&) = delete;
  IO& operator=(const IO&) = delete;

  virtual const cio::Config& Config() const = 0;

  // Stops copying; what is left in the FIFOs is not read. When it returns, no sink or source is
  // called any more (unless it is called from one) and OutputDone is complete. It never waits for
  // the task's side, also when that has never opened its ends.
  virtual void Cancel() = 0;

  // Complete when all output has been read to its end and handed to the sinks: at once when there
  // is none to copy. An error says that bytes are missing: Canceled, or the first failure of a
  // sink.
  virtual Future<OutputResult> OutputDone() = 0;

  // Complete when the source has ended and its bytes are in the FIFO, with their number; at once
  // when there is no stdin to copy. An error says why the input stopped early: ErrUnavailable when
  // the task's side closed its stdin.
  virtual Future<uint64_t> InputDone() = 0;

  // Complete when the source has ended, or failed, and its bytes are in the FIFO. The task's stdin
  // ends when the shim's own handle is closed as well, for which the library then calls CloseIO by
  // itself, once, also over a restart of the daemon; after Client::Close it cannot. Never complete
  // when the copying is cancelled or the task closed its stdin first; nor with a terminal, where
  // that would hang up on the process: its end of input is a typed Ctrl-D. Source: the stdinCloser
  // of ctr and nerdctl, who have it for streams without a terminal.
  virtual Future<std::monostate> InputEnded() { return Promise<std::monostate>().GetFuture(); }

  // For the moment after the task's exit: complete when OutputDone is, or when what the task itself
  // wrote must have come, which is the only end when a process that it left behind holds its output
  // open. That is so of an output when it is empty and for `grace` no byte has come, or for twice
  // that time its sink has kept up with what came; or when more came than pipes hold. Time in which
  // a sink keeps the output waiting does not count. Copying goes on in any case.
  virtual Future<DrainResult> Drain(absl::Duration grace) = 0;

  // Blocks until OutputDone is complete or `ctx` ends. Source: IO.Wait.
  absl::Status Wait(const Context& ctx) { return OutputDone().Get(ctx).status(); }

  // Cancels, and removes the FIFOs. An error names the path that could not be removed. Calling it
  // again does nothing.
  virtual absl::Status Close() = 0;

 protected:
  IO() = default;
};

// Makes the IO of the task or process `id`. Source: cio.Creator.
using Creator = std::function<absl::StatusOr<std::shared_ptr<IO>>(std::string_view id)>;

// The paths of a task's streams, and how to remove them. Copies share both.
// Source: cio.FIFOSet.
struct FIFOSet : Config {
  FIFOSet() = default;
  explicit FIFOSet(Config config, std::function<absl::Status()> close_fn = nullptr)
      : Config(std::move(config)), close(std::move(close_fn)) {}

  // Removes the FIFOs; OK when there is nothing to do.
  absl::Status Close() const { return close ? close() : absl::OkStatus(); }

  std::function<absl::Status()> close;

  // Owner of FIFOs that have to be made; the process's own when not set.
  std::optional<std::pair<uid_t, gid_t>> owner;
};

// Attaches to the streams of a task that runs already. Each byte of output goes to one reader only,
// so there should be no other. Source: cio.Attach.
using Attach = std::function<absl::StatusOr<std::shared_ptr<IO>>(FIFOSet fifos)>;

// Source: cio.NewFIFOSet.
CONTAINERD_EXPORT FIFOSet NewFIFOSet(Config config, std::function<absl::Status()> close = nullptr);

// Paths <dir>/<id>-stdin, -stdout and -stderr in a new directory of mode 0700 under `root`, which
// is made (mode 0700) if it does not exist; "" is the system's temporary directory. The FIFOs
// themselves are made when they are opened. Close removes the directory. ErrInvalidArgument for an
// id that is no identifier. Source: cio.NewFIFOSetInDir.
CONTAINERD_EXPORT absl::StatusOr<FIFOSet> NewFIFOSetInDir(std::string_view root,
                                                          std::string_view id, bool terminal);

// What a Creator or Attach connects. Source: cio.Streams.
struct Streams {
  Source stdin;
  Sink stdout;
  Sink stderr;  // not used with a terminal, whose output is all in stdout
  bool terminal = false;
  std::string fifo_dir;
  std::optional<std::pair<uid_t, gid_t>> fifo_owner;
};

// Source: cio.Opt.
using Opt = option::Option<Streams&>;

// The program's own standard streams. Source: cio.WithStdio.
CONTAINERD_EXPORT extern const option::Plain<Opt> WithStdio;

// Source: cio.WithTerminal.
CONTAINERD_EXPORT extern const option::Plain<Opt> WithTerminal;

// A default-constructed one is not attached: the task has /dev/null there. Source: cio.WithStreams.
CONTAINERD_EXPORT Opt WithStreams(Source stdin_source, Sink stdout_sink, Sink stderr_sink);

// Source: cio.WithFIFODir.
CONTAINERD_EXPORT Opt WithFIFODir(std::string dir);

// The directory and the FIFOs belong to this user and group, for a shim that runs as them.
CONTAINERD_EXPORT Opt WithFIFOOwner(uid_t uid, gid_t gid);

// Copies between new FIFOs and the streams. On error nothing is left on disk. Errors name the path:
// ErrInvalidArgument for an id that is no identifier, ErrFailedPrecondition when something that is
// no FIFO is in the way, ErrResourceExhausted without descriptors or disk, ErrPermissionDenied.
// Source: cio.NewCreator.
CONTAINERD_EXPORT Creator NewCreator(const std::vector<Opt>& opts = {});

// Copies between the FIFOs of a running task and the streams; FIFOs that are missing are made. On
// error they are left alone. Source: cio.NewAttach.
CONTAINERD_EXPORT Attach NewAttach(const std::vector<Opt>& opts = {});

// All streams are /dev/null. Is itself a Creator. Source: cio.NullIO.
CONTAINERD_EXPORT absl::StatusOr<std::shared_ptr<IO>> NullIO(std::string_view id);

// Knows the paths and removes them at Close, but copies nothing. Source: cio.Load.
CONTAINERD_EXPORT std::shared_ptr<IO> Load(FIFOSet fifos);

// The shim writes output to what `uri` names (file://, fifo://, binary://), without the program's
// help. Source: cio.LogURI.
CONTAINERD_EXPORT Creator LogURI(std::string uri);

// The same for a task with a terminal. Source: cio.TerminalLogURI.
CONTAINERD_EXPORT Creator TerminalLogURI(std::string uri);

// The shim starts `binary` and feeds it the output; `args` become its arguments.
// Source: cio.BinaryIO.
CONTAINERD_EXPORT Creator BinaryIO(std::string binary,
                                   std::map<std::string, std::string> args = {});

// Source: cio.TerminalBinaryIO.
CONTAINERD_EXPORT Creator TerminalBinaryIO(std::string binary,
                                           std::map<std::string, std::string> args = {});

// The shim appends output to the file `path`. Source: cio.LogFile.
CONTAINERD_EXPORT Creator LogFile(std::string path);

// <scheme>://<path>?<args>, escaped, arguments in the order of their names. ErrInvalidArgument
// unless `path` is absolute. Source: cio.LogURIGenerator.
CONTAINERD_EXPORT absl::StatusOr<std::string> LogURIGenerator(
    std::string_view scheme, std::string_view path,
    const std::map<std::string, std::string>& args = {});

// The task's end of the streams as plain descriptors, for a program with an event loop of its own.
// All are non-blocking, and -1 when the path is empty. They stay the object's: Cancel, Close and
// the destructor close them, so that a thread which reads them beside that has duplicates.
//
// Reading an output before the task's side has opened it gives 0 as at its end; poll tells them
// apart (POLLHUP). stdin can be written at once; it must not get lost before the task opens its
// side. Two seconds after that has been closed again (by a shim that ended, or that deleted the
// process) a write gives EPIPE, with SIGPIPE as usual.
//
// OutputDone and InputDone are complete at once, as nothing is copied. But Drain waits until the
// program has read what the task wrote, so that neither Process::Wait nor Delete takes output away
// from it: kEOF once the outputs are empty and nobody can write any more, kQuiet when they have
// been empty for `grace`. Who does not want the output calls Cancel. Source: cio.DirectIO, whose
// Wait waits for nothing.
class CONTAINERD_EXPORT DirectIO : public IO {
 public:
  virtual int Stdin() const = 0;
  virtual int Stdout() const = 0;
  virtual int Stderr() const = 0;

  // The end of the input, for good: at any time, also before there is a process, and as often as
  // one likes. What was written is read first. Once the task's side has opened its end InputEnded
  // is complete, also with a terminal, and the library calls CloseIO by itself. Goes on after the
  // object's end, but not after Cancel.
  virtual void CloseStdin() = 0;
};

// Opens (making them if need be) the FIFOs of the set. On error the set is closed.
// Source: cio.NewDirectIO.
CONTAINERD_EXPORT absl::StatusOr<std::shared_ptr<DirectIO>> NewDirectIO(FIFOSet fifos);

}  // namespace containerd::cio

#endif  // CONTAINERD_CIO_CIO_H_
