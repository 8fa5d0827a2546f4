// SPDX-License-Identifier: Apache-2.0
//
// Containers, images, leases, namespaces and sandboxes.
#include <absl/time/clock.h>
#include <fmt/format.h>

#include "containerd/digest/digest.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/identifiers/identifiers.h"
#include "containerd/labels/labels.h"

#include "state.h"
#include "views.h"

namespace containerd::testing::stores {
namespace {

using Path = std::span<const std::string>;

absl::Status NotFound(std::string_view what, std::string_view id) {
  return errdefs::NotFound(fmt::format("{} \"{}\": not found", what, id));
}
absl::Status Exists(std::string_view what, std::string_view id) {
  return errdefs::AlreadyExists(fmt::format("{} \"{}\": already exists", what, id));
}
absl::Status BadPath(std::string_view what, std::string_view id, std::string_view path) {
  return CannotUpdate(fmt::format("{} \"{}\"", what, id), path);
}

absl::Status Validate(const containers::Container& c) {
  if (absl::Status s = identifiers::Validate(c.id); !s.ok()) {
    return errdefs::Annotate(s, "container's id");
  }
  if (absl::Status s = labels::Validate(c.labels); !s.ok()) return s;
  if (c.runtime.name.empty()) {
    return errdefs::InvalidArgument(fmt::format("container \"{}\": no runtime", c.id));
  }
  if (!c.snapshot_key.empty() && c.snapshotter.empty()) {
    return errdefs::InvalidArgument(
        fmt::format("container \"{}\": a snapshot without a snapshotter", c.id));
  }
  return absl::OkStatus();
}

auto AdaptContainer(const containers::Container& c) {
  return [&c](Path path) -> std::optional<std::string> {
    if (path.empty()) return std::nullopt;
    if (path[0] == "id") return c.id;
    if (path[0] == "image") return c.image;
    if (path[0] == "runtime" && path.size() > 1 && path[1] == "name") return c.runtime.name;
    if (path[0] == "labels") return LabelAt(c.labels, path);
    return std::nullopt;
  };
}

// Sets labels and extensions, all or one, if that is what the path names.
template <typename Record>
bool SetMaps(const Record& from, const std::string& path, Record& to) {
  if (path.starts_with("labels.")) {
    SetKey(from.labels, path.substr(7), to.labels);
  } else if (path.starts_with("extensions.")) {
    const auto extension = from.extensions.find(path.substr(11));
    to.extensions.erase(path.substr(11));
    if (extension != from.extensions.end()) to.extensions.insert(*extension);
  } else if (path == "labels") {
    to.labels = Kept(from.labels);
  } else if (path == "extensions") {
    to.extensions = from.extensions;
  } else {
    return false;
  }
  return true;
}

class Containers final : public containers::Store {
 public:
  explicit Containers(std::shared_ptr<Database> db) : db_(std::move(db)) {}

  absl::StatusOr<containers::Container> Get(const Context& ctx, std::string_view id) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Namespace*> ns = db_->In(ctx);
    if (!ns.ok()) return ns.status();
    const auto found = (*ns)->containers.find(std::string(id));
    if (found == (*ns)->containers.end()) return NotFound("container", id);
    return found->second;
  }

  absl::StatusOr<std::vector<containers::Container>> List(
      const Context& ctx, const std::vector<std::string>& filters) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Namespace*> ns = db_->In(ctx);
    if (!ns.ok()) return ns.status();
    auto chosen = Select((*ns)->containers, filters, AdaptContainer);
    if (!chosen.ok()) return errdefs::Annotate(chosen.status(), "list containers");
    return chosen;
  }

