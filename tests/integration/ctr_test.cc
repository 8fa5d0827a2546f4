// SPDX-License-Identifier: Apache-2.0
//
// examples/ctr prints what the daemon's own ctr prints, and runs containers as it does.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <sys/wait.h>
#include <utility>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/containerd.h"
#include "containerd/digest/identity.h"
#include "containerd/images/image.h"

#include "container_fixture.h"
#include "ctr_fixture.h"
#include "harness.h"
#include "registry.h"

namespace containerd::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST_F(CtrTest, PrintsWhatTheDaemonsOwnPrints) {
  if (Theirs().empty()) GTEST_SKIP() << "no ctr beside the daemon";
  auto container = Make({"sleep", "1000"});
  ASSERT_OK(container);
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_OK(task);
  ASSERT_OK(task->Start(ctx()));
  const std::string id = container->ID();
  for (const std::vector<std::string>& args : std::vector<std::vector<std::string>>{
           {"images", "ls"},
           {"images", "ls", "-q"},
           {"images", "check"},
           {"containers", "ls"},
           {"c", "ls", "-q"},
           {"c", "info", id},
           {"tasks", "ls"},
           {"tasks", "ps", id},
           {"snapshots", "ls"},
           {"snapshots", "tree"},
           {"snapshots", "info", id},
           {"snapshots", "unpack", image_->Target().digest},
           {"leases", "ls"},
       }) {
    SCOPED_TRACE(::testing::PrintToString(args));
    const Outcome theirs = Run(Theirs(), args);
    // A container of 1.6 is in no sandbox, and its ctr shows none.
    if (args[0] == "c" && args[1] == "info" && !absl::StrContains(theirs.output, "SandboxID"))
      continue;
    const Outcome ours = Ours(args);
    EXPECT_EQ(ours.output, theirs.output);
    EXPECT_EQ(ours.code, theirs.code);
  }
  EXPECT_OK(task->Delete(ctx(), {WithProcessKill}));
}

// Which the ctr of old daemons has not, or prints in another way.
TEST_F(CtrTest, PrintsWhatTheNewestDaemonsOwnPrints) {
  if (!Newest()) GTEST_SKIP() << "tried on the newest daemon";
  if (Theirs().empty()) GTEST_SKIP() << "no ctr beside the daemon";
  // Not every shim runs sandboxes; a record is what there is to list.
  const std::string pod = UniqueName("pod");
  ASSERT_OK(client_->SandboxStore()->Create(
      ctx(), {.id = pod, .runtime = {.name = "io.containerd.runc.v2"}, .sandboxer = "shim"}));
  for (const std::vector<std::string>& args : std::vector<std::vector<std::string>>{
           {"oci", "spec"},
           {"sandboxes", "ls"},
           {"deprecations", "list"},
           {"plugins", "inspect-runtime"},
           {"plugins", "ls"},
           {"plugins", "ls", "-q"},
           {"plugins", "ls", "-d", "type==io.containerd.snapshotter.v1"},
           {"info"},
           {"images", "inspect", kBusyboxName},
           {"images", "inspect", "--content", kBusyboxName},
           {"images", "usage", kBusyboxName},
           {"content", "ls"},
           {"content", "active"},
           {"deprecations", "list", "--format", "json"},
       }) {
    SCOPED_TRACE(::testing::PrintToString(args));
    const Outcome theirs = Run(Theirs(), args);
    const Outcome ours = Ours(args);
    if (args[0] == "images") {
      EXPECT_EQ(Sorted(ours.output), Sorted(theirs.output));
    } else {
      EXPECT_EQ(OfOneVersion(ours.output), OfOneVersion(theirs.output));
    }
    EXPECT_EQ(ours.code, theirs.code);
  }
  EXPECT_OK(client_->SandboxStore()->Delete(ctx(), pod));
  // A view of the one layer is that layer, whatever its name.
  auto layers = image_->RootFS(ctx());
  ASSERT_OK(layers);
  const auto view = [&] {
    return std::vector<std::string>{"snapshots", "view", "--mounts", UniqueName("view"),
                                    identity::ChainID(*layers).String()};
  };
  EXPECT_EQ(Ours(view()).output, Run(Theirs(), view()).output);
}

