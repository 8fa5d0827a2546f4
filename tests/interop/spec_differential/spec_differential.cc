// SPDX-License-Identifier: Apache-2.0
//
// Makes the specs of the cases with this library and prints a line each: the name, a tab, and the
// spec's JSON, or "error: " and why. usage: spec_differential CASES ROOTFS-FOLDER
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "containerd/apparmor/apparmor.h"
#include "containerd/cdi/cdi.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/oci/oci.h"
#include "containerd/ocispec/json.h"
#include "containerd/ocispec/mediatypes.h"
#include "containerd/seccomp/seccomp.h"
#include "containerd/specs/json.h"

#include "tests/support/memory_store.h"

namespace {

using namespace containerd;  // NOLINT(google-build-using-namespace): a program of one file
using Json = nlohmann::json;

// An image that is nothing but a config.
class Image : public oci::Image {
 public:
  explicit Image(const Json& config)
      : desc_(store_->Add(ocispec::kMediaTypeImageConfig, Json{{"config", config}}.dump())) {}

  absl::StatusOr<ocispec::Descriptor> Config(const Context&) const override { return desc_; }
  std::shared_ptr<content::Store> ContentStore() const override { return store_; }

 private:
  std::shared_ptr<testing::MemoryStore> store_ = std::make_shared<testing::MemoryStore>();
  ocispec::Descriptor desc_;
};

// What an option's arguments are made into.
class Arguments {
 public:
  explicit Arguments(const Json& call) : call_(call) {}

  std::string Text(std::size_t i) const { return At(i).get<std::string>(); }
  std::vector<std::string> Texts(std::size_t i) const {
    return At(i).get<std::vector<std::string>>();
  }
  std::int64_t Signed(std::size_t i) const { return At(i).get<std::int64_t>(); }
  std::uint64_t Unsigned(std::size_t i) const { return At(i).get<std::uint64_t>(); }
  std::uint32_t ID(std::size_t i) const { return At(i).get<std::uint32_t>(); }
  Image Config(std::size_t i) const { return Image(At(i)); }

  // A part of a spec: the whole spec with it is read.
  specs::Linux Linux(const char* field, std::size_t i) const {
    return *specs::Unmarshal<specs::Linux>(Json{{field, At(i)}}.dump());
  }
  const Json& At(std::size_t i) const { return call_.at(i + 1); }

