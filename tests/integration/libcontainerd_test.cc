// SPDX-License-Identifier: Apache-2.0
//
// libcontainerd on a daemon: containers, tasks and execs with their streams, and that nothing is
// left of what failed.
#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <sys/mount.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <absl/cleanup/cleanup.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/libcontainerd/bundle.h"
#include "containerd/libcontainerd/client.h"
#include "containerd/typeurl/typeurl.h"

#include "libcontainerd_fixture.h"

namespace containerd::testing {
namespace {

namespace fs = std::filesystem;

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(LibcontainerdTest, CreateStartExitDelete) {
  auto out = std::make_shared<cio::Buffer>();
  auto task = Run({"sh", "-c", "echo hello; exit 7"}, {}, out);
  ASSERT_OK(task);
  const std::string id = task->ID();
  const lc::EventInfo exit = ExitOf(id);
  EXPECT_EQ(exit.exit_code, 7U);
  EXPECT_EQ(exit.pid, task->Pid());
  EXPECT_LT(absl::Now() - exit.exited_at, absl::Minutes(1));
  EXPECT_TRUE(exit.error.ok());
  EXPECT_FALSE(exit.earlier_run);
  auto deleted = task->Delete(Limited());
  ASSERT_OK(deleted);
  EXPECT_EQ(deleted->ExitCode(), 7U);
  EXPECT_EQ(out->String(), "hello\n");
  EXPECT_THAT(FilesIn(BundleOf(id)), IsEmpty());
  EXPECT_THAT(notes_->Types(id), ElementsAre("create", "start", "exit"));
  EXPECT_OK(container_->Delete(ctx()));
  EXPECT_FALSE(fs::exists(BundleOf(id)));
  EXPECT_TRUE(errdefs::IsNotFound(task->Status(ctx()).status()));
  EXPECT_TRUE(errdefs::IsNotFound(client_->LoadContainer(ctx(), id).status()));
}

TEST_F(LibcontainerdTest, AMegabyteThenExitThenDeleteAllBytes) {
  auto out = std::make_shared<cio::Buffer>();
  auto task = Run({"sh", "-c", "head -c 1048576 /dev/zero"}, {}, out);
  ASSERT_OK(task);
  ExitOf(task->ID());
  ASSERT_OK(task->Delete(Limited()));
  EXPECT_EQ(out->String().size(), 1048576U);
}

TEST_F(LibcontainerdTest, DirectStreamsAreReadToTheirEndBeforeDelete) {
  auto container = Make({"sh", "-c", "head -c 300000 /dev/zero"});
  ASSERT_OK(container);
  std::shared_ptr<cio::DirectIO> direct;
  auto task = container->NewTask(ctx(), "", false, [&](const auto& io) {
    direct = io;
    return absl::StatusOr<std::shared_ptr<cio::IO>>(io);
  });
  ASSERT_OK(task);
  ASSERT_OK(task->Start(ctx()));
  std::size_t total = 0;
  std::thread reader([&, fd = ::dup(direct->Stdout())] {
    std::vector<char> buffer(1000);
    for (int idle = 0; idle < 600 && total < 300000;) {
      const ssize_t n = ::read(fd, buffer.data(), buffer.size());
      if (n > 0) {
        total += static_cast<std::size_t>(n);
        absl::SleepFor(absl::Milliseconds(1));
      } else {
        ++idle;
        absl::SleepFor(absl::Milliseconds(20));
      }
    }
    ::close(fd);
  });
  ExitOf(task->ID());
  EXPECT_OK(task->Delete(Limited()));
  reader.join();
  EXPECT_EQ(total, 300000U);
}

TEST_F(LibcontainerdTest, TheSourcesEndIsTheEndOfTheInput) {
  auto out = std::make_shared<cio::Buffer>();
  auto task = Run({"cat"}, cio::Source::FromString("line\n"), out);
  ASSERT_OK(task);
  EXPECT_EQ(ExitOf(task->ID()).exit_code, 0U);
  ASSERT_OK(task->Delete(Limited()));
  EXPECT_EQ(out->String(), "line\n");
}

// When to close stdin, and with what of the callback's streams.
class StdinTest : public LibcontainerdTest {
 protected:
  // Returns the direct streams themselves, after `when` has had them.
  lc::StdioCallback Direct(std::function<void(const std::shared_ptr<cio::DirectIO>&)> when = {}) {
    return
        [this, when = std::move(when)](
            const std::shared_ptr<cio::DirectIO>& io) -> absl::StatusOr<std::shared_ptr<cio::IO>> {
          direct_ = io;
          if (when) when(io);
          return io;
        };
  }

