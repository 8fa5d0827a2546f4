// SPDX-License-Identifier: Apache-2.0
//
// The credentials that `docker login` (or podman, skopeo, nerdctl) left behind: in a config.json,
// or with the credential helpers that it names.
//
//   namespace docker = remotes::docker;
//   docker::ResolverOptions options{.credentials = docker::DockerConfigCredentials()};
#ifndef CONTAINERD_REMOTES_DOCKER_CREDENTIALS_H_
#define CONTAINERD_REMOTES_DOCKER_CREDENTIALS_H_

#include <string>

#include "containerd/export/export.h"
#include "containerd/remotes/docker/authorizer.h"

namespace containerd::remotes::docker {

// Reads the file anew for each question, so that a later login counts. `path` empty:
// $DOCKER_CONFIG/config.json, else ~/.docker/config.json. A file that is not there, or does not
// know the host, gives empty credentials.
//
// For a host, "credHelpers" comes before "credsStore", which comes before "auths". A helper is the
// program docker-credential-<name> in $PATH; it gets the host on its standard input and has to
// answer within the context's deadline, and in a minute at the most.
CONTAINERD_EXPORT CredentialsFunc DockerConfigCredentials(std::string path = "");

}  // namespace containerd::remotes::docker

#endif  // CONTAINERD_REMOTES_DOCKER_CREDENTIALS_H_