  absl::StatusOr<containers::Container> Create(const Context& ctx,
                                               const containers::Container& container) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Namespace*> ns = db_->In(ctx);
    if (!ns.ok()) return ns.status();
    if (absl::Status s = Validate(container); !s.ok()) return s;
    containers::Container made = container;
    made.labels = Kept(made.labels);
    made.created_at = made.updated_at = absl::Now();
    if (!(*ns)->containers.emplace(made.id, made).second) return Exists("container", made.id);
    return made;
  }

  absl::StatusOr<containers::Container> Update(
      const Context& ctx, const containers::Container& from,
      const std::vector<std::string>& fieldpaths) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Namespace*> ns = db_->In(ctx);
    if (!ns.ok()) return ns.status();
    const auto found = (*ns)->containers.find(from.id);
    if (found == (*ns)->containers.end()) return NotFound("container", from.id);
    containers::Container to = found->second;
    std::vector<std::string> paths = fieldpaths;
    if (paths.empty()) {
      if (from.snapshotter != to.snapshotter) return BadPath("container", from.id, "snapshotter");
      if (from.runtime.name != to.runtime.name) return BadPath("container", from.id, "runtime");
      paths = {"labels", "spec", "extensions", "image", "snapshotkey"};
    }
    for (const std::string& path : paths) {
      if (SetMaps(from, path, to)) continue;
      if (path == "spec") {
        to.spec = from.spec;
      } else if (path == "image") {
        to.image = from.image;
      } else if (path == "snapshotkey") {
        to.snapshot_key = from.snapshot_key;
      } else {
        return BadPath("container", from.id, path);
      }
    }
    if (absl::Status s = Validate(to); !s.ok()) return s;
    to.updated_at = absl::Now();
    return found->second = to;
  }

  absl::Status Delete(const Context& ctx, std::string_view id) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Namespace*> ns = db_->In(ctx);
    if (!ns.ok()) return ns.status();
    return (*ns)->containers.erase(std::string(id)) > 0 ? absl::OkStatus()
                                                        : NotFound("container", id);
  }

 private:
  const std::shared_ptr<Database> db_;
};

absl::Status Validate(const images::Image& image) {
  if (image.name.empty()) return errdefs::InvalidArgument("image: the name must not be empty");
  if (absl::Status s = labels::Validate(image.labels); !s.ok()) return s;
  if (absl::Status s = digest::Digest(image.target.digest).Validate(); !s.ok()) {
    return errdefs::InvalidArgument(
        fmt::format("image \"{}\": target digest: {}", image.name, errdefs::Message(s)));
  }
  if (image.target.size <= 0) {
    return errdefs::InvalidArgument(
        fmt::format("image \"{}\": target size must be greater than zero", image.name));
  }
  if (image.target.media_type.empty()) {
    return errdefs::InvalidArgument(
        fmt::format("image \"{}\": target media type must be set", image.name));
  }
  return absl::OkStatus();
}

auto AdaptImage(const images::Image& image) {
  return [&image](Path path) -> std::optional<std::string> {
    if (path.empty()) return std::nullopt;
    if (path[0] == "name") return image.name;
    if (path[0] == "target" && path.size() > 1) {
      if (path[1] == "digest") return image.target.digest;
      if (path[1] == "mediatype") return image.target.media_type;
    }
    if (path[0] == "labels") return LabelAt(image.labels, path);
    if (path[0] == "annotations") return LabelAt(image.target.annotations, path);
    return std::nullopt;
  };
}

class Images final : public images::Store {
 public:
  explicit Images(std::shared_ptr<Database> db) : db_(std::move(db)) {}

  absl::StatusOr<images::Image> Get(const Context& ctx, std::string_view name) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Namespace*> ns = db_->In(ctx);
    if (!ns.ok()) return ns.status();
    const auto found = (*ns)->images.find(std::string(name));
    if (found == (*ns)->images.end()) return NotFound("image", name);
    return found->second;
  }

  absl::StatusOr<std::vector<images::Image>> List(
      const Context& ctx, const std::vector<std::string>& filters) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Namespace*> ns = db_->In(ctx);
    if (!ns.ok()) return ns.status();
    auto chosen = Select((*ns)->images, filters, AdaptImage);
    if (!chosen.ok()) return errdefs::Annotate(chosen.status(), "list images");
    return chosen;
  }

  absl::StatusOr<images::Image> Create(const Context& ctx, const images::Image& image) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Namespace*> ns = db_->In(ctx);
    if (!ns.ok()) return ns.status();
    if (absl::Status s = Validate(image); !s.ok()) return s;
    images::Image made = image;
    made.labels = Kept(made.labels);
    made.created_at = made.updated_at = ctx.SourceDateEpoch().value_or(absl::Now());
    if (!(*ns)->images.emplace(made.name, made).second) return Exists("image", made.name);
    return made;
  }

  absl::StatusOr<images::Image> Update(const Context& ctx, const images::Image& from,
                                       const std::vector<std::string>& fieldpaths) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Namespace*> ns = db_->In(ctx);
    if (!ns.ok()) return ns.status();
    const auto found = (*ns)->images.find(from.name);
    if (found == (*ns)->images.end()) return NotFound("image", from.name);
    images::Image to = found->second;
    if (fieldpaths.empty()) {
      to.labels = Kept(from.labels);
      to.target = from.target;
    }
    for (const std::string& path : fieldpaths) {
      if (path.starts_with("labels.")) {
        SetKey(from.labels, path.substr(7), to.labels);
      } else if (path.starts_with("annotations.")) {
        SetKey(from.target.annotations, path.substr(12), to.target.annotations);
      } else if (path == "labels") {
        to.labels = Kept(from.labels);
      } else if (path == "annotations") {
        to.target.annotations = from.target.annotations;
      } else if (path == "target") {
        to.target = from.target;
      } else {
        return BadPath("image", from.name, path);
      }
    }
    if (absl::Status s = Validate(to); !s.ok()) return s;
    to.updated_at = ctx.SourceDateEpoch().value_or(absl::Now());
    return found->second = to;
  }

  absl::Status Delete(const Context& ctx, std::string_view name,
                      const std::vector<images::DeleteOpt>& opts) override {
    images::DeleteOptions options;
    for (const images::DeleteOpt& opt : opts) {
      if (absl::Status s = opt(ctx, options); !s.ok()) return s;
    }
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Namespace*> ns = db_->In(ctx);
    if (!ns.ok()) return ns.status();
    const auto found = (*ns)->images.find(std::string(name));
    if (found == (*ns)->images.end()) return NotFound("image", name);
    if (options.target && options.target->digest != found->second.target.digest) {
      return errdefs::NotFound(
          fmt::format("image \"{}\" has another target, {}", name, found->second.target.digest));
    }
    (*ns)->images.erase(found);
    if (options.synchronous) db_->Collect(**ns);
    return absl::OkStatus();
  }

 private:
  const std::shared_ptr<Database> db_;
};

