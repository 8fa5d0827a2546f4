// SPDX-License-Identifier: Apache-2.0
#include "containerd/cio/cio.h"

#include <errno.h>
#include <fcntl.h>
#include <filesystem>
#include <stdlib.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/identifiers/identifiers.h"
#include "containerd/option/option.h"

#include "copy_io.h"
#include "fifo.h"
#include "src/base/escape.h"
#include "src/base/options.h"
#include "src/base/path.h"

namespace containerd::cio {
namespace {

namespace fs = std::filesystem;

// Streams that this program neither reads nor writes.
class PassiveIO final : public IO {
 public:
  explicit PassiveIO(FIFOSet fifos) : fifos_(std::move(fifos)) {}

  const cio::Config& Config() const override { return fifos_; }
  void Cancel() override {}
  Future<OutputResult> OutputDone() override { return Future<OutputResult>::Ready(OutputResult{}); }
  Future<uint64_t> InputDone() override { return Future<uint64_t>::Ready(uint64_t{0}); }
  Future<DrainResult> Drain(absl::Duration) override {
    return Future<DrainResult>::Ready(DrainResult::kEOF);
  }
  absl::Status Close() override { return closer_.Close(fifos_); }

 private:
  const FIFOSet fifos_;
  internal::CloseOnce closer_;
};

absl::StatusOr<std::shared_ptr<IO>> NewPassive(Config config) {
  return std::make_shared<PassiveIO>(FIFOSet(std::move(config)));
}

absl::StatusOr<Streams> Applied(const std::vector<Opt>& opts) {
  Streams streams;
  if (absl::Status s = base::Apply(opts, streams); !s.ok()) return s;
  return streams;
}

Creator LogCreator(std::string uri, bool terminal) {
  return [uri = std::move(uri), terminal](std::string_view) -> absl::StatusOr<std::shared_ptr<IO>> {
    if (const std::size_t colon = uri.find("://"); colon == std::string::npos || colon == 0) {
      return errdefs::InvalidArgument(fmt::format("log URI \"{}\" has no scheme", uri));
    }
    return NewPassive({.terminal = terminal, .stdin = "", .stdout = uri, .stderr = uri});
  };
}

Creator GeneratedLogCreator(std::string scheme, std::string path,
                            std::map<std::string, std::string> args, bool terminal) {
  return [scheme = std::move(scheme), path = std::move(path), args = std::move(args),
          terminal](std::string_view id) -> absl::StatusOr<std::shared_ptr<IO>> {
    absl::StatusOr<std::string> uri = LogURIGenerator(scheme, path, args);
    if (!uri.ok()) return uri.status();
    return LogCreator(*std::move(uri), terminal)(id);
  };
}

}  // namespace

std::string_view ToString(DrainResult result) {
  switch (result) {
    case DrainResult::kEOF:
      return "EOF";
    case DrainResult::kQuiet:
      return "quiet";
    case DrainResult::kCanceled:
      return "canceled";
  }
  return "unknown";
}

FIFOSet NewFIFOSet(Config config, std::function<absl::Status()> close) {
  return FIFOSet(std::move(config), std::move(close));
}

absl::StatusOr<FIFOSet> NewFIFOSetInDir(std::string_view root, std::string_view id, bool terminal) {
  if (absl::Status s = identifiers::Validate(id); !s.ok()) {
    return errdefs::Annotate(s, "making the FIFOs of a task");
  }
  std::error_code err;
  std::string parent(root);
  if (parent.empty()) {
    parent = fs::temp_directory_path(err).string();
    if (err) parent = "/tmp";
  }
  // Like MkdirAll(root, 0700): what is missing is for this user only.
  for (std::size_t end = parent.find('/', 1);; end = parent.find('/', end + 1)) {
    const std::string dir = parent.substr(0, end);
    if (mkdir(dir.c_str(), 0700) < 0) {
      const int failed = errno;
      if (!fs::is_directory(dir, err)) {
        return errdefs::FromErrno(failed == EEXIST ? ENOTDIR : failed,
                                  fmt::format("making FIFO directory \"{}\"", dir));
      }
    }
    if (end == std::string::npos) break;
  }
  std::string dir = (fs::path(parent) / "XXXXXX").string();
  if (mkdtemp(dir.data()) == nullptr) {
    return errdefs::FromErrno(errno, fmt::format("making a FIFO directory in \"{}\"", parent));
  }
  const std::string base = fmt::format("{}/{}", dir, id);
  const Config config{.terminal = terminal,
                      .stdin = base + "-stdin",
                      .stdout = base + "-stdout",
                      .stderr = base + "-stderr"};
  return FIFOSet(config, [dir, config] {
    // One by one, because reading a directory takes a descriptor, and there may be none left.
    for (const std::string& path : {config.stdin, config.stdout, config.stderr}) {
      unlink(path.c_str());
    }
    if (rmdir(dir.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
    std::error_code remove_err;  // somebody else's files
    fs::remove_all(dir, remove_err);
    if (!remove_err) return absl::OkStatus();
    return errdefs::FromErrno(remove_err.value(),
                              fmt::format("removing FIFO directory \"{}\"", dir));
  });
}

constinit const option::Plain<Opt> WithStdio([](Streams& streams) {
  return WithStreams(Source::FromFd(STDIN_FILENO), Sink::ToFd(STDOUT_FILENO),
                     Sink::ToFd(STDERR_FILENO))(streams);
});

constinit const option::Plain<Opt> WithTerminal([](Streams& streams) { streams.terminal = true; });

Opt WithStreams(Source stdin_source, Sink stdout_sink, Sink stderr_sink) {
  return [in = std::move(stdin_source), out = std::move(stdout_sink),
          err = std::move(stderr_sink)](Streams& streams) {
    streams.stdin = in;
    streams.stdout = out;
    streams.stderr = err;
  };
}

Opt WithFIFODir(std::string dir) {
  return [dir = std::move(dir)](Streams& streams) { streams.fifo_dir = dir; };
}

Opt WithFIFOOwner(uid_t uid, gid_t gid) {
  return [uid, gid](Streams& streams) { streams.fifo_owner = {uid, gid}; };
}

Creator NewCreator(const std::vector<Opt>& opts) {
  absl::StatusOr<Streams> applied = Applied(opts);
  if (!applied.ok()) return [error = applied.status()](std::string_view /*id*/) { return error; };
  Streams streams = *std::move(applied);
  if (streams.fifo_dir.empty()) streams.fifo_dir = kDefaultFIFODir;
  return
      [streams = std::move(streams)](std::string_view id) -> absl::StatusOr<std::shared_ptr<IO>> {
        absl::StatusOr<FIFOSet> fifos = NewFIFOSetInDir(streams.fifo_dir, id, streams.terminal);
        if (!fifos.ok()) return fifos.status();
        fifos->owner = streams.fifo_owner;
        absl::Status failed;
        if (const std::string dir = fs::path(fifos->stdin).parent_path().string();
            fifos->owner.has_value() &&
            chown(dir.c_str(), fifos->owner->first, fifos->owner->second) < 0) {
          failed = errdefs::FromErrno(errno, fmt::format("changing the owner of \"{}\"", dir));
        } else {
          absl::StatusOr<std::shared_ptr<IO>> io = internal::CopyIO(*fifos, streams);
          if (io.ok()) return io;
          failed = io.status();
        }
        (void)fifos->Close();  // the first error tells more
        return failed;
      };
}

Attach NewAttach(const std::vector<Opt>& opts) {
  return [streams = Applied(opts)](FIFOSet fifos) -> absl::StatusOr<std::shared_ptr<IO>> {
    if (!streams.ok()) return streams.status();
    if (!fifos.owner.has_value()) fifos.owner = streams->fifo_owner;
    return internal::CopyIO(std::move(fifos), *streams);
  };
}

absl::StatusOr<std::shared_ptr<IO>> NullIO(std::string_view) { return NewPassive({}); }

std::shared_ptr<IO> Load(FIFOSet fifos) { return std::make_shared<PassiveIO>(std::move(fifos)); }

Creator LogURI(std::string uri) { return LogCreator(std::move(uri), false); }

Creator TerminalLogURI(std::string uri) { return LogCreator(std::move(uri), true); }

Creator BinaryIO(std::string binary, std::map<std::string, std::string> args) {
  return GeneratedLogCreator("binary", std::move(binary), std::move(args), false);
}

Creator TerminalBinaryIO(std::string binary, std::map<std::string, std::string> args) {
  return GeneratedLogCreator("binary", std::move(binary), std::move(args), true);
}

Creator LogFile(std::string path) {
  return GeneratedLogCreator("file", std::move(path), {}, false);
}

absl::StatusOr<std::string> LogURIGenerator(std::string_view scheme, std::string_view path,
                                            const std::map<std::string, std::string>& args) {
  const std::string clean = base::CleanPath(path);
  if (!clean.starts_with('/')) {
    return errdefs::InvalidArgument(fmt::format("log path \"{}\" must be absolute", path));
  }
  std::string uri = fmt::format("{}://{}", scheme, base::PercentEncode(clean, "$&+,/:;=@"));
  char separator = '?';
  for (const auto& [key, value] : args) {
    uri += fmt::format("{}{}={}", std::exchange(separator, '&'), base::QueryEncode(key),
                       base::QueryEncode(value));
  }
  return uri;
}

}  // namespace containerd::cio
