// SPDX-License-Identifier: Apache-2.0
//
// What each command of examples/ctr does on a daemon: where the daemon's own ctr prints the same,
// beside that, else by what there is afterwards.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <regex>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/containerd.h"
#include "containerd/digest/identity.h"
#include "containerd/images/image.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/mediatypes.h"

#include "container_fixture.h"
#include "ctr_fixture.h"
#include "harness.h"
#include "registry.h"

namespace containerd::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

// A program that runs beside the test.
class Program {
 public:
  explicit Program(std::vector<std::string> args) : pid_(Spawn(std::move(args), log_)) {}
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() {
    if (pid_ <= 0) return;
    Signal(SIGKILL);
    Wait();
  }

  void Signal(int signal) const { ::kill(pid_, signal); }

  // What it has printed so far.
  std::string Output() const { return ReadFile(log_); }

  ::testing::AssertionResult Prints(const std::string& text) const {
    if (Eventually([&] { return absl::StrContains(Output(), text); })) {
      return ::testing::AssertionSuccess();
    }
    return ::testing::AssertionFailure() << text << " is not in\n" << Output();
  }

  // Waits for its end. The exit code; 128 and more if a signal ended it, as a shell has it.
  int Wait() {
    int status = -1;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  const TestDir dir_;
  const std::string log_ = dir_.path() + "/log";
  pid_t pid_;
};

class CtrCommandsTest : public CtrTest {
 protected:
  // Both print the same and end with the same code; `mask` is an expression for what differs from
  // call to call. A ctr that has no such command does not count.
  void Same(const std::vector<std::string>& args, const std::string& mask = "") {
    if (Theirs().empty()) return;
    SCOPED_TRACE(::testing::PrintToString(args));
    const Outcome theirs = Run(Theirs(), args);
    if (absl::StrContains(theirs.output, "No help topic for")) return;
    const Outcome ours = Ours(args);
    const auto masked = [&](const std::string& text) {
      return mask.empty() ? text : std::regex_replace(text, std::regex(mask), "*");
    };
    EXPECT_EQ(masked(ours.output), masked(theirs.output));
    EXPECT_EQ(ours.code, theirs.code);
  }

  // Whether the daemon's own ctr has the flag.
  bool TheirsHas(std::vector<std::string> command, const std::string& flag) {
    command.emplace_back("--help");
    return !Theirs().empty() && absl::StrContains(Run(Theirs(), std::move(command)).output, flag);
  }

  // Ours has to succeed.
  std::string Output(std::vector<std::string> args) {
    SCOPED_TRACE(::testing::PrintToString(args));
    const Outcome outcome = Ours(std::move(args));
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    return outcome.output;
  }

  // Ours in a shell, in which it is "$0" "$@".
  Outcome InShell(const std::string& script, std::vector<std::string> args) {
    std::vector<std::string> around{"timeout", "120", "sh", "-c", script};
    std::swap(around, around_);
    const Outcome outcome = Ours(std::move(args));
    std::swap(around, around_);
    return outcome;
  }

  // The bytes that ours prints.
  std::string Bytes(std::vector<std::string> args) {
    const TestDir dir;
    const std::string file = dir.path() + "/bytes";
    const Outcome outcome = InShell("\"$0\" \"$@\" >" + file, std::move(args));
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    return ReadFile(file);
  }

  std::unique_ptr<Program> Start(const std::string& program, std::vector<std::string> args) {
    args.insert(args.begin(), {program, "-a", SharedAddress(), "-n", ns_.name()});
    return std::make_unique<Program>(std::move(args));
  }

  // A container whose task ours has started, and which stays.
  std::string Detached(std::vector<std::string> args, std::vector<std::string> flags = {}) {
    const std::string id = Name();
    flags.insert(flags.begin(), {"run", "-d"});
    flags.insert(flags.end(), {kBusyboxName, id});
    flags.insert(flags.end(), args.begin(), args.end());
    EXPECT_EQ(Output(std::move(flags)), "");
    return id;
  }

  absl::StatusOr<Task> TaskOf(const std::string& id) {
    auto container = client_->LoadContainer(ctx(), id);
    if (!container.ok()) return container.status();
    return container->Task(ctx());
  }

  ProcessStatus StatusOf(const std::string& id) {
    auto task = TaskOf(id);
    if (!task.ok()) return ProcessStatus::kUnknown;
    auto status = task->Status(ctx());
    return status.ok() ? status->status : ProcessStatus::kUnknown;
  }

  bool Ends(const std::string& id) {
    return Eventually([&] { return StatusOf(id) == ProcessStatus::kStopped; });
  }

  std::string TopLayer() {
    auto layers = image_->RootFS(ctx());
    EXPECT_OK(layers);
    return layers.ok() ? identity::ChainID(*layers).String() : "";
  }

  // The images, snapshots and leases of a namespace, a line each.
  std::string State(const Context& ctx) {
    std::vector<std::string> lines;
    const auto images = client_->ListImages(ctx);
    for (const Image& image : *images) {
      lines.push_back(fmt::format("image {} {} {}", image.Name(), image.Target().digest,
                                  *image.IsUnpacked(ctx, "") ? "unpacked" : "packed"));
      for (const auto& [key, value] : image.Labels()) lines.push_back("  " + key + "=" + value);
    }
    EXPECT_OK(
        client_->SnapshotService("")->Walk(ctx, [&](const Context&, const snapshots::Info& info) {
          lines.push_back(fmt::format("snapshot {} of {}, {}", info.name, info.parent,
                                      snapshots::String(info.kind)));
          return absl::OkStatus();
        }));
    const auto leases = client_->LeasesService()->List(ctx);
    for (const leases::Lease& lease : *leases) {
      lines.push_back("lease " + lease.id);
    }
    return absl::StrJoin(lines, "\n") + "\n";
  }