auto AdaptLease(const Lease& held) {
  return [&held](Path path) -> std::optional<std::string> {
    if (path.empty()) return std::nullopt;
    if (path[0] == "id") return held.lease.id;
    if (path[0] == "labels") return LabelAt(held.lease.labels, path);
    return std::nullopt;
  };
}

class Leases final : public leases::Manager {
 public:
  explicit Leases(std::shared_ptr<Database> db) : db_(std::move(db)) {}

  absl::StatusOr<leases::Lease> Create(const Context& ctx,
                                       const std::vector<leases::Opt>& opts) override {
    leases::Lease lease;
    for (const leases::Opt& opt : opts) {
      if (absl::Status s = opt(lease); !s.ok()) return s;
    }
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Namespace*> ns = db_->In(ctx);
    if (!ns.ok()) return ns.status();
    if (lease.id.empty()) return errdefs::InvalidArgument("lease: the id must not be empty");
    if (absl::Status s = labels::Validate(lease.labels); !s.ok()) return s;
    lease.labels = Kept(lease.labels);
    lease.created_at = absl::Now();
    if (!(*ns)->leases.emplace(lease.id, Lease{lease, {}}).second) {
      return Exists("lease", lease.id);
    }
    return lease;
  }

  absl::Status Delete(const Context& ctx, const leases::Lease& lease,
                      const std::vector<leases::DeleteOpt>& opts) override {
    leases::DeleteOptions options;
    for (const leases::DeleteOpt& opt : opts) {
      if (absl::Status s = opt(ctx, options); !s.ok()) return s;
    }
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Namespace*> ns = db_->In(ctx);
    if (!ns.ok()) return ns.status();
    if ((*ns)->leases.erase(lease.id) == 0) return NotFound("lease", lease.id);
    if (options.synchronous) db_->Collect(**ns);
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<leases::Lease>> List(
      const Context& ctx, const std::vector<std::string>& filters) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Namespace*> ns = db_->In(ctx);
    if (!ns.ok()) return ns.status();
    auto chosen = Select((*ns)->leases, filters, AdaptLease);
    if (!chosen.ok()) return errdefs::Annotate(chosen.status(), "list leases");
    std::vector<leases::Lease> all;
    for (Lease& held : *chosen) all.push_back(std::move(held.lease));
    return all;
  }

