// SPDX-License-Identifier: Apache-2.0
//
// Package defaults: what the client and the daemon use where nobody said otherwise.
//
// Source: package defaults.
#ifndef CONTAINERD_DEFAULTS_DEFAULTS_H_
#define CONTAINERD_DEFAULTS_DEFAULTS_H_

namespace containerd::defaults {

// The daemon's socket.
inline constexpr char kDefaultAddress[] = "/run/containerd/containerd.sock";
inline constexpr char kDefaultDebugAddress[] = "/run/containerd/debug.sock";

inline constexpr char kDefaultRootDir[] = "/var/lib/containerd";
inline constexpr char kDefaultStateDir[] = "/run/containerd";
inline constexpr char kDefaultConfigDir[] = "/etc/containerd";

// Where FIFOs of tasks go that are given no directory.
inline constexpr char kDefaultFIFODir[] = "/run/containerd/fifo";

inline constexpr char kDefaultRuntime[] = "io.containerd.runc.v2";
inline constexpr char kDefaultSnapshotter[] = "overlayfs";
inline constexpr char kDefaultDiffer[] = "walking";
inline constexpr char kDefaultSandboxer[] = "shim";

// Limits of one message, in bytes, both ways.
inline constexpr int kDefaultMaxRecvMsgSize = 16 << 20;
inline constexpr int kDefaultMaxSendMsgSize = 16 << 20;

// Labels of a namespace that say what its users get by default.
inline constexpr char kDefaultRuntimeNSLabel[] = "containerd.io/defaults/runtime";
inline constexpr char kDefaultSnapshotterNSLabel[] = "containerd.io/defaults/snapshotter";
inline constexpr char kDefaultSandboxerNSLabel[] = "containerd.io/defaults/sandboxer";

}  // namespace containerd::defaults

#endif  // CONTAINERD_DEFAULTS_DEFAULTS_H_
