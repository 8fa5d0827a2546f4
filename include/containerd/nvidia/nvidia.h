// SPDX-License-Identifier: Apache-2.0
//
// Package nvidia gives containers GPUs of NVIDIA's, by a hook that runs nvidia-container-cli.
//
//   auto spec = oci::GenerateSpec(
//       ctx, client, &container,
//       {oci::WithDefaultSpec, nvidia::WithGPUs({nvidia::WithDevices({0, 1}),
//                                                nvidia::WithAllCapabilities})});
//
// The hook is run by the OCI runtime, on the daemon's machine: `containerd oci-hook` fills in the
// container's process and root, and runs the tool, which adds the devices, libraries and programs
// of the driver. Where the vendor's files describe the devices (nvidia-ctk cdi generate), package
// cdi does that without hooks of this program's making.
//
// All functions are safe from any thread.
//
// Source: contrib/nvidia.
#ifndef CONTAINERD_NVIDIA_NVIDIA_H_
#define CONTAINERD_NVIDIA_NVIDIA_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "containerd/export/export.h"
#include "containerd/oci/spec.h"
#include "containerd/option/option.h"
#include "containerd/option/pairs.h"

namespace containerd::nvidia {

// The tool's name, looked up on PATH. Source: nvidia.NvidiaCLI.
inline constexpr char kNvidiaCLI[] = "nvidia-container-cli";

// What of the driver a container gets; later drivers may have more than these.
using Capability = std::string;
inline constexpr char kCompute[] = "compute";    // CUDA and OpenCL
inline constexpr char kCompat32[] = "compat32";  // 32-bit applications
inline constexpr char kGraphics[] = "graphics";  // OpenGL and Vulkan
inline constexpr char kUtility[] = "utility";    // nvidia-smi and NVML
inline constexpr char kVideo[] = "video";        // the Video Codec SDK
inline constexpr char kDisplay[] = "display";    // X11

// All of the above. Source: nvidia.AllCaps.
CONTAINERD_EXPORT std::vector<Capability> AllCaps();

// What the options set.
struct Config {
  std::vector<std::string> devices{};  // indexes, UUIDs, or "all"
  std::vector<Capability> capabilities{};
  std::vector<std::string> requirements{};  // such as "cuda>=12.2"
  std::string oci_hook_path{};              // empty: `containerd`, looked up on PATH
  bool no_cgroups = false;
  bool load_kmods = false;
  std::string ldcache{};
  std::string ldconfig{};
};

using Opt = option::Option<Config&>;
using Opts = Opt;  // Go's name of one

// Adds the hook (createRuntime; containerd 1.x has it in prestart), with this process's
// environment. ErrNotFound if nvidia-container-cli, or containerd where no hook's path was given,
// is not on PATH: of this process, so it is for programs on the daemon's machine.
// ErrInvalidArgument if a device or capability cannot be one. Source: nvidia.WithGPUs.
CONTAINERD_EXPORT oci::SpecOpt WithGPUs(std::vector<Opt> opts = {});

// GPUs by their index. Adds to others that are given.
CONTAINERD_EXPORT Opt WithDevices(std::vector<int> ids);

// GPUs by their UUID. Adds to others that are given.
CONTAINERD_EXPORT Opt WithDeviceUUIDs(std::vector<std::string> uuids);
template <std::size_t N, std::size_t M>
requires option::IsPair<M>
void WithDeviceUUIDs(option::BracedTexts<N, M>) = delete;

// All there are.
CONTAINERD_EXPORT extern const option::Plain<Opt> WithAllDevices;

CONTAINERD_EXPORT extern const option::Plain<Opt> WithAllCapabilities;

// Adds to others that are given.
CONTAINERD_EXPORT Opt WithCapabilities(std::vector<Capability> caps);
template <std::size_t N, std::size_t M>
requires option::IsPair<M>
void WithCapabilities(option::BracedTexts<N, M>) = delete;

// The container is not started on a driver whose CUDA is older.
CONTAINERD_EXPORT Opt WithRequiredCUDAVersion(int major, int minor);

// The program that has `oci-hook` for its first argument.
CONTAINERD_EXPORT Opt WithOCIHookPath(std::string path);

// The same, looked up on PATH: ErrNotFound.
CONTAINERD_EXPORT Opt WithLookupOCIHookPath(std::string name);

// The devices' cgroup is left alone, as rootless containers want it.
CONTAINERD_EXPORT extern const option::Plain<Opt> WithNoCgroups;

}  // namespace containerd::nvidia

#endif  // CONTAINERD_NVIDIA_NVIDIA_H_
