// SPDX-License-Identifier: Apache-2.0
#include "containerd/errdefs/errdefs.h"

#include <cerrno>
#include <system_error>

#include <absl/strings/cord.h>
#include <fmt/format.h>

#include "src/errdefs/internal/mark.h"

namespace containerd::errdefs {
namespace {

// The mark that tells apart the classes that share FAILED_PRECONDITION.
constexpr char kClass[] = "errdefs.class";

absl::StatusCode Code(Class c) {
  switch (c) {
    case Class::ErrUnknown:
      return absl::StatusCode::kUnknown;
    case Class::ErrInvalidArgument:
      return absl::StatusCode::kInvalidArgument;
    case Class::ErrNotFound:
      return absl::StatusCode::kNotFound;
    case Class::ErrAlreadyExists:
      return absl::StatusCode::kAlreadyExists;
    case Class::ErrPermissionDenied:
      return absl::StatusCode::kPermissionDenied;
    case Class::ErrResourceExhausted:
      return absl::StatusCode::kResourceExhausted;
    case Class::ErrFailedPrecondition:
    case Class::ErrConflict:
    case Class::ErrNotModified:
      return absl::StatusCode::kFailedPrecondition;
    case Class::ErrAborted:
      return absl::StatusCode::kAborted;
    case Class::ErrOutOfRange:
      return absl::StatusCode::kOutOfRange;
    case Class::ErrNotImplemented:
      return absl::StatusCode::kUnimplemented;
    case Class::ErrInternal:
      return absl::StatusCode::kInternal;
    case Class::ErrUnavailable:
      return absl::StatusCode::kUnavailable;
    case Class::ErrDataLoss:
      return absl::StatusCode::kDataLoss;
    case Class::ErrUnauthenticated:
      return absl::StatusCode::kUnauthenticated;
    case Class::Canceled:
      return absl::StatusCode::kCancelled;
    case Class::DeadlineExceeded:
      return absl::StatusCode::kDeadlineExceeded;
  }
  return absl::StatusCode::kUnknown;
}

bool EndsWithClass(std::string_view message, Class c) {
  return message == Text(c) || message.ends_with(fmt::format(": {}", Text(c)));
}

Class ClassOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return Class::ErrInvalidArgument;
    case absl::StatusCode::kNotFound:
      return Class::ErrNotFound;
    case absl::StatusCode::kAlreadyExists:
      return Class::ErrAlreadyExists;
    case absl::StatusCode::kPermissionDenied:
      return Class::ErrPermissionDenied;
    case absl::StatusCode::kResourceExhausted:
      return Class::ErrResourceExhausted;
    case absl::StatusCode::kFailedPrecondition: {
      const auto mark = MarkOf(status, kClass);
      if (mark == Text(Class::ErrConflict)) return Class::ErrConflict;
      if (mark == Text(Class::ErrNotModified)) return Class::ErrNotModified;
      return Class::ErrFailedPrecondition;
    }
    case absl::StatusCode::kAborted:
      return Class::ErrAborted;
    case absl::StatusCode::kOutOfRange:
      return Class::ErrOutOfRange;
    case absl::StatusCode::kUnimplemented:
      return Class::ErrNotImplemented;
    case absl::StatusCode::kInternal:
      return Class::ErrInternal;
    case absl::StatusCode::kUnavailable:
      return Class::ErrUnavailable;
    case absl::StatusCode::kDataLoss:
      return Class::ErrDataLoss;
    case absl::StatusCode::kUnauthenticated:
      return Class::ErrUnauthenticated;
    case absl::StatusCode::kCancelled:
      return Class::Canceled;
    case absl::StatusCode::kDeadlineExceeded:
      return Class::DeadlineExceeded;
    default:
      return Class::ErrUnknown;
  }
}

bool Is(const absl::Status& status, Class c) { return !status.ok() && ClassOf(status) == c; }

}  // namespace

std::string_view Text(Class c) {
  switch (c) {
    case Class::ErrUnknown:
      return "unknown";
    case Class::ErrInvalidArgument:
      return "invalid argument";
    case Class::ErrNotFound:
      return "not found";
    case Class::ErrAlreadyExists:
      return "already exists";
    case Class::ErrPermissionDenied:
      return "permission denied";
    case Class::ErrResourceExhausted:
      return "resource exhausted";
    case Class::ErrFailedPrecondition:
      return "failed precondition";
    case Class::ErrConflict:
      return "conflict";
    case Class::ErrNotModified:
      return "not modified";
    case Class::ErrAborted:
      return "aborted";
    case Class::ErrOutOfRange:
      return "out of range";
    case Class::ErrNotImplemented:
      return "not implemented";
    case Class::ErrInternal:
      return "internal";
    case Class::ErrUnavailable:
      return "unavailable";
    case Class::ErrDataLoss:
      return "data loss";
    case Class::ErrUnauthenticated:
      return "unauthenticated";
    case Class::Canceled:
      return "context canceled";
    case Class::DeadlineExceeded:
      return "context deadline exceeded";
  }
  return "unknown";
}

absl::Status New(Class c, std::string_view message) {
  absl::Status status(Code(c), std::string(message.empty() ? Text(c) : message));
  if (c == Class::ErrConflict || c == Class::ErrNotModified) {
    return Mark(status, kClass, std::string(Text(c)));
  }
  return status;
}

