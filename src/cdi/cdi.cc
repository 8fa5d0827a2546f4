// SPDX-License-Identifier: Apache-2.0
#include "containerd/cdi/cdi.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"

namespace containerd::cdi {
namespace {

namespace fs = std::filesystem;

void Append(const ContainerEdits& from, ContainerEdits* to) {
  const auto append = [](const auto& a, auto* b) { b->insert(b->end(), a.begin(), a.end()); };
  append(from.env, &to->env);
  append(from.device_nodes, &to->device_nodes);
  append(from.net_devices, &to->net_devices);
  append(from.hooks, &to->hooks);
  append(from.mounts, &to->mounts);
  if (from.intel_rdt.has_value()) to->intel_rdt = from.intel_rdt;
  append(from.additional_gids, &to->additional_gids);
}

// The files of a directory that may be specs, sorted by name.
absl::StatusOr<std::vector<std::string>> SpecFiles(const std::string& dir) {
  std::vector<std::string> files;
  std::error_code ec;
  fs::directory_iterator entry(dir, ec);
  if (ec == std::errc::no_such_file_or_directory) return files;
  for (; !ec && entry != fs::directory_iterator(); entry.increment(ec)) {
    const fs::path& path = entry->path();
    std::error_code type_error;
    const bool folder = entry->symlink_status(type_error).type() == fs::file_type::directory;
    if (!folder && (path.extension() == ".json" || path.extension() == ".yaml")) {
      files.push_back(path);
    }
  }
  if (ec) return errdefs::FromErrno(ec.value(), fmt::format("reading \"{}\"", dir));
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

std::vector<std::string> DefaultSpecDirs() { return {kDefaultStaticDir, kDefaultDynamicDir}; }

Cache::Cache(std::vector<std::string> spec_dirs)
    : spec_dirs_(std::move(spec_dirs)), content_(std::make_shared<const Content>()) {}

void Cache::AddFile(const std::string& path, std::size_t priority, std::set<std::string>* conflicts,
                    Content* content) {
  auto read = ReadSpec(path);
  if (!read.ok()) {
    content->errors[path].push_back(read.status());
    return;
  }
  const auto spec = std::make_shared<const Spec>(*std::move(read));
  for (std::size_t i = 0; i < spec->devices.size(); ++i) {
    const std::string name = fmt::format("{}={}", spec->kind, spec->devices[i].name);
    const auto found = content->devices.find(name);
    if (found != content->devices.end() && found->second.priority == priority) {
      const absl::Status conflict = errdefs::AlreadyExists(fmt::format(
          "conflicting device \"{}\" (specs \"{}\", \"{}\")", name, path, found->second.path));
      content->errors[path].push_back(conflict);
      content->errors[found->second.path].push_back(conflict);
      conflicts->insert(name);
      continue;
    }
    content->devices.insert_or_assign(
        name, Entry{.spec = spec, .device = i, .priority = priority, .path = path});
  }
}

absl::Status Cache::Refresh() {
  auto content = std::make_shared<Content>();
  std::set<std::string> conflicts;
  for (std::size_t priority = 0; priority < spec_dirs_.size(); ++priority) {
    auto files = SpecFiles(spec_dirs_[priority]);
    if (!files.ok()) {
      content->errors[spec_dirs_[priority]].push_back(files.status());
      continue;
    }
    for (const std::string& path : *files) AddFile(path, priority, &conflicts, content.get());
  }
  for (const std::string& name : conflicts) content->devices.erase(name);

  std::vector<std::string_view> messages;
  absl::Status first;
  for (const auto& [path, errors] : content->errors) {
    for (const absl::Status& error : errors) {
      first.Update(error);
      messages.push_back(errdefs::Message(error));
    }
  }
  absl::Status result = first;
  if (messages.size() > 1) {
    result = errdefs::InvalidArgument(fmt::format("{}", fmt::join(messages, "; ")));
  }
  const std::lock_guard lock(mu_);
  content_ = std::move(content);
  return result;
}

std::shared_ptr<const Cache::Content> Cache::Get() const {
  const std::lock_guard lock(mu_);
  return content_;
}

absl::Status Cache::InjectDevices(specs::Spec* spec,
                                  const std::vector<std::string>& devices) const {
  const auto content = Get();
  ContainerEdits edits;
  std::set<const Spec*> seen;
  std::vector<std::string_view> unresolved;
  for (const std::string& device : devices) {
    const auto found = content->devices.find(device);
    if (found == content->devices.end()) {
      unresolved.push_back(device);
      continue;
    }
    const Entry& entry = found->second;
    if (seen.insert(entry.spec.get()).second) Append(entry.spec->container_edits, &edits);
    Append(entry.spec->devices[entry.device].container_edits, &edits);
  }
  if (!unresolved.empty()) {
    return errdefs::NotFound(
        fmt::format("unresolvable CDI devices {}", fmt::join(unresolved, ", ")));
  }
  return errdefs::Annotate(ApplyEdits(edits, spec), "failed to inject devices");
}

std::vector<std::string> Cache::ListDevices() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : Get()->devices) names.push_back(name);
  return names;
}

std::map<std::string, std::vector<absl::Status>> Cache::GetErrors() const { return Get()->errors; }

oci::SpecOpt WithCDIDevices(std::vector<std::string> devices, std::vector<std::string> spec_dirs) {
  return [devices = std::move(devices), spec_dirs = std::move(spec_dirs)](
             const Context&, oci::Client*, containers::Container*, oci::Spec* spec) {
    if (devices.empty()) return absl::OkStatus();
    Cache cache(spec_dirs);
    if (absl::Status s = cache.Refresh(); !s.ok()) {
      log::Warn(fmt::format("CDI: {}", errdefs::Message(s)));
    }
    return errdefs::Annotate(cache.InjectDevices(spec, devices), "CDI device injection failed");
  };
}

}  // namespace containerd::cdi
