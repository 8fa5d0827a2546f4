// SPDX-License-Identifier: Apache-2.0
#include "src/images/internal/put.h"

#include "containerd/errdefs/errdefs.h"

#include "src/rpc/internal/outcome.h"

namespace containerd::images {
namespace {

constexpr int kMaxRounds = 10;

}  // namespace

absl::StatusOr<Image> PutImage(const Context& ctx, Store& store, const Image& image,
                               const std::vector<std::string>& fieldpaths, bool* created,
                               PutFirst first) {
  bool create = first == PutFirst::kCreate;
  bool was_absent = false;
  for (int call = 1;; ++call, create = !create) {
    absl::StatusOr<Image> put =
        create ? store.Create(ctx, image) : store.Update(ctx, image, fieldpaths);
    if (created != nullptr) {
      *created = create && (put.ok() || (was_absent && rpc::OutcomeOpen(put.status())));
    }
    was_absent = !create && errdefs::IsNotFound(put.status());
    const bool other_may_do =
        create ? errdefs::IsAlreadyExists(put.status()) : errdefs::IsNotFound(put.status());
    if (!other_may_do || call == 2 * kMaxRounds) return put;
  }
}

}  // namespace containerd::images
