// SPDX-License-Identifier: Apache-2.0
//
// What every daemon's sandboxes do, those of the sandboxer "shim" with runc, and what stands in for
// one has to do as well. Used as store_conformance.h.
#ifndef CONTAINERD_TESTS_SUPPORT_SANDBOX_CONFORMANCE_H_
#define CONTAINERD_TESTS_SUPPORT_SANDBOX_CONFORMANCE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/time/clock.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/cio/cio.h"
#include "containerd/client.h"
#include "containerd/container.h"
#include "containerd/container_opts.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/introspection/introspection.h"
#include "containerd/sandbox.h"
#include "containerd/sandbox/sandbox.h"
#include "containerd/specs/spec.h"
#include "containerd/task.h"
#include "containerd/testing/status.h"
#include "containerd/typeurl/typeurl.h"

#include "tests/support/conformance.h"

namespace containerd::testing {

class Sandboxes : public Conformance {
 protected:
  // Of 1.7 there is a controller by another name, which fails to publish the sandboxes that it
  // made, and leaves their shims behind.
  void SetUp() override {
    const auto plugins = client_->IntrospectionService()->Plugins(
        ctx(), {"type==io.containerd.sandbox.controller.v1,id==shim"});
    ASSERT_OK(plugins);
    if (plugins->empty()) GTEST_SKIP() << "the daemon has no sandboxer \"shim\"";
  }

  Context Soon() const { return WithTimeout(ctx(), absl::Minutes(1)); }

  const std::shared_ptr<sandbox::Controller> controller_ = client_->SandboxController("shim");
};

class Pods : public Sandboxes {
 protected:
  void SetUp() override {
    Sandboxes::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    absl::StatusOr<Sandbox> probe = NewPod("probe");
    if (errdefs::IsNotImplemented(probe.status())) {
      GTEST_SKIP() << "the runtime's shim has no sandboxes: " << probe.status();
    }
    ASSERT_OK(probe);
    ASSERT_OK(probe->Shutdown(ctx()));
  }

