// SPDX-License-Identifier: Apache-2.0
//
// The image configuration: how to run an image and what its layers are when unpacked (image-spec
// config.md). Media type kMediaTypeImageConfig.
#ifndef CONTAINERD_OCISPEC_IMAGE_H_
#define CONTAINERD_OCISPEC_IMAGE_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <absl/time/time.h>

#include "containerd/export/export.h"
#include "containerd/gojson/value.h"
#include "containerd/ocispec/descriptor.h"

namespace containerd::ocispec {

// The defaults of a container that runs the image.
struct CONTAINERD_EXPORT ImageConfig {
  std::string user{};                     // "user", "uid", "user:group", "uid:gid", …
  std::set<std::string> exposed_ports{};  // "80/tcp"
  std::vector<std::string> env{};         // "NAME=value"
  std::vector<std::string> entrypoint{};
  std::vector<std::string> cmd{};
  std::set<std::string> volumes{};  // Directories with data of the container's own.
  std::string working_dir{};
  std::map<std::string, std::string> labels{};
  std::string stop_signal{};  // "SIGTERM", "15"
  bool args_escaped = false;  // Deprecated; Windows images made by Docker.
  gojson::Extra extra{};

  friend bool operator==(const ImageConfig&, const ImageConfig&) = default;
};

// The layers' digests when uncompressed.
struct RootFS {
  std::string type{};                     // "layers"
  gojson::Slice<std::string> diff_ids{};  // The base layer first.
  gojson::Extra extra{};

  friend bool operator==(const RootFS&, const RootFS&) = default;
};

// How one layer, or one step that made none, came about.
struct History {
  std::optional<absl::Time> created{};
  std::string created_by{};
  std::string author{};
  std::string comment{};
  bool empty_layer = false;  // The step changed no file: no layer belongs to it.
  gojson::Extra extra{};

  friend bool operator==(const History&, const History&) = default;
};

// The image configuration document.
struct CONTAINERD_EXPORT Image {
  std::optional<absl::Time> created{};
  std::string author{};
  // Lies flat in the document, as Go's embedded struct does; its own `extra` is unused.
  Platform platform{};
  ImageConfig config{};
  RootFS rootfs{};
  std::vector<History> history{};
  gojson::Extra extra{};

  friend bool operator==(const Image&, const Image&) = default;
};

}  // namespace containerd::ocispec

#endif  // CONTAINERD_OCISPEC_IMAGE_H_
