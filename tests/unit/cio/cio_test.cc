// SPDX-License-Identifier: Apache-2.0
#include "containerd/cio/cio.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <poll.h>
#include <random>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"

#include "src/reactor/internal/reactor.h"

namespace containerd::cio {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::ptrdiff_t Count(const fs::path& dir) {
  return std::distance(fs::directory_iterator(dir), fs::directory_iterator());
}

std::string Text(const absl::Status& status) { return std::string(errdefs::Message(status)); }

// Bytes in which every loss, repetition or reordering shows.
std::string Pattern(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  return bytes;
}

void WriteAll(int fd, std::string_view bytes, std::size_t piece = 64 << 10) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), std::min(piece, bytes.size()));
    ASSERT_GT(n, 0) << errdefs::FromErrno(errno, "errno");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

std::string ReadAll(int fd) {
  std::string all;
  char buffer[64 << 10];
  ssize_t n = 0;
  while ((n = read(fd, buffer, sizeof(buffer))) > 0)
    all.append(buffer, static_cast<std::size_t>(n));
  return all;
}

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) { EXPECT_GE(fd, 0) << errdefs::FromErrno(errno, "errno"); }
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Fd() { Close(); }
  void Close() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }
  operator int() const { return fd_; }  // NOLINT

 private:
  int fd_;
};

Fd OpenPath(const std::string& path, int flags) {
  return Fd(open(path.c_str(), flags | O_CLOEXEC, 0600));
}

std::string ReadFile(const fs::path& path) { return ReadAll(OpenPath(path, O_RDONLY)); }

struct Pair {
  Fd in;   // write here
  Fd out;  // read here
};

Pair MakePipe(int flags = 0) {
  int fds[2] = {-1, -1};
  EXPECT_EQ(pipe2(fds, O_CLOEXEC | flags), 0);
  return {Fd(fds[1]), Fd(fds[0])};
}

Pair MakeSockets(int flags = 0) {
  int fds[2] = {-1, -1};
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0, fds), 0);
  return {Fd(fds[1]), Fd(fds[0])};
}

// The task's side of the outputs, as containerd's shims have it: both ends of each FIFO open.
struct ShimOutput {
  explicit ShimOutput(const std::string& path)
      : writer(OpenPath(path, O_WRONLY)), reader(OpenPath(path, O_RDONLY)) {}
  Fd writer;
  Fd reader;
};

class CioTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string dir = (fs::temp_directory_path() / "cio-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(dir.data()), nullptr);
    dir_ = dir;
    fds_ = Count("/proc/self/fd");
  }

  // Every test leaves no descriptor and, unless it says so, no FIFO behind.
  void TearDown() override {
    // A loop whose last user went on its own thread closes its descriptors a moment later.
    const absl::Time limit = absl::Now() + absl::Seconds(30);
    while (Count("/proc/self/fd") != fds_ && absl::Now() < limit) std::this_thread::yield();
    EXPECT_EQ(Count("/proc/self/fd"), fds_);
    if (fs::exists(Fifos()) && !keeps_fifos_) {
      EXPECT_EQ(Count(Fifos()), 0);
    }
    fs::remove_all(dir_);
    log::SetSink(nullptr);
  }

  fs::path Fifos() const { return dir_ / "fifos"; }

  std::shared_ptr<IO> Create(Source in, Sink out, Sink err, std::vector<Opt> more = {}) {
    more.push_back(WithStreams(std::move(in), std::move(out), std::move(err)));
    more.push_back(WithFIFODir(Fifos().string()));
    absl::StatusOr<std::shared_ptr<IO>> io = NewCreator(more)("theid");
    EXPECT_TRUE(io.ok()) << io.status();
    return io.ok() ? *io : nullptr;
  }

  // Sends `bytes` through a task's stdout to `sink` and waits for the end.
  absl::Status Send(const Sink& sink, std::string_view bytes) {
    const std::shared_ptr<IO> io = Create({}, sink, {});
    {
      ShimOutput shim(io->Config().stdout);
      WriteAll(shim.writer, bytes);
    }
    absl::Status status = io->Wait(ctx_);
    EXPECT_TRUE(io->Close().ok());
    return status;
  }

  fs::path dir_;
  std::ptrdiff_t fds_ = 0;
  bool keeps_fifos_ = false;
  const Context ctx_ = WithTimeout(Context::Background(), absl::Seconds(60));
};

// ---------------------------------------------------------------- paths and log URIs

TEST_F(CioTest, NewFIFOSetInDir) {
  const auto fifos = NewFIFOSetInDir(Fifos().string(), "theid", true);
  ASSERT_TRUE(fifos.ok()) << fifos.status();
  const fs::path dir = fs::path(fifos->stdin).parent_path();
  EXPECT_EQ(dir.parent_path(), Fifos());
  const Config expected{.terminal = true,
                        .stdin = dir / "theid-stdin",
                        .stdout = dir / "theid-stdout",
                        .stderr = dir / "theid-stderr"};
  EXPECT_EQ(static_cast<const Config&>(*fifos), expected);
  for (const fs::path& made : {Fifos(), dir}) {
    EXPECT_EQ(fs::status(made).permissions(), fs::perms::owner_all) << made;
  }
  EXPECT_EQ(Count(Fifos()), 1);
  EXPECT_TRUE(fifos->Close().ok());
  EXPECT_EQ(Count(Fifos()), 0);
  EXPECT_TRUE(fifos->Close().ok());
}

TEST_F(CioTest, NewFIFOSetInDirMakesMissingParents) {
  const auto fifos = NewFIFOSetInDir((Fifos() / "a" / "b").string() + "/", "x", false);
  ASSERT_TRUE(fifos.ok()) << fifos.status();
  EXPECT_TRUE(fifos->Close().ok());
  fs::remove_all(Fifos());
}

TEST_F(CioTest, NewFIFOSetInTheTemporaryDirectory) {
  const auto fifos = NewFIFOSetInDir("", "x", false);
  ASSERT_TRUE(fifos.ok()) << fifos.status();
  EXPECT_THAT(fifos->stdout, StartsWith(fs::temp_directory_path().string()));
  EXPECT_TRUE(fifos->Close().ok());
}

TEST_F(CioTest, IdsThatAreNoFileNames) {
  for (const std::string id : {"", "..", "../../etc/x", "a/b", "/", "-", "a b", "x\n"}) {
    const auto io =
        NewCreator({WithStreams({}, std::make_shared<Buffer>(), {}), WithFIFODir(Fifos())})(id);
    EXPECT_TRUE(errdefs::IsInvalidArgument(io.status())) << id;
    EXPECT_FALSE(fs::exists(Fifos())) << id;
  }
}

TEST_F(CioTest, AFileWhereTheDirectoryShouldBe) {
  std::ofstream(Fifos()) << "x";
  for (const std::string& root : {Fifos().string(), (Fifos() / "below").string()}) {
    const auto fifos = NewFIFOSetInDir(root, "x", false);
    EXPECT_FALSE(fifos.ok());
    EXPECT_THAT(Text(fifos.status()), HasSubstr(Fifos().string()));
  }
  fs::remove(Fifos());
}