  absl::Status AddResource(const Context& ctx, const leases::Lease& lease,
                           const leases::Resource& resource) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Lease*> held = Held(ctx, lease);
    if (!held.ok()) return held.status();
    if (absl::Status s = Validate(resource); !s.ok()) return s;
    (*held)->resources.emplace(resource.type, resource.id);
    return absl::OkStatus();
  }

  absl::Status DeleteResource(const Context& ctx, const leases::Lease& lease,
                              const leases::Resource& resource) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Lease*> held = Held(ctx, lease);
    if (!held.ok()) return held.status();
    if (absl::Status s = Validate(resource); !s.ok()) return s;
    (*held)->resources.erase({resource.type, resource.id});
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<leases::Resource>> ListResources(const Context& ctx,
                                                              const leases::Lease& lease) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Lease*> held = Held(ctx, lease);
    if (!held.ok()) return held.status();
    std::vector<leases::Resource> all;
    for (const auto& [type, id] : (*held)->resources) all.push_back({.id = id, .type = type});
    return all;
  }

 private:
  absl::StatusOr<Lease*> Held(const Context& ctx, const leases::Lease& lease) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(db_->mu) {
    absl::StatusOr<Namespace*> ns = db_->In(ctx);
    if (!ns.ok()) return ns.status();
    const auto found = (*ns)->leases.find(lease.id);
    if (found == (*ns)->leases.end()) return NotFound("lease", lease.id);
    return &found->second;
  }

  static absl::Status Validate(const leases::Resource& resource) {
    if (resource.type == "ingests") return absl::OkStatus();
    if (resource.type == "content") return digest::Digest(resource.id).Validate();
    if (resource.type.starts_with("snapshots/")) return absl::OkStatus();
    return errdefs::NotImplemented(
        fmt::format("resource \"{}\": no such type: \"{}\"", resource.id, resource.type));
  }

  const std::shared_ptr<Database> db_;
};

auto AdaptSandbox(const sandbox::Sandbox& sandbox) {
  return [&sandbox](Path path) -> std::optional<std::string> {
    if (path.empty()) return std::nullopt;
    if (path[0] == "id") return sandbox.id;
    if (path[0] == "labels") return LabelAt(sandbox.labels, path);
    return std::nullopt;
  };
}

absl::Status Validate(const sandbox::Sandbox& sandbox) {
  if (absl::Status s = identifiers::Validate(sandbox.id); !s.ok()) {
    return errdefs::Annotate(s, "sandbox's id");
  }
  return labels::Validate(sandbox.labels);
}

class Sandboxes final : public sandbox::Store {
 public:
  explicit Sandboxes(std::shared_ptr<Database> db) : db_(std::move(db)) {}

  absl::StatusOr<sandbox::Sandbox> Create(const Context& ctx,
                                          const sandbox::Sandbox& sandbox) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Namespace*> ns = db_->In(ctx);
    if (!ns.ok()) return ns.status();
    if (absl::Status s = Validate(sandbox); !s.ok()) return s;
    sandbox::Sandbox made = sandbox;
    made.labels = Kept(made.labels);
    made.created_at = made.updated_at = absl::Now();
    if (!(*ns)->sandboxes.emplace(made.id, made).second) return Exists("sandbox", made.id);
    return made;
  }

  absl::StatusOr<sandbox::Sandbox> Update(const Context& ctx, const sandbox::Sandbox& from,
                                          const std::vector<std::string>& fieldpaths) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<sandbox::Sandbox*> found = Find(ctx, from.id);
    if (!found.ok()) return found.status();
    sandbox::Sandbox to = **found;
    std::vector<std::string> paths = fieldpaths;
    if (paths.empty()) {
      if (from.runtime.name != to.runtime.name) return BadPath("sandbox", from.id, "runtime");
      paths = {"labels", "extensions", "spec", "runtime"};
    }
    for (const std::string& path : paths) {
      if (SetMaps(from, path, to)) continue;
      if (path == "runtime") {
        to.runtime = from.runtime;
      } else if (path == "spec") {
        to.spec = from.spec;
      } else {
        return BadPath("sandbox", from.id, path);
      }
    }
    if (absl::Status s = Validate(to); !s.ok()) return s;
    to.updated_at = absl::Now();
    return **found = to;
  }

  absl::StatusOr<sandbox::Sandbox> Get(const Context& ctx, std::string_view id) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<sandbox::Sandbox*> found = Find(ctx, id);
    if (!found.ok()) return found.status();
    return **found;
  }

  absl::StatusOr<std::vector<sandbox::Sandbox>> List(
      const Context& ctx, const std::vector<std::string>& filters) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Namespace*> ns = db_->In(ctx);
    if (!ns.ok()) return ns.status();
    auto chosen = Select((*ns)->sandboxes, filters, AdaptSandbox);
    if (!chosen.ok()) return errdefs::Annotate(chosen.status(), "list sandboxes");
    return chosen;
  }

  absl::Status Delete(const Context& ctx, std::string_view id) override {
    const base::MutexLock lock(db_->mu);
    absl::StatusOr<Namespace*> ns = db_->In(ctx);
    if (!ns.ok()) return ns.status();
    return (*ns)->sandboxes.erase(std::string(id)) > 0 ? absl::OkStatus() : NotFound("sandbox", id);
  }

 private:
  absl::StatusOr<sandbox::Sandbox*> Find(const Context& ctx, std::string_view id) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(db_->mu) {
    absl::StatusOr<Namespace*> ns = db_->In(ctx);
    if (!ns.ok()) return ns.status();
    const auto found = (*ns)->sandboxes.find(std::string(id));
    if (found == (*ns)->sandboxes.end()) return NotFound("sandbox", id);
    return &found->second;
  }

  const std::shared_ptr<Database> db_;
};

