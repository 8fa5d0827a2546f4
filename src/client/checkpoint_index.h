// SPDX-License-Identifier: Apache-2.0
//
// The index of a checkpoint: what its parts are written with, and read with on restore.
#ifndef CONTAINERD_SRC_CLIENT_CHECKPOINT_INDEX_H_
#define CONTAINERD_SRC_CLIENT_CHECKPOINT_INDEX_H_

#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/client.h"
#include "containerd/context/context.h"
#include "containerd/image.h"
#include "containerd/labels/labels.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/ocispec/manifest.h"
#include "containerd/typeurl/any.h"

namespace containerd::internal {

// The annotation of the index in which Task::Checkpoint puts the image's name.
inline constexpr char kImageNameAnnotation[] = "image.name";

// Writing, in checkpoint_writer.cc. The Add functions write content under the context's lease, and
// add its descriptor to the index.

ocispec::Index NewIndex();

// Adds the target of the image record of that name.
absl::Status AddImage(const Context& ctx, Client& client, const std::string& name,
                      ocispec::Index* index);

// Adds a message.
absl::Status AddMessage(const Context& ctx, Client& client, const char* media_type,
                        std::string_view ref, const typeurl::Any& any, ocispec::Index* index);

// Adds the changes of a snapshot.
absl::Status AddDiff(const Context& ctx, Client& client, const std::string& snapshotter_name,
                     const std::string& key, ocispec::Index* index);

// Adds the processes as the daemon writes them. False if it wrote no content, as when the options
// name a folder.
absl::StatusOr<bool> AddTask(const Context& ctx, Client& client, const std::string& container_id,
                             std::string_view parent, const typeurl::Any& options,
                             ocispec::Index* index);

// Writes the index, with the labels that keep what it names, and makes an image of it.
absl::StatusOr<Image> CreateImage(const Context& ctx, Client& client, const ocispec::Index& index,
                                  const std::string& container_id, std::string name,
                                  Labels image_labels);

// Reading, in checkpoint_reader.cc. Content is hostile input: its size is bounded, and any bytes
// give a value or an error.

// The index that the image stands for. Errors name the image.
absl::StatusOr<ocispec::Index> DecodeIndex(const Context& ctx, Client& client,
                                           const Image& checkpoint);

// A message that AddMessage wrote. ErrInvalidArgument if the content is none.
absl::StatusOr<typeurl::Any> ReadMessage(const Context& ctx, Client& client,
                                         const ocispec::Descriptor& desc);

// The first layer, which AddDiff added; ErrMediaTypeNotFound if there is none.
absl::StatusOr<ocispec::Descriptor> FindLayer(const ocispec::Index& index);

// An annotation of the index; empty if it has none of that key.
std::string Annotation(const ocispec::Index& index, const char* key);

}  // namespace containerd::internal

#endif  // CONTAINERD_SRC_CLIENT_CHECKPOINT_INDEX_H_
