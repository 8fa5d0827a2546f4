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
// A key of "auths" and "credHelpers" may have a path, as podman's: "quay.io/team" is for the
// repositories below it, and the longest path that fits counts. Hosts are compared as
// http::CanonicalHost spells them.
//
// For a host, "credHelpers" comes before "credsStore", which comes before "auths". A helper is the
// program docker-credential-<name> in $PATH; it gets the host on its standard input and has to
// answer within the context's deadline, and in a minute at the most. If it cannot be run or fails,
// what "auths" has is taken; if that is nothing, too, an authorizer of this package logs the error,
// goes on without credentials, as docker does, and repeats it when the registry then refuses.
// Errors of the file and of helpers are ErrUnknown, ErrInvalidArgument or ErrDeadlineExceeded.
CONTAINERD_EXPORT CredentialsFunc DockerConfigCredentials(std::string path = "");

}  // namespace containerd::remotes::docker

#endif  // CONTAINERD_REMOTES_DOCKER_CREDENTIALS_H_
