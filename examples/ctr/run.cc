// SPDX-License-Identifier: Apache-2.0
//
// ctr run, and the container that it and ctr containers create make of their flags.
#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <unistd.h>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include "containerd/apparmor/apparmor.h"
#include "containerd/cdi/cdi.h"
#include "containerd/nvidia/nvidia.h"
#include "containerd/seccomp/seccomp.h"

#include "cni.h"
#include "commands.h"
#include "interrupt.h"
#include "session.h"

namespace ctr {
namespace {

using namespace containerd;  // NOLINT: as in the guide

// type=bind,src=/tmp,dst=/host,options=rbind:ro
absl::StatusOr<specs::Mount> ParseMount(const std::string& text) {
  specs::Mount mount;
  for (const std::string& field : std::vector<std::string>(absl::StrSplit(text, ','))) {
    const std::size_t equals = field.find('=');
    if (equals == std::string::npos) {
      return Refused("invalid mount specification: expected key=val");
    }
    const std::string key = field.substr(0, equals);
    const std::string value = field.substr(equals + 1);
    if (key == "type") {
      mount.type = value;
    } else if (key == "source" || key == "src") {
      mount.source = value;
    } else if (key == "destination" || key == "dst") {
      mount.destination = value;
    } else if (key == "options") {
      mount.options = std::vector<std::string>(absl::StrSplit(value, ':'));
    } else {
      return Refused(absl::StrCat("mount option \"", key, "\" not supported"));
    }
  }
  return mount;
}

// container-id:host-id:size
absl::StatusOr<std::vector<specs::LinuxIDMapping>> ParseMappings(
    const std::vector<std::string>& texts) {
  std::vector<specs::LinuxIDMapping> mappings;
  for (const std::string& text : texts) {
    const std::vector<std::string> parts = absl::StrSplit(text, ':');
    specs::LinuxIDMapping m;
    if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &m.container_id) ||
        !absl::SimpleAtoi(parts[1], &m.host_id) || !absl::SimpleAtoi(parts[2], &m.size)) {
      return Refused("user namespace mappings require the format `container-id:host-id:size`");
    }
    mappings.push_back(m);
  }
  return mappings;
}

absl::StatusOr<specs::LinuxNamespace> ParseNamespace(const std::string& text) {
  static constexpr std::array kTypes{specs::kPIDNamespace,   specs::kNetworkNamespace,
                                     specs::kUTSNamespace,   specs::kMountNamespace,
                                     specs::kUserNamespace,  specs::kIPCNamespace,
                                     specs::kCgroupNamespace};
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) {
    return Refused("joining a Linux namespace using --with-ns requires the format 'nstype:path'");
  }
  specs::LinuxNamespace ns{.type = text.substr(0, colon), .path = text.substr(colon + 1)};
  if (std::none_of(kTypes.begin(), kTypes.end(),
                   [&](const char* type) { return ns.type == type; })) {
    return Refused("the Linux namespace type specified in --with-ns is not valid: " + ns.type);
  }
  return ns;
}

absl::Status CheckCapabilities(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (absl::StartsWith(name, "CAP_")) continue;
    return Refused("capabilities must be specified with 'CAP_' prefix");
  }
  return absl::OkStatus();
}

