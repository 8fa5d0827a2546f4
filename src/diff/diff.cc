// SPDX-License-Identifier: Apache-2.0
#include "containerd/diff/diff.h"

#include <utility>

namespace containerd::diff {

Opt WithMediaType(std::string media_type) {
  return [media_type = std::move(media_type)](Config* config) {
    config->media_type = media_type;
    return absl::OkStatus();
  };
}

Opt WithReference(std::string reference) {
  return [reference = std::move(reference)](Config* config) {
    config->reference = reference;
    return absl::OkStatus();
  };
}

Opt WithLabels(Labels labels) {
  return [labels = std::move(labels)](Config* config) {
    config->labels = labels;
    return absl::OkStatus();
  };
}

Opt WithSourceDateEpoch(std::optional<absl::Time> time) {
  return [time](Config* config) {
    config->source_date_epoch = time;
    return absl::OkStatus();
  };
}

ApplyOpt WithPayloads(std::map<std::string, typeurl::Any> payloads) {
  return [payloads = std::move(payloads)](const Context&, const ocispec::Descriptor&,
                                          ApplyConfig* config) {
    config->processor_payloads = payloads;
    return absl::OkStatus();
  };
}

ApplyOpt WithSyncFs(bool sync) {
  return [sync](const Context&, const ocispec::Descriptor&, ApplyConfig* config) {
    config->sync_fs = sync;
    return absl::OkStatus();
  };
}

ApplyOpt WithProgress(std::function<void(const ocispec::Descriptor&, std::int64_t bytes)> fn) {
  return
      [fn = std::move(fn)](const Context&, const ocispec::Descriptor& desc, ApplyConfig* config) {
        config->progress = [fn, desc](std::int64_t bytes) { fn(desc, bytes); };
        return absl::OkStatus();
      };
}

}  // namespace containerd::diff
