// SPDX-License-Identifier: Apache-2.0
//
// Options of Client::NewContainer. They run in the order given, so an option that needs another's
// work (a spec the snapshot's, a snapshot the snapshotter's) comes after it.
//
// Source: client/container_opts.go.
#ifndef CONTAINERD_CONTAINER_OPTS_H_
#define CONTAINERD_CONTAINER_OPTS_H_

#include <string>
#include <vector>

#include "containerd/container.h"
#include "containerd/export/export.h"
#include "containerd/image.h"
#include "containerd/labels/labels.h"
#include "containerd/oci/oci.h"
#include "containerd/snapshots/snapshots.h"
#include "containerd/specs/spec.h"
#include "containerd/typeurl/any.h"

namespace google::protobuf {
class Message;
}

namespace containerd {

// The runtime, with its options if any: for runc containerd.runc.v1.Options.
CONTAINERD_EXPORT NewContainerOpt WithRuntime(std::string name, typeurl::Any options = {});
CONTAINERD_EXPORT NewContainerOpt WithRuntime(std::string name,
                                              const google::protobuf::Message& options);

// The sandbox that the container belongs to.
CONTAINERD_EXPORT NewContainerOpt WithSandbox(std::string sandbox_id);

// The image that the record names. The snapshot options set it too.
CONTAINERD_EXPORT NewContainerOpt WithImage(const Image& image);
CONTAINERD_EXPORT NewContainerOpt WithImageName(std::string name);

// Replaces the labels.
CONTAINERD_EXPORT NewContainerOpt WithContainerLabels(Labels labels);

// Adds to the labels, over those of the same key.
CONTAINERD_EXPORT NewContainerOpt WithAdditionalContainerLabels(Labels labels);

// Replaces the labels by those of the image's config, without any that are reserved for containerd.
CONTAINERD_EXPORT NewContainerOpt WithImageConfigLabels(const Image& image);

// Records the stop signal of the image's config, or the default; GetStopSignal reads it.
// ErrInvalidArgument if the default is no signal.
CONTAINERD_EXPORT NewContainerOpt WithImageStopSignal(const Image& image,
                                                      std::string default_signal);

// The snapshotter of the snapshot options after it. Without: the namespace's, or overlayfs.
CONTAINERD_EXPORT NewContainerOpt WithSnapshotter(std::string name);

// A snapshot that exists. ErrNotFound if it does not.
CONTAINERD_EXPORT NewContainerOpt WithSnapshot(std::string id);

// A new snapshot on top of the image, which must have been unpacked (else ErrNotFound); writable,
// or a read-only view. ErrAlreadyExists if the key is taken.
CONTAINERD_EXPORT NewContainerOpt WithNewSnapshot(std::string id, const Image& image,
                                                  std::vector<snapshots::Opt> opts = {});
CONTAINERD_EXPORT NewContainerOpt WithNewSnapshotView(std::string id, const Image& image,
                                                      std::vector<snapshots::Opt> opts = {});

// Metadata of the caller's own under a key that must not be empty.
CONTAINERD_EXPORT NewContainerOpt WithContainerExtension(std::string name, typeurl::Any extension);
CONTAINERD_EXPORT NewContainerOpt
WithContainerExtension(std::string name, const google::protobuf::Message& extension);

// The default spec, changed by the options. A bind mount without a source is ErrInvalidArgument,
// here and with WithSpec: runtimes would take the folder that they run in. Source:
// client.WithNewSpec, oci.GenerateSpec.
CONTAINERD_EXPORT NewContainerOpt WithNewSpec(std::vector<oci::SpecOpt> opts = {});

// The given spec, changed by the options.
CONTAINERD_EXPORT NewContainerOpt WithSpec(specs::Spec spec, std::vector<oci::SpecOpt> opts = {});

}  // namespace containerd

#endif  // CONTAINERD_CONTAINER_OPTS_H_