// The image, unpacked, and what of the container is the image's.
absl::Status AddImage(const Context& ctx, Client& client, const Args& args,
                      std::vector<NewContainerOpt>& opts, std::vector<oci::SpecOpt>& spec) {
  const std::string snapshotter = args.Text("snapshotter");
  absl::StatusOr<images::Image> record = client.ImageService()->Get(ctx, args.Get(0));
  if (!record.ok()) return record.status();
  Image image(client, *record);
  if (const std::string name = args.Text("platform"); !name.empty()) {
    absl::StatusOr<platforms::Platform> platform = platforms::Parse(name);
    if (!platform.ok()) return platform.status();
    image = Image(client, *record, platforms::Only(*platform));
  }
  if (absl::Status s = image.Unpack(ctx, snapshotter, UnpackOpts(args)); !s.ok()) return s;

  spec.push_back(oci::WithImageConfig(image));
  opts.insert(opts.end(), {WithImage(image), WithImageConfigLabels(image),
                           WithAdditionalContainerLabels(image.Labels()),
                           WithAdditionalContainerLabels(ParseLabels(args.List("label"))),
                           WithSnapshotter(snapshotter)});
  absl::StatusOr<std::vector<specs::LinuxIDMapping>> uids = ParseMappings(args.List("uidmap"));
  if (!uids.ok()) return uids.status();
  absl::StatusOr<std::vector<specs::LinuxIDMapping>> gids = ParseMappings(args.List("gidmap"));
  if (!gids.ok()) return gids.status();
  const std::string id = args.Get(1);
  if (uids->empty() || gids->empty()) {
    opts.push_back(WithNewSnapshot(
        id, image, {snapshots::WithLabels(ParseLabels(args.List("snapshotter-label")))}));
  } else {
    spec.push_back(oci::WithUserNamespace(*uids, *gids));
    opts.push_back(args.Bool("remap-labels")
                       ? WithNewSnapshot(id, image, {WithUserNSRemapperLabels(*uids, *gids)})
                       : WithUserNSRemappedSnapshot(id, image, *uids, *gids));
  }
  opts.push_back(WithImageStopSignal(image, "SIGTERM"));
  return absl::OkStatus();
}

// What the container's process is and may do.
absl::Status AddProcess(const Args& args, std::vector<oci::SpecOpt>& spec) {
  if (args.All().size() > 2) spec.push_back(oci::WithProcessArgs(args.From(2)));
  if (const std::string cwd = args.Text("cwd"); !cwd.empty()) {
    spec.push_back(oci::WithProcessCwd(cwd));
  }
  if (const std::string user = args.Text("user"); !user.empty()) {
    spec.insert(spec.end(), {oci::WithUser(user), oci::WithAdditionalGIDs(user)});
  }
  if (args.Bool("tty")) spec.emplace_back(oci::WithTTY);
  if (args.Bool("privileged")) {
    spec.emplace_back(oci::WithPrivileged);
    if (!args.Bool("privileged-without-host-devices")) {
      spec.emplace_back(oci::WithAllDevicesAllowed);
      spec.emplace_back(oci::WithHostDevices);
    }
  } else if (args.Bool("privileged-without-host-devices")) {
    return Refused("can't use 'privileged-without-host-devices' without 'privileged' specified");
  }
  for (const char* flag : {"cap-add", "cap-drop"}) {
    if (absl::Status s = CheckCapabilities(args.List(flag)); !s.ok()) return s;
  }
  spec.push_back(oci::WithAddedCapabilities(args.List("cap-add")));
  spec.push_back(oci::WithDroppedCapabilities(args.List("cap-drop")));
  if (const std::string profile = args.Text("seccomp-profile"); args.Bool("seccomp")) {
    spec.push_back(profile.empty() ? oci::SpecOpt(seccomp::WithDefaultProfile)
                                   : seccomp::WithProfile(profile));
  } else if (!profile.empty()) {
    return Refused("seccomp must be set to true, if using a custom seccomp-profile");
  }
  const std::string standard = args.Text("apparmor-default-profile");
  const std::string custom = args.Text("apparmor-profile");
  if (!standard.empty() && !custom.empty()) {
    return Refused("apparmor-profile conflicts with apparmor-default-profile");
  }
  if (!standard.empty()) spec.push_back(apparmor::WithDefaultProfile(standard));
  if (!custom.empty()) spec.push_back(apparmor::WithProfile(custom));
  if (args.Bool("allow-new-privs")) spec.emplace_back(oci::WithNewPrivileges);
  return absl::OkStatus();
}

