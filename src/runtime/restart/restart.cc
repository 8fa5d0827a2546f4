// SPDX-License-Identifier: Apache-2.0
#include "containerd/runtime/restart.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <system_error>
#include <utility>

#include <absl/status/status.h>
#include <absl/strings/numbers.h>
#include <fmt/format.h>

#include "containerd/containers/containers.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/log/log.h"

#include "src/base/escape.h"

namespace containerd::runtime::restart {
namespace {

constexpr std::string_view kAlways = "always";
constexpr std::string_view kOnFailure = "on-failure";
constexpr std::string_view kUnlessStopped = "unless-stopped";

NewContainerOpt Labeled(std::string key, std::string value) {
  return WithAdditionalContainerLabels({{std::move(key), std::move(value)}});
}

std::string_view Get(const Labels& labels, const char* key) {
  const auto found = labels.find(key);
  return found == labels.end() ? std::string_view() : found->second;
}

// What Go's strconv.ParseBool takes for true.
bool IsTrue(std::string_view text) {
  constexpr std::array<std::string_view, 6> kTrue = {"1", "t", "T", "TRUE", "true", "True"};
  return std::find(kTrue.begin(), kTrue.end(), text) != kTrue.end();
}

bool Refuse(const absl::Status& why) {
  log::Error("restart policy: " + std::string(why.message()));
  return false;
}

}  // namespace

std::string Policy::String() const {
  return maximum_retry_count_ > 0 ? fmt::format("{}:{}", name_, maximum_retry_count_) : name_;
}

absl::StatusOr<Policy> NewPolicy(std::string_view policy) {
  const std::size_t colon = policy.find(':');
  const std::string_view name = policy.substr(0, colon);
  if (name == kOnFailure) {
    if (colon == std::string_view::npos) return Policy(name, 0);
    const std::string_view digits = policy.substr(colon + 1);
    int count = 0;
    const char* const last = digits.data() + digits.size();
    const auto [end, err] = std::from_chars(digits.data(), last, count);
    if (err != std::errc() || end != last || count < 0) {
      return errdefs::InvalidArgument(fmt::format("restart policy {}: {} is no number of retries",
                                                  base::Quote(policy), base::Quote(digits)));
    }
    return Policy(name, count);
  }
  if (!name.empty() && name != "no" && name != kAlways && name != kUnlessStopped) {
    return errdefs::InvalidArgument(fmt::format(
        R"(restart policy {}: there are "no", "always", "on-failure" and "unless-stopped")",
        base::Quote(policy)));
  }
  if (colon != std::string_view::npos) {
    return errdefs::InvalidArgument(fmt::format(
        "restart policy {}: only \"on-failure\" has a number of retries", base::Quote(policy)));
  }
  return Policy(name.empty() ? kAlways : name, 0);
}

bool Reconcile(const Status& status, const Labels& labels) {
  const absl::StatusOr<Policy> policy = NewPolicy(Get(labels, kPolicyLabel));
  if (!policy.ok()) return Refuse(policy.status());
  if (policy->Name() == kAlways) return true;
  if (policy->Name() == kUnlessStopped) return !IsTrue(Get(labels, kExplicitlyStoppedLabel));
  if (policy->Name() != kOnFailure) return false;
  int count = 0;
  const std::string_view counted = Get(labels, kCountLabel);
  if (!counted.empty() && !absl::SimpleAtoi(std::string(counted), &count)) {
    return Refuse(errdefs::InvalidArgument(
        fmt::format("label \"{}\": {} is no number", kCountLabel, base::Quote(counted))));
  }
  return status.exit_status != 0 &&
         (policy->MaximumRetryCount() == 0 || count < policy->MaximumRetryCount());
}

NewContainerOpt WithStatus(ProcessStatus status) {
  return Labeled(kStatusLabel, std::string(ToString(status)));
}

NewContainerOpt WithPolicy(const Policy& policy) { return Labeled(kPolicyLabel, policy.String()); }

NewContainerOpt WithLogURI(std::string uri) { return Labeled(kLogURILabel, std::move(uri)); }

constinit const option::Plain<NewContainerOpt> WithNoRestarts([](const Context& /*ctx*/,
                                                                 Client& /*client*/,
                                                                 containers::Container& c) {
  for (const char* key :
       {kStatusLabel, kLogURILabel, kPolicyLabel, kCountLabel, kExplicitlyStoppedLabel}) {
    c.labels.erase(key);
  }
  return absl::OkStatus();
});

}  // namespace containerd::runtime::restart
