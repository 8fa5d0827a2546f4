// SPDX-License-Identifier: Apache-2.0
#include "containerd/oci/spec.h"

#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/namespaces/namespaces.h"
#include "containerd/option/option.h"
#include "containerd/platforms/platforms.h"
#include "containerd/specs/json.h"

#include "file.h"
#include "sections.h"
#include "src/base/options.h"
#include "src/base/path.h"
#include "src/rpc/internal/proto_descriptor.h"

namespace containerd::oci {
namespace {

std::vector<std::string> DefaultUnixCapabilities() {
  return {"CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",
          "CAP_MKNOD",   "CAP_NET_RAW",      "CAP_SETGID",           "CAP_SETUID",
          "CAP_SETFCAP", "CAP_SETPCAP",      "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
          "CAP_KILL",    "CAP_AUDIT_WRITE"};
}

std::vector<specs::Mount> DefaultMounts() {
  return {
      {.destination = "/proc",
       .type = "proc",
       .source = "proc",
       .options = {"nosuid", "noexec", "nodev"}},
      {.destination = "/dev",
       .type = "tmpfs",
       .source = "tmpfs",
       .options = {"nosuid", "strictatime", "mode=755", "size=65536k"}},
      {.destination = "/dev/pts",
       .type = "devpts",
       .source = "devpts",
       .options = {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
      {.destination = "/dev/shm",
       .type = "tmpfs",
       .source = "shm",
       .options = {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
      {.destination = "/dev/mqueue",
       .type = "mqueue",
       .source = "mqueue",
       .options = {"nosuid", "noexec", "nodev"}},
      {.destination = "/sys",
       .type = "sysfs",
       .source = "sysfs",
       .options = {"nosuid", "noexec", "nodev", "ro"}},
      {.destination = "/run",
       .type = "tmpfs",
       .source = "tmpfs",
       .options = {"nosuid", "strictatime", "mode=755", "size=65536k"}},
  };
}

absl::StatusOr<Spec> DefaultUnixSpec(const Context& ctx, std::string_view id) {
  auto ns = namespaces::NamespaceRequired(ctx);
  if (!ns.ok()) return ns.status();
  const std::vector<std::string> caps = DefaultUnixCapabilities();
  Spec spec{.version = specs::kVersion};
  spec.root = specs::Root{.path = "rootfs"};
  spec.process = specs::Process{
      .cwd = "/",
      .capabilities =
          specs::LinuxCapabilities{.bounding = caps, .effective = caps, .permitted = caps},
      .rlimits = {{.type = "RLIMIT_NOFILE", .hard = 1024, .soft = 1024}},
      .no_new_privileges = true};
  spec.mounts = DefaultMounts();
  spec.linux_ = specs::Linux{
      .resources = specs::LinuxResources{.devices = {{.allow = false, .access = "rwm"}}},
      .cgroups_path = base::JoinPath({"/", *ns, id}),
      .namespaces = {{.type = specs::kPIDNamespace},
                     {.type = specs::kIPCNamespace},
                     {.type = specs::kUTSNamespace},
                     {.type = specs::kMountNamespace},
                     {.type = specs::kNetworkNamespace}},
      .masked_paths = {"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys",
                       "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
                       "/proc/sched_debug", "/sys/firmware", "/sys/devices/virtual/powercap",
                       "/proc/scsi"},
      .readonly_paths = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}};
  return spec;
}

absl::StatusOr<Spec> DefaultSpec(const Context& ctx, std::string_view platform,
                                 const containers::Container* container) {
  auto parsed = platforms::Parse(platform);
  if (!parsed.ok()) return parsed.status();
  if (parsed->os == "windows") {
    Spec spec{.version = specs::kVersion};
    spec.root.emplace();
    spec.process = specs::Process{.cwd = R"(C:\)"};
    spec.windows.emplace();
    return spec;
  }
  if (parsed->os == "darwin") {
    Spec spec{.version = specs::kVersion};
    spec.root.emplace();
    spec.process = specs::Process{.cwd = "/"};
    return spec;
  }
  if (container == nullptr) {
    return errdefs::InvalidArgument("the default spec takes a container, for its id");
  }
  return DefaultUnixSpec(ctx, container->id);
}

absl::StatusOr<Spec> Decode(std::string_view json) {
  auto spec = specs::Unmarshal<Spec>(json);
  if (spec.ok()) return spec;
  return errdefs::Annotate(
      spec.status(),
      fmt::format("decoding a spec (version {} of the runtime specification is supported)",
                  specs::kVersion));
}

}  // namespace

absl::StatusOr<Spec> GenerateSpec(const Context& ctx, Client* client,
                                  containers::Container* container,
                                  const std::vector<SpecOpt>& opts) {
  return GenerateSpecWithPlatform(ctx, client, platforms::DefaultString(), container, opts);
}

absl::StatusOr<Spec> GenerateSpecWithPlatform(const Context& ctx, Client* client,
                                              std::string_view platform,
                                              containers::Container* container,
                                              const std::vector<SpecOpt>& opts) {
  auto spec = DefaultSpec(ctx, platform, container);
  if (!spec.ok()) return spec;
  if (absl::Status s = ApplyOpts(ctx, client, container, &*spec, opts); !s.ok()) return s;
  return spec;
}

absl::Status ApplyOpts(const Context& ctx, Client* client, containers::Container* container,
                       Spec* spec, const std::vector<SpecOpt>& opts) {
  if (absl::Status s = base::Apply(opts, ctx, client, container, spec); !s.ok()) return s;
  return absl::OkStatus();
}

SpecOpt Compose(std::vector<SpecOpt> opts) {
  return [opts = std::move(opts)](const Context& ctx, Client* client,
                                  containers::Container* container, Spec* spec) {
    return ApplyOpts(ctx, client, container, spec, opts);
  };
}

absl::StatusOr<Spec> ReadSpec(const std::string& path) {
  auto json = ReadFile(path, kMaxSpecSize);
  if (!json.ok()) return errdefs::Annotate(json.status(), "spec");
  auto spec = Decode(*json);
  if (!spec.ok()) return errdefs::Annotate(spec.status(), fmt::format("spec \"{}\"", path));
  return spec;
}

constinit const option::Plain<SpecOpt> WithDefaultSpec([](const Context& ctx, Client* client,
                                                          containers::Container* container,
                                                          Spec& spec) {
  return WithDefaultSpecForPlatform(platforms::DefaultString())(ctx, client, container, spec);
});

SpecOpt WithDefaultSpecForPlatform(std::string platform) {
  return [platform = std::move(platform)](const Context& ctx, Client*,
                                          containers::Container* container, Spec* spec) {
    auto made = DefaultSpec(ctx, platform, container);
    if (!made.ok()) return made.status();
    *spec = *std::move(made);
    return absl::OkStatus();
  };
}

SpecOpt WithSpecFromBytes(std::string json) {
  return [json = std::move(json)](const Context&, Client*, containers::Container*, Spec* spec) {
    auto read = Decode(json);
    if (!read.ok()) return read.status();
    *spec = *std::move(read);
    return absl::OkStatus();
  };
}

SpecOpt WithSpecFromFile(std::string filename) {
  return [filename = std::move(filename)](const Context&, Client*, containers::Container*,
                                          Spec* spec) {
    auto read = ReadSpec(filename);
    if (!read.ok()) return read.status();
    *spec = *std::move(read);
    return absl::OkStatus();
  };
}

SpecOpt WithAnnotations(std::map<std::string, std::string> annotations) {
  return [annotations = std::move(annotations)](const Context&, Client*, containers::Container*,
                                                Spec* spec) {
    for (const auto& [key, value] : annotations) spec->annotations.insert_or_assign(key, value);
    return absl::OkStatus();
  };
}

}  // namespace containerd::oci
