// SPDX-License-Identifier: Apache-2.0
//
// The options of a runtime: from the plugin's configuration to the message that the runtime takes.
// All functions are safe from any thread.
//
//   absl::StatusOr<cri::Value::Table> toml = cri::ParseTOML("SystemdCgroup = true");
//   if (!toml.ok()) return toml.status();
//   cri::Runtime runc{.type = cri::kRuntimeRuncV2, .options = *toml};
//   absl::StatusOr<typeurl::Any> options = cri::GenerateRuntimeOptions(runc, config);
//   if (!options.ok()) return options.status();
//   client.NewContainer(ctx, id, {WithRuntime(runc.type, *options)});
//
// Source: pkg/cri/server/helpers.go.
#ifndef CONTAINERD_CRI_RUNTIME_OPTIONS_H_
#define CONTAINERD_CRI_RUNTIME_OPTIONS_H_

#include <any>
#include <string_view>

#include <absl/status/statusor.h>

#include "containerd/containers/containers.h"
#include "containerd/cri/config.h"
#include "containerd/export/export.h"
#include "containerd/typeurl/any.h"

namespace containerd::cri {

// The options of a runtime, empty if it has none. What message they are, the runtime's type says
// (GetRuntimeOptionsType). A table without keys makes an empty message; no table makes none, but
// for the v1 runtime, whose options then come from its engine and root and the config's
// systemd_cgroup.
//
// A key sets the field of its name in Go ("SystemdCgroup"), in upper or lower case; other keys are
// logged and change nothing. Note that "systemd_cgroup" is such a one. A runtime of a type that is
// not known and names no ConfigPath gets the whole table as TOML in config_body; daemons before 1.7
// do not do that. Source: generateRuntimeOptions.
//
// ErrInvalidArgument names the key whose value is of the wrong type or out of range, or says what
// in the table TOML cannot have.
// ErrNotImplemented for runhcs, whose options are a message of Microsoft's that is not linked here.
CONTAINERD_EXPORT absl::StatusOr<typeurl::Any> GenerateRuntimeOptions(const Runtime& runtime,
                                                                      const Config& config);

// An empty message of the kind that a runtime of this type takes: containerd.runc.v1.Options for
// io.containerd.runc.v1 and v2, containerd.linux.runc.RuncOptions for
// io.containerd.runtime.v1.linux, runtimeoptions.v1.Options for all others but runhcs, which is
// ErrNotImplemented. Source: getRuntimeOptionsType.
CONTAINERD_EXPORT absl::StatusOr<typeurl::Any> GetRuntimeOptionsType(std::string_view type);

// The options of a container's record as typeurl::UnmarshalAny gives them; no value if it has none.
// Options with a type but without a value are none, too (in 1.5 an empty message). ErrNotFound for
// a type that is not known, ErrInvalidArgument for bytes that are no such message. Source:
// getRuntimeOptions.
CONTAINERD_EXPORT absl::StatusOr<std::any> GetRuntimeOptions(
    const containers::Container& container);

}  // namespace containerd::cri

#endif  // CONTAINERD_CRI_RUNTIME_OPTIONS_H_
