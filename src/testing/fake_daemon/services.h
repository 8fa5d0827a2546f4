// SPDX-License-Identifier: Apache-2.0
//
// The daemon's services on stores, in the words of its API.
#ifndef CONTAINERD_SRC_TESTING_FAKE_DAEMON_SERVICES_H_
#define CONTAINERD_SRC_TESTING_FAKE_DAEMON_SERVICES_H_

#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/testing/fake_daemon.h"
#include "containerd/testing/stores.h"

#include "events.h"
#include "server.h"

namespace containerd::testing::fake {

template <typename Repeated>
std::vector<std::string> Texts(const Repeated& texts) {
  return {texts.begin(), texts.end()};
}

// Gives the value to `set`, unless there is an error instead.
template <typename T, typename Set>
absl::Status Fill(const absl::StatusOr<T>& value, Set set) {
  if (!value.ok()) return value.status();
  set(*value);
  return absl::OkStatus();
}

// Containers, images, leases, namespaces and snapshots, whose mounts are all of the folder
// `rootfs`. The arguments outlive the server.
void ServeStores(Server& server, const MemoryStores& stores, const FakeDaemonOptions& options,
                 const std::string& rootfs, Exchange& exchange);
// Content, and diff.Apply, which reads a layer and writes it nowhere.
void ServeContent(Server& server, const MemoryStores& stores, Exchange& exchange);
// Version, introspection and health.
void ServeAbout(Server& server, const FakeDaemonOptions& options);

}  // namespace containerd::testing::fake

#endif  // CONTAINERD_SRC_TESTING_FAKE_DAEMON_SERVICES_H_
