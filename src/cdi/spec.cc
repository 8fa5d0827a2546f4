// SPDX-License-Identifier: Apache-2.0
#include "containerd/cdi/spec.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <fcntl.h>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

#include <absl/cleanup/cleanup.h>
#include <fmt/format.h>

#include "containerd/context/context.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/io/io.h"

#include "document.h"
#include "src/base/fd.h"

namespace containerd::cdi {

// The fields of the file format, for yaml::Unmarshal.
template <class V>
void Bind(V& v, DeviceNode& node) {
  v.Field("path", node.path);
  v.Field("hostPath", node.host_path);
  v.Field("type", node.type);
  v.Field("major", node.major);
  v.Field("minor", node.minor);
  v.Field("fileMode", node.file_mode);
  v.Field("permissions", node.permissions);
  v.Field("uid", node.uid);
  v.Field("gid", node.gid);
}

template <class V>
void Bind(V& v, LinuxNetDevice& device) {
  v.Field("hostInterfaceName", device.host_interface_name);
  v.Field("name", device.name);
}

template <class V>
void Bind(V& v, Mount& mount) {
  v.Field("hostPath", mount.host_path);
  v.Field("containerPath", mount.container_path);
  v.Field("options", mount.options);
  v.Field("type", mount.type);
}

template <class V>
void Bind(V& v, Hook& hook) {
  v.Field("hookName", hook.hook_name);
  v.Field("path", hook.path);
  v.Field("args", hook.args);
  v.Field("env", hook.env);
  v.Field("timeout", hook.timeout);
}

template <class V>
void Bind(V& v, IntelRdt& rdt) {
  v.Field("closID", rdt.clos_id);
  v.Field("l3CacheSchema", rdt.l3_cache_schema);
  v.Field("memBwSchema", rdt.mem_bw_schema);
  v.Field("schemata", rdt.schemata);
  v.Field("enableMonitoring", rdt.enable_monitoring);
}

template <class V>
void Bind(V& v, ContainerEdits& edits) {
  v.Field("env", edits.env);
  v.Field("deviceNodes", edits.device_nodes);
  v.Field("netDevices", edits.net_devices);
  v.Field("hooks", edits.hooks);
  v.Field("mounts", edits.mounts);
  v.Field("intelRdt", edits.intel_rdt);
  v.Field("additionalGids", edits.additional_gids);
}

template <class V>
void Bind(V& v, Device& device) {
  v.Field("name", device.name);
  v.Field("annotations", device.annotations);
  v.Field("containerEdits", device.container_edits);
}

template <class V>
void Bind(V& v, Spec& spec) {
  v.Field("cdiVersion", spec.version);
  v.Field("kind", spec.kind);
  v.Field("annotations", spec.annotations);
  v.Field("devices", spec.devices);
  v.Field("containerEdits", spec.container_edits);
}

namespace {

constexpr std::size_t kMaxFileSize = std::size_t{4} << 20;

// All versions, in their order; what uses nothing new needs kEarliest.
constexpr std::array<std::string_view, 10> kVersions = {
    "0.1.0", "0.2.0", "0.3.0", "0.4.0", "0.5.0", "0.6.0", "0.7.0", "0.8.0", "1.0.0", "1.1.0"};
constexpr std::size_t kEarliest = 2;
constexpr std::size_t kMountTypes = 3;        // 0.4.0
constexpr std::size_t kHostPaths = 4;         // 0.5.0: also names that begin with a digit
constexpr std::size_t kAnnotations = 5;       // 0.6.0: also classes with dots
constexpr std::size_t kRdtAndGroups = 6;      // 0.7.0
constexpr std::size_t kNetAndMonitoring = 9;  // 1.1.0

absl::Status Invalid(const std::string& message) { return errdefs::InvalidArgument(message); }

bool IsLetter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAlphaNumeric(char c) { return IsLetter(c) || IsDigit(c); }

// Letters, digits and `inner`; begins with a letter or, if allowed, a digit, and ends with either.
absl::Status ValidateName(std::string_view what, std::string_view name, bool digit_first,
                          std::string_view inner) {
  if (name.empty()) return Invalid(fmt::format("the {} is empty", what));
  if (!IsLetter(name.front()) && !(digit_first && IsDigit(name.front()))) {
    return Invalid(fmt::format("{} \"{}\" should start with a letter{}", what, name,
                               digit_first ? " or digit" : ""));
  }
  for (const char c : name) {
    if (!IsAlphaNumeric(c) && inner.find(c) == std::string_view::npos) {
      return Invalid(fmt::format("invalid character in {} \"{}\"", what, name));
    }
  }
  if (!IsAlphaNumeric(name.back())) {
    return Invalid(fmt::format("{} \"{}\" should end with a letter or digit", what, name));
  }
  return absl::OkStatus();
}

absl::Status ValidateVendor(std::string_view name) {
  return ValidateName("vendor", name, false, "_-.");
}
absl::Status ValidateClass(std::string_view name) {
  return ValidateName("class", name, false, "_-.");
}
absl::Status ValidateDeviceName(std::string_view name) {
  return ValidateName("device name", name, true, "_-.:");
}

// "vendor/class"; the vendor is empty if one of them is.
std::pair<std::string_view, std::string_view> ParseQualifier(std::string_view kind) {
  const std::size_t slash = kind.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == kind.size()) return {{}, kind};
  return {kind.substr(0, slash), kind.substr(slash + 1)};
}

absl::Status ValidateEnv(const std::vector<std::string>& env) {
  for (const std::string& entry : env) {
    const std::size_t equals = entry.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Invalid(fmt::format("invalid environment variable \"{}\"", entry));
    }
  }
  return absl::OkStatus();
}

