// SPDX-License-Identifier: Apache-2.0
//
// Labels of the plugin's containers, filters for them, and the annotations that reach a runtime.
// All functions are safe from any thread.
//
// Source: pkg/cri/server/helpers.go.
#ifndef CONTAINERD_CRI_LABELS_H_
#define CONTAINERD_CRI_LABELS_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "containerd/export/export.h"
#include "containerd/labels/labels.h"

namespace containerd::cri {

// `labels."<key>"=="<value>"`, for lists of containers and images. Any bytes may be in both.
// Source: filterLabel.
CONTAINERD_EXPORT std::string FilterLabel(std::string_view key, std::string_view value);

// The labels for a container of this kind (kContainerKindSandbox, kContainerKindContainer): those
// of the image's config, over them those of the request, over them the kind.
//
// A label of the image that is too long for containerd is left out, as its container could not be
// made; so is one that begins as containerd's own or CRI's do, with which an image could steer the
// daemon. Both are logged. The request's are as they are. Source: buildLabels as it is since 2.3;
// in 1.5 it takes the image's as they are.
CONTAINERD_EXPORT Labels BuildLabels(const Labels& config_labels, const Labels& image_config_labels,
                                     std::string_view container_type);

// The pod's annotations whose key matches one of the patterns of the runtime. A "*" stops at a "/";
// a malformed pattern matches nothing. Source: getPassthroughAnnotations.
CONTAINERD_EXPORT std::map<std::string, std::string> GetPassthroughAnnotations(
    const std::map<std::string, std::string>& pod_annotations,
    const std::vector<std::string>& runtime_pod_annotations);

}  // namespace containerd::cri

#endif  // CONTAINERD_CRI_LABELS_H_
