// SPDX-License-Identifier: Apache-2.0
//
// What the commands of examples/ctr for containers, namespaces, events and plugins do on a daemon,
// and how it reads its flags and tells of errors.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <regex>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/strip.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/containerd.h"
#include "containerd/ocispec/json.h"

#include "container_fixture.h"
#include "ctr_fixture.h"
#include "harness.h"

namespace containerd::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

TEST_F(CtrCommandsTest, NamespacesAreCreatedLabelledAndRemoved) {
  const std::string name = UniqueName("ns");
  EXPECT_EQ(Output({"namespaces", "create", name, "x=1", "y"}), "");
  const auto service = client_->NamespaceService();
  EXPECT_THAT(*service->Labels(ctx(), name),
              UnorderedElementsAre(Pair("x", "1"), Pair("y", "true")));
  EXPECT_EQ(Ours({"namespaces", "create", name}).code, 1);
  EXPECT_EQ(Ours({"namespaces", "create", "not a name"}).code, 1);
  EXPECT_EQ(Ours({"namespaces", "create"}).code, 1);
  EXPECT_THAT(Output({"ns", "ls"}), ContainsRegex(name + " +x=1,y=true *\n"));
  EXPECT_EQ(Output({"ns", "label", name, "x=2", "y="}), "");
  EXPECT_THAT(*service->Labels(ctx(), name), ElementsAre(Pair("x", "2")));
  EXPECT_EQ(Output({"ns", "rm", name}), name + "\n");
  Same({"ns", "rm", name});
  // One that is not empty stays.
  EXPECT_THAT(Ours({"ns", "rm", ns_.name()}).output,
              StartsWith("unable to delete namespace " + ns_.name() + ": "));
  EXPECT_EQ(Ours({"ns", "rm", ns_.name()}).code, 1);
  EXPECT_THAT(Output({"ns", "ls", "-q"}),
              AllOf(HasSubstr(ns_.name() + "\n"), Not(HasSubstr(name))));
}

TEST_F(CtrCommandsTest, TheDaemonTellsOfItself) {
  const std::string version = Output({"version"});
  EXPECT_THAT(version, StartsWith("Client:\n  Version:  "));
  if (!Theirs().empty()) {
    const std::string theirs = Run(Theirs(), {"version"}).output;
    const auto server = [](const std::string& text) { return text.substr(text.find("\nServer:")); };
    EXPECT_EQ(server(version), server(theirs));
  }
  Same({"info"});
  Same({"plugins", "ls"});
  Same({"plugins", "ls", "-q", "type==io.containerd.snapshotter.v1"});
  // Go's maps have no order; what a plugin exports may come in any.
  Same({"plugins", "ls", "-d", "type==io.containerd.service.v1"});
  Same({"plugins", "ls", "-d", "id==devmapper"});
  EXPECT_EQ(Ours({"version", "more"}).code, 1);
  EXPECT_EQ(Ours({"-a", "/no/such/socket", "version"}).code, 1);
}