TEST_F(CtrTest, TheSameFlagsMakeTheSameContainer) {
  if (!Newest()) GTEST_SKIP() << "tried on the newest daemon";
  if (Theirs().empty()) GTEST_SKIP() << "no ctr beside the daemon";
  const TestDir dir;
  for (const char* tool : {"nvidia-container-cli", "containerd"}) {
    std::ofstream(dir.path() + "/" + tool) << "#!/bin/sh\n";
    std::filesystem::permissions(dir.path() + "/" + tool, std::filesystem::perms::owner_all);
  }
  around_ = {"timeout", "120", "env", "-i", "PATH=" + dir.path() + ":/usr/bin:/bin"};
  const auto spec = [&](const std::string& program) {
    const std::string id = Name();
    std::vector<std::string> args{"c",           "create",
                                  "--gpus",      "0",
                                  "--gpus",      "1",
                                  "--env",       "A=1,2",
                                  "--rdt-class", "gold",
                                  "--cwd",       "/tmp",
                                  "--mount",     "type=bind,src=/tmp,dst=/host,options=rbind:ro",
                                  "--cap-add",   "CAP_SYS_ADMIN",
                                  "--hostname",  "name",
                                  kBusyboxName,  id,
                                  "sh",          "-c",
                                  "true"};
    EXPECT_EQ(Run(program, args).output, "");
    return absl::StrReplaceAll(OfOneVersion(Ours({"c", "info", "--spec", id}).output),
                               {{id, "ID"}});
  };
  const std::string ours = spec(kOurs);
  EXPECT_THAT(ours, AllOf(HasSubstr("--device=0,1"), HasSubstr("\"closID\": \"gold\"")));
  EXPECT_EQ(ours, spec(Theirs()));
  EXPECT_EQ(Ours({"run", "--gpus", "all", kBusyboxName, Name()}).output,
            "ctr: invalid value \"all\" for flag -gpus: strconv.ParseInt: parsing \"all\": invalid "
            "syntax\n");
}

TEST_F(CtrTest, AnotherRuntimeGetsItsConfiguration) {
  for (const std::string& program : {std::string(kOurs), Theirs()}) {
    if (program.empty()) continue;
    const std::string id = Name();
    EXPECT_EQ(Run(program, {"containers", "create", "--runtime", "io.containerd.other.v1",
                            "--runtime-config-path", "/etc/other.toml", kBusyboxName, id})
                  .output,
              "");
    auto container = client_->ContainerService()->Get(ctx(), id);
    ASSERT_OK(container);
    EXPECT_EQ(container->runtime.name, "io.containerd.other.v1");
    EXPECT_EQ(container->runtime.options.type_url, "runtimeoptions.v1.Options");
    EXPECT_EQ(container->runtime.options.value, "\x12\x0f/etc/other.toml");
  }
  EXPECT_THAT(Ours({"run", "--runtime-config-path", "/etc/other.toml", "--rm", kBusyboxName, Name(),
                    "echo", "runc takes none"})
                  .output,
              "runc takes none\n");
}

TEST_F(CtrTest, RunGivesADeviceThatAVendorDescribes) {
  const TestDir dir;
  std::filesystem::create_directories(dir.path() + "/etc/cdi");
  std::ofstream(dir.path() + "/etc/cdi/vendor.json") << R"({"cdiVersion": "0.6.0",
      "kind": "vendor.com/device", "devices": [{"name": "gift", "containerEdits": {
      "env": ["GIFT=wrapped"], "deviceNodes": [{"path": "/dev/gift", "hostPath": "/dev/null"}]}}]})";
  around_ = In("mount -t overlay -o lowerdir={0}/etc:/etc overlay /etc", dir);
  const auto run = [&](const std::string& program, const std::string& device) {
    return Run(program, {"run", "--rm", "--device", device, "--device", "/dev/zero", kBusyboxName,
                         Name(), "sh", "-c", "echo $GIFT; test -c /dev/gift && ls /dev/zero"});
  };
  EXPECT_EQ(run(kOurs, "vendor.com/device=gift").output, "wrapped\n/dev/zero\n");
  const Outcome unknown = run(kOurs, "vendor.com/device=none");
  EXPECT_THAT(unknown.output, HasSubstr("unresolvable CDI devices vendor.com/device=none"));
  EXPECT_EQ(unknown.code, 1);
  if (!Newest() || Theirs().empty()) return;
  EXPECT_EQ(run(Theirs(), "vendor.com/device=gift").output, "wrapped\n/dev/zero\n");
}