TEST_F(CioTest, LogURIGenerator) {
  struct Case {
    std::string scheme, path;
    std::map<std::string, std::string> args;
    std::string expected;  // empty for an error
  };
  const Case cases[] = {
      {"fifo", "/full/path/pipe.fifo", {}, "fifo:///full/path/pipe.fifo"},
      {"file",
       "/full/path/file.txt",
       {{"maxSize", "100MB"}},
       "file:///full/path/file.txt?maxSize=100MB"},
      {"binary", "/full/path/bin", {{"id", "testing"}}, "binary:///full/path/bin?id=testing"},
      {"binary", "/b", {{"z", "1"}, {"a", "2"}, {"m", ""}}, "binary:///b?a=2&m=&z=1"},
      {"binary", "/b", {{"a b&c", "=/?\xc3\xa4~"}}, "binary:///b?a+b%26c=%3D%2F%3F%C3%A4~"},
      {"file", "/a//b/../c/./", {}, "file:///a/c"},
      {"file", "/", {}, "file:///"},
      {"file", "/..", {}, "file:///"},
      {"file",
       "/a b?c#d%e$&+,:;=@~[!]'\"",
       {},
       "file:///a%20b%3Fc%23d%25e$&+,:;=@~%5B%21%5D%27%22"},
      {"unknown", "nowhere", {}, ""},
      {"unknown", "", {}, ""},
      {"binary", "C:\\path\\to\\binary", {}, ""},
  };
  for (const Case& c : cases) {
    const auto uri = cio::LogURIGenerator(c.scheme, c.path, c.args);
    if (c.expected.empty()) {
      EXPECT_TRUE(errdefs::IsInvalidArgument(uri.status())) << c.path;
      EXPECT_THAT(Text(uri.status()), HasSubstr("must be absolute"));
    } else {
      ASSERT_TRUE(uri.ok()) << uri.status();
      EXPECT_EQ(*uri, c.expected);
    }
  }
}

TEST_F(CioTest, StreamsWithoutThisProgram) {
  struct Case {
    Creator creator;
    Config config;
  };
  const Case cases[] = {
      {NullIO, {}},
      {BinaryIO("/file.bin", {{"id", "1"}}),
       {.stdout = "binary:///file.bin?id=1", .stderr = "binary:///file.bin?id=1"}},
      {TerminalBinaryIO("/full/path/bin"),
       {.terminal = true,
        .stdout = "binary:///full/path/bin",
        .stderr = "binary:///full/path/bin"}},
      {LogFile("/full/path/file.txt"),
       {.stdout = "file:///full/path/file.txt", .stderr = "file:///full/path/file.txt"}},
      {LogURI("fifo:///x"), {.stdout = "fifo:///x", .stderr = "fifo:///x"}},
      {TerminalLogURI("file:///x"),
       {.terminal = true, .stdout = "file:///x", .stderr = "file:///x"}},
  };
  for (const Case& c : cases) {
    const auto io = c.creator("!");
    ASSERT_TRUE(io.ok()) << io.status();
    EXPECT_EQ((*io)->Config(), c.config);
    EXPECT_TRUE((*io)->Wait(ctx_).ok());
    EXPECT_EQ(*(*io)->Drain(absl::Hours(1)).Get(ctx_), DrainResult::kEOF);
    EXPECT_TRUE((*io)->InputDone().Get(ctx_).ok());
    (*io)->Cancel();
    EXPECT_TRUE((*io)->Close().ok());
  }
  for (const Creator& creator : {BinaryIO("./bin"), LogFile("./file.txt"), TerminalBinaryIO(""),
                                 LogURI("/just/a/path"), TerminalLogURI("://x")}) {
    EXPECT_TRUE(errdefs::IsInvalidArgument(creator("!").status()));
  }
}

TEST_F(CioTest, Load) {
  int closed = 0;
  const auto io = Load(NewFIFOSet({.stdout = "/x"}, [&] {
    return ++closed == 1 ? errdefs::Internal("not now") : absl::OkStatus();
  }));
  EXPECT_EQ(io->Config().stdout, "/x");
  EXPECT_FALSE(io->Close().ok());
  EXPECT_TRUE(io->Close().ok());
  EXPECT_TRUE(io->Close().ok());
  EXPECT_EQ(closed, 2);
}

// ---------------------------------------------------------------- opening

TEST_F(CioTest, OpenFifos) {
  const fs::path missing = dir_ / "does/not/exist";
  const Config cases[] = {
      {.stdout = missing / "test-stdout", .stderr = missing / "test-stderr"},
      {.stdin = missing / "test-stdin", .stderr = missing / "test-stderr"},
      {.stderr = missing / "test-stderr"},
  };
  for (const Config& config : cases) {
    const auto buffer = std::make_shared<Buffer>();
    const auto attached =
        NewAttach({WithStreams(Source::FromString("x"), buffer, buffer)})(NewFIFOSet(config));
    EXPECT_TRUE(errdefs::IsNotFound(attached.status())) << attached.status();
    EXPECT_THAT(Text(attached.status()), HasSubstr(missing.string()));
    EXPECT_TRUE(errdefs::IsNotFound(NewDirectIO(NewFIFOSet(config)).status()));
  }
}

TEST_F(CioTest, WhatIsNoFIFO) {
  const fs::path path = dir_ / "thing";
  const fs::path real = dir_ / "real";
  ASSERT_EQ(mkfifo(real.c_str(), 0600), 0);
  struct Case {
    const char* kind;
    std::function<void()> make;
  };
  const Case cases[] = {
      {"regular file", [&] { std::ofstream(path) << "precious"; }},
      {"directory", [&] { fs::create_directory(path); }},
      {"symbolic link", [&] { fs::create_symlink(real, path); }},
      {"symbolic link", [&] { fs::create_symlink(dir_ / "nothing", path); }},
  };
  for (const Case& c : cases) {
    c.make();
    for (const Config& config : {Config{.stdin = path}, Config{.stdout = path}}) {
      const auto attached = NewAttach({WithStreams(
          Source::FromString("x"), std::make_shared<Buffer>(), {})})(NewFIFOSet(config));
      EXPECT_TRUE(errdefs::IsFailedPrecondition(attached.status())) << attached.status();
      EXPECT_THAT(Text(attached.status()), HasSubstr(path.string()));
      EXPECT_THAT(Text(attached.status()), HasSubstr(c.kind));
    }
    EXPECT_TRUE(fs::symlink_status(path).type() != fs::file_type::not_found);
    fs::remove(path);
  }
}

TEST_F(CioTest, NoPermission) {
  if (geteuid() == 0) GTEST_SKIP() << "root may do everything";
  fs::create_directory(Fifos());
  fs::permissions(Fifos(), fs::perms::owner_read | fs::perms::owner_exec);
  const auto io = NewCreator(
      {WithStreams({}, std::make_shared<Buffer>(), {}), WithFIFODir(Fifos().string())})("x");
  EXPECT_TRUE(errdefs::IsPermissionDenied(io.status())) << io.status();
  EXPECT_THAT(Text(io.status()), HasSubstr(Fifos().string()));
}