absl::Status AddLimits(const Args& args, std::vector<oci::SpecOpt>& spec) {
  const bool quota = args.Int("cpu-quota") != -1 || args.Int("cpu-period") != 0;
  if (const double cpus = args.Float("cpus"); cpus > 0) {
    if (quota) {
      return Refused("cpus and quota/period should be used separately");
    }
    spec.push_back(oci::WithCPUCFS(static_cast<std::int64_t>(cpus * 100'000), 100'000));
  } else if (quota) {
    spec.push_back(
        oci::WithCPUCFS(args.Int("cpu-quota"), static_cast<std::uint64_t>(args.Int("cpu-period"))));
  }
  if (const std::string cpus = args.Text("cpuset-cpus"); !cpus.empty()) {
    spec.push_back(oci::WithCPUs(cpus));
  }
  if (const std::string mems = args.Text("cpuset-mems"); !mems.empty()) {
    spec.push_back(oci::WithCPUsMems(mems));
  }
  if (const std::int64_t shares = args.Int("cpu-shares"); shares > 0) {
    spec.push_back(oci::WithCPUShares(static_cast<std::uint64_t>(shares)));
  }
  if (const std::string name = args.Text("rdt-class"); !name.empty()) {
    spec.push_back(oci::WithRdt(name, "", ""));
  }
  if (const std::int64_t limit = args.Int("memory-limit"); limit > 0) {
    spec.push_back(oci::WithMemoryLimit(static_cast<std::uint64_t>(limit)));
  }
  return absl::OkStatus();
}

// GPUs of NVIDIA's, devices of the host, and those that vendors describe.
void AddDevices(const Args& args, std::vector<oci::SpecOpt>& spec) {
  if (const std::vector<int> gpus = args.Ints("gpus"); !gpus.empty()) {
    spec.push_back(nvidia::WithGPUs({nvidia::WithDevices(gpus), nvidia::WithAllCapabilities}));
  }
  std::vector<std::string> described;
  for (const std::string& device : args.List("device")) {
    if (cdi::IsQualifiedName(device)) {
      described.push_back(device);
    } else {
      spec.push_back(oci::WithDevices(device, "", "rwm"));
    }
  }
  if (!described.empty()) spec.push_back(cdi::WithCDIDevices(described));
}

// What the container shares with the host, or has besides its image.
absl::Status AddEnvironment(const Args& args, std::vector<oci::SpecOpt>& spec) {
  std::vector<std::string> destinations;
  std::vector<specs::Mount> mounts;
  for (const std::string& text : args.List("mount")) {
    absl::StatusOr<specs::Mount> mount = ParseMount(text);
    if (!mount.ok()) return mount.status();
    destinations.push_back(mount->destination);
    mounts.push_back(*std::move(mount));
  }
  spec.insert(spec.end(), {oci::WithoutMounts(destinations), oci::WithMounts(mounts)});
  if (args.Bool("read-only")) spec.emplace_back(oci::WithRootFSReadonly);
  if (args.Bool("net-host")) {
    std::array<char, 256> hostname{};
    gethostname(hostname.data(), hostname.size() - 1);
    spec.insert(spec.end(), {oci::WithHostNamespace(specs::kNetworkNamespace),
                             oci::WithHostHostsFile, oci::WithHostResolvconf,
                             oci::WithEnv({absl::StrCat("HOSTNAME=", hostname.data())})});
  }
  for (const std::string& text : args.List("with-ns")) {
    absl::StatusOr<specs::LinuxNamespace> ns = ParseNamespace(text);
    if (!ns.ok()) return ns.status();
    spec.push_back(oci::WithLinuxNamespace(*ns));
  }
  AddDevices(args, spec);
  if (args.IsSet("cgroup")) spec.push_back(oci::WithCgroup(args.Text("cgroup")));
  if (const std::string name = args.Text("rootfs-propagation"); !name.empty()) {
    spec.emplace_back([name](const Context&, oci::Client*, containers::Container*, oci::Spec& s) {
      if (!s.linux_) s.linux_.emplace();
      s.linux_->rootfs_propagation = name;
      return absl::OkStatus();
    });
  }
  if (const std::string name = args.Text("hostname"); !name.empty()) {
    spec.push_back(oci::WithHostname(name));
  }
  for (const std::string& text : args.List("annotation")) {
    if (absl::StrContains(text, '=')) continue;
    return Refused("invalid key=value format annotation: " + text);
  }
  spec.push_back(oci::WithAnnotations(ParseLabels(args.List("annotation"))));
  return absl::OkStatus();
}

absl::Status RunContainer(const Context& ctx, Client& client, const Args& args) {
  if (args.Bool("rm") && args.Bool("detach")) {
    return Refused("flags --detach and --rm cannot be specified together");
  }
  absl::StatusOr<Container> container = NewContainer(ctx, client, args);
  if (!container.ok()) return container.status();

  std::optional<Network> network;
  absl::Status s;
  if (args.Bool("cni")) {
    absl::StatusOr<Network> standard = Network::Default(ctx, *container);
    s = standard.status();
    if (s.ok()) network = *std::move(standard);
  }
  if (s.ok()) {
    s = RunTask(ctx, *container, args, args.Bool("tty"), network ? &*network : nullptr);
  }
  if (args.Bool("rm")) s.Update(container->Delete(Afterwards(ctx), {WithSnapshotCleanup}));
  return s;
}

}  // namespace

