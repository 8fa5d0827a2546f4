// SPDX-License-Identifier: Apache-2.0
#include "containerd/cri/status.h"

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <absl/time/clock.h>
#include <gtest/gtest.h>

#include "containerd/cri/constants.h"
#include "containerd/errdefs/errdefs.h"

#include "src/testing/internal/temp_folder.h"

namespace containerd::cri {
namespace {

namespace fs = std::filesystem;
using testing::internal::TempFolder;

void Write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

TEST(StatusTest, State) {
  const std::vector<std::pair<ContainerStatus, ContainerState>> cases = {
      {{}, ContainerState::kUnknown},
      {{.created_at = 1}, ContainerState::kCreated},
      {{.created_at = 1, .started_at = 2}, ContainerState::kRunning},
      {{.created_at = 1, .started_at = 2, .finished_at = 3}, ContainerState::kExited},
      {{.created_at = 1, .finished_at = 3}, ContainerState::kExited},
      {{.created_at = 1, .started_at = 2, .finished_at = 3, .unknown = true},
       ContainerState::kUnknown},
      {UnknownContainerStatus(), ContainerState::kUnknown},
  };
  for (const auto& [status, want] : cases) EXPECT_EQ(status.State(), want);
}

TEST(StatusTest, UnknownStatuses) {
  const ContainerStatus container = UnknownContainerStatus();
  EXPECT_EQ(container.created_at, 0);
  EXPECT_EQ(container.started_at, 0);
  EXPECT_EQ(container.finished_at, 0);
  EXPECT_EQ(container.exit_code, 255);
  EXPECT_EQ(container.reason, "Unknown");
  EXPECT_TRUE(container.unknown);
  EXPECT_EQ(UnknownSandboxStatus().state, SandboxState::kUnknown);
  EXPECT_EQ(ToString(SandboxState::kUnknown), "SANDBOX_UNKNOWN");
}

TEST(StatusTest, StatesAreNamed) {
  EXPECT_EQ(CRIContainerStateToString(ContainerState::kCreated), "CONTAINER_CREATED");
  EXPECT_EQ(CRIContainerStateToString(ContainerState::kRunning), "CONTAINER_RUNNING");
  EXPECT_EQ(CRIContainerStateToString(ContainerState::kExited), "CONTAINER_EXITED");
  EXPECT_EQ(CRIContainerStateToString(ContainerState::kUnknown), "CONTAINER_UNKNOWN");
  EXPECT_EQ(CRIContainerStateToString(static_cast<ContainerState>(4)), "");
  EXPECT_EQ(CRIContainerStateToString(static_cast<ContainerState>(-1)), "");
}

TEST(StatusTest, ExitReason) {
  EXPECT_EQ(ExitReason({.created_at = 1}), "");
  EXPECT_EQ(ExitReason({.finished_at = 1}), "Completed");
  EXPECT_EQ(ExitReason({.finished_at = 1, .exit_code = 1}), "Error");
  EXPECT_EQ(ExitReason({.finished_at = 1, .exit_code = 137, .reason = "OOMKilled"}), "OOMKilled");
}

TEST(StatusTest, AsThePluginWritesIt) {
  const ContainerStatus status{.pid = 7,
                               .created_at = 1,
                               .started_at = 2,
                               .finished_at = 3,
                               .exit_code = -4,
                               .reason = "Error",
                               .message = "a \"message\"",
                               .starting = true};
  EXPECT_EQ(EncodeContainerStatus(status),
            R"({"Version":"v1","Pid":7,"CreatedAt":1,"StartedAt":2,"FinishedAt":3,"ExitCode":-4,)"
            R"("Reason":"Error","Message":"a \"message\"","Resources":null})");
  auto decoded = DecodeContainerStatus(EncodeContainerStatus(status));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_FALSE(decoded->starting);  // not kept
  decoded->starting = true;
  EXPECT_EQ(*decoded, status);
}

TEST(StatusTest, KeepsWhatALaterReleaseWrote) {
  const std::string json =
      R"({"Version":"v1","Pid":7,"CreatedAt":1,"StartedAt":2,"FinishedAt":0,"ExitCode":0,)"
      R"("Reason":"","Message":"","Resources":{"linux":{"cpu_shares":2,"later":1}},"Later":[1]})";
  const auto decoded = DecodeContainerStatus(json);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->resources->linux_resources->cpu_shares, 2);
  EXPECT_EQ(EncodeContainerStatus(*decoded), json);
}

