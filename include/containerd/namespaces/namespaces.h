// SPDX-License-Identifier: Apache-2.0
//
// Package namespaces, the context's side: which containerd namespace a call acts in.
//
//   Context ctx = namespaces::NamespaceFromEnv(Context::Background());
//   absl::StatusOr<std::string> ns = namespaces::NamespaceRequired(ctx);
//   if (!ns.ok()) return ns.status();
//
// It is all in this header, so that the layers below the store of namespaces (store.h) can use it.
// All functions are safe from any thread, as long as nobody changes the environment meanwhile.
//
// Source: pkg/namespaces/context.go, grpc.go and ttrpc.go.
#ifndef CONTAINERD_NAMESPACES_NAMESPACES_H_
#define CONTAINERD_NAMESPACES_NAMESPACES_H_

#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "containerd/context/context.h"
#include "containerd/errdefs/errdefs.h"
#include "containerd/identifiers/identifiers.h"

namespace containerd::namespaces {

// The namespace of whoever does not care, and of `ctr`.
inline constexpr char kDefault[] = "default";

// The environment variable that NamespaceFromEnv reads.
inline constexpr char kNamespaceEnvVar[] = "CONTAINERD_NAMESPACE";

// The metadata that carries the namespace over gRPC and over ttrpc.
inline constexpr char kGRPCHeader[] = "containerd-namespace";
inline constexpr char kTTRPCHeader[] = "containerd-namespace-ttrpc";

// The context with a namespace, which is not checked here. Source: namespaces.WithNamespace.
using containerd::WithNamespace;

// The context with the namespace of kNamespaceEnvVar, or kDefault if that is empty or not set.
// Source: namespaces.NamespaceFromEnv.
inline Context NamespaceFromEnv(const Context& ctx) {
  const char* ns = std::getenv(kNamespaceEnvVar);  // NOLINT(concurrency-mt-unsafe)
  return WithNamespace(ctx, ns == nullptr || *ns == '\0' ? kDefault : ns);
}

// The context's namespace, valid or not; nullopt if it has none. Source: namespaces.Namespace.
inline std::optional<std::string> Namespace(const Context& ctx) { return ctx.Namespace(); }

// The context's namespace. ErrFailedPrecondition if it has none or an empty one, ErrInvalidArgument
// if it is no identifier. Source: namespaces.NamespaceRequired.
inline absl::StatusOr<std::string> NamespaceRequired(const Context& ctx) {
  std::optional<std::string> ns = ctx.Namespace();
  if (!ns || ns->empty()) return errdefs::FailedPrecondition("namespace is required");
  if (absl::Status status = identifiers::Validate(*ns); !status.ok()) {
    return errdefs::Annotate(status, "namespace validation");
  }
  return *std::move(ns);
}

}  // namespace containerd::namespaces

#endif  // CONTAINERD_NAMESPACES_NAMESPACES_H_
