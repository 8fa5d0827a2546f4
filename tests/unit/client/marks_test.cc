// SPDX-License-Identifier: Apache-2.0
//
// Every error of the library that is told from others of its class: the mark survives what is done
// with errors, is no other error's, and does not show.
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "containerd/checkpoint.h"
#include "containerd/content/helpers.h"
#include "containerd/diff/stream.h"
#include "containerd/digest/digest.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/http/http.h"
#include "containerd/images/handlers.h"
#include "containerd/oci/spec_opts_devices.h"
#include "containerd/oci/spec_opts_mounts.h"
#include "containerd/oci/spec_opts_user.h"
#include "containerd/reference/distribution.h"
#include "containerd/reference/reference.h"
#include "containerd/remotes/docker/auth.h"
#include "containerd/remotes/docker/authorizer.h"
#include "containerd/remotes/docker/errcode.h"
#include "containerd/remotes/errors.h"

#include "src/errdefs/internal/mark.h"
#include "src/remotes/docker/local_error.h"
#include "src/remotes/docker/with_errors.h"

namespace containerd {
namespace {

using remotes::docker::AsErrors;
using remotes::docker::Errors;
using remotes::errors::AsUnexpectedStatus;
using remotes::errors::NewUnexpectedStatusErr;

struct Marked {
  const char* name;
  absl::Status error;
  std::function<bool(const absl::Status&)> is;
};

absl::Status Refused(std::string_view reference) {
  return distribution::reference::ParseNormalizedNamed(reference).status();
}

const Errors& Denied() {
  static const Errors& denied = *new Errors({{.code = remotes::docker::ErrorCodeDenied(),
                                              .message = "not you",
                                              .detail = R"({"who":"you"})"}});
  return denied;
}

std::vector<Marked> AllMarks() {
  const std::string hash(64, 'f');
  return {
      {"conflict", errdefs::Conflict("in use"), errdefs::IsConflict},
      {"conflict by class", errdefs::Conflict(""), errdefs::IsConflict},
      {"not modified", errdefs::NotModified("as it was"), errdefs::IsNotModified},
      {"conflict of a daemon", errdefs::ToNative(9, "in use: conflict"), errdefs::IsConflict},
      {"digest format", digest::Parse("x").status(), digest::IsErrDigestInvalidFormat},
      {"digest length", digest::Parse("sha256:abcd").status(), digest::IsErrDigestInvalidLength},
      {"digest algorithm", digest::Parse("md9:" + hash).status(), digest::IsErrDigestUnsupported},
      {"reference", reference::ErrInvalid("x"), reference::IsErrInvalid},
      {"object", reference::ErrObjectRequired("x"), reference::IsErrObjectRequired},
      {"hostname", reference::ErrHostnameRequired("x"), reference::IsErrHostnameRequired},
      {"name", Refused("a$$^"), distribution::reference::IsErrReferenceInvalidFormat},
      {"uppercase", Refused("Upper:tag"), distribution::reference::IsErrNameContainsUppercase},
      {"no name", distribution::reference::Parse("").status(),
       distribution::reference::IsErrNameEmpty},
      {"long name", Refused(std::string(300, 'a') + "/a"),
       distribution::reference::IsErrNameTooLong},
      {"short name", distribution::reference::ParseNamed("busybox").status(),
       distribution::reference::IsErrNameNotCanonical},
      {"skip", images::ErrSkipDesc(), images::IsErrSkipDesc},
      {"stop", images::ErrStopHandler(), images::IsErrStopHandler},
      {"empty walk", images::ErrEmptyWalk(), images::IsErrEmptyWalk},
      {"not a device", oci::ErrNotADevice(), oci::IsErrNotADevice},
      {"no /dev/shm", oci::ErrNoShmMount(), oci::IsErrNoShmMount},
      {"no users", oci::ErrNoUsersFound(), oci::IsErrNoUsersFound},
      {"no groups", oci::ErrNoGroupsFound(), oci::IsErrNoGroupsFound},
      {"reset", content::ErrReset("for a test"), content::IsErrReset},
      {"no processor", diff::ErrNoProcessor("a/b"), diff::IsErrNoProcessor},
      {"media type", ErrMediaTypeNotFound("a/b"), IsErrMediaTypeNotFound},
      {"image name", ErrImageNameNotFoundInIndex(), IsErrImageNameNotFoundInIndex},
      {"runtime", ErrRuntimeNameNotFoundInIndex(), IsErrRuntimeNameNotFoundInIndex},
      {"snapshotter", ErrSnapshotterNameNotFoundInIndex(), IsErrSnapshotterNameNotFoundInIndex},
      {"closed pipe", http::PipeBody::ErrClosed(), http::PipeBody::IsErrClosed},
      {"no token", remotes::docker::auth::ErrNoToken(), remotes::docker::auth::IsErrNoToken},
      {"authorization", remotes::docker::ErrInvalidAuthorization("x"),
       remotes::docker::IsErrInvalidAuthorization},
      {"helper", remotes::docker::HelperError(errdefs::NotFound("no helper")),
       remotes::docker::IsHelperError},
      {"answer",
       NewUnexpectedStatusErr({.status = "403 Forbidden", .status_code = 403, .body = "go away"}),
       [](const absl::Status& s) {
         return AsUnexpectedStatus(s).has_value() && AsUnexpectedStatus(s)->body == "go away";
       }},
      {"errors of a registry",
       remotes::docker::WithErrors(errdefs::PermissionDenied("no"), Denied()),
       [](const absl::Status& s) { return AsErrors(s) == Denied(); }},
  };
}

std::string Printed(const absl::Status& status) {
  std::ostringstream out;
  out << status;
  return out.str();
}

// The errors are made anew for each test, as the oldest are forgotten.
class MarksTest : public ::testing::TestWithParam<std::size_t> {
 protected:
  const Marked marked_ = AllMarks()[GetParam()];
};

TEST_P(MarksTest, APrintedStatusShowsItsCodeAndItsMessage) {
  for (const absl::Status& s : {marked_.error, errdefs::Annotate(marked_.error, "for a test")}) {
    const std::string shown = absl::StatusCodeToString(s.code()) + ": " + std::string(s.message());
    EXPECT_EQ(Printed(s), shown);
    EXPECT_EQ(s.ToString(), shown);
  }
}

TEST_P(MarksTest, WhatIsDoneWithAnErrorKeepsItsMark) {
  SCOPED_TRACE(marked_.name);
  const auto& [name, error, is] = marked_;
  EXPECT_TRUE(is(error));
  const absl::Status copy = error;
  EXPECT_TRUE(is(copy));
  EXPECT_TRUE(is(errdefs::Annotate(errdefs::Annotate(error, "inner"), "outer")));
  EXPECT_TRUE(is(absl::StatusOr<int>(error).status()));
  absl::Status with_payload = error;
  with_payload.SetPayload("example.org/detail", absl::Cord("7"));
  EXPECT_TRUE(is(with_payload));
  EXPECT_TRUE(is(errdefs::Annotate(with_payload, "outer")));
}

TEST_P(MarksTest, AnotherErrorOfTheSameTextIsNotMarked) {
  SCOPED_TRACE(marked_.name);
  const auto& [name, error, is] = marked_;
  EXPECT_FALSE(is(absl::Status(error.code(), error.message())));
  EXPECT_FALSE(is(absl::OkStatus()));
}

INSTANTIATE_TEST_SUITE_P(All, MarksTest, ::testing::Range(std::size_t{0}, AllMarks().size()));

TEST(MarkTest, WhatWasMarkedBeforeStaysAsItWas) {
  const absl::Status plain = errdefs::NotFound("no such thing");
  const absl::Status marked = errdefs::Mark(plain, "test.mark", "one");
  const absl::Status again = errdefs::Mark(errdefs::Mark(marked, "test.mark", "two"), "test.more");
  EXPECT_EQ(errdefs::MarkOf(plain, "test.mark"), std::nullopt);
  EXPECT_EQ(errdefs::MarkOf(marked, "test.mark"), "one");
  EXPECT_EQ(errdefs::MarkOf(again, "test.mark"), "two");
  EXPECT_TRUE(errdefs::IsMarked(again, "test.more"));
  EXPECT_FALSE(errdefs::IsMarked(marked, "test.more"));
}

TEST(MarkTest, TheOldestAreForgotten) {
  const absl::Status first = images::ErrSkipDesc();
  for (std::size_t i = 0; i < errdefs::kRememberedErrors; ++i) {
    EXPECT_TRUE(images::IsErrStopHandler(images::ErrStopHandler()));
  }
  EXPECT_FALSE(images::IsErrSkipDesc(first));
  EXPECT_TRUE(errdefs::IsUnknown(first));

  const std::string body(errdefs::kRememberedBytes / 4, 'x');
  const absl::Status old = images::ErrSkipDesc();
  for (int i = 0; i < 4; ++i) {
    const absl::Status big = errdefs::Mark(errdefs::Unknown("big"), "test.big", body);
    EXPECT_TRUE(errdefs::IsMarked(big, "test.big", body));
  }
  EXPECT_FALSE(images::IsErrSkipDesc(old));
}

}  // namespace
}  // namespace containerd
