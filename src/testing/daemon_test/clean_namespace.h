// SPDX-License-Identifier: Apache-2.0
#ifndef CONTAINERD_SRC_TESTING_DAEMON_TEST_CLEAN_NAMESPACE_H_
#define CONTAINERD_SRC_TESTING_DAEMON_TEST_CLEAN_NAMESPACE_H_

#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <grpcpp/channel.h>

namespace containerd::testing {

// Ends and deletes everything in a namespace, and the namespace. Goes through the raw stubs, so
// that a defect of the library cannot hide what it left behind.
absl::Status CleanNamespace(const std::shared_ptr<grpc::Channel>& channel, const std::string& ns);

// The ids of the plugins of a type that the daemon has loaded.
absl::StatusOr<std::vector<std::string>> LoadedPlugins(
    const std::shared_ptr<grpc::Channel>& channel, const std::string& type);

}  // namespace containerd::testing

#endif  // CONTAINERD_SRC_TESTING_DAEMON_TEST_CLEAN_NAMESPACE_H_