// As releases before 1.7 wrote them.
TEST(StatusTest, ACheckpointWithoutResources) {
  const auto decoded = DecodeContainerStatus(
      R"({"Version":"v1","Pid":7,"CreatedAt":1,"StartedAt":2,"FinishedAt":0,"ExitCode":0,)"
      R"("Reason":"","Message":""})");
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_FALSE(decoded->resources.has_value());
  EXPECT_EQ(decoded->State(), ContainerState::kRunning);
  EXPECT_EQ(*DecodeContainerStatus(EncodeContainerStatus(*decoded)), *decoded);
}

TEST(StatusTest, BrokenCheckpoints) {
  for (const std::string json :
       {"", "{", "null x", "[]", R"({"Version":1})", R"({"Version":"v1","Pid":-1})",
        R"({"Version":"v1","ExitCode":""})", R"({"Version":"v1","Pid":4294967296})"}) {
    EXPECT_TRUE(errdefs::IsInvalidArgument(DecodeContainerStatus(json).status())) << json;
  }
  for (const std::string json : {"{}", "null", R"({"Version":"v2"})", R"({"Pid":1})"}) {
    EXPECT_TRUE(errdefs::IsNotImplemented(DecodeContainerStatus(json).status())) << json;
  }
}

TEST(StatusStorageTest, UpdateSyncWritesTheCheckpoint) {
  const TempFolder dir;
  auto storage = StatusStorage::Store(dir.path(), {.created_at = 1});
  ASSERT_TRUE(storage.ok()) << storage.status();
  const std::string file = dir.path() + "/status";
  struct stat info {};
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600);
  EXPECT_EQ(*LoadContainerStatus(dir.path()), storage->Get());

  const auto start = [](ContainerStatus& status) {
    status.started_at = 2;
    return absl::OkStatus();
  };
  ASSERT_TRUE(storage->UpdateSync(start).ok());
  EXPECT_EQ(storage->Get().started_at, 2);
  EXPECT_EQ(LoadContainerStatus(dir.path())->started_at, 2);

  // In memory only, and seen by copies.
  const StatusStorage copy = *storage;
  ASSERT_TRUE(storage
                  ->Update([](ContainerStatus& status) {
                    status.finished_at = 3;
                    return absl::OkStatus();
                  })
                  .ok());
  EXPECT_EQ(copy.Get().finished_at, 3);
  EXPECT_EQ(LoadContainerStatus(dir.path())->finished_at, 0);

  EXPECT_TRUE(storage->Delete().ok());
  EXPECT_TRUE(storage->Delete().ok());
  EXPECT_TRUE(fs::is_empty(dir.path()));
  EXPECT_TRUE(errdefs::IsNotFound(LoadContainerStatus(dir.path()).status()));
}

TEST(StatusStorageTest, AFailedUpdateChangesNothing) {
  const TempFolder dir;
  auto storage = StatusStorage::Store(dir.path(), {.created_at = 1});
  ASSERT_TRUE(storage.ok()) << storage.status();
  const auto fail = [](ContainerStatus& status) {
    status.started_at = 2;
    return errdefs::Aborted("no");
  };
  EXPECT_TRUE(errdefs::IsAborted(storage->Update(fail)));
  EXPECT_TRUE(errdefs::IsAborted(storage->UpdateSync(fail)));
  const auto raise = [](ContainerStatus& status) -> absl::Status {
    status.started_at = 2;
    throw std::runtime_error("oh");
  };
  EXPECT_TRUE(errdefs::IsInternal(storage->Update(raise)));
  EXPECT_EQ(storage->Get().started_at, 0);
  EXPECT_EQ(LoadContainerStatus(dir.path())->started_at, 0);

  // Nor does one that cannot be written.
  fs::remove_all(dir.path());
  const absl::Status gone = storage->UpdateSync([](ContainerStatus& status) {
    status.started_at = 2;
    return absl::OkStatus();
  });
  EXPECT_TRUE(errdefs::IsNotFound(gone)) << gone;
  EXPECT_NE(gone.message().find(dir.path()), std::string_view::npos) << gone;
  EXPECT_EQ(storage->Get().started_at, 0);
  EXPECT_FALSE(StatusStorage::Store(dir.path(), {}).ok());
  EXPECT_TRUE(errdefs::IsFailedPrecondition(
      StatusStorage().UpdateSync([](ContainerStatus&) { return absl::OkStatus(); })));
}

