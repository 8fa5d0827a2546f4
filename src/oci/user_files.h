// SPDX-License-Identifier: Apache-2.0
//
// The users and groups that a root file system knows. Source: github.com/moby/sys/user.
#ifndef CONTAINERD_SRC_OCI_USER_FILES_H_
#define CONTAINERD_SRC_OCI_USER_FILES_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "containerd/oci/spec_opts_user.h"

#include "root_view.h"

namespace containerd::oci {

// A number as Go's strconv.Atoi takes it: an optional sign, and digits.
struct Number {
  enum class Kind { kNumber, kOutOfRange, kNotANumber } kind = Kind::kNotANumber;
  std::int64_t value = 0;  // Of kOutOfRange the nearest that there is; of kNotANumber 0.
};
Number ParseNumber(std::string_view text);

// The lines that the filter (nullptr: any) accepts, of at most `limit` of them. Fields that are
// missing are empty, ids that are no numbers 0, and ids beyond 2^31-1 or below 0 are -1.
// ErrInvalidArgument for a line of 64 KiB (of a group: 1 MiB) or more.
inline constexpr std::size_t kNoLimit = static_cast<std::size_t>(-1);
absl::StatusOr<std::vector<User>> ParsePasswd(std::string_view text, const UserFilter& filter,
                                              std::size_t limit = kNoLimit);
absl::StatusOr<std::vector<Group>> ParseGroup(std::string_view text, const GroupFilter& filter,
                                              std::size_t limit = kNoLimit);

// The same of a root file system's /etc/passwd and /etc/group. ErrNotFound if it has none.
absl::StatusOr<User> FindUser(const RootView& root, const UserFilter& filter);
absl::StatusOr<std::uint32_t> FindGID(const RootView& root, const GroupFilter& filter);
absl::StatusOr<std::vector<Group>> FindGroups(const RootView& root, const GroupFilter& filter);

}  // namespace containerd::oci

#endif  // CONTAINERD_SRC_OCI_USER_FILES_H_
