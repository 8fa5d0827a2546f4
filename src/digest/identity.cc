// SPDX-License-Identifier: Apache-2.0
#include "containerd/digest/identity.h"

#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace containerd::identity {
namespace {

// The chain ID of the layer `diff_id` on top of the stack `parent`.
digest::Digest Next(const digest::Digest& parent, const digest::Digest& diff_id) {
  return digest::FromString(fmt::format("{} {}", parent.String(), diff_id.String()));
}

}  // namespace

digest::Digest ChainID(std::span<const digest::Digest> diff_ids) {
  if (diff_ids.empty()) return {};
  digest::Digest chain = diff_ids.front();
  for (const digest::Digest& diff_id : diff_ids.subspan(1)) chain = Next(chain, diff_id);
  return chain;
}

std::vector<digest::Digest> ChainIDs(std::span<const digest::Digest> diff_ids) {
  std::vector<digest::Digest> chain;
  chain.reserve(diff_ids.size());
  for (const digest::Digest& diff_id : diff_ids) {
    chain.push_back(chain.empty() ? diff_id : Next(chain.back(), diff_id));
  }
  return chain;
}

}  // namespace containerd::identity
