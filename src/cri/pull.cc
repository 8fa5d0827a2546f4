// SPDX-License-Identifier: Apache-2.0
#include "containerd/cri/pull.h"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "containerd/cri/constants.h"
#include "containerd/cri/image_names.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/images/mediatypes.h"
#include "containerd/images/store.h"
#include "containerd/reference/distribution.h"
#include "containerd/remotes/docker/config.h"
#include "containerd/remotes/docker/resolver.h"

#include "src/base/await.h"
#include "src/base/escape.h"
#include "src/base/mutex.h"

namespace containerd::cri {
namespace {

namespace docker = remotes::docker;

// What requests have to have in common to be one.
using PullKey = std::tuple<std::string, std::string, std::string, std::string, std::string,
                           std::string, std::string, std::string>;

PullKey KeyOf(const Context& ctx, const std::string& ref, const PullRequest& request) {
  const RuntimeAuthConfig auth = request.auth.value_or(RuntimeAuthConfig());
  return {ctx.Namespace().value_or(""),
          ref,
          auth.username,
          auth.password,
          auth.auth,
          auth.server_address,
          auth.identity_token,
          request.auth ? "given" : ""};
}

// Creates a record of the plugin's, or makes one of the name that. Source:
// criService.createImageReference.
absl::Status PutReference(const Context& ctx, images::Store& store, const std::string& name,
                          const ocispec::Descriptor& target) {
  const images::Image wanted{
      .name = name, .labels = {{kImageLabelKey, kImageLabelValue}}, .target = target};
  // Somebody may make or remove the record at the same time.
  constexpr int kAttempts = 5;
  absl::Status last;
  for (int i = 0; i < kAttempts; ++i) {
    absl::StatusOr<images::Image> created = store.Create(ctx, wanted);
    if (created.ok() || !errdefs::IsAlreadyExists(created.status())) return created.status();
    const absl::StatusOr<images::Image> old = store.Get(ctx, name);
    if (old.ok()) {
      const auto label = old->labels.find(kImageLabelKey);
      if (old->target.digest == target.digest && label != old->labels.end() &&
          label->second == kImageLabelValue) {
        return absl::OkStatus();
      }
    }
    absl::StatusOr<images::Image> updated =
        store.Update(ctx, wanted, {"target", fmt::format("labels.{}", kImageLabelKey)});
    if (updated.ok() || !errdefs::IsNotFound(updated.status())) return updated.status();
    last = updated.status();
  }
  return last;
}

}  // namespace

struct Images::State {
  // A pull that is under way. Its outcome is guarded by the mutex of the map that it stands in.
  struct Flight {
    bool done = false;
    bool abandoned = false;  // the context of who pulled has ended
    absl::StatusOr<std::string> id = absl::UnknownError("");
  };

  State(const Client& c, Config k) : client(c), config(std::move(k)) {}

  Client client;
  const Config config;
  base::Mutex mu;
  base::CondVar changed;
  std::map<PullKey, std::shared_ptr<Flight>> flights ABSL_GUARDED_BY(mu);

  // The credentials for a registry's host.
  docker::CredentialsFunc CredentialsOf(const PullRequest& request) const {
    return [given = request.auth, auths = config.auths](
               const Context&, std::string_view host) -> absl::StatusOr<docker::Credentials> {
      if (given) return ParseAuth(*given, host);
      const auto found = auths.find(std::string(host));
      if (found == auths.end()) return docker::Credentials{};
      return ParseAuth(ToRuntimeAuthConfig(found->second), host);
    };
  }

  std::shared_ptr<remotes::Resolver> ResolverFor(const Context& ctx,
                                                 const PullRequest& request) const {
    docker::config::HostOptions hosts{.credentials = CredentialsOf(request)};
    if (!config.registry_config_path.empty()) {
      hosts.host_dir = docker::config::HostDirFromRoot(config.registry_config_path);
    }
    return docker::NewResolver({.hosts = docker::config::ConfigureHosts(ctx, std::move(hosts))});
  }

