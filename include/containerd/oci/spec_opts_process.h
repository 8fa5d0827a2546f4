// SPDX-License-Identifier: Apache-2.0
//
// Options for the process that a container runs: arguments, environment, working directory,
// terminal, limits and security labels.
//
// Source: pkg/oci/spec_opts.go.
#ifndef CONTAINERD_OCI_SPEC_OPTS_PROCESS_H_
#define CONTAINERD_OCI_SPEC_OPTS_PROCESS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "containerd/oci/spec.h"
#include "containerd/specs/process.h"

namespace containerd::oci {

// The program and its arguments.
SpecOpts WithProcessArgs(std::vector<std::string> args);

// The working directory, in the container.
SpecOpts WithProcessCwd(std::string cwd);

// Sets variables ("NAME=value") in place if they are there, else at the end; "NAME" alone removes
// one.
SpecOpts WithEnv(std::vector<std::string> environment_variables);

// The same from the lines of a file. ErrNotFound if there is none, ErrInvalidArgument for a line of
// 64 KiB or more.
SpecOpts WithEnvFile(std::string path);

// Sets PATH to "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".
absl::Status WithDefaultPathEnv(const Context& ctx, Client* client,
                                containers::Container* container, Spec* spec);

// A terminal for the process's streams, and TERM=xterm.
absl::Status WithTTY(const Context& ctx, Client* client, containers::Container* container,
                     Spec* spec);

// The terminal's size, in characters.
SpecOpts WithTTYSize(int width, int height);

// Whether programs can gain privileges by execve(2), as setuid programs do (no_new_privs). The
// default spec has WithNoNewPrivileges.
absl::Status WithNoNewPrivileges(const Context& ctx, Client* client,
                                 containers::Container* container, Spec* spec);
absl::Status WithNewPrivileges(const Context& ctx, Client* client, containers::Container* container,
                               Spec* spec);

// A limit, in place of the one of its type.
SpecOpts WithRlimit(specs::POSIXRlimit rlimit);

// The process's SELinux label, and the name of its AppArmor profile.
SpecOpts WithSelinuxLabel(std::string label);
SpecOpts WithApparmorProfile(std::string profile);

}  // namespace containerd::oci

#endif  // CONTAINERD_OCI_SPEC_OPTS_PROCESS_H_