  Labels SnapshotLabels(const std::string& key) {
    auto info = client_->SnapshotService("")->Stat(ctx(), key);
    EXPECT_OK(info);
    return info.ok() ? info->labels : Labels();
  }
};

TEST_F(CtrCommandsTest, ImagesAreExportedAndImported) {
  const TestDir dir;
  const std::string archive = dir.path() + "/busybox.tar";
  EXPECT_EQ(Output({"images", "export", archive, kBusyboxName}), "");
  EXPECT_EQ(Bytes({"images", "export", "-", kBusyboxName}), ReadFile(archive));
  EXPECT_EQ(Ours({"images", "export", archive + "2", "no-such-image"}).code, 1);
  EXPECT_EQ(Ours({"images", "export", archive}).code, 1);

  // Each of them into a namespace of its own, in which there is the same then.
  const std::string base = "docker.io/library/busybox";
  const bool local = TheirsHas({"images", "import"}, "--local");
  const std::vector<std::vector<std::string>> ways{
      {}, {"--base-name", base, "--digests", "--label", "a=b"}, {"--base-name", "other"}};
  for (const std::vector<std::string>& flags : ways) {
    SCOPED_TRACE(::testing::PrintToString(flags));
    std::vector<std::string> listings;
    for (const std::string& program : {std::string(kOurs), Theirs()}) {
      if (program.empty()) continue;
      const TestNamespace other(*client_);
      std::vector<std::string> args{"-n", other.name(), "images", "import"};
      args.insert(args.end(), flags.begin(), flags.end());
      // The transfer service names images in another way.
      if (program != kOurs && local) args.emplace_back("--local");
      args.push_back(archive);
      const Outcome outcome = Run(program, args);
      if (absl::StrContains(outcome.output, "flag provided but not defined")) continue;
      EXPECT_EQ(outcome.code, 0) << outcome.output;
      listings.push_back(State(other.ctx()));
      if (program != kOurs || !flags.empty()) continue;
      EXPECT_THAT(
          outcome.output,
          AllOf(StartsWith(archive + ": importing\n"), HasSubstr(archive + ": done\nelapsed: "),
                EndsWith(fmt::format("unpacking {} ({})...done\n", kBusyboxName,
                                     image_->Target().digest))));
    }
    if (listings.size() == 2) EXPECT_EQ(listings[0], listings[1]);
  }
}

TEST_F(CtrCommandsTest, ImportFromAPipeAndWithoutUnpacking) {
  const TestNamespace other(*client_);
  const std::string archive = BusyboxArchive();
  const Outcome import =
      InShell("cat " + archive + " | \"$0\" \"$@\"",
              {"-n", other.name(), "images", "import", "--no-unpack", "--index-name", "all", "-"});
  EXPECT_EQ(import.code, 0) << import.output;
  EXPECT_THAT(import.output, AllOf(StartsWith("archive: importing\narchive: done\nelapsed: "),
                                   Not(HasSubstr("unpacking"))));
  EXPECT_EQ(Output({"-n", other.name(), "images", "ls", "-q"}),
            fmt::format("all\n{}\n", kBusyboxName));
  EXPECT_EQ(Output({"-n", other.name(), "snapshots", "ls"}), "KEY PARENT KIND \n");
  EXPECT_EQ(Ours({"images", "import", "--no-unpack", "--discard-unpacked-layers", archive}).code,
            1);
  const Outcome broken = InShell("echo no archive | \"$0\" \"$@\"", {"images", "import", "-"});
  EXPECT_EQ(broken.code, 1);
  EXPECT_THAT(broken.output, AllOf(HasSubstr("archive: failed\n"), HasSubstr("\nctr: ")));
  EXPECT_EQ(Ours({"images", "import", "/no/such/file"}).code, 1);
}

TEST_F(CtrCommandsTest, ImagesAreTaggedLabelledAndRemoved) {
  EXPECT_EQ(Output({"images", "tag", kBusyboxName, "example.com/a:1", "example.com/b:1"}),
            "example.com/a:1\nexample.com/b:1\n");
  EXPECT_EQ(client_->GetImage(ctx(), "example.com/b:1")->Target().digest, image_->Target().digest);
  EXPECT_EQ(Ours({"images", "tag", "--local", kBusyboxName, "example.com/a:1"}).code, 1);
  EXPECT_EQ(Output({"images", "tag", "--force", kBusyboxName, "example.com/a:1"}),
            "example.com/a:1\n");
  EXPECT_EQ(Ours({"images", "tag", kBusyboxName, "NotLower"}).code, 1);
  EXPECT_EQ(Output({"images", "tag", "--skip-reference-check", kBusyboxName, "NotLower"}),
            "NotLower\n");
  EXPECT_EQ(Ours({"images", "tag", "no-such-image", "example.com/c:1"}).code, 1);
  EXPECT_EQ(Ours({"images", "tag", kBusyboxName}).code, 1);

  EXPECT_EQ(Output({"images", "label", "example.com/a:1", "x=1", "y"}), "x=1,y=true\n");
  Same({"images", "label", "example.com/b:1", "x=1"});
  EXPECT_EQ(Output({"images", "label", "example.com/a:1", "x="}), "y=true\n");
  EXPECT_EQ(Output({"images", "label", "--replace-all", "example.com/a:1", "z=3"}), "z=3\n");
  EXPECT_EQ(Ours({"images", "label", "no-such-image", "a=b"}).code, 1);
  Same({"images", "ls", "name~=example.com"});
  Same({"images", "ls", "-q", "labels.z==3"});

  EXPECT_EQ(Output({"images", "rm", "--sync", "example.com/a:1", "example.com/b:1"}),
            "example.com/a:1\nexample.com/b:1\n");
  EXPECT_EQ(Output({"images", "rm", "no-such-image", "NotLower"}),
            "no-such-image: image not found\nNotLower\n");
  EXPECT_EQ(Output({"images", "ls", "-q"}), std::string(kBusyboxName) + "\n");
}

TEST_F(CtrCommandsTest, ImagesAreConverted) {
  const std::string docker = "example.com/docker:1";
  EXPECT_EQ(Ours({"images", "import", BusyboxArchive("docker", "gzip", docker)}).code, 0);
  for (const std::vector<std::string>& flags : std::vector<std::vector<std::string>>{
           {"--oci"}, {"--oci", "--uncompress"}, {"--uncompress", "--all-platforms"}}) {
    SCOPED_TRACE(::testing::PrintToString(flags));
    const auto convert = [&](const std::string& program, const std::string& to) {
      std::vector<std::string> args{"images", "convert"};
      args.insert(args.end(), flags.begin(), flags.end());
      args.insert(args.end(), {docker, to});
      const Outcome outcome = Run(program, args);
      EXPECT_EQ(outcome.code, 0) << outcome.output;
      return outcome.output;
    };
    const std::string digest = convert(kOurs, "example.com/ours:1");
    auto made = client_->GetImage(ctx(), "example.com/ours:1");
    ASSERT_OK(made);
    EXPECT_EQ(digest, made->Target().digest + "\n");
    if (!Theirs().empty()) EXPECT_EQ(digest, convert(Theirs(), "example.com/theirs:1"));
  }
  auto manifest =
      images::Manifest(ctx(), *client_->ContentStore(),
                       client_->GetImage(ctx(), "example.com/ours:1")->Target(), platforms::All());
  ASSERT_OK(manifest);
  EXPECT_THAT(manifest->layers.front().media_type, Not(HasSubstr("gzip")));
  EXPECT_EQ(Ours({"images", "convert", docker}).code, 1);
  EXPECT_EQ(Ours({"images", "convert", "no-such-image", "example.com/x:1"}).code, 1);
}

TEST_F(CtrCommandsTest, ImagesAreMounted) {
  Same({"images", "usage", kBusyboxName});
  EXPECT_EQ(Ours({"images", "usage", "no-such-image"}).code, 1);
  const TestDir dir;
  const std::string before = State(ctx());
  const auto use = [&](const std::string& program, const std::string& flag) {
    const std::string target = dir.path() + "/" + UniqueName("mount");
    std::filesystem::create_directory(target);
    std::vector<std::string> args{"images", "mount", kBusyboxName, target};
    if (!flag.empty()) args.insert(args.begin() + 2, flag);
    std::string shown = Run(program, args).output;
    EXPECT_TRUE(std::filesystem::exists(target + "/bin/sh"));
    std::ofstream(target + "/new") << "text\n";
    shown += std::filesystem::exists(target + "/new") ? "writable\n" : "read-only\n";
    shown += State(ctx());
    // Once more the same snapshot is mounted again.
    shown += Run(program, {"images", "unmount", target}).output;
    EXPECT_FALSE(std::filesystem::exists(target + "/bin/sh"));
    shown += Run(program, args).output;
    shown += Run(program, {"images", "unmount", "--rm", target}).output;
    shown += State(ctx());
    EXPECT_TRUE(std::filesystem::is_empty(target));
    return absl::StrReplaceAll(shown, {{target, "TARGET"}});
  };
  for (const std::string flag : {"", "--rw"}) {
    const std::string shown = use(kOurs, flag);
    EXPECT_THAT(shown, StartsWith(TopLayer() + "\nTARGET\n"));
    EXPECT_THAT(shown, HasSubstr(flag.empty() ? "read-only" : "writable"));
    EXPECT_THAT(shown, AllOf(HasSubstr("snapshot TARGET of "), HasSubstr("lease TARGET\n"),
                             EndsWith("TARGET\n" + before)));
    if (!Theirs().empty()) EXPECT_EQ(shown, use(Theirs(), flag));
  }
  EXPECT_EQ(Ours({"images", "mount", kBusyboxName}).code, 1);
  // Nothing stays of what could not be mounted.
  EXPECT_EQ(Ours({"images", "mount", kBusyboxName, dir.path() + "/none"}).code, 1);
  EXPECT_EQ(Ours({"images", "mount", "no-such-image", dir.path()}).code, 1);
  EXPECT_EQ(State(ctx()), before);
}

TEST_F(CtrCommandsTest, SnapshotsArePreparedShownCommittedAndRemoved) {
  const std::string prepared = Output({"snapshots", "prepare", "-t", "/at", "work", TopLayer()});
  EXPECT_THAT(prepared, MatchesRegex("mount -t overlay overlay /at -o .*\n"));
  EXPECT_EQ(Output({"snapshots", "mounts", "/at", "work"}), prepared);
  const TestDir dir;
  const std::string shell = absl::StrReplaceAll(prepared, {{"/at", dir.path()}});
  ASSERT_EQ(
      RunProgram({"sh", "-c",
                  fmt::format("set -e; {} echo text >{}/new; umount {}",
                              absl::StrReplaceAll(shell, {{"\n", ";"}}), dir.path(), dir.path())}),
      "");
  Same({"snapshots", "mounts", "/at", "work"});
  Same({"snapshots", "info", "work"});
  Same({"snapshots", "ls"});
  Same({"snapshots", "tree"});
  Same({"snapshots", "usage"});
  Same({"snapshots", "usage", "-b", TopLayer(), "work"});
  Same({"snapshots", "label", "work"});
  Same({"snapshots", "diff", "work"});
  Same({"snapshots", "diff", "--media-type", ocispec::kMediaTypeImageLayer, TopLayer(), "work"});
  EXPECT_THAT(Output({"snapshots", "diff", "--media-type", ocispec::kMediaTypeImageLayer, "work"}),
              AllOf(StartsWith("new"), HasSubstr("text\n")));

  EXPECT_THAT(Output({"snapshots", "label", "work", "x=1"}), HasSubstr("x=1"));
  EXPECT_THAT(SnapshotLabels("work"), Contains(Pair("x", "1")));
  EXPECT_THAT(Output({"snapshots", "label", "work", "x="}), Not(HasSubstr("x=")));

  EXPECT_EQ(Output({"snapshots", "commit", "done", "work"}), "");
  Same({"snapshots", "info", "done"});
  EXPECT_THAT(SnapshotLabels("done"), Contains(Key("containerd.io/gc.root")));
  EXPECT_THAT(Output({"snapshots", "view", "-t", "/at", "look", "done"}),
              MatchesRegex("mount -t overlay overlay /at -o .*lowerdir=.*\n"));
  Same({"snapshots", "tree"});
  EXPECT_THAT(Output({"snapshots", "tree"}),
              fmt::format(" {}\n  \\_ done\n    \\_ look\n", TopLayer()));
  EXPECT_THAT(Ours({"snapshots", "rm", "done"}).output,
              StartsWith("ctr: failed to remove \"done\": "));
  EXPECT_EQ(Output({"snapshots", "rm", "look", "done"}), "");
  EXPECT_EQ(Output({"snapshots", "ls"}),
            fmt::format("KEY{:69}PARENT KIND      \n{}        Committed \n", "", TopLayer()));
  for (const char* command : {"info", "usage", "rm", "label", "diff"}) {
    EXPECT_EQ(Ours({"snapshots", command, "none"}).code, 1) << command;
  }
  EXPECT_EQ(Ours({"snapshots", "--snapshotter", "none", "ls"}).code, 1);
}

TEST_F(CtrCommandsTest, ContentIsIngestedShownAndRemoved) {
  const std::string text = "some text";
  const std::string digest = digest::FromString(text).String();
  const std::string more = "more of it";
  const std::string kept = digest::FromString(more).String();
  const auto ingest = [&](std::vector<std::string> args) {
    args.insert(args.begin(), {"content", "ingest"});
    return InShell(fmt::format("printf '{}' | \"$0\" \"$@\"", text), args);
  };
  EXPECT_EQ(ingest({"--expected-size", "3", "ref"}).code, 1);
  // What has failed is still there, and says how far it came.
  Same({"content", "active"}, "\t+|Less than a second|[0-9]+ seconds?");
  EXPECT_EQ(ingest({"--expected-digest", digest::FromString("other").String(), "ref2"}).code, 1);
  EXPECT_EQ(ingest({"--expected-digest", "no-digest", "ref"}).code, 1);
  EXPECT_EQ(ingest({}).code, 1);
  Same({"content", "ls", "-q"});
  // What nothing refers to is collected.
  Output(
      {"content", "label", image_->Target().digest, "containerd.io/gc.ref.content.test=" + digest});
  const Outcome done =
      ingest({"--expected-digest", digest, "--expected-size", std::to_string(text.size()), "ref3"});
  EXPECT_EQ(done.code, 0) << done.output;

  Same({"content", "get", image_->Target().digest});
  EXPECT_EQ(Output({"content", "get", digest}), text);
  Same({"content", "ls", "digest==" + image_->Target().digest},
       "\t+|Less than a second|[0-9]+ seconds?|containerd.io/gc[^\n]*");
  EXPECT_EQ(Ours({"content", "get", digest::FromString("other").String()}).code, 1);
  EXPECT_EQ(Ours({"content", "get", "no-digest"}).code, 1);

  auto store = client_->ContentStore();
  ASSERT_OK(content::WriteBlob(ctx(), *store, "ref4", more, ocispec::Descriptor{}, {kept_}));
  EXPECT_EQ(Output({"content", "get", kept}), more);
  EXPECT_EQ(Output({"content", "label", kept, "x=1"}), "containerd.io/gc.root=yes,x=1\n");
  EXPECT_EQ(Output({"content", "label", kept, "x="}), "containerd.io/gc.root=yes\n");
  Same({"content", "label", kept});
  EXPECT_EQ(Ours({"content", "label", "no-digest"}).code, 1);
  EXPECT_EQ(Output({"content", "rm", kept}), kept + "\n");
  EXPECT_TRUE(errdefs::IsNotFound(store->Info(ctx(), digest::Digest(kept)).status()));
  EXPECT_EQ(Ours({"content", "rm", "no-digest"}).code, 1);
  Same({"content", "rm", kept});
}

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

TEST_F(CtrCommandsTest, LeasesAreCreatedListedAndRemoved) {
  EXPECT_EQ(Output({"leases", "create", "--id", "one", "--expires", "1h", "x=1", "y"}), "one\n");
  const std::string two = Output({"leases", "create", "-x", "0s"});
  Same({"leases", "ls"});
  Same({"leases", "ls", "-q", "id==one"});
  auto all = client_->LeasesService()->List(ctx(), {"id==one"});
  ASSERT_OK(all);
  ASSERT_EQ(all->size(), 1U);
  EXPECT_THAT(all->front().labels,
              AllOf(Contains(Pair("x", "1")), Contains(Key("containerd.io/gc.expire"))));
  EXPECT_EQ(Ours({"leases", "create", "--id", "one"}).code, 1);
  EXPECT_EQ(Output({"leases", "rm", "--sync", "one", std::string(absl::StripSuffix(two, "\n"))}),
            "one\n" + two);
  EXPECT_EQ(Output({"leases", "ls", "-q"}), "");
  EXPECT_EQ(Ours({"leases", "rm", "one"}).code, 1);
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

// The process tells what it is given; beside the daemon's own ctr, where that knows the flags.
TEST_F(CtrCommandsTest, RunGivesTheProcessWhatTheFlagsSay) {
  const TestDir dir;
  std::ofstream(dir.path() + "/env") << "# of a file\nFILE=f\n";
  std::filesystem::create_directory(dir.path() + "/shared");
  std::ofstream(dir.path() + "/shared/file") << "of the host\n";
  const std::string pid_file = dir.path() + "/pid";
  const auto run = [&](const std::string& program) {
    const std::string id = Name();
    std::vector<std::string> args{
        "run",
        "--rm",
        "--env",
        "A=1,2",
        "--env",
        "B=b c",
        "--env-file",
        dir.path() + "/env",
        "--cwd",
        "/tmp",
        "--user",
        "1000:1001",
        "--hostname",
        "host",
        "--read-only",
        "--mount",
        "type=bind,src=" + dir.path() + "/shared,dst=/shared,options=rbind:ro",
        "--mount",
        "type=tmpfs,src=tmpfs,dst=/fast,options=size=64k",
        "--pid-file",
        pid_file,
        "--cap-drop",
        "CAP_CHOWN",
        "--allow-new-privs",
        "--seccomp",
        kBusyboxName,
        id,
        "sh",
        "-c",
        "exec 2>&1; echo $A $B $FILE; pwd; id -u; id -g; hostname; touch /etc/new; touch "
        "/shared/new;"
        "cat /shared/file; grep /fast /proc/mounts | tr , '\\n' | grep size;"
        "grep -E 'CapBnd|NoNewPrivs|Seccomp:' /proc/self/status; echo; echo wrong >&2"};
    const Outcome outcome = Run(program, args);
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    EXPECT_TRUE(client_->Containers(ctx())->empty());
    return outcome.output;
  };
  const std::string ours = run(kOurs);
  EXPECT_EQ(ours,
            "1,2 b c f\n/tmp\n1000\n1001\nhost\n"
            "touch: /etc/new: Read-only file system\ntouch: /shared/new: Read-only file system\n"
            "of the host\nsize=64k 0 0\n"
            "CapBnd:\t00000000a80425fa\nNoNewPrivs:\t0\nSeccomp:\t2\n\nwrong\n");
  int pid = 0;
  EXPECT_TRUE(absl::SimpleAtoi(ReadFile(pid_file), &pid) && pid > 1) << ReadFile(pid_file);
  if (!Theirs().empty() && absl::StrContains(Run(Theirs(), {"run", "--help"}).output, "--hostname"))
    EXPECT_EQ(ours, run(Theirs()));
}

TEST_F(CtrCommandsTest, RunOnWhatIsTheHosts) {
  const auto host = [](const std::string& ns) {
    return std::filesystem::read_symlink("/proc/self/ns/" + ns).string();
  };
  const std::string id = Detached({"sleep", "1000"});
  auto task = TaskOf(id);
  ASSERT_OK(task);
  const std::string uts = fmt::format("/proc/{}/ns/uts", task->Pid());
  const std::string script =
      "readlink /proc/self/ns/net; readlink /proc/self/ns/uts; readlink /proc/self/ns/ipc;"
      "echo $HOSTNAME; grep CapEff /proc/self/status; ls /dev | wc -l; cat /etc/hosts 2>/dev/null; "
      "true";
  const std::vector<std::string> lines =
      absl::StrSplit(Output({"run", "--rm", "--net-host", "--privileged", "--with-ns", "uts:" + uts,
                             kBusyboxName, Name(), "sh", "-c", script}),
                     absl::MaxSplits('\n', 6));
  ASSERT_EQ(lines.size(), 7U);
  EXPECT_EQ(lines[0], host("net"));
  EXPECT_EQ(lines[1], std::filesystem::read_symlink(uts).string());
  EXPECT_NE(lines[1], host("uts"));
  EXPECT_NE(lines[2], host("ipc"));
  char name[256] = "";
  ASSERT_EQ(::gethostname(name, sizeof name - 1), 0);
  EXPECT_EQ(lines[3], name);
  const std::string status = ReadFile("/proc/self/status");
  EXPECT_THAT(status, HasSubstr(lines[4].substr(lines[4].find('\t') + 1)));
  EXPECT_EQ(lines[6], ReadFile("/etc/hosts"));
  // Neither of them unless it is asked for.
  const std::vector<std::string> alone =
      absl::StrSplit(Output({"run", "--rm", kBusyboxName, Name(), "sh", "-c", script}), '\n');
  EXPECT_NE(alone[0], host("net"));
  EXPECT_NE(alone[1], lines[1]);
  EXPECT_EQ(alone[4], "CapEff:\t00000000a80425fb");

  EXPECT_EQ(Output({"tasks", "rm", "-f", id}),
            fmt::format("task {} exit with non-zero exit code 137\n", id));
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

TEST_F(CtrCommandsTest, LimitsAreTheTasks) {
  const std::string id =
      Detached({"sleep", "1000"}, {"--memory-limit", "67108864", "--label", "a=b"});
  const std::string limited = Output({"tasks", "metrics", id});
  EXPECT_THAT(limited, ContainsRegex("memory.(limit_in_bytes|usage_limit) +67108864 +\n"));
  Same({"tasks", "metrics", id},
       "seconds:[0-9]+ +nanos:[0-9]+ *|[-0-9]+ [:.0-9]+ .0000 UTC *|[0-9]+|  +");
  Same({"tasks", "metrics", "--format", "json", id}, "[0-9]+");
  EXPECT_THAT(Output({"tasks", "metrics", "--format", "json", id}), HasSubstr(": 67108864"));
  EXPECT_EQ(Ours({"tasks", "metrics", "--format", "xml", id}).code, 1);
  auto container = client_->LoadContainer(ctx(), id);
  ASSERT_OK(container);
  EXPECT_THAT(*container->Labels(ctx()), Contains(Pair("a", "b")));
  Same({"c", "info", "--spec", id});
  EXPECT_EQ(Ours({"tasks", "rm", "-f", id}).code, 0);
}

TEST_F(CtrCommandsTest, RunOfAFolderAndOfASpec) {
  const std::string id = Name();
  EXPECT_EQ(Output({"run", "--rm", "--rootfs", "--read-only", "--env", "PATH=/bin", BusyboxRootfs(),
                    id, "echo", "here"}),
            "here\n");
  const TestDir dir;
  const std::string config = dir.path() + "/config.json";
  Output({"c", "create", "--rootfs", "--read-only", "--env", "PATH=/bin", BusyboxRootfs(), id, "sh",
          "-c", "echo spec"});
  std::ofstream(config) << Output({"c", "info", "--spec", id});
  EXPECT_EQ(Output({"c", "rm", id}), "");
  EXPECT_EQ(Output({"run", "--rm", "--config", config, id}), "spec\n");
  EXPECT_EQ(Ours({"run", "--rm", "--config", config, id, "sh"}).code, 1);
  EXPECT_EQ(Ours({"run", "--rm", "--config", config + "2", id}).code, 1);
  EXPECT_TRUE(client_->Containers(ctx())->empty());
}

TEST_F(CtrCommandsTest, ExitCodesAndErrors) {
  const auto run = [&](const std::vector<std::string>& command) {
    std::vector<std::string> args{"run", "--rm", kBusyboxName, Name()};
    args.insert(args.end(), command.begin(), command.end());
    return Ours(args);
  };
  EXPECT_EQ(run({"true"}).code, 0);
  EXPECT_EQ(run({"sh", "-c", "exit 255"}).code, 255);
  EXPECT_EQ(run({"sh", "-c", "sh -c 'kill -9 $$'; exit $?"}).code, 137);
  const Outcome missing = run({"no-such-program"});
  EXPECT_EQ(missing.code, 1);
  EXPECT_THAT(missing.output, AllOf(StartsWith("ctr: "), HasSubstr("no-such-program")));
  EXPECT_TRUE(client_->Containers(ctx())->empty());
  EXPECT_EQ(Ours({"run", "no-such-image", Name()}).code, 1);
  EXPECT_EQ(Ours({"run", kBusyboxName, "no id"}).code, 1);
  const std::string id = Name();
  EXPECT_EQ(Ours({"run", kBusyboxName, id, "true"}).code, 0);
  // Without --rm it stays, without a task.
  EXPECT_EQ(Output({"c", "ls", "-q"}), id + "\n");
  EXPECT_EQ(Output({"tasks", "ls", "-q"}), "");
  const Outcome twice = Ours({"run", "--rm", kBusyboxName, id, "true"});
  EXPECT_EQ(twice.code, 1);
  EXPECT_EQ(Output({"c", "ls", "-q"}), id + "\n") << "the container of another was removed";
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

TEST_F(CtrCommandsTest, StandardInputIsTheProcesss) {
  const std::string script = "printf 'one\\ntwo\\n' | \"$0\" \"$@\"";
  EXPECT_EQ(
      InShell(script, {"run", "--rm", kBusyboxName, Name(), "sh", "-c", "cat; echo end"}).output,
      "one\ntwo\nend\n");
  // More than a pipe holds, from and to a file.
  const TestDir dir;
  std::ofstream(dir.path() + "/in") << std::string(1'000'000, 'x');
  EXPECT_EQ(InShell(fmt::format("\"$0\" \"$@\" <{0}/in >{0}/out", dir.path()),
                    {"run", "--rm", kBusyboxName, Name(), "cat"})
                .output,
            "");
  EXPECT_EQ(ReadFile(dir.path() + "/out"), ReadFile(dir.path() + "/in"));
  // One that reads nothing ends all the same.
  EXPECT_EQ(InShell("yes | \"$0\" \"$@\"", {"run", "--rm", kBusyboxName, Name(), "true"}).code, 0);

  const std::string id = Detached({"sleep", "1000"});
  EXPECT_EQ(
      InShell(script, {"tasks", "exec", "--exec-id", "in", id, "sh", "-c", "cat; exit 5"}).output,
      "one\ntwo\n");
  EXPECT_EQ(Ours({"tasks", "rm", "-f", id}).code, 0);
}

TEST_F(CtrCommandsTest, SignalsGoToTheProcess) {
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) {
    const std::string id = Name();
    const auto run = Start(
        kOurs,
        {"run", "--rm", kBusyboxName, id, "sh", "-c",
         "trap 'echo got; exit 9' INT TERM USR1; echo ready; while true; do sleep 0.05; done"});
    ASSERT_TRUE(run->Prints("ready\n"));
    run->Signal(signal);
    EXPECT_EQ(run->Wait(), 9);
    EXPECT_EQ(run->Output(), "ready\ngot\n");
    EXPECT_TRUE(client_->Containers(ctx())->empty());
  }
}

TEST_F(CtrCommandsTest, ADetachedTask) {
  const TestDir dir;
  const std::string pid_file = dir.path() + "/pid";
  const std::string log = dir.path() + "/log";
  const std::string id = Detached({"sh", "-c", "echo logged; echo too >&2; sleep 1000"},
                                  {"--pid-file", pid_file, "--log-uri", "file://" + log});
  auto task = TaskOf(id);
  ASSERT_OK(task);
  EXPECT_EQ(ReadFile(pid_file), std::to_string(task->Pid()));
  EXPECT_TRUE(Eventually([&] { return ReadFile(log).size() == 11; })) << ReadFile(log);
  Same({"tasks", "ls"});
  EXPECT_THAT(Output({"tasks", "ls"}),
              ContainsRegex(fmt::format("{} +{} +RUNNING\n", id, task->Pid())));
  EXPECT_EQ(Output({"tasks", "pause", id}), "");
  Same({"tasks", "ls"});
  EXPECT_EQ(StatusOf(id), ProcessStatus::kPaused);
  EXPECT_EQ(Output({"tasks", "resume", id}), "");
  EXPECT_EQ(StatusOf(id), ProcessStatus::kRunning);
  // Neither is removed while it runs.
  EXPECT_EQ(Ours({"tasks", "rm", id}).code, 1);
  EXPECT_THAT(Ours({"c", "rm", id}).output, HasSubstr("cannot delete a non stopped container"));
  EXPECT_EQ(Ours({"tasks", "kill", "--signal", "none", id}).code, 1);
  EXPECT_EQ(Output({"tasks", "kill", "--signal", "kill", id}), "");
  ASSERT_TRUE(Ends(id));
  Same({"tasks", "ls"});
  EXPECT_EQ(Output({"c", "rm", id}), "");
  EXPECT_EQ(Output({"snapshots", "ls"}).find(id), std::string::npos);
}

// Of a task that nobody has attached to, they stay until it is removed.
TEST_F(CtrCommandsTest, ThePipesOfADetachedTaskGoWithIt) {
  const TestDir dir;
  const auto start = [&](const std::string& program) {
    const std::string id = Name();
    EXPECT_EQ(
        Run(program, {"run", "-d", "--fifo-dir", dir.path(), kBusyboxName, id, "sleep", "1000"})
            .output,
        "");
    EXPECT_FALSE(std::filesystem::is_empty(dir.path()));
    return id;
  };
  for (const std::string& program : {std::string(kOurs), Theirs()}) {
    if (program.empty()) continue;
    const std::string one = start(program);
    EXPECT_EQ(Ours({"tasks", "rm", "-f", one}).code, 0);
    EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
    EXPECT_EQ(Output({"c", "rm", one}), "");
    const std::string two = start(program);
    EXPECT_EQ(
        Output({"tasks", "exec", "-d", "--fifo-dir", dir.path(), "--exec-id", "e", two, "true"}),
        "");
    EXPECT_THAT(Ours({"tasks", "rm", "-f", "--exec-id", "e", two}).code, 0);
    EXPECT_EQ(Output({"tasks", "kill", "-s", "9", two}), "");
    ASSERT_TRUE(Ends(two));
    EXPECT_EQ(Output({"c", "rm", two}), "");
    EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
  }
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

TEST_F(CtrCommandsTest, KillByTheStopSignalOfAProcessAndOfAll) {
  const std::string id = Detached({"sh", "-c",
                                   "trap 'exit 6' TERM; trap 'exit 7' QUIT; sleep 1000 & "
                                   "while true; do sleep 0.05; done"});
  EXPECT_EQ(Output({"tasks", "exec", "-d", "--exec-id", "one", id, "sleep", "1000"}), "");
  auto task = TaskOf(id);
  ASSERT_OK(task);
  auto one = task->LoadProcess(ctx(), "one");
  ASSERT_OK(one);
  EXPECT_EQ(Ours({"tasks", "kill", "--all", "--exec-id", "one", id}).code, 1);
  EXPECT_EQ(Output({"tasks", "kill", "-s", "SIGKILL", "--exec-id", "one", id}), "");
  EXPECT_TRUE(Eventually([&] { return one->Status(ctx())->status == ProcessStatus::kStopped; }));
  EXPECT_EQ(Ours({"tasks", "rm", "--exec-id", "one", id}).code, 137);
  EXPECT_EQ(StatusOf(id), ProcessStatus::kRunning);
  // As the container's label says, else SIGTERM.
  EXPECT_THAT(Output({"c", "label", id, std::string(kStopSignalLabel) + "=SIGQUIT"}),
              HasSubstr("SIGQUIT"));
  EXPECT_EQ(Output({"tasks", "kill", id}), "");
  ASSERT_TRUE(Ends(id));
  EXPECT_EQ(task->Status(ctx())->exit_status, 7U);
  EXPECT_EQ(Ours({"tasks", "rm", id}).code, 0);

  EXPECT_EQ(Output({"tasks", "start", "-d", "--null-io", id}), "");
  auto second = TaskOf(id);
  ASSERT_OK(second);
  EXPECT_TRUE(Eventually([&] { return second->Pids(ctx())->size() >= 2; }));
  EXPECT_EQ(Output({"tasks", "kill", "-a", "-s", "9", id}), "");
  ASSERT_TRUE(Ends(id));
  EXPECT_EQ(second->Status(ctx())->exit_status, 137U);
  EXPECT_EQ(Ours({"tasks", "rm", id}).code, 0);
}

TEST_F(CtrCommandsTest, Exec) {
  const std::string id = Detached({"sleep", "1000"}, {"--env", "A=1"});
  const auto exec = [&](std::vector<std::string> flags, const std::string& script) {
    flags.insert(flags.begin(), {"tasks", "exec", "--exec-id", "e"});
    flags.insert(flags.end(), {id, "sh", "-c", script});
    return Ours(flags);
  };
  const Outcome outcome = exec({"--cwd", "/tmp", "--user", "1000:1001"},
                               "exec 2>&1; echo $A; pwd; id -u; id -g; echo wrong >&2; exit 3");
  EXPECT_EQ(outcome.output, "1\n/tmp\n1000\n1001\nwrong\n");
  EXPECT_EQ(outcome.code, 3);
  // The same id again: nothing of it has stayed.
  EXPECT_EQ(exec({}, "kill -9 $$").code, 137);
  EXPECT_EQ(exec({"--user", "nobody-here"}, "true").code, 1);
  EXPECT_EQ(exec({"--tty", "--log-uri", "file:///x"}, "true").code, 1);
  EXPECT_EQ(exec({"--fifo-dir", "/tmp", "--log-uri", "file:///x"}, "true").code, 1);
  EXPECT_EQ(Ours({"tasks", "exec", id, "true"}).code, 1);
  EXPECT_EQ(Ours({"tasks", "exec", "--exec-id", "e", id, "no-such-program"}).code, 1);
  const TestDir dir;
  EXPECT_EQ(exec({"-d", "--log-uri", "file://" + dir.path() + "/log"}, "echo logged").code, 0);
  EXPECT_TRUE(Eventually([&] { return ReadFile(dir.path() + "/log") == "logged\n"; }));
  EXPECT_EQ(Output({"tasks", "rm", "-f", "--exec-id", "e", id}), "");
  Same({"tasks", "ps", id});

  const auto signalled =
      Start(kOurs, {"tasks", "exec", "--exec-id", "s", id, "sh", "-c",
                    "trap 'exit 8' INT; echo ready; while true; do sleep 0.05; done"});
  ASSERT_TRUE(signalled->Prints("ready\n"));
  signalled->Signal(SIGINT);
  EXPECT_EQ(signalled->Wait(), 8);
  EXPECT_EQ(StatusOf(id), ProcessStatus::kRunning);
  EXPECT_EQ(Ours({"tasks", "rm", "-f", id}).code, 0);
}

// To what ours has started, and to what the daemon's own has.
TEST_F(CtrCommandsTest, AttachGivesTheOutputAndTheExitCode) {
  for (const std::string& program : {std::string(kOurs), Theirs()}) {
    if (program.empty()) continue;
    const TestDir dir;
    std::filesystem::create_directory(dir.path() + "/go");
    const std::string id = Name();
    EXPECT_EQ(Run(program, {"run", "-d", "--mount",
                            "type=bind,src=" + dir.path() + "/go,dst=/go,options=rbind:ro",
                            kBusyboxName, id, "sh", "-c",
                            "trap 'echo end; exit 5' USR1; "
                            "until [ -e /go/on ]; do sleep 0.05; done; echo on;"
                            "while true; do sleep 0.05; done"})
                  .code,
              0);
    const auto attach = Start(kOurs, {"tasks", "attach", id});
    std::ofstream(dir.path() + "/go/on") << "";
    EXPECT_TRUE(attach->Prints("on\n"));
    attach->Signal(SIGUSR1);
    EXPECT_EQ(attach->Wait(), 5);
    EXPECT_EQ(attach->Output(), "on\nend\n");
    EXPECT_EQ(Output({"tasks", "ls", "-q"}), "");
    EXPECT_EQ(Output({"c", "rm", id}), "");
  }
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

TEST_F(CtrCommandsTest, OnATerminal) {
  if (!Installed("tmux")) GTEST_SKIP() << "tmux is not installed";
  const std::string ctr = fmt::format("{} -a {} -n {} ", kOurs, SharedAddress(), ns_.name());
  const std::string id = Name();
  const Screen screen(
      ctr + fmt::format(
                "run -t --rm {} {} sh -c 'tty; echo -n name:; read x; echo to $x; cat; exit 9'",
                kBusyboxName, id),
      100, 30);
  EXPECT_TRUE(screen.Shows("/dev/pts/0"));
  EXPECT_TRUE(screen.Shows("name:"));
  screen.Tmux("send-keys you Enter");
  EXPECT_TRUE(screen.Shows("to you"));
  {
    const Screen exec(
        ctr + fmt::format("tasks exec -t --exec-id e {} sh -c 'stty size; tty; exit 4'", id), 90,
        25);
    EXPECT_TRUE(exec.Shows("/dev/pts/1"));
    EXPECT_TRUE(exec.Shows("exit code 4"));
  }
  screen.Tmux("send-keys C-d");
  EXPECT_TRUE(screen.Shows("exit code 9"));
  EXPECT_TRUE(client_->Containers(ctx())->empty());
  // A pipe is no terminal.
  const Outcome none = InShell("true | \"$0\" \"$@\"", {"run", "-t", "--rm", kBusyboxName, Name()});
  EXPECT_EQ(none.code, 1);
  EXPECT_TRUE(client_->Containers(ctx())->empty());

  const Screen import(ctr + "images import " + BusyboxArchive(), 80, 24);
  EXPECT_TRUE(import.Shows("exit code 0"));
  EXPECT_THAT(import.Text(), AllOf(ContainsRegex(": +done +\\|\\++\\|\nelapsed: [0-9.]+ s"),
                                   HasSubstr("...done\n")));
}

}  // namespace
}  // namespace containerd::testing