std::vector<Flag> ContainerFlags() {
  std::vector<Flag> flags{
      SnapshotterFlag(),
      {"snapshotter-label", "Labels added to the new snapshot for this container.", Kind::kList},
      {"config,c", "Path to the runtime-specific spec config file", Kind::kText},
      {"cwd", "Specify the working directory of the process", Kind::kText},
      {"env", "Specify additional container environment variables (e.g. FOO=bar)", Kind::kList},
      {"env-file", "Specify additional container environment variables in a file", Kind::kText},
      LabelFlag("Specify additional labels (e.g. foo=bar)"),
      {"annotation", "Specify additional OCI annotations (e.g. foo=bar)", Kind::kList},
      {"mount",
       "Specify additional container mount (e.g. type=bind,src=/tmp,dst=/host,options=rbind:ro)",
       Kind::kList},
      {"net-host", "Enable host networking for the container"},
      {"privileged", "Run privileged container"},
      {"privileged-without-host-devices", "Don't pass all host devices to privileged container"},
      {"read-only", "Set the containers filesystem as readonly"},
      {"sandbox", "Create the container in the given sandbox", Kind::kText},
      {"tty,t", "Allocate a TTY for the container"},
      {"with-ns", "Specify existing Linux namespaces to join (format '<nstype>:<path>')",
       Kind::kList},
      {"gpus", "Give the container a GPU of NVIDIA's, by its index; may be repeated", Kind::kInts},
      {"rdt-class", "Class of Intel's RDT, for the cache and the memory's bandwidth", Kind::kText},
      SyncFsFlag(),
      {"allow-new-privs", "Turn off OCI spec's NoNewPrivileges feature flag"},
      {"memory-limit", "Memory limit (in bytes) for the container", Kind::kInt, "0"},
      {"cpus", "Set the CFS cpu quota", Kind::kFloat, "0"},
      {"cpuset-cpus", "Set the CPUs the container will run in (e.g., 1-2,4)", Kind::kText},
      {"cpuset-mems", "Set the memory nodes the container will run in (e.g., 1-2,4)", Kind::kText},
      {"cpu-quota", "Limit CPU CFS quota", Kind::kInt, "-1"},
      {"cpu-period", "Limit CPU CFS period", Kind::kInt, "0"},
      {"cap-add", "Add Linux capabilities (Set capabilities with 'CAP_' prefix)", Kind::kList},
      {"cap-drop", "Drop Linux capabilities (Set capabilities with 'CAP_' prefix)", Kind::kList},
      {"seccomp", "Enable the default seccomp profile"},
      {"seccomp-profile", "File path to custom seccomp profile", Kind::kText},
      {"apparmor-default-profile", "Enable AppArmor with the default profile of this name",
       Kind::kText},
      {"apparmor-profile", "Enable AppArmor with an existing custom profile", Kind::kText},
      {"hostname", "Set the container's host name", Kind::kText},
      {"user,u", "Username or user id, group optional (format: <name|uid>[:<group|gid>])",
       Kind::kText},
      {"rootfs", "Use custom rootfs that is not managed by containerd snapshotter"},
      {"rootfs-propagation", "Set the propagation of the container rootfs", Kind::kText},
      {"device", "Device to add: its path, that of a tree of devices, or its name for CDI",
       Kind::kList},
      {"uidmap", "UID mapping ranges of a user namespace, `container-uid:host-uid:length`",
       Kind::kList},
      {"gidmap", "GID mapping ranges of a user namespace, `container-gid:host-gid:length`",
       Kind::kList},
      {"remap-labels", "Provide the ID remapping to the snapshotter via label options"},
      {"cgroup", "Cgroup path (To disable use of cgroup, set to \"\" explicitly)", Kind::kText},
      {"platform", "Run image for specific platform", Kind::kText},
  };
  return Join({RuntimeFlags(), flags});
}

