// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "containerd/services/version/v1/version.grpc.pb.h"
#include "containerd/version/version.h"

#include "src/rpc/internal/call.h"

namespace containerd::version {
namespace {

namespace pb = ::containerd::services::version::v1;

class VersionRemote final : public Service {
 public:
  template <typename ConnectionOrStub>
  explicit VersionRemote(std::shared_ptr<ConnectionOrStub> to) : stubs_(std::move(to)) {}

  absl::StatusOr<Info> Version(const Context& ctx) override {
    pb::VersionResponse response;
    absl::Status s = rpc::Call(ctx, stubs_, &pb::Version::StubInterface::Version,
                               google::protobuf::Empty(), &response);
    if (!s.ok()) return errdefs::Annotate(s, "version");
    return Info{.version = response.version(), .revision = response.revision()};
  }

 private:
  const rpc::Stubs<pb::Version> stubs_;
};

}  // namespace

std::shared_ptr<Service> NewVersionService(std::shared_ptr<rpc::Connection> conn) {
  return std::make_shared<VersionRemote>(std::move(conn));
}

std::shared_ptr<Service> NewVersionService(std::shared_ptr<pb::Version::StubInterface> stub) {
  return std::make_shared<VersionRemote>(std::move(stub));
}

}  // namespace containerd::version
