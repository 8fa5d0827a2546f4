// SPDX-License-Identifier: Apache-2.0
//
// A reference's locator as host and repository.
#ifndef CONTAINERD_SRC_REMOTES_DOCKER_REPOSITORY_H_
#define CONTAINERD_SRC_REMOTES_DOCKER_REPOSITORY_H_

#include <string>

#include <absl/status/statusor.h>

#include "containerd/http/url.h"
#include "containerd/reference/reference.h"

namespace containerd::remotes::docker {

struct Repository {
  std::string hostname;  // without port
  std::string path;      // "library/busybox"
};

inline absl::StatusOr<Repository> SplitLocator(const reference::Spec& refspec) {
  absl::StatusOr<http::Url> url = http::ParseUrl("http://" + refspec.locator);
  if (!url.ok()) return url.status();
  return Repository{url->Hostname(), url->path.substr(url->path.starts_with('/') ? 1 : 0)};
}

}  // namespace containerd::remotes::docker

#endif  // CONTAINERD_SRC_REMOTES_DOCKER_REPOSITORY_H_
