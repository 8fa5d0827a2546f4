// SPDX-License-Identifier: Apache-2.0
//
// Options for the process that a container runs: arguments, environment, working directory,
// terminal, limits and security labels.
//
// Source: pkg/oci/spec_opts.go.
#ifndef CONTAINERD_OCI_SPEC_OPTS_PROCESS_H_
#define CONTAINERD_OCI_SPEC_OPTS_PROCESS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "containerd/export/export.h"
#include "containerd/oci/spec.h"
#include "containerd/option/option.h"
#include "containerd/option/pairs.h"
#include "containerd/specs/process.h"

namespace containerd::oci {

// The program and its arguments.
CONTAINERD_EXPORT SpecOpt WithProcessArgs(std::vector<std::string> args);
template <std::size_t N, std::size_t M>
requires option::IsPair<M>
void WithProcessArgs(option::BracedTexts<N, M>) = delete;

// The working directory, in the container.
CONTAINERD_EXPORT SpecOpt WithProcessCwd(std::string cwd);

// Sets variables ("NAME=value") in place if they are there, else at the end; "NAME" alone removes
// one.
CONTAINERD_EXPORT SpecOpt WithEnv(std::vector<std::string> environment_variables);
template <std::size_t N, std::size_t M>
requires option::IsPair<M>
void WithEnv(option::BracedTexts<N, M>) = delete;

// The same from the lines of a file. ErrNotFound if there is none, ErrInvalidArgument for a line of
// 64 KiB or more.
CONTAINERD_EXPORT SpecOpt WithEnvFile(std::string path);

// Sets PATH to "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".
CONTAINERD_EXPORT extern const option::Plain<SpecOpt> WithDefaultPathEnv;

// A terminal for the process's streams, and TERM=xterm.
CONTAINERD_EXPORT extern const option::Plain<SpecOpt> WithTTY;

// The terminal's size, in characters.
CONTAINERD_EXPORT SpecOpt WithTTYSize(int width, int height);

// Whether programs can gain privileges by execve(2), as setuid programs do (no_new_privs). The
// default spec has WithNoNewPrivileges.
CONTAINERD_EXPORT extern const option::Plain<SpecOpt> WithNoNewPrivileges;
CONTAINERD_EXPORT extern const option::Plain<SpecOpt> WithNewPrivileges;

// A limit, in place of the one of its type.
CONTAINERD_EXPORT SpecOpt WithRlimit(specs::POSIXRlimit rlimit);

// The process's SELinux label, and the name of its AppArmor profile.
CONTAINERD_EXPORT SpecOpt WithSelinuxLabel(std::string label);
CONTAINERD_EXPORT SpecOpt WithApparmorProfile(std::string profile);

}  // namespace containerd::oci

#endif  // CONTAINERD_OCI_SPEC_OPTS_PROCESS_H_
