// SPDX-License-Identifier: Apache-2.0
#include "containerd/oci/spec_opts_devices.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstdlib>
#include <dirent.h>
#include <memory>
#include <string_view>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/option/option.h"

#include "devices.h"
#include "sections.h"
#include "src/base/path.h"
#include "src/base/userns.h"
#include "src/errdefs/internal/mark.h"

namespace containerd::oci {
namespace {

constexpr char kNotADevice[] = "oci.ErrNotADevice";
constexpr char kReadWriteMknod[] = "rwm";

// Directories that each container has its own of, or in which other containers keep devices.
bool IsSkippedDirectory(std::string_view name) {
  constexpr std::string_view kSkipped[] = {"pts",  "shm",         "fd",   "mqueue",
                                           ".lxc", ".lxd-mounts", ".udev"};
  return std::find(std::begin(kSkipped), std::end(kSkipped), name) != std::end(kSkipped);
}

void Allow(Spec* spec, const specs::LinuxDevice& device, const std::string& permissions) {
  EnsureResources(spec).devices.push_back({.allow = true,
                                           .type = device.type,
                                           .major = device.major,
                                           .minor = device.minor,
                                           .access = permissions});
}

SpecOpt AddDevice(std::string path, std::string permissions, bool follow_symlinks) {
  return [path = std::move(path), permissions = std::move(permissions), follow_symlinks](
             const Context&, Client*, containers::Container*, Spec* spec) -> absl::Status {
    std::string resolved = path;
    if (follow_symlinks) {
      char buffer[PATH_MAX];
      if (realpath(path.c_str(), buffer) == nullptr) {
        return errdefs::FromErrno(errno, fmt::format("device \"{}\"", path));
      }
      resolved = buffer;
    }
    auto device = DeviceFromPath(resolved);
    if (!device.ok()) return device.status();
    EnsureLinux(spec).devices.push_back(*device);
    Allow(spec, *device, permissions);
    return absl::OkStatus();
  };
}

}  // namespace

absl::StatusOr<std::vector<DeviceTree::Entry>> DeviceTree::ReadDirectory(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(path.c_str()), closedir);
  if (dir == nullptr) return errdefs::FromErrno(errno, fmt::format("reading \"{}\"", path));
  std::vector<Entry> entries;
  for (;;) {
    errno = 0;
    const dirent* found = readdir(dir.get());  // NOLINT(concurrency-mt-unsafe): a stream of our own
    if (found == nullptr) break;
    const std::string_view name = found->d_name;
    if (name == "." || name == "..") continue;
    bool directory = found->d_type == DT_DIR;
    if (found->d_type == DT_UNKNOWN) {
      struct stat st;
      directory = lstat(fmt::format("{}/{}", path, name).c_str(), &st) == 0 && S_ISDIR(st.st_mode);
    }
    entries.push_back({.name = std::string(name), .directory = directory});
  }
  if (errno != 0) return errdefs::FromErrno(errno, fmt::format("reading \"{}\"", path));
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return entries;
}

absl::StatusOr<std::vector<specs::LinuxDevice>> DeviceTree::Get(const std::string& path,
                                                                const std::string& container_path) {
  struct stat st;
  if (stat(path.c_str(), &st) != 0) {
    return errdefs::FromErrno(errno, fmt::format("device \"{}\"", path));
  }
  if (!S_ISDIR(st.st_mode)) {
    auto device = device_(path);
    if (!device.ok()) return device.status();
    if (!container_path.empty()) device->path = container_path;
    return std::vector<specs::LinuxDevice>{*std::move(device)};
  }
  std::vector<specs::LinuxDevice> devices;
  if (absl::Status s = Collect(path, container_path, &devices); !s.ok()) return s;
  return devices;
}

absl::Status DeviceTree::Collect(const std::string& path, const std::string& container_path,
                                 std::vector<specs::LinuxDevice>* devices) {
  auto entries = list_(path);
  if (!entries.ok()) return entries.status();
  for (const Entry& entry : *entries) {
    const std::string below = base::JoinPath({path, entry.name});
    const std::string container_below =
        container_path.empty() ? "" : base::JoinPath({container_path, entry.name});
    absl::Status s;
    if (entry.directory) {
      if (IsSkippedDirectory(entry.name)) continue;
      s = Collect(below, container_below, devices);
      // Gone meanwhile.
      if (errdefs::IsNotFound(s)) s = absl::OkStatus();
    } else if (entry.name != "console") {
      s = Add(below, container_below, devices);
    }
    // In a user namespace, devices that cannot be looked at are left out.
    if (!s.ok() && !(errdefs::IsPermissionDenied(s) && in_userns_)) return s;
  }
  return absl::OkStatus();
}

