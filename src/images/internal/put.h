// SPDX-License-Identifier: Apache-2.0
//
// Putting an image record into a store, whether or not there is one of its name.
//
//   absl::StatusOr<Image> stored = PutImage(ctx, *store, {.name = name, .target = desc});
#ifndef CONTAINERD_SRC_IMAGES_INTERNAL_PUT_H_
#define CONTAINERD_SRC_IMAGES_INTERNAL_PUT_H_

#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/images/store.h"

namespace containerd::images {

// Which call comes first: the one that is likelier to do. Daemons create an image whose name is too
// long for their database to find it again; an update refuses it.
enum class PutFirst { kCreate, kUpdate };

// Creates the image, or updates the one of its name: the fields that `fieldpaths` names, or all.
// Returns the image as stored; `created`, if given, says whether there was none. Of an error it
// says whether there may be an image now where there was none: the answer to the creation was lost.
//
// Another client may delete or create the image between the two calls. They are then repeated, up
// to ten times; after that the last error is returned.
CONTAINERD_SIBLING absl::StatusOr<Image> PutImage(const Context& ctx, Store& store,
                                                  const Image& image,
                                                  const std::vector<std::string>& fieldpaths = {},
                                                  bool* created = nullptr,
                                                  PutFirst first = PutFirst::kCreate);

}  // namespace containerd::images

#endif  // CONTAINERD_SRC_IMAGES_INTERNAL_PUT_H_
