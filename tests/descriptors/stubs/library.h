// SPDX-License-Identifier: Apache-2.0
//
// What the program does with the library's own messages. They are in a source file of their own,
// for their C++ names are those of the program's.
#ifndef CONTAINERD_TESTS_DESCRIPTORS_STUBS_LIBRARY_H_
#define CONTAINERD_TESTS_DESCRIPTORS_STUBS_LIBRARY_H_

#include <string>

#include <absl/status/statusor.h>

#include "containerd/typeurl/any.h"

// An exit as the library packs it.
absl::StatusOr<containerd::typeurl::Any> PackExit(const std::string& container_id);

// The container of an exit, which is unpacked by its URL; it must be the library's message.
absl::StatusOr<std::string> UnpackExit(const containerd::typeurl::Any& any);

// What the library's message is called in the program's pool.
std::string NameOfExit();

#endif  // CONTAINERD_TESTS_DESCRIPTORS_STUBS_LIBRARY_H_
