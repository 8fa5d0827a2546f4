// SPDX-License-Identifier: Apache-2.0
#include "containerd/content/content.h"

#include <optional>
#include <span>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "containerd/content/adaptor.h"

namespace containerd::content {

Opt WithLabels(Labels labels) {
  return [labels = std::move(labels)](Info& info) {
    info.labels = labels;
    return absl::OkStatus();
  };
}

WriterOpt WithRef(std::string ref) {
  return [ref = std::move(ref)](WriterOpts& opts) {
    opts.ref = ref;
    return absl::OkStatus();
  };
}

WriterOpt WithDescriptor(ocispec::Descriptor desc) {
  return [desc = std::move(desc)](WriterOpts& opts) {
    opts.desc = desc;
    return absl::OkStatus();
  };
}

filters::AdapterFunc AdaptInfo(Info info) {
  return filters::AdapterFunc(
      [info =
           std::move(info)](std::span<const std::string> fieldpath) -> std::optional<std::string> {
        if (fieldpath.empty()) return std::nullopt;
        if (fieldpath[0] == "digest") return info.digest;
        if (fieldpath[0] == "labels") {
          // A key that is written without quotes arrives split at its dots.
          const auto it = info.labels.find(fmt::format("{}", fmt::join(fieldpath.subspan(1), ".")));
          if (it != info.labels.end()) return it->second;
        }
        return std::nullopt;
      });
}

}  // namespace containerd::content