absl::Status Validate(const DeviceNode& node) {
  if (node.path.empty()) return Invalid("the path of a device node is empty");
  if (!node.type.empty() && node.type != "b" && node.type != "c" && node.type != "u" &&
      node.type != "p") {
    return Invalid(fmt::format("device node \"{}\": invalid type \"{}\"", node.path, node.type));
  }
  if (node.permissions != kNoPermissions &&
      node.permissions.find_first_not_of("rwm") != std::string::npos) {
    return Invalid(
        fmt::format("device node \"{}\": invalid permissions \"{}\"", node.path, node.permissions));
  }
  return absl::OkStatus();
}

absl::Status Validate(const Hook& hook) {
  constexpr std::string_view kNames[] = {"prestart",       "createRuntime", "createContainer",
                                         "startContainer", "poststart",     "poststop"};
  if (std::find(std::begin(kNames), std::end(kNames), hook.hook_name) == std::end(kNames)) {
    return Invalid(fmt::format("invalid hook name \"{}\"", hook.hook_name));
  }
  if (hook.path.empty()) {
    return Invalid(fmt::format("the path of a {} hook is empty", hook.hook_name));
  }
  return errdefs::Annotate(ValidateEnv(hook.env), fmt::format("hook \"{}\"", hook.hook_name));
}

absl::Status Validate(const Mount& mount) {
  if (mount.host_path.empty()) {
    return Invalid(fmt::format("mount on \"{}\": the host path is empty", mount.container_path));
  }
  if (mount.container_path.empty()) {
    return Invalid(fmt::format("mount of \"{}\": the container path is empty", mount.host_path));
  }
  return absl::OkStatus();
}

// Is to be a file's name, or "/" for the root class.
absl::Status Validate(const IntelRdt& rdt) {
  constexpr std::size_t kMaxPath = 4096;
  const std::string& id = rdt.clos_id;
  if (id == "/") return absl::OkStatus();
  if (id.size() >= kMaxPath || id == "." || id == ".." ||
      id.find_first_of("/\n") != std::string::npos) {
    return Invalid("invalid closID of intelRdt");
  }
  return absl::OkStatus();
}

