// SPDX-License-Identifier: Apache-2.0
//
// Package reference: references to remote objects as containerd's resolvers and image names use
// them: a URI without a scheme, cut into a locator and an object.
//
//   absl::StatusOr<reference::Spec> spec =
//       reference::Parse("docker.io/library/redis:7@sha256:ab…");
//   if (!spec.ok()) return spec.status();
//   spec->locator;     // "docker.io/library/redis"
//   spec->object;      // "7@sha256:ab…"
//   spec->Hostname();  // "docker.io"
//
// It is wider than Docker's names, which containerd/reference/distribution.h parses, and adds no
// defaults to them. All functions are pure and safe from any thread.
//
// Source: pkg/reference.
#ifndef CONTAINERD_REFERENCE_REFERENCE_H_
#define CONTAINERD_REFERENCE_REFERENCE_H_

#include <string>
#include <string_view>
#include <utility>

#include <absl/base/attributes.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/digest/digest.h"
#include "containerd/export/export.h"

namespace containerd::reference {

// The parts of a reference.
struct CONTAINERD_EXPORT Spec {
  // Host and path: which remote, and where there.
  std::string locator{};

  // "<tag>", "<tag>@<digest>", "@<digest>" or nothing. What stands after "@" may be a shortened
  // digest, with or without its algorithm.
  std::string object{};

  // The locator up to its first "/". It looks like a host, though a resolver may go elsewhere.
  std::string_view Hostname() const ABSL_ATTRIBUTE_LIFETIME_BOUND;

  // What follows the first "@" of the object, unchecked; empty if there is none.
  digest::Digest Digest() const;

  // "<locator>:<object>", "<locator>@<digest>" or just the locator; Parse reads it back.
  std::string String() const;

  friend bool operator==(const Spec&, const Spec&) = default;
};

// Reads a reference as the rest of a URL after "//": host, path with percent signs decoded and
// cleaned of "." and "..", while "?…" and "#…" are dropped. An object is not required.
// ErrInvalidArgument if the text has a scheme (IsErrInvalid), no host (IsErrHostnameRequired), or
// could not stand in a URL (IsErrInvalid). Source: reference.Parse.
CONTAINERD_EXPORT absl::StatusOr<Spec> Parse(std::string_view text);

// Tag and digest of an object; either may be empty, neither is checked. Unlike Go's, which was
// removed in 2.0, the tag does not keep the "@". Source: reference.SplitObject.
CONTAINERD_EXPORT std::pair<std::string, digest::Digest> SplitObject(std::string_view object);

// The sentinel errors. Each function below makes one, naming the reference; the one after it tells
// whether a status is such an error, also after errdefs::Annotate.
CONTAINERD_EXPORT absl::Status ErrInvalid(std::string_view text);
CONTAINERD_EXPORT bool IsErrInvalid(const absl::Status& status);
CONTAINERD_EXPORT absl::Status ErrObjectRequired(std::string_view text);
CONTAINERD_EXPORT bool IsErrObjectRequired(const absl::Status& status);
CONTAINERD_EXPORT absl::Status ErrHostnameRequired(std::string_view text);
CONTAINERD_EXPORT bool IsErrHostnameRequired(const absl::Status& status);

}  // namespace containerd::reference

#endif  // CONTAINERD_REFERENCE_REFERENCE_H_
