// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "containerd/errdefs/errdefs.h"
#include "containerd/userns/userns.h"

namespace containerd::userns {
namespace {

using Mappings = std::vector<specs::LinuxIDMapping>;

// The host's id for `id`, or kInvalidID.
std::uint32_t Lookup(std::uint32_t id, const Mappings& mappings) {
  if (mappings.empty()) return id;
  for (const specs::LinuxIDMapping& m : mappings) {
    // As in Go, a range that goes past the last id ends the search.
    if (m.size > std::numeric_limits<std::uint32_t>::max() - m.container_id) return kInvalidID;
    if (id < m.container_id || id - m.container_id >= m.size) continue;
    const std::uint32_t offset = id - m.container_id;
    return offset > kInvalidID - m.host_id ? kInvalidID : m.host_id + offset;
  }
  return kInvalidID;
}

absl::StatusOr<std::uint32_t> ToHostID(std::string_view kind, std::uint32_t id,
                                       const Mappings& mappings) {
  const std::uint32_t host = Lookup(id, mappings);
  if (host == kInvalidID) {
    return errdefs::InvalidArgument(
        fmt::format("{} {} of the container cannot be mapped to one of the host", kind, id));
  }
  return host;
}

std::string MarshalMappings(const Mappings& mappings) {
  std::string text;
  for (const specs::LinuxIDMapping& m : mappings) {
    text += fmt::format("{}{}:{}:{}", text.empty() ? "" : ",", m.container_id, m.host_id, m.size);
  }
  return text;
}

// One number and the separator after it, cut off from `text`.
bool CutNumber(std::string_view& text, char separator, std::uint32_t& value) {
  const auto [end, err] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (err != std::errc() || value == kInvalidID) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (separator == '\0') return text.empty();
  if (!text.starts_with(separator)) return false;
  text.remove_prefix(1);
  return true;
}

absl::StatusOr<Mappings> UnmarshalMappings(std::string_view text) {
  Mappings mappings;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view mapping = text.substr(0, comma);
    std::string_view rest = mapping;
    specs::LinuxIDMapping m;
    if (!CutNumber(rest, ':', m.container_id) || !CutNumber(rest, ':', m.host_id) ||
        !CutNumber(rest, '\0', m.size) || comma == text.size() - 1) {
      return errdefs::InvalidArgument(fmt::format(
          "invalid id mapping \"{}\": want container-id:host-id:size, each below 4294967295",
          mapping));
    }
    mappings.push_back(std::move(m));
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return mappings;
}

}  // namespace

absl::StatusOr<User> IDMap::ToHost(const User& user) const {
  auto uid = ToHostID("uid", user.uid, uid_map);
  if (!uid.ok()) return uid.status();
  auto gid = ToHostID("gid", user.gid, gid_map);
  if (!gid.ok()) return gid.status();
  return User{*uid, *gid};
}

std::pair<std::string, std::string> IDMap::Marshal() const {
  return {MarshalMappings(uid_map), MarshalMappings(gid_map)};
}

absl::StatusOr<IDMap> IDMap::Unmarshal(std::string_view uid_map, std::string_view gid_map) {
  auto uids = UnmarshalMappings(uid_map);
  if (!uids.ok()) return uids.status();
  auto gids = UnmarshalMappings(gid_map);
  if (!gids.ok()) return gids.status();
  return IDMap{*std::move(uids), *std::move(gids)};
}

}  // namespace containerd::userns