TEST(StatusStorageTest, AFullDiskChangesNothing) {
  const TempFolder dir;
  ASSERT_TRUE(StatusStorage::Store(dir.path(), {.created_at = 1}).ok());
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    // The write after some bytes fails, as on a disk that is full then.
    const rlimit limit{.rlim_cur = 40, .rlim_max = 40};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(1);
    ::signal(SIGXFSZ, SIG_IGN);
    StatusStorage storage = StatusStorage::At(dir.path(), {.created_at = 1});
    const absl::Status full = storage.UpdateSync([](ContainerStatus& status) {
      status.started_at = 2;
      return absl::OkStatus();
    });
    if (full.ok() || full.message().find("status.new") == std::string_view::npos) ::_exit(2);
    if (storage.Get().started_at != 0) ::_exit(3);
    if (StatusStorage::Store(dir.path(), {.created_at = 9}).ok()) ::_exit(4);
    ::_exit(0);
  }
  int how = 0;
  ASSERT_EQ(::waitpid(child, &how, 0), child);
  ASSERT_TRUE(WIFEXITED(how));
  EXPECT_EQ(WEXITSTATUS(how), 0);
  const auto status = LoadContainerStatus(dir.path());
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->created_at, 1);
  EXPECT_FALSE(fs::exists(dir.path() + "/status.new"));
}

TEST(StatusStorageTest, ErrorsNameTheFile) {
  const TempFolder dir;
  for (const char* text : {"", "{\"Version\":\"v1\"", "{\"Version\":\"v9\"}"}) {
    Write(dir.path() + "/status", text);
    const auto got = LoadContainerStatus(dir.path());
    EXPECT_FALSE(got.ok());
    EXPECT_NE(got.status().message().find(dir.path() + "/status"), std::string_view::npos)
        << got.status();
  }
  Write(dir.path() + "/status", std::string(2 << 20, ' '));
  EXPECT_TRUE(errdefs::IsResourceExhausted(LoadContainerStatus(dir.path()).status()));
  fs::remove(dir.path() + "/status");
  ASSERT_EQ(::mkfifo((dir.path() + "/status").c_str(), 0600), 0);
  EXPECT_FALSE(LoadContainerStatus(dir.path()).ok());  // and does not wait for a writer
}

TEST(StatusStorageTest, UpdatesOfManyThreadsAllCount) {
  const TempFolder dir;
  auto storage = StatusStorage::Store(dir.path(), {.created_at = 1});
  ASSERT_TRUE(storage.ok()) << storage.status();
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 25; ++n) {
        EXPECT_TRUE(storage
                        ->UpdateSync([](ContainerStatus& status) {
                          ++status.exit_code;
                          return absl::OkStatus();
                        })
                        .ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(storage->Get().exit_code, 200);
  EXPECT_EQ(LoadContainerStatus(dir.path())->exit_code, 200);
}

// A process that does nothing but write checkpoints is killed again and again; each time there is a
// whole one, not older than the one before.
TEST(StatusStorageTest, SurvivesSIGKILLInTheMiddleOfAWrite) {
  const TempFolder dir;
  ASSERT_TRUE(StatusStorage::Store(dir.path(), {.created_at = 1}).ok());
  std::int64_t last = 0;
  int advanced = 0;
  for (int round = 0; round < 40; ++round) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto status = LoadContainerStatus(dir.path());
      if (!status.ok()) ::_exit(1);
      const StatusStorage storage = StatusStorage::At(dir.path(), *status);
      StatusStorage writer = storage;
      for (;;) {
        const absl::Status s = writer.UpdateSync([](ContainerStatus& st) {
          ++st.started_at;
          st.message = std::string(static_cast<std::size_t>(st.started_at % 9000), 'x');
          return absl::OkStatus();
        });
        if (!s.ok()) ::_exit(2);
      }
    }
    // It has begun to write, and is somewhere in the middle.
    for (int i = 0; i < 5000 && LoadContainerStatus(dir.path())->started_at == last; ++i) {
      absl::SleepFor(absl::Milliseconds(1));
    }
    absl::SleepFor(absl::Microseconds(round * 137));
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int how = 0;
    ASSERT_EQ(::waitpid(child, &how, 0), child);
    ASSERT_TRUE(WIFSIGNALED(how)) << how;
    const auto status = LoadContainerStatus(dir.path());
    ASSERT_TRUE(status.ok()) << status.status();
    ASSERT_GE(status->started_at, last);
    ASSERT_EQ(status->message.size(), static_cast<std::size_t>(status->started_at % 9000));
    if (status->started_at > last) ++advanced;
    last = status->started_at;
    for (const auto& entry : fs::directory_iterator(dir.path())) {
      const std::string name = entry.path().filename();
      ASSERT_TRUE(name == "status" || name == "status.new") << name;
    }
  }
  EXPECT_GT(advanced, 0);
  // What was left is used up.
  StatusStorage storage = StatusStorage::At(dir.path(), {});
  ASSERT_TRUE(storage.UpdateSync([](ContainerStatus&) { return absl::OkStatus(); }).ok());
  EXPECT_FALSE(fs::exists(dir.path() + "/status.new"));
}

}  // namespace
}  // namespace containerd::cri
