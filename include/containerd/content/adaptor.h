// SPDX-License-Identifier: Apache-2.0
//
// Content infos as containerd's filters see them: the fields "digest" and "labels.<key>".
//
// Source: core/content/adaptor.go.
#ifndef CONTAINERD_CONTENT_ADAPTOR_H_
#define CONTAINERD_CONTENT_ADAPTOR_H_

#include "containerd/content/content.h"
#include "containerd/export/export.h"
#include "containerd/filters/filters.h"

namespace containerd::content {

CONTAINERD_EXPORT filters::AdapterFunc AdaptInfo(Info info);

}  // namespace containerd::content

#endif  // CONTAINERD_CONTENT_ADAPTOR_H_