// Of plugins that tell how they were called.
TEST_F(CtrTest, RunSetsUpTheNetworkAndTakesItAway) {
  const TestDir dir;
  for (const char* folder : {"/etc/cni/net.d", "/opt/cni/bin", "/lib"}) {
    std::filesystem::create_directories(dir.path() + folder);
  }
  std::ofstream(dir.path() + "/etc/cni/net.d/2.conf") << R"({"name": "no", "type": "none"})";
  std::ofstream(dir.path() + "/etc/cni/net.d/1.conflist") << R"({"cniVersion": "1.0.0",
      "name": "net", "plugins": [{"type": "one", "capabilities": {"ips": true}}, {"type": "two"}]})";
  for (const char* name : {"one", "two"}) {
    const std::string plugin = dir.path() + "/opt/cni/bin/" + name;
    std::ofstream(plugin) << fmt::format(R"sh(#!/bin/sh
echo "{1} $CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME $CNI_PATH $(cat)" >>{0}/calls
if [ "$CNI_COMMAND" = ADD ]; then
  test {1} = two && test -e {0}/broken && echo '{{"msg": "broken", "details": "on purpose"}}' && exit 1
  readlink "$CNI_NETNS" >>{0}/calls
  echo '{{"cniVersion": "1.0.0", "ips": [{{"address": "192.0.2.7/24"}}]}}'
else
  echo "none:$CNI_NETNS" >>{0}/calls
fi
)sh",
                                         dir.path(), name);
    std::filesystem::permissions(plugin, std::filesystem::perms::owner_all);
  }
  around_ =
      In("mount -t overlay -o lowerdir={0}/etc:/etc overlay /etc; "
         "mount -t overlay -o lowerdir={0}/opt:/opt overlay /opt; "
         "mount --bind {0}/lib /var/lib",
         dir);
  const std::string id = Name();
  // What happened since the last time, with the names of this test's own things.
  const auto calls = [&] {
    const std::string text = ReadFile(dir.path() + "/calls");
    std::filesystem::remove(dir.path() + "/calls");
    return std::regex_replace(absl::StrReplaceAll(text, {{ns_.name() + "-" + id, "ID"}}),
                              std::regex(R"(net:\[\d+\])"), "NETNS");
  };
  const auto run = [&](const std::string& program) {
    return Run(program, {"run", "--rm", "--cni", kBusyboxName, id, "true"});
  };
  EXPECT_EQ(run(kOurs).output, "");
  const std::string called = calls();
  const std::string end =
      R"("prevResult":{"cniVersion":"1.0.0","ips":[{"address":"192.0.2.7/24"}]},)";
  const std::string conf = R"("cniVersion":"1.0.0","name":"net",)";
  EXPECT_EQ(
      called,
      fmt::format(R"(one ADD ID eth0 /opt/cni/bin {{"capabilities":{{"ips":true}},{0}"type":"one"}}
NETNS
two ADD ID eth0 /opt/cni/bin {{{0}{1}"type":"two"}}
NETNS
two DEL ID eth0 /opt/cni/bin {{{0}{1}"type":"two"}}
none:
one DEL ID eth0 /opt/cni/bin {{"capabilities":{{"ips":true}},{0}{1}"type":"one"}}
none:
)",
                  conf, end));
  EXPECT_TRUE(std::filesystem::is_empty(dir.path() + "/lib/cni/results"));

  // Either ctr takes away what the other has set up.
  const std::string theirs = Newest() && !Theirs().empty() ? Theirs() : kOurs;
  EXPECT_EQ(run(theirs).output, "");
  EXPECT_EQ(calls(), called);
  for (const auto& [starts, kills] : {std::pair<std::string, std::string>{kOurs, theirs},
                                      std::pair<std::string, std::string>{theirs, kOurs}}) {
    EXPECT_EQ(Run(starts, {"run", "-d", "--cni", kBusyboxName, id, "sleep", "1000"}).output, "");
    EXPECT_EQ(Run(kills, {"tasks", "kill", "-s", "KILL", id}).output, "");
    EXPECT_EQ(calls(), called);
    EXPECT_EQ(Ours({"tasks", "rm", "--force", id}).code, 0);
    EXPECT_EQ(Ours({"containers", "rm", id}).output, "");
  }

  // What one plugin has made goes when the other fails.
  std::ofstream(dir.path() + "/broken") << "yes";
  const Outcome broken = run(kOurs);
  EXPECT_EQ(broken.output, "ctr: plugin type=\"two\" failed (add): broken; on purpose\n");
  EXPECT_EQ(broken.code, 1);
  EXPECT_THAT(calls(),
              AllOf(StartsWith("one ADD"), HasSubstr("\ntwo DEL"), HasSubstr("\none DEL")));
  EXPECT_TRUE(client_->Containers(ctx())->empty());
}

