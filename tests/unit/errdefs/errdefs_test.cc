// SPDX-License-Identifier: Apache-2.0
#include "containerd/errdefs/errdefs.h"

#include <cerrno>

#include <absl/strings/cord.h>
#include <gtest/gtest.h>

namespace containerd::errdefs {
namespace {

struct Row {
  Class cls;
  int code;
  bool (*is)(const absl::Status&);
  absl::Status (*make)(std::string_view);
};

const Row kRows[] = {
    {Class::Canceled, 1, IsCanceled, Canceled},
    {Class::ErrUnknown, 2, IsUnknown, Unknown},
    {Class::ErrInvalidArgument, 3, IsInvalidArgument, InvalidArgument},
    {Class::DeadlineExceeded, 4, IsDeadlineExceeded, DeadlineExceeded},
    {Class::ErrNotFound, 5, IsNotFound, NotFound},
    {Class::ErrAlreadyExists, 6, IsAlreadyExists, AlreadyExists},
    {Class::ErrPermissionDenied, 7, IsPermissionDenied, PermissionDenied},
    {Class::ErrResourceExhausted, 8, IsResourceExhausted, ResourceExhausted},
    {Class::ErrFailedPrecondition, 9, IsFailedPrecondition, FailedPrecondition},
    {Class::ErrConflict, 9, IsConflict, Conflict},
    {Class::ErrNotModified, 9, IsNotModified, NotModified},
    {Class::ErrAborted, 10, IsAborted, Aborted},
    {Class::ErrOutOfRange, 11, IsOutOfRange, OutOfRange},
    {Class::ErrNotImplemented, 12, IsNotImplemented, NotImplemented},
    {Class::ErrInternal, 13, IsInternal, Internal},
    {Class::ErrUnavailable, 14, IsUnavailable, Unavailable},
    {Class::ErrDataLoss, 15, IsDataLoss, DataLoss},
    {Class::ErrUnauthenticated, 16, IsUnauthorized, Unauthenticated},
};

TEST(Errdefs, EveryClassIsOneCodeAndOnePredicate) {
  for (const Row& row : kRows) {
    SCOPED_TRACE(std::string(Text(row.cls)));
    const absl::Status status = row.make("container \"web\"");
    EXPECT_EQ(Resolve(status), row.cls);
    EXPECT_EQ(static_cast<int>(status.code()), row.code);
    for (const Row& other : kRows) {
      EXPECT_EQ(other.is(status), other.cls == row.cls) << Text(other.cls);
    }
  }
  EXPECT_EQ(Resolve(absl::OkStatus()), std::nullopt);
  EXPECT_FALSE(errdefs::IsUnknown(absl::OkStatus()));
}

TEST(Errdefs, SurvivesTheWireBothWays) {
  for (const Row& row : kRows) {
    SCOPED_TRACE(std::string(Text(row.cls)));
    const WireStatus wire = ToGRPC(row.make("container \"web\""));
    EXPECT_EQ(wire.code, row.code);
    const absl::Status back = ToNative(wire.code, wire.message);
    EXPECT_EQ(back, row.make("container \"web\""));
  }
}

TEST(Errdefs, ReadsWhatGoSends) {
  EXPECT_EQ(ToNative(5, "container \"web\" in namespace \"x\": not found"),
            NotFound("container \"web\" in namespace \"x\""));
  EXPECT_EQ(ToNative(5, "not found"), NotFound(""));
  EXPECT_EQ(ToNative(9, "namespace is in use: conflict"), Conflict("namespace is in use"));
  EXPECT_EQ(ToNative(9, "a conflict of interest"), FailedPrecondition("a conflict of interest"));
  EXPECT_EQ(ToNative(1, "reading: context canceled"), Canceled("reading"));
  EXPECT_TRUE(ToNative(0, "ignored").ok());
  EXPECT_TRUE(errdefs::IsUnknown(ToNative(17, "beyond the last code")));
  EXPECT_TRUE(errdefs::IsUnknown(ToNative(-1, "below the first")));
}

TEST(Errdefs, AnnotateKeepsClassAndPayloads) {
  absl::Status inner = Conflict("namespace is in use");
  inner.SetPayload("example.org/detail", absl::Cord("7"));
  const absl::Status outer = Annotate(inner, "deleting namespace \"x\"");
  EXPECT_TRUE(errdefs::IsConflict(outer));
  EXPECT_EQ(Message(outer), "deleting namespace \"x\": namespace is in use");
  EXPECT_EQ(outer.GetPayload("example.org/detail"), absl::Cord("7"));
  EXPECT_TRUE(Annotate(absl::OkStatus(), "anything").ok());
}

TEST(Errdefs, FromErrnoNamesTheOperationAndTheCause) {
  const absl::Status status = FromErrno(ENOENT, "open /run/x.sock");
  EXPECT_TRUE(errdefs::IsNotFound(status));
  EXPECT_EQ(Message(status), "open /run/x.sock: No such file or directory");
  EXPECT_TRUE(errdefs::IsPermissionDenied(FromErrno(EPERM, "mount")));
  EXPECT_TRUE(errdefs::IsResourceExhausted(FromErrno(ENOSPC, "write")));
  EXPECT_TRUE(errdefs::IsAlreadyExists(FromErrno(EEXIST, "mkdir")));
  EXPECT_TRUE(errdefs::IsUnknown(FromErrno(EIO, "read")));
}

}  // namespace
}  // namespace containerd::errdefs
