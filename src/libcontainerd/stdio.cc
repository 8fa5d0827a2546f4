// SPDX-License-Identifier: Apache-2.0
#include "stdio.h"

#include <cerrno>
#include <memory>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/future/executor.h"

#include "src/errdefs/internal/guard.h"

namespace containerd::libcontainerd {
namespace {

// What the engine made of the direct streams, and those themselves: both end together, whichever of
// them the engine's object cares for.
class ConnectedIO final : public cio::IO {
 public:
  ConnectedIO(std::shared_ptr<cio::DirectIO> direct, std::shared_ptr<cio::IO> engine,
              std::function<absl::Status()> remove)
      : direct_(std::move(direct)), engine_(std::move(engine)), remove_(std::move(remove)) {
    // Whichever comes first ends the input, once.
    for (const std::shared_ptr<cio::IO>& io : {std::shared_ptr<cio::IO>(direct_), engine_}) {
      io->InputEnded().Then(
          [ended = input_ended_](const absl::StatusOr<std::monostate>& result) {
            if (result.ok()) ended.Set(std::monostate());
          },
          InlineExecutor());
    }
  }

  const cio::Config& Config() const override { return engine_->Config(); }
  Future<cio::OutputResult> OutputDone() override { return engine_->OutputDone(); }
  Future<uint64_t> InputDone() override { return engine_->InputDone(); }
  Future<std::monostate> InputEnded() override { return input_ended_.GetFuture(); }
  Future<cio::DrainResult> Drain(absl::Duration grace) override { return engine_->Drain(grace); }

  void Cancel() override {
    engine_->Cancel();
    direct_->Cancel();
  }

  absl::Status Close() override {
    absl::Status result = engine_->Close();
    result.Update(direct_->Close());
    result.Update(remove_());
    return result;
  }

 private:
  const std::shared_ptr<cio::DirectIO> direct_;
  const std::shared_ptr<cio::IO> engine_;
  const std::function<absl::Status()> remove_;
  const Promise<std::monostate> input_ended_;
};

absl::StatusOr<std::shared_ptr<cio::IO>> Connect(cio::FIFOSet fifos, const StdioCallback& attach) {
  std::function<absl::Status()> remove = [config = cio::Config(fifos)] {
    return RemoveFIFOs(config);
  };
  fifos.close = nullptr;
  auto direct = cio::NewDirectIO(std::move(fifos));
  if (!direct.ok()) return direct.status();
  auto engine = errdefs::Guard("a StdioCallback", attach, *direct);
  if (engine.ok() && *engine == nullptr) {
    engine = errdefs::InvalidArgument("the StdioCallback returned no IO");
  }
  if (!engine.ok()) {
    (*direct)->Cancel();
    return engine.status();
  }
  return std::make_shared<ConnectedIO>(*std::move(direct), *std::move(engine), std::move(remove));
}

}  // namespace

absl::Status RemoveFIFOs(const cio::Config& config) {
  absl::Status result;
  for (const std::string& path : {config.stdin, config.stdout, config.stderr}) {
    struct stat st = {};
    if (path.empty() || ::lstat(path.c_str(), &st) != 0 || !S_ISFIFO(st.st_mode)) continue;
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
      result.Update(errdefs::FromErrno(errno, fmt::format("removing FIFO \"{}\"", path)));
    }
  }
  return result;
}

cio::FIFOSet NewFIFOs(std::string_view bundle, std::string_view process_id, bool with_stdin,
                      bool terminal, const userns::User& owner) {
  const std::string base = fmt::format("{}/{}", bundle, process_id);
  cio::FIFOSet fifos({.terminal = terminal,
                      .stdin = with_stdin ? base + "-stdin" : "",
                      .stdout = base + "-stdout",
                      .stderr = terminal ? "" : base + "-stderr"});
  if (owner != userns::User{}) fifos.owner = {owner.uid, owner.gid};
  return fifos;
}

cio::Creator CreateIO(cio::FIFOSet fifos, StdioCallback attach_stdio) {
  return [fifos = std::move(fifos), attach = std::move(attach_stdio)](
             std::string_view) -> absl::StatusOr<std::shared_ptr<cio::IO>> {
    auto io = Connect(fifos, attach);
    if (!io.ok()) static_cast<void>(RemoveFIFOs(fifos));  // the first error tells more
    return io;
  };
}

cio::Attach AttachIO(StdioCallback attach_stdio) {
  return [attach = std::move(attach_stdio)](cio::FIFOSet fifos) {
    return Connect(std::move(fifos), attach);
  };
}

StdioCallback AttachStreams(cio::Source stdin_source, cio::Sink stdout_sink,
                            cio::Sink stderr_sink) {
  return [in = std::move(stdin_source), out = std::move(stdout_sink),
          err = std::move(stderr_sink)](const std::shared_ptr<cio::DirectIO>& direct)
             -> absl::StatusOr<std::shared_ptr<cio::IO>> {
    // The copies have descriptors of their own. Those that keep early input go first: they would be
    // taken for the task's.
    direct->Cancel();
    return cio::NewAttach({cio::WithStreams(in, out, err)})(cio::FIFOSet(direct->Config()));
  };
}

}  // namespace containerd::libcontainerd
