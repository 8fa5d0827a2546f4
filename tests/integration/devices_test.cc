// SPDX-License-Identifier: Apache-2.0
//
// Devices, limits and what is measured, as the processes of containers find them.
#include <fstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/cdi/cdi.h"
#include "containerd/typeurl/typeurl.h"

#include "container_fixture.h"
#include "io/containerd/cgroups/v1/metrics.pb.h"
#include "io/containerd/cgroups/v2/metrics.pb.h"

namespace containerd::testing {
namespace {

using ::testing::HasSubstr;

using DevicesTest = ContainerTest;

TEST_F(DevicesTest, OfCDIFiles) {
  const TestDir dir;
  std::ofstream(dir.path() + "/shared") << "from the host\n";
  std::ofstream(dir.path() + "/vendor.yaml") << fmt::format(R"(
cdiVersion: 0.6.0
kind: vendor.com/device
containerEdits:
  env: [VENDOR=yes]
devices:
- name: "0"
  containerEdits:
    env: [DEVICE=zero]
    deviceNodes: [{{path: /dev/vendor0, hostPath: /dev/zero, permissions: r}}]
    mounts: [{{hostPath: {}/shared, containerPath: /etc/vendor, options: [ro, bind]}}]
- name: "1"
  containerEdits: {{env: [NOT=asked for]}}
)",
                                                            dir.path());
  std::ofstream(dir.path() + "/broken.json") << "{";
  auto outcome =
      Run({"sh", "-c",
           "echo $VENDOR $DEVICE $NOT; cat /etc/vendor; head -c 3 /dev/vendor0 | od -An -tx1"},
          {cdi::WithCDIDevices({"vendor.com/device=0"}, {dir.path()})});
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_THAT(outcome->out, HasSubstr("yes zero\nfrom the host\n 00 00 00\n"));

  const auto unknown = Make({"true"}, {cdi::WithCDIDevices({"vendor.com/device=2"}, {dir.path()})});
  EXPECT_TRUE(errdefs::IsNotFound(unknown.status())) << unknown.status();
  EXPECT_THAT(std::string(errdefs::Message(unknown.status())), HasSubstr("vendor.com/device=2"));
}

TEST_F(DevicesTest, OfTheHost) {
  auto outcome = Run({"sh", "-c",
                      "stat -c '%t %T' /dev/made; head -c 2 /dev/made | od -An -tx1; "
                      "head -c 1 /dev/zero >/dev/null && echo zero"},
                     {oci::WithDevices("/dev/zero", "/dev/made", "rwm")});
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->out, "1 5\n 00 00\nzero\n") << outcome->err;
}

TEST_F(DevicesTest, MetricsOfARunningTask) {
  auto container =
      Make({"sleep", "1000"}, {oci::WithMemoryLimit(64 << 20), oci::WithPidsLimit(50)});
  ASSERT_TRUE(container.ok()) << container.status();
  auto task = container->NewTask(ctx(), cio::NullIO);
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(task->Start(ctx()).ok());
  auto metric = task->Metrics(ctx());
  ASSERT_TRUE(metric.ok()) << metric.status();
  EXPECT_EQ(metric->id, task->ID());
  using V1 = ::io::containerd::cgroups::v1::Metrics;
  using V2 = ::io::containerd::cgroups::v2::Metrics;
  if (typeurl::Is<V1>(metric->data)) {
    auto v1 = typeurl::UnmarshalAny<V1>(metric->data);
    ASSERT_TRUE(v1.ok()) << v1.status();
    EXPECT_GE(v1->pids().current(), 1U);
    EXPECT_EQ(v1->pids().limit(), 50U);
    EXPECT_EQ(v1->memory().usage().limit(), 64U << 20);
    EXPECT_GT(v1->memory().usage().usage(), 0U);
    EXPECT_GT(v1->cpu().usage().total(), 0U);
  } else {
    auto v2 = typeurl::UnmarshalAny<V2>(metric->data);
    ASSERT_TRUE(v2.ok()) << v2.status();
    EXPECT_GE(v2->pids().current(), 1U);
    EXPECT_EQ(v2->pids().limit(), 50U);
    EXPECT_EQ(v2->memory().usage_limit(), 64U << 20);
    EXPECT_GT(v2->cpu().usage_usec(), 0U);
  }
  EXPECT_TRUE(task->Delete(ctx(), {WithProcessKill}).ok());
}

}  // namespace
}  // namespace containerd::testing