// Both are told the same. Events that are not delivered yet when a ctr begins to listen are left
// out by a label that is changed until both have told of it.
TEST_F(CtrCommandsTest, Events) {
  if (Theirs().empty()) GTEST_SKIP() << "no ctr beside the daemon";
  const std::string filter = "namespace==" + ns_.name();
  const auto ours = Start(kOurs, {"events", filter});
  const auto theirs = Start(Theirs(), {"events", filter});
  int n = 0;
  const auto label = [&] {
    return Output({"images", "label", kBusyboxName, fmt::format("n=v{}.", n++)});
  };
  const auto told = [](const Program& program, int i) {
    return absl::StrContains(program.Output(), fmt::format("v{}.", i));
  };
  int first = -1;
  ASSERT_TRUE(Eventually([&] {
    label();
    if (first < 0 && !ours->Output().empty() && !theirs->Output().empty()) first = n;
    return first >= 0 && n > first && told(*ours, first) && told(*theirs, first);
  }));
  const std::string id = Name();
  EXPECT_EQ(Ours({"run", "--rm", "--label", "a=<b>&", kBusyboxName, id, "sh", "-c", "exit 3"}).code,
            3);
  EXPECT_EQ(Output({"images", "tag", kBusyboxName, "example.com/tag:1"}), "example.com/tag:1\n");
  Output({"leases", "create", "--id", "one"});
  label();
  const int last = n - 1;
  ASSERT_TRUE(Eventually([&] { return told(*ours, last) && told(*theirs, last); }));
  const auto lines = [&](const Program& program) {
    const std::string text = program.Output();
    // Old daemons' own has another way to write a time.
    return std::regex_replace(text.substr(text.find(fmt::format("v{}.", first))),
                              std::regex(R"re("exited_at":(\{[^}]*\}|"[^"]*"))re"), "*");
  };
  EXPECT_EQ(lines(*ours), lines(*theirs));
  EXPECT_THAT(lines(*ours), AllOf(HasSubstr(" /tasks/exit {\"container_id\":\"" + id + "\""),
                                  HasSubstr("\"exit_status\":3"), HasSubstr(" /images/create ")));
  // It is ended by Ctrl-C.
  ours->Signal(SIGINT);
  EXPECT_EQ(ours->Wait(), 128 + SIGINT);
  EXPECT_THAT(Ours({"events", "not a filter"}).output, StartsWith("ctr: "));
}

// Both make the same container of the same flags.
TEST_F(CtrCommandsTest, TheContainersOfBothAreTheSame) {
  if (!Newest()) GTEST_SKIP() << "tried on the newest daemon";
  if (Theirs().empty()) GTEST_SKIP() << "no ctr beside the daemon";
  for (const std::vector<std::string>& flags : std::vector<std::vector<std::string>>{
           {"c", "create"},
           {"c",
            "create",
            "--user",
            "root",
            "--memory-limit",
            "67108864",
            "--label",
            "a=b",
            "--label",
            "c",
            "--annotation",
            "d=e",
            "--tty",
            "--runc-root",
            "/run/there",
            "--rootfs-propagation",
            "rshared",
            "--device",
            "/dev/null",
            "--allow-new-privs"},
           {"c", "create", "--privileged", "--net-host", "--cpu-quota", "5000", "--cpu-period",
            "10000", "--with-ns", "ipc:/proc/1/ns/ipc", "--snapshotter-label", "f=g"},
           {"run", "--null-io", "--cpus", "0.5", "--cpu-shares", "200", "--cpuset-cpus", "0",
            "--cpuset-mems", "0", "--cgroup", "/" + ns_.name() + "/there"},
           {"run", "--null-io", "--privileged", "--privileged-without-host-devices", "--read-only",
            "--cap-drop", "CAP_CHOWN", "--cgroup", ""}}) {
    SCOPED_TRACE(::testing::PrintToString(flags));
    const auto info = [&](const std::string& program) {
      const std::string id = Name();
      std::vector<std::string> args = flags;
      args.insert(args.end(), {kBusyboxName, id, "true"});
      EXPECT_EQ(Run(program, args).output, "");
      const std::string text = Output({"c", "info", id});
      return std::regex_replace(absl::StrReplaceAll(OfOneVersion(text), {{id, "ID"}}),
                                std::regex("(\"(Created|Updated)At\"): \"[^\"]*\""), "$1");
    };
    EXPECT_EQ(info(kOurs), info(Theirs()));
  }
}

TEST_F(CtrCommandsTest, WhatIsWrongIsTold) {
  if (!Newest()) GTEST_SKIP() << "tried on the newest daemon";
  for (const std::vector<std::string>& flags :
       std::vector<std::vector<std::string>>{{"--with-ns", "none:/x"},
                                             {"--cap-add", "CHOWN"},
                                             {"--cpus", "1", "--cpu-quota", "5"},
                                             {"--mount", "a=b"},
                                             {"--rm", "-d"},
                                             {"--tty", "--null-io"},
                                             {"--runtime", "none"},
                                             {"--memory-limit", "much"}}) {
    std::vector<std::string> args{"run"};
    args.insert(args.end(), flags.begin(), flags.end());
    args.insert(args.end(), {kBusyboxName, UniqueName("wrong"), "true"});
    const Outcome outcome = Ours(args);
    EXPECT_EQ(outcome.code, 1) << ::testing::PrintToString(flags);
    EXPECT_THAT(outcome.output, StartsWith("ctr: ")) << ::testing::PrintToString(flags);
  }
  const std::string id = Name();
  EXPECT_EQ(Output({"c", "create", kBusyboxName, id, "true"}), "");
  for (const std::vector<std::string>& args :
       std::vector<std::vector<std::string>>{{"tasks", "start", "none"},
                                             {"tasks", "rm", "none"},
                                             {"tasks", "pause", id},
                                             {"tasks", "attach", id},
                                             {"tasks", "exec", "--exec-id", "e", id, "true"},
                                             {"tasks", "kill"},
                                             {"c", "info", "none"},
                                             {"c", "rm"},
                                             {"c", "restore", Name(), "no-image"},
                                             {"c", "create", kBusyboxName}}) {
    const Outcome outcome = Ours(args);
    EXPECT_EQ(outcome.code, 1) << ::testing::PrintToString(args);
    EXPECT_THAT(outcome.output, HasSubstr("ctr: ")) << ::testing::PrintToString(args);
  }
}

TEST_F(CtrCommandsTest, FlagsMayBeSpelledAsGoReadsThem) {
  if (!Newest()) GTEST_SKIP() << "tried on the newest daemon";
  const TestNamespace other(*client_);
  for (const std::string flag : {"-n=", "--n=", "-namespace=", "--namespace="}) {
    EXPECT_EQ(Output({flag + other.name(), "images", "ls", "-quiet"}), "");
  }
  Same({"images", "ls", "-q=true"});
  Same({"images", "ls", "-quiet=0"});
  const std::string id = Name();
  EXPECT_EQ(Output({"run", "-rm", "--d=false", "-env", "A=1", kBusyboxName, id, "sh", "-c",
                    "echo $A $0 $1", "-n=x", "-rm"}),
            "1 -n=x -rm\n");
  EXPECT_EQ(Output({"run", "--rm=0", kBusyboxName, id, "true"}), "");
  EXPECT_EQ(Output({"c", "ls", "-q"}), id + "\n");
}

TEST_F(CtrCommandsTest, ACreatedContainerIsStarted) {
  const std::string id = Name();
  EXPECT_EQ(Output({"c", "create", "--label", "a=b", kBusyboxName, id, "sh", "-c",
                    "echo started; exit 4"}),
            "");
  const Outcome start = Ours({"tasks", "start", id});
  EXPECT_EQ(start.output, "started\n");
  EXPECT_EQ(start.code, 4);
  EXPECT_EQ(Ours({"tasks", "start", "--null-io", id}).output, "");
  EXPECT_EQ(Output({"tasks", "start", "-d", "--null-io", id}), "");
  ASSERT_TRUE(Ends(id));
  EXPECT_EQ(Output({"tasks", "rm", id}),
            fmt::format("task {} exit with non-zero exit code 4\n", id));

  Same({"c", "ls", "labels.a==b"});
  EXPECT_EQ(Output({"c", "ls", "-q", "labels.a==c"}), "");
  EXPECT_THAT(Output({"c", "label", id, "a=c", "d"}), HasSubstr("a=c"));
  EXPECT_EQ(Output({"c", "ls", "-q", "labels.a==c,labels.d==true"}), id + "\n");
  EXPECT_THAT(Output({"c", "label", id, "a="}), Not(HasSubstr("a=")));
  // Nothing refers to it then, and so it would be collected.
  EXPECT_THAT(Output({"snapshots", "label", id, "containerd.io/gc.root=yes"}), HasSubstr("yes"));
  EXPECT_EQ(Output({"c", "rm", "--keep-snapshot", id}), "");
  EXPECT_OK(client_->SnapshotService("")->Stat(ctx(), id));
  const Outcome again = Ours({"c", "rm", id});
  EXPECT_EQ(again.code, 1);
  EXPECT_THAT(again.output, HasSubstr(id));
}

// Of what changed in its files and of its image; there is nothing to go on with in it.
TEST_F(CtrCommandsTest, CheckpointOfAContainer) {
  const std::string id = Detached({"sh", "-c", "echo kept >/mark; sleep 1000"}, {"--null-io"});
  auto task = TaskOf(id);
  ASSERT_OK(task);
  const std::string mark = fmt::format("/proc/{}/root/mark", task->Pid());
  ASSERT_TRUE(Eventually([&] { return ReadFile(mark) == "kept\n"; }));
  const auto content = [&](const std::string& program, const std::string& ref) {
    EXPECT_EQ(Run(program, {"c", "checkpoint", "--rw", "--image", id, ref}).output, "");
    EXPECT_EQ(StatusOf(id), ProcessStatus::kRunning);
    auto image = client_->GetImage(ctx(), ref);
    EXPECT_OK(image);
    auto index = content::ReadBlob(ctx(), *client_->ContentStore(), image->Target());
    EXPECT_OK(index);
    auto parsed = ocispec::Unmarshal<ocispec::Index>(*index);
    EXPECT_OK(parsed);
    std::vector<std::string> types;
    for (const ocispec::Descriptor& part : parsed->manifests) {
      // ctr of 1.6 writes the options of a runtime that has none, too.
      if (!absl::StrContains(part.media_type, "runtime.options")) types.push_back(part.media_type);
    }
    std::sort(types.begin(), types.end());
    return types;
  };
  const std::vector<std::string> types = content(kOurs, "example.com/checkpoint:1");
  EXPECT_THAT(types, AllOf(Contains(HasSubstr("image.manifest")), Contains(HasSubstr("layer"))));
  if (!Theirs().empty()) EXPECT_EQ(types, content(Theirs(), "example.com/checkpoint:2"));
  EXPECT_EQ(Ours({"c", "restore", "--rw", Name(), "example.com/checkpoint:1"}).code, 1);
  EXPECT_EQ(Output({"c", "ls", "-q"}), id + "\n");
  // Also without a task.
  EXPECT_EQ(Ours({"tasks", "rm", "-f", id}).code, 0);
  EXPECT_EQ(Output({"c", "checkpoint", "--rw", id, "example.com/checkpoint:3"}), "");
}

TEST_F(CtrCommandsTest, CheckpointAndRestoreOfProcesses) {
  const std::string id =
      Detached({"sh", "-c", "i=0; while true; do i=$((i+1)); echo $i >/count; sleep 0.05; done"},
               {"--null-io"});
  auto task = TaskOf(id);
  ASSERT_OK(task);
  const auto count = [](const absl::StatusOr<Task>& of) {
    int n = 0;
    // The file is empty for a moment each time.
    Eventually([&] {
      return absl::SimpleAtoi(ReadFile(fmt::format("/proc/{}/root/count", of->Pid())), &n);
    });
    return n;
  };
  ASSERT_TRUE(Eventually([&] { return count(task) > 3; }));
  const TestDir dir;
  if (!task->Checkpoint(ctx(), {WithCheckpointImagePath(dir.path() + "/tried")}).ok()) {
    EXPECT_EQ(Ours({"tasks", "checkpoint", id}).code, 1);
    EXPECT_OK(task->Delete(ctx(), {WithProcessKill}));
    GTEST_SKIP() << "processes can't be checkpointed: no CRIU that works here";
  }
  const std::string images = dir.path() + "/images";
  EXPECT_EQ(Output({"tasks", "checkpoint", "--image-path", images, "--work-path",
                    dir.path() + "/work", id}),
            "");
  EXPECT_TRUE(std::filesystem::exists(images + "/inventory.img"));
  EXPECT_EQ(StatusOf(id), ProcessStatus::kRunning);
  const std::string name(absl::StripSuffix(Output({"tasks", "checkpoint", id}), "\n"));
  EXPECT_THAT(name, HasSubstr(id));
  EXPECT_OK(client_->GetImage(ctx(), name));
  // Daemons before 2.0 make no second one while the first is there: its spec exists already.
  EXPECT_EQ(Output({"images", "rm", "--sync", name}), name + "\n");

  const std::string ref = "example.com/checkpoint:1";
  EXPECT_EQ(Output({"c", "checkpoint", "--rw", "--image", "--task", id, ref}), "");
  EXPECT_EQ(StatusOf(id), ProcessStatus::kRunning);
  const int before = count(task);
  EXPECT_EQ(Output({"tasks", "checkpoint", "--exit", "--image-path", dir.path() + "/last", id}),
            "");
  ASSERT_TRUE(Ends(id));
  EXPECT_EQ(Output({"c", "rm", id}), "");

  const std::string again = Name();
  EXPECT_EQ(Output({"c", "restore", "--rw", "--live", again, ref}), "");
  auto restored = TaskOf(again);
  ASSERT_OK(restored);
  EXPECT_GT(count(restored), 3) << "it has begun anew";
  EXPECT_TRUE(Eventually([&] { return count(restored) > before; }));
  EXPECT_EQ(Ours({"tasks", "rm", "-f", again}).code, 0);
}

}  // namespace
}  // namespace containerd::testing
