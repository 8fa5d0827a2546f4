// SPDX-License-Identifier: Apache-2.0
//
// Package docker: images in registries that speak the OCI distribution protocol, as all do.
//
//   namespace docker = remotes::docker;
//   std::shared_ptr<remotes::ResolverWithOptions> registry = docker::NewResolver(
//       {.hosts = docker::config::ConfigureHosts(
//            ctx, {.host_dir = docker::config::HostDirFromRoot("/etc/certs.d"),
//                  .credentials = docker::DockerConfigCredentials()})});
//   auto resolved = registry->Resolve(ctx, "docker.io/library/busybox:latest");
//
// What comes from a registry is not trusted: a manifest has at most kMaxManifestSize bytes, a
// header 256 KiB, redirects are followed kMaxRedirects times at the most, and credentials go to
// the host that they are for and to no other. A host to which a registry redirects is asked with
// its own credentials or with none; in Go, its challenge is not answered.
//
// With several hosts for a name, whatever is wrong with one leads to the next: it cannot be
// reached, has no time (408, 429), or its copy is broken. The last host is asked again, up to 5
// times in all, when it answers 408, 429 (after the time that it names, if that is a minute at the
// most), 500, 502, 503 or 504, or breaks the connection. Where HEAD is refused or tells too little,
// GET is asked.
//
// Fetchers of this resolver are FetcherByDigest and ReferrersFetcher too, its pushers
// content::Ingester.
//
// Source: core/remotes/docker/resolver.go; the protocol is
// https://github.com/opencontainers/distribution-spec.
#ifndef CONTAINERD_REMOTES_DOCKER_RESOLVER_H_
#define CONTAINERD_REMOTES_DOCKER_RESOLVER_H_

#include <cstdint>
#include <memory>

#include "containerd/export/export.h"
#include "containerd/http/http.h"
#include "containerd/remotes/docker/authorizer.h"
#include "containerd/remotes/docker/registry.h"
#include "containerd/remotes/docker/status.h"
#include "containerd/remotes/docker/warnings.h"
#include "containerd/remotes/remotes.h"

namespace containerd::remotes::docker {

// Most bytes of a manifest that is taken from a registry. Source: docker.MaxManifestSize.
inline constexpr std::int64_t kMaxManifestSize = std::int64_t{4} * 1048 * 1048;

struct ResolverOptions {
  // Which hosts serve a name. By default ConfigureDefaultRegistries with the fields below.
  RegistryHosts hosts{};

  // Sent with each request. Accept is sent instead of the resolver's own.
  http::Header headers{};

  // Remembers pushes; pushes of the same content with the same tracker wait for one another.
  std::shared_ptr<StatusTracker> tracker{};

  // Receives the warnings of registries; nullptr: they are dropped.
  std::shared_ptr<docker::WarningHandler> warning_handler{};

  // Bytes of the pieces that blobs are pushed in; 0: each blob in one request. For registries, and
  // proxies before them, that take no large requests.
  std::int64_t upload_chunk_size = 0;

  // Looked at if there are no `hosts`; deprecated in Go.
  std::shared_ptr<docker::Authorizer> authorizer{};
  CredentialsFunc credentials{};
  HostTranslator host{};
  bool plain_http = false;  // for all; else for the loopback only
  std::shared_ptr<const http::Client> client{};
};

// Source: docker.NewResolver.
CONTAINERD_EXPORT std::shared_ptr<ResolverWithOptions> NewResolver(ResolverOptions options = {});

}  // namespace containerd::remotes::docker

#endif  // CONTAINERD_REMOTES_DOCKER_RESOLVER_H_