  static void Write(const std::shared_ptr<cio::DirectIO>& io, const std::string& text) {
    EXPECT_EQ(::write(io->Stdin(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  // Whether a `cat` with these streams comes to its end; `after` runs once it has started.
  void ExpectEnd(const lc::StdioCallback& callback, const std::function<void()>& after = {}) {
    auto container = Make({"cat"});
    ASSERT_OK(container);
    auto task = container->NewTask(ctx(), "", true, callback);
    ASSERT_OK(task);
    ASSERT_OK(task->Start(ctx()));
    if (after) after();
    EXPECT_EQ(ExitOf(task->ID()).exit_code, 0U);
    direct_->Cancel();
    EXPECT_OK(task->ForceDelete(Limited()));
    EXPECT_OK(container->Delete(ctx()));
  }

  std::shared_ptr<cio::DirectIO> direct_;
};

TEST_F(StdinTest, ClosedInsideTheCallback) {
  ExpectEnd(Direct([](const auto& io) {
    Write(io, "early");
    io->CloseStdin();
  }));
}

TEST_F(StdinTest, ClosedAfterwards) {
  ExpectEnd(Direct(), [this] {
    Write(direct_, "late");
    direct_->CloseStdin();
  });
}

TEST_F(StdinTest, ClosedTwiceAndFromTwoThreads) {
  ExpectEnd(Direct([](const auto& io) {
              std::thread other([&] { io->CloseStdin(); });
              io->CloseStdin();
              other.join();
            }),
            [this] { direct_->CloseStdin(); });
}

TEST_F(StdinTest, ClosedWhileTheTaskIsBeingMade) {
  std::thread closer;
  ExpectEnd(Direct([&](const auto& io) {
    closer = std::thread([io] {
      absl::SleepFor(absl::Milliseconds(30));
      io->CloseStdin();
    });
  }));
  closer.join();
}

TEST_F(StdinTest, OfAnExecEachWay) {
  auto task = Run({"sleep", "1000"});
  ASSERT_OK(task);
  int n = 0;
  for (const bool early : {true, false}) {
    const std::string id = fmt::format("cat{}", n++);
    auto exec = task->Exec(ctx(), id, Process({"cat"}), true, Direct([early](const auto& io) {
                             if (early) io->CloseStdin();
                           }));
    ASSERT_OK(exec);
    if (!early) direct_->CloseStdin();
    EXPECT_EQ(ExitOf(task->ID(), id).exit_code, 0U);
    direct_->Cancel();
    EXPECT_OK(exec->Delete(Limited()));
  }
  EXPECT_OK(task->ForceDelete(Limited()));
}

TEST_F(StdinTest, OfAnExecWhoseStartFailsAndItsIdIsFreeAgain) {
  auto task = Run({"sleep", "1000"});
  ASSERT_OK(task);
  auto exec = task->Exec(ctx(), "e", Process({"no-such-program"}), true,
                         Direct([](const auto& io) { io->CloseStdin(); }));
  ASSERT_FALSE(exec.ok());
  EXPECT_FALSE(errdefs::IsNotFound(exec.status())) << exec.status();
  direct_->CloseStdin();
  EXPECT_THAT(FilesIn(BundleOf(task->ID())), ::testing::Not(::testing::Contains("e-stdin")));
  auto again = task->Exec(ctx(), "e", Process({"true"}), false, lc::AttachStreams({}, {}, {}));
  ASSERT_OK(again);
  ExitOf(task->ID(), "e");
  EXPECT_OK(again->Delete(Limited()));
  EXPECT_OK(task->ForceDelete(Limited()));
}

TEST_F(StdinTest, OfAnExecFromTwoThreads) {
  auto task = Run({"sleep", "1000"});
  ASSERT_OK(task);
  auto exec = task->Exec(ctx(), "cat", Process({"cat"}), true, Direct());
  ASSERT_OK(exec);
  std::thread other([this] { direct_->CloseStdin(); });
  direct_->CloseStdin();
  other.join();
  EXPECT_EQ(ExitOf(task->ID(), "cat").exit_code, 0U);
  direct_->Cancel();
  EXPECT_OK(exec->Delete(Limited()));
  EXPECT_OK(task->ForceDelete(Limited()));
}

TEST_F(StdinTest, ClosedWhileNewTaskFailsAndAfterTheTaskIsGone) {
  auto broken = Make({"no-such-program"});
  ASSERT_OK(broken);
  std::thread closer;
  EXPECT_FALSE(broken
                   ->NewTask(ctx(), "", true, Direct([&](const auto& io) {
                               closer = std::thread([io] { io->CloseStdin(); });
                             }))
                   .ok());
  closer.join();
  direct_->CloseStdin();
  EXPECT_THAT(FilesIn(BundleOf(broken->ID())), IsEmpty());
  EXPECT_TRUE(errdefs::IsNotFound(broken->Task(ctx()).status()));
  EXPECT_THAT(notes_->Types(broken->ID()), IsEmpty()) << "there never was a process";

  auto container = Make({"cat"});
  ASSERT_OK(container);
  auto task = container->NewTask(ctx(), "", true, Direct());
  ASSERT_OK(task);
  ASSERT_OK(task->Start(ctx()));
  ASSERT_OK(task->ForceDelete(Limited()));
  direct_->CloseStdin();
  direct_->CloseStdin();
  EXPECT_THAT(FilesIn(BundleOf(container->ID())), IsEmpty());
  EXPECT_OK(container->Delete(ctx()));
}

TEST_F(StdinTest, AfterReattaching) {
  auto container = Make({"cat"});
  ASSERT_OK(container);
  auto task = container->NewTask(ctx(), "", true, Direct());
  ASSERT_OK(task);
  ASSERT_OK(task->Start(ctx()));
  const std::string id = task->ID();
  direct_->Cancel();  // as if the engine had gone
  ASSERT_NO_FATAL_FAILURE(Connect());
  auto loaded = client_->LoadContainer(ctx(), id);
  ASSERT_OK(loaded);
  auto failed =
      loaded->AttachTask(ctx(), [](const auto&) -> absl::StatusOr<std::shared_ptr<cio::IO>> {
        return errdefs::Unavailable("not now");
      });
  EXPECT_TRUE(errdefs::IsUnavailable(failed.status())) << failed.status();
  EXPECT_EQ(FilesIn(BundleOf(id)).size(), 3U) << "the running task's FIFOs";
  auto attached = loaded->AttachTask(ctx(), Direct());
  ASSERT_OK(attached);
  direct_->CloseStdin();
  EXPECT_EQ(ExitOf(id).exit_code, 0U);
  direct_->Cancel();
  EXPECT_OK(attached->ForceDelete(Limited()));
}

TEST_F(LibcontainerdTest, TheSameExecTwiceLeavesTheFirstAlone) {
  auto task = Run({"sleep", "1000"});
  ASSERT_OK(task);
  auto out = std::make_shared<cio::Buffer>();
  auto input = std::make_shared<cio::InputStream>();
  auto first = task->Exec(ctx(), "e", Process({"cat"}), true, lc::AttachStreams(input, out, {}));
  ASSERT_OK(first);
  auto second = task->Exec(ctx(), "e", Process({"true"}), false, lc::AttachStreams({}, {}, {}));
  EXPECT_TRUE(errdefs::IsConflict(second.status())) << second.status();
  EXPECT_THAT(Text(second.status()), HasSubstr("id already in use"));
  EXPECT_TRUE(errdefs::IsConflict(
      task->Exec(ctx(), task->ID(), Process({"true"}), false, lc::AttachStreams({}, {}, {}))
          .status()));
  ASSERT_OK(input->Write("still there"));
  input->Close();
  EXPECT_EQ(ExitOf(task->ID(), "e").exit_code, 0U);
  EXPECT_OK(first->Delete(Limited()));
  EXPECT_EQ(out->String(), "still there");
  // Nor does a second task take the FIFOs of the first.
  auto again = container_->NewTask(ctx(), "", false, lc::AttachStreams({}, {}, {}));
  EXPECT_TRUE(errdefs::IsConflict(again.status())) << again.status();
  EXPECT_THAT(Text(again.status()), HasSubstr("failed to create task for container"));
  EXPECT_EQ(FilesIn(BundleOf(task->ID())).size(), 2U);
  EXPECT_OK(task->ForceDelete(Limited()));
}

TEST_F(LibcontainerdTest, ATerminalHasNoStderr) {
  auto container = Make({"sh", "-c", "tty; stty size"}, {oci::WithTTY()});
  ASSERT_OK(container);
  auto out = std::make_shared<cio::Buffer>();
  auto task = container->NewTask(ctx(), "", false, lc::AttachStreams({}, out, {}));
  ASSERT_OK(task);
  EXPECT_THAT(FilesIn(BundleOf(task->ID())), ElementsAre(task->ID() + "-stdout"));
  EXPECT_OK(task->Resize(ctx(), 80, 24));
  ASSERT_OK(task->Start(ctx()));
  ExitOf(task->ID());
  EXPECT_OK(task->Delete(Limited()));
  EXPECT_THAT(out->String(), HasSubstr("/dev/pts"));
}

TEST_F(LibcontainerdTest, CallbacksThatFailLeaveNothing) {
  auto container = Make({"true"});
  ASSERT_OK(container);
  const lc::StdioCallback bad[] = {
      [](const auto&) -> absl::StatusOr<std::shared_ptr<cio::IO>> { return nullptr; },
      [](const auto&) -> absl::StatusOr<std::shared_ptr<cio::IO>> {
        throw std::runtime_error("no streams today");
      },
      [](const auto&) -> absl::StatusOr<std::shared_ptr<cio::IO>> {
        return errdefs::Unavailable("not now");
      }};
  for (const lc::StdioCallback& callback : bad) {
    EXPECT_FALSE(container->NewTask(ctx(), "", true, callback).ok());
    EXPECT_THAT(FilesIn(BundleOf(container->ID())), IsEmpty());
  }
  EXPECT_TRUE(errdefs::IsNotFound(container->Task(ctx()).status()));
}

TEST_F(LibcontainerdTest, AContextThatEndsInNewTaskLeavesNoFIFO) {
  auto container = Make({"sleep", "1000"});
  ASSERT_OK(container);
  auto [limited, cancel] = WithCancel(ctx());
  auto task = container->NewTask(limited, "", true, [&, cancel = cancel](const auto& io) {
    cancel();
    return absl::StatusOr<std::shared_ptr<cio::IO>>(io);
  });
  EXPECT_TRUE(errdefs::IsCanceled(task.status())) << task.status();
  EXPECT_TRUE(Eventually(
      [&] { return FilesIn(BundleOf(container->ID())).empty() || container->Task(ctx()).ok(); }));
  if (auto made = container->Task(ctx()); made.ok()) EXPECT_OK(made->ForceDelete(Limited()));
}

TEST_F(LibcontainerdTest, IdsAreIdentifiers) {
  auto spec = SpecOf("c", {"true"});
  ASSERT_OK(spec);
  for (const std::string& id :
       std::vector<std::string>{"../x", "..", "", "/etc", "a/b", "a b", std::string("a\0b", 3)}) {
    const auto made = client_->NewContainer(ctx(), id, *spec, kRuncV2);
    EXPECT_TRUE(errdefs::IsInvalidArgument(made.status())) << made.status();
    EXPECT_TRUE(errdefs::IsInvalidArgument(client_->LoadContainer(ctx(), id).status()));
  }
  EXPECT_FALSE(fs::exists(dir_.path() + "/x"));
  EXPECT_FALSE(fs::exists(State()));
}

TEST_F(LibcontainerdTest, IdsOfExecsAreIdentifiers) {
  auto task = Run({"sleep", "1000"});
  ASSERT_OK(task);
  for (const char* id : {"../x", "..", "", "/etc", "a/b", "a b"}) {
    const auto exec = task->Exec(ctx(), id, Process({"true"}), true, lc::AttachStreams({}, {}, {}));
    EXPECT_TRUE(errdefs::IsInvalidArgument(exec.status())) << exec.status();
    EXPECT_THAT(Text(exec.status()), HasSubstr("exec's id"));
  }
  EXPECT_EQ(FilesIn(BundleOf(task->ID())).size(), 2U) << "the task's own";
  EXPECT_OK(task->ForceDelete(Limited()));
}

TEST_F(LibcontainerdTest, ABundleOnWhatIsReadOnly) {
  auto spec = SpecOf("c", {"true"});
  ASSERT_OK(spec);
  fs::create_directories(State());
  ASSERT_EQ(::mount("none", State().c_str(), "tmpfs", 0, nullptr), 0);
  fs::create_directories(BundleOf("there"));
  ASSERT_EQ(::mount("none", State().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
  for (const char* id : {"new", "there"}) {
    const auto made = client_->NewContainer(ctx(), id, *spec, kRuncV2);
    EXPECT_THAT(Text(made.status()), HasSubstr(BundleOf(id)));
    EXPECT_THAT(Text(made.status()), HasSubstr("ead-only"));
    EXPECT_TRUE(errdefs::IsNotFound(client_->LoadContainer(ctx(), id).status()));
  }
  ASSERT_EQ(::umount2(State().c_str(), MNT_DETACH), 0);
}

TEST_F(LibcontainerdTest, ADiskThatIsFullOfFIFOs) {
  fs::create_directories(State());
  // The root, a bundle, and two FIFOs.
  ASSERT_EQ(::mount("none", State().c_str(), "tmpfs", 0, "nr_inodes=4"), 0);
  const absl::Cleanup unmount = [&] { ::umount2(State().c_str(), MNT_DETACH); };
  auto container = Make({"cat"});
  ASSERT_OK(container);
  const auto task = container->NewTask(ctx(), "", true, lc::AttachStreams({}, {}, {}));
  EXPECT_TRUE(errdefs::IsResourceExhausted(task.status())) << task.status();
  EXPECT_THAT(Text(task.status()), HasSubstr(BundleOf(container->ID()) + "/"));
  EXPECT_THAT(FilesIn(BundleOf(container->ID())), IsEmpty());
  EXPECT_TRUE(errdefs::IsNotFound(container->Task(ctx()).status()));
  const auto fits = container->NewTask(ctx(), "", false, lc::AttachStreams({}, {}, {}));
  ASSERT_OK(fits);
  const std::string other = UniqueName("c");
  auto spec = SpecOf(other, {"true"});
  ASSERT_OK(spec);
  const auto made = client_->NewContainer(ctx(), other, *spec, kRuncV2);
  EXPECT_TRUE(errdefs::IsResourceExhausted(made.status())) << made.status();
  EXPECT_TRUE(errdefs::IsNotFound(client_->LoadContainer(ctx(), other).status()));
  EXPECT_OK(container->Task(ctx())->ForceDelete(Limited()));
  EXPECT_OK(container->Delete(ctx()));
}

TEST_F(LibcontainerdTest, BundlesThatCannotBe) {
  auto spec = SpecOf("c", {"true"});
  ASSERT_OK(spec);
  fs::create_directories(State());
  std::ofstream(BundleOf("file")) << "x";
  fs::create_directories(dir_.path() + "/elsewhere");
  fs::create_directory_symlink(dir_.path() + "/elsewhere", BundleOf("link"));
  for (const char* id : {"file", "link"}) {
    const auto made = client_->NewContainer(ctx(), id, *spec, kRuncV2);
    EXPECT_TRUE(errdefs::IsFailedPrecondition(made.status())) << made.status();
    EXPECT_THAT(Text(made.status()), HasSubstr(BundleOf(id)));
    EXPECT_TRUE(errdefs::IsNotFound(client_->LoadContainer(ctx(), id).status()));
    EXPECT_TRUE(fs::exists(BundleOf(id)));
  }
}

TEST_F(LibcontainerdTest, AConflictAndAnUnknownRuntimeLeaveNoBundle) {
  auto container = Make({"true"});
  ASSERT_OK(container);
  auto spec = SpecOf(container->ID(), {"true"});
  ASSERT_OK(spec);
  const auto again = client_->NewContainer(ctx(), container->ID(), *spec, kRuncV2);
  EXPECT_TRUE(errdefs::IsConflict(again.status())) << again.status();
  EXPECT_THAT(Text(again.status()), HasSubstr("id already in use"));
  EXPECT_TRUE(fs::exists(BundleOf(container->ID()))) << "the first one's";
  const auto failed = client_->NewContainer(ctx(), "other", *spec, kRuncV2, {},
                                            {[](const Context&, Client&, containers::Container& c) {
                                               c.snapshotter = std::string(9000, 's');
                                             },
                                             WithSnapshot("none")});
  EXPECT_FALSE(failed.ok());
  EXPECT_FALSE(fs::exists(BundleOf("other")));
}

TEST_F(LibcontainerdTest, DeleteBelievesNoLabelAndFollowsNoLink) {
  const std::string precious = dir_.path() + "/precious";
  fs::create_directories(precious);
  std::ofstream(precious + "/file") << "x";
  for (const std::string& label : {precious, std::string("/"), State(), State() + "/../precious"}) {
    auto container = Make({"true"});
    ASSERT_OK(container);
    const std::string id = container->ID();
    containerd::Container native = container->Native();
    ASSERT_OK(native.SetLabels(ctx(), {{lc::kBundlePathLabel, label}}));
    auto loaded = client_->LoadContainer(ctx(), id);
    ASSERT_OK(loaded);
    EXPECT_OK(loaded->Delete(ctx()));
    EXPECT_TRUE(fs::exists(precious + "/file")) << label;
    EXPECT_TRUE(fs::exists(State())) << label;
  }
  auto container = Make({"true"});
  ASSERT_OK(container);
  fs::create_directory_symlink(precious, BundleOf(container->ID()) + "/inside");
  EXPECT_OK(container->Delete(ctx()));
  EXPECT_FALSE(fs::exists(BundleOf(container->ID())));
  EXPECT_TRUE(fs::exists(precious + "/file"));
}

TEST_F(LibcontainerdTest, NoCleanKeepsTheBundle) {
  auto container = Make({"true"});
  ASSERT_OK(container);
  ::setenv("LIBCONTAINERD_NOCLEAN", "1", 1);
  EXPECT_OK(container->Delete(ctx()));
  ::unsetenv("LIBCONTAINERD_NOCLEAN");
  EXPECT_TRUE(fs::exists(BundleOf(container->ID())));
}

TEST_F(LibcontainerdTest, StatsSummaryPauseUpdate) {
  auto task = Run({"sleep", "1000"});
  ASSERT_OK(task);
  auto stats = task->Stats(ctx());
  ASSERT_OK(stats);
  EXPECT_NE(stats->kind, lc::Stats::Kind::kOther);
  EXPECT_FALSE(stats->metrics.empty());
  auto exec =
      task->Exec(ctx(), "e", Process({"sleep", "1000"}), false, lc::AttachStreams({}, {}, {}));
  ASSERT_OK(exec);
  auto summary = task->Summary(ctx());
  ASSERT_OK(summary);
  const auto of = [&](std::uint32_t pid) {
    const auto found =
        std::find_if(summary->begin(), summary->end(), [&](const auto& s) { return s.pid == pid; });
    return found == summary->end() ? "none" : found->exec_id;
  };
  EXPECT_EQ(of(task->Pid()), "");
  EXPECT_EQ(of(exec->Pid()), "e");
  EXPECT_EQ(task->Pids(ctx())->size(), summary->size());
  EXPECT_OK(task->Pause(ctx()));
  EXPECT_EQ(task->Status(ctx())->status, ProcessStatus::kPaused);
  EXPECT_OK(task->Resume(ctx()));
  specs::LinuxResources resources;
  resources.memory = specs::LinuxMemory{.limit = std::int64_t{64} << 20};
  EXPECT_OK(task->UpdateResources(ctx(), resources));
  EXPECT_OK(task->ForceDelete(Limited()));
  ExitOf(task->ID(), "e");
  EXPECT_TRUE(Eventually([&] { return notes_->Types(task->ID()).size() >= 8; }));
  const auto types = notes_->Types(task->ID());
  EXPECT_THAT(types, ::testing::IsSupersetOf({"exec-added", "exec-started", "paused", "resumed"}));
}

TEST_F(LibcontainerdTest, ReplaceContainer) {
  auto task = Run({"sleep", "1000"});
  ASSERT_OK(task);
  auto spec = SpecOf(task->ID(), {"true"});
  ASSERT_OK(spec);
  auto replaced = client_->ReplaceContainer(ctx(), task->ID(), *spec, kRuncV2);
  ASSERT_OK(replaced);
  EXPECT_TRUE(fs::exists(BundleOf(task->ID())));
  EXPECT_TRUE(errdefs::IsNotFound(replaced->Task(ctx()).status()));
  EXPECT_EQ(ExitOf(task->ID()).exit_code, 137U);
}

TEST_F(LibcontainerdTest, AUserNamespacesBundleAndItsPipesAreItsRoots) {
  const std::string id = UniqueName("c");
  auto spec = SpecOf(id, {"sh", "-c", "echo hi"});
  ASSERT_OK(spec);
  spec->linux_->namespaces.push_back({.type = specs::kUserNamespace});
  spec->linux_->uid_mappings = {{.container_id = 0, .host_id = 100000, .size = 65536}};
  spec->linux_->gid_mappings = {{.container_id = 0, .host_id = 200000, .size = 65536}};
  EXPECT_EQ(*lc::HostRoot(*spec), (userns::User{100000, 200000}));
  auto container =
      client_->NewContainer(ctx(), id, *spec, kRuncV2, {}, {WithNewSnapshot(id, *image_)});
  ASSERT_OK(container);
  const std::string users = BundleOf(id) + ".100000.200000";
  struct stat st = {};
  // The state folder itself is missing at first, and so is replaced too.
  const std::string parent =
      fs::exists(users) ? users : State() + ".100000.200000/" + id + ".100000.200000";
  ASSERT_EQ(::stat(parent.c_str(), &st), 0) << parent;
  EXPECT_EQ(st.st_uid, 100000U);
  EXPECT_EQ(st.st_gid, 200000U);
  EXPECT_EQ(st.st_mode & 07777, 0700U);
  EXPECT_OK(container->Delete(ctx()));
  EXPECT_FALSE(fs::exists(parent));
}

}  // namespace
}  // namespace containerd::testing
