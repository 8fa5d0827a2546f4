// SPDX-License-Identifier: Apache-2.0
//
// Package client: typed clients of CRI, runtime.v1, as a kubelet uses it.
//
//   #include "containerd/cri/client/client.h"
//
//   namespace criclient = containerd::cri::client;
//   std::shared_ptr<criclient::RuntimeService> runtime = criclient::NewRuntimeService(client);
//   absl::StatusOr<criclient::VersionResponse> version = runtime->Version(ctx, {});
//
// The services are on the socket of containerd's own API, so that a Client is all they need. Their
// requests and answers are the messages of proto/runtime/v1. A program that has stubs of CRI of its
// own cannot link this library, as protobuf takes each message once; it links containerd::cri
// without it, or builds with CONTAINERD_PROTO_PACKAGE.
//
// Calls are told to observers (WithCallObserver), and end with Close, as all of the library do.
//
// Exec, Attach and PortForward answer with a URL; connecting to it, in SPDY or WebSocket, is the
// caller's, as it is with a kubelet.
#ifndef CONTAINERD_CRI_CLIENT_CLIENT_H_
#define CONTAINERD_CRI_CLIENT_CLIENT_H_

#include "containerd/cri/client/image_service.h"    // IWYU pragma: export
#include "containerd/cri/client/runtime_service.h"  // IWYU pragma: export

#endif  // CONTAINERD_CRI_CLIENT_CLIENT_H_