absl::Status Validate(const std::vector<LinuxNetDevice>& devices) {
  std::set<std::string_view> hosts;
  std::set<std::string_view> names;
  for (const LinuxNetDevice& device : devices) {
    if (device.host_interface_name.empty()) {
      return Invalid(fmt::format("net device \"{}\": no hostInterfaceName", device.name));
    }
    if (device.name.empty()) {
      return Invalid(fmt::format("net device \"{}\": no name", device.host_interface_name));
    }
    if (!hosts.insert(device.host_interface_name).second) {
      return Invalid(fmt::format("net device \"{}\" is there twice", device.host_interface_name));
    }
    if (!names.insert(device.name).second) {
      return Invalid(fmt::format("two net devices have the name \"{}\"", device.name));
    }
  }
  return absl::OkStatus();
}

template <class T>
absl::Status ValidateEach(const std::vector<T>& items) {
  for (const T& item : items) {
    if (absl::Status s = Validate(item); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status Validate(const ContainerEdits& edits) {
  if (absl::Status s = ValidateEnv(edits.env); !s.ok()) return s;
  if (absl::Status s = ValidateEach(edits.device_nodes); !s.ok()) return s;
  if (absl::Status s = ValidateEach(edits.hooks); !s.ok()) return s;
  if (absl::Status s = ValidateEach(edits.mounts); !s.ok()) return s;
  if (edits.intel_rdt.has_value()) {
    if (absl::Status s = Validate(*edits.intel_rdt); !s.ok()) return s;
  }
  return Validate(edits.net_devices);
}

bool IsEmpty(const ContainerEdits& edits) {
  return edits.env.empty() && edits.device_nodes.empty() && edits.hooks.empty() &&
         edits.mounts.empty() && edits.additional_gids.empty() && !edits.intel_rdt.has_value() &&
         edits.net_devices.empty();
}

// The index in kVersions of the first that has all that the edits use.
std::size_t Required(const ContainerEdits& edits) {
  const auto& rdt = edits.intel_rdt;
  if (!edits.net_devices.empty() ||
      (rdt.has_value() && (rdt->schemata.has_value() || rdt->enable_monitoring))) {
    return kNetAndMonitoring;
  }
  if (rdt.has_value() || !edits.additional_gids.empty()) return kRdtAndGroups;
  if (std::any_of(edits.device_nodes.begin(), edits.device_nodes.end(),
                  [](const DeviceNode& node) { return !node.host_path.empty(); })) {
    return kHostPaths;
  }
  if (std::any_of(edits.mounts.begin(), edits.mounts.end(),
                  [](const Mount& mount) { return !mount.type.empty(); })) {
    return kMountTypes;
  }
  return kEarliest;
}

std::size_t Required(const Spec& spec) {
  std::size_t required = Required(spec.container_edits);
  const std::size_t slash = spec.kind.find('/');
  if (!spec.annotations.empty() ||
      (slash != std::string::npos && spec.kind.find('.', slash) != std::string::npos)) {
    required = std::max(required, kAnnotations);
  }
  for (const Device& device : spec.devices) {
    required = std::max(required, Required(device.container_edits));
    if (!device.annotations.empty()) required = std::max(required, kAnnotations);
    if (!device.name.empty() && IsDigit(device.name.front())) {
      required = std::max(required, kHostPaths);
    }
  }
  return required;
}

}  // namespace

absl::StatusOr<QualifiedName> ParseQualifiedName(std::string_view device) {
  const auto unqualified = [device](std::string_view what) {
    return Invalid(fmt::format("unqualified device \"{}\", missing {}", device, what));
  };
  const std::size_t equals = device.find('=');
  // A path, or one of the parts is missing.
  if (device.starts_with('/') || equals == std::string_view::npos || equals == 0) {
    return unqualified("vendor");
  }
  const auto [vendor, device_class] = ParseQualifier(device.substr(0, equals));
  const std::string_view name = device.substr(equals + 1);
  if (vendor.empty() || name.empty()) return unqualified(name.empty() ? "device name" : "vendor");
  for (const absl::Status& s :
       {ValidateVendor(vendor), ValidateClass(device_class), ValidateDeviceName(name)}) {
    if (!s.ok()) return errdefs::Annotate(s, fmt::format("invalid device \"{}\"", device));
  }
  return QualifiedName{std::string(vendor), std::string(device_class), std::string(name)};
}

bool IsQualifiedName(std::string_view device) { return ParseQualifiedName(device).ok(); }

absl::StatusOr<Spec> ParseSpec(std::string_view data) {
  if (data.size() > kMaxFileSize) {
    return Invalid(fmt::format("{} bytes, limit {}", data.size(), kMaxFileSize));
  }
  return yaml::Unmarshal<Spec>(data);
}

std::string MinimumRequiredVersion(const Spec& spec) {
  return std::string(kVersions[Required(spec)]);
}

absl::Status ValidateSpec(const Spec& spec) {
  std::string_view version = spec.version;
  if (version.starts_with('v')) version.remove_prefix(1);
  const auto found = std::find(kVersions.begin(), kVersions.end(), version);
  if (found == kVersions.end()) {
    return Invalid(fmt::format("invalid version \"{}\"", spec.version));
  }
  if (static_cast<std::size_t>(found - kVersions.begin()) < Required(spec)) {
    // The two versions before the earliest are known, but no document is valid with them.
    return Invalid(fmt::format("version \"{}\": what the spec uses needs at least {}", spec.version,
                               MinimumRequiredVersion(spec)));
  }
  const auto [vendor, device_class] = ParseQualifier(spec.kind);
  if (vendor.empty()) {
    return Invalid(fmt::format("kind \"{}\" is not of the form vendor/class", spec.kind));
  }
  if (absl::Status s = ValidateVendor(vendor); !s.ok()) return s;
  if (absl::Status s = ValidateClass(device_class); !s.ok()) return s;
  if (absl::Status s = Validate(spec.container_edits); !s.ok()) return s;
  if (spec.devices.empty()) return Invalid("the spec has no devices");
  std::set<std::string_view> names;
  for (const Device& device : spec.devices) {
    if (absl::Status s = ValidateDeviceName(device.name); !s.ok()) return s;
    if (IsEmpty(device.container_edits)) {
      return Invalid(fmt::format("device \"{}\" has no edits", device.name));
    }
    if (absl::Status s = Validate(device.container_edits); !s.ok()) {
      return errdefs::Annotate(s, fmt::format("device \"{}\"", device.name));
    }
    if (!names.insert(device.name).second) {
      return Invalid(fmt::format("device \"{}\" is there twice", device.name));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Spec> ReadSpec(const std::string& path) {
  const auto read = [&]() -> absl::StatusOr<Spec> {
    // Not to wait for the other end of what is a FIFO.
    const base::Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    if (!fd) return errdefs::FromErrno(errno, "open");
    struct stat st;
    if (fstat(fd.get(), &st) != 0) return errdefs::FromErrno(errno, "stat");
    if (!S_ISREG(st.st_mode)) return Invalid("not a regular file");
    io::FileReader reader(fd.get());
    auto data = io::ReadAll(Context::Background(), reader, kMaxFileSize);
    if (!data.ok()) return data.status();
    auto spec = ParseSpec(*data);
    if (!spec.ok()) return spec;
    if (absl::Status s = ValidateSpec(*spec); !s.ok()) return s;
    return spec;
  };
  auto spec = read();
  if (spec.ok()) return spec;
  return errdefs::Annotate(spec.status(), fmt::format("CDI spec \"{}\"", path));
}

}  // namespace containerd::cdi
