// SPDX-License-Identifier: Apache-2.0
//
// Package errdefs: containerd's classes of errors, carried by absl::Status.
//
//   absl::Status s = client.ContainerService()->Delete(ctx, "web");
//   if (errdefs::IsNotFound(s)) return absl::OkStatus();
//   return errdefs::Annotate(s, "deleting the old container");
//
// Each of containerd's classes is an absl::StatusCode. Two of them share a code with a third on the
// wire, as in gRPC: ErrConflict and ErrNotModified are FAILED_PRECONDITION with a mark, unprinted,
// that the predicates here read. All functions are pure and safe from any thread.
//
// Source: github.com/containerd/errdefs.
#ifndef CONTAINERD_ERRDEFS_ERRDEFS_H_
#define CONTAINERD_ERRDEFS_ERRDEFS_H_

#include <optional>
#include <string>
#include <string_view>

#include <absl/status/status.h>

#include "containerd/export/export.h"

namespace containerd::errdefs {

// The classes, named as Go's sentinel errors are.
enum class Class {
  ErrUnknown,
  ErrInvalidArgument,
  ErrNotFound,
  ErrAlreadyExists,
  ErrPermissionDenied,
  ErrResourceExhausted,
  ErrFailedPrecondition,
  ErrConflict,
  ErrNotModified,
  ErrAborted,
  ErrOutOfRange,
  ErrNotImplemented,
  ErrInternal,
  ErrUnavailable,
  ErrDataLoss,
  ErrUnauthenticated,
  Canceled,          // context.Canceled
  DeadlineExceeded,  // context.DeadlineExceeded
};

// The text that Go's sentinel error prints: "not found", "context canceled", ...
CONTAINERD_EXPORT std::string_view Text(Class c);
inline std::string_view ToString(Class c) { return Text(c); }

// An error of class `c`. An empty message becomes the class's text.
CONTAINERD_EXPORT absl::Status New(Class c, std::string_view message);

CONTAINERD_EXPORT absl::Status Unknown(std::string_view message);
CONTAINERD_EXPORT absl::Status InvalidArgument(std::string_view message);
CONTAINERD_EXPORT absl::Status NotFound(std::string_view message);
CONTAINERD_EXPORT absl::Status AlreadyExists(std::string_view message);
CONTAINERD_EXPORT absl::Status PermissionDenied(std::string_view message);
CONTAINERD_EXPORT absl::Status ResourceExhausted(std::string_view message);
CONTAINERD_EXPORT absl::Status FailedPrecondition(std::string_view message);
CONTAINERD_EXPORT absl::Status Conflict(std::string_view message);
CONTAINERD_EXPORT absl::Status NotModified(std::string_view message);
CONTAINERD_EXPORT absl::Status Aborted(std::string_view message);
CONTAINERD_EXPORT absl::Status OutOfRange(std::string_view message);
CONTAINERD_EXPORT absl::Status NotImplemented(std::string_view message);
CONTAINERD_EXPORT absl::Status Internal(std::string_view message);
CONTAINERD_EXPORT absl::Status Unavailable(std::string_view message);
CONTAINERD_EXPORT absl::Status DataLoss(std::string_view message);
CONTAINERD_EXPORT absl::Status Unauthenticated(std::string_view message);
CONTAINERD_EXPORT absl::Status Canceled(std::string_view message);
CONTAINERD_EXPORT absl::Status DeadlineExceeded(std::string_view message);

// What kind of error a failed system call gave, with "<what>: <strerror>" as message; `err` is an
// errno. ENOENT is ErrNotFound, EEXIST ErrAlreadyExists, EACCES and EPERM ErrPermissionDenied,
// ENOSPC, EMFILE, ENOMEM and EDQUOT ErrResourceExhausted, EINVAL ErrInvalidArgument, the rest
// ErrUnknown.
CONTAINERD_EXPORT absl::Status FromErrno(int err, std::string_view what);

// The class of an error; nullopt for OK. Source: errdefs.Resolve.
CONTAINERD_EXPORT std::optional<Class> Resolve(const absl::Status& status);

CONTAINERD_EXPORT bool IsUnknown(const absl::Status& status);
CONTAINERD_EXPORT bool IsInvalidArgument(const absl::Status& status);
CONTAINERD_EXPORT bool IsNotFound(const absl::Status& status);
CONTAINERD_EXPORT bool IsAlreadyExists(const absl::Status& status);
CONTAINERD_EXPORT bool IsPermissionDenied(const absl::Status& status);
CONTAINERD_EXPORT bool IsResourceExhausted(const absl::Status& status);
// As in Go, a conflict or not-modified error is not a failed precondition, though gRPC's code is.
CONTAINERD_EXPORT bool IsFailedPrecondition(const absl::Status& status);
CONTAINERD_EXPORT bool IsConflict(const absl::Status& status);
CONTAINERD_EXPORT bool IsNotModified(const absl::Status& status);
CONTAINERD_EXPORT bool IsAborted(const absl::Status& status);
CONTAINERD_EXPORT bool IsOutOfRange(const absl::Status& status);
CONTAINERD_EXPORT bool IsNotImplemented(const absl::Status& status);
CONTAINERD_EXPORT bool IsInternal(const absl::Status& status);
CONTAINERD_EXPORT bool IsUnavailable(const absl::Status& status);
CONTAINERD_EXPORT bool IsDataLoss(const absl::Status& status);
CONTAINERD_EXPORT bool IsUnauthorized(const absl::Status& status);
CONTAINERD_EXPORT bool IsCanceled(const absl::Status& status);
CONTAINERD_EXPORT bool IsDeadlineExceeded(const absl::Status& status);

// The status's message, without its code; valid as long as `status` is.
CONTAINERD_EXPORT std::string_view Message(const absl::Status& status);

// "<what>: <message>", of the same class, marks and payloads. OK stays OK.
// Source: fmt.Errorf("what: %w", err).
CONTAINERD_EXPORT absl::Status Annotate(const absl::Status& status, std::string_view what);

// A code and message as they stand in a gRPC status.
struct WireStatus {
  int code = 0;  // google.rpc.Code
  std::string message;
};

// To and from the wire. The message of a conflict or not-modified error ends with its class's text
// there, which is how the other side tells it from a failed precondition; when reading, a trailing
// ": <class text>" is removed because the class itself says it. An unassigned code reads as
// ErrUnknown. Source: errgrpc.ToGRPC, errgrpc.ToNative.
CONTAINERD_EXPORT WireStatus ToGRPC(const absl::Status& status);
CONTAINERD_EXPORT absl::Status ToNative(int code, std::string_view message);

}  // namespace containerd::errdefs

#endif  // CONTAINERD_ERRDEFS_ERRDEFS_H_
