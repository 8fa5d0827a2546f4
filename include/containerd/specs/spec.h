// SPDX-License-Identifier: Apache-2.0
//
// The OCI runtime specification's config.json as a value (github.com/opencontainers/runtime-spec
// specs-go v1.3.0): what a container is to be. Package oci fills one in by options; this package
// only describes it.
//
//   specs::Spec spec{.version = specs::kVersion};
//   spec.process = specs::Process{.args = {"sh"}, .cwd = "/"};
//   spec.linux_ = specs::Linux{.cgroups_path = "/demo"};
//
// Go's pointers are std::optional, and its `int` and `uint` are 64 bits wide. Members that a struct
// has no field for are kept in `extra`. To and from JSON: containerd/specs/json.h.
#ifndef CONTAINERD_SPECS_SPEC_H_
#define CONTAINERD_SPECS_SPEC_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "containerd/export/export.h"
#include "containerd/gojson/value.h"
#include "containerd/specs/linux.h"
#include "containerd/specs/other_platforms.h"
#include "containerd/specs/process.h"
#include "containerd/specs/windows.h"

namespace containerd::specs {

// The version of the specification that these types follow.
inline constexpr int kVersionMajor = 1;
inline constexpr int kVersionMinor = 3;
inline constexpr int kVersionPatch = 0;
inline constexpr char kVersion[] = "1.3.0";

// The container's root filesystem.
struct Root {
  std::string path{};  // Absolute, or relative to the bundle.
  bool readonly = false;
  gojson::Extra extra{};

  friend bool operator==(const Root&, const Root&) = default;
};

// A mount in the container, made in the order of the list.
struct CONTAINERD_EXPORT Mount {
  std::string destination{};
  std::string type{};  // "bind", "proc", "tmpfs", …
  std::string source{};
  std::vector<std::string> options{};
  std::vector<LinuxIDMapping> uid_mappings{};
  std::vector<LinuxIDMapping> gid_mappings{};
  gojson::Extra extra{};

  friend bool operator==(const Mount&, const Mount&) = default;
};

// A program that the runtime runs at a point of the container's life.
struct Hook {
  std::string path{};
  std::vector<std::string> args{};
  std::vector<std::string> env{};
  std::optional<std::int64_t> timeout{};  // Seconds.
  gojson::Extra extra{};

  friend bool operator==(const Hook&, const Hook&) = default;
};

// The hooks, by the point at which they run.
struct CONTAINERD_EXPORT Hooks {
  std::vector<Hook> prestart{};  // Deprecated by the spec in favour of the next three.
  std::vector<Hook> create_runtime{};
  std::vector<Hook> create_container{};
  std::vector<Hook> start_container{};
  std::vector<Hook> poststart{};
  std::vector<Hook> poststop{};
  gojson::Extra extra{};

  friend bool operator==(const Hooks&, const Hooks&) = default;
};

// A container's configuration.
struct CONTAINERD_EXPORT Spec {
  std::string version{};  // Of the specification: kVersion.
  std::optional<Process> process{};
  std::optional<Root> root{};
  std::string hostname{};
  std::string domainname{};
  std::vector<Mount> mounts{};
  std::optional<Hooks> hooks{};
  std::map<std::string, std::string> annotations{};
  std::optional<Linux> linux_{};  // Not `linux`, which is a macro where GNU extensions are on.
  std::optional<Solaris> solaris{};
  std::optional<Windows> windows{};
  std::optional<VM> vm{};
  std::optional<ZOS> zos{};
  std::optional<FreeBSD> freebsd{};
  gojson::Extra extra{};

  friend bool operator==(const Spec&, const Spec&) = default;
};

}  // namespace containerd::specs

#endif  // CONTAINERD_SPECS_SPEC_H_
