// SPDX-License-Identifier: Apache-2.0
#include "apart.h"

#include <filesystem>
#include <string_view>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "containerd/digest/digest.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/runc/v1/options.pb.h"
#include "containerd/specs/json.h"
#include "containerd/specs/spec.h"
#include "containerd/typeurl/typeurl.h"

#include "src/base/path.h"

namespace containerd::supervisor {
namespace {

namespace fs = std::filesystem;
using RuncOptions = ::containerd::runc::v1::Options;

constexpr std::string_view kRunc = "io.containerd.runc.";
constexpr std::string_view kCgroupRoot = "/sys/fs/cgroup";
constexpr std::size_t kDigits = 16;  // of a hash, which are plenty for the daemons of a machine

// "/a/b" becomes "/<parent>/a/b"; a systemd unit, "slice:prefix:name", gets a longer prefix.
std::string Below(const std::string& parent, const std::string& path, bool systemd) {
  if (!systemd) return base::JoinPath({"/", parent, path});
  const std::size_t name = path.rfind(':');
  if (name == std::string::npos) return path;
  return fmt::format("{}-{}{}", path.substr(0, name), parent, path.substr(name));
}

// Removes the folder's empty folders, then the folder if it is empty.
void RemoveEmpty(const fs::path& folder) {
  std::vector<fs::path> below;
  std::error_code ec;
  for (fs::directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec)) {
    std::error_code ignored;
    if (it->symlink_status(ignored).type() == fs::file_type::directory) below.push_back(it->path());
  }
  for (const fs::path& path : below) RemoveEmpty(path);
  ::rmdir(folder.c_str());
}

}  // namespace

std::string CgroupParent(const std::string& state_dir) {
  const digest::Digest hash = digest::FromString(state_dir);
  return fmt::format("containerd-{}", hash.Encoded().substr(0, kDigits));
}

absl::Status KeepApart(const Context& ctx, const Client& client, const std::string& runc_root,
                       const std::string& parent, containers::Container& container) {
  if (!container.runtime.name.starts_with(kRunc)) {
    return errdefs::NotImplemented(
        fmt::format("container \"{}\": runtime \"{}\" cannot be told where to keep its state, as "
                    "runc can",
                    container.id, container.runtime.name));
  }
  RuncOptions options;
  if (!container.runtime.options.empty()) {
    if (absl::Status s = typeurl::UnmarshalTo(container.runtime.options, options); !s.ok()) {
      return errdefs::Annotate(s, fmt::format("container \"{}\": runtime options", container.id));
    }
  }
  if (options.root().empty()) {
    options.set_root(runc_root);
    absl::StatusOr<typeurl::Any> any = typeurl::MarshalAny(options);
    if (!any.ok()) return any.status();
    container.runtime.options = *std::move(any);
  }

  if (container.spec.empty()) return absl::OkStatus();
  specs::Spec spec;
  if (absl::Status s = typeurl::UnmarshalTo(container.spec, spec); !s.ok()) {
    return errdefs::Annotate(s, fmt::format("container \"{}\": spec", container.id));
  }
  if (!spec.linux_.has_value()) return absl::OkStatus();
  std::string& path = spec.linux_->cgroups_path;
  if (path.empty()) {
    path = base::JoinPath({"/", ctx.Namespace().value_or(client.DefaultNamespace()), container.id});
  }
  path = Below(parent, path, options.systemd_cgroup());
  absl::StatusOr<typeurl::Any> any = typeurl::MarshalAny(spec);
  if (!any.ok()) return any.status();
  container.spec = *std::move(any);
  return absl::OkStatus();
}

void RemoveEmptyCgroups(const std::string& parent) {
  RemoveEmpty(fs::path(kCgroupRoot) / parent);
  std::error_code ec;
  for (fs::directory_iterator it(kCgroupRoot, ec), end; !ec && it != end; it.increment(ec)) {
    RemoveEmpty(it->path() / parent);
  }
}

}  // namespace containerd::supervisor
