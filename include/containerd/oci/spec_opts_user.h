// SPDX-License-Identifier: Apache-2.0
//
// Options for the user and groups of the process. Names are looked up in /etc/passwd and /etc/group
// of the container's root file system: that of its snapshot, which need not be mounted, or, for a
// container without a snapshotter and snapshot, the spec's root path, which then must be absolute.
// So these options come after those for the snapshot or the root path.
//
// Those files come from an image: symbolic links lead nowhere outside the root, a file that is not
// a regular one or has more than kMaxUserFileSize bytes is an error, and any bytes in them are
// parsed, as Go does: an id that is no number is 0, one that is out of range -1 (which runtimes
// refuse), and the first match counts. Bind mounts and overlays are read in place; for other
// snapshots they are mounted read-only for a moment, which needs CAP_SYS_ADMIN.
//
// Each option that sets a user also sets the additional groups: to the user's own group alone,
// except where said otherwise.
//
// Source: pkg/oci/spec_opts.go.
#ifndef CONTAINERD_OCI_SPEC_OPTS_USER_H_
#define CONTAINERD_OCI_SPEC_OPTS_USER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/export/export.h"
#include "containerd/oci/spec.h"
#include "containerd/option/pairs.h"

namespace containerd::oci {

// Most bytes of an /etc/passwd or /etc/group.
inline constexpr std::size_t kMaxUserFileSize = std::size_t{10} << 20;

// A user as an image's config names one: "user", "uid", "user:group", "uid:gid", "uid:group" or
// "user:gid". Ids range from 0 to 2^31-1; others are ErrInvalidArgument. ErrNotFound names a user
// or group that is not there.
CONTAINERD_EXPORT SpecOpt WithUser(std::string user);

// The ids as they are; nothing is looked up.
CONTAINERD_EXPORT SpecOpt WithUIDGID(std::uint32_t uid, std::uint32_t gid);

// The user of this id, with its group; group 0 if /etc/passwd does not have the user.
CONTAINERD_EXPORT SpecOpt WithUserID(std::uint32_t uid);

// The user of this name. ErrNotFound if there is none.
CONTAINERD_EXPORT SpecOpt WithUsername(std::string username);

// The additional groups: those that have `user`, a name or an id, as a member, after the process's
// own group. A user that is not there has none. Left out is the user's primary group by its id;
// Go's client leaves out whatever group has the user's name.
CONTAINERD_EXPORT SpecOpt WithAdditionalGIDs(std::string user);

// Adds to the additional groups, by name or id. ErrNotFound names a group that is not there.
CONTAINERD_EXPORT SpecOpt WithAppendAdditionalGroups(std::vector<std::string> groups);
template <std::size_t N, std::size_t M>
requires option::IsPair<M>
void WithAppendAdditionalGroups(option::BracedTexts<N, M>) = delete;

// The mode bits that the process's new files do not get.
CONTAINERD_EXPORT SpecOpt WithUmask(std::uint32_t umask);

// A line of /etc/passwd (passwd(5)).
struct User {
  std::string name{};
  std::string pass{};
  std::int64_t uid = 0;
  std::int64_t gid = 0;
  std::string gecos{};
  std::string home{};
  std::string shell{};

  friend bool operator==(const User&, const User&) = default;
};

// A line of /etc/group (group(5)).
struct Group {
  std::string name{};
  std::string pass{};
  std::int64_t gid = 0;
  std::vector<std::string> list{};  // The members.

  friend bool operator==(const Group&, const Group&) = default;
};

using UserFilter = std::function<bool(const User&)>;
using GroupFilter = std::function<bool(const Group&)>;

// The first user, or the id of the first group, that the filter (nullptr: any) accepts in the root
// file system at `root`. ErrNoUsersFound or ErrNoGroupsFound if there is none; ErrNotFound, too,
// if there is no such file.
CONTAINERD_EXPORT absl::StatusOr<User> UserFromPath(const std::string& root,
                                                    const UserFilter& filter);
CONTAINERD_EXPORT absl::StatusOr<std::uint32_t> GIDFromPath(const std::string& root,
                                                            const GroupFilter& filter);

// The same for a directory that is open; the descriptor stays the caller's. Go takes an fs.FS here.
CONTAINERD_EXPORT absl::StatusOr<User> UserFromFS(int root_fd, const UserFilter& filter);
CONTAINERD_EXPORT absl::StatusOr<std::uint32_t> GIDFromFS(int root_fd, const GroupFilter& filter);

// Of class ErrNotFound, "no users found" and "no groups found". The predicates hold for annotated
// ones, too.
CONTAINERD_EXPORT absl::Status ErrNoUsersFound();
CONTAINERD_EXPORT absl::Status ErrNoGroupsFound();
CONTAINERD_EXPORT bool IsErrNoUsersFound(const absl::Status& status);
CONTAINERD_EXPORT bool IsErrNoGroupsFound(const absl::Status& status);

}  // namespace containerd::oci

#endif  // CONTAINERD_OCI_SPEC_OPTS_USER_H_