TEST_F(CioTest, ModeAndOwner) {
  const uid_t uid = geteuid() == 0 ? 12345 : geteuid();
  const gid_t gid = geteuid() == 0 ? 23456 : getegid();
  const mode_t mask = umask(022);
  const auto io =
      Create({}, std::make_shared<Buffer>(), std::make_shared<Buffer>(), {WithFIFOOwner(uid, gid)});
  umask(mask);
  for (const std::string& path : {io->Config().stdout, io->Config().stderr,
                                  fs::path(io->Config().stdout).parent_path().string()}) {
    struct stat st {};
    ASSERT_EQ(stat(path.c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777, 0700U) << path;
    EXPECT_EQ(st.st_uid, uid) << path;
    EXPECT_EQ(st.st_gid, gid) << path;
  }
  EXPECT_TRUE(io->Close().ok());
}

TEST_F(CioTest, ATerminalHasNoStderr) {
  const auto out = std::make_shared<Buffer>();
  const auto io = Create({}, out, out, {WithTerminal()});
  EXPECT_TRUE(io->Config().terminal);
  EXPECT_EQ(io->Config().stderr, "");
  { WriteAll(ShimOutput(io->Config().stdout).writer, "tty"); }
  EXPECT_TRUE(io->Wait(ctx_).ok());
  EXPECT_EQ(out->String(), "tty");
  EXPECT_TRUE(io->Close().ok());

  // The same for a set whose paths are all given.
  const auto fifos = NewFIFOSetInDir(Fifos().string(), "x", true);
  const auto direct = NewDirectIO(*fifos);
  ASSERT_TRUE(direct.ok());
  EXPECT_GE((*direct)->Stdout(), 0);
  EXPECT_EQ((*direct)->Stderr(), -1);
  EXPECT_TRUE((*direct)->Close().ok());
}

TEST_F(CioTest, DescriptorsThatAreNotThere) {
  const auto io = NewCreator({WithStreams({}, Sink::ToFd(987654), {}), WithFIFODir(Fifos())})("x");
  EXPECT_TRUE(errdefs::IsInvalidArgument(io.status()));
  EXPECT_THAT(Text(io.status()), HasSubstr("987654"));
  EXPECT_THAT(Text(io.status()), HasSubstr("stdout"));

  const Fd read_only = OpenPath("/dev/null", O_RDONLY);
  const Fd write_only = OpenPath("/dev/null", O_WRONLY);
  EXPECT_TRUE(errdefs::IsInvalidArgument(
      NewCreator({WithStreams({}, {}, Sink::ToFd(read_only)), WithFIFODir(Fifos())})("x")
          .status()));
  EXPECT_TRUE(errdefs::IsInvalidArgument(
      NewCreator({WithStreams(Source::FromFd(write_only), {}, {}), WithFIFODir(Fifos())})("x")
          .status()));
}

TEST_F(CioTest, NoDescriptorLeft) {
#if defined(__SANITIZE_ADDRESS__) || defined(CONTAINERD_SANITIZE_THREAD)
  GTEST_SKIP() << "the sanitizers themselves need descriptors";
#endif
  const auto reactor = reactor::Reactor::Shared();
  const auto out = std::make_shared<Buffer>();
  const Creator creator =
      NewCreator({WithStreams(Source::FromString("x"), out, out), WithFIFODir(Fifos())});
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  // One more descriptor each time, until there are enough.
  absl::Status failed = errdefs::Internal("not tried");
  for (rlim_t more = 0; !failed.ok(); ++more) {
    ASSERT_LT(more, 20U);
    rlimit limit = before;
    limit.rlim_cur = static_cast<rlim_t>(Count("/proc/self/fd")) - 1 + more;
    setrlimit(RLIMIT_NOFILE, &limit);
    const auto io = creator("x");
    setrlimit(RLIMIT_NOFILE, &before);
    failed = io.status();
    if (io.ok()) {
      EXPECT_GT(more, 0U);
      EXPECT_TRUE((*io)->Close().ok());
    } else {
      EXPECT_TRUE(errdefs::IsResourceExhausted(failed)) << failed;
    }
    EXPECT_EQ(Count(Fifos()), 0) << failed;
  }
}

// ---------------------------------------------------------------- output

TEST_F(CioTest, BothOutputsByteForByte) {
  const std::string out_bytes = Pattern(1 << 20, 1);
  const std::string err_bytes = Pattern((1 << 20) + 12345, 2);
  const auto out = std::make_shared<Buffer>();
  std::string err;
  const auto io = Create({}, out, [&](std::string_view bytes) { err += bytes; });
  EXPECT_EQ(io->Config().stdin, "");
  {
    ShimOutput shim_out(io->Config().stdout);
    ShimOutput shim_err(io->Config().stderr);
    std::thread writer([&] { WriteAll(shim_out.writer, out_bytes, 7777); });
    WriteAll(shim_err.writer, err_bytes, 100'000);
    writer.join();
  }
  const auto result = io->OutputDone().Get(ctx_);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->stdout_bytes, out_bytes.size());
  EXPECT_EQ(result->stderr_bytes, err_bytes.size());
  EXPECT_TRUE(out->String() == out_bytes);
  EXPECT_TRUE(err == err_bytes);
  EXPECT_EQ(*io->Drain(absl::Hours(1)).Get(ctx_), DrainResult::kEOF);
  EXPECT_TRUE(io->Close().ok());
}

TEST_F(CioTest, NoOutputAtAll) {
  const auto out = std::make_shared<Buffer>();
  EXPECT_TRUE(Send(out, "").ok());
  EXPECT_EQ(out->String(), "");
}

TEST_F(CioTest, TheEndComesOnlyAfterAWriterHasBeenThere) {
  const auto out = std::make_shared<Buffer>();
  const auto io = Create({}, out, {});
  // Long enough for a loop that takes "no writer" for the end to be caught at it.
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(io->Wait(WithTimeout(ctx_, absl::Milliseconds(20)))));
  { WriteAll(ShimOutput(io->Config().stdout).writer, "late"); }
  EXPECT_TRUE(io->Wait(ctx_).ok());
  EXPECT_EQ(out->String(), "late");
  EXPECT_TRUE(io->Close().ok());
}

TEST_F(CioTest, AWaitingLoopUsesNoProcessorTime) {
  const auto quiet = Create({}, std::make_shared<Buffer>(), {});
  const auto loop = reactor::Reactor::Shared();
  timespec before{};
  timespec after{};
  (*loop)->RunSync([&] { clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before); });
  (void)quiet->Wait(WithTimeout(ctx_, absl::Milliseconds(200)));
  (*loop)->RunSync([&] { clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after); });
  EXPECT_LT(absl::DurationFromTimespec(after) - absl::DurationFromTimespec(before),
            absl::Milliseconds(100));
  EXPECT_TRUE(quiet->Close().ok());
}

