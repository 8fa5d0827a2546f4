// SPDX-License-Identifier: Apache-2.0
//
// Names that containerd's CRI plugin gives to what it makes, and reads again.
//
// Source: pkg/cri/server/helpers.go, pkg/cri/labels.
#ifndef CONTAINERD_CRI_CONSTANTS_H_
#define CONTAINERD_CRI_CONSTANTS_H_

#include <cstdint>

namespace containerd::cri {

// The containerd namespace in which the plugin keeps everything.
inline constexpr char kNamespace[] = "k8s.io";

// Why a container is no longer running: it did not start, ended by itself with 0 or with something
// else, was killed for its memory, or nobody knows.
inline constexpr char kErrorStartReason[] = "StartError";
inline constexpr char kCompleteExitReason[] = "Completed";
inline constexpr char kErrorExitReason[] = "Error";
inline constexpr char kOOMExitReason[] = "OOMKilled";
inline constexpr char kUnknownExitReason[] = "Unknown";

// The exit codes of the first and the last of them, and of a process that SIGKILL ended.
inline constexpr std::int32_t kErrorStartExitCode = 128;
inline constexpr std::int32_t kUnknownExitCode = 255;
inline constexpr std::int32_t kOOMExitCodeInLinux = 137;

// Folders below the plugin's root and state folders, with one for each sandbox and container.
inline constexpr char kSandboxesDir[] = "sandboxes";
inline constexpr char kContainersDir[] = "containers";
inline constexpr char kImageVolumesDir[] = "image-volumes";

// Between the parts of a sandbox's or container's name.
inline constexpr char kNameDelimiter[] = "_";

// Begins all labels and extensions of the plugin.
inline constexpr char kCRIContainerdPrefix[] = "io.cri-containerd";

// Label: whether a container is a pod's sandbox or one of its containers.
inline constexpr char kContainerKindLabel[] = "io.cri-containerd.kind";
inline constexpr char kContainerKindSandbox[] = "sandbox";
inline constexpr char kContainerKindContainer[] = "container";

// Label: the plugin manages this image.
inline constexpr char kImageLabelKey[] = "io.cri-containerd.image";
inline constexpr char kImageLabelValue[] = "managed";

// Label: kubelet is not to collect this image. Since containerd 1.7.
inline constexpr char kPinnedImageLabelKey[] = "io.cri-containerd.pinned";
inline constexpr char kPinnedImageLabelValue[] = "pinned";

// Extensions of a container's record: what metadata.h reads.
inline constexpr char kSandboxMetadataExtension[] = "io.cri-containerd.sandbox.metadata";
inline constexpr char kContainerMetadataExtension[] = "io.cri-containerd.container.metadata";

// The pods' network interface.
inline constexpr char kDefaultIfName[] = "eth0";

// Runtimes by their type, which decides what their options are.
inline constexpr char kRuntimeRuncV1[] = "io.containerd.runc.v1";
inline constexpr char kRuntimeRuncV2[] = "io.containerd.runc.v2";
inline constexpr char kRuntimeLinuxV1[] = "io.containerd.runtime.v1.linux";
inline constexpr char kRuntimeRunhcsV1[] = "io.containerd.runhcs.v1";

}  // namespace containerd::cri

#endif  // CONTAINERD_CRI_CONSTANTS_H_
