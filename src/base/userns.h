// SPDX-License-Identifier: Apache-2.0
//
// The user namespace that this process is in.
#ifndef CONTAINERD_SRC_BASE_USERNS_H_
#define CONTAINERD_SRC_BASE_USERNS_H_

namespace containerd::base {

// Whether it is another than the host's. Asked anew each time: a process can enter one.
// Source: moby/sys/userns.RunningInUserNS.
bool RunningInUserNS();

}  // namespace containerd::base

#endif  // CONTAINERD_SRC_BASE_USERNS_H_
