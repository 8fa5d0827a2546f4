// SPDX-License-Identifier: Apache-2.0
//
// Making a channel to a daemon.
#ifndef CONTAINERD_SRC_CLIENT_DIAL_H_
#define CONTAINERD_SRC_CLIENT_DIAL_H_

#include <memory>
#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include "containerd/client_opts.h"
#include "containerd/context/context.h"

namespace grpc {
class Channel;
}

namespace containerd::internal {

// Where to connect to.
struct Address {
  std::string text{};       // as the caller wrote it, for messages
  std::string unix_path{};  // of a socket; empty for tcp
  std::string target{};     // as gRPC writes it
};

absl::StatusOr<Address> ParseAddress(std::string_view text);

// Dials as `options` say; blocking, at most options.timeout and as long as `ctx` lives.
absl::StatusOr<std::shared_ptr<grpc::Channel>> Dial(const Context& ctx, const Address& address,
                                                    const ClientOptions& options);

}  // namespace containerd::internal

#endif  // CONTAINERD_SRC_CLIENT_DIAL_H_
