// SPDX-License-Identifier: Apache-2.0
//
// Digests that may be cut short, with or without their algorithm.
//
// Source: github.com/opencontainers/go-digest/digestset.
#ifndef CONTAINERD_CRI_DIGEST_SET_H_
#define CONTAINERD_CRI_DIGEST_SET_H_

#include <compare>
#include <set>
#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/digest/digest.h"
#include "containerd/export/export.h"

namespace containerd::cri {

// Belongs to one thread at a time.
class CONTAINERD_EXPORT DigestSet {
 public:
  // One that is there already stays. ErrInvalidArgument for what is no digest.
  absl::Status Add(const digest::Digest& dgst);
  absl::Status Remove(const digest::Digest& dgst);

  // The digest that is meant: "sha256:0123…", "sha256:01", "0123…" or "01", as far as only one
  // begins so. ErrNotFound if there is none, ErrInvalidArgument if there are several, and for an
  // empty text, which in Go stands for the only digest that there is. Source: Set.Lookup.
  absl::StatusOr<digest::Digest> Lookup(std::string_view text) const;

 private:
  struct Entry {
    std::string encoded;
    std::string algorithm;
    friend auto operator<=>(const Entry&, const Entry&) = default;  // NOLINT(modernize-use-nullptr)
  };

  std::set<Entry> entries_;
};

}  // namespace containerd::cri

#endif  // CONTAINERD_CRI_DIGEST_SET_H_