TEST_F(CtrTest, PprofGivesTheDaemonsProfiles) {
  const TestDir dir;
  const std::string socket = dir.path() + "/debug.sock";
  const auto pprof = [&](std::vector<std::string> args) {
    args.insert(args.begin(), {"pprof", "--debug-socket", socket});
    return Ours(std::move(args));
  };
  const std::string failed =
      fmt::format("ctr: GET \"http://./debug/pprof/heap\": dial unix {}: connect: ", socket);
  EXPECT_EQ(pprof({"heap"}).output, failed + "No such file or directory\n");
  const PrivateDaemon daemon(
      {supervisor::WithConfig(fmt::format("[debug]\n  address = \"{}\"\n", socket))});
  EXPECT_THAT(pprof({"goroutines"}).output, StartsWith("goroutine "));
  EXPECT_THAT(pprof({"goroutines", "--debug", "1"}).output, StartsWith("goroutine profile: "));
  EXPECT_THAT(pprof({"heap", "--debug", "1"}).output, StartsWith("heap profile: "));
  EXPECT_THAT(pprof({"threadcreate", "--debug", "1"}).output, StartsWith("threadcreate profile: "));
  EXPECT_THAT(pprof({"block", "--debug", "1"}).output, StartsWith("--- contention:"));
  EXPECT_THAT(pprof({"profile", "--seconds", "1s"}).output, StartsWith("\x1f\x8b"));
  EXPECT_THAT(pprof({"trace", "-s", "100ms"}).output, StartsWith("go 1."));
  EXPECT_EQ(pprof({"heap", "--debug", "-1"}).code, 1);
}

TEST_F(CtrTest, RunGivesTheOutputAndTheExitCodeAndRemovesTheContainer) {
  const std::string id = Name();
  const Outcome outcome = Ours(
      {"run", "--rm", "--env", "WHO=you", kBusyboxName, id, "sh", "-c", "echo to $WHO; exit 7"});
  EXPECT_EQ(outcome.output, "to you\n");
  EXPECT_EQ(outcome.code, 7);
  EXPECT_TRUE(client_->Containers(ctx())->empty());
}

TEST_F(CtrTest, PushAndPullTellHowFarTheyAreLineByLine) {
  if (!Newest()) GTEST_SKIP() << "tried on the newest daemon";
  CONTAINERD_REQUIRE_REGISTRY;
  const Registry registry;
  const std::string ref = registry.Ref("busybox:1");
  const std::string manifest = image_->Target().digest;
  const Outcome push = Ours({"images", "push", ref, kBusyboxName});
  EXPECT_EQ(push.code, 0) << push.output;
  EXPECT_THAT(push.output, AllOf(HasSubstr(manifest + ": done\n"), HasSubstr("\nelapsed: ")));
  const TestNamespace other(*client_);
  for (const char* command : {"content fetch", "images pull"}) {
    std::vector<std::string> args = absl::StrSplit(command, ' ');
    args.insert(args.begin(), {"-n", other.name()});
    args.push_back(ref);
    const Outcome outcome = Ours(args);
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    EXPECT_THAT(outcome.output, AllOf(HasSubstr(manifest + ": "), HasSubstr("\nelapsed: "),
                                      Not(HasSubstr("\x1b")), Not(HasSubstr("\r"))));
  }
  auto pulled = client_->GetImage(other.ctx(), ref);
  ASSERT_OK(pulled);
  EXPECT_TRUE(pulled->IsUnpacked(other.ctx(), "").value_or(false));
}

