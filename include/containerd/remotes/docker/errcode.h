// SPDX-License-Identifier: Apache-2.0
//
// The errors that registries describe in JSON, and the codes that they use.
//
//   namespace docker = remotes::docker;
//   if (auto errors = docker::AsErrors(status)) …       // what the registry said
//   absl::StatusOr<docker::Errors> e = docker::Errors::UnmarshalJSON(body);
//
// Source: core/remotes/docker/errcode.go, errdesc.go.
#ifndef CONTAINERD_REMOTES_DOCKER_ERRCODE_H_
#define CONTAINERD_REMOTES_DOCKER_ERRCODE_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/export/export.h"
#include "containerd/option/pairs.h"

namespace containerd::remotes::docker {

class ErrorCode;
struct ErrorDescriptor;

// One error of a registry.
struct Error;

// Whatever has an error code.
class CONTAINERD_EXPORT ErrorCoder {
 public:
  virtual ~ErrorCoder() = default;
  virtual docker::ErrorCode ErrorCode() const = 0;
};

// A kind of error. Its number means nothing outside of this process.
class CONTAINERD_EXPORT ErrorCode {
 public:
  ErrorCode();  // kErrorCodeUnknown
  explicit ErrorCode(int number) : number_(number) {}

  int number() const { return number_; }

  // The code's descriptor; that of ErrorCodeUnknown() for a code that is not registered.
  ErrorDescriptor Descriptor() const;

  // "TOOMANYREQUESTS", "toomanyrequests" (spaces for underscores) and "too many requests".
  std::string String() const;
  std::string Error() const;
  std::string Message() const;

  std::string MarshalText() const { return String(); }
  static docker::ErrorCode UnmarshalText(std::string_view text);

  docker::Error WithMessage(std::string_view message) const;
  // `detail` is JSON.
  docker::Error WithDetail(std::string_view detail) const;
  // Puts the arguments in place of the "%s" in the message, in turn.
  docker::Error WithArgs(const std::vector<std::string>& args) const;
  template <std::size_t N, std::size_t M>
  requires option::IsPair<M>
  void WithArgs(option::BracedTexts<N, M>) const = delete;

  friend bool operator==(const docker::ErrorCode&, const docker::ErrorCode&) = default;

 private:
  int number_;
};

// An error of a registry. Source: errcode.Error.
struct CONTAINERD_EXPORT Error {
  docker::ErrorCode code{};
  std::string message{};
  std::string detail{};  // JSON; empty: none

  docker::ErrorCode ErrorCode() const { return code; }

  // "denied: requested access to the resource is denied".
  std::string String() const;

  Error WithDetail(std::string_view new_detail) const;
  Error WithArgs(const std::vector<std::string>& args) const;
  template <std::size_t N, std::size_t M>
  requires option::IsPair<M>
  void WithArgs(option::BracedTexts<N, M>) const = delete;

  friend bool operator==(const Error&, const Error&) = default;
};

// A code of the protocol and its meaning. Source: errcode.ErrorDescriptor.
struct ErrorDescriptor {
  docker::ErrorCode code{0};
  std::string value{};        // "DENIED", as in JSON
  std::string message{};      // for people
  std::string description{};  // for documents
  int http_status_code = 0;
};

// The body of a registry's error: {"errors":[{"code":…,"message":…,"detail":…}]}.
class CONTAINERD_EXPORT Errors {
 public:
  Errors() = default;
  explicit Errors(std::vector<Error> errors) : errors_(std::move(errors)) {}

  int Len() const { return static_cast<int>(errors_.size()); }
  const std::vector<Error>& errors() const { return errors_; }

  // "<nil>" for none, one as itself, and for more "errors:" and a line each.
  std::string String() const;

  std::string MarshalJSON() const;
  // Unknown codes become ErrorCodeUnknown(). ErrInvalidArgument for what has not that form.
  static absl::StatusOr<Errors> UnmarshalJSON(std::string_view json);

  friend bool operator==(const Errors&, const Errors&) = default;

 private:
  std::vector<Error> errors_;
};

// The registry's own errors, if the status is one that a registry's answer caused; also after
// errdefs::Annotate.
CONTAINERD_EXPORT std::optional<Errors> AsErrors(const absl::Status& status);

// Go's variables of these names.
CONTAINERD_EXPORT ErrorCode ErrorCodeUnknown();
CONTAINERD_EXPORT ErrorCode ErrorCodeUnsupported();
CONTAINERD_EXPORT ErrorCode ErrorCodeUnauthorized();
CONTAINERD_EXPORT ErrorCode ErrorCodeDenied();
CONTAINERD_EXPORT ErrorCode ErrorCodeUnavailable();
CONTAINERD_EXPORT ErrorCode ErrorCodeTooManyRequests();

// Registers an error code under its value, in a group. ErrAlreadyExists if the value is taken.
CONTAINERD_EXPORT absl::StatusOr<ErrorCode> Register(std::string_view group,
                                                     ErrorDescriptor descriptor);

// The code with this value, or ErrorCodeUnknown().
CONTAINERD_EXPORT ErrorCode ParseErrorCode(std::string_view value);

// Sorted by name, or by value.
CONTAINERD_EXPORT std::vector<std::string> GetGroupNames();
CONTAINERD_EXPORT std::vector<ErrorDescriptor> GetErrorCodeGroup(std::string_view name);
CONTAINERD_EXPORT std::vector<ErrorDescriptor> GetErrorAllDescriptors();

}  // namespace containerd::remotes::docker

#endif  // CONTAINERD_REMOTES_DOCKER_ERRCODE_H_
