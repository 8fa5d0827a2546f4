// SPDX-License-Identifier: Apache-2.0
//
// The daemon's mount manager: it activates mounts that mount(2) cannot do by itself (devices to set
// up, directories to make, templates to fill in) and keeps them until they are deactivated.
//
//   absl::StatusOr<mount::ActivationInfo> info =
//       manager->Activate(ctx, "build-1", mounts, {mount::WithTemporary});
//   if (errdefs::IsNotImplemented(info.status())) ...   // nothing to activate: mount them yourself
//
// Since containerd 2.2; other daemons answer ErrNotImplemented.
//
// Source: core/mount/manager.go.
#ifndef CONTAINERD_MOUNT_MANAGER_H_
#define CONTAINERD_MOUNT_MANAGER_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/labels/labels.h"
#include "containerd/mount/mount.h"
#include "containerd/option/option.h"
#include "containerd/option/pairs.h"

namespace containerd::rpc {
class Connection;
}  // namespace containerd::rpc

namespace containerd::mount {

struct ActivateOptions {
  Labels labels{};                               // of the activation
  bool temporary = false;                        // do all mounts, and give one bind mount to use
  std::vector<std::string> allow_mount_types{};  // left to the caller; not sent to a daemon
};

using ActivateOpt = option::Option<ActivateOptions&>;

// All mounts are performed, and a single bind mount is returned. Pass it without calling it.
CONTAINERD_EXPORT extern const option::Plain<ActivateOpt> WithTemporary;

CONTAINERD_EXPORT ActivateOpt WithLabels(Labels labels);

// The caller handles mounts of this type; "format/*" means all types that begin with "format/".
CONTAINERD_EXPORT ActivateOpt WithAllowMountType(std::string mount_type);

// A mount that the manager did. Source: mount.ActiveMount.
struct ActiveMount {
  Mount mount{};
  std::optional<absl::Time> mounted_at{};
  std::string mount_point{};  // where it is mounted
  Labels mount_data{};        // what the mount's handler keeps about it

  friend bool operator==(const ActiveMount&, const ActiveMount&) = default;
};

// Source: mount.ActivationInfo.
struct ActivationInfo {
  std::string name{};
  std::vector<ActiveMount> active{};
  std::vector<Mount> system{};  // for the caller to mount, to get at the file system's root
  Labels labels{};

  friend bool operator==(const ActivationInfo&, const ActivationInfo&) = default;
};

// Thread safe. Source: mount.Manager.
class CONTAINERD_EXPORT Manager {
 public:
  virtual ~Manager() = default;

  // Activates `mounts` under a name that is new in the namespace, else ErrAlreadyExists.
  // ErrNotImplemented when none of the mounts needs the manager.
  virtual absl::StatusOr<ActivationInfo> Activate(const Context& ctx, std::string_view name,
                                                  const std::vector<Mount>& mounts,
                                                  const std::vector<ActivateOpt>& opts = {}) = 0;

  virtual absl::Status Deactivate(const Context& ctx, std::string_view name) = 0;

  virtual absl::StatusOr<ActivationInfo> Info(const Context& ctx, std::string_view name) = 0;

  // Changes the fields that `fieldpaths` names ("labels", "labels.<key>"), all if there is none.
  virtual absl::StatusOr<ActivationInfo> Update(
      const Context& ctx, const ActivationInfo& info,
      const std::vector<std::string>& fieldpaths = {}) = 0;
  template <std::size_t N, std::size_t M>
  requires option::IsPair<M>
  void Update(const Context&, const ActivationInfo&, option::BracedTexts<N, M>) = delete;

  virtual absl::StatusOr<std::vector<ActivationInfo>> List(
      const Context& ctx, const std::vector<std::string>& filters = {}) = 0;
  template <std::size_t N, std::size_t M>
  requires option::IsPair<M>
  void List(const Context&, option::BracedTexts<N, M>) = delete;
};

// The daemon's, of containerd 2.2. Source: proxy.NewMountManager.
CONTAINERD_EXPORT std::shared_ptr<Manager> NewMountManager(std::shared_ptr<rpc::Connection> conn);

}  // namespace containerd::mount

#endif  // CONTAINERD_MOUNT_MANAGER_H_