TEST_F(CtrTest, ContentGoesToARegistryAndBackAndRequestsAreShownWithoutSecrets) {
  if (!Newest()) GTEST_SKIP() << "tried on the newest daemon";
  if (!Installed("docker-registry")) GTEST_SKIP() << "docker-registry is not installed";
  const Registry registry({.htpasswd = true});
  const std::string ref = registry.Ref("busybox:1");
  const std::string user = "user1:password1";
  EXPECT_EQ(Ours({"images", "push", "--user", user, ref, kBusyboxName}).code, 0);
  auto store = client_->ContentStore();
  auto manifest = content::ReadBlob(ctx(), *store, image_->Target());
  ASSERT_OK(manifest);
  const std::string text = "an object of the test's";
  const std::string digest = digest::FromString(text).String();
  ASSERT_OK(content::WriteBlob(ctx(), *store, "object", text, ocispec::Descriptor{}, {kept_}));
  EXPECT_EQ(Ours({"content", "push-object", "-u", user, ref, digest, "text/plain"}).output,
            "Pushed " + digest + " text/plain\n");
  EXPECT_EQ(Ours({"content", "fetch-blob", "-u", user, ref, digest, digest}).output, text + text);
  const std::string shown =
      Ours({"content", "fetch-object", "--http-dump", "--http-trace", "-u", user, ref}).output;
  EXPECT_THAT(shown,
              AllOf(HasSubstr(*manifest), HasSubstr("\nAuthorization: Basic ...\n"),
                    HasSubstr("\nContent-Type: application/vnd."),
                    HasSubstr(fmt::format("GET http://{}/v2/busybox/manifests/", registry.host())),
                    ContainsRegex("attempt 2\\): 200 in .*, 0 bytes sent, [0-9]+ received\n"),
                    Not(HasSubstr("dXNlcjE6"))));
  around_ = {"timeout", "120", "sh", "-c", "echo password1 | \"$0\" \"$@\""};
  EXPECT_EQ(Ours({"content", "fetch-object", "--user", "user1", ref}).output,
            "Password: \n" + *manifest);
}

TEST_F(CtrTest, EditMakesABlobOfABlob) {
  if (!Newest()) GTEST_SKIP() << "tried on the newest daemon";
  auto store = client_->ContentStore();
  ASSERT_OK(
      content::WriteBlob(ctx(), *store, "blob", "what was before", ocispec::Descriptor{}, {kept_}));
  const std::string before = digest::FromString("what was before").String();
  const std::string after = digest::FromString("what was after").String();
  const auto edit = [&](const std::string& editor) {
    return Ours({"content", "edit", "--editor", editor, before});
  };
  EXPECT_EQ(edit("true").output, before + "\n");
  EXPECT_EQ(edit("false").code, 1);
  // What another edit has left does not count.
  auto writer = store->Writer(ctx(), {content::WithRef("edit-" + before)});
  ASSERT_OK(writer);
  ASSERT_OK((*writer)->Write(ctx(), "some"));
  ASSERT_OK((*writer)->Close(ctx()));
  EXPECT_EQ(edit("sed -i s/before/after/").output, after + "\n");
}

TEST_F(CtrTest, PruneReferencesLeavesConfigsAndSnapshots) {
  if (!Newest()) GTEST_SKIP() << "tried on the newest daemon";
  auto store = client_->ContentStore();
  auto manifest = images::Manifest(ctx(), *store, image_->Target(), client_->Platform());
  ASSERT_OK(manifest);
  const digest::Digest layer(manifest->layers.front().digest);
  EXPECT_THAT(Ours({"content", "prune", "references", "--dry"}).output,
              HasSubstr("containerd.io/gc.ref.content.l.0"));
  EXPECT_OK(store->Info(ctx(), layer));
  EXPECT_EQ(Ours({"content", "prune", "references"}).output, "");
  EXPECT_TRUE(errdefs::IsNotFound(store->Info(ctx(), layer).status()));
  EXPECT_OK(store->Info(ctx(), digest::Digest(manifest->config.digest)));
  EXPECT_EQ(Ours({"run", "--rm", kBusyboxName, Name(), "echo", "here"}).output, "here\n");
}

TEST_F(CtrTest, InstallAndNamespacesWithTheirCgroups) {
  if (!Newest()) GTEST_SKIP() << "tried on the newest daemon";
  const TestDir dir;
  EXPECT_EQ(Ours({"install", "--path", dir.path(), kBusyboxName}).output, "");
  EXPECT_TRUE(std::filesystem::exists(dir.path() + "/bin/sh"));

  const std::string name = UniqueName("ns");
  ASSERT_OK(client_->NamespaceService()->Create(ctx(), name));
  const std::filesystem::path root = "/sys/fs/cgroup";
  const std::filesystem::path group =
      (exists(root / "cgroup.controllers") ? root : root / "pids") / name;
  std::error_code error;
  std::filesystem::create_directories(group / "a" / "b", error);
  EXPECT_EQ(Ours({"namespaces", "rm", "--cgroup", name}).output, name + "\n");
  EXPECT_FALSE(std::filesystem::exists(group));
  EXPECT_THAT(*client_->NamespaceService()->List(ctx()), Not(Contains(name)));
}

