// SPDX-License-Identifier: Apache-2.0
//
// What the commands of examples/ctr for images, content, snapshots and leases do on a daemon: the
// same as those of the daemon's own ctr, else what they leave there.
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/strip.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/containerd.h"
#include "containerd/images/image.h"
#include "containerd/ocispec/mediatypes.h"

#include "container_fixture.h"
#include "ctr_fixture.h"
#include "harness.h"
#include "registry.h"

namespace containerd::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;

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

}  // namespace
}  // namespace containerd::testing
