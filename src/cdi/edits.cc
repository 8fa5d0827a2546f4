// SPDX-License-Identifier: Apache-2.0
//
// What a device changes in a container's spec.
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "containerd/cdi/spec.h"
#include "containerd/errdefs/errdefs.h"

#include "src/base/path.h"

namespace containerd::cdi {
namespace {

template <class T>
T& Ensure(std::optional<T>& section) {
  if (!section.has_value()) section.emplace();
  return *section;
}

std::string_view Key(std::string_view variable) { return variable.substr(0, variable.find('=')); }

void AddEnv(const std::string& variable, std::vector<std::string>* env) {
  // The last of that name counts.
  const auto found = std::find_if(env->rbegin(), env->rend(), [&](const std::string& other) {
    return Key(other) == Key(variable);
  });
  if (found != env->rend()) {
    *found = variable;
  } else {
    env->push_back(variable);
  }
}

// Gives the node what the host's has: its mode, and type and numbers unless they are given.
absl::Status FillIn(DeviceNode* node) {
  const bool complete = !node->type.empty() && (node->major != 0 || node->type == "p");
  if (node->host_path.empty()) node->host_path = node->path;
  struct stat st;
  const int failed = lstat(node->host_path.c_str(), &st) == 0 ? 0 : errno;
  std::string_view type;
  if (failed == 0) {
    type = S_ISBLK(st.st_mode) ? "b" : S_ISCHR(st.st_mode) ? "c" : S_ISFIFO(st.st_mode) ? "p" : "";
  }
  if (type.empty()) {
    // A vendor may describe a device that the host does not have.
    if (complete) return absl::OkStatus();
    const std::string what = fmt::format("CDI host device \"{}\"", node->host_path);
    if (failed != 0) return errdefs::FromErrno(failed, what);
    return errdefs::InvalidArgument(what + ": not a device node");
  }
  if (!node->file_mode.has_value()) node->file_mode = st.st_mode & ~static_cast<mode_t>(S_IFMT);
  if (complete) return absl::OkStatus();
  if (node->type.empty()) node->type = type;
  if (node->type != type) {
    return errdefs::InvalidArgument(
        fmt::format("CDI device \"{}\": its type is {}, that of \"{}\" on the host is {}",
                    node->path, node->type, node->host_path, type));
  }
  if (node->type != "p" && node->major == 0) {
    node->major = major(st.st_rdev);
    node->minor = minor(st.st_rdev);
  }
  return absl::OkStatus();
}

absl::Status AddDevice(DeviceNode node, specs::Spec* spec) {
  if (absl::Status s = FillIn(&node); !s.ok()) return s;
  if (spec->process.has_value()) {
    const specs::User& user = spec->process->user;
    if (!node.uid.has_value() && user.uid > 0) node.uid = user.uid;
    if (!node.gid.has_value() && user.gid > 0) node.gid = user.gid;
  }
  specs::Linux& section = Ensure(spec->linux_);
  // Only the first is replaced by a new one at the end; there should be no second.
  const auto at_path = [&](const specs::LinuxDevice& device) { return device.path == node.path; };
  auto same = std::find_if(section.devices.begin(), section.devices.end(), at_path);
  if (same != section.devices.end()) section.devices.erase(same);
  specs::LinuxDevice device{.path = node.path,
                            .type = node.type,
                            .major = node.major,
                            .minor = node.minor,
                            .file_mode = node.file_mode,
                            .uid = node.uid,
                            .gid = node.gid};
  same = std::find_if(section.devices.begin(), section.devices.end(), at_path);
  if (same != section.devices.end()) {
    *same = std::move(device);
  } else {
    section.devices.push_back(std::move(device));
  }
  if (node.type != "b" && node.type != "c") return absl::OkStatus();
  std::string access = node.permissions.empty() ? "rwm" : node.permissions;
  if (access == kNoPermissions) access.clear();
  Ensure(section.resources)
      .devices.push_back({.allow = true,
                          .type = node.type,
                          .major = node.major,
                          .minor = node.minor,
                          .access = std::move(access)});
  return absl::OkStatus();
}

bool HasUserNamespace(const specs::Spec& spec) {
  return spec.linux_.has_value() &&
         std::any_of(spec.linux_->namespaces.begin(), spec.linux_->namespaces.end(),
                     [](const specs::LinuxNamespace& ns) { return ns.type == "user"; });
}

// In a user namespace the files of a bind mount keep the owners that they have outside.
void MapOwners(specs::Mount* mount) {
  std::string_view option = mount->type == "bind" ? "idmap" : "";
  for (const std::string& other : mount->options) {
    if (other == "idmap" || other == "ridmap") return;
    if (other == "bind") option = "idmap";
    if (other == "rbind") option = "ridmap";
  }
  if (!option.empty()) mount->options.emplace_back(option);
}

// The number of slashes in the shortest spelling of a path.
std::ptrdiff_t Depth(std::string_view path) {
  const std::string clean = base::CleanPath(path);
  return std::count(clean.begin(), clean.end(), '/');
}

void AddMounts(const std::vector<Mount>& mounts, specs::Spec* spec) {
  if (mounts.empty()) return;
  const bool map_owners = HasUserNamespace(*spec);
  for (const Mount& m : mounts) {
    const auto same = std::find_if(
        spec->mounts.begin(), spec->mounts.end(),
        [&](const specs::Mount& other) { return other.destination == m.container_path; });
    if (same != spec->mounts.end()) spec->mounts.erase(same);
    specs::Mount mount{.destination = m.container_path,
                       .type = m.type,
                       .source = m.host_path,
                       .options = m.options};
    if (map_owners) MapOwners(&mount);
    spec->mounts.push_back(std::move(mount));
  }
  // What is mounted on comes before what is mounted below it.
  std::stable_sort(spec->mounts.begin(), spec->mounts.end(),
                   [](const specs::Mount& a, const specs::Mount& b) {
                     return Depth(a.destination) < Depth(b.destination);
                   });
}

absl::Status AddHook(const Hook& h, specs::Spec* spec) {
  specs::Hook hook{.path = h.path, .args = h.args, .env = h.env, .timeout = h.timeout};
  specs::Hooks& hooks = Ensure(spec->hooks);
  const std::pair<std::string_view, std::vector<specs::Hook>*> kinds[] = {
      {"prestart", &hooks.prestart},
      {"createRuntime", &hooks.create_runtime},
      {"createContainer", &hooks.create_container},
      {"startContainer", &hooks.start_container},
      {"poststart", &hooks.poststart},
      {"poststop", &hooks.poststop}};
  for (const auto& [name, list] : kinds) {
    if (h.hook_name != name) continue;
    list->push_back(std::move(hook));
    return absl::OkStatus();
  }
  return errdefs::InvalidArgument(fmt::format("unknown hook name \"{}\"", h.hook_name));
}

}  // namespace

absl::Status ApplyEdits(const ContainerEdits& edits, specs::Spec* spec) {
  specs::Spec edited = *spec;
  for (const std::string& variable : edits.env) AddEnv(variable, &Ensure(edited.process).env);
  for (const DeviceNode& node : edits.device_nodes) {
    if (absl::Status s = AddDevice(node, &edited); !s.ok()) return s;
  }
  for (const LinuxNetDevice& device : edits.net_devices) {
    Ensure(edited.linux_).net_devices[device.host_interface_name] = {.name = device.name};
  }
  AddMounts(edits.mounts, &edited);
  for (const Hook& hook : edits.hooks) {
    if (absl::Status s = AddHook(hook, &edited); !s.ok()) return s;
  }
  if (edits.intel_rdt.has_value()) {
    const IntelRdt& rdt = *edits.intel_rdt;
    Ensure(edited.linux_).intel_rdt =
        specs::LinuxIntelRdt{.clos_id = rdt.clos_id,
                             .schemata = rdt.schemata.value_or(std::vector<std::string>()),
                             .l3_cache_schema = rdt.l3_cache_schema,
                             .mem_bw_schema = rdt.mem_bw_schema,
                             .enable_monitoring = rdt.enable_monitoring};
  }
  for (const std::uint32_t gid : edits.additional_gids) {
    if (gid == 0) continue;
    auto& gids = Ensure(edited.process).user.additional_gids;
    if (std::find(gids.begin(), gids.end(), gid) == gids.end()) gids.push_back(gid);
  }
  *spec = std::move(edited);
  return absl::OkStatus();
}

}  // namespace containerd::cdi
