// SPDX-License-Identifier: Apache-2.0
//
// The network of a container that was made with `ctr run --cni`: plugins of the Container Network
// Interface, called as go-cni and libcni do. Either ctr takes away what the other has set up.
#ifndef CONTAINERD_EXAMPLES_CTR_CNI_H_
#define CONTAINERD_EXAMPLES_CTR_CNI_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "containerd/containerd.h"

namespace ctr {

// Whose interface is "eth0".
class Network {
 public:
  // The first configuration in /etc/cni/net.d, for this container.
  static absl::StatusOr<Network> Default(const containerd::Context& ctx,
                                         const containerd::Container& container);

  // For a task that has not been started. After a failure Remove clears up.
  absl::Status Setup(std::uint32_t pid) const;

  // The task may have gone.
  absl::Status Remove() const;

 private:
  Network() = default;

  std::string id_;                    // of the container, for the plugins
  std::string name_;                  // of the network
  std::string version_;               // of the interface
  std::vector<std::string> plugins_;  // JSON
  std::string text_;                  // all of the configuration
};

// Marks a container that was run with a network, and gives that of one that is marked.
containerd::NewContainerOpt WithNetworkMark();
absl::StatusOr<std::optional<Network>> NetworkOf(const containerd::Context& ctx,
                                                 containerd::Container& container);

}  // namespace ctr

#endif  // CONTAINERD_EXAMPLES_CTR_CNI_H_