TEST_F(CtrTest, CommitMakesAnImageOfAContainerThatRuns) {
  if (!Newest()) GTEST_SKIP() << "tried on the newest daemon";
  auto container = Make({"sh", "-c", "echo new >/etc/made; rm /etc/group; sleep 1000"});
  ASSERT_OK(container);
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_OK(task);
  ASSERT_OK(task->Start(ctx()));
  const std::string root = fmt::format("/proc/{}/root", task->Pid());
  ASSERT_TRUE(Eventually([&] { return !std::filesystem::exists(root + "/etc/group"); }));
  const std::string ref = "example.com/made:1";
  const Outcome commit =
      Ours({"commit", "--message", "one more", "-a", "somebody", container->ID(), ref});
  EXPECT_EQ(commit.code, 0) << commit.output;
  auto image = client_->GetImage(ctx(), ref);
  ASSERT_OK(image);
  EXPECT_EQ(commit.output, image->Target().digest + "\n");
  auto config = image->Spec(ctx());
  ASSERT_OK(config);
  EXPECT_EQ(config->author, "somebody");
  EXPECT_EQ(config->history.back().comment, "one more");
  EXPECT_THAT(config->history.back().created_by, StartsWith("sh -c echo new"));
  auto status = task->Status(ctx());
  ASSERT_OK(status);
  EXPECT_EQ(status->status, ProcessStatus::kRunning);
  EXPECT_OK(task->Delete(ctx(), {WithProcessKill}));
  EXPECT_EQ(Ours({"run", "--rm", ref, Name(), "sh", "-c", "cat /etc/made; ls /etc"}).output,
            "new\nmade\npasswd\n");
}

// Of a container that runs and of one that does not.
TEST_F(CtrTest, CpCopiesInAndOutAndFollowsNoLinkOutOfTheContainer) {
  if (!Newest()) GTEST_SKIP() << "tried on the newest daemon";
  const TestDir dir;
  const std::string here = dir.path();
  std::filesystem::create_directories(here + "/tree/sub");
  std::ofstream(here + "/tree/sub/.wh.file") << "in a folder\n";
  std::ofstream(here + "/secret") << "of the machine\n";
  auto container =
      Make({"sh", "-c",
            fmt::format("ln -s {0} /out; ln -s ../../../{0}/secret /to; echo x >/done; "
                        "exec sleep 1000",
                        here)});
  ASSERT_OK(container);
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_OK(task);
  ASSERT_OK(task->Start(ctx()));
  const std::string id = container->ID();
  const std::string root = fmt::format("/proc/{}/root", task->Pid());
  ASSERT_TRUE(Eventually([&] { return std::filesystem::exists(root + "/done"); }));
  const auto cp = [&](const std::string& from, const std::string& to) {
    const Outcome outcome = Ours({"cp", from, to});
    return outcome.code == 0 ? "ok" : outcome.output;
  };
  EXPECT_EQ(cp(here + "/secret", id + ":/etc/other"), "ok");
  EXPECT_THAT(Ours({"cp", id + ":/etc/other", "-"}).output,
              AllOf(StartsWith("other"), HasSubstr("ustar"), HasSubstr("of the machine\n")));
  for (const std::string state : {"running", "stopped"}) {
    SCOPED_TRACE(state);
    EXPECT_EQ(cp(here + "/tree", id + ":/root/" + state), "ok");
    EXPECT_EQ(cp(id + ":/root/" + state, here), "ok");
    EXPECT_EQ(ReadFile(here + "/" + state + "/sub/.wh.file"), "in a folder\n");
    EXPECT_THAT(cp(id + ":/to", here + "/stolen"), HasSubstr("No such file or directory"));
    EXPECT_THAT(cp(here + "/secret", id + ":/out/planted"), HasSubstr("No such file or directory"));
    if (state == "running") EXPECT_OK(task->Delete(ctx(), {WithProcessKill}));
  }
  EXPECT_FALSE(std::filesystem::exists(here + "/planted"));
  EXPECT_FALSE(std::filesystem::exists(here + "/stolen"));
}