absl::Status Unknown(std::string_view message) { return New(Class::ErrUnknown, message); }
absl::Status InvalidArgument(std::string_view message) {
  return New(Class::ErrInvalidArgument, message);
}
absl::Status NotFound(std::string_view message) { return New(Class::ErrNotFound, message); }
absl::Status AlreadyExists(std::string_view message) {
  return New(Class::ErrAlreadyExists, message);
}
absl::Status PermissionDenied(std::string_view message) {
  return New(Class::ErrPermissionDenied, message);
}
absl::Status ResourceExhausted(std::string_view message) {
  return New(Class::ErrResourceExhausted, message);
}
absl::Status FailedPrecondition(std::string_view message) {
  return New(Class::ErrFailedPrecondition, message);
}
absl::Status Conflict(std::string_view message) { return New(Class::ErrConflict, message); }
absl::Status NotModified(std::string_view message) { return New(Class::ErrNotModified, message); }
absl::Status Aborted(std::string_view message) { return New(Class::ErrAborted, message); }
absl::Status OutOfRange(std::string_view message) { return New(Class::ErrOutOfRange, message); }
absl::Status NotImplemented(std::string_view message) {
  return New(Class::ErrNotImplemented, message);
}
absl::Status Internal(std::string_view message) { return New(Class::ErrInternal, message); }
absl::Status Unavailable(std::string_view message) { return New(Class::ErrUnavailable, message); }
absl::Status DataLoss(std::string_view message) { return New(Class::ErrDataLoss, message); }
absl::Status Unauthenticated(std::string_view message) {
  return New(Class::ErrUnauthenticated, message);
}
absl::Status Canceled(std::string_view message) { return New(Class::Canceled, message); }
absl::Status DeadlineExceeded(std::string_view message) {
  return New(Class::DeadlineExceeded, message);
}

absl::Status FromErrno(int err, std::string_view what) {
  const std::string message = fmt::format("{}: {}", what, std::generic_category().message(err));
  switch (err) {
    case ENOENT:
      return NotFound(message);
    case EEXIST:
      return AlreadyExists(message);
    case EACCES:
    case EPERM:
      return PermissionDenied(message);
    case ENOSPC:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EDQUOT:
      return ResourceExhausted(message);
    case EINVAL:
      return InvalidArgument(message);
    default:
      return Unknown(message);
  }
}

std::optional<Class> Resolve(const absl::Status& status) {
  if (status.ok()) return std::nullopt;
  return ClassOf(status);
}

bool IsUnknown(const absl::Status& status) { return Is(status, Class::ErrUnknown); }
bool IsInvalidArgument(const absl::Status& status) { return Is(status, Class::ErrInvalidArgument); }
bool IsNotFound(const absl::Status& status) { return Is(status, Class::ErrNotFound); }
bool IsAlreadyExists(const absl::Status& status) { return Is(status, Class::ErrAlreadyExists); }
bool IsPermissionDenied(const absl::Status& status) {
  return Is(status, Class::ErrPermissionDenied);
}
bool IsResourceExhausted(const absl::Status& status) {
  return Is(status, Class::ErrResourceExhausted);
}
bool IsFailedPrecondition(const absl::Status& status) {
  return Is(status, Class::ErrFailedPrecondition);
}
bool IsConflict(const absl::Status& status) { return Is(status, Class::ErrConflict); }
bool IsNotModified(const absl::Status& status) { return Is(status, Class::ErrNotModified); }
bool IsAborted(const absl::Status& status) { return Is(status, Class::ErrAborted); }
bool IsOutOfRange(const absl::Status& status) { return Is(status, Class::ErrOutOfRange); }
bool IsNotImplemented(const absl::Status& status) { return Is(status, Class::ErrNotImplemented); }
bool IsInternal(const absl::Status& status) { return Is(status, Class::ErrInternal); }
bool IsUnavailable(const absl::Status& status) { return Is(status, Class::ErrUnavailable); }
bool IsDataLoss(const absl::Status& status) { return Is(status, Class::ErrDataLoss); }
bool IsUnauthorized(const absl::Status& status) { return Is(status, Class::ErrUnauthenticated); }
bool IsCanceled(const absl::Status& status) { return Is(status, Class::Canceled); }
bool IsDeadlineExceeded(const absl::Status& status) { return Is(status, Class::DeadlineExceeded); }

std::string_view Message(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

absl::Status Annotate(const absl::Status& status, std::string_view what) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(), fmt::format("{}: {}", what, Message(status)));
  status.ForEachPayload([&annotated](absl::string_view url, const absl::Cord& payload) {
    annotated.SetPayload(url, payload);
  });
  CopyMarks(status, annotated);
  return annotated;
}

WireStatus ToGRPC(const absl::Status& status) {
  WireStatus wire{static_cast<int>(status.code()), std::string(Message(status))};
  const auto c = Resolve(status);
  if ((c == Class::ErrConflict || c == Class::ErrNotModified) && !EndsWithClass(wire.message, *c)) {
    wire.message += fmt::format(": {}", Text(*c));
  }
  return wire;
}

absl::Status ToNative(int code, std::string_view message) {
  if (code == 0) return absl::OkStatus();
  if (code < 0 || code > static_cast<int>(absl::StatusCode::kUnauthenticated)) {
    code = static_cast<int>(absl::StatusCode::kUnknown);
  }
  Class c = ClassOf(absl::Status(static_cast<absl::StatusCode>(code), ""));
  if (c == Class::ErrFailedPrecondition) {
    if (EndsWithClass(message, Class::ErrConflict)) {
      c = Class::ErrConflict;
    } else if (EndsWithClass(message, Class::ErrNotModified)) {
      c = Class::ErrNotModified;
    }
  }
  const std::string suffix = fmt::format(": {}", Text(c));
  if (message.ends_with(suffix)) message.remove_suffix(suffix.size());
  return New(c, message);
}

}  // namespace containerd::errdefs
