// SPDX-License-Identifier: Apache-2.0
#include "containerd/cri/digest_set.h"

#include <iterator>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/base/escape.h"

namespace containerd::cri {

absl::Status DigestSet::Add(const digest::Digest& dgst) {
  if (absl::Status s = dgst.Validate(); !s.ok()) return s;
  entries_.insert({std::string(dgst.Encoded()), std::string(dgst.Algorithm().String())});
  return absl::OkStatus();
}

absl::Status DigestSet::Remove(const digest::Digest& dgst) {
  if (absl::Status s = dgst.Validate(); !s.ok()) return s;
  entries_.erase({std::string(dgst.Encoded()), std::string(dgst.Algorithm().String())});
  return absl::OkStatus();
}

absl::StatusOr<digest::Digest> DigestSet::Lookup(std::string_view text) const {
  if (text.empty()) return errdefs::InvalidArgument("an image's id can't be empty");
  // What looks like a digest, if maybe a shortened one, is one; all else is the beginning of one
  // without an algorithm.
  const digest::Digest asked(text);
  const absl::Status valid = asked.Validate();
  Entry wanted{std::string(text), ""};
  if (valid.ok() || !digest::IsErrDigestInvalidFormat(valid)) {
    wanted = {std::string(asked.Encoded()), std::string(asked.Algorithm().String())};
  }
  const auto matches = [&](const Entry& entry) {
    return entry.encoded.starts_with(wanted.encoded) &&
           (wanted.algorithm.empty() || entry.algorithm == wanted.algorithm);
  };

  const auto first = entries_.lower_bound(wanted);
  if (first == entries_.end() || !matches(*first)) {
    return errdefs::NotFound(fmt::format("no image's id begins with {}", base::Quote(text)));
  }
  const auto second = std::next(first);
  if (*first != wanted && second != entries_.end() && matches(*second)) {
    return errdefs::InvalidArgument(
        fmt::format("{} is ambiguous: several images' ids begin with it", base::Quote(text)));
  }
  return digest::NewDigestFromEncoded(digest::Algorithm(first->algorithm), first->encoded);
}

}  // namespace containerd::cri
