// SPDX-License-Identifier: Apache-2.0
#include "errors.h"

#include <cstddef>
#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/strings/cord.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/base/escape.h"

namespace containerd::reference {
namespace {

constexpr char kPayload[] = "containerd.io/reference.error";

// Every name that a registry takes fits.
constexpr std::size_t kShownText = 512;

}  // namespace

std::string Quote(std::string_view text) { return base::Quote(text, kShownText); }

absl::Status Error(std::string_view sentinel, std::string_view message) {
  absl::Status status = errdefs::InvalidArgument(message);
  status.SetPayload(kPayload, absl::Cord({sentinel.data(), sentinel.size()}));
  return status;
}

bool IsError(const absl::Status& status, std::string_view sentinel) {
  const auto payload = status.GetPayload(kPayload);
  return payload.has_value() && *payload == absl::string_view(sentinel.data(), sentinel.size());
}

}  // namespace containerd::reference
