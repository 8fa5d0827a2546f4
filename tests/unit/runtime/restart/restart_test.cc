// SPDX-License-Identifier: Apache-2.0
#include "containerd/runtime/restart.h"

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include "containerd/client.h"
#include "containerd/containers/containers.h"
#include "containerd/context/context.h"
#include "containerd/errdefs/errdefs.h"

namespace containerd::runtime::restart {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

TEST(RestartTest, Policies) {
  struct Case {
    std::string_view text;
    std::string_view name;
    int count;
    std::string_view string;
  };
  for (const Case& c :
       {Case{"", "always", 0, "always"}, Case{"always", "always", 0, "always"},
        Case{"no", "no", 0, "no"}, Case{"unless-stopped", "unless-stopped", 0, "unless-stopped"},
        Case{"on-failure", "on-failure", 0, "on-failure"},
        Case{"on-failure:0", "on-failure", 0, "on-failure"},
        Case{"on-failure:12", "on-failure", 12, "on-failure:12"}}) {
    const auto policy = NewPolicy(c.text);
    ASSERT_TRUE(policy.ok()) << policy.status();
    EXPECT_EQ(policy->Name(), c.name);
    EXPECT_EQ(policy->MaximumRetryCount(), c.count);
    EXPECT_EQ(policy->String(), c.string);
  }
}

TEST(RestartTest, WrongPoliciesAreNamed) {
  for (const std::string text : {"sometimes", "Always", "always:1", "no:", ":1",
                                 "on-failure:", "on-failure:x", "on-failure:-1", "on-failure:+1",
                                 "on-failure: 1", "on-failure:1:2", "on-failure:99999999999"}) {
    const auto policy = NewPolicy(text);
    EXPECT_TRUE(errdefs::IsInvalidArgument(policy.status())) << text;
    EXPECT_THAT(std::string(policy.status().message()), HasSubstr(text));
  }
}

TEST(RestartTest, Reconcile) {
  const Status failed{.status = ProcessStatus::kStopped, .exit_status = 1};
  const Status fine{.status = ProcessStatus::kStopped};
  const auto labels = [](std::string policy, std::string count = "") {
    Labels all{{kPolicyLabel, std::move(policy)}};
    if (!count.empty()) all[kCountLabel] = std::move(count);
    return all;
  };
  EXPECT_TRUE(Reconcile(fine, {}));
  EXPECT_TRUE(Reconcile(fine, labels("always")));
  EXPECT_FALSE(Reconcile(failed, labels("no")));
  EXPECT_FALSE(Reconcile(failed, labels("sometimes")));
  EXPECT_FALSE(Reconcile(fine, labels("on-failure")));
  EXPECT_TRUE(Reconcile(failed, labels("on-failure", "1000")));
  EXPECT_TRUE(Reconcile(failed, labels("on-failure:2")));
  EXPECT_TRUE(Reconcile(failed, labels("on-failure:2", "1")));
  EXPECT_FALSE(Reconcile(failed, labels("on-failure:2", "2")));
  EXPECT_FALSE(Reconcile(failed, labels("on-failure:2", "two")));
  EXPECT_TRUE(Reconcile(failed, labels("unless-stopped")));
  for (const char* yes : {"true", "1", "T"}) {
    Labels stopped = labels("unless-stopped");
    stopped[kExplicitlyStoppedLabel] = yes;
    EXPECT_FALSE(Reconcile(fine, stopped)) << yes;
    stopped[kExplicitlyStoppedLabel] = "false";
    EXPECT_TRUE(Reconcile(fine, stopped));
  }
}

TEST(RestartTest, Labels) {
  auto client = Client::NewWithConn(
      grpc::CreateChannel("unix:/nonexistent", grpc::InsecureChannelCredentials()));
  ASSERT_TRUE(client.ok()) << client.status();
  const Context ctx = Context::Background();
  containers::Container record{.id = "c", .labels = {{"mine", "1"}}};
  for (const NewContainerOpt& opt :
       {WithStatus(ProcessStatus::kRunning), WithPolicy(*NewPolicy("on-failure:3")),
        WithLogURI("file:///var/log/c")}) {
    ASSERT_TRUE(opt(ctx, *client, record).ok());
  }
  EXPECT_THAT(record.labels,
              ElementsAre(Pair("containerd.io/restart.loguri", "file:///var/log/c"),
                          Pair("containerd.io/restart.policy", "on-failure:3"),
                          Pair("containerd.io/restart.status", "running"), Pair("mine", "1")));
  record.labels[kCountLabel] = "2";
  record.labels[kExplicitlyStoppedLabel] = "true";
  const NewContainerOpt none = WithNoRestarts;
  ASSERT_TRUE(none(ctx, *client, record).ok());
  EXPECT_THAT(record.labels, ElementsAre(Pair("mine", "1")));
}

}  // namespace
}  // namespace containerd::runtime::restart
