// SPDX-License-Identifier: Apache-2.0
//
// How far pushes are. Registries do not tell, so the resolver's tracker remembers.
//
// Source: core/remotes/docker/status.go.
#ifndef CONTAINERD_REMOTES_DOCKER_STATUS_H_
#define CONTAINERD_REMOTES_DOCKER_STATUS_H_

#include <memory>
#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/content/content.h"
#include "containerd/context/context.h"
#include "containerd/export/export.h"

namespace containerd::remotes::docker {

// What is special about a push. Source: docker.PushStatus.
struct PushStatus {
  // The repository, with its host, that the registry took the content from.
  std::string mounted_from{};

  // The registry had the content.
  bool exists = false;

  friend bool operator==(const PushStatus&, const PushStatus&) = default;
};

// How far a push is. Source: docker.Status.
struct Status : content::Status, PushStatus {
  bool committed = false;

  // Why the writer was closed before it was committed; OK while it is open.
  absl::Status err_closed{};

  // The id that the registry gave the upload.
  std::string upload_uuid{};

  // Where the content went to: the repository with its host, for manifests with the tag too. Empty
  // if that is not known. Content that one repository has may have to be pushed to another.
  std::string pushed_to{};
};

// Implementations are safe from any thread.
class CONTAINERD_EXPORT StatusTracker {
 public:
  virtual ~StatusTracker() = default;

  // ErrNotFound for a ref that nothing was set for.
  virtual absl::StatusOr<Status> GetStatus(std::string_view ref) = 0;
  virtual void SetStatus(std::string_view ref, const Status& status) = 0;
};

// A tracker that lets one thread at a time begin a push of a ref.
class CONTAINERD_EXPORT StatusTrackLocker : public StatusTracker {
 public:
  // Waits for whoever has the lock, or until the context ends: then its error.
  virtual absl::Status Lock(const Context& ctx, std::string_view ref) = 0;
  virtual void Unlock(std::string_view ref) = 0;
};

CONTAINERD_EXPORT std::shared_ptr<StatusTrackLocker> NewInMemoryTracker();

}  // namespace containerd::remotes::docker

#endif  // CONTAINERD_REMOTES_DOCKER_STATUS_H_