TEST_F(CtrTest, BashCompletesCommandsAndFlags) {
  if (!Newest()) GTEST_SKIP() << "tried on the newest daemon";
  const TestDir dir;
  const auto complete = [&](const std::string& line) {
    const std::string script = fmt::format(
        "PATH={}:$PATH; source {}; COMP_WORDS=({}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _ctr; "
        "echo \"${{COMPREPLY[*]}}\"",
        CONTAINERD_EXAMPLES, CONTAINERD_SOURCE_DIR "/examples/ctr/completion.bash", line);
    const std::string log = dir.path() + "/" + UniqueName("log");
    ::waitpid(Spawn({"bash", "-c", script}, log), nullptr, 0);
    return ReadFile(log);
  };
  EXPECT_EQ(
      complete("ctr ''"),
      "plugins version containers content events images leases namespaces pprof run snapshots "
      "tasks install oci sandboxes info deprecations commit cp\n");
  EXPECT_EQ(complete("ctr -n images con"), "containers content\n");
  EXPECT_EQ(complete("ctr content fetch"), "fetch fetch-object fetch-blob\n");
  EXPECT_EQ(complete("ctr run --g"), "--gpus --gidmap\n");
  EXPECT_EQ(complete("ctr commit -"), "--message --author --pause\n");
}

TEST_F(CtrTest, OnATerminal) {
  if (!Newest()) GTEST_SKIP() << "tried on the newest daemon";
  if (!Installed("tmux")) GTEST_SKIP() << "tmux is not installed";
  CONTAINERD_REQUIRE_REGISTRY;
  const std::string ctr = fmt::format("{} -a {} -n {} ", kOurs, SharedAddress(), ns_.name());
  {
    const Screen screen(
        ctr + fmt::format("run -t --rm {} {} sh -c 'trap \"echo interrupted; exit 9\" INT; "
                          "while true; do stty size; sleep 0.1; done'",
                          kBusyboxName, Name()),
        100, 30);
    EXPECT_TRUE(screen.Shows("30 100"));
    screen.Tmux("resize-window -x 90 -y 25");
    EXPECT_TRUE(screen.Shows("25 90"));
    screen.Tmux("send-keys C-c");
    EXPECT_TRUE(screen.Shows("exit code 9"));
    EXPECT_THAT(screen.Text(), HasSubstr("interrupted"));
  }
  EXPECT_TRUE(client_->Containers(ctx())->empty());

  const Registry registry;
  const std::string ref = registry.Ref("busybox:1");
  ASSERT_OK(client_->Push(ctx(), ref, image_->Target()));
  const TestNamespace other(*client_);
  const Screen screen(ctr + fmt::format("-n {} images pull {}", other.name(), ref), 80, 24);
  EXPECT_TRUE(screen.Shows("exit code 0"));
  // Each blob has one line, whose name is cut to the width of the terminal. Config and layer are
  // fetched at the same time.
  EXPECT_THAT(screen.Text(), ContainsRegex("manifest-sha256:[0-9a-f]+: +(done|exists) +\\|\\++\\|\n"
                                           "(config|layer)-sha256:"));
  EXPECT_THAT(screen.Text(), ContainsRegex("config-sha256:[0-9a-f]+: +(done|exists) "));
}