absl::StatusOr<Container> NewContainer(const Context& ctx, Client& client, const Args& args) {
  const bool config = args.IsSet("config");
  const std::string id = args.Get(config ? 0 : 1);
  if (config && args.All().size() > 1) {
    return Refused("with spec config file, only container id should be provided");
  }
  if (!config && args.Get(0).empty()) {
    return Refused("image ref must be provided");
  }
  if (id.empty()) return Refused("container id must be provided");

  const Labels labels = ParseLabels(args.List("label"));
  std::vector<NewContainerOpt> opts;
  std::vector<oci::SpecOpt> spec;
  if (const std::string sandbox = args.Text("sandbox"); !sandbox.empty()) {
    opts.push_back(WithSandbox(sandbox));
  }
  if (config) {
    opts.push_back(WithContainerLabels(labels));
    spec.push_back(oci::WithSpecFromFile(args.Text("config")));
  } else {
    spec.emplace_back(oci::WithDefaultUnixDevices);
    if (const std::string file = args.Text("env-file"); !file.empty()) {
      spec.push_back(oci::WithEnvFile(file));
    }
    spec.push_back(oci::WithEnv(args.List("env")));
    if (args.Bool("rootfs")) {
      spec.push_back(oci::WithRootFSPath(std::filesystem::absolute(args.Get(0))));
      opts.push_back(WithContainerLabels(labels));
    } else if (absl::Status s = AddImage(ctx, client, args, opts, spec); !s.ok()) {
      return s;
    }
    absl::Status s = AddEnvironment(args, spec);
    if (s.ok()) s = AddProcess(args, spec);
    if (s.ok()) s = AddLimits(args, spec);
    if (!s.ok()) return s;
  }
  absl::StatusOr<typeurl::Any> options = RuntimeOptions(args);
  if (!options.ok()) return options.status();
  opts.push_back(WithRuntime(args.Text("runtime"), *std::move(options)));
  if (args.Has("cni") && args.Bool("cni")) opts.push_back(WithNetworkMark());
  spec.push_back(oci::WithAnnotations(labels));
  opts.push_back(WithNewSpec(std::move(spec)));
  return client.NewContainer(ctx, id, opts);
}

Command RunCommand() {
  return {"run", "Run a container", "[flags] Image|RootFS ID [COMMAND] [ARG...]",
          Join({{{"rm", "Remove the container after running, cannot be used with --detach"},
                 {"cni", "Enable cni networking for the container"},
                 {"cpu-shares", "Set the cpu shares", Kind::kInt, "1024"}},
                StreamFlags(),
                ContainerFlags()}),
          RunContainer};
}

}  // namespace ctr