  absl::StatusOr<std::string> Pull(const Context& ctx, ImageStore& store,
                                   const distribution::reference::Named& named,
                                   const PullRequest& request) {
    bool schema1 = false;
    std::vector<RemoteOpt> opts = {
        WithSchema1Conversion,
        WithResolver(ResolverFor(ctx, request)),
        WithPullSnapshotter(config.snapshotter),
        WithPullUnpack,
        WithPullLabel(kImageLabelKey, kImageLabelValue),
        WithMaxConcurrentDownloads(config.max_concurrent_downloads),
        WithImageHandler(images::HandlerFunc(
            [&schema1](const Context&,
                       const ocispec::Descriptor& desc) -> absl::StatusOr<images::Descriptors> {
              if (desc.media_type == images::kMediaTypeDockerSchema1Manifest) schema1 = true;
              return images::Descriptors();
            })),
    };
    opts.insert(opts.end(), request.remote_opts.begin(), request.remote_opts.end());
    absl::StatusOr<Image> image = client.Pull(ctx, named.String(), opts);
    if (!image.ok()) return image.status();
    absl::StatusOr<ocispec::Descriptor> config_desc = image->Config(ctx);
    if (!config_desc.ok()) return config_desc.status();

    const RepoNames names = GetRepoDigestAndTag(named, image->Target().digest, schema1);
    for (const std::string& name :
         std::array<std::string, 3>{config_desc->digest, names.tag, names.digest}) {
      if (name.empty()) continue;
      if (absl::Status s = PutReference(ctx, *client.ImageService(), name, image->Target());
          !s.ok()) {
        return errdefs::Annotate(
            s, fmt::format("failed to create image reference {}", base::Quote(name)));
      }
      if (absl::Status s = store.Update(ctx, name); !s.ok()) return s;
    }
    return config_desc->digest;
  }

  // The flight for a key, and whether it is the caller who flies.
  std::pair<std::shared_ptr<Flight>, bool> Join(const PullKey& key) {
    const base::MutexLock lock(mu);
    const auto [found, mine] = flights.try_emplace(key);
    if (mine) found->second = std::make_shared<Flight>();
    return {found->second, mine};
  }

  void Land(const Context& ctx, const PullKey& key, Flight& flight,
            const absl::StatusOr<std::string>& id) {
    const base::MutexLock lock(mu);
    flight.done = true;
    flight.abandoned = !id.ok() && ctx.Done();
    flight.id = id;
    flights.erase(key);
    changed.NotifyAll();
  }

  // The outcome of somebody else's flight; nullopt if it was abandoned.
  absl::StatusOr<std::optional<std::string>> Wait(const Context& ctx, const Flight& flight) {
    const CancelRegistration wake = base::WakeOnCancel(ctx, mu, changed);
    const base::MutexLock lock(mu);
    if (absl::Status s = base::Await(ctx, mu, changed, [&flight] { return flight.done; });
        !s.ok()) {
      return s;
    }
    if (flight.abandoned) return std::nullopt;
    if (!flight.id.ok()) return flight.id.status();
    return *flight.id;
  }
};

Images::Images(const Client& client, Config config)
    : store_(client), state_(std::make_shared<State>(client, std::move(config))) {}

absl::StatusOr<std::string> Images::PullImage(const Context& ctx, std::string_view ref,
                                              const PullRequest& request) {
  const absl::StatusOr<distribution::reference::Named> named =
      distribution::reference::ParseDockerRef(ref);
  if (!named.ok()) {
    return errdefs::Annotate(named.status(),
                             fmt::format("failed to parse image reference {}", base::Quote(ref)));
  }
  if (!request.remote_opts.empty()) return state_->Pull(ctx, store_, *named, request);

  const PullKey key = KeyOf(ctx, named->String(), request);
  while (true) {
    const auto [flight, mine] = state_->Join(key);
    if (mine) {
      absl::StatusOr<std::string> id = state_->Pull(ctx, store_, *named, request);
      state_->Land(ctx, key, *flight, id);
      return id;
    }
    absl::StatusOr<std::optional<std::string>> id = state_->Wait(ctx, *flight);
    if (!id.ok()) return id.status();
    if (id->has_value()) return **std::move(id);
  }
}

absl::StatusOr<ImageEntry> Images::EnsureImageExists(const Context& ctx, std::string_view ref,
                                                     const PullRequest& request) {
  absl::StatusOr<ImageEntry> image = store_.LocalResolve(ref);
  if (image.ok()) return image;
  if (!errdefs::IsNotFound(image.status())) {
    return errdefs::Annotate(image.status(),
                             fmt::format("failed to get image {}", base::Quote(ref)));
  }
  absl::StatusOr<std::string> id = PullImage(ctx, ref, request);
  if (!id.ok()) {
    return errdefs::Annotate(id.status(), fmt::format("failed to pull image {}", base::Quote(ref)));
  }
  image = store_.Get(*id);
  if (image.ok()) return image;
  return errdefs::Annotate(image.status(),
                           fmt::format("failed to get image {} after pulling", base::Quote(*id)));
}

}  // namespace containerd::cri
