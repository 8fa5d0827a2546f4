// SPDX-License-Identifier: Apache-2.0
//
// Warnings of a registry, which come with its responses: a deprecated image, an end of service.
//
// Source: core/remotes/docker/warnings.go.
#ifndef CONTAINERD_REMOTES_DOCKER_WARNINGS_H_
#define CONTAINERD_REMOTES_DOCKER_WARNINGS_H_

#include <optional>
#include <string>
#include <string_view>

#include "containerd/context/context.h"
#include "containerd/export/export.h"
#include "containerd/http/header.h"
#include "containerd/ocispec/descriptor.h"
#include "containerd/reference/reference.h"

namespace containerd::remotes::docker {

// What the request was about that brought a warning.
struct WarningSource {
  reference::Spec ref{};
  std::optional<ocispec::Descriptor> desc{};
  std::string digest{};  // empty: no content in particular
};

// Called on the threads that ask the registry, several at once, which wait for it. An exception
// that leaves it is logged. Safe from any thread.
class CONTAINERD_EXPORT WarningHandler {
 public:
  virtual ~WarningHandler() = default;
  virtual void Warn(const Context& ctx, const WarningSource& src, std::string_view warning) = 0;
};

// Writes warnings to the library's log.
class CONTAINERD_EXPORT LogWarningHandler final : public WarningHandler {
 public:
  void Warn(const Context& ctx, const WarningSource& src, std::string_view warning) override;
};

// The text of a Warning field `299 - "text"`; empty for any other form.
CONTAINERD_EXPORT std::string ParseWarningText(std::string_view warning);

}  // namespace containerd::remotes::docker

#endif  // CONTAINERD_REMOTES_DOCKER_WARNINGS_H_