class Namespaces final : public namespaces::Store {
 public:
  explicit Namespaces(std::shared_ptr<Database> db) : db_(std::move(db)) {}

  absl::Status Create(const Context& ctx, std::string_view ns,
                      const containerd::Labels& labels) override {
    if (absl::Status s = ctx.Err(); !s.ok()) return s;
    if (absl::Status s = identifiers::Validate(ns); !s.ok()) {
      return errdefs::Annotate(s, "create namespace");
    }
    if (absl::Status s = labels::Validate(labels); !s.ok()) return s;
    const base::MutexLock lock(db_->mu);
    Namespace made;
    made.labels = Kept(labels);
    return db_->namespaces.try_emplace(std::string(ns), std::move(made)).second
               ? absl::OkStatus()
               : Exists("namespace", ns);
  }

  absl::StatusOr<containerd::Labels> Labels(const Context& ctx, std::string_view ns) override {
    if (absl::Status s = ctx.Err(); !s.ok()) return s;
    const base::MutexLock lock(db_->mu);
    const auto found = db_->namespaces.find(std::string(ns));
    return found == db_->namespaces.end() ? containerd::Labels() : found->second.labels;
  }

  absl::Status SetLabel(const Context& ctx, std::string_view ns, std::string_view key,
                        std::string_view value) override {
    if (absl::Status s = ctx.Err(); !s.ok()) return s;
    if (absl::Status s = labels::Validate(key, value); !s.ok()) return s;
    const base::MutexLock lock(db_->mu);
    const auto found = db_->namespaces.find(std::string(ns));
    if (found == db_->namespaces.end()) return NotFound("namespace", ns);
    SetKey({{std::string(key), std::string(value)}}, std::string(key), found->second.labels);
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<std::string>> List(const Context& ctx) override {
    if (absl::Status s = ctx.Err(); !s.ok()) return s;
    const base::MutexLock lock(db_->mu);
    std::vector<std::string> all;
    for (const auto& [name, ns] : db_->namespaces) all.push_back(name);
    return all;
  }

  absl::Status Delete(const Context& ctx, std::string_view ns,
                      const std::vector<namespaces::DeleteOpt>& opts) override {
    namespaces::DeleteInfo info{.name = std::string(ns)};
    for (const namespaces::DeleteOpt& opt : opts) {
      if (absl::Status s = opt(ctx, info); !s.ok()) return s;
    }
    if (absl::Status s = ctx.Err(); !s.ok()) return s;
    const base::MutexLock lock(db_->mu);
    const auto found = db_->namespaces.find(info.name);
    if (found == db_->namespaces.end()) return NotFound("namespace", info.name);
    if (!found->second.empty()) {
      return errdefs::FailedPrecondition(fmt::format("namespace \"{}\" must be empty", info.name));
    }
    db_->namespaces.erase(found);
    return absl::OkStatus();
  }

 private:
  const std::shared_ptr<Database> db_;
};

}  // namespace

std::shared_ptr<containers::Store> NewContainers(std::shared_ptr<Database> db) {
  return std::make_shared<Containers>(std::move(db));
}
std::shared_ptr<images::Store> NewImages(std::shared_ptr<Database> db) {
  return std::make_shared<Images>(std::move(db));
}
std::shared_ptr<leases::Manager> NewLeases(std::shared_ptr<Database> db) {
  return std::make_shared<Leases>(std::move(db));
}
std::shared_ptr<namespaces::Store> NewNamespaces(std::shared_ptr<Database> db) {
  return std::make_shared<Namespaces>(std::move(db));
}
std::shared_ptr<sandbox::Store> NewSandboxes(std::shared_ptr<Database> db) {
  return std::make_shared<Sandboxes>(std::move(db));
}

}  // namespace containerd::testing::stores
