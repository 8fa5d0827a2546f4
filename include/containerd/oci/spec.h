// SPDX-License-Identifier: Apache-2.0
//
// Package oci, the base: what an option is, the default spec, and specs from files.
//
//   absl::StatusOr<oci::Spec> spec = oci::GenerateSpec(ctx, client, &container, {oci::WithTTY});
//
// Source: pkg/oci/spec.go and client.go.
#ifndef CONTAINERD_OCI_SPEC_H_
#define CONTAINERD_OCI_SPEC_H_

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/containers/containers.h"
#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/option/option.h"
#include "containerd/specs/spec.h"

namespace containerd {
namespace content {
class Store;
}
namespace mount {
class Manager;
}
namespace snapshots {
class Snapshotter;
}
}  // namespace containerd

namespace containerd::oci {

using Spec = specs::Spec;

// The file in a bundle that holds the spec.
inline constexpr char kConfigFilename[] = "config.json";

// Most bytes of a spec that is read from a file.
inline constexpr std::size_t kMaxSpecSize = std::size_t{16} << 20;

// What options ask of a client: the snapshotters. Safe from any thread. Source: oci.Client.
class CONTAINERD_EXPORT Client {
 public:
  virtual ~Client() = default;

  virtual std::shared_ptr<snapshots::Snapshotter> SnapshotService(
      std::string_view snapshotter_name) = 0;

  // The daemon's mount manager, or nullptr. Snapshots whose mounts only it understands cannot be
  // looked into without.
  virtual std::shared_ptr<mount::Manager> MountManager() { return nullptr; }
};

// An image whose config can be read. Source: oci.Image.
class CONTAINERD_EXPORT Image {
 public:
  virtual ~Image() = default;

  // The descriptor of the config.
  virtual absl::StatusOr<ocispec::Descriptor> Config(const Context& ctx) const = 0;

  // Where the config's content is.
  virtual std::shared_ptr<content::Store> ContentStore() const = 0;
};

// Changes a spec. `container` is the record that the spec is for, which an option may change, too;
// it is never null in a call by this library, `client` is if there is none. An option that fails
// may leave the spec half changed.
using SpecOpt = option::Option<const Context&, Client*, containers::Container*, Spec&>;
using SpecOpts = SpecOpt;  // as Go calls it

// Makes the default spec for this machine's platform, then applies the options. The context must
// name a namespace: the cgroup's path is "/<namespace>/<container's id>".
CONTAINERD_EXPORT absl::StatusOr<Spec> GenerateSpec(const Context& ctx, Client* client,
                                                    containers::Container* container,
                                                    const std::vector<SpecOpt>& opts = {});

// The same for a platform such as "linux/arm64". For "windows" and "darwin" the default has the
// sections of those. ErrInvalidArgument if `platform` does not parse.
CONTAINERD_EXPORT absl::StatusOr<Spec> GenerateSpecWithPlatform(
    const Context& ctx, Client* client, std::string_view platform, containers::Container* container,
    const std::vector<SpecOpt>& opts = {});

// Applies the options in order, and stops at the first error.
CONTAINERD_EXPORT absl::Status ApplyOpts(const Context& ctx, Client* client,
                                         containers::Container* container, Spec* spec,
                                         const std::vector<SpecOpt>& opts);

// Several options as one.
CONTAINERD_EXPORT SpecOpt Compose(std::vector<SpecOpt> opts);

// Reads a spec from a file. Fields that the library does not know are kept. ErrNotFound if there is
// no such file, ErrInvalidArgument if it is no spec, ErrResourceExhausted if it is larger than
// kMaxSpecSize; all name it. Unlike in Go, nothing may follow the JSON value.
CONTAINERD_EXPORT absl::StatusOr<Spec> ReadSpec(const std::string& path);

// Replaces the spec by the default one (for this machine's platform, or another), so it comes
// first.
CONTAINERD_EXPORT extern const option::Plain<SpecOpt> WithDefaultSpec;
CONTAINERD_EXPORT SpecOpt WithDefaultSpecForPlatform(std::string platform);

// Replaces the spec by one in JSON. Errors as of ReadSpec; after one the spec is as before.
CONTAINERD_EXPORT SpecOpt WithSpecFromBytes(std::string json);
CONTAINERD_EXPORT SpecOpt WithSpecFromFile(std::string filename);

// Adds annotations, over those of the same key.
CONTAINERD_EXPORT SpecOpt WithAnnotations(std::map<std::string, std::string> annotations);

}  // namespace containerd::oci

#endif  // CONTAINERD_OCI_SPEC_H_
