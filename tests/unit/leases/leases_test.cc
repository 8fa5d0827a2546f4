// SPDX-License-Identifier: Apache-2.0
#include "containerd/leases/leases.h"

#include <set>
#include <utility>

#include <absl/time/clock.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"

#include "src/base/options.h"

namespace containerd::leases {
namespace {

using ::testing::_;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Return;
using ::testing::StrictMock;

class MockManager : public Manager {
 public:
  MOCK_METHOD(absl::StatusOr<Lease>, Create, (const Context&, const std::vector<Opt>&), (override));
  MOCK_METHOD(absl::Status, Delete, (const Context&, const Lease&, const std::vector<DeleteOpt>&),
              (override));
  MOCK_METHOD(absl::StatusOr<std::vector<Lease>>, List,
              (const Context&, const std::vector<std::string>&), (override));
  MOCK_METHOD(absl::Status, AddResource, (const Context&, const Lease&, const Resource&),
              (override));
  MOCK_METHOD(absl::Status, DeleteResource, (const Context&, const Lease&, const Resource&),
              (override));
  MOCK_METHOD(absl::StatusOr<std::vector<Resource>>, ListResources, (const Context&, const Lease&),
              (override));
};

absl::StatusOr<Lease> Apply(const std::vector<Opt>& opts, Lease lease = {}) {
  for (const Opt& opt : opts) {
    if (absl::Status s = opt(&lease); !s.ok()) return s;
  }
  return lease;
}

TEST(LeaseOpts, WithLabels) {
  struct Case {
    std::string name;
    Labels initial;
    Labels labels;
    Labels want;
  };
  const std::string ref = "containerd.io/gc.ref.snapshot.overlayfs";
  const Case cases[] = {
      {"AddLabelsToEmptyMap",
       {},
       {{"containerd.io/gc.root", "2015-12-04T00:00:00Z"}},
       {{"containerd.io/gc.root", "2015-12-04T00:00:00Z"}}},
      {"AddLabelsToNonEmptyMap",
       {{"containerd.io/gc.expire", "2015-12-05T00:00:00Z"}},
       {{"containerd.io/gc.root", "2015-12-04T00:00:00Z"}, {ref, "sha256:8780"}},
       {{"containerd.io/gc.root", "2015-12-04T00:00:00Z"},
        {ref, "sha256:8780"},
        {"containerd.io/gc.expire", "2015-12-05T00:00:00Z"}}},
      {"Overwrite", {{"a", "1"}, {"b", "2"}}, {{"a", "3"}}, {{"a", "3"}, {"b", "2"}}},
      {"Nothing", {{"a", "1"}}, {}, {{"a", "1"}}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(Apply({WithLabels(c.labels)}, {.labels = c.initial})->labels, c.want);
    std::vector<Opt> one_by_one;
    for (const auto& [key, value] : c.labels) one_by_one.push_back(WithLabel(key, value));
    EXPECT_EQ(Apply(one_by_one, {.labels = c.initial})->labels, c.want);
  }
}

TEST(LeaseOpts, IDs) {
  EXPECT_EQ(Apply({WithRandomID(), WithID("mine")})->id, "mine");
  std::set<std::string> ids;
  for (int i = 0; i < 100; ++i) {
    const std::string id = Apply({WithRandomID()})->id;
    EXPECT_THAT(id, MatchesRegex("[0-9]{1,9}-[A-Za-z0-9_-]{4}"));
    ids.insert(id);
  }
  EXPECT_EQ(ids.size(), 100U);
}

TEST(LeaseOpts, WithExpiration) {
  const absl::Time before = absl::Now();
  const std::string text = Apply({WithExpiration(absl::Hours(2))})->labels.at(kLabelGCExpire);
  const absl::Time after = absl::Now();
  EXPECT_THAT(text, MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"));
  absl::Time time;
  std::string error;
  ASSERT_TRUE(absl::ParseTime(absl::RFC3339_full, text, &time, &error)) << error;
  EXPECT_GT(time, before + absl::Hours(2) - absl::Seconds(1));
  EXPECT_LE(time, after + absl::Hours(2));

  for (absl::Duration d :
       {absl::InfiniteDuration(), -absl::InfiniteDuration(), absl::Hours(24 * 366 * 8000)}) {
    EXPECT_TRUE(errdefs::IsInvalidArgument(Apply({WithExpiration(d)}).status()));
  }
}

class LeaseGuardTest : public ::testing::Test {
 protected:
  void SetUp() override {
    log::SetSink([this](log::Level, std::string_view text) { logged_.emplace_back(text); });
  }
  void TearDown() override { log::SetSink(nullptr); }

  void ExpectCreate() { EXPECT_CALL(*manager_, Create).WillOnce(Return(lease_)); }

  const Context ctx_ = WithNamespace(Context::Background(), "ns");
  const Lease lease_{.id = "made"};
  const std::shared_ptr<StrictMock<MockManager>> manager_ =
      std::make_shared<StrictMock<MockManager>>();
  std::vector<std::string> logged_;
};

TEST_F(LeaseGuardTest, TheContextsOwnLeaseServes) {
  const Context leased = WithLease(ctx_, "outer");
  EXPECT_EQ(FromContext(leased), "outer");
  EXPECT_EQ(FromContext(ctx_), std::nullopt);
  absl::StatusOr<LeaseGuard> guard = AcquireLease(leased, manager_);
  ASSERT_TRUE(guard.ok());
  EXPECT_EQ(guard->context().Lease(), "outer");
  EXPECT_EQ(guard->lease(), std::nullopt);
  EXPECT_TRUE(guard->Release(ctx_).ok());
}

TEST_F(LeaseGuardTest, WithoutOptionsItHasARandomIDAndExpires) {
  EXPECT_CALL(*manager_, Create).WillOnce([](const Context& ctx, const std::vector<Opt>& opts) {
    EXPECT_EQ(ctx.Namespace(), "ns");
    Lease lease = *Apply(opts);
    EXPECT_THAT(lease.id, MatchesRegex("[0-9]+-.{4}"));
    EXPECT_EQ(lease.labels.size(), 1U);
    absl::Time time;
    EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, lease.labels[kLabelGCExpire], &time, nullptr));
    EXPECT_GT(time, absl::Now() + absl::Hours(23));
    EXPECT_LT(time, absl::Now() + absl::Hours(25));
    return lease;
  });
  absl::StatusOr<LeaseGuard> guard = AcquireLease(ctx_, manager_);
  ASSERT_TRUE(guard.ok());
  EXPECT_EQ(guard->context().Lease(), guard->lease()->id);
  EXPECT_EQ(guard->context().Namespace(), "ns");
  const Lease lease = *guard->lease();
  EXPECT_CALL(*manager_, Delete(_, lease, IsEmpty())).WillOnce(Return(absl::OkStatus()));
}

TEST_F(LeaseGuardTest, OptionsOfTheCallersReplaceTheDefaults) {
  EXPECT_CALL(*manager_, Create).WillOnce([](const Context&, const std::vector<Opt>& opts) {
    EXPECT_EQ(*Apply(opts), (Lease{.id = "mine"}));
    return Apply(opts);
  });
  EXPECT_CALL(*manager_, Delete).WillOnce(Return(absl::OkStatus()));
  EXPECT_EQ(AcquireLease(ctx_, manager_, {WithID("mine")})->context().Lease(), "mine");
}

TEST_F(LeaseGuardTest, AFailureToCreateIsReturned) {
  EXPECT_CALL(*manager_, Create).WillOnce(Return(errdefs::PermissionDenied("no")));
  EXPECT_EQ(AcquireLease(ctx_, manager_).status(), errdefs::PermissionDenied("no"));
}

TEST_F(LeaseGuardTest, IsRemovedWhenTheAnswerToItsCreationWasLost) {
  std::string id;
  EXPECT_CALL(*manager_, Create).WillOnce([&](const Context&, const std::vector<Opt>& opts) {
    Lease lease;
    EXPECT_TRUE(base::Apply(opts, lease).ok());
    id = lease.id;
    return errdefs::Unavailable("gone");
  });
  int asked = 0;
  EXPECT_CALL(*manager_, Delete)
      .Times(2)
      .WillRepeatedly([&](const Context&, const Lease& lease, const auto&) {
        EXPECT_EQ(lease.id, id);
        return ++asked == 1 ? errdefs::NotFound("not yet") : absl::OkStatus();
      });
  EXPECT_EQ(AcquireLease(ctx_, manager_).status(), errdefs::Unavailable("gone"));
}

TEST_F(LeaseGuardTest, OfAnIdOfTheCallersIsLeftWhenTheAnswerWasLost) {
  EXPECT_CALL(*manager_, Create).WillOnce(Return(errdefs::Unavailable("gone")));
  EXPECT_EQ(AcquireLease(ctx_, manager_, {WithID("mine")}).status(), errdefs::Unavailable("gone"));
}

TEST_F(LeaseGuardTest, IsReleasedAlthoughItsContextHasEnded) {
  ExpectCreate();
  EXPECT_CALL(*manager_, Delete).WillOnce([](const Context& ctx, const Lease& lease, const auto&) {
    EXPECT_TRUE(ctx.Err().ok());
    EXPECT_LE(ctx.Deadline(), absl::Now() + absl::Seconds(10));
    EXPECT_EQ(ctx.Namespace(), "ns");
    EXPECT_EQ(lease.id, "made");
    return absl::OkStatus();
  });
  auto [ctx, cancel] = WithCancel(ctx_);
  {
    absl::StatusOr<LeaseGuard> guard = AcquireLease(ctx, manager_);
    cancel();
    EXPECT_TRUE(errdefs::IsCanceled(guard->context().Err()));
  }
  EXPECT_THAT(logged_, IsEmpty());
}

TEST_F(LeaseGuardTest, ReleaseReportsAndIsDoneOnce) {
  ExpectCreate();
  EXPECT_CALL(*manager_, Delete(_, lease_, _))
      .WillOnce([](const Context& ctx, const Lease&, const std::vector<DeleteOpt>& opts) {
        DeleteOptions options;
        EXPECT_TRUE(opts.at(0)(ctx, &options).ok());
        EXPECT_TRUE(options.synchronous);
        return errdefs::NotFound("lease \"made\"");
      });
  absl::StatusOr<LeaseGuard> guard = AcquireLease(ctx_, manager_);
  EXPECT_EQ(guard->Release(ctx_, {SynchronousDelete}), errdefs::NotFound("lease \"made\""));
  EXPECT_EQ(guard->lease(), std::nullopt);
  EXPECT_TRUE(guard->Release(ctx_).ok());
}

TEST_F(LeaseGuardTest, AFailureNobodySeesIsLogged) {
  ExpectCreate();
  EXPECT_CALL(*manager_, Delete).WillOnce(Return(errdefs::Unavailable("no daemon")));
  { auto guard = AcquireLease(ctx_, manager_); }
  EXPECT_THAT(logged_, ElementsAre(AllOf(HasSubstr("\"made\""), HasSubstr("no daemon"))));

  ExpectCreate();  // An expired lease is as good as a deleted one.
  EXPECT_CALL(*manager_, Delete).WillOnce(Return(errdefs::NotFound("lease \"made\"")));
  { auto guard = AcquireLease(ctx_, manager_); }
  EXPECT_EQ(logged_.size(), 1U);
}

TEST_F(LeaseGuardTest, MovesItsLeaseAlong) {
  EXPECT_CALL(*manager_, Create)
      .WillOnce(Return(Lease{.id = "a"}))
      .WillOnce(Return(Lease{.id = "b"}));
  LeaseGuard a = *AcquireLease(ctx_, manager_);
  LeaseGuard b = *AcquireLease(ctx_, manager_);
  EXPECT_CALL(*manager_, Delete(_, Lease{.id = "a"}, _)).WillOnce(Return(absl::OkStatus()));
  a = std::move(b);
  ::testing::Mock::VerifyAndClearExpectations(manager_.get());
  EXPECT_EQ(a.context().Lease(), "b");
  const LeaseGuard c = std::move(a);
  EXPECT_EQ(c.lease()->id, "b");
  EXPECT_EQ(c.context().Lease(), "b");
  EXPECT_CALL(*manager_, Delete(_, Lease{.id = "b"}, _)).WillOnce(Return(absl::OkStatus()));
}

}  // namespace
}  // namespace containerd::leases
