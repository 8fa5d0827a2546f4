// SPDX-License-Identifier: Apache-2.0
#include "containerd/sandbox.h"

#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <google/protobuf/empty.pb.h>
#include <gtest/gtest.h>

#include "containerd/container_opts.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/testing/mocks/sandbox.h"
#include "containerd/testing/stores.h"
#include "containerd/typeurl/typeurl.h"

namespace containerd {
namespace {

using ::testing::_;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::Return;

class SandboxTest : public ::testing::Test {
 protected:
  absl::StatusOr<Sandbox> New(const std::vector<NewSandboxOpts>& opts = {}) {
    return client_.NewSandbox(ctx_, "pod", opts);
  }

  static std::string Text(const absl::Status& status) {
    return std::string(errdefs::Message(status));
  }

  const Context ctx_ = WithNamespace(Context::Background(), "testing");
  const testing::MemoryStores stores_;
  const std::shared_ptr<::testing::NiceMock<testing::MockSandboxController>> controller_ =
      std::make_shared<::testing::NiceMock<testing::MockSandboxController>>();
  Client client_ = *Client::New("", {WithDefaultRuntime("io.containerd.runc.v2"),
                                     WithDefaultSandboxer("fake"), WithServices(Services())});

 private:
  std::vector<ServicesOpt> Services() const {
    std::vector<ServicesOpt> services = stores_.Services();
    services.push_back(WithSandboxController("fake", controller_));
    return services;
  }
};

TEST_F(SandboxTest, IsStoredAndCreated) {
  EXPECT_CALL(*controller_, Create(_, Field(&sandbox::Sandbox::id, "pod"), _));
  specs::Spec spec;
  spec.hostname = "before";
  auto pod = New({WithSandboxRuntime("io.containerd.runc.v2"),
                  WithSandboxSpec(spec, {oci::WithHostname("pod-host")}),
                  WithSandboxLabels({{"app", "web"}}),
                  WithSandboxExtension("mine", typeurl::Any{"some/type", "bytes"})});
  ASSERT_TRUE(pod.ok()) << pod.status();
  EXPECT_EQ(pod->ID(), "pod");

  const auto stored = stores_.sandboxes->Get(ctx_, "pod");
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(pod->Metadata(), *stored);
  EXPECT_EQ(stored->sandboxer, "fake");
  EXPECT_EQ(stored->runtime.name, "io.containerd.runc.v2");
  // As Go's client says that there are none.
  EXPECT_TRUE(typeurl::Is<google::protobuf::Empty>(stored->runtime.options));
  EXPECT_EQ(typeurl::UnmarshalAny<specs::Spec>(stored->spec)->hostname, "pod-host");
  EXPECT_THAT(stored->labels, ElementsAre(Pair("app", "web")));
  EXPECT_THAT(stored->extensions, ElementsAre(Pair("mine", typeurl::Any{"some/type", "bytes"})));
  EXPECT_GT(stored->created_at, absl::Now() - absl::Minutes(1));
  EXPECT_THAT(*pod->Labels(ctx_), ElementsAre(Pair("app", "web")));

  auto loaded = client_.LoadSandbox(ctx_, "pod");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->Metadata(), *stored);
}

TEST_F(SandboxTest, NothingStaysOfOneThatTheControllerRefuses) {
  EXPECT_CALL(*controller_, Create).WillOnce(Return(errdefs::Aborted("no room")));
  const auto pod = New();
  EXPECT_TRUE(errdefs::IsAborted(pod.status())) << pod.status();
  EXPECT_THAT(Text(pod.status()), AllOf(HasSubstr("\"pod\""), HasSubstr("no room")));
  EXPECT_EQ(stores_.sandboxes->List(ctx_)->size(), 0U);
}

TEST_F(SandboxTest, NothingStaysEvenIfTheContextEnds) {
  auto [ctx, cancel] = WithCancel(ctx_);
  EXPECT_CALL(*controller_, Create)
      .WillOnce([cancel = cancel](const Context& call, const sandbox::Sandbox&, const auto&) {
        cancel();
        return call.Err();
      });
  EXPECT_TRUE(errdefs::IsCanceled(client_.NewSandbox(ctx, "pod").status()));
  EXPECT_EQ(stores_.sandboxes->List(ctx_)->size(), 0U);
}

TEST_F(SandboxTest, WhatIsWrongIsNamed) {
  EXPECT_TRUE(errdefs::IsInvalidArgument(client_.NewSandbox(ctx_, "").status()));

  const auto no_such = New({[](const Context&, Client&, sandbox::Sandbox* s) {
    s->sandboxer = "nosuch";
    return absl::OkStatus();
  }});
  EXPECT_TRUE(errdefs::IsNotFound(no_such.status())) << no_such.status();
  EXPECT_THAT(Text(no_such.status()), HasSubstr("nosuch"));
  EXPECT_EQ(stores_.sandboxes->List(ctx_)->size(), 0U);

  ASSERT_TRUE(New().ok());
  EXPECT_TRUE(errdefs::IsAlreadyExists(New().status()));
  // The one that was there is still there.
  EXPECT_EQ(stores_.sandboxes->List(ctx_)->size(), 1U);
  EXPECT_TRUE(errdefs::IsNotFound(client_.LoadSandbox(ctx_, "other").status()));
}

TEST_F(SandboxTest, RunsAndEnds) {
  auto pod = New();
  ASSERT_TRUE(pod.ok()) << pod.status();
  EXPECT_CALL(*controller_, Start(_, "pod"))
      .WillOnce(Return(sandbox::ControllerInstance{.sandbox_id = "pod", .pid = 7}));
  EXPECT_TRUE(pod->Start(ctx_).ok());

  const absl::Time exited = absl::FromUnixSeconds(1700000000);
  Promise<sandbox::ExitStatus> promise;
  EXPECT_CALL(*controller_, Wait(_, "pod")).WillOnce(Return(promise.GetFuture()));
  const Future<ExitStatus> exit = pod->Wait(ctx_);
  EXPECT_FALSE(exit.IsReady());
  promise.Set(sandbox::ExitStatus{.exit_status = 3, .exited_at = exited});
  ASSERT_TRUE(exit.Get(ctx_).ok());
  EXPECT_EQ(exit.Get(ctx_)->ExitCode(), 3U);
  EXPECT_EQ(exit.Get(ctx_)->ExitTime(), exited);

  EXPECT_CALL(*controller_, Stop(_, "pod", _));
  EXPECT_TRUE(pod->Stop(ctx_).ok());
  EXPECT_CALL(*controller_, Shutdown(_, "pod"))
      .WillOnce(Return(absl::OkStatus()))
      .WillOnce(Return(errdefs::NotFound("sandbox")))
      .WillOnce(Return(errdefs::Unavailable("gone away")));
  EXPECT_TRUE(pod->Shutdown(ctx_).ok());
  EXPECT_EQ(stores_.sandboxes->List(ctx_)->size(), 0U);
  EXPECT_TRUE(pod->Shutdown(ctx_).ok()) << "what is gone already is no error";
  EXPECT_TRUE(errdefs::IsUnavailable(pod->Shutdown(ctx_)));
}

TEST_F(SandboxTest, AWaitThatFailsNamesTheSandbox) {
  auto pod = New();
  ASSERT_TRUE(pod.ok()) << pod.status();
  EXPECT_CALL(*controller_, Wait)
      .WillOnce(Return(Future<sandbox::ExitStatus>::Ready(errdefs::NotFound("gone"))));
  const absl::Status s = pod->Wait(ctx_).Get(ctx_).status();
  EXPECT_TRUE(errdefs::IsNotFound(s));
  EXPECT_THAT(Text(s), HasSubstr("\"pod\""));
}

TEST_F(SandboxTest, ContainersBelongToIt) {
  auto pod = New();
  ASSERT_TRUE(pod.ok()) << pod.status();
  auto container = pod->NewContainer(ctx_, "web", {WithContainerLabels({{"a", "b"}})});
  ASSERT_TRUE(container.ok()) << container.status();
  const auto record = stores_.containers->Get(ctx_, "web");
  ASSERT_TRUE(record.ok());
  EXPECT_EQ(record->sandbox_id, "pod");
  EXPECT_THAT(record->labels, ElementsAre(Pair("a", "b")));
}

TEST_F(SandboxTest, OneWithoutASandboxerHasTheDefault) {
  // As daemon 1.7 stores it.
  ASSERT_TRUE(stores_.sandboxes->Create(ctx_, {.id = "old"}).ok());
  auto old = client_.LoadSandbox(ctx_, "old");
  ASSERT_TRUE(old.ok()) << old.status();
  EXPECT_CALL(*controller_, Stop(_, "old", _));
  EXPECT_TRUE(old->Stop(ctx_).ok());
}

}  // namespace
}  // namespace containerd
