// SPDX-License-Identifier: Apache-2.0
//
// Package testing: for the tests of programs that use the library. Nothing of it is in the library
// itself: it is the component `testing`, which needs GoogleTest.
//
// This header has GoogleMock's matchers for what calls return.
//
//   using containerd::testing::IsOk;
//   using containerd::testing::IsOkAndHolds;
//   using containerd::testing::StatusIs;
//   EXPECT_THAT(client.GetImage(ctx, ref), IsOk());
//   EXPECT_THAT(client.GetImage(ctx, "none"), StatusIs(errdefs::IsNotFound));
//   EXPECT_THAT(store->List(ctx), IsOkAndHolds(::testing::SizeIs(2)));
//
// More of the package: mocks/<package>.h (a mock of each interface, and mocks/client.h for a Client
// made of them), stores.h (a daemon's stores in memory), image_builder.h (images made of files),
// fake_daemon.h (a daemon in this process).
#ifndef CONTAINERD_TESTING_STATUS_H_
#define CONTAINERD_TESTING_STATUS_H_

#include <functional>
#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <gmock/gmock.h>

#include "containerd/errdefs/errdefs.h"

namespace containerd::testing {

namespace internal {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

class IsOkMatcher {
 public:
  template <typename T>
  bool MatchAndExplain(const T& value, ::testing::MatchResultListener* listener) const {
    const absl::Status& status = StatusOf(value);
    if (!status.ok()) *listener << "which is " << status;
    return status.ok();
  }
  void DescribeTo(std::ostream* os) const { *os << "is OK"; }
  void DescribeNegationTo(std::ostream* os) const { *os << "is an error"; }
};

template <typename StatusOr>
class IsOkAndHoldsMatcher final : public ::testing::MatcherInterface<const StatusOr&> {
 public:
  using Value = typename StatusOr::value_type;

  template <typename Inner>
  explicit IsOkAndHoldsMatcher(Inner inner)
      : inner_(::testing::SafeMatcherCast<const Value&>(std::move(inner))) {}

  bool MatchAndExplain(const StatusOr& value,
                       ::testing::MatchResultListener* listener) const override {
    if (!value.ok()) {
      *listener << "which is " << value.status();
      return false;
    }
    return inner_.MatchAndExplain(*value, listener);
  }
  void DescribeTo(std::ostream* os) const override {
    *os << "is OK and holds a value that ";
    inner_.DescribeTo(os);
  }
  void DescribeNegationTo(std::ostream* os) const override {
    *os << "is an error, or holds a value that ";
    inner_.DescribeNegationTo(os);
  }

 private:
  const ::testing::Matcher<const Value&> inner_;
};

template <typename Inner>
class IsOkAndHoldsFactory {
 public:
  explicit IsOkAndHoldsFactory(Inner inner) : inner_(std::move(inner)) {}

  template <typename T>
  operator ::testing::Matcher<T>() const {  // NOLINT(google-explicit-constructor): as gmock's own
    return ::testing::MakeMatcher(
        new IsOkAndHoldsMatcher<std::remove_cv_t<std::remove_reference_t<T>>>(inner_));
  }

 private:
  const Inner inner_;
};

class StatusIsMatcher {
 public:
  StatusIsMatcher(std::function<bool(const absl::Status&)> is,
                  ::testing::Matcher<const std::string&> message)
      : is_(std::move(is)), message_(std::move(message)) {}

  template <typename T>
  bool MatchAndExplain(const T& value, ::testing::MatchResultListener* listener) const {
    const absl::Status& status = StatusOf(value);
    *listener << "which is " << status;
    return is_(status) && message_.Matches(std::string(errdefs::Message(status)));
  }
  void DescribeTo(std::ostream* os) const {
    *os << "is an error of that class with a message that ";
    message_.DescribeTo(os);
  }
  void DescribeNegationTo(std::ostream* os) const {
    *os << "is no error of that class, or has a message that ";
    message_.DescribeNegationTo(os);
  }

 private:
  const std::function<bool(const absl::Status&)> is_;
  const ::testing::Matcher<const std::string&> message_;
};

}  // namespace internal

// An absl::Status or StatusOr that is OK. A failure shows the error.
inline auto IsOk() { return ::testing::MakePolymorphicMatcher(internal::IsOkMatcher()); }

// A StatusOr with a value that `inner` matches: a matcher, or a value to be equal to.
template <typename Inner>
internal::IsOkAndHoldsFactory<std::decay_t<Inner>> IsOkAndHolds(Inner&& inner) {
  return internal::IsOkAndHoldsFactory<std::decay_t<Inner>>(std::forward<Inner>(inner));
}

// A Status or StatusOr for which `is` holds (errdefs::IsNotFound and its siblings), with a message
// (errdefs::Message) that `message` matches, if it is given.
inline auto StatusIs(std::function<bool(const absl::Status&)> is,
                     ::testing::Matcher<const std::string&> message = ::testing::_) {
  return ::testing::MakePolymorphicMatcher(
      internal::StatusIsMatcher(std::move(is), std::move(message)));
}

}  // namespace containerd::testing

#endif  // CONTAINERD_TESTING_STATUS_H_