  absl::StatusOr<Sandbox> NewPod(const std::string& id, std::vector<NewSandboxOpt> opts = {}) {
    opts.insert(opts.begin(),
                {WithSandboxRuntime("io.containerd.runc.v2"), WithSandboxSpec(specs::Spec{})});
    return client_->NewSandbox(ctx(), id, opts);
  }
};

TEST_P(Pods, AreMadeRunAndShutDown) {
  auto pod = NewPod("pod", {WithSandboxLabels({{"app", "web"}}),
                            WithSandboxExtension("mine", typeurl::Any{"some/type", "bytes"})});
  ASSERT_OK(pod);
  EXPECT_EQ(pod->ID(), "pod");
  EXPECT_THAT(pod->Labels(ctx()), IsOkAndHolds(Labels{{"app", "web"}}));
  EXPECT_EQ(pod->Metadata().runtime.name, "io.containerd.runc.v2");
  EXPECT_GT(pod->Metadata().created_at, absl::Now() - absl::Minutes(5));
  EXPECT_THAT(NewPod("pod"), StatusIs(errdefs::IsAlreadyExists));
  ASSERT_OK(pod->Start(ctx()));

  auto loaded = client_->LoadSandbox(ctx(), "pod");
  ASSERT_OK(loaded);
  EXPECT_EQ(loaded->Metadata(), pod->Metadata());
  EXPECT_OK(loaded->Stop(ctx()));
  EXPECT_OK(loaded->Wait(ctx()).Get(Soon()));
  EXPECT_OK(loaded->Stop(ctx()));
  EXPECT_OK(loaded->Shutdown(ctx()));
  EXPECT_THAT(client_->LoadSandbox(ctx(), "pod"), StatusIs(errdefs::IsNotFound));
  EXPECT_THAT(pod->Labels(ctx()), StatusIs(errdefs::IsNotFound));
  EXPECT_THAT(pod->Wait(ctx()).Get(Soon()), StatusIs(errdefs::IsNotFound));
  EXPECT_OK(pod->Shutdown(ctx()));
  EXPECT_OK(NewPod("pod"));  // the name is free again
}

TEST_P(Pods, AreTheControllers) {
  sandbox::Sandbox record{.id = "pod",
                          .runtime = {.name = "io.containerd.runc.v2"},
                          .spec = *typeurl::MarshalAny(specs::Spec{}),
                          .sandboxer = "shim"};
  const auto stored = client_->SandboxStore()->Create(ctx(), record);
  ASSERT_OK(stored);
  ASSERT_OK(controller_->Create(ctx(), *stored, {sandbox::WithAnnotations({{"a", "b"}})}));
  EXPECT_THAT(controller_->Create(ctx(), *stored), StatusIs(errdefs::IsAlreadyExists));
  const auto instance = controller_->Start(ctx(), "pod");
  ASSERT_OK(instance);
  EXPECT_EQ(instance->sandbox_id, "pod");
  EXPECT_THAT(instance->address, ::testing::HasSubstr("unix:"));
  EXPECT_GT(instance->version, 0U);

  // No daemon serves it so far.
  const auto platform = controller_->Platform(ctx(), "pod");
  EXPECT_TRUE(platform.ok() || errdefs::IsNotImplemented(platform.status())) << platform.status();
  EXPECT_OK(controller_->Status(ctx(), "pod", /*verbose=*/true));
  EXPECT_OK(controller_->Metrics(ctx(), "pod"));
  EXPECT_OK(controller_->Update(ctx(), "pod", *stored, {"labels"}));

  Future<sandbox::ExitStatus> exit = controller_->Wait(ctx(), "pod");
  EXPECT_OK(controller_->Stop(ctx(), "pod", {sandbox::WithTimeout(absl::Seconds(5))}));
  EXPECT_OK(exit.Get(Soon()));
  EXPECT_OK(controller_->Shutdown(ctx(), "pod"));
  EXPECT_OK(client_->SandboxStore()->Delete(ctx(), "pod"));
}

TEST_P(Pods, AWaitEndsWithItsContext) {
  auto pod = NewPod("pod");
  ASSERT_OK(pod);
  ASSERT_OK(pod->Start(ctx()));
  auto [wait_ctx, cancel] = WithCancel(ctx());
  const Future<ExitStatus> exit = pod->Wait(wait_ctx);
  cancel();
  const absl::Status s = exit.Get(Soon()).status();
  // The shim's sandbox has no process whose end could be waited for, and some say so at once.
  EXPECT_TRUE(s.ok() || errdefs::IsCanceled(s)) << s;
  EXPECT_OK(pod->Shutdown(ctx()));
}

TEST_P(Sandboxes, WhatDoesNotExistIsNamed) {
  const auto names_it = ::testing::HasSubstr("no-such-pod");
  EXPECT_THAT(client_->LoadSandbox(ctx(), "no-such-pod"), StatusIs(errdefs::IsNotFound, names_it));
  EXPECT_THAT(client_->NewSandbox(ctx(), ""), StatusIs(errdefs::IsInvalidArgument));
  // The daemon gives this error no class.
  EXPECT_THAT(
      controller_->Start(ctx(), "no-such-pod"),
      StatusIs(
          [](const absl::Status& s) { return errdefs::IsNotFound(s) || errdefs::IsUnknown(s); },
          names_it));
  EXPECT_THAT(controller_->Metrics(ctx(), "no-such-pod"), StatusIs(errdefs::IsNotFound, names_it));
  EXPECT_THAT(controller_->Wait(ctx(), "no-such-pod").Get(Soon()),
              StatusIs(errdefs::IsNotFound, names_it));
  EXPECT_THAT(controller_->Shutdown(ctx(), "no-such-pod"), StatusIs(errdefs::IsNotFound, names_it));
  EXPECT_OK(controller_->Stop(ctx(), "no-such-pod"));
  const auto status = controller_->Status(ctx(), "no-such-pod", /*verbose=*/false);
  ASSERT_OK(status);
  EXPECT_EQ(status->state, "");
  EXPECT_GT(status->exited_at, absl::Now() - absl::Minutes(5));

  const auto other = client_->SandboxController("no-such-sandboxer");
  EXPECT_THAT(other->Stop(ctx(), "pod"),
              StatusIs(errdefs::IsNotFound, ::testing::HasSubstr("no-such-sandboxer")));
}

// What the store knows, and the controller does not.
TEST_P(Sandboxes, ATaskNeedsItsSandbox) {
  ASSERT_OK(client_->SandboxStore()->Create(
      ctx(), {.id = "pod", .runtime = {.name = "io.containerd.runc.v2"}, .sandboxer = "shim"}));
  auto container = client_->NewContainer(ctx(), "web", {WithSandbox("pod"), WithNewSpec()});
  ASSERT_OK(container);
  EXPECT_THAT(container->NewTask(ctx(), cio::NullIO),
              StatusIs(errdefs::IsNotFound, ::testing::HasSubstr("sandbox pod")));
  EXPECT_OK(container->Delete(ctx()));
  EXPECT_OK(client_->SandboxStore()->Delete(ctx(), "pod"));
}

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTS_SUPPORT_SANDBOX_CONFORMANCE_H_
