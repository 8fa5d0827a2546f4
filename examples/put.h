// SPDX-License-Identifier: Apache-2.0
//
// What the examples share that make an image.
#ifndef CONTAINERD_EXAMPLES_PUT_H_
#define CONTAINERD_EXAMPLES_PUT_H_

#include <cstdint>
#include <string>

#include "containerd/containerd.h"

namespace example {

// Puts a document into the content store. The labels keep what it refers to from the garbage
// collector.
inline absl::StatusOr<containerd::ocispec::Descriptor> Put(const containerd::Context& ctx,
                                                           containerd::content::Store& store,
                                                           const char* media_type,
                                                           const std::string& json,
                                                           const containerd::Labels& labels) {
  containerd::ocispec::Descriptor desc;
  desc.media_type = media_type;
  desc.digest = containerd::digest::FromString(json).String();
  desc.size = static_cast<std::int64_t>(json.size());
  absl::Status s = containerd::content::WriteBlob(ctx, store, desc.digest, json, desc,
                                                  {containerd::content::WithLabels(labels)});
  if (!s.ok()) return s;
  return desc;
}

}  // namespace example

#endif  // CONTAINERD_EXAMPLES_PUT_H_