absl::Status DeviceTree::Add(const std::string& path, const std::string& container_path,
                             std::vector<specs::LinuxDevice>* devices) {
  auto device = device_(path);
  // Gone meanwhile, or a file of another type.
  if (errdefs::IsNotFound(device.status()) || IsErrNotADevice(device.status())) {
    return absl::OkStatus();
  }
  if (!device.ok()) return device.status();
  if (device->type == "p") return absl::OkStatus();
  if (!container_path.empty()) device->path = container_path;
  devices->push_back(*std::move(device));
  return absl::OkStatus();
}

DeviceTree::DeviceTree()
    : in_userns_(base::RunningInUserNS()), list_(ReadDirectory), device_(DeviceFromPath) {}

absl::StatusOr<specs::LinuxDevice> DeviceFromPath(const std::string& path) {
  struct stat st;
  if (lstat(path.c_str(), &st) != 0) {
    return errdefs::FromErrno(errno, fmt::format("device \"{}\"", path));
  }
  specs::LinuxDevice device{.path = path};
  switch (st.st_mode & S_IFMT) {
    case S_IFBLK:
      device.type = "b";
      break;
    case S_IFCHR:
      device.type = "c";
      break;
    case S_IFIFO:
      device.type = "p";
      break;
    default:
      return errdefs::Annotate(ErrNotADevice(), fmt::format("device \"{}\"", path));
  }
  device.major = major(st.st_rdev);
  device.minor = minor(st.st_rdev);
  device.file_mode = st.st_mode & ~static_cast<mode_t>(S_IFMT);
  device.uid = st.st_uid;
  device.gid = st.st_gid;
  return device;
}

absl::StatusOr<std::vector<specs::LinuxDevice>> HostDevices() { return DeviceTree().Get("/dev"); }

absl::Status ErrNotADevice() {
  return errdefs::Mark(errdefs::InvalidArgument("not a device node"), kNotADevice);
}

bool IsErrNotADevice(const absl::Status& status) { return errdefs::IsMarked(status, kNotADevice); }

constinit const option::Plain<SpecOpt> WithHostDevices([](const Context&, Client*,
                                                          containers::Container*,
                                                          Spec* spec) -> absl::Status {
  auto devices = HostDevices();
  if (!devices.ok()) return errdefs::Annotate(devices.status(), "host devices");
  specs::Linux& section = EnsureLinux(spec);
  section.devices.insert(section.devices.end(), devices->begin(), devices->end());
  return absl::OkStatus();
});

SpecOpt WithDevices(std::string device_path, std::string container_path, std::string permissions) {
  return [device_path = std::move(device_path), container_path = std::move(container_path),
          permissions = std::move(permissions)](const Context&, Client*, containers::Container*,
                                                Spec* spec) {
    auto devices = DeviceTree().Get(device_path, container_path);
    if (!devices.ok()) return devices.status();
    for (specs::LinuxDevice& device : *devices) {
      Allow(spec, device, permissions);
      EnsureLinux(spec).devices.push_back(std::move(device));
    }
    return absl::OkStatus();
  };
}

SpecOpt WithLinuxDevice(std::string path, std::string permissions) {
  return AddDevice(std::move(path), std::move(permissions), false);
}

SpecOpt WithLinuxDeviceFollowSymlinks(std::string path, std::string permissions) {
  return AddDevice(std::move(path), std::move(permissions), true);
}

SpecOpt WithLinuxDevices(std::vector<specs::LinuxDevice> devices) {
  return
      [devices = std::move(devices)](const Context&, Client*, containers::Container*, Spec* spec) {
        specs::Linux& section = EnsureLinux(spec);
        section.devices.insert(section.devices.end(), devices.begin(), devices.end());
        return absl::OkStatus();
      };
}

constinit const option::Plain<SpecOpt> WithDefaultUnixDevices([](const Context&, Client*,
                                                                 containers::Container*,
                                                                 Spec* spec) -> absl::Status {
  struct Rule {
    std::int64_t major;
    std::optional<std::int64_t> minor;
  };
  // null, random, full, tty, zero, urandom, console, pseudo terminals, ptmx.
  constexpr Rule kRules[] = {
      {1, 3}, {1, 8}, {1, 7}, {5, 0}, {1, 5}, {1, 9}, {5, 1}, {136, std::nullopt}, {5, 2}};
  for (const Rule& rule : kRules) {
    EnsureResources(spec).devices.push_back({.allow = true,
                                             .type = "c",
                                             .major = rule.major,
                                             .minor = rule.minor,
                                             .access = kReadWriteMknod});
  }
  return absl::OkStatus();
});

constinit const option::Plain<SpecOpt> WithAllDevicesAllowed([](const Context&, Client*,
                                                                containers::Container*,
                                                                Spec* spec) -> absl::Status {
  EnsureResources(spec).devices = {{.allow = true, .access = kReadWriteMknod}};
  return absl::OkStatus();
});

constinit const option::Plain<SpecOpt> WithParentCgroupDevices([](const Context&, Client*,
                                                                  containers::Container*,
                                                                  Spec* spec) -> absl::Status {
  EnsureResources(spec).devices.clear();
  return absl::OkStatus();
});

}  // namespace containerd::oci
