// SPDX-License-Identifier: Apache-2.0
#include "containerd/health/health.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/rpc/connection.h"
#include "containerd/wire/health.grpc.pb.h"
#include "containerd/wire/health_mock.grpc.pb.h"

#include "tests/support/proto.h"

namespace containerd::health {

// On a stub of the test's: defined beside the proxy, and declared nowhere else.
std::shared_ptr<Service> NewHealthService(
    std::shared_ptr<::containerd::wire::Health::StubInterface> stub);

namespace {

namespace pb = ::containerd::wire;
using ::containerd::testing::EqualsProto;
using ::containerd::testing::Fail;
using ::testing::_;
using ::testing::StrictMock;

TEST(Health, Check) {
  struct Case {
    std::string answer;
    ServingStatus want;
    std::string text;
  };
  const Case cases[] = {
      {"status: SERVING", ServingStatus::kServing, "SERVING"},
      {"status: NOT_SERVING", ServingStatus::kNotServing, "NOT_SERVING"},
      {"status: SERVICE_UNKNOWN", ServingStatus::kServiceUnknown, "SERVICE_UNKNOWN"},
      {"", ServingStatus::kUnknown, "UNKNOWN"},
      {"status: 99", ServingStatus::kUnknown, "UNKNOWN"}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.answer);
    auto stub = std::make_shared<StrictMock<pb::MockHealthStub>>();
    pb::HealthCheckResponse response;
    if (c.answer == "status: 99") {
      response.set_status(static_cast<pb::HealthCheckResponse::ServingStatus>(99));
    } else {
      response = testing::Proto<pb::HealthCheckResponse>(c.answer);
    }
    EXPECT_CALL(*stub, Check(_, EqualsProto(R"pb(service: "a.B")pb"), _))
        .WillOnce(::testing::DoAll(::testing::SetArgPointee<2>(response),
                                   ::testing::Return(grpc::Status::OK)));
    const ServingStatus status = *NewHealthService(stub)->Check({}, {.service = "a.B"});
    EXPECT_EQ(status, c.want);
    EXPECT_EQ(String(status), c.text);
  }
}

TEST(Health, Errors) {
  auto stub = std::make_shared<StrictMock<pb::MockHealthStub>>();
  EXPECT_CALL(*stub, Check(_, EqualsProto(""), _))
      .WillOnce(Fail(grpc::StatusCode::NOT_FOUND, "unknown service"));
  EXPECT_EQ(NewHealthService(stub)->Check({}).status(),
            errdefs::NotFound("health check: unknown service"));
}

TEST(Health, WaitsForAConnectionOnlyIfAsked) {
  const auto service = NewHealthService(std::make_shared<rpc::Connection>(
      grpc::CreateChannel("unix:/nonexistent/socket", grpc::InsecureChannelCredentials())));
  EXPECT_TRUE(errdefs::IsUnavailable(service->Check({}).status()));
  const Context ctx = WithTimeout(Context(), absl::Milliseconds(50));
  EXPECT_TRUE(errdefs::IsDeadlineExceeded(service->Check(ctx, {.wait_for_ready = true}).status()));
}

}  // namespace
}  // namespace containerd::health
