// SPDX-License-Identifier: Apache-2.0
#include "containerd/version/version.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/services/version/v1/version.grpc.pb.h"
#include "containerd/services/version/v1/version_mock.grpc.pb.h"

#include "tests/support/proto.h"

namespace containerd::version {

// On a stub of the test's: defined beside the proxy, and declared nowhere else.
std::shared_ptr<Service> NewVersionService(
    std::shared_ptr<services::version::v1::Version::StubInterface> stub);

namespace {

namespace pb = ::containerd::services::version::v1;
using ::containerd::testing::Answer;
using ::containerd::testing::Fail;
using ::testing::StrictMock;

TEST(Version, Version) {
  auto stub = std::make_shared<StrictMock<pb::MockVersionStub>>();
  const std::string answer = R"(version: "1.7.24" revision: "abc")";
  ASSERT_TRUE(testing::Unset<pb::VersionResponse>(answer).empty());
  EXPECT_CALL(*stub, Version)
      .WillOnce(Answer<pb::VersionResponse>(answer))
      .WillOnce(Fail(grpc::StatusCode::UNAVAILABLE, "refused"));
  const auto service = NewVersionService(stub);
  EXPECT_EQ(*service->Version({}), (Info{.version = "1.7.24", .revision = "abc"}));
  EXPECT_EQ(service->Version({}).status(), errdefs::Unavailable("version: refused"));
}

}  // namespace
}  // namespace containerd::version
