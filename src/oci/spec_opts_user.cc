// SPDX-License-Identifier: Apache-2.0
#include "containerd/oci/spec_opts_user.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include <absl/cleanup/cleanup.h>
#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"

#include "rootfs.h"
#include "sections.h"
#include "user_files.h"

namespace containerd::oci {
namespace {

// runc's limit. Linux itself would take ids up to 2^32-3.
constexpr std::int64_t kMaxID = std::numeric_limits<std::int32_t>::max();

// The process's own group comes first in the additional ones, unless it is among them.
void EnsureAdditionalGIDs(Spec* spec) {
  specs::User& user = EnsureProcess(spec).user;
  std::vector<std::uint32_t>& gids = user.additional_gids;
  if (std::find(gids.begin(), gids.end(), user.gid) == gids.end()) {
    gids.insert(gids.begin(), user.gid);
  }
}

// Empties the additional groups, and when it goes out of scope adds the process's own.
auto ResetAdditionalGIDs(Spec* spec) {
  EnsureProcess(spec).user.additional_gids.clear();
  return absl::MakeCleanup([spec] { EnsureAdditionalGIDs(spec); });
}

UserFilter Named(std::string_view name) {
  return [name = std::string(name)](const User& user) { return user.name == name; };
}

UserFilter WithID(std::int64_t uid) {
  return [uid](const User& user) { return user.uid == uid; };
}

// "user" or "group" of a USER value: an id, or else a name.
struct UserPart {
  std::optional<std::uint32_t> id{};
  std::string_view name{};
};

absl::StatusOr<UserPart> ParsePart(std::string_view part, std::string_view user,
                                   std::string_view what) {
  const Number number = ParseNumber(part);
  if (number.kind == Number::Kind::kNotANumber) return UserPart{.name = part};
  if (number.kind == Number::Kind::kOutOfRange || number.value < 0 || number.value > kMaxID) {
    return errdefs::InvalidArgument(
        fmt::format("invalid USER value \"{}\": {} out of range", user, what));
  }
  return UserPart{.id = static_cast<std::uint32_t>(number.value)};
}

// Names the user or group in the error: `user "nobody": no users found`.
absl::Status Naming(const absl::Status& status, std::string_view what, std::string_view name) {
  return errdefs::Annotate(status, fmt::format("{} \"{}\"", what, name));
}

void SetIDs(Spec* spec, std::uint32_t uid, std::uint32_t gid) {
  specs::User& user = EnsureProcess(spec).user;
  user.uid = uid;
  user.gid = gid;
}

// A user and a group of which at least one is a name.
absl::Status SetUserAndGroup(const RootView& root, const UserPart& user, const UserPart& group,
                             Spec* spec) {
  std::uint32_t uid = user.id.value_or(0);
  if (!user.id.has_value() && !user.name.empty()) {
    auto found = FindUser(root, Named(user.name));
    if (!found.ok()) return Naming(found.status(), "user", user.name);
    uid = static_cast<std::uint32_t>(found->uid);
  }
  std::uint32_t gid = group.id.value_or(0);
  if (!group.id.has_value() && !group.name.empty()) {
    auto found = FindGID(root, [&](const Group& g) { return g.name == group.name; });
    if (!found.ok()) return Naming(found.status(), "group", group.name);
    gid = *found;
  }
  SetIDs(spec, uid, gid);
  return absl::OkStatus();
}

// The user that `user`, an id or a name, stands for; nullopt if no user has the id. A name may be a
// member of groups without being in /etc/passwd.
absl::StatusOr<std::optional<User>> UserOf(const RootView& root, const std::string& user) {
  const Number number = ParseNumber(user);
  const bool is_id = number.kind == Number::Kind::kNumber;
  auto found = FindUser(root, is_id ? WithID(number.value) : Named(user));
  if (found.ok()) return *std::move(found);
  if (!errdefs::IsNotFound(found.status())) return Naming(found.status(), "user", user);
  if (is_id) return std::nullopt;
  return User{.name = user, .gid = -1};
}

absl::Status SetAdditionalGIDs(const RootView& root, const std::string& user, Spec* spec) {
  auto member = UserOf(root, user);
  if (!member.ok()) return member.status();
  if (!member->has_value()) return absl::OkStatus();
  const User& found = **member;
  auto groups = FindGroups(root, [&](const Group& group) {
    // The primary group is told by its id: a group of the user's name may be another.
    return group.gid != found.gid &&
           std::find(group.list.begin(), group.list.end(), found.name) != group.list.end();
  });
  if (errdefs::IsNotFound(groups.status())) return absl::OkStatus();
  if (!groups.ok()) return Naming(groups.status(), "groups of user", user);
  std::vector<std::uint32_t>& gids = spec->process->user.additional_gids;
  gids.clear();
  for (const Group& group : *groups) gids.push_back(static_cast<std::uint32_t>(group.gid));
  return absl::OkStatus();
}

absl::Status AppendGroups(const RootView& root, const std::vector<std::string>& groups,
                          Spec* spec) {
  auto known = FindGroups(root, nullptr);
  const bool no_file = errdefs::IsNotFound(known.status());
  if (!known.ok() && !no_file) return known.status();
  std::map<std::string_view, std::uint32_t> by_name;
  if (known.ok()) {
    for (const Group& group : *known) {
      by_name.insert_or_assign(group.name, static_cast<std::uint32_t>(group.gid));
    }
  }
  std::vector<std::uint32_t> gids;
  for (const std::string& group : groups) {
    std::uint32_t gid = 0;
    const auto [end, error] = std::from_chars(group.data(), group.data() + group.size(), gid);
    if (error == std::errc() && end == group.data() + group.size()) {
      gids.push_back(gid);
      continue;
    }
    const auto found = by_name.find(group);
    if (found == by_name.end()) {
      return errdefs::NotFound(
          fmt::format("unable to find group \"{}\"{}{}", group, no_file ? ": " : "",
                      no_file ? errdefs::Message(known.status()) : std::string_view()));
    }
    gids.push_back(found->second);
  }
  std::vector<std::uint32_t>& all = spec->process->user.additional_gids;
  all.insert(all.end(), gids.begin(), gids.end());
  return absl::OkStatus();
}

}  // namespace

SpecOpt WithUser(std::string user) {
  return [user = std::move(user)](const Context& ctx, Client* client,
                                  containers::Container* container, Spec* spec) -> absl::Status {
    const auto groups = ResetAdditionalGIDs(spec);
    if (spec->windows.has_value() && spec->linux_.has_value()) {
      // A Linux container in a VM on Windows, where its root file system is not to be seen.
      spec->process->user.username = user;
      return absl::OkStatus();
    }
    const std::string_view text = user;
    const std::size_t colon = text.find(':');
    auto first = ParsePart(text.substr(0, colon), text, "uid");
    if (colon == std::string_view::npos) {
      if (!first.ok()) return first.status();
      return first->id.has_value() ? WithUserID(*first->id)(ctx, client, container, spec)
                                   : WithUsername(user)(ctx, client, container, spec);
    }
    if (text.find(':', colon + 1) != std::string_view::npos) {
      return errdefs::InvalidArgument(
          fmt::format("invalid USER value \"{}\": more than one colon", text));
    }
    if (!first.ok()) return first.status();
    auto second = ParsePart(text.substr(colon + 1), text, "gid");
    if (!second.ok()) return second.status();
    if (first->name.empty() && second->name.empty()) {
      SetIDs(spec, first->id.value_or(0), second->id.value_or(0));
      return absl::OkStatus();
    }
    return WithRootView(ctx, client, container, *spec, [&](const RootView& root) {
      return SetUserAndGroup(root, *first, *second, spec);
    });
  };
}

SpecOpt WithUIDGID(std::uint32_t uid, std::uint32_t gid) {
  return [uid, gid](const Context&, Client*, containers::Container*, Spec* spec) {
    const auto groups = ResetAdditionalGIDs(spec);
    SetIDs(spec, uid, gid);
    return absl::OkStatus();
  };
}

SpecOpt WithUserID(std::uint32_t uid) {
  return [uid](const Context& ctx, Client* client, containers::Container* container, Spec* spec) {
    const auto groups = ResetAdditionalGIDs(spec);
    return WithRootView(ctx, client, container, *spec, [&](const RootView& root) {
      auto user = FindUser(root, WithID(uid));
      if (user.ok()) {
        SetIDs(spec, uid, static_cast<std::uint32_t>(user->gid));
      } else if (errdefs::IsNotFound(user.status())) {
        SetIDs(spec, uid, 0);
      } else {
        return errdefs::Annotate(user.status(), fmt::format("user {}", uid));
      }
      return absl::OkStatus();
    });
  };
}

SpecOpt WithUsername(std::string username) {
  return [username = std::move(username)](const Context& ctx, Client* client,
                                          containers::Container* container,
                                          Spec* spec) -> absl::Status {
    const auto groups = ResetAdditionalGIDs(spec);
    if (!spec->linux_.has_value()) {
      if (!spec->windows.has_value()) {
        return errdefs::InvalidArgument(
            fmt::format("user \"{}\": spec has neither a Linux nor a Windows section", username));
      }
      spec->process->user.username = username;
      return absl::OkStatus();
    }
    return WithRootView(ctx, client, container, *spec, [&](const RootView& root) {
      auto user = FindUser(root, Named(username));
      if (!user.ok()) return Naming(user.status(), "user", username);
      SetIDs(spec, static_cast<std::uint32_t>(user->uid), static_cast<std::uint32_t>(user->gid));
      return absl::OkStatus();
    });
  };
}

SpecOpt WithAdditionalGIDs(std::string user) {
  return [user = std::move(user)](const Context& ctx, Client* client,
                                  containers::Container* container, Spec* spec) -> absl::Status {
    if (spec->windows.has_value()) return absl::OkStatus();
    EnsureProcess(spec).user.additional_gids.clear();
    return WithRootView(ctx, client, container, *spec, [&](const RootView& root) {
      absl::Status s = SetAdditionalGIDs(root, user, spec);
      EnsureAdditionalGIDs(spec);
      return s;
    });
  };
}

SpecOpt WithAppendAdditionalGroups(std::vector<std::string> groups) {
  return
      [groups = std::move(groups)](const Context& ctx, Client* client,
                                   containers::Container* container, Spec* spec) -> absl::Status {
        if (spec->windows.has_value()) return absl::OkStatus();
        EnsureProcess(spec);
        return WithRootView(ctx, client, container, *spec, [&](const RootView& root) {
          absl::Status s = AppendGroups(root, groups, spec);
          // After ErrNotImplemented this runs again with a mount, and has to find the spec as it
          // was.
          if (!errdefs::IsNotImplemented(s)) EnsureAdditionalGIDs(spec);
          return s;
        });
      };
}

SpecOpt WithUmask(std::uint32_t umask) {
  return [umask](const Context&, Client*, containers::Container*, Spec* spec) {
    EnsureProcess(spec).user.umask = umask;
    return absl::OkStatus();
  };
}

}  // namespace containerd::oci
