// SPDX-License-Identifier: Apache-2.0
#include "src/images/internal/put.h"

#include "containerd/errdefs/errdefs.h"

namespace containerd::images {
namespace {

constexpr int kMaxRounds = 10;

}  // namespace

absl::StatusOr<Image> PutImage(const Context& ctx, Store& store, const Image& image,
                               const std::vector<std::string>& fieldpaths, bool* created) {
  for (int round = 1;; ++round) {
    absl::StatusOr<Image> put = store.Create(ctx, image);
    if (created != nullptr) *created = put.ok();
    if (!errdefs::IsAlreadyExists(put.status())) return put;
    put = store.Update(ctx, image, fieldpaths);
    if (!errdefs::IsNotFound(put.status()) || round == kMaxRounds) return put;
  }
}

}  // namespace containerd::images
