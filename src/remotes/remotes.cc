// SPDX-License-Identifier: Apache-2.0
#include "containerd/remotes/remotes.h"

namespace containerd::remotes {

FetchByDigestOpt WithMediaType(std::string mediatype) {
  return [mediatype = std::move(mediatype)](const Context&, FetchByDigestConfig& config) {
    config.mediatype = mediatype;
    return absl::OkStatus();
  };
}

FetchReferrersOpt WithReferrerArtifactTypes(std::vector<std::string> artifact_types) {
  return [types = std::move(artifact_types)](const Context&, FetchReferrersConfig& config) {
    config.artifact_types = types;
    return absl::OkStatus();
  };
}

FetchReferrersOpt WithReferrerQueryFilter(std::string param, std::string value) {
  return [param = std::move(param), value = std::move(value)](const Context&,
                                                              FetchReferrersConfig& config) {
    config.query_filters.emplace_back(param, value);
    return absl::OkStatus();
  };
}

}  // namespace containerd::remotes