 private:
  const Json& call_;
};

// Set by main.
std::vector<std::string>& CDIDirs() {
  static auto& dirs = *new std::vector<std::string>;
  return dirs;
}

using Make = std::function<oci::SpecOpts(const Arguments&)>;

const std::map<std::string, oci::SpecOpts>& Plain() {
  static const auto& options = *new std::map<std::string, oci::SpecOpts>{
      {"WithAllCurrentCapabilities", oci::WithAllCurrentCapabilities},
      {"WithAllDevicesAllowed", oci::WithAllDevicesAllowed},
      {"WithAllKnownCapabilities", oci::WithAllKnownCapabilities},
      {"WithDefaultPathEnv", oci::WithDefaultPathEnv},
      {"WithDefaultUnixDevices", oci::WithDefaultUnixDevices},
      {"WithHostDevices", oci::WithHostDevices},
      {"WithHostHostsFile", oci::WithHostHostsFile},
      {"WithHostLocaltime", oci::WithHostLocaltime},
      {"WithHostResolvconf", oci::WithHostResolvconf},
      {"WithNewPrivileges", oci::WithNewPrivileges},
      {"WithNoNewPrivileges", oci::WithNoNewPrivileges},
      {"WithParentCgroupDevices", oci::WithParentCgroupDevices},
      {"WithPrivileged", oci::WithPrivileged},
      {"WithSeccompUnconfined", oci::WithSeccompUnconfined},
      {"WithTTY", oci::WithTTY},
      {"WithWriteableCgroupfs", oci::WithWriteableCgroupfs},
      {"WithWriteableSysfs", oci::WithWriteableSysfs},
      {"WithoutRunMount", oci::WithoutRunMount},
      {"WithDefaultSpec", oci::WithDefaultSpec()},
      {"WithNamespacedCgroup", oci::WithNamespacedCgroup()},
      {"WithRootFSReadonly", oci::WithRootFSReadonly()},
      {"seccomp.WithDefaultProfile", seccomp::WithDefaultProfile()},
  };
  return options;
}

const std::map<std::string, Make>& Made() {
  using A = Arguments;
  static const auto& options = *new std::map<std::string, Make>{
      {"WithAddedCapabilities", [](const A& a) { return oci::WithAddedCapabilities(a.Texts(0)); }},
      {"WithAdditionalGIDs", [](const A& a) { return oci::WithAdditionalGIDs(a.Text(0)); }},
      {"WithAmbientCapabilities",
       [](const A& a) { return oci::WithAmbientCapabilities(a.Texts(0)); }},
      {"WithAnnotations",
       [](const A& a) {
         return oci::WithAnnotations(a.At(0).get<std::map<std::string, std::string>>());
       }},
      {"WithApparmorProfile", [](const A& a) { return oci::WithApparmorProfile(a.Text(0)); }},
      {"WithAppendAdditionalGroups",
       [](const A& a) { return oci::WithAppendAdditionalGroups(a.Texts(0)); }},
      {"WithBlockIO",
       [](const A& a) {
         return oci::WithBlockIO(
             specs::Unmarshal<specs::LinuxResources>(Json{{"blockIO", a.At(0)}}.dump())->block_io);
       }},
      {"WithCPUBurst", [](const A& a) { return oci::WithCPUBurst(a.Unsigned(0)); }},
      {"WithCPUCFS", [](const A& a) { return oci::WithCPUCFS(a.Signed(0), a.Unsigned(1)); }},
      {"WithCPURT", [](const A& a) { return oci::WithCPURT(a.Signed(0), a.Unsigned(1)); }},
      {"WithCPUShares", [](const A& a) { return oci::WithCPUShares(a.Unsigned(0)); }},
      {"WithCPUs", [](const A& a) { return oci::WithCPUs(a.Text(0)); }},
      {"WithCPUsMems", [](const A& a) { return oci::WithCPUsMems(a.Text(0)); }},
      {"WithCapabilities", [](const A& a) { return oci::WithCapabilities(a.Texts(0)); }},
      {"WithCgroup", [](const A& a) { return oci::WithCgroup(a.Text(0)); }},
      {"WithDefaultSpecForPlatform",
       [](const A& a) { return oci::WithDefaultSpecForPlatform(a.Text(0)); }},
      {"WithDevShmSize", [](const A& a) { return oci::WithDevShmSize(a.Signed(0)); }},
      {"WithDevices", [](const A& a) { return oci::WithDevices(a.Text(0), a.Text(1), a.Text(2)); }},
      {"WithDomainname", [](const A& a) { return oci::WithDomainname(a.Text(0)); }},
      {"WithDroppedCapabilities",
       [](const A& a) { return oci::WithDroppedCapabilities(a.Texts(0)); }},
      {"WithEnv", [](const A& a) { return oci::WithEnv(a.Texts(0)); }},
      {"WithEnvFile", [](const A& a) { return oci::WithEnvFile(a.Text(0)); }},
      {"WithSpecFromFile", [](const A& a) { return oci::WithSpecFromFile(a.Text(0)); }},
      {"WithHostNamespace", [](const A& a) { return oci::WithHostNamespace(a.Text(0)); }},
      {"WithHostname", [](const A& a) { return oci::WithHostname(a.Text(0)); }},
      {"WithImageConfig", [](const A& a) { return oci::WithImageConfig(a.Config(0)); }},
      {"WithImageConfigArgs",
       [](const A& a) { return oci::WithImageConfigArgs(a.Config(0), a.Texts(1)); }},
      {"WithLinuxDevice", [](const A& a) { return oci::WithLinuxDevice(a.Text(0), a.Text(1)); }},
      {"WithLinuxDeviceFollowSymlinks",
       [](const A& a) { return oci::WithLinuxDeviceFollowSymlinks(a.Text(0), a.Text(1)); }},
      {"WithLinuxDevices",
       [](const A& a) { return oci::WithLinuxDevices(a.Linux("devices", 0).devices); }},
      {"WithLinuxNamespace",
       [](const A& a) {
         return oci::WithLinuxNamespace(
             specs::Unmarshal<specs::Linux>(Json{{"namespaces", {a.At(0)}}}.dump())
                 ->namespaces.front());
       }},
      {"WithMaskedPaths", [](const A& a) { return oci::WithMaskedPaths(a.Texts(0)); }},
      {"WithMemoryLimit", [](const A& a) { return oci::WithMemoryLimit(a.Unsigned(0)); }},
      {"WithMemorySwap", [](const A& a) { return oci::WithMemorySwap(a.Signed(0)); }},
      {"WithMounts",
       [](const A& a) {
         return oci::WithMounts(
             specs::Unmarshal<specs::Spec>(Json{{"mounts", a.At(0)}}.dump())->mounts);
       }},
      {"WithPidsLimit", [](const A& a) { return oci::WithPidsLimit(a.Signed(0)); }},
      {"WithProcessArgs", [](const A& a) { return oci::WithProcessArgs(a.Texts(0)); }},
      {"WithProcessCwd", [](const A& a) { return oci::WithProcessCwd(a.Text(0)); }},
      {"WithRdt", [](const A& a) { return oci::WithRdt(a.Text(0), a.Text(1), a.Text(2)); }},
      {"WithReadonlyPaths", [](const A& a) { return oci::WithReadonlyPaths(a.Texts(0)); }},
      {"WithRootFSPath", [](const A& a) { return oci::WithRootFSPath(a.Text(0)); }},
      {"WithSelinuxLabel", [](const A& a) { return oci::WithSelinuxLabel(a.Text(0)); }},
      {"WithSpecFromBytes", [](const A& a) { return oci::WithSpecFromBytes(a.Text(0)); }},
      {"WithTTYSize",
       [](const A& a) { return oci::WithTTYSize(a.At(0).get<int>(), a.At(1).get<int>()); }},
      {"WithUIDGID", [](const A& a) { return oci::WithUIDGID(a.ID(0), a.ID(1)); }},
      {"WithUser", [](const A& a) { return oci::WithUser(a.Text(0)); }},
      {"WithUserID", [](const A& a) { return oci::WithUserID(a.ID(0)); }},
      {"WithUserNamespace",
       [](const A& a) {
         return oci::WithUserNamespace(a.Linux("uidMappings", 0).uid_mappings,
                                       a.Linux("gidMappings", 1).gid_mappings);
       }},
      {"WithUsername", [](const A& a) { return oci::WithUsername(a.Text(0)); }},
      {"WithoutMounts", [](const A& a) { return oci::WithoutMounts(a.Texts(0)); }},
      {"apparmor.WithProfile", [](const A& a) { return apparmor::WithProfile(a.Text(0)); }},
      {"cdi.WithCDIDevices", [](const A& a) { return cdi::WithCDIDevices(a.Texts(0), CDIDirs()); }},
  };
  return options;
}

oci::SpecOpts Option(const Json& call) {
  const std::string name = call.at(0);
  const auto plain = Plain().find(name);
  return plain != Plain().end() ? plain->second : Made().at(name)(Arguments(call));
}

absl::StatusOr<oci::Spec> Run(const Json& c, const std::string& folder) {
  const Context ctx = WithNamespace(Context::Background(), "testing");
  containers::Container container{.id = "differential"};
  std::vector<oci::SpecOpts> opts;
  if (const std::string rootfs = c.value("rootfs", ""); !rootfs.empty()) {
    opts.push_back(oci::WithRootFSPath(folder + "/" + rootfs));
  }
  for (const Json& call : c.at("options")) opts.push_back(Option(call));
  const std::string base = c.at("base");
  if (base == "default") return oci::GenerateSpec(ctx, nullptr, &container, opts);
  if (base == "empty") {
    oci::Spec spec;
    if (absl::Status s = oci::ApplyOpts(ctx, nullptr, &container, &spec, opts); !s.ok()) return s;
    return spec;
  }
  return oci::GenerateSpecWithPlatform(ctx, nullptr, base, &container, opts);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: spec_differential CASES ROOTFS-FOLDER\n";
    return 2;
  }
  std::ifstream file(argv[1]);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::string folder = argv[2];
  CDIDirs() = {folder + "/cdi/static", folder + "/cdi/dynamic"};
  constexpr std::string_view kRootFS = "@rootfs@";
  for (auto at = text.find(kRootFS); at != std::string::npos; at = text.find(kRootFS)) {
    text.replace(at, kRootFS.size(), folder + "/rootfs");
  }
  const Json cases = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!cases.is_array()) {
    std::cerr << argv[1] << ": not a list of cases\n";
    return 2;
  }
  for (const Json& c : cases) {
    const absl::StatusOr<oci::Spec> spec = Run(c, folder);
    std::cout << c.at("name").get<std::string>() << '\t'
              << (spec.ok() ? specs::Marshal(*spec)
                            : "error: " + std::string(errdefs::Message(spec.status())))
              << '\n';
  }
  return 0;
}
