// SPDX-License-Identifier: Apache-2.0
//
// The fields of each image-spec document, in the order of the Go structs.
#include "containerd/ocispec/json.h"

#include "containerd/ocispec/mediatypes.h"

#include "src/gojson/internal/codec.h"

namespace containerd::ocispec {

using gojson::kOmitEmpty;
using gojson::Of;

template <class V, Of<Platform> T>
void Bind(V& v, T& platform) {
  v.Field("architecture", platform.architecture);
  v.Field("os", platform.os);
  v.Field("os.version", platform.os_version, kOmitEmpty);
  v.Field("os.features", platform.os_features, kOmitEmpty);
  v.Field("variant", platform.variant, kOmitEmpty);
}

template <class V, Of<Descriptor> T>
void Bind(V& v, T& descriptor) {
  v.Field("mediaType", descriptor.media_type);
  v.Field("digest", descriptor.digest);
  v.Field("size", descriptor.size);
  v.Field("urls", descriptor.urls, kOmitEmpty);
  v.Field("annotations", descriptor.annotations, kOmitEmpty);
  v.Base64("data", descriptor.data, kOmitEmpty);
  v.Field("platform", descriptor.platform, kOmitEmpty);
  v.Field("artifactType", descriptor.artifact_type, kOmitEmpty);
}

template <class V, Of<Manifest> T>
void Bind(V& v, T& manifest) {
  v.Field("schemaVersion", manifest.schema_version);
  v.Field("mediaType", manifest.media_type, kOmitEmpty);
  v.Field("artifactType", manifest.artifact_type, kOmitEmpty);
  v.Field("config", manifest.config);
  v.Field("layers", manifest.layers);
  v.Field("subject", manifest.subject, kOmitEmpty);
  v.Field("annotations", manifest.annotations, kOmitEmpty);
}

template <class V, Of<Index> T>
void Bind(V& v, T& index) {
  v.Field("schemaVersion", index.schema_version);
  v.Field("mediaType", index.media_type, kOmitEmpty);
  v.Field("artifactType", index.artifact_type, kOmitEmpty);
  v.Field("manifests", index.manifests);
  v.Field("subject", index.subject, kOmitEmpty);
  v.Field("annotations", index.annotations, kOmitEmpty);
}

template <class V, Of<ImageLayout> T>
void Bind(V& v, T& layout) {
  v.Field("imageLayoutVersion", layout.version);
}

template <class V, Of<ImageConfig> T>
void Bind(V& v, T& config) {
  v.Field("User", config.user, kOmitEmpty);
  v.Field("ExposedPorts", config.exposed_ports, kOmitEmpty);
  v.Field("Env", config.env, kOmitEmpty);
  v.Field("Entrypoint", config.entrypoint, kOmitEmpty);
  v.Field("Cmd", config.cmd, kOmitEmpty);
  v.Field("Volumes", config.volumes, kOmitEmpty);
  v.Field("WorkingDir", config.working_dir, kOmitEmpty);
  v.Field("Labels", config.labels, kOmitEmpty);
  v.Field("StopSignal", config.stop_signal, kOmitEmpty);
  v.Field("ArgsEscaped", config.args_escaped, kOmitEmpty);
}

template <class V, Of<RootFS> T>
void Bind(V& v, T& rootfs) {
  v.Field("type", rootfs.type);
  v.Field("diff_ids", rootfs.diff_ids);
}

template <class V, Of<History> T>
void Bind(V& v, T& history) {
  v.Field("created", history.created, kOmitEmpty);
  v.Field("created_by", history.created_by, kOmitEmpty);
  v.Field("author", history.author, kOmitEmpty);
  v.Field("comment", history.comment, kOmitEmpty);
  v.Field("empty_layer", history.empty_layer, kOmitEmpty);
}

template <class V, Of<Image> T>
void Bind(V& v, T& image) {
  v.Field("created", image.created, kOmitEmpty);
  v.Field("author", image.author, kOmitEmpty);
  v.Inline(image.platform);
  v.Field("config", image.config);
  v.Field("rootfs", image.rootfs);
  v.Field("history", image.history, kOmitEmpty);
}

Descriptor DescriptorEmptyJSON() {
  return {.media_type = kMediaTypeEmptyJSON,
          .digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
          .size = 2,
          .data = "{}"};
}

template <class T>
absl::StatusOr<T> Unmarshal(std::string_view json) {
  return gojson::Unmarshal<T>(json);
}

template <class T>
std::string Marshal(const T& value) {
  return gojson::Marshal(value);
}

template absl::StatusOr<Descriptor> Unmarshal(std::string_view);
template absl::StatusOr<Platform> Unmarshal(std::string_view);
template absl::StatusOr<Manifest> Unmarshal(std::string_view);
template absl::StatusOr<Index> Unmarshal(std::string_view);
template absl::StatusOr<ImageLayout> Unmarshal(std::string_view);
template absl::StatusOr<ImageConfig> Unmarshal(std::string_view);
template absl::StatusOr<Image> Unmarshal(std::string_view);

template std::string Marshal(const Descriptor&);
template std::string Marshal(const Platform&);
template std::string Marshal(const Manifest&);
template std::string Marshal(const Index&);
template std::string Marshal(const ImageLayout&);
template std::string Marshal(const ImageConfig&);
template std::string Marshal(const Image&);

}  // namespace containerd::ocispec
