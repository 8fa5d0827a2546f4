// SPDX-License-Identifier: Apache-2.0
#include "containerd/leases/leases.h"

#include <array>
#include <cerrno>
#include <sys/random.h>
#include <utility>

#include <absl/time/clock.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/future/executor.h"
#include "containerd/log/log.h"
#include "containerd/option/option.h"

#include "src/base/cleanup.h"
#include "src/base/options.h"
#include "src/errdefs/internal/guard.h"
#include "src/rpc/internal/outcome.h"
#include "src/threads/internal/callback.h"

namespace containerd::leases {
namespace {

// Three bytes in base64's alphabet for URLs.
std::string Base64URL(const std::array<unsigned char, 3>& bytes) {
  static constexpr char kAlphabet[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const unsigned bits = unsigned{bytes[0]} << 16U | unsigned{bytes[1]} << 8U | unsigned{bytes[2]};
  std::string text;
  for (unsigned shift : {18U, 12U, 6U, 0U}) text.push_back(kAlphabet[bits >> shift & 63U]);
  return text;
}

}  // namespace

Opt WithID(std::string id) {
  return [id = std::move(id)](Lease* lease) {
    lease->id = id;
    return absl::OkStatus();
  };
}

constinit const option::Plain<Opt> WithRandomID([](Lease* lease) {
  std::array<unsigned char, 3> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return errdefs::FromErrno(errno, "random bytes for a lease's id");
  }
  const std::int64_t nanosecond = absl::ToUnixNanos(absl::Now()) % 1'000'000'000;
  lease->id = fmt::format("{}-{}", nanosecond, Base64URL(bytes));
  return absl::OkStatus();
});

Opt WithExpiration(absl::Duration duration) {
  return [duration](Lease* lease) {
    const absl::TimeZone utc = absl::UTCTimeZone();
    const absl::Time expires = absl::Now() + duration;
    // RFC 3339 has years of four digits.
    if (expires < absl::FromCivil(absl::CivilYear(0), utc) ||
        expires >= absl::FromCivil(absl::CivilYear(10000), utc)) {
      return errdefs::InvalidArgument(
          fmt::format("lease expiration of {}: not a date", absl::FormatDuration(duration)));
    }
    lease->labels[kLabelGCExpire] = absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", expires, utc);
    return absl::OkStatus();
  };
}

Opt WithLabel(std::string label, std::string value) {
  return [label = std::move(label), value = std::move(value)](Lease* lease) {
    lease->labels[label] = value;
    return absl::OkStatus();
  };
}

Opt WithLabels(Labels labels) {
  return [labels = std::move(labels)](Lease* lease) {
    for (const auto& [key, value] : labels) lease->labels[key] = value;
    return absl::OkStatus();
  };
}

constinit const option::Plain<DeleteOpt> SynchronousDelete(
    [](const Context& /*ctx*/, DeleteOptions* options) -> absl::Status {
      options->synchronous = true;
      return absl::OkStatus();
    });

LeaseGuard::LeaseGuard(LeaseGuard&& other) noexcept
    : ctx_(std::exchange(other.ctx_, Context())),
      manager_(std::move(other.manager_)),
      lease_(std::exchange(other.lease_, std::nullopt)) {}

LeaseGuard& LeaseGuard::operator=(LeaseGuard&& other) noexcept {
  if (this != &other) {
    ReleaseQuietly();
    ctx_ = std::exchange(other.ctx_, Context());
    manager_ = std::move(other.manager_);
    lease_ = std::exchange(other.lease_, std::nullopt);
  }
  return *this;
}

LeaseGuard::~LeaseGuard() { ReleaseQuietly(); }

absl::Status LeaseGuard::Release(const Context& ctx, const std::vector<DeleteOpt>& opts) {
  const std::optional<Lease> lease = std::exchange(lease_, std::nullopt);
  if (!lease) return absl::OkStatus();
  return errdefs::Guard("a manager of leases", &Manager::Delete, *manager_, ctx, *lease, opts);
}

void LeaseGuard::ReleaseQuietly() {
  if (!lease_) return;
  auto release = [manager = manager_, lease = *lease_, ctx = ctx_] {
    const absl::Status s = errdefs::Guard("a manager of leases", [&] {
      return manager->Delete(base::CleanUpContext(ctx), lease, {});
    });
    if (!s.ok() && !errdefs::IsNotFound(s)) {
      log::Warn(
          fmt::format("lease \"{}\" could not be released: {}", lease.id, errdefs::Message(s)));
    }
  };
  lease_.reset();
  if (!threads::MustNotBlock()) return release();
  DefaultExecutor()->Execute(std::move(release));
}

absl::StatusOr<LeaseGuard> AcquireLease(const Context& ctx, std::shared_ptr<Manager> manager,
                                        std::vector<Opt> opts) {
  LeaseGuard guard;
  guard.ctx_ = ctx;
  if (FromContext(ctx)) return guard;
  const bool random_id = opts.empty();
  if (random_id) opts = {WithRandomID(), WithExpiration(absl::Hours(24))};
  Lease wanted;
  if (absl::Status s = base::Apply(opts, wanted); !s.ok()) return s;
  absl::StatusOr<Lease> lease = errdefs::Guard(
      "a manager of leases", [&] { return manager->Create(ctx, {[&](Lease& l) { l = wanted; }}); });
  if (!lease.ok()) {
    // There may be one all the same. One of an id of the caller's may have been there before.
    if (random_id && rpc::OutcomeOpen(lease.status())) {
      const Context last = base::CleanUpContext(ctx);
      const Context patience = WithTimeout(last, rpc::kOpenOutcome);
      while (errdefs::IsNotFound(manager->Delete(last, wanted)) &&
             Sleep(patience, rpc::kOpenOutcome / 10).ok()) {
      }
    }
    return lease.status();
  }
  guard.ctx_ = WithLease(ctx, lease->id);
  guard.manager_ = std::move(manager);
  guard.lease_ = *std::move(lease);
  return guard;
}

}  // namespace containerd::leases
