// SPDX-License-Identifier: Apache-2.0
//
// The manifest.json of `docker save`.
#ifndef CONTAINERD_SRC_IMAGES_ARCHIVE_DOCKER_H_
#define CONTAINERD_SRC_IMAGES_ARCHIVE_DOCKER_H_

#include <string>

#include "containerd/gojson/value.h"

#include "src/gojson/internal/codec.h"

namespace containerd::images::archive {

inline constexpr char kDockerManifest[] = "manifest.json";

// One image of the list that the file is.
struct DockerImage {
  std::string config{};
  gojson::Slice<std::string> repo_tags{};
  gojson::Slice<std::string> layers{};
  gojson::Extra extra{};
};

template <class V, gojson::Of<DockerImage> T>
void Bind(V& v, T& image) {
  v.Field("Config", image.config);
  v.Field("RepoTags", image.repo_tags);
  v.Field("Layers", image.layers);
}

}  // namespace containerd::images::archive

#endif  // CONTAINERD_SRC_IMAGES_ARCHIVE_DOCKER_H_
