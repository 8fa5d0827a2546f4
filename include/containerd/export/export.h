// SPDX-License-Identifier: Apache-2.0
//
// Package export: what leaves the shared libraries. They are compiled with hidden visibility, so
// that nothing of what they are built on meets a program's own copy of it; a class or function that
// a program may use says so:
//
//   class CONTAINERD_EXPORT Client { … };
//   CONTAINERD_EXPORT absl::Status NotFound(std::string_view message);
//
// What is inline, a template, or a struct without functions of its own needs no mark.
#ifndef CONTAINERD_EXPORT_EXPORT_H_
#define CONTAINERD_EXPORT_EXPORT_H_

#define CONTAINERD_EXPORT __attribute__((visibility("default")))

// The same for what the library's components have of each other's internals. It stands in headers
// that are not installed; nothing that carries it is for users.
#define CONTAINERD_SIBLING __attribute__((visibility("default")))

#endif  // CONTAINERD_EXPORT_EXPORT_H_