TEST_F(CtrTest, WhatIsWrongIsToldAsTheDaemonsOwnTellsIt) {
  if (!Newest()) GTEST_SKIP() << "tried on the newest daemon";
  if (Theirs().empty()) GTEST_SKIP() << "no ctr beside the daemon";
  const std::string zeros = "sha256:" + std::string(64, '0');
  for (const std::vector<std::string>& args : std::vector<std::vector<std::string>>{
           {"no-such-command"},
           {"images", "no-such-command"},
           {"containers", "info"},
           {"containers", "info", "none"},
           {"containers", "label", "none", "a=b"},
           {"containers", "create", "none", "some"},
           {"containers", "checkpoint", "none"},
           {"content", "get", zeros},
           {"content", "label", zeros, "a=b"},
           {"content", "rm", zeros},
           {"content", "ingest"},
           {"content", "fetch-blob"},
           {"images", "tag"},
           {"images", "tag", "none", "example.com/some:1"},
           {"images", "tag", "--local", kBusyboxName, kBusyboxName},
           {"images", "tag", kBusyboxName, kBusyboxName},
           {"images", "inspect", "none"},
           {"images", "mount", "none", "/none"},
           {"images", "export", "/none"},
           {"images", "unmount"},
           {"leases", "rm", "none"},
           {"namespaces", "create"},
           {"plugins", "ls", "type~=["},
           {"run"},
           {"run", kBusyboxName},
           {"run", "none", "some"},
           {"run", "--rm", "--detach", kBusyboxName, "some"},
           {"run", "--rm", "--mount", "no", kBusyboxName, "some", "true"},
           {"run", "--rm", "--with-ns", "no", kBusyboxName, "some", "true"},
           {"snapshots", "info", "none"},
           {"snapshots", "rm", "none"},
           {"snapshots", "usage", "none"},
           {"snapshots", "--snapshotter", "none", "ls"},
           {"tasks", "kill", "none"},
           {"tasks", "pause", "none"},
           {"tasks", "ps"},
           {"tasks", "ps", "none"},
           {"tasks", "exec", "--exec-id", "a", "none", "true"},
           {"-a", "/none", "images", "ls"},
       }) {
    SCOPED_TRACE(::testing::PrintToString(args));
    const Outcome theirs = Run(Theirs(), args);
    const Outcome ours = Ours(args);
    EXPECT_EQ(ours.output, theirs.output);
    EXPECT_EQ(ours.code, theirs.code);
  }
  // Theirs is told after all flags that there are.
  const auto last = [](const Outcome& outcome) {
    const std::vector<std::string> lines = absl::StrSplit(outcome.output, '\n', absl::SkipEmpty());
    return lines.empty() ? "" : lines.back();
  };
  for (const std::vector<std::string>& args : std::vector<std::vector<std::string>>{
           {"--no-such-flag"},
           {"run", "--no-such-flag=1", kBusyboxName, "some"},
           {"images", "ls", "-x"},
           {"tasks", "kill", "-s"},
           {"run", "--cpus", "many", kBusyboxName, "some"},
           {"run", "--gpus", "all", kBusyboxName, "some"},
           {"run", "--memory-limit", std::string(30, '9'), kBusyboxName, "some"},
           {"leases", "create", "-x", "soon"},
           {"pprof", "heap", "--debug", "-1"},
       }) {
    SCOPED_TRACE(::testing::PrintToString(args));
    const Outcome theirs = Run(Theirs(), args);
    const Outcome ours = Ours(args);
    EXPECT_EQ(last(ours), last(theirs));
    EXPECT_EQ(ours.code, theirs.code);
  }
  EXPECT_EQ(Ours({"help"}).output, Ours({"--help"}).output);
  EXPECT_EQ(Ours({"images", "help"}).output, Ours({"images", "--help"}).output);
}

TEST_F(CtrTest, ExecRunsAsAUserOfTheContainers) {
  auto container = Make({"sh", "-c", "exec sleep 1000"});
  ASSERT_OK(container);
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_OK(task);
  ASSERT_OK(task->Start(ctx()));
  const auto exec = [&](const std::string& user) {
    return Ours({"tasks", "exec", "--exec-id", UniqueName("e"), "--user", user, container->ID(),
                 "id", "-u"})
        .output;
  };
  EXPECT_EQ(exec("root"), "0\n");
  EXPECT_EQ(exec("7:8"), "7\n");
  EXPECT_THAT(exec("nobody-at-all"), HasSubstr("no users found"));
  EXPECT_OK(task->Delete(ctx(), {WithProcessKill}));
}

TEST_F(CtrTest, OutputThatCannotBeWrittenIsAFailure) {
  around_ = {"timeout", "120", "sh", "-c", "\"$0\" \"$@\" >/dev/full"};
  const Outcome outcome = Ours({"images", "ls"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.output, StartsWith("ctr: cannot write"));
}

TEST_F(CtrTest, AWrongCommandLineIsTold) {
  EXPECT_THAT(Ours({"run", kBusyboxName}).output, HasSubstr("container id must be provided"));
  EXPECT_EQ(Ours({"images", "ls", "--no-such-flag"}).code, 1);
  EXPECT_EQ(Ours({"leases", "create", "-x", "soon"}).output,
            "ctr: invalid value \"soon\" for flag -x: parse error\n");
  EXPECT_THAT(Ours({"containers", "rm", "none"}).output, StartsWith("unable to delete"));
}

}  // namespace
}  // namespace containerd::testing
