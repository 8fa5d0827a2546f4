// SPDX-License-Identifier: Apache-2.0
#include "user_files.h"

#include <charconv>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "src/errdefs/internal/guard.h"
#include "src/errdefs/internal/mark.h"

namespace containerd::oci {
namespace {

constexpr char kPasswdPath[] = "etc/passwd";
constexpr char kGroupPath[] = "etc/group";
constexpr char kNoUsers[] = "oci.ErrNoUsersFound";
constexpr char kNoGroups[] = "oci.ErrNoGroupsFound";

constexpr std::size_t kMaxPasswdLine = std::size_t{64} << 10;
constexpr std::size_t kMaxGroupLine = std::size_t{1} << 20;

// Cuts `*rest` at the first `separator`, and returns what is before it.
std::string_view Next(std::string_view* rest, char separator) {
  const std::size_t end = rest->find(separator);
  const std::string_view part = rest->substr(0, end);
  rest->remove_prefix(end == std::string_view::npos ? rest->size() : end + 1);
  return part;
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// Calls `each` with the lines that are not blank until it returns false.
template <class F>
absl::Status ForEachLine(std::string_view text, std::size_t max_line, F each) {
  for (int number = 1; !text.empty(); ++number) {
    const std::string_view line = Next(&text, '\n');
    if (line.size() >= max_line) {
      return errdefs::InvalidArgument(
          fmt::format("line {} has {} bytes, the limit is {}", number, line.size(), max_line));
    }
    const std::string_view trimmed = Trim(line);
    if (!trimmed.empty() && !each(trimmed)) break;
  }
  return absl::OkStatus();
}

// An id of a line. Cut to 32 bits, one that is out of range would become another's, even root's.
std::int64_t ParseID(std::string_view text) {
  const std::int64_t id = ParseNumber(text).value;
  return id < 0 || id > std::numeric_limits<std::int32_t>::max() ? -1 : id;
}

std::vector<std::string> SplitMembers(std::string_view text) {
  std::vector<std::string> members;
  while (!text.empty()) {
    const bool last_is_empty = text.back() == ',' && text.find(',') == text.size() - 1;
    members.emplace_back(Next(&text, ','));
    if (last_is_empty) members.emplace_back();
  }
  return members;
}

}  // namespace

Number ParseNumber(std::string_view text) {
  // from_chars knows no '+'.
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return {};
  }
  const bool negative = text.starts_with('-');
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::invalid_argument || end != text.data() + text.size()) return {};
  if (error == std::errc::result_out_of_range) {
    return {.kind = Number::Kind::kOutOfRange,
            .value = negative ? std::numeric_limits<std::int64_t>::min()
                              : std::numeric_limits<std::int64_t>::max()};
  }
  return {.kind = Number::Kind::kNumber, .value = value};
}

absl::StatusOr<std::vector<User>> ParsePasswd(std::string_view text, const UserFilter& filter,
                                              std::size_t limit) {
  std::vector<User> users;
  absl::Status failed;
  absl::Status s = ForEachLine(text, kMaxPasswdLine, [&](std::string_view line) {
    User user;
    user.name = Next(&line, ':');
    user.pass = Next(&line, ':');
    user.uid = ParseID(Next(&line, ':'));
    user.gid = ParseID(Next(&line, ':'));
    user.gecos = Next(&line, ':');
    user.home = Next(&line, ':');
    user.shell = Next(&line, ':');
    absl::StatusOr<bool> wanted = true;
    if (filter != nullptr) wanted = errdefs::Guard("a filter of users", filter, user);
    if (!wanted.ok()) {
      failed = wanted.status();
      return false;
    }
    if (*wanted) users.push_back(std::move(user));
    return users.size() < limit;
  });
  if (s.ok()) s = failed;
  if (!s.ok()) return s;
  return users;
}

absl::StatusOr<std::vector<Group>> ParseGroup(std::string_view text, const GroupFilter& filter,
                                              std::size_t limit) {
  std::vector<Group> groups;
  absl::Status failed;
  absl::Status s = ForEachLine(text, kMaxGroupLine, [&](std::string_view line) {
    if (line.starts_with('#')) return true;
    Group group;
    group.name = Next(&line, ':');
    group.pass = Next(&line, ':');
    group.gid = ParseID(Next(&line, ':'));
    group.list = SplitMembers(Next(&line, ':'));
    absl::StatusOr<bool> wanted = true;
    if (filter != nullptr) wanted = errdefs::Guard("a filter of groups", filter, group);
    if (!wanted.ok()) {
      failed = wanted.status();
      return false;
    }
    if (*wanted) groups.push_back(std::move(group));
    return groups.size() < limit;
  });
  if (s.ok()) s = failed;
  if (!s.ok()) return s;
  return groups;
}

absl::StatusOr<User> FindUser(const RootView& root, const UserFilter& filter) {
  auto text = root.ReadFile(kPasswdPath, kMaxUserFileSize);
  if (!text.ok()) return text.status();
  auto users = ParsePasswd(*text, filter, 1);
  if (!users.ok()) return errdefs::Annotate(users.status(), kPasswdPath);
  if (users->empty()) return ErrNoUsersFound();
  return std::move(users->front());
}

absl::StatusOr<std::uint32_t> FindGID(const RootView& root, const GroupFilter& filter) {
  auto text = root.ReadFile(kGroupPath, kMaxUserFileSize);
  if (!text.ok()) return text.status();
  auto groups = ParseGroup(*text, filter, 1);
  if (!groups.ok()) return errdefs::Annotate(groups.status(), kGroupPath);
  if (groups->empty()) return ErrNoGroupsFound();
  return static_cast<std::uint32_t>(groups->front().gid);
}

absl::StatusOr<std::vector<Group>> FindGroups(const RootView& root, const GroupFilter& filter) {
  auto text = root.ReadFile(kGroupPath, kMaxUserFileSize);
  if (!text.ok()) return text.status();
  auto groups = ParseGroup(*text, filter);
  if (!groups.ok()) return errdefs::Annotate(groups.status(), kGroupPath);
  return groups;
}

absl::StatusOr<User> UserFromPath(const std::string& root, const UserFilter& filter) {
  auto view = RootView::OfDirectory(root);
  if (!view.ok()) return view.status();
  return FindUser(*view, filter);
}

absl::StatusOr<std::uint32_t> GIDFromPath(const std::string& root, const GroupFilter& filter) {
  auto view = RootView::OfDirectory(root);
  if (!view.ok()) return view.status();
  return FindGID(*view, filter);
}

absl::StatusOr<User> UserFromFS(int root_fd, const UserFilter& filter) {
  auto view = RootView::OfDescriptor(root_fd);
  if (!view.ok()) return view.status();
  return FindUser(*view, filter);
}

absl::StatusOr<std::uint32_t> GIDFromFS(int root_fd, const GroupFilter& filter) {
  auto view = RootView::OfDescriptor(root_fd);
  if (!view.ok()) return view.status();
  return FindGID(*view, filter);
}

absl::Status ErrNoUsersFound() {
  return errdefs::Mark(errdefs::NotFound("no users found"), kNoUsers);
}
absl::Status ErrNoGroupsFound() {
  return errdefs::Mark(errdefs::NotFound("no groups found"), kNoGroups);
}
bool IsErrNoUsersFound(const absl::Status& status) { return errdefs::IsMarked(status, kNoUsers); }
bool IsErrNoGroupsFound(const absl::Status& status) { return errdefs::IsMarked(status, kNoGroups); }

}  // namespace containerd::oci