TEST_F(CioTest, AWriterThatIsKilled) {
  const std::string bytes = Pattern(300'000, 3);
  const auto out = std::make_shared<Buffer>();
  const auto io = Create({}, out, {});
  const std::string path = io->Config().stdout;
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    const int fd = open(path.c_str(), O_WRONLY);
    for (std::size_t done = 0; done < bytes.size();) {
      const ssize_t n = write(fd, bytes.data() + done, bytes.size() - done);
      if (n < 0) _exit(1);
      done += static_cast<std::size_t>(n);
    }
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(io->Wait(ctx_).ok());
  EXPECT_TRUE(out->String() == bytes);
  EXPECT_TRUE(io->Close().ok());
}

// Sinks that are descriptors: what the kernel moves, and what it does not.
TEST_F(CioTest, ToDescriptors) {
  const std::string bytes = Pattern(1 << 20, 4);
  const auto reading = [&](Pair pair) {
    return [&, pair = std::make_shared<Pair>(std::move(pair))] {
      std::string got;
      std::thread reader([&] { got = ReadAll(pair->out); });
      // The caller's own descriptor may be closed: the stream has a duplicate.
      const auto io = Create({}, Sink::ToFd(pair->in), {});
      pair->in.Close();
      {
        ShimOutput shim(io->Config().stdout);
        WriteAll(shim.writer, bytes, 10'000);
      }
      EXPECT_TRUE(io->Wait(ctx_).ok());
      reader.join();
      EXPECT_TRUE(io->Close().ok());
      return got;
    };
  };
  const auto to_file = [&](int flags) {
    return [&, flags] {
      const fs::path path = dir_ / "file";
      fs::remove(path);
      const Fd file = OpenPath(path, O_WRONLY | O_CREAT | flags);
      EXPECT_TRUE(Send(Sink::ToFd(file), bytes).ok());
      return ReadFile(path);
    };
  };
  struct Case {
    const char* name;
    std::function<std::string()> run;
  };
  const Case cases[] = {
      {"blocking pipe", reading(MakePipe())},
      {"non-blocking pipe, read blocking",
       [&] {
         Pair pair = MakePipe();
         fcntl(pair.in, F_SETFL, O_NONBLOCK);
         return reading(std::move(pair))();
       }},
      {"blocking socket", reading(MakeSockets())},
      {"non-blocking socket",
       [&] {
         Pair pair = MakeSockets();
         fcntl(pair.in, F_SETFL, O_NONBLOCK);
         return reading(std::move(pair))();
       }},
      {"file", to_file(0)},
      {"appended file", to_file(O_APPEND)},
  };
  for (const Case& c : cases) EXPECT_TRUE(c.run() == bytes) << c.name;
  const Fd null = OpenPath("/dev/null", O_WRONLY);
  EXPECT_TRUE(Send(Sink::ToFd(null), bytes).ok());
}

// The kernel moves the bytes: none of them is read into this program.
TEST_F(CioTest, ToAFileWithoutACopy) {
  const auto bytes_read = [] {
    std::ifstream counters("/proc/self/io");
    std::string name;
    std::uint64_t value = 0;
    while (counters >> name >> value) {
      if (name == "rchar:") return value;
    }
    return std::uint64_t{0};
  };
  const std::string bytes = Pattern(8 << 20, 7);
  if (bytes_read() == 0) GTEST_SKIP() << "the kernel does not count what is read";
  const fs::path path = dir_ / "file";
  const Fd file = OpenPath(path, O_WRONLY | O_CREAT);
  const std::uint64_t before = bytes_read();
  EXPECT_TRUE(Send(Sink::ToFd(file), bytes).ok());
  EXPECT_LT(bytes_read() - before, bytes.size() / 4);
  EXPECT_TRUE(ReadFile(path) == bytes);
}

TEST_F(CioTest, ATerminalAsSink) {
  for (const bool to_master : {false, true}) {
    Fd master(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_EQ(grantpt(master), 0);
    ASSERT_EQ(unlockpt(master), 0);
    char name[64];
    ASSERT_EQ(ptsname_r(master, name, sizeof(name)), 0);
    const Fd slave = OpenPath(name, O_RDWR | O_NOCTTY);
    const int to = to_master ? master : slave;
    const int from = to_master ? slave : master;
    // Lines, so that both the canonical mode and the output processing are right.
    std::string lines;
    for (int i = 0; i < 2000; ++i) lines += fmt::format("line {}\n", i);
    std::string got;
    std::thread reader([&] {
      char buffer[4096];
      while (got.find("line 1999") == std::string::npos) {
        const ssize_t n = read(from, buffer, sizeof(buffer));
        if (n <= 0) break;
        got.append(buffer, static_cast<std::size_t>(n));
      }
      got += "\n";
    });
    // What is written to the master is echoed there: read it, or the terminal fills up.
    std::atomic<bool> done = false;
    std::thread echo([&] {
      while (to_master && !done) {
        pollfd p{.fd = master, .events = POLLIN, .revents = 0};
        char buffer[4096];
        if (poll(&p, 1, 10) > 0) (void)!read(master, buffer, sizeof(buffer));
      }
    });
    EXPECT_TRUE(Send(Sink::ToFd(to), lines).ok());
    reader.join();
    done = true;
    echo.join();
    std::erase(got, '\r');
    EXPECT_THAT(got, StartsWith(lines.substr(0, lines.size() - 1))) << to_master;
  }
}

TEST_F(CioTest, ASlowSinkHoldsUpOnlyItsOwnStream) {
  const std::string bytes = Pattern(1 << 20, 5);
  for (const bool socket : {false, true}) {
    Pair slow = socket ? MakeSockets() : MakePipe();
    const auto io = Create({}, Sink::ToFd(slow.in), {});
    slow.in.Close();
    std::thread writer([&] {
      ShimOutput shim(io->Config().stdout);
      WriteAll(shim.writer, bytes);
    });
    // Nobody reads the slow one; others are served, and the writer is held up.
    const auto other = std::make_shared<Buffer>();
    EXPECT_TRUE(Send(other, bytes).ok());
    EXPECT_TRUE(other->String() == bytes);
    EXPECT_FALSE(io->OutputDone().IsReady());
    // Nor does it count as drained, once the sink is full.
    pollfd started{.fd = slow.out, .events = POLLIN, .revents = 0};
    EXPECT_EQ(poll(&started, 1, -1), 1);
    EXPECT_TRUE(errdefs::IsDeadlineExceeded(io->Drain(absl::Milliseconds(50))
                                                .Get(WithTimeout(ctx_, absl::Milliseconds(200)))
                                                .status()));
    EXPECT_TRUE(ReadAll(slow.out) == bytes);
    writer.join();
    EXPECT_TRUE(io->Wait(ctx_).ok());
    EXPECT_TRUE(io->Close().ok());
  }
}

TEST_F(CioTest, BothOutputsIntoOneDescriptor) {
  Pair pipe = MakePipe();
  const auto io = Create({}, Sink::ToFd(pipe.in), Sink::ToFd(pipe.in));
  pipe.in.Close();
  std::string got;
  std::thread reader([&] { got = ReadAll(pipe.out); });
  {
    ShimOutput out(io->Config().stdout);
    ShimOutput err(io->Config().stderr);
    WriteAll(out.writer, std::string(200'000, 'o'));
    WriteAll(err.writer, std::string(100'000, 'e'));
  }
  EXPECT_TRUE(io->Wait(ctx_).ok());
  reader.join();
  EXPECT_EQ(std::count(got.begin(), got.end(), 'o'), 200'000);
  EXPECT_EQ(std::count(got.begin(), got.end(), 'e'), 100'000);
  EXPECT_TRUE(io->Close().ok());
}

// Takes up to `room` bytes at a time, then waits for More.
class RationedSink : public ByteSink {
 public:
  absl::StatusOr<std::size_t> Write(std::string_view bytes) override {
    std::lock_guard lock(mu_);
    const std::size_t n = std::min(bytes.size(), room_);
    got_ += bytes.substr(0, n);
    room_ -= n;
    if (n < bytes.size()) hungry_.notify_all();
    short_ = n < bytes.size();
    return n;
  }
  void OnWritable(const std::function<void()>& resume) override { resume_ = resume; }

  void AwaitShort() {
    std::unique_lock lock(mu_);
    hungry_.wait(lock, [&] { return short_; });
  }
  void More(std::size_t room) {
    {
      std::lock_guard lock(mu_);
      room_ += room;
      short_ = false;
    }
    resume_();
  }
  std::string got() {
    std::lock_guard lock(mu_);
    return got_;
  }

 private:
  std::mutex mu_;
  std::condition_variable hungry_;
  std::size_t room_ = 0;
  bool short_ = false;
  std::string got_;
  std::function<void()> resume_;
};

TEST_F(CioTest, ASinkThatTakesLittle) {
  const std::string bytes = Pattern(200'000, 6);
  const auto sink = std::make_shared<RationedSink>();
  const auto io = Create({}, sink, {});
  std::thread writer([&] {
    ShimOutput shim(io->Config().stdout);
    WriteAll(shim.writer, bytes);
  });
  sink->AwaitShort();
  sink->More(1);
  sink->AwaitShort();
  EXPECT_EQ(sink->got(), bytes.substr(0, 1));
  sink->More(0);
  sink->AwaitShort();
  sink->More(100'000);
  sink->AwaitShort();
  EXPECT_TRUE(sink->got() == bytes.substr(0, 100'001));
  sink->More(1 << 20);
  writer.join();
  EXPECT_TRUE(io->Wait(ctx_).ok());
  EXPECT_TRUE(sink->got() == bytes);
  EXPECT_TRUE(io->Close().ok());
  sink->More(1);  // after the end: nothing
}

class BrokenSink : public ByteSink {
 public:
  absl::StatusOr<std::size_t> Write(std::string_view) override {
    ++calls_;
    return errdefs::DataLoss("no more");
  }
  int calls_ = 0;
};

TEST_F(CioTest, AfterASinkFailsTheTaskGoesOn) {
  log::SetSink([](log::Level, std::string_view) {});
  const std::string bytes = Pattern(500'000, 7);
  const auto broken = std::make_shared<BrokenSink>();
  const auto err = std::make_shared<Buffer>();
  const auto io = Create({}, broken, err);
  const std::string path = io->Config().stdout;
  {
    ShimOutput out(path);
    ShimOutput shim_err(io->Config().stderr);
    WriteAll(out.writer, bytes);  // would hang if nobody read
    WriteAll(shim_err.writer, bytes);
  }
  const absl::Status status = io->Wait(ctx_);
  EXPECT_TRUE(errdefs::IsDataLoss(status)) << status;
  EXPECT_THAT(Text(status), HasSubstr(path));
  EXPECT_EQ(broken->calls_, 1);
  EXPECT_TRUE(err->String() == bytes);
  EXPECT_TRUE(io->Close().ok());

  const Fd full = OpenPath("/dev/full", O_WRONLY);
  EXPECT_TRUE(errdefs::IsResourceExhausted(Send(Sink::ToFd(full), bytes)));
  for (const bool socket : {false, true}) {
    Pair gone = socket ? MakeSockets() : MakePipe();
    gone.out.Close();
    EXPECT_FALSE(Send(Sink::ToFd(gone.in), bytes).ok());
  }
  // A reader that goes away while the stream waits for it.
  Pair leaving = MakePipe();
  const auto waiting = Create({}, Sink::ToFd(leaving.in), {});
  std::thread writer([&] {
    ShimOutput shim(waiting->Config().stdout);
    WriteAll(shim.writer, bytes);
  });
  char some[10];
  EXPECT_EQ(read(leaving.out, some, sizeof(some)), 10);
  leaving.out.Close();
  writer.join();
  EXPECT_FALSE(waiting->Wait(ctx_).ok());
  EXPECT_TRUE(waiting->Close().ok());
}

TEST_F(CioTest, ABufferWithALimit) {
  const auto buffer = std::make_shared<Buffer>(10);
  EXPECT_TRUE(Send(buffer, "0123456789").ok());
  EXPECT_FALSE(buffer->Truncated());
  EXPECT_TRUE(Send(buffer, "x").ok());
  EXPECT_TRUE(buffer->Truncated());
  EXPECT_EQ(buffer->String(), "0123456789");
}

// ---------------------------------------------------------------- ends of all kinds

TEST_F(CioTest, CancelBeforeAnybodyOpened) {
  const auto in = std::make_shared<InputStream>();
  const auto out = std::make_shared<Buffer>();
  const auto io = Create(in, out, out);
  ASSERT_TRUE(in->Write("never read").ok());
  const auto flushed = in->Flushed();
  const auto drain = io->Drain(absl::Hours(1));
  io->Cancel();
  EXPECT_TRUE(io->OutputDone().IsReady());
  EXPECT_TRUE(errdefs::IsCanceled(io->Wait(ctx_)));
  EXPECT_TRUE(errdefs::IsCanceled(io->InputDone().Get(ctx_).status()));
  EXPECT_TRUE(errdefs::IsCanceled(flushed.Get(ctx_).status()));
  EXPECT_TRUE(errdefs::IsCanceled(in->Write("x")));
  EXPECT_EQ(*drain.Get(ctx_), DrainResult::kCanceled);
  EXPECT_EQ(*io->Drain(absl::Hours(1)).Get(ctx_), DrainResult::kCanceled);
  EXPECT_TRUE(fs::exists(io->Config().stdout));
  io->Cancel();
  EXPECT_TRUE(io->Close().ok());
  EXPECT_FALSE(fs::exists(io->Config().stdout));
  EXPECT_TRUE(io->Close().ok());
}

TEST_F(CioTest, CloseUnderWay) {
  Pair slow = MakePipe();
  const auto io = Create({}, Sink::ToFd(slow.in), std::make_shared<Buffer>());
  ShimOutput shim(io->Config().stdout);
  // More than both pipes hold would block us; this leaves the FIFO not empty.
  WriteAll(shim.writer, std::string(100'000, 'x'));
  EXPECT_TRUE(io->Close().ok());
  EXPECT_TRUE(errdefs::IsCanceled(io->Wait(ctx_)));
}

TEST_F(CioTest, NoCallbackAfterCancel) {
  std::atomic<bool> stopped = false;
  std::atomic<int> late = 0;
  const auto io = Create({}, [&](std::string_view) { late += stopped ? 1 : 0; }, {});
  ShimOutput shim(io->Config().stdout);
  fcntl(shim.writer, F_SETFL, O_NONBLOCK);
  std::atomic<bool> done = false;
  std::thread writer([&] {
    while (!done) (void)!write(shim.writer, "x", 1);
  });
  io->Cancel();
  stopped = true;
  std::this_thread::yield();
  done = true;
  writer.join();
  EXPECT_EQ(late, 0);
  EXPECT_TRUE(io->Close().ok());
}

TEST_F(CioTest, DroppedWithoutClose) {
  keeps_fifos_ = true;
  const auto out = std::make_shared<Buffer>();
  auto io = Create(Source::FromString("x"), out, out);
  const std::string path = io->Config().stdout;
  const auto done = io->OutputDone();
  io.reset();
  EXPECT_TRUE(errdefs::IsCanceled(done.Get(ctx_).status()));
  EXPECT_TRUE(fs::exists(path));
}

TEST_F(CioTest, DroppedByItsOwnCallback) {
  keeps_fifos_ = true;
  for (const bool at_end : {false, true}) {
    auto holder = std::make_shared<std::shared_ptr<IO>>();
    const Promise<int> dropped;
    *holder = Create({},
                     [holder, at_end, dropped](std::string_view) {
                       if (at_end) return;
                       holder->reset();
                       dropped.Set(1);
                     },
                     {});
    const std::string path = (*holder)->Config().stdout;
    if (at_end) {
      (*holder)->OutputDone().Then([holder, dropped](const absl::StatusOr<OutputResult>&) {
        holder->reset();
        dropped.Set(1);
      });
    }
    { WriteAll(ShimOutput(path).writer, "x"); }
    EXPECT_TRUE(dropped.GetFuture().Get(ctx_).ok());
  }
}

TEST_F(CioTest, CanceledByItsOwnSource) {
  auto holder = std::make_shared<std::shared_ptr<IO>>();
  *holder = Create(Source::FromFunction([holder] {
                     (*holder)->Cancel();
                     return std::string("too late");
                   }),
                   {}, {});
  const std::shared_ptr<IO> io = *holder;
  const Fd reader = OpenPath(io->Config().stdin, O_RDONLY);
  EXPECT_TRUE(errdefs::IsCanceled(io->InputDone().Get(ctx_).status()));
  EXPECT_EQ(ReadAll(reader), "");
  EXPECT_TRUE(io->Close().ok());
  holder->reset();
}

TEST_F(CioTest, DrainWhileAnOutputIsHeldOpen) {
  const auto out = std::make_shared<Buffer>();
  const auto io = Create({}, out, {});
  ShimOutput held(io->Config().stdout);
  WriteAll(held.writer, "all there is");
  EXPECT_EQ(*io->Drain(absl::Milliseconds(20)).Get(ctx_), DrainResult::kQuiet);
  EXPECT_EQ(out->String(), "all there is");
  EXPECT_FALSE(io->OutputDone().IsReady());
  // Copying goes on; and at no grace, what is in the FIFO still counts.
  const std::string bytes = Pattern(300'000, 8);
  WriteAll(held.writer, bytes);
  EXPECT_EQ(*io->Drain(absl::ZeroDuration()).Get(ctx_), DrainResult::kQuiet);
  EXPECT_TRUE(out->String() == "all there is" + bytes);
  const auto drain = io->Drain(absl::InfiniteDuration());
  held.writer.Close();
  held.reader.Close();
  EXPECT_EQ(*drain.Get(ctx_), DrainResult::kEOF);
  EXPECT_TRUE(io->Close().ok());
}

// As by a process that the task left behind.
TEST_F(CioTest, DrainWhileAnOutputIsWrittenToAllTheTime) {
  for (const auto pause : {std::chrono::milliseconds(20), std::chrono::milliseconds(0)}) {
    const auto out = std::make_shared<Buffer>(100);
    const auto io = Create({}, out, {});
    ShimOutput shim(io->Config().stdout);
    WriteAll(shim.writer, "the task's own");
    std::atomic<bool> stop = false;
    std::thread writer([&] {
      const std::string bytes(pause.count() == 0 ? 4096 : 1, 'x');
      while (!stop) {
        WriteAll(shim.writer, bytes);
        std::this_thread::sleep_for(pause);
      }
    });
    const auto drained = io->Drain(absl::Milliseconds(300)).Get(ctx_);
    EXPECT_TRUE(drained.ok()) << drained.status();
    if (drained.ok()) {
      EXPECT_EQ(*drained, DrainResult::kQuiet);
    }
    EXPECT_THAT(out->String(), StartsWith("the task's own"));
    EXPECT_FALSE(io->OutputDone().IsReady());
    stop = true;
    writer.join();
    EXPECT_TRUE(io->Close().ok());
  }
}

TEST_F(CioTest, DrainGivesASlowSinkItsTime) {
  const std::string bytes = Pattern(100'000, 12);
  const auto sink = std::make_shared<RationedSink>();
  const auto io = Create({}, sink, {});
  ShimOutput shim(io->Config().stdout);
  std::thread writer([&] { WriteAll(shim.writer, bytes); });
  const auto drain = io->Drain(absl::Milliseconds(20));
  for (int i = 0; i < 9; ++i) {
    sink->AwaitShort();
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    EXPECT_FALSE(drain.IsReady()) << i;
    sink->More(10'000);
  }
  sink->AwaitShort();
  sink->More(1 << 20);
  writer.join();
  EXPECT_EQ(*drain.Get(ctx_), DrainResult::kQuiet);
  EXPECT_TRUE(sink->got() == bytes);

  // Nor does the time count in which a sink does not return, as it should not do.
  std::atomic<std::size_t> got = 0;
  const auto blocking = Create({},
                               [&](std::string_view piece) {
                                 std::this_thread::sleep_for(std::chrono::milliseconds(100));
                                 got += piece.size();
                               },
                               {});
  ShimOutput other(blocking->Config().stdout);
  std::thread other_writer([&] { WriteAll(other.writer, bytes, 10'000); });
  EXPECT_EQ(*blocking->Drain(absl::Milliseconds(40)).Get(ctx_), DrainResult::kQuiet);
  EXPECT_EQ(got, bytes.size());
  other_writer.join();
  EXPECT_TRUE(blocking->Close().ok());
  EXPECT_TRUE(io->Close().ok());
}

TEST_F(CioTest, DrainOfOneThatNobodyOpened) {
  const auto io = Create({}, std::make_shared<Buffer>(), std::make_shared<Buffer>());
  EXPECT_EQ(*io->Drain(absl::Milliseconds(1)).Get(ctx_), DrainResult::kQuiet);
  EXPECT_TRUE(io->Close().ok());
}

TEST_F(CioTest, TheFIFOsOutliveTheirFirstUser) {
  const auto first = std::make_shared<Buffer>();
  auto io = Create(std::make_shared<InputStream>(), first, {});
  const Config config = io->Config();
  ShimOutput shim(config.stdout);
  Fd shim_in = OpenPath(config.stdin, O_RDWR);  // a shim keeps a writing end, too
  WriteAll(shim.writer, "before ");
  EXPECT_EQ(*io->Drain(absl::ZeroDuration()).Get(ctx_), DrainResult::kQuiet);
  io.reset();
  WriteAll(shim.writer, "between ");

  const auto second = std::make_shared<Buffer>();
  const auto dir = fs::path(config.stdout).parent_path();
  const auto attached =
      NewAttach({WithStreams(Source::FromString("input"), second, {})})(NewFIFOSet(config, [dir] {
        fs::remove_all(dir);
        return absl::OkStatus();
      }));
  ASSERT_TRUE(attached.ok()) << attached.status();
  EXPECT_EQ((*attached)->Config(), config);
  WriteAll(shim.writer, "after");
  shim.writer.Close();
  shim.reader.Close();
  EXPECT_TRUE((*attached)->Wait(ctx_).ok());
  EXPECT_EQ(first->String(), "before ");
  EXPECT_EQ(second->String(), "between after");
  EXPECT_EQ(*(*attached)->InputDone().Get(ctx_), 5U);
  char buffer[16];
  EXPECT_EQ(read(shim_in, buffer, sizeof(buffer)), 5);
  EXPECT_TRUE((*attached)->Close().ok());
}

TEST_F(CioTest, NewAttach) {
  struct Case {
    std::string stdin, stdout, stderr;
  };
  const Case cases[] = {
      {"this is the stdin", "this is the stdout", "this is the stderr"},
      {"", "this is the stdout", "this is the stderr"},
      {"this is the stdin", "", "this is the stderr"},
      {"this is the stdin", "this is the stdout", ""},
  };
  for (const Case& c : cases) {
    const auto out = std::make_shared<Buffer>();
    const auto err = std::make_shared<Buffer>();
    const auto attach = cio::NewAttach({WithStreams(
        c.stdin.empty() ? Source() : Source::FromString(c.stdin),
        c.stdout.empty() ? Sink() : Sink(out), c.stderr.empty() ? Sink() : Sink(err))});
    const auto fifos = NewFIFOSetInDir(Fifos().string(), "theid", false);
    ASSERT_TRUE(fifos.ok());
    const auto io = attach(*fifos);
    ASSERT_TRUE(io.ok()) << io.status();
    const Config& config = (*io)->Config();
    EXPECT_EQ(config.stdin.empty(), c.stdin.empty());
    EXPECT_EQ(config.stdout == "/dev/null", c.stdout.empty());
    EXPECT_EQ(config.stderr == "/dev/null", c.stderr.empty());
    // The open of a reader blocks until our writer comes, as a simple shim's would.
    if (!c.stdin.empty()) {
      EXPECT_EQ(ReadAll(OpenPath(config.stdin, O_RDONLY)), c.stdin);
      EXPECT_EQ(*(*io)->InputDone().Get(ctx_), c.stdin.size());
    }
    if (!c.stdout.empty()) WriteAll(OpenPath(config.stdout, O_WRONLY), c.stdout);
    if (!c.stderr.empty()) WriteAll(OpenPath(config.stderr, O_WRONLY), c.stderr);
    EXPECT_TRUE((*io)->Wait(ctx_).ok());
    EXPECT_EQ(out->String(), c.stdout);
    EXPECT_EQ(err->String(), c.stderr);
    EXPECT_TRUE((*io)->Close().ok());
  }
}

// ---------------------------------------------------------------- input

TEST_F(CioTest, InputFromEverySource) {
  const std::string bytes = Pattern(500'000, 9);
  const fs::path path = dir_ / "input";
  std::ofstream(path, std::ios::binary) << bytes;
  struct Case {
    const char* name;
    std::function<Source()> source;
  };
  std::vector<std::thread> writers;
  std::vector<std::shared_ptr<Fd>> kept;
  const auto feed = [&](Pair pair) {
    writers.emplace_back([&, in = std::move(pair.in)]() mutable {
      WriteAll(in, bytes, 3333);
      in.Close();
    });
    kept.push_back(std::make_shared<Fd>(std::move(pair.out)));
    return Source::FromFd(*kept.back());
  };
  const Case cases[] = {
      {"string", [&] { return Source::FromString(bytes); }},
      {"function",
       [&] {
         return Source::FromFunction([&, at = std::size_t{0}]() mutable {
           std::string piece = bytes.substr(at, 12'345);
           at += piece.size();
           return piece;
         });
       }},
      {"stream",
       [&] {
         const auto stream = std::make_shared<InputStream>();
         writers.emplace_back([&, stream] {
           for (std::size_t at = 0; at < bytes.size(); at += 1000) {
             EXPECT_TRUE(stream->Write(std::string_view(bytes).substr(at, 1000)).ok());
             if (at % 50'000 == 0) {
               EXPECT_TRUE(stream->Flushed().Get(ctx_).ok());
             }
           }
           EXPECT_TRUE(stream->Flushed().Get(ctx_).ok());
           EXPECT_EQ(stream->Buffered(), 0U);
           stream->Close();
         });
         return Source(stream);
       }},
      {"pipe", [&] { return feed(MakePipe()); }},
      {"socket", [&] { return feed(MakeSockets()); }},
      {"file",
       [&] {
         kept.push_back(std::make_shared<Fd>(OpenPath(path, O_RDONLY)));
         return Source::FromFd(*kept.back());
       }},
  };
  for (const Case& c : cases) {
    const auto io = Create(c.source(), {}, {});
    EXPECT_TRUE(ReadAll(OpenPath(io->Config().stdin, O_RDONLY)) == bytes) << c.name;
    const auto sent = io->InputDone().Get(ctx_);
    ASSERT_TRUE(sent.ok()) << c.name << ": " << sent.status();
    EXPECT_EQ(*sent, bytes.size()) << c.name;
    EXPECT_TRUE(io->Wait(ctx_).ok());
    EXPECT_TRUE(io->Close().ok());
    for (std::thread& writer : writers) writer.join();
    writers.clear();
  }
  kept.clear();
}

TEST_F(CioTest, APipeThatEndedBeforeTheTaskStarted) {
  Pair pipe = MakePipe();
  WriteAll(pipe.in, "early");
  pipe.in.Close();
  const auto io = Create(Source::FromFd(pipe.out), {}, {});
  EXPECT_EQ(ReadAll(OpenPath(io->Config().stdin, O_RDONLY)), "early");
  EXPECT_EQ(*io->InputDone().Get(ctx_), 5U);
  EXPECT_TRUE(io->Close().ok());
}

class BrokenSource : public ByteSource {
 public:
  absl::StatusOr<std::optional<std::string>> Read(std::size_t) override {
    return errdefs::DataLoss("no more");
  }
  void Closed(const absl::Status& why) override { closed_.Set(why.ok() ? 0 : 1); }
  Promise<int> closed_;
};

// Other writers may come and go before the copying has noticed who reads: for that one our end is
// open from the beginning.
TEST_F(CioTest, NobodySeesTheEndOfInputThatIsStillToCome) {
  const auto stream = std::make_shared<InputStream>();
  const auto io = Create(stream, {}, {});
  const Fd reader = OpenPath(io->Config().stdin, O_RDONLY | O_NONBLOCK);
  { const Fd writer = OpenPath(io->Config().stdin, O_WRONLY | O_NONBLOCK); }
  char byte = 0;
  EXPECT_EQ(read(reader, &byte, 1), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_TRUE(stream->Write("x").ok());
  pollfd p{.fd = reader, .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&p, 1, 60'000), 1);
  EXPECT_EQ(read(reader, &byte, 1), 1);
  EXPECT_TRUE(io->Close().ok());
}

// Go's fifo package does that to a writing end that it closes before it was opened.
TEST_F(CioTest, AReaderForAMomentIsNotTheTasks) {
  for (int i = 0; i < 20; ++i) {
    const auto io = Create(Source::FromString("the input"), {}, {});
    { const Fd moment = OpenPath(io->Config().stdin, O_RDONLY | O_NONBLOCK); }
    EXPECT_EQ(ReadAll(OpenPath(io->Config().stdin, O_RDONLY)), "the input");
    EXPECT_TRUE(io->InputDone().Get(ctx_).ok());
    EXPECT_TRUE(io->Close().ok());
  }
}

// The moment may be long on a busy machine: long enough for all input and its end.
TEST_F(CioTest, AReaderThatTakesNothingLeavesTheInputToTheTask) {
  Pair ended = MakePipe();
  WriteAll(ended.in, "the input");
  ended.in.Close();
  for (const Source& source : {Source::FromString("the input"), Source::FromFd(ended.out)}) {
    const auto io = Create(source, {}, {});
    {
      const Fd moment = OpenPath(io->Config().stdin, O_RDONLY | O_NONBLOCK);
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      EXPECT_FALSE(io->InputEnded().IsReady());
    }
    EXPECT_EQ(ReadAll(OpenPath(io->Config().stdin, O_RDONLY)), "the input");
    EXPECT_TRUE(io->InputDone().Get(ctx_).ok());
    EXPECT_TRUE(io->Close().ok());
  }
}

// Also input that nobody takes ends, so that a task that reads late finds its end.
TEST_F(CioTest, InputThatIsNotTakenEnds) {
  const auto io = Create(Source::FromString("the input"), {}, {});
  const Fd late = OpenPath(io->Config().stdin, O_RDONLY);
  EXPECT_EQ(*io->InputDone().Get(ctx_), 9U);
  EXPECT_TRUE(io->InputEnded().Get(ctx_).ok());
  EXPECT_EQ(ReadAll(late), "the input");
  EXPECT_TRUE(io->Close().ok());
}

TEST_F(CioTest, TheEndOfTheSourceIsTold) {
  Pair ended = MakePipe();
  ended.in.Close();
  for (const Source& source :
       {Source::FromString("x"), Source::FromString(""), Source::FromFd(ended.out),
        Source::FromFunction([] { return std::string(); }),
        Source(std::make_shared<BrokenSource>())}) {
    const auto io = Create(source, {}, {});
    EXPECT_FALSE(io->InputEnded().IsReady());
    ReadAll(OpenPath(io->Config().stdin, O_RDONLY));
    EXPECT_TRUE(io->InputEnded().Get(ctx_).ok());
    EXPECT_TRUE(io->Close().ok());
  }
  const auto terminal = Create(Source::FromString("x"), {}, {}, {WithTerminal()});
  ReadAll(OpenPath(terminal->Config().stdin, O_RDONLY));
  EXPECT_TRUE(terminal->InputDone().Get(ctx_).ok());
  EXPECT_FALSE(terminal->InputEnded().IsReady());
  EXPECT_TRUE(terminal->Close().ok());
  const auto canceled = Create(std::make_shared<InputStream>(), {}, {});
  canceled->Cancel();
  EXPECT_FALSE(canceled->InputEnded().IsReady());
  EXPECT_TRUE(canceled->Close().ok());
  const auto none = Create({}, std::make_shared<Buffer>(), {});
  EXPECT_FALSE(none->InputEnded().IsReady());
  EXPECT_TRUE(none->Close().ok());
}

TEST_F(CioTest, InputFromATerminal) {
  const Fd master(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_EQ(grantpt(master), 0);
  ASSERT_EQ(unlockpt(master), 0);
  char name[64];
  ASSERT_EQ(ptsname_r(master, name, sizeof(name)), 0);
  Fd slave = OpenPath(name, O_RDWR | O_NOCTTY);
  const auto io = Create(Source::FromFd(slave), {}, {});
  Fd reader = OpenPath(io->Config().stdin, O_RDONLY);
  WriteAll(master, "typed\n");
  char buffer[16];
  EXPECT_EQ(read(reader, buffer, sizeof(buffer)), 6);
  WriteAll(master, "\x04");  // the end
  EXPECT_EQ(*io->InputDone().Get(ctx_), 6U);
  EXPECT_EQ(read(reader, buffer, sizeof(buffer)), 0);
  EXPECT_TRUE(io->Close().ok());
}

TEST_F(CioTest, ATaskThatClosesItsStdin) {
  Pair idle = MakePipe();  // would never end by itself
  const auto stream = std::make_shared<InputStream>();
  for (const Source& source :
       {Source(stream), Source::FromFd(idle.out), Source::FromString(std::string(1 << 20, 'x')),
        Source::FromFunction([] { return std::string(1000, 'y'); })}) {
    const auto io = Create(source, {}, {});
    { const Fd reader = OpenPath(io->Config().stdin, O_RDONLY); }
    const auto sent = io->InputDone().Get(ctx_);
    EXPECT_TRUE(errdefs::IsUnavailable(sent.status())) << sent.status();
    EXPECT_THAT(Text(sent.status()), HasSubstr(io->Config().stdin));
    EXPECT_TRUE(io->Close().ok());
  }
  EXPECT_TRUE(errdefs::IsUnavailable(stream->Write("x")));
}

TEST_F(CioTest, ATaskThatReadsSlowly) {
  const std::string bytes = Pattern(300'000, 10);
  Pair pipe = MakePipe();
  const auto io = Create(Source::FromFd(pipe.out), {}, {});
  std::thread writer([&] {
    WriteAll(pipe.in, bytes);
    pipe.in.Close();
  });
  const Fd reader = OpenPath(io->Config().stdin, O_RDONLY);
  std::string got;
  char buffer[1000];
  ssize_t n = 0;
  while ((n = read(reader, buffer, sizeof(buffer))) > 0) {
    got.append(buffer, static_cast<std::size_t>(n));
    if (got.size() % 50'000 == 0) {
      EXPECT_TRUE(Send(std::make_shared<Buffer>(), "others").ok());
    }
  }
  EXPECT_TRUE(got == bytes);
  writer.join();
  EXPECT_TRUE(io->Close().ok());
}

TEST_F(CioTest, ASourceThatFails) {
  const auto broken = std::make_shared<BrokenSource>();
  const auto io = Create(broken, {}, {});
  EXPECT_EQ(ReadAll(OpenPath(io->Config().stdin, O_RDONLY)), "");
  EXPECT_TRUE(errdefs::IsDataLoss(io->InputDone().Get(ctx_).status()));
  EXPECT_EQ(*broken->closed_.GetFuture().Get(ctx_), 1);
  EXPECT_TRUE(io->Close().ok());

  const Fd directory = OpenPath(dir_, O_RDONLY | O_DIRECTORY);
  const auto reading = Create(Source::FromFd(directory), {}, {});
  EXPECT_EQ(ReadAll(OpenPath(reading->Config().stdin, O_RDONLY)), "");
  EXPECT_FALSE(reading->InputDone().Get(ctx_).ok());
  EXPECT_TRUE(reading->Close().ok());
}

TEST_F(CioTest, AnInputStreamByItself) {
  InputStream stream;
  EXPECT_TRUE(stream.Flushed().IsReady());
  EXPECT_TRUE(stream.Write("ab").ok());
  EXPECT_EQ(stream.Buffered(), 2U);
  const auto first = stream.Flushed();
  EXPECT_EQ(**stream.Read(1), "ab");
  EXPECT_FALSE(first.IsReady());
  EXPECT_EQ(stream.Buffered(), 2U);
  EXPECT_TRUE(stream.Write("c").ok());
  const auto second = stream.Flushed();
  EXPECT_EQ(**stream.Read(1), "c");
  EXPECT_TRUE(first.IsReady());
  EXPECT_FALSE(second.IsReady());
  EXPECT_EQ(**stream.Read(1), "");
  EXPECT_TRUE(second.IsReady());
  stream.Close();
  stream.Close();
  EXPECT_TRUE(errdefs::IsFailedPrecondition(stream.Write("d")));
  EXPECT_EQ(*stream.Read(1), std::nullopt);
  stream.Closed(absl::OkStatus());
  EXPECT_TRUE(stream.Flushed().IsReady());
}

// ---------------------------------------------------------------- DirectIO

TEST_F(CioTest, Direct) {
  const auto fifos = NewFIFOSetInDir(Fifos().string(), "theid", false);
  ASSERT_TRUE(fifos.ok());
  const auto io = NewDirectIO(*fifos);
  ASSERT_TRUE(io.ok()) << io.status();
  WriteAll((*io)->Stdin(), "in");  // before the task is there
  Fd shim_in = OpenPath((*io)->Config().stdin, O_RDONLY);
  (*io)->CloseStdin();
  EXPECT_EQ((*io)->Stdin(), -1);
  EXPECT_EQ(ReadAll(shim_in), "in");
  {
    ShimOutput out((*io)->Config().stdout);
    ShimOutput err((*io)->Config().stderr);
    WriteAll(out.writer, "out");
    WriteAll(err.writer, "err");
  }
  EXPECT_EQ(ReadAll((*io)->Stdout()), "out");
  EXPECT_EQ(ReadAll((*io)->Stderr()), "err");
  EXPECT_TRUE((*io)->Wait(ctx_).ok());
  EXPECT_TRUE((*io)->Close().ok());
  EXPECT_EQ((*io)->Stdout(), -1);
}

// ---------------------------------------------------------------- many

TEST_F(CioTest, FiveHundredTasksOnOneThread) {
  constexpr std::size_t kTasks = 500;
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit limit = before;
  limit.rlim_cur = std::min<rlim_t>(before.rlim_max, 16'384);
  setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < 8 * kTasks) GTEST_SKIP() << "needs more descriptors";

  const auto loop = reactor::Reactor::Shared();
  const auto threads = Count("/proc/self/task");
  struct Task {
    std::shared_ptr<Buffer> out = std::make_shared<Buffer>();
    std::shared_ptr<Buffer> err = std::make_shared<Buffer>();
    std::shared_ptr<IO> io;
    std::optional<ShimOutput> shim_out, shim_err;
    std::optional<Fd> shim_in;
  };
  std::vector<Task> tasks(kTasks);
  for (Task& task : tasks) {
    task.io = Create(Source::FromString("input"), task.out, task.err);
    task.shim_out.emplace(task.io->Config().stdout);
    task.shim_err.emplace(task.io->Config().stderr);
    task.shim_in.emplace(OpenPath(task.io->Config().stdin, O_RDONLY | O_NONBLOCK));
  }
  EXPECT_EQ(Count("/proc/self/task"), threads);
  for (unsigned round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < kTasks; ++i) {
      WriteAll(tasks[i].shim_out->writer, Pattern(5000, static_cast<unsigned>(3 * i) + round));
      WriteAll(tasks[i].shim_err->writer, "e");
    }
  }
  for (Task& task : tasks) {
    EXPECT_EQ(*task.io->InputDone().Get(ctx_), 5U);
    EXPECT_EQ(ReadAll(*task.shim_in), "input");
    task.shim_out.reset();
    task.shim_err.reset();
  }
  EXPECT_EQ(Count("/proc/self/task"), threads);
  for (std::size_t i = 0; i < kTasks; ++i) {
    Task& task = tasks[i];
    EXPECT_TRUE(task.io->Wait(ctx_).ok());
    std::string expected;
    for (unsigned round = 0; round < 3; ++round) {
      expected += Pattern(5000, static_cast<unsigned>(3 * i) + round);
    }
    EXPECT_TRUE(task.out->String() == expected) << i;
    EXPECT_EQ(task.err->String(), "eee");
    EXPECT_TRUE(task.io->Close().ok());
  }
  tasks.clear();
  setrlimit(RLIMIT_NOFILE, &before);
}

TEST_F(CioTest, ManyThreadsCreateAndClose) {
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const auto out = std::make_shared<Buffer>();
        const auto io = Create(Source::FromString("x"), out, {});
        const std::string bytes = Pattern(100'000, static_cast<unsigned>(t * 100 + i));
        const bool finish = i % 3 != 0;
        {
          ShimOutput shim(io->Config().stdout);
          WriteAll(shim.writer, finish ? bytes : bytes.substr(0, 10));
        }
        if (finish) {
          EXPECT_TRUE(io->Wait(ctx_).ok());
          EXPECT_TRUE(out->String() == bytes);
        }
        EXPECT_TRUE(io->Close().ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace containerd::cio
