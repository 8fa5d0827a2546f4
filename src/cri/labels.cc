// SPDX-License-Identifier: Apache-2.0
#include "containerd/cri/labels.h"

#include <algorithm>

#include <fmt/format.h>

#include "containerd/cri/constants.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/filters/filters.h"
#include "containerd/log/log.h"

#include "src/base/escape.h"
#include "src/base/path.h"

namespace containerd::cri {

std::string FilterLabel(std::string_view key, std::string_view value) {
  return fmt::format("labels.{}=={}", filters::Quote(key), filters::Quote(value));
}

Labels BuildLabels(const Labels& config_labels, const Labels& image_config_labels,
                   std::string_view container_type) {
  Labels built = config_labels;
  for (const auto& [key, value] : image_config_labels) {
    if (absl::Status s = labels::Validate(key, value); !s.ok()) {
      log::Warn(fmt::format("an image's label is left out: {}", errdefs::Message(s)));
    } else if (labels::IsReserved(key)) {
      log::Warn(fmt::format("an image's label is left out: {} is reserved", base::Quote(key, 64)));
    } else {
      built.emplace(key, value);
    }
  }
  built.insert_or_assign(kContainerKindLabel, std::string(container_type));
  return built;
}

std::map<std::string, std::string> GetPassthroughAnnotations(
    const std::map<std::string, std::string>& pod_annotations,
    const std::vector<std::string>& runtime_pod_annotations) {
  std::map<std::string, std::string> passed;
  for (const auto& [key, value] : pod_annotations) {
    const std::string& name = key;
    if (std::any_of(runtime_pod_annotations.begin(), runtime_pod_annotations.end(),
                    [&](const std::string& pattern) {
                      return base::MatchPath(pattern, name).value_or(false);
                    })) {
      passed.emplace(key, value);
    }
  }
  return passed;
}

}  // namespace containerd::cri
