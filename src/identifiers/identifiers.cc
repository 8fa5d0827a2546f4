// SPDX-License-Identifier: Apache-2.0
#include "containerd/identifiers/identifiers.h"

#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/strings/ascii.h>
#include <absl/strings/escaping.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/base/escape.h"

namespace containerd::identifiers {
namespace {

constexpr char kGrammar[] = "^[A-Za-z0-9]+(?:[._-](?:[A-Za-z0-9]+))*$";

bool IsSeparator(char c) { return c == '.' || c == '_' || c == '-'; }

// Whether a letter or digit stands at each end and between any two separators.
bool MatchesGrammar(std::string_view id) {
  bool after_alphanumeric = false;
  for (const char c : id) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c))) {
      after_alphanumeric = true;
    } else if (after_alphanumeric && IsSeparator(c)) {
      after_alphanumeric = false;
    } else {
      return false;
    }
  }
  return after_alphanumeric;
}

}  // namespace

absl::Status Validate(std::string_view id) {
  if (id.empty()) return errdefs::InvalidArgument("identifier must not be empty");
  if (id.size() > kMaxLength) {
    return errdefs::InvalidArgument(
        fmt::format("identifier {} has {} characters, greater than maximum length ({} characters)",
                    base::Quote(id, kMaxLength), id.size(), kMaxLength));
  }
  if (!MatchesGrammar(id)) {
    return errdefs::InvalidArgument(
        fmt::format("identifier {} must match {}", base::Quote(id), kGrammar));
  }
  return absl::OkStatus();
}

}  // namespace containerd::identifiers
